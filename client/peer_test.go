//go:build linux

package client_test

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/pairtest"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// peer is a hand-written server: each connection is served by a function, then closed.
type peer struct {
	address []netip.AddrPort
}

func newPeer(t *testing.T, serve func(net.Conn)) peer {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	return peer{[]netip.AddrPort{netip.MustParseAddrPort(l.Addr().String())}}
}

// readRequest takes the 64 bytes that plans send where they do not say otherwise.
func readRequest(t *testing.T, c net.Conn) {
	if _, err := io.ReadFull(c, make([]byte, 64)); err != nil {
		t.Errorf("the peer reads the request: %v", err)
	}
}

// waitForEnd reads until the client is gone, by FIN or by RST.
func waitForEnd(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func newClient(t *testing.T, plan client.Plan) client.Engine {
	t.Helper()
	pairtest.ClientPlan(&plan)
	pairtest.Procs(t, max(plan.Workers, min(plan.Concurrency, client.MostThreads)))
	pairtest.Chained(t, &plan)
	c, err := client.Open(plan)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func startClient(t *testing.T, plan client.Plan) client.Engine {
	t.Helper()
	c := newClient(t, plan)
	c.Start(linux.Nano())
	t.Cleanup(func() {
		c.Abort("end of test")
		pairtest.Done(t, "the client", c.Done())
	})
	return c
}
