//go:build linux

package trial

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"twomsl/internal/record"
)

// Threads that wait give the same account as any other engine, for every kind of end, and for what stays open.
func TestNetNSBlocking(t *testing.T) {
	t.Parallel()
	for name, overrides := range map[string][]string{
		"fin by the client":              {"close.side=client"},
		"fin by the server, IPv6":        {"close.side=server", "family=ipv6"},
		"fin by the server, two ports":   {"close.side=server", "server.ports=2", "server.addresses=2"},
		"simultaneous":                   {"close.how=simultaneous", "close.side=both"},
		"reset by both":                  {"close.how=linger=0", "close.side=both"},
		"half":                           {"close.how=half", "close.side=server"},
		"leak by the server":             {"close.how=leak", "close.side=server"},
		"a server that thinks":           {"close.side=client", "server.think=5ms", "client.requests=2"},
		"beside half-open connections":   {"close.side=client", "load.half_open=5"},
		"fast open, graceful":            {"close.how=graceful", "close.side=client", "client.fast_open=on", "sysctl.server.net.ipv4.tcp_fastopen=3"},
		"with a canary and call costs":   {"close.side=server", "canaries.every=100ms", "measure.call_costs=on"},
		"what each call takes, by epoll": {"close.side=client", "measure.call_costs=on", "io=epoll"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "close-matrix", append([]string{"io=blocking", "load.concurrency=8", "load.rate=max", "load.stop.connections=40"},
				overrides...)...)
			got := runTrial(t, s, Options{})
			if s.Load.HalfOpen == 0 { // beside which nothing is judged
				agrees(t, got)
			}
			if want := "split/" + s.IO; got.Engine != want || got.Connections.OK != 40 || len(warnings(got)) > 0 {
				t.Errorf("%s: %+v, outcomes %+v, warnings %+v", got.Engine, got.Connections, got.Outcomes, warnings(got))
			}
			if s.IO == "blocking" && got.Workers != (record.SidePair[int]{Client: 8, Server: 8}) {
				t.Errorf("threads: %+v", got.Workers)
			}
			if asked := s.Measure.CallCosts.IsOn(); (got.CallCosts != nil) != asked {
				t.Errorf("call costs %+v, asked for: %v", got.CallCosts, asked)
			}
		})
	}
}

// A goal is reached without overshoot, whichever thread a connection has.
func TestNetNSBlockingReachesAGoal(t *testing.T) {
	t.Parallel()
	s := start(t, "close-matrix", "io=blocking", "close.side=server", "load.rate=max", "load.stop.time_wait.count=500",
		"load.stop.time_wait.side=server", "load.stop.connections=0", "client.workers=4")
	got := runTrial(t, s, Options{})
	if n := got.Sides.Server.States.End[record.TimeWait]; n != 500 {
		t.Errorf("%d TIME_WAIT stand", n)
	}
	short := false
	for _, w := range got.Warnings {
		short = short || w.Code == "threads-short" && strings.Contains(w.Text, "client.workers says 4")
	}
	if !short || got.Workers.Client != 4 {
		t.Errorf("threads %+v, warnings %+v", got.Workers, got.Warnings)
	}
}

// A profile of either side is one that can be read, with samples of this program's.
func TestNetNSProfiles(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	s := start(t, "close-matrix", "close.how=linger=0", "load.rate=max", "load.stop.connections=3000")
	runTrial(t, s, Options{Profile: func(side string, data []byte) error {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return err
		}
		text, err := io.ReadAll(z)
		seen[side] = string(text)
		return err
	}})
	for _, side := range []string{"client", "server"} {
		if !strings.Contains(seen[side], "nanoseconds") || !strings.Contains(seen[side], "cpu") {
			t.Errorf("the %s's profile: %d bytes", side, len(seen[side]))
		}
	}
}
