//go:build linux

package facts

import (
	"testing"

	"twomsl/internal/linux"
)

// timers gives the timer and its retries of each socket of this host that is in ESTABLISHED, by its peer's port.
func (s *side) timers() map[uint16][2]uint8 {
	s.t.Helper()
	found := map[uint16][2]uint8{}
	s.each(1<<linux.DiagEstablished, func(r *linux.DiagRow) { found[r.DestPort] = [2]uint8{r.Timer, r.Retrans} })
	return found
}

// waits waits until the socket shows a timer with so many retries or more.
func (s *side) waits(peer uint16, timer, least uint8) {
	s.t.Helper()
	var got [2]uint8
	if !until(func() bool { got = s.timers()[peer]; return got[0] == timer && got[1] >= least }) {
		s.t.Fatalf("timer and retries %v, expected timer %d with %d or more", got, timer, least)
	}
}

// sock_diag tells who waits for an answer: an idle socket has no timer, one with SO_KEEPALIVE has that one with the probes
// that were not answered, one with data under way that of the retransmission with its retries.
func TestNetNSDiagTellsWhoWaits(t *testing.T) {
	t.Parallel()
	for _, pair := range families {
		p := pair(t)
		l := p.serve(80)
		idle, alive, says := l.open(), l.open(), l.open()
		ok(t, "keep-alive", keepAliveLong(alive.server))
		p.server.waits(idle.port, 0, 0)
		p.server.waits(alive.port, linux.DiagTimerKeepAlive, 0)
		if got := p.server.timers()[alive.port]; got[1] != 0 {
			t.Errorf("probes without an answer before the peer vanished: %d", got[1])
		}
		p.cut()
		write(t, says.server)
		p.server.waits(says.port, linux.DiagTimerRetransmit, 2)
		p.server.waits(alive.port, linux.DiagTimerKeepAlive, 1)
		p.server.waits(idle.port, 0, 0)
	}
}

// keepAliveLong asks after a second, and for long.
func keepAliveLong(fd int) linux.Errno { return linux.SetKeepAlive(fd, 1e9, 1e9, 100) }

// Keep-alive does not ask while data is under way: that is sent again instead, and decides.
func TestNetNSKeepAliveWaitsForData(t *testing.T) {
	t.Parallel()
	asked := map[*pair]int{} // by the time the links were cut: those questions had an answer
	eachCut(t, func(l *service) (says, idle *conn) {
		says, idle = l.open(), l.open()
		for _, c := range []*conn{says, idle} {
			ok(t, "keep-alive", keepAlive(c.server))
		}
		return says, idle
	}, func(says *conn) {
		write(t, says.server)
		asked[says.pair] = says.pair.server.counter("TcpExt.TCPKeepAlive")
	}, func(version string, p *pair, says, idle *conn) {
		if _, e := read(t, idle.server); e != linux.ETIMEDOUT {
			t.Errorf("%s: the idle one: %v; expected ETIMEDOUT", version, e)
		}
		if _, e := linux.Read(says.server, make([]byte, 1)); e != linux.EAGAIN {
			t.Errorf("%s: with data under way: %v; expected it to stand", version, e)
		}
		p.server.waits(says.port, linux.DiagTimerRetransmit, 3)
		if n := p.server.counter("TcpExt.TCPKeepAlive") - asked[p]; n < 1 || n > 2 {
			t.Errorf("%s: %d probes; the idle one alone sends two", version, n)
		}
		equal(t, version+": TCPAbortOnTimeout", p.server.counter("TcpExt.TCPAbortOnTimeout"), 1)
	})
}

// What accept() gives has the listener's SO_KEEPALIVE, with its times.
func TestNetNSKeepAliveOfTheListener(t *testing.T) {
	t.Parallel()
	eachCut(t, func(l *service) (before, after *conn) {
		before = l.open()
		ok(t, "keep-alive", keepAlive(l.fd))
		return before, l.open()
	}, func(*conn) {}, func(version string, p *pair, before, after *conn) {
		if _, e := read(t, after.server); e != linux.ETIMEDOUT {
			t.Errorf("%s: %v; expected ETIMEDOUT", version, e)
		}
		p.server.waits(before.port, 0, 0)
		equal(t, version+": TCPAbortOnTimeout", p.server.counter("TcpExt.TCPAbortOnTimeout"), 1)
	})
}

// eachCut opens two connections in either family, cuts the links, does something with the first, and then looks at both:
// the families wait at the same time.
func eachCut(t *testing.T, open func(*service) (a, b *conn), then func(a *conn), look func(version string, p *pair, a, b *conn)) {
	t.Helper()
	type opened struct {
		p    *pair
		a, b *conn
	}
	all := map[string]opened{}
	for version, pair := range families {
		p := pair(t)
		a, b := open(p.serve(80))
		all[version] = opened{p, a, b}
	}
	for _, o := range all {
		o.p.cut()
		then(o.a)
	}
	for version, o := range all {
		look(version, o.p, o.a, o.b)
	}
}

// A SYN on the ports of a CLOSE_WAIT whose peer has forgotten it is answered with an acknowledgement; the RST to that ends
// the CLOSE_WAIT, and the same SYN, sent again, opens a new connection.
func TestNetNSSynEndsForgottenCloseWait(t *testing.T) {
	t.Parallel()
	const n = 10
	for version, pair := range families {
		p := pair(t)
		p.client.set("net.ipv4.tcp_fin_timeout", "1")
		l := p.serve(80)
		var leaked []*conn
		for range n {
			c := l.open(bindTo(p.client.address, 0)) // IPv6 might choose the other address
			c.closeClient()
			eof(t, c.server)
			leaked = append(leaked, c)
		}
		p.client.stands(nothing)
		p.server.stands(map[uint8]int{linux.DiagCloseWait: n})
		for _, c := range leaked {
			again := l.open(bindTo(p.client.address, c.port))
			equal(t, version+": the new connection's port", int(again.port), int(c.port))
		}
		p.server.stands(map[uint8]int{linux.DiagEstablished: n})
		equal(t, version+": OutRsts of the client", p.client.counter("Tcp.OutRsts"), n)
		equal(t, version+": EstabResets of the server", p.server.counter("Tcp.EstabResets"), n)
		for _, c := range leaked {
			if _, e := linux.Write(c.server, []byte("?")); e != linux.EPIPE {
				t.Errorf("%s: writing to what was a CLOSE_WAIT: %v; expected EPIPE", version, e)
			}
		}
	}
}
