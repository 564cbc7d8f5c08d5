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

// removed is a setting that the kernel had once.
type removed struct {
	since string // the first Linux without it
	by    string // the key that took its place; "" where none did
	why   string // what it did or why it went, as the end of a sentence; may be ""
}

var gone = map[string]removed{
	"net.ipv4.tcp_tw_recycle": {since: "4.12", why: "it broke connections of clients behind NAT; nothing replaces it " +
		"(net.ipv4.tcp_tw_reuse stays, for outgoing connections)"},
	"net.ipv4.tcp_abc":           {since: "3.9", why: "nothing replaces it"},
	"net.ipv4.tcp_frto_response": {since: "3.10", why: "nothing replaces it"},
	"net.ipv4.tcp_cookie_size":   {since: "3.10", why: "nothing replaces it"},
	"net.ipv4.tcp_thin_dupack":   {since: "4.11", why: "loss detection by time (net.ipv4.tcp_recovery) replaces it"},
}

// conntrackPrefix begins the names of connection tracking; those before had the prefixes of the list.
const conntrackPrefix = "net.netfilter.nf_conntrack_"

var oldConntrack = []string{"net.ipv4.netfilter.ip_conntrack_", "net.ipv4.ip_conntrack_"}

// wasThere knows what the kernel had once, and the connection tracking keys of before, which have new names.
func wasThere(key string) (removed, bool) {
	if r, ok := gone[key]; ok {
		return r, true
	}
	for _, old := range oldConntrack {
		if rest, ok := strings.CutPrefix(key, old); ok {
			return removed{since: "4.9", by: conntrackPrefix + rest}, true
		}
	}
	return removed{}, false
}

func (r removed) String() string {
	text := "gone since Linux " + r.since + ": "
	if r.by != "" {
		return text + "now " + r.by
	}
	return text + r.why
}

const hostWideReason = "host-wide: the host's own value is already in force, it cannot be set for a lab"

// hostWide are the settings of which there is one for the machine: a network namespace that was made later does not
// show them, or only shows them (net/ipv4/sysctl_net_ipv4.c: ipv4_table; net/core/sysctl_net_core.c: net_core_table).
// True are those that can change what short connections do, which FromHost names where a lab lacks them.
var hostWide = func() map[string]bool {
	m := map[string]bool{}
	for key := range strings.FieldsSeq(hostWideKeys) {
		m["net."+key] = false
	}
	for _, key := range []string{
		"net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans", "net.core.netdev_max_backlog", "net.core.netdev_budget",
		"net.core.netdev_budget_usecs", "net.core.rps_sock_flow_entries",
	} {
		m[key] = true
	}
	return m
}()

// net.ipv4.tcp_low_latency has no effect since 4.14; net.nf_conntrack_max is another name of
// net.netfilter.nf_conntrack_max.
const hostWideKeys = `
ipv4.cipso_cache_bucket_size ipv4.cipso_cache_enable ipv4.cipso_rbm_optfmt ipv4.cipso_rbm_strictvalid ipv4.fib_sync_mem
ipv4.inet_peer_maxttl ipv4.inet_peer_minttl ipv4.inet_peer_threshold ipv4.ipfrag_secret_interval
ipv4.route.error_burst ipv4.route.error_cost ipv4.route.gc_elasticity ipv4.route.gc_interval ipv4.route.gc_min_interval
ipv4.route.gc_min_interval_ms ipv4.route.gc_thresh ipv4.route.gc_timeout ipv4.route.max_size ipv4.route.redirect_load
ipv4.route.redirect_number ipv4.route.redirect_silence
ipv4.tcp_allowed_congestion_control ipv4.tcp_available_ulp ipv4.tcp_low_latency ipv4.udp_mem
ipv6.calipso_cache_bucket_size ipv6.calipso_cache_enable ipv6.ip6frag_secret_interval ipv6.mld_max_msf ipv6.mld_qrv
core.bpf_jit_enable core.bpf_jit_harden core.bpf_jit_kallsyms core.bpf_jit_limit core.busy_poll core.busy_read
core.default_qdisc core.dev_weight core.dev_weight_rx_bias core.dev_weight_tx_bias core.devconf_inherit_init_net
core.fb_tunnels_only_for_init_net core.flow_limit_cpu_bitmap core.flow_limit_table_len core.gro_normal_batch
core.high_order_alloc_disable core.max_skb_frags core.mem_pcpu_rsv core.message_burst core.message_cost
core.netdev_rss_key core.netdev_tstamp_prequeue core.netdev_unregister_timeout_secs core.rmem_default core.rmem_max
core.skb_defer_max core.warnings core.wmem_default core.wmem_max
netfilter.nf_conntrack_buckets netfilter.nf_conntrack_expect_max netfilter.nf_conntrack_max netfilter.nf_log_all_netns
nf_conntrack_max`

// isHostWide tells whether there is one such setting for the machine; of those outside net there always is.
func isHostWide(key string) bool {
	_, listed := hostWide[key]
	return listed || !strings.HasPrefix(key, netPrefix)
}

// netPrefix begins the keys of the network: no others are ever written.
const netPrefix = "net."

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
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return missingReason(root, s, err)
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ERANGE):
		name := "EINVAL"
		if errors.Is(err, syscall.ERANGE) {
			name = "ERANGE"
		}
		return fmt.Sprintf("the kernel does not take %q (%s)%s", s.Value, name, limitsOf(root, s.Key))
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
		return fmt.Sprintf("the kernel knows no %q (ENOENT)%s", s.Value, limitsOf(root, s.Key))
	}
	if r, ok := wasThere(s.Key); ok {
		return r.String()
	}
	if strings.HasPrefix(s.Key, conntrackPrefix) {
		if _, err := Read(root, conntrackPrefix+"max"); err != nil {
			return "connection tracking is not there: load the module nf_conntrack"
		}
	}
	if isHostWide(s.Key) {
		return hostWideReason
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
