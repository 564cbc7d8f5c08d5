//go:build linux

package trial

import (
	"strconv"
	"time"

	"twomsl/internal/sysctl"
)

// standMargin is what a socket must be able to outlive the hold by.
const standMargin = 5 * time.Second

// Timers of TCP that double with each try (include/net/tcp.h).
const (
	synTimer   = time.Second            // TCP_TIMEOUT_INIT: SYN and SYN,ACK
	probeTimer = 200 * time.Millisecond // TCP_RTO_MIN: a FIN that the lab withholds counts as not sent
	slowest    = 120 * time.Second      // TCP_RTO_MAX
)

// standSettings are what the sockets asked for take beyond what a namespace starts with: room in the queue of the
// listener and among TIME_WAIT, and as many tries of what is withheld as last for the whole hold. Only what is too little
// is raised.
func (r *run) standSettings(has map[string]string) (out []sysctl.Setting) {
	asked := r.scenario.Stand
	if asked.Off() {
		return nil
	}
	raise := func(key string, n int64) {
		if now, err := strconv.ParseInt(has[key], 10, 64); err == nil && now < n {
			out = append(out, sysctl.Setting{Key: key, Value: strconv.FormatInt(n, 10)})
		}
	}
	raise("net.core.somaxconn", int64(r.synQueue()))
	raise("net.ipv4.tcp_max_tw_buckets", int64(asked.TimeWait+asked.TimeWaitOut))
	needed := r.longestStand() + standMargin
	if asked.SynRecv > 0 {
		raise("net.ipv4.tcp_synack_retries", triesFor(needed, synTimer))
	}
	if asked.SynSent > 0 {
		raise("net.ipv4.tcp_syn_retries", triesFor(needed, synTimer))
	}
	if asked.FinWait1+asked.Closing+asked.LastAck > 0 {
		raise("net.ipv4.tcp_retries2", triesFor(needed, probeTimer))
	}
	if asked.TimeWait+asked.TimeWaitOut > 0 && r.renewing() { // whatever answers a probe must not end what it renews
		raise("net.ipv4.tcp_rfc1337", 1)
	}
	return out
}

// longestStand is how long the first socket may have to stand: from the beginning to the end of the hold.
func (r *run) longestStand() time.Duration {
	return r.scenario.Load.Stop.After.Std() + r.scenario.Load.Hold.Std()
}

// triesFor is how many retries last for a time, where the first wait is given and each is twice the one before.
func triesFor(needed, first time.Duration) int64 {
	lasts, wait := first, first
	n := int64(0)
	for ; lasts < needed; n++ {
		wait = min(2*wait, slowest)
		lasts += wait
	}
	return n
}
