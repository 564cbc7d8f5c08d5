package teardown_test

import (
	"fmt"
	"testing"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/pairtest"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

const connections = 300

// Each strategy's Expect is held against the kernel: what it declares, the real client and server bring about.
func TestNetNSStrategiesDoWhatTheyDeclare(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	nstest.Sysctl(t, "ipv4/tcp_tw_reuse", "0")    // connect() would take TIME_WAIT away
	nstest.Sysctl(t, "ipv4/tcp_rfc1337", "1")     // and so would a stray RST
	nstest.Sysctl(t, "ipv4/tcp_fin_timeout", "5") // an orphaned FIN_WAIT_2 is not to outlive the test
	for _, side := range []scenario.Side{scenario.ClientSide, scenario.ServerSide, scenario.BothSides} {
		for _, l := range []scenario.Linger{{}, {On: true}, {On: true, Seconds: 2}} {
			t.Run(fmt.Sprintf("%s/linger %s", side, l), func(t *testing.T) {
				hold(t, scenario.Close{Side: side, Linger: l})
			})
		}
	}
}

func hold(t *testing.T, how scenario.Close) {
	s, err := teardown.For(how)
	if err != nil {
		t.Fatal(err)
	}
	pair := pairtest.New(t, pairtest.Options{Close: how, Client: client.Plan{Connections: connections}})
	c, srv := pair.Run()
	if c.Progress.OK != connections || srv.Progress.OK != connections {
		t.Fatalf("client %+v, server %+v", c, srv)
	}
	port := pair.Address.Port()
	clients := timeWait(t, sample.Filter{RemotePort: port})
	servers := timeWait(t, sample.Filter{LocalPort: port})
	share(t, "client", s.Expect.ClientTimeWait, clients)
	share(t, "server", s.Expect.ServerTimeWait, servers)
	if s.Expect.ClientTimeWait == teardown.Some {
		if n := eitherSide(t, port); n != connections {
			t.Errorf("%d of %d connections ended in TIME_WAIT: %d on the client, %d on the server",
				n, connections, clients, servers)
		}
	}
	resets(t, how.Side, s.Expect.PeerReset, c, srv)
	firstCloses(t, s.Expect, c, srv)
}

// timeWait counts once nothing is on its way any more: an acknowledgement may be 40 ms late.
func timeWait(t *testing.T, f sample.Filter) int64 {
	states, err := sample.NewStates()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := states.Close(); err != nil {
			t.Error(err)
		}
	}()
	var split sample.Split
	pairtest.Until(t, "every socket is closed or in TIME_WAIT", func() bool {
		if err := states.Split(f, &split); err != nil {
			t.Fatal(err)
		}
		moving := int64(0)
		for state, n := range split.Counts {
			if state != record.TimeWait {
				moving += n
			}
		}
		return moving == 0
	})
	return split.Counts[record.TimeWait]
}

func share(t *testing.T, side string, declared teardown.Share, n int64) {
	switch declared {
	case teardown.None:
		if n != 0 {
			t.Errorf("%d TIME_WAIT on the %s, none are declared", n, side)
		}
	case teardown.All:
		if n != connections {
			t.Errorf("%d TIME_WAIT on the %s, %d are declared", n, side, connections)
		}
	case teardown.Some:
		if n > connections {
			t.Errorf("%d TIME_WAIT on the %s for %d connections", n, side, connections)
		}
	default:
		t.Errorf("the %s's share is %q", side, declared)
	}
}

// eitherSide counts the connections that stand in TIME_WAIT on one side or, where the two FINs crossed, on both.
func eitherSide(t *testing.T, port uint16) int {
	d, err := linux.OpenDiag()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	seen := map[uint16]bool{}
	err = d.Dump(linux.DiagQuery{States: 1 << linux.DiagTimeWait}, func(r *linux.DiagRow) {
		switch port {
		case r.SourcePort:
			seen[r.DestPort] = true
		case r.DestPort:
			seen[r.SourcePort] = true
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return len(seen)
}

// resets holds the other side's application to having seen a reset in its close for each connection, or none at all.
func resets(t *testing.T, first scenario.Side, declared bool, c client.Result, srv server.Result) {
	want := map[string]int64{"client": 0, "server": 0}
	switch {
	case declared && first == scenario.ClientSide:
		want["server"] = connections
	case declared && first == scenario.ServerSide:
		want["client"] = connections
	case declared:
		t.Errorf("who is the peer that is reset when %s close first?", first)
	}
	got := map[string]int64{}
	for _, o := range append(c.Outcomes, srv.Outcomes...) {
		switch {
		case o.Cause == string(record.OK):
		case o.Phase == "close" && o.Errno == "ECONNRESET":
			got[o.Side] += o.Count
		default:
			t.Errorf("%+v", o)
		}
	}
	for side, n := range want {
		if got[side] != n {
			t.Errorf("the %s has seen %d resets, expected %d", side, got[side], n)
		}
	}
}

// firstCloses holds what the engines count as first closes to where TIME_WAIT was declared.
func firstCloses(t *testing.T, x teardown.Expect, c client.Result, srv server.Result) {
	want := map[teardown.Share]int64{teardown.None: 0, teardown.All: connections, teardown.Some: connections}
	if c.FirstCloses != want[x.ClientTimeWait] || srv.FirstCloses != want[x.ServerTimeWait] {
		t.Errorf("%d first closes on the client and %d on the server, declared are %s and %s",
			c.FirstCloses, srv.FirstCloses, x.ClientTimeWait, x.ServerTimeWait)
	}
}
