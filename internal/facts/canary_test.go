//go:build linux

package facts

import (
	"testing"
	"time"

	"twomsl/internal/linux"
)

// heldFor is how long a delayed ACK waits at the least (TCP_DELACK_MIN).
const heldFor = 40 * time.Millisecond

// With TCP_QUICKACK off before connect() the last ACK of the handshake is kept back: a close with SO_LINGER {1,0} then
// takes the server's SYN_RECV back, and nothing comes to accept().
func TestNetNSHandshakeTakenBack(t *testing.T) {
	t.Parallel()
	const n, backlog = 50, 4
	for version, pair := range families {
		p := pair(t)
		l := p.serve(80)
		ok(t, "listen", linux.Listen(l.fd, backlog)) // fewer than n: none of them may take a place
		late := 0
		var from linux.Sockaddr
		for range n {
			fd, begun := p.client.socket(), time.Now()
			ok(t, "connect", l.start(fd, linux.HoldHandshakeACK, func(fd int) linux.Errno { return linux.SetLinger(fd, 0) }))
			if !until(func() bool { return p.client.states()[linux.DiagEstablished] == 1 }) {
				t.Fatalf("%s: the client has %v", version, p.client.states())
			}
			sent, e := linux.SegmentsOut(fd)
			ok(t, "TCP_INFO", e)
			p.client.close(fd)
			took := time.Since(begun)
			came, e := linux.Accept(l.fd, &from)
			switch {
			case e != 0 && sent != 1:
				t.Errorf("%s: %d segments sent; only the SYN was to be", version, sent)
			case e == 0 && took < heldFor:
				t.Errorf("%s: accept() gives %d after %v; nobody was to come", version, came, took)
			case e == 0: // the machine stood still until the ACK was due
				late++
				p.server.close(came)
			}
		}
		p.client.stands(nothing)
		p.server.stands(nothing)
		equal(t, version+": PassiveOpens of the server", p.server.counter("Tcp.PassiveOpens"), late)
		equal(t, version+": EmbryonicRsts of the server", p.server.counter("TcpExt.EmbryonicRsts"), n-late)
		equal(t, version+": AttemptFails of the server", p.server.counter("Tcp.AttemptFails"), n-late)
		equal(t, version+": TCPAbortOnData of the client", p.client.counter("TcpExt.TCPAbortOnData"), n)
		equal(t, version+": OutRsts of the client", p.client.counter("Tcp.OutRsts"), n)
	}
}

// Without that the server has the connection, and the reset comes after it.
func TestNetNSHandshakeNotTakenBack(t *testing.T) {
	t.Parallel()
	const n = 20
	p := newPair(t)
	l := p.serve(80)
	for range n {
		c := l.open(func(fd int) linux.Errno { return linux.SetLinger(fd, 0) })
		if sent, e := linux.SegmentsOut(c.client); e != 0 || sent != 2 {
			t.Errorf("%d segments sent, %v; SYN and ACK were to be", sent, e)
		}
		c.closeClient()
		c.closeServer()
	}
	equal(t, "PassiveOpens of the server", p.server.counter("Tcp.PassiveOpens"), n)
	equal(t, "EmbryonicRsts of the server", p.server.counter("TcpExt.EmbryonicRsts"), 0)
}

// SO_MARK of a listener is that of what it accepts, and sock_diag tells it of sockets in every state, TIME_WAIT too.
func TestNetNSMarkIsInherited(t *testing.T) {
	t.Parallel()
	const mark = 0x2b51
	for version, pair := range families {
		p := pair(t)
		l := p.serve(80)
		ok(t, "SO_MARK", linux.SetMark(l.fd, mark))
		l.open()
		l.open(func(fd int) linux.Errno { return linux.SetMark(fd, mark) }).serverFirst()
		marks := func(s *side) map[uint8]map[uint32]int {
			seen := map[uint8]map[uint32]int{}
			must(t, s.diag.Dump(linux.DiagQuery{IPv6: s.address.Is6(), States: linux.DiagAllStates, Marks: true}, func(r *linux.DiagRow) {
				if seen[r.State] == nil {
					seen[r.State] = map[uint32]int{}
				}
				seen[r.State][r.Mark]++
			}))
			return seen
		}
		server, client := marks(p.server), marks(p.client)
		equal(t, version+": marked listeners", server[linux.DiagListen][mark], 1)
		equal(t, version+": marked connections of the server", server[linux.DiagEstablished][mark], 1)
		equal(t, version+": marked TIME_WAIT", server[linux.DiagTimeWait][mark], 1)
		equal(t, version+": connections of the client without a mark", client[linux.DiagEstablished][0], 1)
	}
}
