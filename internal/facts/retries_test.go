//go:build linux

package facts

import (
	"strconv"
	"syscall"
	"testing"

	"twomsl/internal/linux"
)

// tcp_syn_retries is how often a SYN without an answer is sent again, and tcp_syn_linear_timeouts lets it be sent that many
// times more; connect() then fails with ETIMEDOUT.
func TestNetNSSynRetries(t *testing.T) {
	t.Parallel()
	for version, pair := range families {
		for _, c := range []struct{ retries, linear int }{{2, 0}, {1, 4}} {
			p := pair(t)
			p.client.has("net.ipv4.tcp_syn_linear_timeouts")
			p.client.set("net.ipv4.tcp_syn_retries", strconv.Itoa(c.retries))
			p.client.set("net.ipv4.tcp_syn_linear_timeouts", strconv.Itoa(c.linear))
			l := p.serve(80)
			p.cut()
			fd := p.client.socket()
			ok(t, "connect", l.start(fd))
			if _, e := read(t, fd); e != linux.ETIMEDOUT {
				t.Errorf("%s, %+v: %v; expected ETIMEDOUT", version, c, e)
			}
			if n := p.client.counter("TcpExt.TCPSynRetrans"); n < c.retries || n > c.retries+c.linear {
				t.Errorf("%s, %+v: the SYN was sent again %d times", version, c, n)
			}
			// so what the first counts beyond the second are connections that stood, and those of orphans
			equal(t, version+": TCPAbortOnTimeout", p.client.counter("TcpExt.TCPAbortOnTimeout"), 1)
			equal(t, version+": AttemptFails", p.client.counter("Tcp.AttemptFails"), 1)
		}
	}
}

// tcp_synack_retries is how often a SYN,ACK without an answer is sent again before the SYN_RECV is given up.
func TestNetNSSynAckRetries(t *testing.T) {
	t.Parallel()
	for version, pair := range families {
		for n := range 2 {
			p := pair(t)
			p.server.set("net.ipv4.tcp_synack_retries", strconv.Itoa(n))
			l := p.serve(80)
			p.server.sendTo(p.client, nobody)
			ok(t, "connect", l.start(p.client.socket()))
			p.server.stands(map[uint8]int{linux.DiagSynRecv: 1})
			p.cut() // the client's next SYN would ask for the answer again
			p.server.stands(nothing)
			equal(t, version+": SYN,ACK sent again", p.server.counter("TcpExt.TCPSynRetrans"), n)
		}
	}
}

// tcp_retries2 bounds how long unanswered data is sent again: the connection ends with ETIMEDOUT. An idle one has
// nothing to send again, and stays.
func TestNetNSRetries2(t *testing.T) {
	t.Parallel()
	for version, pair := range families {
		p := pair(t)
		l := p.serve(80)
		short, idle := l.open(), l.open()
		p.client.set("net.ipv4.tcp_retries2", "2")
		p.cut()
		if n, e := linux.Write(short.client, []byte("x")); n != 1 || e != 0 {
			t.Fatalf("%s: write: %d, %v", version, n, e)
		}
		if _, e := read(t, short.client); e != linux.ETIMEDOUT {
			t.Errorf("%s: %v; expected ETIMEDOUT", version, e)
		}
		// the bound is a time that so many retries take: on a busy machine there may be a few more, but never the 15
		if n := p.client.counter("Tcp.RetransSegs"); n < 1 || n > 10 {
			t.Errorf("%s: sent again %d times with tcp_retries2=2", version, n)
		}
		equal(t, version+": TCPAbortOnTimeout", p.client.counter("TcpExt.TCPAbortOnTimeout"), 1)
		equal(t, version+": AttemptFails", p.client.counter("Tcp.AttemptFails"), 0)
		if _, e := linux.Read(idle.client, make([]byte, 1)); e != linux.EAGAIN {
			t.Errorf("%s: the idle connection: %v; expected it to stand", version, e)
		}
	}
}

// tcp_orphan_retries bounds how often the FIN of a socket that no process holds is sent again; 0 is 8.
func TestNetNSOrphanRetries(t *testing.T) {
	t.Parallel()
	for version, newPair := range families {
		gave, stays := newPair(t), newPair(t)
		gave.client.set("net.ipv4.tcp_orphan_retries", "1")
		for _, p := range []*pair{gave, stays} {
			c := p.serve(80).open()
			p.cut()
			c.closeClient()
		}
		stays.client.stands(map[uint8]int{linux.DiagFinWait1: 1})
		gave.client.stands(nothing)
		stays.client.stands(map[uint8]int{linux.DiagFinWait1: 1})
		// The bound is a time that so many retries take; on a busy machine there may be a few more, but never the 8 of 0.
		if n := gave.client.counter("Tcp.RetransSegs"); n < 1 || n > 7 {
			t.Errorf("%s: the FIN was sent again %d times with tcp_orphan_retries=1", version, n)
		}
		if n := stays.client.counter("Tcp.RetransSegs"); !until(func() bool { return stays.client.counter("Tcp.RetransSegs") > 3 }) {
			t.Errorf("%s: the FIN was sent again %d times with tcp_orphan_retries=0", version, n)
		}
	}
}

// tcp_keepalive_time, _intvl and _probes are what a socket with SO_KEEPALIVE has that sets none of its own; one without
// SO_KEEPALIVE is left alone.
func TestNetNSKeepAliveDefaults(t *testing.T) {
	t.Parallel()
	const n, probes = 10, 2
	alive := sockopt(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
	for version, pair := range families {
		p := pair(t)
		p.client.set("net.ipv4.tcp_keepalive_time", "1")
		p.client.set("net.ipv4.tcp_keepalive_intvl", "1")
		p.client.set("net.ipv4.tcp_keepalive_probes", strconv.Itoa(probes))
		l := p.serve(80)
		var fds []int
		for range n {
			l.open()
			fds = append(fds, l.open(alive).client)
		}
		p.cut()
		for _, fd := range fds {
			if _, e := read(t, fd); e != linux.ETIMEDOUT {
				t.Fatalf("%s: %v; expected ETIMEDOUT", version, e)
			}
		}
		p.client.stands(map[uint8]int{linux.DiagEstablished: n})
		equal(t, version+": TCPKeepAlive", p.client.counter("TcpExt.TCPKeepAlive"), probes*n)
	}
}
