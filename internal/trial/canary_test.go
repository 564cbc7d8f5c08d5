//go:build linux

package trial

import (
	"fmt"
	"testing"

	"twomsl/internal/record"
)

const often = "canaries.every=20ms"

// canaryOf finds a canary of the record.
func canaryOf(t *testing.T, got *record.Trial, name, from string) record.Canary {
	t.Helper()
	for _, c := range got.Canaries {
		if c.Name == name && c.From == from {
			return c
		}
	}
	t.Fatalf("no canary %s from %s: %+v", name, from, got.Canaries)
	return record.Canary{}
}

// green holds canaries to being answered, each time, before the load and in it.
func green(t *testing.T, got *record.Trial, names ...[2]string) {
	t.Helper()
	for _, name := range names {
		c := canaryOf(t, got, name[0], name[1])
		if c.Calls != c.Answered || c.Calls == 0 || len(c.Points) == 0 || c.Points[0].AtMS >= 0 || c.Points[len(c.Points)-1].AtMS < 0 {
			t.Errorf("%s from %s: %d of %d answered, %+v", c.Name, c.From, c.Answered, c.Calls, c.Failures)
		}
	}
}

// untouched holds the counters to what the load alone has moved: all of its connections, and none of the canaries'.
func untouched(t *testing.T, got *record.Trial) {
	t.Helper()
	n := got.Connections.OK
	for name, want := range map[string]record.SidePair[int64]{
		"Tcp.ActiveOpens": {Client: n}, "Tcp.PassiveOpens": {Server: n}, "Tcp.EstabResets": {}, "Tcp.OutRsts": {}, "Tcp.AttemptFails": {},
		"TcpExt.TCPAbortOnData": {}, "TcpExt.EmbryonicRsts": {},
	} {
		if c, s := got.Sides.Client.Counters[name], got.Sides.Server.Counters[name]; c != want.Client || s != want.Server {
			t.Errorf("%s: %d and %d; want %d and %d", name, c, s, want.Client, want.Server)
		}
	}
}

// The server closes first and holds its TIME_WAIT at the goal to the last one, while the same-tuple canary comes from the
// same address again and again: some of its ports have a TIME_WAIT there, which a connection of the load's would replace.
func TestNetNSCanariesAreInNoCount(t *testing.T) {
	for _, change := range [][]string{{"engine=split"}, {"engine=net"}, {"family=ipv6", "struck=client"}} {
		t.Run(fmt.Sprint(change), func(t *testing.T) {
			t.Parallel()
			const goal = 400
			s := start(t, "incident-18000", append(change, often, "load.stop.time_wait.count=400", "load.hold=1s", "client.addresses=2",
				"client.local_port_range=40000-40299")...)
			got := runTrial(t, s, Options{})
			green(t, got, [2]string{"ssh", "outside"}, [2]string{"ssh", "host"}, [2]string{"dns", "outside"}, [2]string{"dns", "host"})
			from := "outside"
			if s.Struck == clientSide {
				from = "host"
			}
			green(t, got, [2]string{"same-tuple", from}, [2]string{"second-destination", from})
			tuple := canaryOf(t, got, "same-tuple", from)
			if p := got.Ports[0]; tuple.Source != p.Source || len(got.Sides.Client.Addresses) != 2 {
				t.Errorf("same-tuple comes from %s, the load from %v", tuple.Source, got.Sides.Client.Addresses)
			}
			l := got.Ledger.Server
			closed(t, "server", l)
			if *l.Entered != got.Connections.OK || *l.Standing != goal {
				t.Errorf("entered %d, standing %d, connections %+v", *l.Entered, *l.Standing, got.Connections)
			}
			for _, sample := range got.Sides.Server.Samples {
				// Between the splits the total is held against the orphans of the last one, which may be gone by then.
				if sample.AtMS > got.Phases.LoadSeconds*1e3 && sample.States != nil && *sample.TimeWait != goal {
					t.Errorf("%d TIME_WAIT at %.0f ms, in the hold", *sample.TimeWait, sample.AtMS)
				}
				if n := sample.States; n != nil && n[record.Listen] != int64(got.Workers.Server) && change[0] == "engine=split" {
					t.Errorf("%d listeners for %d workers", n[record.Listen], got.Workers.Server)
				}
			}
			last := got.Sides.Server.Samples[len(got.Sides.Server.Samples)-1]
			if last.Opened != got.Connections.OK || got.Connections.Failed != 0 || len(warnings(got)) != 0 {
				t.Errorf("the server accepted %d of %+v; warnings %+v", last.Opened, got.Connections, got.Warnings)
			}
			if a := got.Close.Agrees; a == nil || !*a {
				t.Errorf("the close is not as declared: %+v", got.Close)
			}
			untouched(t, got)
		})
	}
}

// Where a client's ports are used up the next connection on the tuple gets EADDRNOTAVAIL, and nothing else is the worse
// for it; the ports go to the load alone, as many as there are.
func TestNetNSCanariesWithoutPorts(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "port-exhaustion-small", often, "load.rate=max", "load.stop.after=30s", "load.stop.failures=20", "load.hold=500ms",
		"load.concurrency=1", "client.local_port_range=40000-40399", "sysctl.client.net.ipv4.ip_local_port_range=40000 40399"), Options{})
	green(t, got, [2]string{"ssh", "outside"}, [2]string{"ssh", "host"}, [2]string{"dns", "outside"}, [2]string{"dns", "host"},
		[2]string{"second-destination", "host"})
	c := canaryOf(t, got, "same-tuple", "host")
	if len(c.Failures) != 1 || c.Failures[0].Phase != "connect" || c.Failures[0].Errno != "EADDRNOTAVAIL" || c.Answered == 0 {
		t.Errorf("same-tuple: %d of %d answered, %+v", c.Answered, c.Calls, c.Failures)
	}
	// A canary may have had the last port for the moment of its call.
	first := got.Ports[0].FirstExhaustionSeconds
	if first == nil || c.FirstFailureSeconds == nil || *c.FirstFailureSeconds < *first-0.05 {
		t.Errorf("the load found no port at %v s, the canary at %v s", first, c.FirstFailureSeconds)
	}
	if n := *got.Ports[0].PeakInUse; n != 400 {
		t.Errorf("%d of 400 ports taken at the peak", n)
	}
	untouched(t, got)
}

// Sockets that stand in states stand as asked at every look.
func TestNetNSCanariesBesideAStand(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "state-mix", often, "load.hold=1s"), Options{})
	green(t, got, [2]string{"ssh", "outside"}, [2]string{"dns", "host"}, [2]string{"same-tuple", "outside"})
	if got.Stand.WorstDeviation != 0 || got.Stand.Looks == 0 {
		t.Errorf("%+v", got.Stand)
	}
}

// A server that never takes its connections never hears of a canary: as many wait as its queue has room for.
func TestNetNSCanariesTakeNoPlaceInTheQueue(t *testing.T) {
	t.Parallel()
	const backlog = 8
	got := runTrial(t, start(t, "steady-200", often, "struck=server", "load.stop.after=2s", "server.backlog=8", "server.workers=1",
		"server.accept_delay=1m", "client.timeout=3s", "sysctl.both.net.ipv4.tcp_syn_retries=1"), Options{})
	before, after := canaryOf(t, got, "same-tuple", "outside"), got.Sides.Server.States.Peak[record.Established]
	if after < backlog+1 || after > backlog+1+racing {
		t.Errorf("%d connections waited to be accepted; the queue has room for %d", after, backlog+1)
	}
	if len(before.Failures) != 1 || before.Failures[0].Errno != "ETIMEDOUT" || before.Failures[0].Phase != "connect" {
		t.Errorf("same-tuple: %+v", before.Failures)
	}
	green(t, got, [2]string{"ssh", "outside"}, [2]string{"second-destination", "outside"})
}
