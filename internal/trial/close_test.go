//go:build linux

package trial

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"

	"twomsl/client"
	"twomsl/server"
)

// Every run is held to what its way to close declares, whatever else it is about.
func TestNetNSCloseIsJudged(t *testing.T) {
	t.Parallel()
	for name, overrides := range map[string][]string{
		"fin by the client":      {"close.side=client"},
		"fin by the server":      {"close.side=server"},
		"fin by both":            {"close.side=both"},
		"fin by both, IPv6":      {"close.side=both", "family=ipv6"},
		"simultaneous":           {"close.how=simultaneous", "close.side=both"},
		"reset by the client":    {"close.how=linger=0", "close.side=client"},
		"reset by the server":    {"close.how=linger=0", "close.side=server"},
		"reset by both":          {"close.how=linger=0", "close.side=both"},
		"half":                   {"close.how=half", "close.side=server"},
		"leak by the client":     {"close.how=leak", "close.side=client"},
		"leak by the server":     {"close.how=leak", "close.side=server"},
		"linger2, no wait":       {"close.how=linger2=-1", "close.side=client"},
		"graceful, one workload": {"close.how=graceful", "close.side=server", "client.requests=3", "load.concurrency=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "close-matrix", append(overrides, "load.rate=max", "load.stop.connections=40")...)
			got := runTrial(t, s, Options{})
			agrees(t, got)
			for _, w := range warnings(got) {
				t.Errorf("warning %s: %s", w.Code, w.Text)
			}
			if got.Connections.OK != 40 {
				t.Errorf("connections %+v, outcomes %+v", got.Connections, got.Outcomes)
			}
		})
	}
}

// Orphans in FIN_WAIT2 that end without a TIME_WAIT are in the account: nothing is left over, and nothing is warned of.
func TestNetNSLedgerExplainsOrphans(t *testing.T) {
	t.Parallel()
	for name, overrides := range map[string][]string{
		"linger2 by the client":          {"close.how=linger2=1", "close.side=client"},
		"linger2 by the server, IPv6":    {"close.how=linger2=1", "close.side=server", "family=ipv6"},
		"leak, orphans gone by the end":  {"close.how=leak", "close.side=client", "sysctl.server.net.ipv4.tcp_fin_timeout=1", "load.hold=2500ms"},
		"leak, orphans stand at the end": {"close.how=leak", "close.side=server"},
		"leak, counted as TWKilled":      {"close.how=leak", "close.side=client", "sysctl.server.net.ipv4.tcp_fin_timeout=4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runTrial(t, start(t, "close-matrix", append(overrides, "load.rate=max", "load.stop.connections=40")...), Options{})
			if len(warnings(got)) > 0 || *got.Ledger.Client.Unexplained != 0 || *got.Ledger.Server.Unexplained != 0 {
				t.Errorf("warnings %+v, unexplained %d and %d", got.Warnings, *got.Ledger.Client.Unexplained, *got.Ledger.Server.Unexplained)
			}
			if entered := *got.Ledger.Client.Entered + *got.Ledger.Server.Entered; entered != 40 {
				t.Errorf("%d mini-sockets for 40 orphans: the test shows nothing", entered)
			}
		})
	}
}

// Where the kernel cannot be held to anything the record says why.
func TestNetNSCloseIsNotJudged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		overrides []string
		why       string
	}{
		"loopback":     {[]string{"topology=loopback"}, "share one namespace"},
		"full buckets": {[]string{"sysctl.client.net.ipv4.tcp_max_tw_buckets=10"}, "30 sockets of the client found no TIME_WAIT bucket"},
		"timeouts": {[]string{
			"server.accept_delay=400ms", "server.workers=1", "client.timeout=100ms", "load.stop.connections=3",
		}, "ended before they were to be taken down"},
		"FIN_WAIT2 ends in the hold": {[]string{
			"close.how=leak", "sysctl.server.net.ipv4.tcp_fin_timeout=1", "load.hold=1500ms",
		}, "longer than an orphaned FIN_WAIT2 stands (1 s)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "close-matrix", append([]string{"load.rate=max", "load.stop.connections=40"}, c.overrides...)...)
			got := runTrial(t, s, Options{})
			if k := got.Close; k.Agrees != nil || !strings.Contains(k.NotJudged, c.why) || len(k.Contradictions) > 0 {
				t.Errorf("%+v, want %q", k, c.why)
			}
		})
	}
}

// faked is a run whose two sides told of n connections, closed by the client with FIN and as declared.
func faked(t *testing.T, how scenario.Close, n int64) (*run, *record.Trial) {
	t.Helper()
	s := scenario.Scenario{Close: how}.Resolve()
	strategy, err := teardown.For(s.Close)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{scenario: s, strategy: strategy}
	r.client = &side{name: "client", result: &peer.Result{Client: &client.Result{}, Seen: peer.Seen{End: record.Counts{}}, Counters: map[string]int64{}}}
	r.server = &side{name: "server", result: &peer.Result{Server: &server.Result{}, Seen: peer.Seen{End: record.Counts{}}, Counters: map[string]int64{}}}
	tr := &record.Trial{Status: record.Complete, Connections: record.Connections{Attempted: n, OK: n}}
	tr.Scenario.Topology = string(scenario.Veth)
	return r, tr
}

// finByClient is the picture of n connections that the client closed first.
func finByClient(t *testing.T, n int64) (*run, *record.Trial) {
	r, tr := faked(t, scenario.Close{Side: scenario.ClientSide, How: "fin"}, n)
	r.client.result.End[record.TimeWait] = n
	r.server.result.Server.EOFs = n
	return r, tr
}

// A made-up picture that differs from the declaration is told, each difference once.
func TestContradictions(t *testing.T) {
	r, tr := finByClient(t, 10)
	if c := r.close(tr); c.Agrees == nil || !*c.Agrees || c.NotJudged != "" || len(c.Contradictions) != 0 {
		t.Fatalf("as declared: %+v", c)
	}
	for name, change := range map[string]func(r *run, tr *record.Trial){
		"TIME_WAIT on the client: declared 10, seen 9": func(r *run, _ *record.Trial) { r.client.result.End[record.TimeWait] = 9 },
		"TIME_WAIT on the server: declared 0, seen 1":  func(r *run, _ *record.Trial) { r.server.result.End[record.TimeWait] = 1 },
		"CLOSE_WAIT on the server: declared 0, seen 2": func(r *run, _ *record.Trial) { r.server.result.End[record.CloseWait] = 2 },
		"TCPAbortOnData on the client: declared 0, seen 3": func(r *run, _ *record.Trial) {
			r.client.result.Counters["TcpExt.TCPAbortOnData"] = 3
		},
		"server's application seeing the end of the stream: declared 10, seen 4": func(r *run, _ *record.Trial) {
			r.server.result.Server.EOFs = 4
		},
		"client's application seeing a reset: declared 0, seen 5": func(r *run, _ *record.Trial) { r.client.result.Client.Resets = 5 },
		"bytes lost of those that the server wrote: declared 0, seen 6": func(_ *run, tr *record.Trial) {
			tr.Bytes.ToClient = &record.Direction{Written: 6, Lost: 6}
		},
		"bytes lost of those that the client wrote: declared 0, seen 7": func(_ *run, tr *record.Trial) {
			tr.Bytes.ToServer = &record.Direction{Written: 7, Lost: 7}
		},
	} {
		r, tr := finByClient(t, 10)
		change(r, tr)
		c := r.close(tr)
		if c.Agrees == nil || *c.Agrees || len(c.Contradictions) != 1 || !strings.Contains(c.Contradictions[0], name) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// What a TIME_WAIT became still counts as one: replaced, reused and expired are added to those that stand.
func TestSeenCountsWhatTimeWaitBecame(t *testing.T) {
	r, tr := finByClient(t, 10)
	r.client.result.End[record.TimeWait] = 3
	replaced, reused, expired := int64(1), int64(2), int64(4)
	tr.Ledger.Client = record.LedgerSide{Replaced: &replaced, Reused: &reused, Expired: &expired}
	tr.Bytes.ToServer, tr.Bytes.ToClient = &record.Direction{Lost: 8}, &record.Direction{Lost: 9}
	r.client.result.Client.EOFs, r.client.result.Client.Resets = 11, 12
	r.client.result.Peak = record.Counts{record.FinWait1: 13}
	r.client.result.Counters = map[string]int64{"TcpExt.TCPAbortOnClose": 14, "TcpExt.Other": 15}
	c := r.seen(r.client, tr)
	if c.States[record.TimeWait] != 10 || c.Lost != 8 || c.EOF != 11 || c.Reset != 12 || c.Peak[record.FinWait1] != 13 {
		t.Errorf("client: %+v", c)
	}
	if c.Counters["TcpExt.TCPAbortOnClose"] != 14 || len(c.Counters) != len(teardown.JudgedCounters) {
		t.Errorf("counters: %v", c.Counters)
	}
	if s := r.seen(r.server, tr); s.States[record.TimeWait] != 0 || s.Lost != 9 || s.EOF != 10 {
		t.Errorf("server: %+v", s)
	}
	r.server.result = nil
	if s := r.seen(r.server, tr); s.States != nil || s.Counters != nil {
		t.Errorf("a side that told nothing: %+v", s)
	}
}

// Each reason for not judging, and only that one.
func TestNotJudged(t *testing.T) {
	outcome := func(side, phase string, cause record.Cause, n int64) func(*run, *record.Trial) {
		return func(_ *run, tr *record.Trial) {
			tr.Outcomes = append(tr.Outcomes, record.Outcome{Side: side, Phase: phase, Cause: string(cause), Count: n})
		}
	}
	for _, c := range []struct {
		why    string
		how    scenario.How
		change func(r *run, tr *record.Trial)
	}{
		{"", "fin", func(*run, *record.Trial) {}},
		{"the trial is interrupted", "fin", func(_ *run, tr *record.Trial) { tr.Status = record.Interrupted }},
		{"the trial is failed", "fin", func(_ *run, tr *record.Trial) { tr.Status = record.Failed }},
		{"share one namespace", "fin", func(_ *run, tr *record.Trial) { tr.Scenario.Topology = string(scenario.Loopback) }},
		{"share one namespace", "fin", func(_ *run, tr *record.Trial) { tr.Scenario.Topology = string(scenario.Host) }},
		{"no connection was established", "fin", outcome("client", "connect", record.Refused, 10)},
		{"no connection was established", "fin", outcome("client", "bind", record.AddrInUse, 10)},
		{"a side has told nothing", "fin", func(r *run, _ *record.Trial) { r.server.result.Server = nil }},
		{"a side has told nothing", "fin", func(r *run, _ *record.Trial) { r.client.result.Client = nil }},
		{"a side has told nothing", "fin", func(r *run, _ *record.Trial) { r.server.result = nil }},
		{"a side has told nothing", "fin", func(r *run, _ *record.Trial) { r.client.result = nil }},
		{"3 connections ended before", "fin", outcome("client", "read", record.Reset, 3)},
		{"3 connections ended before", "fin", outcome("server", "write", record.Reset, 3)},
		{"2 connections ended before", "fin", outcome("server", "accept", record.Reset, 2)},
		{"", "fin", outcome("server", "accept", record.OutOfDescriptors, 2)}, // they are still queued, and tried again
		{"2 connections ended before", "linger=0", outcome("client", "read", record.TimedOut, 2)},
		{"2 connections ended before", "fin", func(_ *run, tr *record.Trial) { tr.Connections.OK, tr.Connections.Unfinished = 8, 2 }},
		// What a reset cuts off is the strategy's own doing, and connect() that fails takes nothing down.
		{"", "linger=0", outcome("server", "read", record.Reset, 3)},
		{"2 connections ended before", "linger=0", outcome("client", "read", record.Reset, 2)}, // the server does not reset here
		{"", "fin", outcome("client", "connect", record.AddrNotAvailable, 4)},
		{"", "fin", outcome("client", "close", record.Reset, 4)},
		{"4 sockets of the client found no", "fin", func(_ *run, tr *record.Trial) {
			tr.Sides.Client.Counters = map[string]int64{"TcpExt.TCPTimeWaitOverflow": 4}
		}},
		{"4 sockets of the server found no", "fin", func(_ *run, tr *record.Trial) {
			tr.Sides.Server.Counters = map[string]int64{"TcpExt.TCPTimeWaitOverflow": 4}
		}},
		{"-5 TIME_WAIT of the server are", "fin", func(_ *run, tr *record.Trial) { n := int64(-5); tr.Ledger.Server.Unexplained = &n }},
		{"5 TIME_WAIT of the client are", "fin", func(_ *run, tr *record.Trial) { n := int64(5); tr.Ledger.Client.Unexplained = &n }},
		{"", "fin", func(_ *run, tr *record.Trial) { n := int64(0); tr.Ledger.Client.Unexplained = &n }},
	} {
		r, tr := faked(t, scenario.Close{Side: scenario.ClientSide, How: c.how}, 10)
		c.change(r, tr)
		if got := r.notJudged(tr); got != c.why && (c.why == "" || !strings.Contains(got, c.why)) {
			t.Errorf("%s: not judged %q, want %q", c.how, got, c.why)
		}
	}
}

// A picture that is over before the last connection comes cannot be held against anything.
func TestFinWait2Over(t *testing.T) {
	for _, c := range []struct {
		how        scenario.How
		load, hold float64
		timeout    string
		judged     bool
	}{
		{"leak", 3, 0, "60", true},
		{"leak", 3, 57, "60", false},
		{"leak", 3, 0, "3", false},
		{"leak", 3, 0, "no number", true},
		{"linger2=2", 1.9, 0, "60", true}, // settle is 3.25 s: the first is seen until 2.25 s
		{"linger2=2", 2.1, 0, "60", false},
		{"half", 3600, 0, "60", true}, // has a process, and no time limit
		{"fin", 3600, 0, "60", true},
	} {
		for _, by := range []scenario.Side{scenario.ClientSide, scenario.ServerSide} {
			r, tr := faked(t, scenario.Close{Side: by, How: c.how}, 10)
			tr.Phases.LoadSeconds, tr.Phases.HoldSeconds = c.load, c.hold
			for _, s := range []*record.Side{&tr.Sides.Client, &tr.Sides.Server} {
				s.Sysctls.Effective = map[string]string{"net.ipv4.tcp_fin_timeout": c.timeout}
			}
			if got := r.notJudged(tr); (got == "") != c.judged {
				t.Errorf("%s by the %s, %v s and %v s, tcp_fin_timeout %s: %q", c.how, by, c.load, c.hold, c.timeout, got)
			}
		}
	}
	r, tr := faked(t, scenario.Close{Side: scenario.ClientSide, How: "linger2=2"}, 1)
	if r.strategy.Settle != 3250*time.Millisecond {
		t.Errorf("settle is %v: the table above is for 3.25 s", r.strategy.Settle)
	}
	_ = tr
}

// How much is asked of nobody: sockets that stand are not taken down.
func TestStandIsNotJudged(t *testing.T) {
	r, tr := finByClient(t, 10)
	r.scenario.Stand.Established = 1
	if c := r.close(tr); c.Agrees != nil || !strings.Contains(c.NotJudged, "asked to stand") || c.Contradictions == nil {
		t.Errorf("%+v", c)
	}
}

// Shares that a declaration leaves out are none in the record, and the strategy's own maps stay as they are.
func TestFilled(t *testing.T) {
	strategy, err := teardown.For(scenario.Close{Side: scenario.ClientSide, How: "fin"})
	if err != nil {
		t.Fatal(err)
	}
	x := filled(strategy.Expect)
	for _, d := range []record.Declared{x.Client, x.Server} {
		if d.States == nil || d.Passing == nil || d.Counters == nil || d.EOF == "" || d.Reset != record.None {
			t.Errorf("%+v", d)
		}
	}
	x.Client.States[record.TimeWait] = record.None
	if strategy.Expect.Client.States[record.TimeWait] != record.All {
		t.Error("the record's declaration is the strategy's own map")
	}
}

// Where sides wait for connections to come to rest, a side must be told where they are meant to: TIME_WAIT is rest by
// itself, and one that was named here, too, would be taken off twice in a namespace that both share.
func TestWatchNamesWhereSocketsRest(t *testing.T) {
	for how, want := range map[scenario.How]record.SidePair[string]{
		"fin":      {Client: "[]", Server: "[]"},
		"half":     {Client: "[FIN_WAIT_2]", Server: "[CLOSE_WAIT]"},
		"leak":     {Client: "[CLOSE_WAIT]", Server: "[FIN_WAIT_2]"},
		"linger=0": {Client: "[]", Server: "[]"},
	} {
		r, _ := faked(t, scenario.Close{Side: scenario.ClientSide, How: how}, 1)
		if c, s := fmt.Sprint(r.watch(clientSide).Standing), fmt.Sprint(r.watch(serverSide).Standing); c != want.Client || s != want.Server {
			t.Errorf("%s: client %s, server %s; want %+v", how, c, s, want)
		}
	}
}

// A client that never closes keeps each port for as long as it runs: no rate lasts, however short the run was.
func TestNetNSNoRateLastsWhereNobodyCloses(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "close-matrix", "close.how=half", "load.stop.connections=20"), Options{})
	for _, p := range got.Ports {
		if lasts := p.Forecast.RateThatLasts; lasts == nil || *lasts != 0 {
			t.Errorf("%v/s last", lasts)
		}
	}
}

// Where both sides close at once, a tuple that comes back had its TIME_WAIT on either of them: the server's account must
// not take one for replaced that it never had.
func TestNetNSLedgerWhereBothCloseAndPortsComeBack(t *testing.T) {
	t.Parallel()
	s := start(t, "close-matrix", "close.side=both", "load.rate=60/s", "load.stop.connections=150",
		"sysctl.client.net.ipv4.tcp_tw_reuse=1", "sysctl.client.net.ipv4.ip_local_port_range=40000 40079")
	got := runTrial(t, s, Options{})
	for name, l := range map[string]record.LedgerSide{"client": got.Ledger.Client, "server": got.Ledger.Server} {
		if l.Unexplained == nil || *l.Unexplained != 0 {
			t.Errorf("the %s's account leaves %v over: %+v", name, l.Unexplained, l)
		}
	}
	if got.Close.Agrees == nil || !*got.Close.Agrees {
		t.Errorf("%+v", got.Close)
	}
}
