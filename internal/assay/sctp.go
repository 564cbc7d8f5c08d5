//go:build linux

package assay

import (
	"net/netip"

	"twomsl/internal/linux"
)

// again: the client closes first, and at once opens the same connection again, from the same address and port. What
// TIME_WAIT stands for keeps that from happening; SCTP has a verification tag instead.
func init() {
	register("again", map[string]string{"protocol": "sctp", "each": "20"}, again)
}

func again(b *bench) {
	make := linux.SocketSCTP
	if b.is("protocol", "tcp") {
		make = func() (int, linux.Errno) { return linux.Socket(false) }
	}
	p := b.pair()
	socket := func(h *host) int {
		h.enter()
		fd, e := make()
		if e != 0 {
			b.cannot("socket(IPPROTO_%s): %s: this kernel has none", b.arguments["protocol"], linux.ErrnoName(e))
		}
		h.open[fd] = true
		return fd
	}
	l := &service{pair: p, fd: socket(p.server), at: netip.AddrPortFrom(p.server.address, 80)}
	to := linux.NewSockaddr(l.at)
	b.ok("bind", linux.Bind(l.fd, &to))
	b.ok("listen", linux.Listen(l.fd, 128))
	n, met := b.number("each"), 0
	errno := ""
	for i := range n {
		from := bindTo(p.client.address, uint16(lowest+i))
		for round := range 2 {
			fd := socket(p.client)
			e := l.start(fd, from)
			if e != 0 && round == 0 {
				b.ok("connect", e)
			}
			if e != 0 {
				errno = linux.ErrnoName(e)
				p.client.close(fd)
				continue
			}
			server := l.accept()
			if round == 1 {
				met++
			}
			p.client.close(fd)
			b.eof(server)
			p.server.close(server)
		}
	}
	b.count("each", n, "connections")
	b.count("again", met, "opened again at once, from the same port")
	b.count("time_wait", p.client.standing(linux.DiagTimeWait), "TIME_WAIT of TCP")
	if errno != "" {
		b.text("the others: %s", errno)
	}
}
