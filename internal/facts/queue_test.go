//go:build linux

package facts

import (
	"strconv"
	"testing"

	"twomsl/internal/linux"
)

// flood sends n SYN that the server cannot answer: whoever it keeps for them is in SYN_RECV. It gives how many those
// are once every SYN has been dealt with, and the counters of what became of the others.
func flood(p *pair, l *service, n int) (kept, cookies, dropped int) {
	p.t.Helper()
	p.server.sendTo(p.client, nobody)
	for range n {
		ok(p.t, "connect", l.start(p.client.socket()))
	}
	done := until(func() bool {
		kept = p.server.states()[linux.DiagSynRecv]
		cookies, dropped = p.server.counter("TcpExt.SyncookiesSent"), p.server.counter("TcpExt.ListenDrops")
		return kept+cookies+dropped >= n
	})
	if !done {
		p.t.Fatalf("%d SYN: %d kept, %d cookies, %d dropped", n, kept, cookies, dropped)
	}
	return kept, cookies, dropped
}

// A listener keeps one SYN_RECV more than its backlog. A SYN beyond that is answered with a cookie with tcp_syncookies=1 and
// dropped with 0; with 2 every SYN is answered with one, and nothing is kept.
func TestNetNSSyncookies(t *testing.T) {
	t.Parallel()
	const n, backlog = 60, 20
	for version, pair := range families {
		for value, want := range map[string]struct {
			kept    int
			cookies bool
		}{"0": {backlog + 1, false}, "1": {backlog + 1, true}, "2": {0, true}} {
			p := pair(t)
			p.server.set("net.ipv4.tcp_syncookies", value)
			l := p.serve(80)
			ok(t, "listen", linux.Listen(l.fd, backlog))
			kept, cookies, dropped := flood(p, l, n)
			equal(t, version+", "+value+": SYN_RECV", kept, want.kept)
			if (cookies >= n-want.kept) != want.cookies || (dropped >= n-want.kept) == want.cookies {
				t.Errorf("%s, tcp_syncookies=%s: %d cookies, %d dropped", version, value, cookies, dropped)
			}
			// "queue full" is counted wherever no place in it is given: with 2 for every SYN, however empty it is
			asked := p.server.counter("TcpExt.TCPReqQFullDoCookies")
			refused := p.server.counter("TcpExt.TCPReqQFullDrop")
			if want.cookies != (asked >= n-want.kept) || want.cookies == (refused >= n-want.kept) {
				t.Errorf("%s, tcp_syncookies=%s: TCPReqQFullDoCookies %d, TCPReqQFullDrop %d", version, value, asked, refused)
			}
		}
	}
}

// With tcp_syncookies=0 three quarters of tcp_max_syn_backlog, and one, are kept in SYN_RECV; with 1 it is not looked at.
func TestNetNSMaxSynBacklog(t *testing.T) {
	t.Parallel()
	const n, backlog, limit = 150, 100, 64
	for version, pair := range families {
		for cookies, want := range map[string]int{"0": limit*3/4 + 1, "1": backlog + 1} {
			p := pair(t)
			p.server.set("net.ipv4.tcp_syncookies", cookies)
			p.server.set("net.ipv4.tcp_max_syn_backlog", strconv.Itoa(limit))
			l := p.serve(80)
			ok(t, "listen", linux.Listen(l.fd, backlog))
			kept, _, _ := flood(p, l, n)
			equal(t, version+", tcp_syncookies="+cookies+": SYN_RECV", kept, want)
		}
	}
}

// listen() takes somaxconn as it is at that moment: a listener that is there keeps the backlog that it has.
func TestNetNSSomaxconnOfListen(t *testing.T) {
	t.Parallel()
	const before, after = 3, 100
	for version, pair := range families {
		p := pair(t)
		p.server.set("net.core.somaxconn", strconv.Itoa(before))
		l := p.serve(80)
		p.server.set("net.core.somaxconn", strconv.Itoa(after))
		for range before + 1 + 5 {
			ok(t, "connect", l.start(p.client.socket()))
		}
		if !until(func() bool { return p.server.counter("TcpExt.ListenOverflows") >= 5 }) {
			t.Errorf("%s: the backlog of a listener grew with somaxconn", version)
		}
		p.server.stands(map[uint8]int{linux.DiagEstablished: before + 1})
	}
}

// An ACK that ends a handshake while the accept queue is full is answered with an RST with tcp_abort_on_overflow=1. With
// 0 it is dropped: the client is connected, the server asks again, and lets it in once there is room.
func TestNetNSAbortOnOverflow(t *testing.T) {
	t.Parallel()
	const backlog = 7
	for version, pair := range families {
		for value, reset := range map[string]bool{"0": false, "1": true} {
			p := pair(t)
			p.server.set("net.ipv4.tcp_abort_on_overflow", value)
			l := p.serve(80)
			ok(t, "listen", linux.Listen(l.fd, backlog))
			p.server.sendAddressTo(p.client.address, nobody)
			p.server.sendAddressTo(p.client.second, p.client.hardware())
			late := p.client.socket()
			ok(t, "connect", l.start(late, bindTo(p.client.address, 0)))
			p.server.stands(map[uint8]int{linux.DiagSynRecv: 1})
			for range backlog + 1 {
				ok(t, "connect", l.start(p.client.socket(), bindTo(p.client.second, 0)))
			}
			p.server.stands(map[uint8]int{linux.DiagSynRecv: 1, linux.DiagEstablished: backlog + 1})
			p.mend() // the next SYN,ACK comes through
			if reset {
				if _, e := read(t, late); e != linux.ECONNRESET {
					t.Errorf("%s, 1: %v; expected ECONNRESET", version, e)
				}
				p.server.stands(map[uint8]int{linux.DiagEstablished: backlog + 1})
				continue
			}
			becomes(t, late, linux.DiagEstablished)
			var from linux.Sockaddr
			for range backlog + 2 {
				fd := -1
				var e linux.Errno
				if !until(func() bool { fd, e = linux.Accept(l.fd, &from); return e != linux.EAGAIN }) || e != 0 {
					t.Fatalf("%s, 0: accept: %v", version, e)
				}
				p.server.open[fd] = true
			}
			p.server.stands(map[uint8]int{linux.DiagEstablished: backlog + 2})
			equal(t, version+", 0: RST of the server", p.server.counter("Tcp.OutRsts"), 0)
		}
	}
}

// Data for a FIN_WAIT2 that nobody holds any more is answered with an RST and ends it: no TIME_WAIT follows, and no counter
// but OutRsts tells. TcpExtTW had counted it when it became an orphan.
func TestNetNSDataEndsOrphanedFinWait2(t *testing.T) {
	t.Parallel()
	const n = 20
	for version, pair := range families {
		p := pair(t)
		l := p.serve(80)
		var open []*conn
		for range n {
			c := l.open()
			c.closeClient()
			open = append(open, c)
		}
		p.client.stands(map[uint8]int{linux.DiagFinWait2: n})
		equal(t, version+": TW", p.client.counter("TcpExt.TW"), n)
		for _, c := range open {
			write(t, c.server)
		}
		p.client.stands(map[uint8]int{})
		equal(t, version+": RST of the client", p.client.counter("Tcp.OutRsts"), n)
		equal(t, version+": TW afterwards", p.client.counter("TcpExt.TW"), n)
		equal(t, version+": aborts", p.client.counter("TcpExt.TCPAbortOnData")+p.client.counter("TcpExt.TCPAbortOnClose"), 0)
		equal(t, version+": resets seen by the server", p.server.counter("Tcp.EstabResets"), n)
	}
}
