//go:build linux

package facts

import (
	"testing"
	"time"

	"twomsl/internal/linux"
)

// seen are the rows of the connections in a state.
func (s *side) seen(state uint8) (rows []linux.DiagRow) {
	s.each(1<<state, func(r *linux.DiagRow) { rows = append(rows, *r) })
	return rows
}

// Recv-Q of a connection whose peer has closed counts the FIN as a byte, until the program has read the end.
func TestNetNSFinTakesAPlaceInRecvQ(t *testing.T) {
	t.Parallel()
	for version, pair := range families {
		p := pair(t)
		l := p.serve(80)
		closed, wrote := l.open(), l.open()
		if _, e := linux.Write(wrote.client, []byte("hello")); e != 0 {
			t.Fatal(e)
		}
		closed.closeClient()
		p.server.stands(map[uint8]int{linux.DiagCloseWait: 1, linux.DiagEstablished: 1})
		queue := func() uint32 { return p.server.seen(linux.DiagCloseWait)[0].RecvQueue }
		equal(t, version+": Recv-Q with an unread FIN", int(queue()), 1)
		if !until(func() bool { return p.server.seen(linux.DiagEstablished)[0].RecvQueue == 5 }) {
			t.Errorf("%s: Recv-Q with 5 bytes unread: %+v", version, p.server.seen(linux.DiagEstablished))
		}
		eof(t, closed.server)
		equal(t, version+": Recv-Q when the program has seen the end", int(queue()), 0)
	}
}

// A row of sock_diag tells of a peer that is gone: how often a segment was sent again in a row (timer 1), or a keep-alive probe
// was not answered (timer 2). While the peer answers, both are 0.
func TestNetNSRowsTellOfAVanishedPeer(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	l := p.serve(80)
	l.open(keepAlive)
	busy := l.open()
	for _, r := range p.client.seen(linux.DiagEstablished) {
		equal(t, "tries while the peer answers", int(r.Retrans), 0)
	}
	p.cut()
	if _, e := linux.Write(busy.client, []byte("hello")); e != 0 {
		t.Fatal(e)
	}
	tries := func(timer uint8) func() bool {
		return func() bool {
			for _, r := range p.client.seen(linux.DiagEstablished) {
				if r.Timer == timer && r.Retrans > 0 {
					return true
				}
			}
			time.Sleep(20 * time.Millisecond) // it takes seconds
			return false
		}
	}
	const again = 1 // timer of a segment that is sent again
	if !until(tries(again)) {
		t.Errorf("no row tells of a segment sent again: %+v", p.client.seen(linux.DiagEstablished))
	}
	if !until(tries(linux.DiagTimerKeepAlive)) {
		t.Errorf("no row tells of a probe that nobody answers: %+v", p.client.seen(linux.DiagEstablished))
	}
}
