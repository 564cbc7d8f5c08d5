package sysctl

import (
	"slices"
	"strings"
)

// The names that Linux 6.18 has, and those that recipes still name; only used to find what was meant.
var known = func() []string {
	var keys []string
	for prefix, names := range map[string]string{
		"net.ipv4.": ipv4Names, "net.core.": coreNames, "net.netfilter.": netfilterNames,
	} {
		for _, n := range strings.Fields(names) {
			keys = append(keys, prefix+n)
		}
	}
	slices.Sort(keys)
	return keys
}()

const ipv4Names = `
cipso_cache_bucket_size cipso_cache_enable cipso_rbm_optfmt cipso_rbm_strictvalid
fib_multipath_hash_fields fib_multipath_hash_policy fib_multipath_use_neigh
fib_notify_on_flag_change fib_sync_mem fwmark_reflect icmp_echo_enable_probe icmp_echo_ignore_all
icmp_echo_ignore_broadcasts icmp_errors_use_inbound_ifaddr icmp_ignore_bogus_error_responses
icmp_msgs_burst icmp_msgs_per_sec icmp_ratelimit icmp_ratemask igmp_link_local_mcast_reports
igmp_max_memberships igmp_max_msf igmp_qrv inet_peer_maxttl inet_peer_minttl inet_peer_threshold
ip_autobind_reuse ip_default_ttl ip_dynaddr ip_early_demux ip_forward ip_forward_update_priority
ip_forward_use_pmtu ip_local_port_range ip_local_reserved_ports ip_no_pmtu_disc ip_nonlocal_bind
ip_unprivileged_port_start ipfrag_high_thresh ipfrag_low_thresh ipfrag_max_dist
ipfrag_secret_interval ipfrag_time nexthop_compat_mode ping_group_range raw_l3mdev_accept
tcp_abort_on_overflow tcp_adv_win_scale tcp_allowed_congestion_control tcp_app_win tcp_autocorking
tcp_available_congestion_control tcp_available_ulp tcp_backlog_ack_defer tcp_base_mss
tcp_challenge_ack_limit tcp_child_ehash_entries tcp_comp_sack_delay_ns tcp_comp_sack_nr
tcp_comp_sack_slack_ns tcp_congestion_control tcp_dsack tcp_early_demux tcp_early_retrans tcp_ecn
tcp_ecn_fallback tcp_ecn_option tcp_ecn_option_beacon tcp_ehash_entries tcp_fack tcp_fastopen
tcp_fastopen_blackhole_timeout_sec tcp_fin_timeout tcp_frto tcp_fwmark_accept tcp_invalid_ratelimit
tcp_keepalive_intvl tcp_keepalive_probes tcp_keepalive_time tcp_l3mdev_accept tcp_limit_output_bytes
tcp_low_latency tcp_max_orphans tcp_max_reordering tcp_max_syn_backlog tcp_max_tw_buckets tcp_mem
tcp_migrate_req tcp_min_rtt_wlen tcp_min_snd_mss tcp_min_tso_segs tcp_moderate_rcvbuf
tcp_mtu_probe_floor tcp_mtu_probing tcp_no_metrics_save tcp_no_ssthresh_metrics_save
tcp_notsent_lowat tcp_orphan_retries tcp_pacing_ca_ratio tcp_pacing_ss_ratio tcp_pingpong_thresh
tcp_plb_cong_thresh tcp_plb_enabled tcp_plb_idle_rehash_rounds tcp_plb_rehash_rounds
tcp_plb_suspend_rto_sec tcp_probe_interval tcp_probe_threshold tcp_recovery tcp_reflect_tos
tcp_reordering tcp_retrans_collapse tcp_retries1 tcp_retries2 tcp_rfc1337 tcp_rmem tcp_rto_max_ms
tcp_rto_min_us tcp_sack tcp_shrink_window tcp_slow_start_after_idle tcp_stdurg
tcp_syn_linear_timeouts tcp_syn_retries tcp_synack_retries tcp_syncookies tcp_thin_linear_timeouts
tcp_timestamps tcp_tso_rtt_log tcp_tso_win_divisor tcp_tw_recycle tcp_tw_reuse tcp_tw_reuse_delay
tcp_window_scaling tcp_wmem tcp_workaround_signed_windows udp_child_hash_entries udp_early_demux
udp_hash_entries udp_l3mdev_accept udp_mem udp_rmem_min udp_wmem_min xfrm4_gc_thresh`

const coreNames = `
somaxconn netdev_max_backlog rmem_default rmem_max wmem_default wmem_max optmem_max default_qdisc
busy_poll busy_read netdev_budget netdev_budget_usecs`

const netfilterNames = `
nf_conntrack_acct nf_conntrack_buckets nf_conntrack_checksum nf_conntrack_count nf_conntrack_events
nf_conntrack_expect_max nf_conntrack_frag6_high_thresh nf_conntrack_frag6_low_thresh
nf_conntrack_frag6_timeout nf_conntrack_generic_timeout nf_conntrack_gre_timeout
nf_conntrack_gre_timeout_stream nf_conntrack_icmp_timeout nf_conntrack_icmpv6_timeout
nf_conntrack_log_invalid nf_conntrack_max nf_conntrack_sctp_timeout_closed
nf_conntrack_sctp_timeout_cookie_echoed nf_conntrack_sctp_timeout_cookie_wait
nf_conntrack_sctp_timeout_established nf_conntrack_sctp_timeout_heartbeat_sent
nf_conntrack_sctp_timeout_shutdown_ack_sent nf_conntrack_sctp_timeout_shutdown_recd
nf_conntrack_sctp_timeout_shutdown_sent nf_conntrack_tcp_be_liberal
nf_conntrack_tcp_ignore_invalid_rst nf_conntrack_tcp_loose nf_conntrack_tcp_max_retrans
nf_conntrack_tcp_timeout_close nf_conntrack_tcp_timeout_close_wait
nf_conntrack_tcp_timeout_established nf_conntrack_tcp_timeout_fin_wait
nf_conntrack_tcp_timeout_last_ack nf_conntrack_tcp_timeout_max_retrans
nf_conntrack_tcp_timeout_syn_recv nf_conntrack_tcp_timeout_syn_sent
nf_conntrack_tcp_timeout_time_wait nf_conntrack_tcp_timeout_unacknowledged nf_conntrack_timestamp
nf_conntrack_udp_timeout nf_conntrack_udp_timeout_stream`

// Nearest is the known key that a misspelt one most likely stands for; "" where none is near or the key is a known
// one. A missing prefix and a pasted /proc/sys/ path are seen through.
func Nearest(key string) string {
	asked := key
	key = canonical(strings.TrimPrefix(strings.ToLower(key), "/proc/sys/"))
	last := key[strings.LastIndexByte(key, '.')+1:]
	if len(last) < 4 || len(key) > 80 { // no key is that long, and distance costs its length
		return ""
	}
	best, bestAway := "", max(2, len(last)/5)+1
	for _, k := range known {
		candidate := k
		if last == key { // no prefix: what is missing is no misspelling
			candidate = k[strings.LastIndexByte(k, '.')+1:]
		}
		if d := len(candidate) - len(key); d > bestAway || -d > bestAway {
			continue // at least that many letters away
		}
		away := distance(key, candidate)
		if away < bestAway || away == bestAway && best != "" && k < best {
			best, bestAway = k, away
		}
	}
	if best == asked {
		return ""
	}
	return best
}

// Find is the key that somebody means, in its one form: in any spelling, with a value behind it, without its beginning, or
// misspelt. exact is false where it had to be guessed; key is "" where nothing is near. A key that is not known here is
// found where the kernel shows it below root.
func Find(root, text string) (key string, exact bool) {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "=")
	text = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "-")
	text = canonical(strings.Trim(strings.TrimPrefix(strings.Trim(text, "/"), "proc/sys/"), "/"))
	if _, what := checkKey(text); what == "" {
		topic, _ := About(text)
		_, was := wasThere(text)
		if topic.Key == text || was || slices.Contains(known, text) || isSetting(root, text) == nil {
			return text, true
		}
	}
	if strings.HasPrefix(text, "ip_conntrack_") {
		return "net.ipv4." + text, true
	}
	if !strings.Contains(text, ".") {
		for _, k := range known {
			if strings.HasSuffix(k, "."+text) {
				return k, true
			}
		}
	}
	return Nearest(text), false
}

// distance is Levenshtein's: the fewest characters to insert, remove or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			step := diagonal
			if a[i] != b[j] {
				step++
			}
			diagonal = row[j+1]
			row[j+1] = min(step, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
