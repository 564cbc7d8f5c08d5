//go:build linux

package assay

import (
	"net/netip"
	"syscall"
	"time"

	"twomsl/internal/linux"
)

// syn-queue: SYN that the server's answers never reach, so that each handshake stays half open. What becomes of them, and
// whether a listener beside that one is met all the same.
func init() {
	register("syn-queue", map[string]string{"syns": "300", "backlog": "128", "cookies": "default", "max_syn_backlog": "default"}, synQueue)
	register("accept-queue", map[string]string{"clients": "40", "backlog": "8", "cookies": "default"}, acceptQueue)
}

func synQueue(b *bench) {
	p := b.pair()
	p.server.setWhereSaid("net.ipv4.tcp_syncookies", "cookies")
	p.server.setWhereSaid("net.ipv4.tcp_max_syn_backlog", "max_syn_backlog")
	l := p.serve(80, b.number("backlog"))
	other := p.serve(81, 128)
	n := b.number("syns")
	// What goes to the first address is lost, the second is met.
	p.server.sendAddressTo(p.client.address, nobody)
	for range n {
		b.ok("connect", l.start(p.client.socket(), bindTo(p.client.address, 0)))
	}
	var kept, cookies, dropped int
	b.wait("every SYN is dealt with", func() bool {
		kept = p.server.standing(linux.DiagSynRecv)
		cookies, dropped = p.server.counter("TcpExt.SyncookiesSent"), p.server.counter("TcpExt.TCPReqQFullDrop")
		return kept+cookies+dropped+p.server.counter("TcpExt.ListenDrops") >= n
	})
	drops := p.server.counter("TcpExt.ListenDrops")
	b.count("syns", n, "SYN")
	b.count("kept", kept, "SYN_RECV")
	b.count("cookies", cookies, "cookies")
	b.count("drops", drops, "SYN dropped")
	b.count("full", p.server.counter("TcpExt.TCPReqQFullDoCookies")+dropped, "times the SYN queue was full")
	b.text("tcp_syncookies=%s, tcp_max_syn_backlog=%s", p.server.get("net.ipv4.tcp_syncookies"), p.server.get("net.ipv4.tcp_max_syn_backlog"))
	b.count("served", b.meets(l, 20), "of 20 connects whose answers arrive, to the full listener")
	b.count("beside", b.meets(other, 20), "of 20 connects to another port")
}

// meets counts how many of n clients at the second address are connected within a short time.
func (b *bench) meets(l *service, n int) (met int) {
	fds := make([]int, n)
	for i := range fds {
		fds[i] = l.client.socket()
		b.ok("connect", l.start(fds[i], bindTo(l.client.second, 0)))
	}
	const short = 500 * time.Millisecond // less than a SYN's first retransmission
	for begin := time.Now(); time.Since(begin) < short && met < n; time.Sleep(time.Millisecond) {
		met = 0
		for _, fd := range fds {
			if _, err := syscall.Getpeername(fd); err == nil {
				met++
			}
		}
	}
	return met
}

func (h *host) sendAddressTo(a netip.Addr, hardware []byte) {
	h.b.must("neighbour", neighbour(h.link().Attrs().Index, a, hardware))
}

// acceptQueue: clients that a server does not accept.
func acceptQueue(b *bench) {
	p := b.pair()
	p.server.setWhereSaid("net.ipv4.tcp_syncookies", "cookies")
	l := p.serve(80, b.number("backlog"))
	other := p.serve(81, 128)
	n := b.number("clients")
	for range n {
		b.ok("connect", l.start(p.client.socket()))
	}
	var queued, drops int
	b.wait("every SYN is dealt with", func() bool {
		queued, drops = p.server.standing(linux.DiagEstablished), p.server.counter("TcpExt.ListenDrops")
		return queued+drops >= n
	})
	b.count("clients", n, "clients")
	b.count("queued", queued, "in the accept queue")
	b.count("overflows", p.server.counter("TcpExt.ListenOverflows"), "ListenOverflows")
	b.count("drops", drops, "SYN dropped")
	b.count("beside", b.meets(other, 20), "of 20 connects to another port")
}
