//go:build linux

package facts

import (
	"net/netip"
	"syscall"
	"testing"

	"twomsl/internal/linux"
)

var loopbacks = map[string]netip.Addr{
	"127.0.0.1": netip.MustParseAddr("127.0.0.1"), "::1": netip.MustParseAddr("::1"),
}

// A socket that connects to its own address and port, where nobody listens, is connected to itself: what it writes it
// reads, and its close leaves one TIME_WAIT.
func TestNetNSSelfConnect(t *testing.T) {
	t.Parallel()
	const n = 30
	for name, address := range loopbacks {
		s := newLoopbackAt(t, address).client
		for i := range uint16(n) {
			at := netip.AddrPortFrom(address, 50000+i)
			fd := s.socket()
			ok(t, "bind", bindTo(at.Addr(), at.Port())(fd))
			s.selfConnects(fd, at)
			write(t, fd)
			if got, e := read(t, fd); got != 1 || e != 0 {
				t.Fatalf("%s: %d bytes read, %v; expected the one written", name, got, e)
			}
			equal(t, name+": ESTABLISHED", s.states()[linux.DiagEstablished], 1)
			s.close(fd)
			s.stands(inTimeWait(int(i) + 1))
		}
	}
}

// It happens without bind(), too, where a destination is in the host's own ip_local_port_range and nobody listens
// there: connect() may choose that very port. In a range of one it must, in a range of two it does where the
// destination has the parity of the low end.
func TestNetNSSelfConnectByChance(t *testing.T) {
	t.Parallel()
	const n = 20
	for name, address := range loopbacks {
		p := newLoopbackAt(t, address)
		for i := range n {
			port := 50000 + 4*i
			p.clientRange(port, port)
			p.client.selfConnects(p.client.socket(), netip.AddrPortFrom(address, uint16(port)))
			p.clientRange(port+2, port+3)
			p.client.selfConnects(p.client.socket(), netip.AddrPortFrom(address, uint16(port+2)))
		}
		p.client.stands(map[uint8]int{linux.DiagEstablished: 2 * n})
		p.clientRange(60000, 60001)
		fd := p.client.socket()
		to := linux.NewSockaddr(netip.AddrPortFrom(address, 60001))
		if e := refused(fd, &to); e != linux.Errno(syscall.ECONNREFUSED) {
			t.Errorf("%s: to the other parity: %v, expected ECONNREFUSED", name, e)
		}
	}
}

func (s *side) selfConnects(fd int, at netip.AddrPort) {
	s.t.Helper()
	to := linux.NewSockaddr(at)
	if e := linux.Connect(fd, &to); e != 0 && e != linux.EINPROGRESS {
		s.t.Fatalf("connect to %v: %v", at, e)
	}
	becomes(s.t, fd, linux.DiagEstablished)
	var own linux.Sockaddr
	ok(s.t, "getsockname", linux.LocalAddr(fd, &own))
	peer, err := syscall.Getpeername(fd)
	must(s.t, err)
	port := 0
	switch peer := peer.(type) {
	case *syscall.SockaddrInet4:
		port = peer.Port
	case *syscall.SockaddrInet6:
		port = peer.Port
	}
	if own.AddrPort() != at || port != int(at.Port()) {
		s.t.Fatalf("the socket is %v and its peer at port %d; expected %v for both", own.AddrPort(), port, at)
	}
}

// refused gives the error of a connect() once it has ended.
func refused(fd int, to *linux.Sockaddr) (e linux.Errno) {
	if e = linux.Connect(fd, to); e == linux.EINPROGRESS {
		until(func() bool { e = linux.SocketError(fd); return e != 0 })
	}
	return e
}
