package compare

import (
	"fmt"
	"strings"

	"twomsl/internal/record"
)

func ptr[T any](v T) *T { return &v }

// A kind is what a trial of a test shows; newTrial makes a record of it. The zero value is a trial in which 2,000
// connections at 200/s went through, over ports that a forecast says are enough.
type kind struct {
	attempted, failed int64 // 2,000 unless said
	cause             string
	exhausted         float64 // seconds; 0 never
	asked             float64 // 200 unless said; -1 max
	reached           float64 // asked unless said
	lasts             float64 // the forecast; 455 unless said; -1 none
	taken             float64 // seconds a port stays taken; 62 unless said
	load              float64 // seconds; 10 unless said
	requests          int     // of each connection; 1 unless said
	tuples            int     // 1 unless said
	held              int64   // of the client in FIN_WAIT2
	clientTW          int64
	serverTW          int64
	reused, overflow  int64
	resets, lost      int64
	drops, cookies    int64
	p50               float64 // 100 unless said
	boot              string
	warnings          []record.Warning
	client, server    map[string]string // effective settings
	asks              record.SidePair[[]record.SysctlAsked]
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func newTrial(k kind) *record.Trial {
	k.attempted, k.asked, k.lasts = or(k.attempted, 2000), or(k.asked, 200), or(k.lasts, 455)
	k.taken, k.load, k.p50 = or(k.taken, 62), or(k.load, 10), or(k.p50, 100)
	k.reached = or(k.reached, max(k.asked, 0))
	t := &record.Trial{
		Schema: record.Schema, ID: "t", Tool: "twomsl test", Status: record.Complete, Engine: "split/epoll", Warnings: k.warnings,
		Scenario:    record.Scenario{Name: "small", Topology: "veth", Spec: []byte(`{"name":"small","load":{"rate":"200/s"}}`)},
		Phases:      record.Phases{LoadSeconds: k.load},
		Connections: record.Connections{Attempted: k.attempted, OK: k.attempted - k.failed, Failed: k.failed},
		Rate:        record.Rate{ReachedPerSecond: k.reached},
		Bytes:       record.Bytes{Written: 1000 * k.attempted, Lost: ptr(k.lost), ByConnection: &record.PerConnection{MostLost: min(k.lost, 65536)}},
		Environment: record.Environment{Kernel: "6.18", CPUModel: "cpu", CPUs: 2, BootID: k.boot},
	}
	if k.asked > 0 {
		t.Rate.AskedPerSecond = &k.asked
	}
	if k.failed > 0 {
		cause := or(k.cause, string(record.AddrNotAvailable))
		t.Outcomes = append(t.Outcomes, record.Outcome{Side: "client", Phase: "connect", Cause: cause, Errno: "EADDRNOTAVAIL", Count: k.failed})
	}
	tuple := record.Tuple{Range: record.PortRange{Low: 40000, High: 40999}, PeakInUse: ptr(min(1000, k.clientTW))}
	if k.lasts > 0 {
		tuple.Forecast = record.Forecast{RateThatLasts: &k.lasts, TakenMostSeconds: k.taken}
	}
	if k.exhausted > 0 {
		tuple.FirstExhaustionSeconds = &k.exhausted
	}
	t.Ports = []record.Tuple{tuple}
	for range k.tuples - 1 {
		t.Ports = append(t.Ports, record.Tuple{Range: tuple.Range, PeakInUse: ptr(int64(0)), Forecast: tuple.Forecast})
	}
	if k.requests > 0 {
		t.Scenario.Spec = fmt.Appendf(nil, `{"name":"small","client":{"requests":%d},"load":{"rate":"200/s"}}`, k.requests)
	}
	lat := record.Quantiles{Count: 10, P50US: k.p50, P99US: 2 * k.p50, P999US: 3 * k.p50}
	t.Latency = record.Latency{FromIntended: &lat}
	t.Close.Seen.Server.Reset = k.resets
	t.Sides.Client = newSide(k.clientTW, k.client)
	t.Sides.Server = newSide(k.serverTW, k.server)
	t.Sides.Client.States.End = record.Counts{record.FinWait2: k.held}
	t.Sides.Client.Sysctls.Asked, t.Sides.Server.Sysctls.Asked = k.asks.Client, k.asks.Server
	t.Sides.Client.Counters["TcpExt.TWRecycled"] = k.reused
	t.Sides.Client.Counters["TcpExt.TCPTimeWaitOverflow"] = k.overflow
	t.Sides.Server.Counters["TcpExt.ListenDrops"] = k.drops
	t.Sides.Server.Counters["TcpExt.SyncookiesSent"] = k.cookies
	return t
}

func newSide(tw int64, effective map[string]string) record.Side {
	return record.Side{
		TimeWait: record.TimeWaits{Peak: &tw, Plateau: &tw, LifetimeSeconds: ptr(60.0), BytesEach: ptr(int64(256))},
		Counters: map[string]int64{"TcpExt.TCPTimeWaitOverflow": 0},
		CPU:      record.CPU{UserSeconds: 0.1, SystemSeconds: 0.1},
		Sysctls:  record.Sysctls{Effective: effective},
	}
}

var usualPrimary = []string{"failed", "first_exhaustion_seconds", "rate_that_lasts"}

// newComparison is a plan with these trials, by variant and in turns.
func newComparison(primary []string, variants []string, trials ...[]*record.Trial) (record.Comparison, []*record.Trial) {
	c := record.Comparison{
		ID: "c", Status: record.Complete,
		Plan: record.Plan{Level: 0.05, Interleaved: true, Jobs: 1, Primary: primary, Seed: 7},
	}
	var all []*record.Trial
	for i, name := range variants {
		c.Variants = append(c.Variants, record.Variant{Name: name})
		for round, t := range trials[i] {
			c.Trials = append(c.Trials, record.ComparedTrial{Variant: name, ID: fmt.Sprint(name, round), Round: round})
			all = append(all, t)
		}
	}
	return c, all
}

// built is a comparison of before with after, of which each kind is one trial.
func built(primary []string, before, after []kind) *record.Comparison {
	c, trials := newComparison(primary, []string{"before", "after"}, trialsOf(before), trialsOf(after))
	return Build(c, trials)
}

func trialsOf(kinds []kind) (all []*record.Trial) {
	for _, k := range kinds {
		all = append(all, newTrial(k))
	}
	return all
}

func times(n int, k kind) []kind {
	all := make([]kind, n)
	for i := range all {
		all[i] = k
	}
	return all
}

// metricOf finds a metric of the second variant.
func metricOf(c *record.Comparison, name string) record.Metric {
	for _, m := range c.Metrics {
		if m.Name == name {
			return m
		}
	}
	return record.Metric{Why: "there is no metric " + name}
}

func contains(t interface {
	Helper()
	Errorf(string, ...any)
}, what, text string, parts ...string,
) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s is %q, which does not say %q", what, text, p)
		}
	}
}

var (
	exhausted = kind{failed: 1000, exhausted: 5, lasts: 16.1, clientTW: 1000}
	reusing   = kind{reused: 1501, clientTW: 499, lasts: 1000, taken: 1}
)
