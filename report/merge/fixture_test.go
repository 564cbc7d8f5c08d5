package merge

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"twomsl/internal/record"
)

var startAt = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

const spec = `{"name":"steady","load":{"rate":"200/s","stop":{"connections":400}},"client":{"addresses":4}}`

// newShard is a record of share k of n, with figures from the random numbers: whatever a sound record may hold.
func newShard(k, n int, r *rand.Rand) *record.Trial {
	count := func() int64 { return r.Int64N(10_000) }
	began := startAt.Add(time.Duration(r.Int64N(int64(40 * time.Millisecond))))
	rate := 200.0
	whole := record.Scenario{Name: "steady", Topology: "veth", Family: "ipv4", CloseSide: "client", Linger: "off", Struck: "client", Spec: json.RawMessage(spec)}
	t := &record.Trial{
		Schema: record.Schema, ID: fmt.Sprintf("steady-%d-%04x", k, r.IntN(1<<16)), Tool: "twomsl test", Status: record.Complete,
		StartedAt: startAt.Add(-time.Duration(r.IntN(9)) * time.Second), Command: fmt.Sprintf("twomsl run steady --shard %d/%d", k, n),
		Scenario: whole, Engine: "split/epoll", Workers: record.SidePair[int]{Client: 1, Server: 1},
		Phases: record.Phases{LoadSeconds: 1 + r.Float64(), HoldSeconds: 1, StoppedBy: "connections"},
		Shard: &record.Shard{
			Number: k, Of: n, RunID: "run", StartAt: &startAt, LoadBegan: &began, Host: fmt.Sprintf("node-%d", k%2),
			Whole: record.Whole{Scenario: whole, Command: "twomsl run steady", AskedPerSecond: &rate},
		},
		Environment: record.Environment{Kernel: "6.18.1", BootID: fmt.Sprintf("boot-%d", k%2), CPUs: 2, LoadAverage: fmt.Sprint(k), Unmeasured: map[string]string{}},
		Warnings: []record.Warning{
			{Code: "steal", Text: "stolen", Advice: "no", Spoils: []string{"connects_per_second"}},
			{Code: "late", Text: fmt.Sprintf("%d late", k%3), Spoils: []string{}},
		},
	}
	c := &t.Connections
	c.OK, c.Failed, c.Late, c.Unfinished = count(), count(), count(), count()
	c.Attempted, c.Replaced = c.OK+c.Failed+c.Unfinished, new(count())
	t.Outcomes = []record.Outcome{{Side: "client", Cause: "ok", Count: c.OK}, {Side: "server", Cause: "ok", Count: count()}}
	if r.IntN(2) == 0 {
		t.Outcomes = append(t.Outcomes, record.Outcome{Side: "client", Phase: "connect", Cause: "reset", Errno: "ECONNRESET", Count: c.Failed})
	}
	t.Rate = record.Rate{AskedPerSecond: new(rate / float64(n)), ReachedPerSecond: 50, LimitedBy: "schedule"}
	t.Latency = record.Latency{Connect: quantilesOf(r, 1+r.IntN(200)), FromIntended: quantilesOf(r, 1+r.IntN(200)), ConnectOneIn: 1}
	for source := range 1 + r.IntN(3) {
		for port := range 2 {
			t.Ports = append(t.Ports, record.Tuple{
				Source: fmt.Sprintf("198.18.0.%d", k+source*n), Destination: "198.19.0.1", Port: 8080 + port,
				Range: record.PortRange{Low: 32768, High: 60999}, PeakInUse: new(count()), Successes: count(),
			})
		}
	}
	t.Bytes = record.Bytes{
		Written: count(), Read: count(), Lost: new(count()), ToServer: &record.Direction{Written: count(), Read: count(), Lost: count()},
		ToClient: &record.Direction{Written: count(), Read: count(), Lost: count()}, ByConnection: &record.PerConnection{Metered: count(), MostLost: count()},
	}
	t.Close = record.Close{Side: "client", How: "fin", Agrees: new(true), Contradictions: []string{}}
	t.Sides.Client, t.Sides.Server = newSide(fmt.Sprintf("c%d", k), len(t.Ports), r), newSide(fmt.Sprintf("s%d", k), 0, r)
	t.Ledger.Client.Entered, t.Ledger.Client.Unexplained = new(count()), new(int64(0))
	return t
}

func newSide(host string, tuples int, r *rand.Rand) record.Side {
	s := record.Side{
		HostID: host, Addresses: []string{"198.18.0.1"}, CPU: record.CPU{UserSeconds: r.Float64(), SystemSeconds: r.Float64()},
		States:   record.SideStates{Peak: record.Counts{record.TimeWait: 900}, End: record.Counts{record.TimeWait: r.Int64N(900)}},
		TimeWait: record.TimeWaits{Peak: new(int64(900)), Plateau: new(r.Int64N(900)), LifetimeSeconds: new(60.0), BytesEach: new(int64(256))},
		Sysctls:  record.Sysctls{Effective: map[string]string{"net.ipv4.tcp_tw_reuse": "2", "own": host}},
	}
	before := map[string]uint64{"TcpExt.TW": r.Uint64N(1e6), "Tcp.OutRsts": r.Uint64N(1e6)}
	s.Counters = map[string]int64{"TcpExt.TW": r.Int64N(1e4), "Tcp.OutRsts": r.Int64N(1e4)}
	after := map[string]uint64{}
	for name, n := range s.Counters {
		after[name] = before[name] + uint64(n)
	}
	s.CountersAt = &record.CountersAt{
		Begin: record.CountersMoment{MonotonicNS: 1e9, Values: before}, End: record.CountersMoment{MonotonicNS: 2e9, Values: after},
	}
	at := r.Float64()
	for i := range 20 {
		one := record.Sample{AtMS: at, Opened: int64(i), CostUS: 10}
		if r.IntN(4) > 0 {
			one.TimeWait = new(r.Int64N(900))
		}
		if r.IntN(4) == 0 {
			one.States = record.Counts{record.Established: r.Int64N(9)}
		}
		if r.IntN(3) == 0 && tuples > 0 {
			one.PortsInUse = make([]int64, tuples)
		}
		s.Samples = append(s.Samples, one)
		at += 100 * r.Float64()
	}
	return s
}

// newHistogram is laid out as a client's.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 1_000_000_000, 3) }

func quantilesOf(r *rand.Rand, n int) *record.Quantiles {
	h := newHistogram()
	for range n {
		_ = h.RecordValue(1 + r.Int64N(100_000))
	}
	return packed(h)
}

func packed(h *hdrhistogram.Histogram) *record.Quantiles {
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err)
	}
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) }
	return &record.Quantiles{
		Count: h.TotalCount(), P50US: at(50), P90US: at(90), P99US: at(99), P999US: at(99.9), MaxUS: float64(h.Max()), Histogram: string(text),
	}
}

// allOf is a whole run in n shares.
func allOf(n int, seed uint64) (all []*record.Trial) {
	r := rand.New(rand.NewPCG(seed, 0))
	for k := range n {
		all = append(all, newShard(k+1, n, r))
	}
	return all
}

func inputs(all ...*record.Trial) (in []Input) {
	for i, t := range all {
		in = append(in, Input{Name: fmt.Sprintf("file-%d.json", i), Trial: t})
	}
	return in
}

func merged(t *testing.T, all ...*record.Trial) *record.Trial {
	t.Helper()
	for _, one := range all {
		if err := one.Check(); err != nil {
			t.Fatalf("%s: %v", one.ID, err)
		}
	}
	out, err := Merge(inputs(all...))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func encoded(t *testing.T, r *record.Trial) string {
	t.Helper()
	data, err := record.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func warning(t *record.Trial, code string) *record.Warning {
	for i := range t.Warnings {
		if t.Warnings[i].Code == code {
			return &t.Warnings[i]
		}
	}
	return nil
}
