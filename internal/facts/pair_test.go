//go:build linux

package facts

import (
	"maps"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/sample"
	"twomsl/internal/sysctl"
)

// Where the addresses of pairs begin, which are set aside for benchmarks (RFC 2544, RFC 5180).
var (
	clientPrefix  = netip.MustParsePrefix("198.18.0.1/15")
	serverPrefix  = netip.MustParsePrefix("198.19.0.1/15")
	clientPrefix6 = netip.MustParsePrefix("2001:2::1:1/64")
	serverPrefix6 = netip.MustParsePrefix("2001:2::2:1/64")
)

// pairs counts those that were made: each has addresses of its own, since tests that run side by side would otherwise have each
// other's connect() come back to ports (TestNetNSNamespacesShareWhereConnectBegins).
var pairs atomic.Uint32

// own is an address that no other pair has at the time: its last byte but one is the pair's.
func own(first netip.Prefix, pair uint32) netip.Prefix {
	b := first.Addr().AsSlice()
	b[len(b)-2] ^= byte(pair) // after 256 they come again: those tests are over
	a, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(a, first.Bits())
}

const (
	linkName = "link"
	// patience bounds every wait for the kernel. It decides nothing: whoever runs into it, fails.
	patience = 20 * time.Second
)

// side is a host: a network namespace.
type side struct {
	t       testing.TB
	ns      *nstest.Namespace
	address netip.Addr
	second  netip.Addr
	diag    *linux.Diag
	open    map[int]bool // descriptors to give back
}

// pair is two hosts on a link, or one host that talks to itself. The test's goroutine, locked to a thread that ends
// with it, hops between the two: a socket stays in the namespace in which it was made.
type pair struct {
	t              testing.TB
	client, server *side
}

// newPair makes two hosts joined by veth. A stray RST must not spoil exact counts: tcp_rfc1337 is 1 on both.
func newPair(t testing.TB) *pair {
	t.Helper()
	n := pairs.Add(1)
	return newPairAt(t, own(clientPrefix, n), own(serverPrefix, n))
}

// newPair6 is newPair over IPv6.
func newPair6(t testing.TB) *pair {
	t.Helper()
	n := pairs.Add(1)
	return newPairAt(t, own(clientPrefix6, n), own(serverPrefix6, n))
}

// families makes the same pair over either version of IP.
var families = map[string]func(testing.TB) *pair{"IPv4": newPair, "IPv6": newPair6}

func newPairAt(t testing.TB, clientPrefix, serverPrefix netip.Prefix) *pair {
	t.Helper()
	p := &pair{t: t}
	p.client = newSide(t, clientPrefix.Addr())
	p.server = newSide(t, serverPrefix.Addr())
	peer, err := os.Open(p.client.ns.Path())
	must(t, err)
	defer func() { _ = peer.Close() }()
	must(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: linkName},
		PeerName:  linkName, PeerNamespace: netlink.NsFd(int(peer.Fd())),
	}))
	p.server.setUp(linkName, serverPrefix)
	p.client.setUp(linkName, clientPrefix)
	p.client.linkIsUp() // until then what is sent is lost, and TCP tries again only after a second
	p.server.linkIsUp()
	if p.client.address.Is6() {
		p.mend() // the first question for a neighbour may get lost, and is asked again after a second
	}
	return p
}

// newLoopback makes one host that is its own peer, over lo.
func newLoopback(t testing.TB) *pair {
	t.Helper()
	return newLoopbackAt(t, netip.MustParseAddr("127.0.0.1"))
}

func newLoopbackAt(t testing.TB, address netip.Addr) *pair {
	t.Helper()
	s := newSide(t, address)
	return &pair{t: t, client: s, server: s}
}

func newSide(t testing.TB, address netip.Addr) *side {
	t.Helper()
	s := &side{t: t, ns: nstest.Require(t), address: address, second: address.Next(), open: map[int]bool{}}
	diag, err := linux.OpenDiag()
	must(t, err)
	s.diag = diag
	t.Cleanup(func() {
		_ = diag.Close()
		for fd := range s.open {
			linux.Close(fd)
		}
	})
	s.set("net.ipv4.tcp_rfc1337", "1")
	return s
}

func (s *side) setUp(name string, prefix netip.Prefix) {
	s.t.Helper()
	s.enter()
	link, err := netlink.LinkByName(name)
	must(s.t, err)
	for _, a := range []netip.Addr{s.address, s.second} {
		s.addAddress(link, netip.PrefixFrom(a, prefix.Bits()))
	}
	must(s.t, netlink.LinkSetUp(link))
}

// addAddress gives a link one more address. IPv6 does not wait for whether somebody else has it.
func (s *side) addAddress(link netlink.Link, a netip.Prefix) {
	s.t.Helper()
	address := &netlink.Addr{IPNet: &net.IPNet{
		IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), a.Addr().BitLen()),
	}}
	if a.Addr().Is6() {
		const noDAD = 0x02 // IFA_F_NODAD
		address.Flags = noDAD
	}
	must(s.t, netlink.AddrAdd(link, address))
}

func (s *side) linkIsUp() {
	s.t.Helper()
	s.enter()
	up := until(func() bool {
		link, err := netlink.LinkByName(linkName)
		must(s.t, err)
		return link.Attrs().OperState == netlink.OperUp
	})
	if !up {
		s.t.Fatal("the link does not come up")
	}
}

// enter moves the test's goroutine to this host; it fails the test where that is the host of the process.
func (s *side) enter() {
	s.t.Helper()
	s.ns.Enter(s.t)
}

// set writes a setting, which must then read back as asked.
func (s *side) set(key, value string) {
	s.t.Helper()
	s.enter()
	if _, refused := sysctl.Apply(sysctl.DefaultRoot, []sysctl.Setting{{Key: key, Value: value}}); refused != nil {
		s.t.Fatalf("%s = %s: %s", key, value, refused[0].Reason)
	}
}

// has skips the test where this kernel lacks a setting.
func (s *side) has(key string) {
	s.t.Helper()
	s.enter()
	if _, err := sysctl.Read(sysctl.DefaultRoot, key); err != nil {
		s.t.Skipf("this kernel has no %s: %v", key, err)
	}
}

// counter gives what a counter has counted since the namespace was made.
func (s *side) counter(name string) int {
	s.t.Helper()
	s.enter()
	all, err := sample.Counters(sample.Here)
	must(s.t, err)
	n, ok := all[name]
	if !ok {
		s.t.Fatalf("this kernel has no counter %s", name)
	}
	return int(n)
}

// inTW is the tw of /proc/net/sockstat.
func (s *side) inTW() int {
	s.t.Helper()
	s.enter()
	totals, err := sample.OpenSockstat(sample.Here)
	must(s.t, err)
	defer func() { _ = totals.Close() }()
	v, err := totals.Read()
	must(s.t, err)
	return int(v.TimeWait)
}

// states counts what stands here by the kernel's number of the state, listeners left out.
func (s *side) states() map[uint8]int {
	s.t.Helper()
	counts := map[uint8]int{}
	s.each(linux.DiagAllStates&^(1<<linux.DiagListen), func(r *linux.DiagRow) { counts[r.State]++ })
	return counts
}

func (s *side) each(states uint32, visit func(*linux.DiagRow)) {
	s.t.Helper()
	must(s.t, s.diag.Dump(linux.DiagQuery{IPv6: s.address.Is6(), States: states}, visit))
}

// stands waits until exactly these sockets stand here: what one side did reaches the other a moment later.
func (s *side) stands(want map[uint8]int) {
	s.t.Helper()
	var got map[uint8]int
	if !until(func() bool { got = s.states(); return maps.Equal(got, want) }) {
		s.t.Fatalf("%s has sockets in states %v; expected %v (TW %d, TWRecycled %d, TWKilled %d, PassiveOpens %d, EstabResets %d)",
			s.address, got, want, s.counter("TcpExt.TW"), s.counter("TcpExt.TWRecycled"), s.counter("TcpExt.TWKilled"),
			s.counter("Tcp.PassiveOpens"), s.counter("Tcp.EstabResets"))
	}
}

func inTimeWait(n int) map[uint8]int {
	if n == 0 {
		return nothing
	}
	return map[uint8]int{linux.DiagTimeWait: n}
}

// nothing is what stands where no connection has left anything.
var nothing = map[uint8]int{}

// until asks again and again until the answer is yes; no when patience has ended.
func until(f func() bool) bool {
	for start := time.Now(); time.Since(start) < patience; {
		if f() {
			return true
		}
		time.Sleep(100 * time.Microsecond)
	}
	return f()
}

// nobody is a hardware address that no host has: what is sent to it is lost.
var nobody = net.HardwareAddr{2, 0, 0, 0, 0, 1}

// cut makes the link lose everything, unseen by either host: each sends to a hardware address that nobody has. mend
// undoes it.
func (p *pair) cut() {
	p.t.Helper()
	p.client.sendTo(p.server, nobody)
	p.server.sendTo(p.client, nobody)
}

func (p *pair) mend() {
	p.t.Helper()
	client, server := p.client.hardware(), p.server.hardware()
	p.client.sendTo(p.server, server)
	p.server.sendTo(p.client, client)
}

func (s *side) hardware() net.HardwareAddr {
	s.t.Helper()
	return s.link().Attrs().HardwareAddr
}

// link is the host's end of the link; the goroutine stays on this host.
func (s *side) link() netlink.Link {
	s.t.Helper()
	s.enter()
	link, err := netlink.LinkByName(linkName)
	must(s.t, err)
	return link
}

func (s *side) sendTo(peer *side, hardware net.HardwareAddr) {
	s.t.Helper()
	for _, a := range []netip.Addr{peer.address, peer.second} {
		s.sendAddressTo(a, hardware)
	}
}

func (s *side) sendAddressTo(a netip.Addr, hardware net.HardwareAddr) {
	s.t.Helper()
	must(s.t, netlink.NeighSet(&netlink.Neigh{
		LinkIndex: s.link().Attrs().Index, State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: hardware,
	}))
}

func (s *side) socket() int {
	s.t.Helper()
	s.enter()
	fd, e := linux.Socket(s.address.Is6())
	if e != 0 {
		s.t.Fatalf("socket: %v", e)
	}
	s.open[fd] = true
	return fd
}

func (s *side) close(fd int) {
	s.t.Helper()
	delete(s.open, fd)
	if e := linux.CloseLingering(fd); e != 0 {
		s.t.Fatalf("close: %v", e)
	}
}

// service is a listener of the server.
type service struct {
	*pair
	fd int
	at netip.AddrPort
}

func (p *pair) listen(at netip.AddrPort) *service {
	p.t.Helper()
	l := &service{pair: p, fd: p.server.socket(), at: at}
	ok(p.t, "bind", bindTo(at.Addr(), at.Port())(l.fd))
	ok(p.t, "listen", linux.Listen(l.fd, 128))
	return l
}

// serve listens at the server's first address.
func (p *pair) serve(port uint16) *service {
	p.t.Helper()
	return p.listen(netip.AddrPortFrom(p.server.address, port))
}

// option is what is done to a client's socket before connect().
type option func(fd int) linux.Errno

func bindTo(a netip.Addr, port uint16) option {
	return func(fd int) linux.Errno {
		to := linux.NewSockaddr(netip.AddrPortFrom(a, port))
		return linux.Bind(fd, &to)
	}
}

func portRange(low, high int) option {
	return func(fd int) linux.Errno { return linux.SetLocalPortRange(fd, low, high) }
}

// conn is one connection, held at both ends. client and server are -1 once closed.
type conn struct {
	*pair
	client, server int
	port           uint16 // the client's
}

// open opens a connection, and fails the test where that cannot be.
func (l *service) open(how ...option) *conn {
	l.t.Helper()
	c, e := l.try(how...)
	ok(l.t, "opening a connection", e)
	return c
}

// try opens a connection. The error is that of an option or of connect(); a handshake that does not end fails the test.
func (l *service) try(how ...option) (*conn, linux.Errno) {
	l.t.Helper()
	c := &conn{pair: l.pair, client: l.pair.client.socket()}
	if e := l.start(c.client, how...); e != 0 {
		l.pair.client.close(c.client)
		return nil, e
	}
	if !until(func() bool { _, err := syscall.Getpeername(c.client); return err == nil }) {
		l.t.Fatalf("the handshake never ended; SO_ERROR is %v", linux.SocketError(c.client))
	}
	var own, from linux.Sockaddr
	ok(l.t, "getsockname", linux.LocalAddr(c.client, &own))
	var e linux.Errno
	if !until(func() bool { c.server, e = linux.Accept(l.fd, &from); return e != linux.EAGAIN }) || e != 0 {
		l.t.Fatalf("accept: %v", e)
	}
	l.pair.server.open[c.server] = true
	if from.AddrPort() != own.AddrPort() {
		l.t.Fatalf("the client is %v, the server accepted %v", own.AddrPort(), from.AddrPort())
	}
	c.port = own.AddrPort().Port()
	return c, 0
}

func (l *service) start(fd int, how ...option) linux.Errno {
	for _, f := range how {
		if e := f(fd); e != 0 {
			return e
		}
	}
	to := linux.NewSockaddr(l.at)
	if e := linux.Connect(fd, &to); e != linux.EINPROGRESS {
		return e
	}
	return 0
}

func (c *conn) closeClient() { c.pair.client.close(c.client); c.client = -1 }
func (c *conn) closeServer() { c.pair.server.close(c.server); c.server = -1 }

// clientFirst closes the client and, once the server has read its FIN, the server.
func (c *conn) clientFirst() {
	c.t.Helper()
	c.closeClient()
	eof(c.t, c.server)
	c.closeServer()
}

// serverFirst is the other way round.
func (c *conn) serverFirst() {
	c.t.Helper()
	c.closeServer()
	eof(c.t, c.client)
	c.closeClient()
}

// eof reads up to the peer's FIN.
func eof(t testing.TB, fd int) {
	t.Helper()
	for {
		n, e := read(t, fd)
		ok(t, "reading up to the FIN", e)
		if n == 0 {
			return
		}
	}
}

// read waits for bytes, the peer's FIN (0 bytes) or an error.
func read(t testing.TB, fd int) (n int, e linux.Errno) {
	t.Helper()
	p := make([]byte, 4096)
	if !until(func() bool { n, e = linux.Read(fd, p); return e != linux.EAGAIN }) {
		t.Fatal("nothing to read came")
	}
	return n, e
}

// churn opens n connections one after the other, each taken down before the next.
func (l *service) churn(n int, down func(*conn), how ...option) {
	l.t.Helper()
	for range n {
		down(l.open(how...))
	}
}

// exhaust opens connections, each closed by the client first, until connect() or an option fails, at most limit. It
// gives the clients' ports in order, and the error.
func (l *service) exhaust(limit int, how ...option) (ports []uint16, last linux.Errno) {
	l.t.Helper()
	for len(ports) < limit {
		c, e := l.try(how...)
		if e != 0 {
			return ports, e
		}
		ports = append(ports, c.port)
		c.clientFirst()
	}
	return ports, 0
}

// takes checks that exactly n connections can be opened and that the next fails so.
func (l *service) takes(what string, n int, failure linux.Errno, how ...option) (ports []uint16) {
	l.t.Helper()
	ports, e := l.exhaust(n+1, how...)
	if len(ports) != n || e != failure {
		l.t.Fatalf("%s: %d connections, then %q; expected %d, then %q",
			what, len(ports), linux.ErrnoName(e), n, linux.ErrnoName(failure))
	}
	return ports
}

// equal checks a figure.
func equal(t testing.TB, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d, expected %d", what, got, want)
	}
}

func ok(t testing.TB, what string, e linux.Errno) {
	t.Helper()
	if e != 0 {
		t.Fatalf("%s: %v", what, e)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
