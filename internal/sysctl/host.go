package sysctl

import (
	"maps"
	"slices"

	"twomsl/internal/record"
)

// FromHost compares the host's settings with a snapshot of a new lab. Settings is what to write into the lab so that
// it has the host's own values. Refused names what cannot be copied and could matter to short connections: settings
// that exist once for the machine, whose host value is in force in every lab anyway. A call must come from a thread in
// the host's namespace. Settings of single interfaces (net.ipv4.conf, neigh) are not looked at: a lab has other ones.
//
// When the host's settings cannot be read, that is the one refusal, under the key "net.ipv4".
func FromHost(hostRoot string, lab map[string]string) (settings []Setting, refused []record.SysctlRefusal) {
	host, err := Snapshot(hostRoot)
	if err != nil {
		return nil, []record.SysctlRefusal{{Key: "net.ipv4", Reason: err.Error()}}
	}
	differing := make(map[string]string)
	for _, k := range slices.Sorted(maps.Keys(host)) {
		value, there := lab[k]
		switch {
		case there && value != host[k] && writable(hostRoot, k): // read-only on the host: a fact, not a setting
			differing[k] = host[k]
		case !there && hostWide[k]:
			refused = append(refused, record.SysctlRefusal{Key: k, Asked: host[k], Reason: hostWideReason})
		}
	}
	return Ordered(differing), refused
}
