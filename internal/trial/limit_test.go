//go:build linux

package trial

import (
	"strings"
	"testing"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// idle is a complete run of ten seconds with two workers on each side that were hardly busy, at full speed.
func idle() (*run, *record.Trial) {
	r := &run{scenario: scenario.Scenario{}.Resolve()}
	tr := &record.Trial{Status: record.Complete, Connections: record.Connections{Attempted: 1000, OK: 1000}}
	tr.Phases.LoadSeconds = 10
	tr.Workers = record.SidePair[int]{Client: 2, Server: 2}
	tr.Sides.Client.CPU = record.CPU{UserSeconds: 1, SystemSeconds: 1}
	tr.Sides.Server.CPU = record.CPU{UserSeconds: 1, SystemSeconds: 3}
	tr.Sides.Client.Counters, tr.Sides.Server.Counters = map[string]int64{}, map[string]int64{}
	tr.Bytes.ToServer, tr.Bytes.ToClient = &record.Direction{}, &record.Direction{}
	return r, tr
}

// Each limit is told where it is one, with the figure it was told by, and the ones that weigh more come first.
func TestLimitedBy(t *testing.T) {
	rate := 100.0
	scheduled := func(_ *run, tr *record.Trial) { tr.Rate.AskedPerSecond = &rate }
	none := func(phase, errno string, cause record.Cause) func(*run, *record.Trial) {
		return func(_ *run, tr *record.Trial) {
			tr.Outcomes = append(tr.Outcomes, record.Outcome{Side: "client", Phase: phase, Cause: string(cause), Errno: errno, Count: 7})
		}
	}
	busy := func(user, system float64) func(*run, *record.Trial) {
		return func(_ *run, tr *record.Trial) {
			tr.Sides.Client.CPU = record.CPU{UserSeconds: user, SystemSeconds: system}
		}
	}
	servers := func(user, system float64) func(*run, *record.Trial) {
		return func(_ *run, tr *record.Trial) {
			tr.Sides.Server.CPU = record.CPU{UserSeconds: user, SystemSeconds: system}
		}
	}
	spread := func(_ *run, tr *record.Trial) { tr.Spread = []int{0, 1} }
	serverBusy := func(_ *run, tr *record.Trial) {
		tr.Sides.Server.CPU = record.CPU{UserSeconds: 3.8, SystemSeconds: 15.2}
	}
	// 8 Mbit/s carry 10,000,000 bytes in these ten seconds.
	link := func(toServer, toClient int64) func(*run, *record.Trial) {
		return func(r *run, tr *record.Trial) {
			r.scenario.Link.Rate = 8_000_000
			tr.Bytes.ToServer.Read, tr.Bytes.ToClient.Read = toServer, toClient
		}
	}
	segments := func(n int64) func(*run, *record.Trial) {
		return func(_ *run, tr *record.Trial) { tr.Sides.Server.Counters["Tcp.OutSegs"] = n }
	}
	six := func(r *run, _ *record.Trial) { r.scenario.Family = scenario.IPv6 }
	type changes = []func(*run, *record.Trial)
	for _, c := range []struct {
		who, why string
		changes  changes
	}{
		{byWaiting, "busy 10 % (client) and 20 % (server)", nil},
		// workers that share processors: 10 s of two are 20, of which the sides have 9 and 7
		{byWaiting, "busy 45 % (client) and 35 % (server)", changes{busy(1, 8), servers(1, 6)}},
		{byKernel, "busy with them 80 % (client 45 %, server 35 %), 88 % of it in the kernel", changes{busy(1, 8), servers(1, 6), spread}},
		{byGenerator, "busy with them 80 %, 62 % of it in this program", changes{busy(6, 3), servers(4, 3), spread}},
		{byWaiting, "busy 10 % (client) and 20 % (server)", changes{spread}},
		{bySchedule, "no more was asked for", changes{scheduled}},
		{byWaiting, "busy", changes{scheduled, func(_ *run, tr *record.Trial) { tr.Connections.NotStarted = 1 }}},
		{byWaiting, "busy", changes{scheduled, func(_ *run, tr *record.Trial) { tr.Connections.Late = 11 }}},
		{bySchedule, "", changes{scheduled, func(_ *run, tr *record.Trial) { tr.Connections.Late = 10 }}}, // one in a hundred
		{byPorts, "7 of 1000 connections found no port", changes{none("connect", "EADDRNOTAVAIL", record.AddrNotAvailable), scheduled, serverBusy}},
		{byPorts, "7 of 1000", changes{none("bind", "EADDRINUSE", record.AddrInUse)}},
		{byWaiting, "busy", changes{none("connect", "ECONNREFUSED", record.Refused)}},
		{byGenerator, "busy 95 %, 60 % of it in this program", changes{busy(11.4, 7.6), serverBusy}},
		{byKernel, "busy 95 %, 60 % of it in the kernel", changes{busy(7.6, 11.4), serverBusy}},
		{byWaiting, "busy 90 %", changes{busy(9, 9)}},
		{byServer, "server's workers were busy 95 %, 80 % of it in the kernel; the client's 10 %", changes{serverBusy}},
		{byLink, "the way to the client carried 50 % of what 8Mbit lets through", changes{link(0, 5_000_000)}},
		{byLink, "the way to the server carried 90 % of what 8Mbit lets through", changes{link(9_000_000, 5_000_000)}},
		{byWaiting, "busy", changes{link(4_900_000, 4_900_000)}},
		{byLink, "to the client carried 56 %", changes{link(0, 4_900_000), segments(10_000)}}, // 660,000 bytes of headers
		{byLink, "to the client carried 58 %", changes{link(0, 4_900_000), segments(10_000), six}},
		{byServer, "server", changes{link(0, 9_000_000), serverBusy}},
		{bySchedule, "no more", changes{link(0, 9_000_000), scheduled}},
		{byWaiting, "busy", changes{link(0, 0), func(_ *run, tr *record.Trial) { tr.Bytes.ToClient = nil }}},
	} {
		r, tr := idle()
		for _, change := range c.changes {
			change(r, tr)
		}
		if who, why := r.limitedBy(tr); who != c.who || !strings.Contains(why, c.why) {
			t.Errorf("%s: %s; want %s: %s", who, why, c.who, c.why)
		}
	}
}

// Where the load did not run its course, or was not meant to be fast, nobody can tell.
func TestLimitedByNobody(t *testing.T) {
	for name, change := range map[string]func(*run, *record.Trial){
		"failed":      func(_ *run, tr *record.Trial) { tr.Status = record.Failed },
		"interrupted": func(_ *run, tr *record.Trial) { tr.Status = record.Interrupted },
		"no load":     func(_ *run, tr *record.Trial) { tr.Phases.LoadSeconds = 0 },
		"stand":       func(r *run, _ *record.Trial) { r.scenario.Stand.Closing = 1 },
		"goal": func(r *run, _ *record.Trial) {
			r.scenario.Load.Stop.TimeWait = &scenario.TimeWaitGoal{Side: scenario.ServerSide, Count: 1}
		},
	} {
		r, tr := idle()
		change(r, tr)
		if who, why := r.limitedBy(tr); who != "" || why != "" {
			t.Errorf("%s: %s: %s", name, who, why)
		}
	}
	if u := share(record.CPU{}, 2, 10); u != (use{}) {
		t.Errorf("a side that told nothing: %+v", u)
	}
	if u := share(record.CPU{UserSeconds: 1}, 0, 10); u != (use{}) {
		t.Errorf("a side without workers: %+v", u)
	}
}

// The record names the threads that there were: one where listeners cannot stand side by side, and one for each group.
func TestWorkersOfRecord(t *testing.T) {
	s := scenario.Scenario{}.Resolve()
	s.Client.Workers, s.Server.Workers = 3, 4
	r := &run{scenario: s}
	if n := r.workers(); n != (record.SidePair[int]{Client: 3, Server: 4}) {
		t.Errorf("%+v", n)
	}
	r.scenario.Server.ReusePort = scenario.Off
	if n := r.workers(); n.Server != 1 {
		t.Errorf("one listener for %d workers", n.Server)
	}
	r.scenario.Stand = scenario.Stand{Established: 1, FinWait1: 1, SynSent: 1, TimeWait: 1}
	r.layOutGroups(9)
	if n := r.workers(); n != (record.SidePair[int]{Client: 3, Server: 2}) {
		t.Errorf("three groups from the client, one from the server: %+v", n)
	}
}

// A load that is paced is limited by its schedule, in a real run, too.
func TestNetNSLimitedBySchedule(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "close-matrix", "load.rate=100/s", "load.stop.connections=30"), Options{})
	late := got.Connections.NotStarted > 0 || float64(got.Connections.Late) > lateShare*30
	if !late && got.Rate.LimitedBy != bySchedule { // a busy machine may be late
		t.Errorf("limited by %q: %s", got.Rate.LimitedBy, got.Rate.LimitedWhy)
	}
	if at := time.Duration(got.Phases.LoadSeconds * float64(time.Second)); at < 290*time.Millisecond {
		t.Errorf("30 connections at 100/s took %v", at)
	}
}
