//go:build linux

package exchange

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// Who takes turns with the other end does not look for an answer to what was just said, not even where one is there: the
// system call would be in vain each time. In the next turn it does.
func TestInTurnsNobodyLooksForAnAnswerAtOnce(t *testing.T) {
	for _, inTurns := range []bool{true, false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		fd, e := linux.Socket(false)
		to := linux.NewSockaddr(netip.MustParseAddrPort(l.Addr().String()))
		if e == 0 {
			e = linux.Connect(fd, &to)
		}
		if e != 0 && e != linux.EINPROGRESS {
			t.Fatal(e)
		}
		peer, err := l.Accept()
		must(t, err)
		_, err = peer.Write(response) // before it was asked
		must(t, err)
		must(t, peer.(*net.TCPConn).CloseWrite())
		awaitReadable(t, fd)
		var count tally.Tally
		w := Worker{
			Scripts: []Script{script(teardown.Shutdown, teardown.ReadEOF, teardown.Close)}, Buf: make([]byte, 4096), Tally: &count,
			Gate: new(atomic.Int64), InTurns: inTurns, Now: 7,
		}
		var c Conn
		c.Begin(fd, 0)
		var got []Result
		for len(got) == 0 || got[len(got)-1] == Waiting {
			got = append(got, w.Advance(&c, true))
			if len(got) > 3 {
				t.Fatalf("in turns %v: %v", inTurns, got)
			}
		}
		// request; response, shutdown; end of the stream, close
		if want := map[bool]int{true: 3, false: 1}[inTurns]; len(got) != want || got[len(got)-1] != Closed || w.EOFs != 1 {
			t.Errorf("in turns %v: %v, %d ends seen; expected %d calls", inTurns, got, w.EOFs, want)
		}
		if c.ClosedAt != 7 {
			t.Errorf("closed at %d, and the pass was at 7", c.ClosedAt)
		}
		must(t, peer.Close())
		must(t, l.Close())
	}
}

// awaitReadable waits until there is something to read.
func awaitReadable(t *testing.T, fd int) {
	t.Helper()
	var b [1]byte
	for end := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		if _, e := linux.Peek(fd, b[:]); e == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nothing came")
		}
	}
}
