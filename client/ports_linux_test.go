package client_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/client"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/pairtest"
	"twomsl/internal/scenario"
	"twomsl/server"
)

const (
	ports  = 40
	rounds = 20
)

// With 40 ports a tuple and every TIME_WAIT staying, 40 connections succeed before EADDRNOTAVAIL, however many workers
// race for the last of them, and each failure is one that connect() returned.
func TestNetNSEveryPortIsUsedBeforeTheFirstExhaustion(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	nstest.Sysctl(t, "ipv4/tcp_tw_reuse", "0")
	nstest.Sysctl(t, "ipv4/tcp_rfc1337", "1")
	nstest.Sysctl(t, "ipv4/ip_local_port_range", "20000 60999") // what a socket asks for must lie in it
	port := uint16(5000)                                        // a fresh tuple each round
	for _, engine := range []string{"split", "split/uring"} {
		for _, workers := range []int{1, 4} {
			everyPortIsUsed(t, engine, workers, &port)
		}
	}
}

func everyPortIsUsed(t *testing.T, engine string, workers int, port *uint16) {
	for _, sources := range [][]netip.Addr{{loopback}, {loopback, netip.MustParseAddr("127.0.0.2")}} {
		for round := range rounds {
			*port++
			t.Run(fmt.Sprintf("%s, %d workers, %d sources, round %d", engine, workers, len(sources), round), func(t *testing.T) {
				exhaust(t, engine, workers, sources, netip.AddrPortFrom(loopback, *port))
			})
		}
	}
}

func exhaust(t *testing.T, engine string, workers int, sources []netip.Addr, to netip.AddrPort) {
	pairtest.Descriptors(t)
	const attempts = 3 * ports * 2
	c, srv := pairtest.New(t, pairtest.Options{Engine: engine, Client: client.Plan{
		Destinations: []netip.AddrPort{to}, Sources: sources, Workers: workers, Connections: attempts,
		Socket: client.Socket{PortRange: scenario.PortRange{Low: 20000, High: 20000 + ports - 1}, BindNoPort: true},
	}}).Run()
	all := ports * int64(len(sources))
	expectEnds(t, c.Outcomes, map[string]int64{
		"ok": all, "connect address-not-available EADDRNOTAVAIL": attempts - all,
	})
	pairtest.OnlyOK(t, all, srv.Outcomes)
	if !c.Progress.Exhausted || c.FirstCloses != all || c.Progress.Failed != attempts-all {
		t.Errorf("%+v", c)
	}
	for i, tuple := range c.Tuples {
		at := tuple.FirstExhaustionSeconds
		if tuple.Successes != ports || tuple.OKBefore == nil || *tuple.OKBefore != ports || at == nil || *at <= 0 {
			t.Errorf("source %v: %+v", sources[i], tuple)
		}
	}
}

// A tuple that was not exhausted says nothing of an exhaustion.
func TestNetNSOnlyTheExhaustedTupleSaysSo(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	nstest.Sysctl(t, "ipv4/tcp_tw_reuse", "0")
	nstest.Sysctl(t, "ipv4/ip_local_port_range", "20000 60999")
	pairtest.Descriptors(t)
	to := []netip.AddrPort{netip.AddrPortFrom(loopback, 5001), netip.AddrPortFrom(loopback, 5002)}
	run := func(destinations []netip.AddrPort, n int64) client.Result {
		c, _ := pairtest.New(t, pairtest.Options{
			Client: client.Plan{
				Destinations: destinations, Connections: n,
				Socket: client.Socket{PortRange: scenario.PortRange{Low: 20000, High: 20000 + ports - 1}, BindNoPort: true},
			},
			Server: server.Plan{Listen: to},
		}).Run()
		return c
	}
	run(to[:1], 20) // takes half of the first one's ports
	c := run(to, 2*30)
	before, after := c.Tuples[0], c.Tuples[1]
	if before.Successes != 20 || before.OKBefore == nil || *before.OKBefore != 20 {
		t.Errorf("the exhausted tuple: %+v", before)
	}
	if diff := cmp.Diff(client.TupleResult{Successes: 30}, after); diff != "" {
		t.Errorf("the other tuple: %s", diff)
	}
}

// Where the kernel has a range for IPv6 sockets, too, it is the same one.
func TestNetNSPortRangeOnIPv6(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	nstest.Sysctl(t, "ipv4/tcp_tw_reuse", "0")
	nstest.Sysctl(t, "ipv4/ip_local_port_range", "20000 60999")
	exhaust(t, "split/uring", 2, []netip.Addr{netip.IPv6Loopback()}, netip.AddrPortFrom(netip.IPv6Loopback(), 5001))
}
