//go:build linux

package assay

import (
	"strings"

	"twomsl/internal/linux"
)

// buckets lets some sockets stand in TIME_WAIT, lowers tcp_max_tw_buckets below their number, and closes more: what
// becomes of those that stand, of the others, and whether the kernel's log says so.
func init() {
	register("buckets", map[string]string{"standing": "300", "limit": "100", "more": "100"}, buckets)
}

func buckets(b *bench) {
	p := b.pair()
	l := p.serve(80, 128)
	standing, more := b.number("standing"), b.number("more")
	for range standing {
		l.dial().clientFirst()
	}
	b.wait("TIME_WAIT", func() bool { return p.client.standing(linux.DiagTimeWait) == standing })
	log, logErr := linux.OpenKernelLog()
	p.client.setWhereSaid("net.ipv4.tcp_max_tw_buckets", "limit")
	for range more {
		l.dial().clientFirst()
	}
	overflow := func() int { return p.client.counter("TcpExt.TCPTimeWaitOverflow") }
	b.wait("all are closed", func() bool { return p.client.standing(linux.DiagTimeWait)+overflow() == standing+more })
	b.count("before", standing, "TIME_WAIT")
	b.count("after", p.client.standing(linux.DiagTimeWait), "TIME_WAIT")
	b.count("overflow", overflow(), "closed without TIME_WAIT")
	if logErr != nil {
		b.text("the kernel's log cannot be read: %v", logErr)
		return
	}
	defer log.Close() //nolint:errcheck // it was read
	lines, err := log.Lines()
	b.must("kernel log", err)
	said := 0
	for _, line := range lines {
		if line := strings.ToLower(line); strings.Contains(line, "time wait") || strings.Contains(line, "timewait") {
			b.text("the kernel's log: %s", line)
			said++
		}
	}
	b.count("log", said, "lines in the kernel's log")
}
