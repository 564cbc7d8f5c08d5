//go:build linux

package facts

import (
	"net/netip"
	"strconv"
	"syscall"
	"testing"

	"twomsl/internal/linux"
)

// A server that comes back listens on its port again over what the old one left, a TIME_WAIT or an open connection,
// only where both had set SO_REUSEADDR, or both SO_REUSEPORT: what is left has the options of the listener that it
// came from. Over a listener that is still there only SO_REUSEPORT helps.
func TestNetNSListenAgain(t *testing.T) {
	t.Parallel()
	const n = 20
	options := map[string][]option{
		"none": nil, "addr": {reuseAddr}, "port": {reusePort}, "both": {reuseAddr, reusePort},
	}
	// shared tells whether bind() and listen() succeed.
	shared := func(older, newer string, listens bool) bool {
		addr := (older == "addr" || older == "both") && (newer == "addr" || newer == "both")
		port := (older == "port" || older == "both") && (newer == "port" || newer == "both")
		return port || addr && !listens
	}
	for version, pair := range families {
		p := pair(t)
		port := uint16(1000)
		for older, before := range options {
			for newer, after := range options {
				for _, left := range []string{"TIME_WAIT", "ESTABLISHED", "LISTEN"} {
					port++
					at := netip.AddrPortFrom(p.server.address, port)
					l, e := p.tryListen(at, before...)
					ok(t, "the first listener", e)
					for range n {
						c := l.open()
						if left == "TIME_WAIT" {
							c.serverFirst()
						}
					}
					if left != "LISTEN" {
						p.server.close(l.fd)
					}
					_, e = p.tryListen(at, after...)
					var want linux.Errno
					if !shared(older, newer, left == "LISTEN") {
						want = linux.Errno(syscall.EADDRINUSE)
					}
					if e != want {
						t.Errorf("%s, over %s: %q then %q: %v, expected %v", version, left, older, newer, e, want)
					}
				}
			}
		}
	}
}

// tryListen listens with these options set before bind().
func (p *pair) tryListen(at netip.AddrPort, how ...option) (*service, linux.Errno) {
	p.t.Helper()
	l := &service{pair: p, fd: p.server.socket(), at: at}
	for _, f := range append(how[:len(how):len(how)], bindTo(at.Addr(), at.Port())) {
		if e := f(l.fd); e != 0 {
			return nil, e
		}
	}
	return l, linux.Listen(l.fd, 128)
}

// The accept queue holds one more than the backlog, which somaxconn caps. A SYN beyond it is dropped without an answer,
// with tcp_abort_on_overflow=1 too, and counted in ListenOverflows and ListenDrops; its client stays in SYN_SENT and
// gets in once there is room.
func TestNetNSBacklog(t *testing.T) {
	t.Parallel()
	const over = 20
	for version, pair := range families {
		for _, c := range []struct {
			backlog, somaxconn, holds int
			abort                     string
		}{
			{0, 4096, 1, "0"},
			{1, 4096, 2, "0"},
			{7, 4096, 8, "0"},
			{1000, 3, 4, "0"},
			{7, 4096, 8, "1"},
		} {
			p := pair(t)
			p.server.set("net.core.somaxconn", strconv.Itoa(c.somaxconn))
			p.server.set("net.ipv4.tcp_abort_on_overflow", c.abort)
			l := p.serve(80)
			ok(t, "listen", linux.Listen(l.fd, c.backlog))
			for range c.holds {
				fd := p.client.socket()
				ok(t, "connect", l.start(fd))
				becomes(t, fd, linux.DiagEstablished)
				p.server.stands(map[uint8]int{linux.DiagEstablished: p.client.states()[linux.DiagEstablished]})
			}
			equal(t, version+": ListenOverflows within the backlog", p.server.counter("TcpExt.ListenOverflows"), 0)
			for range over {
				ok(t, "connect", l.start(p.client.socket()))
			}
			until(func() bool { return p.server.counter("TcpExt.ListenOverflows") >= over })
			for _, name := range []string{"ListenOverflows", "ListenDrops"} {
				// A SYN is sent again after a second: on a slow machine there may be more of them.
				n := p.server.counter("TcpExt." + name)
				if again := p.client.counter("TcpExt.TCPSynRetrans"); n < over || n > over+again {
					t.Errorf("%s, backlog %d: %s %d, expected %d and up to %d more", version, c.backlog, name, n, over, again)
				}
			}
			p.client.stands(map[uint8]int{linux.DiagEstablished: c.holds, linux.DiagSynSent: over})
			p.server.stands(map[uint8]int{linux.DiagEstablished: c.holds})
			equal(t, version+": RST of the server", p.server.counter("Tcp.OutRsts"), 0)
		}
	}
}
