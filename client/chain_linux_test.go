package client_test

import (
	"maps"
	"net"
	"net/netip"
	"testing"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/pairtest"
	"twomsl/internal/scenario"
)

// Ports that the program chooses are bound by the ring, too: a taken one fails at bind(), and uses the tuple up.
func TestNetNSBoundPortsInChains(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	nstest.Sysctl(t, "ipv4/tcp_tw_reuse", "0")
	if err := linux.TryRing(true); err != nil {
		t.Skip(err)
	}
	for i, engine := range ways {
		pairtest.Descriptors(t)
		low := 30000 + 100*i
		to := netip.AddrPortFrom(loopback, uint16(5000+i))
		c, srv := pairtest.New(t, pairtest.Options{Engine: engine, Client: client.Plan{
			Destinations: []netip.AddrPort{to}, Connections: 100,
			Socket: client.Socket{Bind: scenario.Bind{Mode: scenario.BindPorts, Ports: scenario.PortRange{Low: low, High: low + ports - 1}}},
		}}).Run()
		expectEnds(t, c.Outcomes, map[string]int64{"ok": ports, "bind address-in-use EADDRINUSE": 100 - ports})
		pairtest.OnlyOK(t, ports, srv.Outcomes)
		if tuple := c.Tuples[0]; tuple.OKBefore == nil || *tuple.OKBefore != ports || !c.Progress.Exhausted {
			t.Errorf("%s: %+v", engine, tuple)
		}
	}
}

// A chain whose socket is connected to itself reads its own request: that is told from an echo by the socket's address.
// Of four connections two are bound to the very port that they go to; the first of them runs step by step.
func TestNetNSSelfConnectInAChain(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	if err := linux.TryRing(true); err != nil {
		t.Skip(err)
	}
	seen := map[string]map[string]int64{}
	for i, engine := range ways {
		pairtest.Descriptors(t)
		low := 7000 + 10*i
		socket := client.Socket{ReuseAddress: true}
		socket.Bind = scenario.Bind{Mode: scenario.BindPorts, Ports: scenario.PortRange{Low: low, High: low + 1}}
		res := pairtest.RunClient(t, client.Plan{
			Engine: engine, Connections: 4, Concurrency: 1, Socket: socket,
			Destinations: []netip.AddrPort{netip.AddrPortFrom(loopback, uint16(low)), netip.AddrPortFrom(loopback, uint16(low+1))},
		})
		seen[engine] = ends(res.Outcomes)
		expectEnds(t, res.Outcomes, map[string]int64{"connect self-connect": 2, "connect refused ECONNREFUSED": 2})
		if res.Tuples[0].Successes != 1 || res.Tuples[1].Successes != 1 || res.Read != 0 {
			t.Errorf("%s: %+v", engine, res)
		}
	}
	if !maps.Equal(seen[ways[0]], seen[ways[1]]) {
		t.Errorf("%v", seen)
	}
}

// Several requests on one connection are said and heard in turn. The request is the longer one: on one host a socket could be
// connected to itself, and no chain is made where that could not be told.
func TestRoundsInAChain(t *testing.T) {
	for _, engine := range ways {
		for _, side := range sides {
			pairtest.Descriptors(t)
			cl, srv := pairtest.New(t, pairtest.Options{
				Engine: engine, Close: scenario.Close{Side: side, Linger: scenario.Linger{On: true}},
				Client: client.Plan{Connections: 50, Rounds: 3, Request: 5001, Response: 5000},
			}).Run()
			if cl.Progress.OK != 50 && side != scenario.BothSides {
				t.Errorf("%s, %s: %+v", engine, side, cl)
			}
			if side != scenario.BothSides {
				bytesAre(t, cl, srv, 50*3*5001, 50*3*5000)
			}
		}
	}
}

// Whoever closes first, and how, the other side's application sees it as it does with epoll. Nothing is metered: all but
// one connection in sixteen are chains.
func TestNetNSEndsOfChainsAreSeen(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	const n = 100
	for _, engine := range ways {
		for _, side := range []scenario.Side{scenario.ClientSide, scenario.ServerSide} {
			for _, reset := range []bool{false, true} {
				pairtest.Descriptors(t)
				cl, srv := pairtest.New(t, pairtest.Options{
					Engine: engine, Close: scenario.Close{Side: side, Linger: scenario.Linger{On: reset}},
					Client: client.Plan{Connections: n},
				}).Run()
				eofs, resets, firstCloses := srv.EOFs, srv.Resets, cl.FirstCloses
				if side == scenario.ServerSide {
					eofs, resets, firstCloses = cl.EOFs, cl.Resets, srv.FirstCloses
				}
				if reset && (eofs != 0 || resets != n) || !reset && (eofs != n || resets != 0 || firstCloses != n) {
					t.Errorf("%s, by the %s, reset %v: %d ends, %d resets, %d first closes", engine, side, reset, eofs, resets, firstCloses)
				}
				if cl.Progress.OK != n || srv.Progress.OK != n {
					t.Errorf("client %+v, server %+v", cl.Progress, srv.Progress)
				}
			}
		}
	}
}

// When a client that was aborted is done, none of its connections is open any more: they do not wait for the end of the
// ring, which comes some time after it was closed.
func TestNetNSAbortLeavesNothingOpen(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	const inFlight = 64
	for _, engine := range ways {
		p := newPeer(t, func(c net.Conn) { waitForEnd(c) })
		c := startClient(t, client.Plan{Engine: engine, Destinations: p.address, Concurrency: inFlight})
		to := p.address[0].Port()
		pairtest.Until(t, "all stand", func() bool { return established(t, to) == inFlight })
		c.Abort("interrupt")
		pairtest.Done(t, "the client", c.Done())
		if open := established(t, to); open != 0 {
			t.Errorf("%s: %d connections are open", engine, open)
		}
	}
}

// established counts the clients' sockets that are connected to a port and have not been closed.
func established(t *testing.T, port uint16) (n int) {
	t.Helper()
	diag, err := linux.OpenDiag()
	if err != nil {
		t.Fatal(err)
	}
	defer diag.Close()
	err = diag.Dump(linux.DiagQuery{States: 1 << linux.DiagEstablished}, func(r *linux.DiagRow) {
		if r.DestPort == port {
			n++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
