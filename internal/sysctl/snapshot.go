package sysctl

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// leftOut are files that are no setting (a count that moves by itself) or must not get into a record (keys of hashes
// and cookies).
var leftOut = map[string]bool{
	"nf_conntrack_count": true, "tcp_fastopen_key": true, "fib_multipath_hash_seed": true,
}

// coreNames and conntrack are a choice: the rest of their folders says nothing about short connections.
func wanted(folder, name string) bool {
	switch {
	case leftOut[name]:
		return false
	case folder == "net/core":
		return slices.Contains(strings.Fields(coreNames), name)
	case folder == "net/netfilter":
		return strings.HasPrefix(name, "nf_conntrack_")
	}
	return true
}

// Snapshot reads, in one pass, the settings that matter to connections in the calling thread's namespace: all at the
// top of net/ipv4 and net/ipv6, and those of net/core and net/netfilter/nf_conntrack_*. What cannot be read is left
// out, and so are triggers that can only be written, secrets and counts. The error is that net/ipv4 is not there.
func Snapshot(root string) (map[string]string, error) {
	if root == "" {
		root = DefaultRoot
	}
	all := make(map[string]string, 256)
	for _, folder := range []string{"net/ipv4", "net/ipv6", "net/core", "net/netfilter"} {
		entries, err := os.ReadDir(filepath.Join(root, folder))
		if err != nil && folder == "net/ipv4" {
			return nil, fmt.Errorf("no network settings to read: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() || !wanted(folder, e.Name()) {
				continue
			}
			if value, ok := readSetting(filepath.Join(root, folder, e.Name())); ok {
				all[canonical(folder+"/"+e.Name())] = value
			}
		}
	}
	return all, nil
}

func readSetting(file string) (string, bool) {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o444 == 0 { // root may open a write-only one
		return "", false
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	return normalise(string(data)), true
}

// Diff tells, sorted by key, the settings that two snapshots show with different values; Asked is left empty. A key
// that only one of them has is no difference: it could not be compared.
func Diff(defaults, now map[string]string) []record.SysctlChange {
	var out []record.SysctlChange
	for _, k := range slices.Sorted(maps.Keys(now)) {
		if d, ok := defaults[k]; ok && d != now[k] {
			out = append(out, record.SysctlChange{Key: k, Default: d, Value: now[k]})
		}
	}
	return out
}

// writable tells whether anybody may write a setting, by its file's mode.
func writable(root, key string) bool {
	file, err := path(root, key)
	if err != nil {
		return false
	}
	info, err := os.Stat(file)
	return err == nil && info.Mode()&fs.FileMode(0o222) != 0
}
