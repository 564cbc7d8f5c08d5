//go:build linux

package facts

import (
	"testing"
	"time"

	"twomsl/internal/linux"
)

// TCP_LINGER2 is the orphaned FIN_WAIT2's life for one socket: 0 is the namespace's tcp_fin_timeout, more than 120 is
// 120, anything below 0 is -1, and what accept() gives has the listener's.
func TestNetNSLinger2Values(t *testing.T) {
	t.Parallel()
	for version, pair := range families {
		p := pair(t)
		p.client.set("net.ipv4.tcp_fin_timeout", "33")
		l := p.serve(80)
		fd := p.client.socket()
		equal(t, version+": TCP_LINGER2 at first", getLinger2(t, fd), 33)
		for _, c := range []struct{ set, get int }{
			{1, 1}, {0, 33}, {120, 120}, {121, 120}, {1 << 30, 120}, {-1, -1}, {-5, -1},
		} {
			ok(t, "TCP_LINGER2", linger2(c.set)(fd))
			equal(t, version+": TCP_LINGER2", getLinger2(t, fd), c.get)
		}
		ok(t, "TCP_LINGER2", linger2(7)(l.fd))
		equal(t, version+": the accepted socket's", getLinger2(t, l.open().server), 7)
	}
}

// With TCP_LINGER2 = n an orphaned FIN_WAIT2 lives n seconds and no TIME_WAIT follows; with more than 60 it comes into
// sockstat's tw late.
func TestNetNSLinger2Life(t *testing.T) {
	t.Parallel()
	const n, plain, long = 30, 5, 3
	for version, pair := range families {
		p := pair(t)
		l := p.serve(80)
		orphan := func(count int, how ...option) (begin time.Time) {
			for range count {
				c := l.open(how...)
				begin = time.Now()
				c.closeClient() // and the server stays
			}
			return begin
		}
		orphan(plain)
		orphan(plain, linger2(1), linger2(0))
		orphan(long, linger2(120))
		begin := orphan(n, linger2(1))
		p.client.stands(map[uint8]int{linux.DiagFinWait2: 2*plain + long + n})
		p.client.stands(map[uint8]int{linux.DiagFinWait2: 2*plain + long})
		if lived := time.Since(begin); lived < time.Second {
			t.Errorf("%s: gone after %v, a second was asked for", version, lived)
		}
		equal(t, version+": tw", p.client.inTW(), 2*plain)
		equal(t, version+": TW", p.client.counter("TcpExt.TW"), 2*plain)
		equal(t, version+": TWKilled", p.client.counter("TcpExt.TWKilled"), n)
		equal(t, version+": RST", p.client.counter("Tcp.OutRsts"), 0)
		p.server.stands(map[uint8]int{linux.DiagCloseWait: 2*plain + long + n})
	}
}

// TCP_LINGER2 = -1: close() sends its FIN, and an RST as soon as that is acknowledged. Nothing is left on either side,
// and nothing is lost of what was sent. The peer's application sees the end of the stream and then EPIPE, no
// ECONNRESET.
func TestNetNSLinger2NegativeResetsAfterFIN(t *testing.T) {
	t.Parallel()
	const n, size = 25, 30_000
	for version, pair := range families {
		for name, c := range map[string]struct {
			send             int  // bytes that the closer sends before
			halfClose        bool // shutdown() first, and close() once that was acknowledged
			peerCloses       bool
			onLinger, onData int
		}{
			"the peer stays":             {onData: n},
			"the peer closes at once":    {onData: n, peerCloses: true},
			"closed in FIN_WAIT2":        {halfClose: true, onLinger: n},
			"data before, the peer late": {send: size, onData: n},
		} {
			p := pair(t)
			l := p.serve(80)
			var held []*conn
			for range n {
				open := l.open(linger2(-1))
				if c.send > 0 {
					writeAll(t, open.client, c.send)
				}
				if c.halfClose {
					ok(t, "shutdown", linux.ShutdownWrite(open.client))
					becomes(t, open.client, linux.DiagFinWait2)
				}
				open.closeClient()
				if c.peerCloses {
					eof(t, open.server)
					open.closeServer()
					continue
				}
				held = append(held, open)
			}
			p.client.stands(nothing)
			p.server.stands(nothing)
			for _, open := range held {
				becomes(t, open.server, linux.DiagClose)
				got, e := drain(t, open.server)
				if got != c.send || e != 0 {
					t.Fatalf("%s, %s: the peer reads %d bytes, then %v; expected %d and the end", version, name, got, e, c.send)
				}
				if wrote, e := linux.Write(open.server, []byte("?")); wrote != 0 || e != linux.EPIPE {
					t.Fatalf("%s, %s: the peer writes %d bytes, %v; expected EPIPE", version, name, wrote, e)
				}
			}
			what := version + ", " + name + ": "
			equal(t, what+"TCPAbortOnLinger", p.client.counter("TcpExt.TCPAbortOnLinger"), c.onLinger)
			equal(t, what+"TCPAbortOnData", p.client.counter("TcpExt.TCPAbortOnData"), c.onData)
			equal(t, what+"OutRsts of the closer", p.client.counter("Tcp.OutRsts"), n)
			// Who closes at once is in LAST_ACK when the RST comes, which EstabResets does not count; that is a race
			// against the delayed acknowledgement (40 ms).
			if got := p.server.counter("Tcp.EstabResets"); got < len(held) || !c.peerCloses && got > len(held) {
				t.Errorf("%sEstabResets of the peer: %d, expected %d", what, got, len(held))
			}
			equal(t, what+"TW of both", p.client.counter("TcpExt.TW")+p.server.counter("TcpExt.TW"), 0)
			equal(t, what+"TWKilled of both", p.client.counter("TcpExt.TWKilled")+p.server.counter("TcpExt.TWKilled"), 0)
		}
	}
}

// shutdown() without close(): FIN_WAIT2 stays for as long as the process does, whatever tcp_fin_timeout and TCP_LINGER2
// say, and the peer is in CLOSE_WAIT.
func TestNetNSHalfCloseStays(t *testing.T) {
	t.Parallel()
	const n = 20
	var pairs []*pair
	for _, make := range families {
		p := make(t)
		p.client.set("net.ipv4.tcp_fin_timeout", "1")
		l := p.serve(80)
		for range n {
			c := l.open(linger2(1))
			ok(t, "shutdown", linux.ShutdownWrite(c.client))
			eof(t, c.server)
		}
		p.client.stands(map[uint8]int{linux.DiagFinWait2: n})
		pairs = append(pairs, p)
	}
	time.Sleep(2500 * time.Millisecond)
	for _, p := range pairs {
		equal(t, "FIN_WAIT2", p.client.states()[linux.DiagFinWait2], n)
		equal(t, "CLOSE_WAIT", p.server.states()[linux.DiagCloseWait], n)
		equal(t, "tw", p.client.inTW(), 0)
		p.client.each(1<<linux.DiagFinWait2, func(r *linux.DiagRow) {
			if r.Timer != 0 || r.Inode == 0 {
				t.Errorf("a FIN_WAIT2 has timer %d and inode %d; expected none running, and a process", r.Timer, r.Inode)
			}
		})
	}
}

// A process that never closes what its peer has closed: CLOSE_WAIT stays, the peer's orphan ends after its time, and
// nothing tells the process. Its first write succeeds and is answered with an RST, after which it gets EPIPE.
func TestNetNSCloseWaitLeakStays(t *testing.T) {
	t.Parallel()
	const n = 20
	for version, pair := range families {
		p := pair(t)
		p.client.set("net.ipv4.tcp_fin_timeout", "1")
		l := p.serve(80)
		var leaked []*conn
		for range n {
			c := l.open()
			c.closeClient()
			eof(t, c.server)
			leaked = append(leaked, c)
		}
		p.client.stands(nothing)
		p.server.stands(map[uint8]int{linux.DiagCloseWait: n})
		equal(t, version+": RST by then", p.client.counter("Tcp.OutRsts")+p.server.counter("Tcp.OutRsts"), 0)
		// As TWKilled, or as TW where a slow answer made the retransmission timer long (tcp_fin_time).
		equal(t, version+": TW and TWKilled", p.client.counter("TcpExt.TW")+p.client.counter("TcpExt.TWKilled"), n)
		equal(t, version+": TW of the server", p.server.counter("TcpExt.TW")+p.server.counter("TcpExt.TWKilled"), 0)
		for _, c := range leaked {
			eof(t, c.server)
			write(t, c.server)
			becomes(t, c.server, linux.DiagClose)
			eof(t, c.server)
			if wrote, e := linux.Write(c.server, []byte("?")); wrote != 0 || e != linux.EPIPE {
				t.Fatalf("%s: the second write: %d bytes, %v; expected EPIPE", version, wrote, e)
			}
		}
		p.server.stands(nothing)
		equal(t, version+": OutRsts of the side that had closed", p.client.counter("Tcp.OutRsts"), n)
		equal(t, version+": EstabResets of the leaker", p.server.counter("Tcp.EstabResets"), n)
	}
}
