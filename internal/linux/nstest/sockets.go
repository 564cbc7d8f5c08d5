//go:build linux

package nstest

import (
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"twomsl/internal/record"
)

// Standing is what Stand made.
type Standing struct {
	Counts         record.Counts // LISTEN included
	OrphanFinWait2 int64         // of the FIN_WAIT_2, those that no process holds
	// Address is where the listeners are. The clients of TimeWaitPort are in TIME_WAIT, at TimeWaitClients.
	Address         netip.Addr
	TimeWaitPort    uint16
	TimeWaitClients []uint16
}

// Stand makes sockets in every state of TCP, between a loopback address and itself, and keeps them until the test ends.
// No packet filter is needed: what is to stay half done waits for a peer that does not read or does not accept.
func Stand(t testing.TB, address netip.Addr) Standing {
	t.Helper()
	s := Standing{Counts: record.Counts{}, Address: address}
	before := finWait1(t, address)
	s.established(t, 2)
	s.halfClosed(t, 3)
	s.orphaned(t, 4)
	s.synRecv(t, 2)
	s.synSent(t, 3)
	s.finWait1(t, 2)
	s.closing(t, 1)
	s.lastAck(t, 1)
	s.timeWait(t, 5)
	s.settle(t, before+s.Counts[record.FinWait1])
	return s
}

// settle waits for the delayed acknowledgements (40 ms) of those FINs that went out, until as many sockets are left in
// FIN_WAIT1 as are to stay there.
func (s *Standing) settle(t testing.TB, want int64) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); finWait1(t, s.Address) != want; {
		if time.Now().After(deadline) {
			t.Fatalf("%d sockets in FIN_WAIT1, expected %d", finWait1(t, s.Address), want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// finWait1 counts by the plainest means there is, and not by those under test.
func finWait1(t testing.TB, address netip.Addr) (n int64) {
	t.Helper()
	table := "/proc/thread-self/net/tcp"
	if address.Is6() {
		table += "6"
	}
	text, err := os.ReadFile(table)
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.Fields(line)[3] == "04" {
			n++
		}
	}
	return n
}

func (s *Standing) established(t testing.TB, n int) {
	port := s.listen(t, 64)
	for range n {
		port.pair(t)
	}
	s.Counts[record.Established] += int64(2 * n)
}

func (s *Standing) halfClosed(t testing.TB, n int) {
	port := s.listen(t, 64)
	for range n {
		client, _ := port.pair(t)
		must(t, syscall.Shutdown(client.fd, syscall.SHUT_WR))
	}
	s.Counts[record.FinWait2] += int64(n)
	s.Counts[record.CloseWait] += int64(n)
}

func (s *Standing) orphaned(t testing.TB, n int) {
	port := s.listen(t, 64)
	for range n {
		client, _ := port.pair(t)
		client.close()
	}
	s.Counts[record.FinWait2] += int64(n)
	s.Counts[record.CloseWait] += int64(n)
	s.OrphanFinWait2 += int64(n)
}

// synRecv: a listener that defers accepting ignores the ACK without data that would end the handshake.
func (s *Standing) synRecv(t testing.TB, n int) {
	port := s.listen(t, 64)
	must(t, syscall.SetsockoptInt(port.fd, syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, 60))
	for range n {
		must(t, port.client(t).connect(port.address))
	}
	s.Counts[record.SynRecv] += int64(n)
	s.Counts[record.Established] += int64(n)
}

// synSent: the accept queue of a listener with backlog 0 holds one connection; a SYN beyond it is dropped.
func (s *Standing) synSent(t testing.TB, n int) {
	port := s.listen(t, 0)
	must(t, port.client(t).connect(port.address))
	for range n {
		client := port.client(t)
		must(t, syscall.SetNonblock(client.fd, true))
		if err := client.connect(port.address); err != syscall.EINPROGRESS {
			t.Fatalf("a connect to a full listener: %v, expected to be in progress", err)
		}
	}
	s.Counts[record.SynSent] += int64(n)
	s.Counts[record.Established] += 2
}

// finWait1: the FIN waits behind data that the peer has no room for.
func (s *Standing) finWait1(t testing.TB, n int) {
	port := s.listen(t, 64)
	for range n {
		client, _ := port.pair(t)
		client.fill(t)
		must(t, syscall.Shutdown(client.fd, syscall.SHUT_WR))
	}
	s.Counts[record.FinWait1] += int64(n)
	s.Counts[record.Established] += int64(n)
}

// closing: the peer's FIN comes while our own waits behind such data. The peer's was acknowledged: FIN_WAIT2.
func (s *Standing) closing(t testing.TB, n int) {
	port := s.listen(t, 64)
	for range n {
		client, server := port.pair(t)
		client.fill(t)
		must(t, syscall.Shutdown(client.fd, syscall.SHUT_WR))
		must(t, syscall.Shutdown(server.fd, syscall.SHUT_WR))
	}
	s.Counts[record.Closing] += int64(n)
	s.Counts[record.FinWait2] += int64(n)
}

// lastAck: the peer closed first, and our own FIN waits behind such data.
func (s *Standing) lastAck(t testing.TB, n int) {
	port := s.listen(t, 64)
	for range n {
		client, server := port.pair(t)
		client.fill(t)
		must(t, syscall.Shutdown(server.fd, syscall.SHUT_WR))
		must(t, syscall.Shutdown(client.fd, syscall.SHUT_WR))
	}
	s.Counts[record.LastAck] += int64(n)
	s.Counts[record.FinWait2] += int64(n)
}

func (s *Standing) timeWait(t testing.TB, n int) {
	port := s.listen(t, 64)
	s.TimeWaitPort = port.address.Port()
	for range n {
		s.TimeWaitClients = append(s.TimeWaitClients, port.timeWait(t))
	}
	s.Counts[record.TimeWait] += int64(n)
}

func (s *Standing) listen(t testing.TB, backlog int) listener {
	s.Counts[record.Listen]++
	return listen(t, netip.AddrPortFrom(s.Address, 0), backlog)
}

// Orphan leaves n sockets of full size that no process holds, in FIN_WAIT_1, each beside an ESTABLISHED one that does
// not read.
func Orphan(t testing.TB, address netip.Addr, n int) {
	t.Helper()
	port := listen(t, netip.AddrPortFrom(address, 0), 64)
	for range n {
		client, _ := port.pair(t)
		client.fill(t)
		client.close()
	}
}

// FillTimeWait leaves n TIME_WAIT on 127.0.0.1, closed first by the client, on listeners at consecutive ports from
// firstPort on with at most 2,000 connections each: connect() is quick as long as a tuple's range is nearly empty.
// It turns tcp_tw_reuse off in the test's namespace, where it would eat up what it makes after a second.
func FillTimeWait(t testing.TB, n int, firstPort uint16) {
	t.Helper()
	proveMoved(t)
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_tw_reuse", []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	const perListener = 2000
	for port := firstPort; n > 0; port, n = port+1, n-perListener {
		l := listen(t, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), 64)
		for range min(n, perListener) {
			l.timeWait(t)
		}
	}
}

// socket is a descriptor that is closed once, at the latest when the test ends.
type socket struct {
	fd     int
	closed *bool
}

type listener struct {
	socket
	address netip.AddrPort
}

func (s socket) close() {
	if !*s.closed {
		*s.closed = true
		_ = syscall.Close(s.fd)
	}
}

func own(t testing.TB, fd int, err error) socket {
	t.Helper()
	must(t, err)
	s := socket{fd: fd, closed: new(bool)}
	t.Cleanup(s.close)
	return s
}

func listen(t testing.TB, address netip.AddrPort, backlog int) listener {
	t.Helper()
	l := listener{address: address}
	l.socket = l.client(t)
	must(t, syscall.Bind(l.fd, sockaddr(address)))
	must(t, syscall.Listen(l.fd, backlog))
	bound, err := syscall.Getsockname(l.fd)
	must(t, err)
	l.address = netip.AddrPortFrom(address.Addr(), portOf(bound))
	return l
}

// client makes a socket of the listener's family.
func (l listener) client(t testing.TB) socket {
	t.Helper()
	fd, err := syscall.Socket(family(l.address.Addr()), syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	return own(t, fd, err)
}

func (l listener) pair(t testing.TB) (client, server socket) {
	t.Helper()
	client = l.client(t)
	must(t, client.connect(l.address))
	fd, _, err := syscall.Accept4(l.fd, syscall.SOCK_CLOEXEC)
	return client, own(t, fd, err)
}

// timeWait opens a connection that the client closes first, and gives the client's port. It leaves no cleanup behind:
// there may be thousands.
func (l listener) timeWait(t testing.TB) uint16 {
	t.Helper()
	fd, err := syscall.Socket(family(l.address.Addr()), syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	client := socket{fd: fd, closed: new(bool)}
	defer client.close()
	must(t, client.connect(l.address))
	bound, err := syscall.Getsockname(fd)
	must(t, err)
	fd, _, err = syscall.Accept4(l.fd, syscall.SOCK_CLOEXEC)
	must(t, err)
	defer func() { _ = syscall.Close(fd) }()
	client.close()
	if n, err := syscall.Read(fd, make([]byte, 1)); n != 0 || err != nil {
		t.Fatalf("the server read %d bytes, %v; expected the client's FIN", n, err)
	}
	return portOf(bound)
}

func (s socket) connect(address netip.AddrPort) error {
	return syscall.Connect(s.fd, sockaddr(address))
}

// fill writes until neither the peer nor the socket takes any more.
func (s socket) fill(t testing.TB) {
	t.Helper()
	must(t, syscall.SetNonblock(s.fd, true))
	for chunk := make([]byte, 64<<10); ; {
		_, err := syscall.Write(s.fd, chunk)
		if err == syscall.EAGAIN {
			return
		}
		must(t, err)
	}
}

func family(a netip.Addr) int {
	if a.Is6() {
		return syscall.AF_INET6
	}
	return syscall.AF_INET
}

func sockaddr(a netip.AddrPort) syscall.Sockaddr {
	if a.Addr().Is6() {
		return &syscall.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func portOf(a syscall.Sockaddr) uint16 {
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		return uint16(a.Port)
	case *syscall.SockaddrInet6:
		return uint16(a.Port)
	}
	return 0
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
