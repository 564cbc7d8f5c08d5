//go:build linux

package client

import (
	"net/netip"
	"testing"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/scenario"
	"twomsl/internal/tally"
)

// Where the handshake is over when connect() returns, it is timed and the request goes out there and then: a connection
// that waited for those started after it would tell how long they took, not how long the kernel did.
func TestHandshakeIsTimedWhenItIsOver(t *testing.T) {
	l, e := linux.Socket(false)
	sa := linux.NewSockaddr(netip.MustParseAddrPort("127.0.0.1:0"))
	for _, e := range []linux.Errno{e, linux.Bind(l, &sa), linux.Listen(l, 1024), linux.LocalAddr(l, &sa)} {
		if e != 0 {
			t.Fatal(e)
		}
	}
	defer linux.Close(l)
	c, err := New(Plan{
		Sources: addresses(1), Destinations: []netip.AddrPort{sa.AddrPort()}, Rate: scenario.Max, Workers: 1,
		Concurrency: 500, Until: scenario.Duration(time.Hour), Timeout: scenario.Duration(time.Hour),
		Request: 10, Response: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.closeWorkers()
	w := c.workers[0]
	defer w.giveUp()
	// One try is enough unless the kernel puts its network work off to a thread of its own.
	for n := range int64(500) {
		w.start(n, 0)
		if c := &w.conns[w.newest]; c.Phase() == tally.Read && w.talk.Written >= 10 && w.rec.connect.TotalCount() > 0 {
			return
		}
	}
	t.Error("none of 500 connections was seen to be established before it was polled for")
}
