//go:build linux

package facts

import (
	"net/netip"
	"testing"

	"twomsl/internal/linux"
)

// Over tcp_max_tw_buckets a closing socket skips TIME_WAIT, and TCPTimeWaitOverflow counts each.
func TestNetNSBucketOverflow(t *testing.T) {
	t.Parallel()
	const limit, n = 100, 250
	p := newPair(t)
	p.client.set("net.ipv4.tcp_max_tw_buckets", "100")
	p.serve(80).churn(n, (*conn).clientFirst)
	p.client.stands(inTimeWait(limit))
	p.server.stands(nothing)
	equal(t, "TCPTimeWaitOverflow", p.client.counter("TcpExt.TCPTimeWaitOverflow"), n-limit)
	equal(t, "TW", p.client.counter("TcpExt.TW"), limit)
}

// TcpExtTW counts when a socket enters TIME_WAIT: all still stand when it has counted them.
func TestNetNSTWCountsOnEntry(t *testing.T) {
	t.Parallel()
	const n = 100
	p := newPair(t)
	l := p.serve(80)
	l.churn(n, (*conn).clientFirst)
	p.client.stands(inTimeWait(n))
	equal(t, "TW", p.client.counter("TcpExt.TW"), n)
}

// What TcpExtTW counts is mini-sockets made, so an orphaned FIN_WAIT2 counts there, and not again when it goes on to
// TIME_WAIT. With tcp_fin_timeout at 4 s or less it counts as TWKilled instead, and then never in TW.
func TestNetNSTWCountsOrphanedFinWait2(t *testing.T) {
	t.Parallel()
	const n = 5
	for timeout, want := range map[string]struct{ tw, killed int }{"5": {tw: 1}, "4": {killed: 1}} {
		p := newPair(t)
		p.client.set("net.ipv4.tcp_fin_timeout", timeout)
		l := p.serve(80)
		check := func(state string, made int) {
			t.Helper()
			what := "tcp_fin_timeout=" + timeout + ", " + state + ": "
			equal(t, what+"TW", p.client.counter("TcpExt.TW"), want.tw*made)
			equal(t, what+"TWKilled", p.client.counter("TcpExt.TWKilled"), want.killed*made)
		}
		for i := range n {
			c := l.open()
			c.closeClient()
			if !until(func() bool { return len(p.client.ports(linux.DiagFinWait2)) == 1 }) {
				t.Fatalf("%v stand, a FIN_WAIT2 was expected", p.client.states())
			}
			check("FIN_WAIT2", i+1)
			c.closeServer()
			p.client.stands(inTimeWait(i + 1))
			check("TIME_WAIT", i+1)
		}
	}
}

// A FIN_WAIT2 is in sockstat's tw only as a mini-socket: not while its process lives, and as an orphan only in its last
// 60 s.
func TestNetNSFinWait2OutsideTW(t *testing.T) {
	t.Parallel()
	const n = 10
	shutdown := func(c *conn) { ok(t, "shutdown", linux.ShutdownWrite(c.client)) }
	for name, c := range map[string]struct {
		timeout string
		leave   func(*conn)
		tw      int
	}{
		"half-closed":               {"60", shutdown, 0},
		"orphan, 60 s to go":        {"60", (*conn).closeClient, n},
		"orphan, 120 s to go":       {"120", (*conn).closeClient, 0},
		"orphan that had 61 s once": {"61", (*conn).closeClient, n},
	} {
		p := newPair(t)
		p.client.set("net.ipv4.tcp_fin_timeout", c.timeout)
		l := p.serve(80)
		for range n {
			c.leave(l.open())
		}
		p.client.stands(map[uint8]int{linux.DiagFinWait2: n})
		until(func() bool { return p.client.inTW() == c.tw })
		equal(t, name+": tw", p.client.inTW(), c.tw)
		equal(t, name+": rows with the TIME_WAIT timer", len(p.client.ports(linux.DiagFinWait2)), c.tw)
	}
}

// An RST that carries the sequence number which a TIME_WAIT expects ends it, unless tcp_rfc1337 is 1.
func TestNetNSAssassination(t *testing.T) {
	t.Parallel()
	const n = 20
	for name, c := range map[string]struct {
		rfc1337 string
		off     uint32 // added to the right sequence number
		left    int
	}{
		"tcp_rfc1337=0": {"0", 0, 0},
		"tcp_rfc1337=1": {"1", 0, n},
		"tcp_rfc1337=0, sequence number one higher": {"0", 1, n},
	} {
		p := newPair(t)
		p.client.set("net.ipv4.tcp_rfc1337", c.rfc1337)
		l := p.serve(80)
		needRepair(t, p.server.socket())
		var ghosts []ghost
		for range n {
			open := l.open()
			ghosts = append(ghosts, p.remember(open))
			open.clientFirst()
		}
		p.client.stands(inTimeWait(n))
		before := p.client.counter("Tcp.InSegs")
		for _, g := range ghosts {
			g.next += c.off
			p.reset(g)
		}
		equal(t, name+": RST sent", p.server.counter("Tcp.OutRsts"), n)
		if !until(func() bool { return p.client.counter("Tcp.InSegs") >= before+n }) {
			t.Fatalf("%s: the RST never arrived", name)
		}
		l.open().serverFirst() // counted is not yet dealt with; this is, and it came later
		p.client.stands(inTimeWait(c.left))
	}
}

// ghost is what the server would have to know of a connection that it has closed in order to speak for it once more.
type ghost struct {
	clientPort uint16
	next       uint32 // the number that follows the server's FIN
	expects    uint32
}

// remember reads the numbers of a connection of which the server has sent nothing yet.
func (p *pair) remember(c *conn) ghost {
	p.t.Helper()
	send, receive := repairNumbers(p.t, c.server)
	return ghost{clientPort: c.port, next: send + 1, expects: receive + 1}
}

// reset makes the server send the RST: a socket that was closed comes to life with its old numbers (TCP_REPAIR) and is
// closed with SO_LINGER {1,0}. So the RST is the server's own.
func (p *pair) reset(g ghost) {
	p.t.Helper()
	fd := p.server.socket()
	repairBegin(p.t, fd, g.next, g.expects)
	ok(p.t, "bind", bindTo(p.server.address, 80)(fd))
	to := linux.NewSockaddr(netip.AddrPortFrom(p.client.address, g.clientPort))
	ok(p.t, "connect", linux.Connect(fd, &to))
	repairEnd(p.t, fd)
	ok(p.t, "SO_LINGER", linux.SetLinger(fd, 0))
	p.server.close(fd)
}
