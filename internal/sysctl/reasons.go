package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// gone has what the kernel had once: since when it is gone, and what took its place.
var gone = map[string]string{
	"net.ipv4.tcp_tw_recycle": "gone since Linux 4.12: it broke connections of clients behind NAT; nothing replaces it " +
		"(net.ipv4.tcp_tw_reuse stays, for outgoing connections)",
	"net.ipv4.tcp_abc":           "gone since Linux 3.9: nothing replaces it",
	"net.ipv4.tcp_frto_response": "gone since Linux 3.10: nothing replaces it",
	"net.ipv4.tcp_cookie_size":   "gone since Linux 3.10: nothing replaces it",
	"net.ipv4.tcp_thin_dupack":   "gone since Linux 4.11: loss detection by time (net.ipv4.tcp_recovery) replaces it",
}

const (
	conntrackPrefix = "net.netfilter.nf_conntrack_"
	hostWideReason  = "host-wide: the host's own value is already in force, it cannot be set for a lab"
)

// goneReason also knows the connection tracking keys of before, which have new names.
func goneReason(key string) (string, bool) {
	if why, ok := gone[key]; ok {
		return why, true
	}
	for _, old := range []string{"net.ipv4.netfilter.ip_conntrack_", "net.ipv4.ip_conntrack_"} {
		if rest, ok := strings.CutPrefix(key, old); ok {
			return "gone since Linux 4.9: now " + conntrackPrefix + rest, true
		}
	}
	return "", false
}

// hostWide are the settings that only the host's first namespace shows, since there is one of each for the machine
// (net/ipv4/sysctl_net_ipv4.c: ipv4_table; net/core/sysctl_net_core.c: net_core_table). True are those that can change
// what short connections do, which FromHost names; false those that cannot.
var hostWide = map[string]bool{
	"net.ipv4.tcp_mem":                true,
	"net.ipv4.tcp_max_orphans":        true,
	"net.core.netdev_max_backlog":     true,
	"net.core.netdev_budget":          true,
	"net.core.netdev_budget_usecs":    true,
	"net.core.rps_sock_flow_entries":  true,
	"net.ipv4.udp_mem":                false,
	"net.ipv4.tcp_low_latency":        false, // without effect since 4.14
	"net.ipv4.tcp_available_ulp":      false,
	"net.ipv4.inet_peer_threshold":    false,
	"net.ipv4.inet_peer_minttl":       false,
	"net.ipv4.inet_peer_maxttl":       false,
	"net.ipv4.ipfrag_secret_interval": false,
	"net.ipv4.fib_sync_mem":           false,
	"net.core.busy_poll":              false,
	"net.core.busy_read":              false,
	"net.core.default_qdisc":          false,
	"net.core.dev_weight":             false,
	"net.core.message_burst":          false,
	"net.core.message_cost":           false,
	"net.nf_conntrack_max":            false, // an alias of net.netfilter.nf_conntrack_max
}

// limits are the values that the kernel takes (net/ipv4/sysctl_net_ipv4.c: extra1 and extra2; eight-bit ones end at
// 255). A namespace test holds each to them.
var limits = map[string]struct{ least, most int64 }{
	"net.ipv4.tcp_tw_reuse":               {0, 2},
	"net.ipv4.tcp_tw_reuse_delay":         {1, 60000},
	"net.ipv4.tcp_syn_retries":            {1, 127},
	"net.ipv4.tcp_synack_retries":         {0, 255},
	"net.ipv4.tcp_retries1":               {0, 255},
	"net.ipv4.tcp_retries2":               {0, 255},
	"net.ipv4.tcp_orphan_retries":         {0, 255},
	"net.ipv4.tcp_keepalive_probes":       {0, 255},
	"net.ipv4.tcp_syncookies":             {0, 255},
	"net.ipv4.tcp_timestamps":             {0, 255},
	"net.ipv4.tcp_abort_on_overflow":      {0, 255},
	"net.ipv4.tcp_migrate_req":            {0, 1},
	"net.ipv4.tcp_syn_linear_timeouts":    {0, 127},
	"net.ipv4.ip_default_ttl":             {1, 255},
	"net.core.somaxconn":                  {0, 1<<31 - 1},
	"net.ipv4.tcp_max_tw_buckets":         {-1 << 31, 1<<31 - 1},
	"net.ipv4.tcp_max_syn_backlog":        {-1 << 31, 1<<31 - 1},
	"net.ipv4.tcp_rfc1337":                {0, 255},
	"net.ipv4.ip_unprivileged_port_start": {0, 65535},
}

// refusal says why a value could not be written, from what the kernel answered.
func refusal(root string, s Setting, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missingReason(root, s, err)
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ERANGE):
		return fmt.Sprintf("the kernel does not take %q%s", s.Value, limitsOf(root, s.Key))
	case errors.Is(err, syscall.EROFS):
		return "settings are mounted read-only here (a container without --privileged?)"
	case errors.Is(err, fs.ErrPermission):
		return "visible here but not writable: it is the host's, or one that nobody can set"
	case errors.Is(err, syscall.EISDIR):
		return "a folder of settings, not one setting"
	}
	return err.Error()
}

// missingReason tells apart: no such file, and a file that does not know the name written into it.
func missingReason(root string, s Setting, err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok && p.Op == "write" {
		return fmt.Sprintf("the kernel knows no %q%s", s.Value, limitsOf(root, s.Key))
	}
	if why, ok := goneReason(s.Key); ok {
		return why
	}
	if _, ok := hostWide[s.Key]; ok {
		return hostWideReason
	}
	if strings.HasPrefix(s.Key, conntrackPrefix) {
		if _, err := Read(root, conntrackPrefix+"max"); err != nil {
			return "connection tracking is not there: load the module nf_conntrack"
		}
	}
	why := "this kernel has no such setting here"
	if near := Nearest(s.Key); near != "" {
		why += ": did you mean " + near + "?"
	}
	return why
}

// limitsOf is what the kernel would take, to follow a refusal; "" where it is not known.
func limitsOf(root, key string) string {
	if l, ok := limits[key]; ok {
		text := fmt.Sprintf(": a whole number from %d to %d", l.least, l.most)
		if key == unprivilegedStart {
			text += ", not above the low end of " + portRange
		}
		return text
	}
	switch key {
	case "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl":
		return ": a whole number of seconds" // as many as fit into 32 bits once counted in ticks
	case portRange:
		start := ""
		if v, err := Read(root, unprivilegedStart); err == nil {
			start = " (" + v + ")"
		}
		return ": two ports from 1 to 65535, the lower first and not below " + unprivilegedStart + start
	case "net.ipv4.tcp_congestion_control":
		if v, err := Read(root, "net.ipv4.tcp_available_congestion_control"); err == nil {
			return ": it has " + v
		}
	}
	return ""
}

// isSetting tells a file that holds a value from a folder and from a write-only trigger such as flush.
func isSetting(root string, key string) error {
	file, err := path(root, key)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return &fs.PathError{Op: "open", Path: filepath.Base(file), Err: syscall.EISDIR}
	}
	return nil
}
