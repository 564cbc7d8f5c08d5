package merge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

// The order of the files, and what they are called, changes no byte; nor does a file that is named twice.
func TestOrderChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for seed := range uint64(40) {
		all := allOf(2+r.IntN(6), seed)
		want := encoded(t, merged(t, all...))
		for range 5 {
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			if d := cmp.Diff(want, encoded(t, merged(t, append(slices.Clone(all), all[0])...))); d != "" {
				t.Fatalf("seed %d: %s", seed, d)
			}
		}
	}
}

// What is counted adds up, whatever it is; the records themselves stay what they were.
func TestCountsAddUp(t *testing.T) {
	for seed := range uint64(40) {
		all := allOf(4, seed)
		var before []string
		for _, one := range all {
			before = append(before, encoded(t, one))
		}
		got := merged(t, all...)
		sum := func(name string, have int64, get func(*record.Trial) int64) {
			t.Helper()
			want := int64(0)
			for _, one := range all {
				want += get(one)
			}
			if have != want {
				t.Errorf("seed %d: %s is %d, not %d", seed, name, have, want)
			}
		}
		sum("attempted", got.Connections.Attempted, func(t *record.Trial) int64 { return t.Connections.Attempted })
		sum("ok", got.Connections.OK, func(t *record.Trial) int64 { return t.Connections.OK })
		sum("failed", got.Connections.Failed, func(t *record.Trial) int64 { return t.Connections.Failed })
		sum("unfinished", got.Connections.Unfinished, func(t *record.Trial) int64 { return t.Connections.Unfinished })
		sum("late", got.Connections.Late, func(t *record.Trial) int64 { return t.Connections.Late })
		sum("replaced", *got.Connections.Replaced, func(t *record.Trial) int64 { return *t.Connections.Replaced })
		sum("written", got.Bytes.Written, func(t *record.Trial) int64 { return t.Bytes.Written })
		sum("read", got.Bytes.Read, func(t *record.Trial) int64 { return t.Bytes.Read })
		sum("lost", *got.Bytes.Lost, func(t *record.Trial) int64 { return *t.Bytes.Lost })
		sum("to the server", got.Bytes.ToServer.Written, func(t *record.Trial) int64 { return t.Bytes.ToServer.Written })
		sum("metered", got.Bytes.ByConnection.Metered, func(t *record.Trial) int64 { return t.Bytes.ByConnection.Metered })
		sum("entered", *got.Ledger.Client.Entered, func(t *record.Trial) int64 { return *t.Ledger.Client.Entered })
		sum("TIME_WAIT at the end", got.Sides.Server.States.End[record.TimeWait], func(t *record.Trial) int64 { return t.Sides.Server.States.End[record.TimeWait] })
		sum("plateau", *got.Sides.Client.TimeWait.Plateau, func(t *record.Trial) int64 { return *t.Sides.Client.TimeWait.Plateau })
		sum("connects timed", got.Latency.Connect.Count, func(t *record.Trial) int64 { return t.Latency.Connect.Count })
		sum("tuples", int64(len(got.Ports)), func(t *record.Trial) int64 { return int64(len(t.Ports)) })
		sum("looks", int64(len(got.Sides.Client.Samples)), func(t *record.Trial) int64 { return int64(len(t.Sides.Client.Samples)) })
		for _, name := range []string{"TcpExt.TW", "Tcp.OutRsts"} {
			sum(name, got.Sides.Client.Counters[name], func(t *record.Trial) int64 { return t.Sides.Client.Counters[name] })
		}
		for _, o := range got.Outcomes {
			sum("outcome "+o.Side+o.Phase+o.Cause, o.Count, func(t *record.Trial) (n int64) {
				for _, other := range t.Outcomes {
					if other.Side == o.Side && other.Phase == o.Phase && other.Cause == o.Cause {
						n += other.Count
					}
				}
				return n
			})
		}
		if *got.Rate.AskedPerSecond != 200 || got.Command != "twomsl run steady" || got.Shard != nil {
			t.Errorf("%v asked, %q, %+v", *got.Rate.AskedPerSecond, got.Command, got.Shard)
		}
		for i, one := range all {
			if encoded(t, one) != before[i] {
				t.Fatalf("merging has changed record %d", i)
			}
		}
	}
}

// A merged record tells what it is made of, and can be read again.
func TestMergedSaysOfWhat(t *testing.T) {
	all := allOf(4, 1)
	got := merged(t, all...)
	m := got.Merged
	if m.RunID != "run" || m.Of != 4 || len(m.Shards) != 4 || len(m.Missing)+len(m.LeftOut) > 0 || got.Status != record.Complete {
		t.Errorf("%+v", m)
	}
	if len(m.Hosts) != 2 || m.Hosts[0].Names[0] != "node-1" || !slices.Equal(m.Hosts[0].Shards, []int{1, 3}) {
		t.Errorf("hosts %+v", m.Hosts)
	}
	if e := got.Environment; e.Kernel != "6.18.1" || e.LoadAverage != "" || e.Unmeasured["load_average"] == "" {
		t.Errorf("%+v", e)
	}
	if _, own := got.Sides.Client.Sysctls.Effective["own"]; own || got.Sides.Client.Sysctls.Effective["net.ipv4.tcp_tw_reuse"] != "2" {
		t.Errorf("settings %v", got.Sides.Client.Sysctls.Effective)
	}
	var order []string
	for _, p := range got.Ports {
		if n := len(order); n == 0 || order[n-1] != p.Source {
			order = append(order, p.Source)
		}
	}
	for i, source := range order[:4] {
		if source != fmt.Sprintf("198.18.0.%d", i+1) {
			t.Errorf("sources %v", order)
		}
	}
	if w := warning(got, "steal"); w == nil || w.Text != "every shard: stolen" || !slices.Equal(w.Spoils, []string{"connects_per_second"}) {
		t.Errorf("%+v", w)
	}
	if w := warning(got, "late"); w == nil || w.Text != "shards 1 and 4: 1 late" {
		t.Errorf("%+v", w)
	}
	again, err := record.Decode("merged", []byte(encoded(t, got)))
	if err != nil || encoded(t, again) != encoded(t, got) {
		t.Errorf("read again: %v", err)
	}
	if _, err := Merge(inputs(got)); err == nil || !strings.Contains(err.Error(), "file-0.json is merged already") {
		t.Errorf("merged twice: %v", err)
	}
}

func TestMissingShard(t *testing.T) {
	all := allOf(4, 2)
	got := merged(t, all[0], all[3])
	w := warning(got, "shard-missing")
	if !slices.Equal(got.Merged.Missing, []int{2, 3}) || w == nil || !strings.Contains(w.Text, "no record of shards 2 and 3") {
		t.Fatalf("%v, %+v", got.Merged.Missing, w)
	}
	for _, name := range []string{"failed", "connects_per_second", "client.time_wait.peak", "connect.p99_us", "first_exhaustion_seconds"} {
		if !slices.Contains(w.Spoils, name) {
			t.Errorf("%s can be relied on without two of the shards", name)
		}
	}
	if slices.Contains(w.Spoils, "time_wait_seconds") || got.Status != record.Complete {
		t.Errorf("%s, spoilt: %v", got.Status, w.Spoils)
	}
	if want := all[0].Connections.OK + all[3].Connections.OK; got.Connections.OK != want {
		t.Errorf("%d ok, want the rest's %d", got.Connections.OK, want)
	}
}

// Of a shard that ran twice one record is taken, by a rule, and the other one told.
func TestDoubledShard(t *testing.T) {
	for name, tt := range map[string]struct {
		taken, left func(*record.Trial)
		why         string
	}{
		"complete before interrupted": {
			func(t *record.Trial) { t.StartedAt = t.StartedAt.Add(time.Hour) }, func(t *record.Trial) { t.Status = record.Interrupted }, "it is interrupted",
		},
		"interrupted before failed": {
			func(t *record.Trial) { t.Status = record.Interrupted; t.StartedAt = t.StartedAt.Add(time.Hour) },
			func(t *record.Trial) { t.Status, t.Failure = record.Failed, &record.Failure{Side: "client"} }, "it is failed",
		},
		"the first of two complete": {
			func(*record.Trial) {}, func(t *record.Trial) { t.StartedAt = t.StartedAt.Add(time.Minute) }, "it began 1m0s after",
		},
		"in the same moment": {func(t *record.Trial) { t.ID = "a" }, func(t *record.Trial) { t.ID = "b" }, "in the same moment as a"},
	} {
		t.Run(name, func(t *testing.T) {
			all := allOf(3, 3)
			taken, left := all[1], newShard(2, 3, rand.New(rand.NewPCG(9, 9)))
			left.StartedAt = taken.StartedAt
			tt.taken(taken)
			tt.left(left)
			alone, both := merged(t, all...), merged(t, append([]*record.Trial{left}, all...)...)
			if l := both.Merged.LeftOut; len(l) != 1 || l[0].ID != left.ID || l[0].Number != 2 || !strings.Contains(l[0].Why, tt.why) {
				t.Fatalf("%+v", l)
			}
			if w := warning(both, "shard-doubled"); w == nil || !strings.Contains(w.Text, left.ID) || !strings.Contains(w.Advice, "its load was real") {
				t.Errorf("%+v", w)
			}
			alone.ID, alone.Merged, alone.Warnings = both.ID, both.Merged, both.Warnings
			if d := cmp.Diff(encoded(t, alone), encoded(t, both)); d != "" {
				t.Errorf("something of the other one is counted: %s", d)
			}
		})
	}
}

// What was cut short is in the sums and said; what it did not come to measure keeps nobody from the rest.
func TestCutShort(t *testing.T) {
	all := allOf(3, 4)
	all[1].Status, all[1].Failure = record.Failed, &record.Failure{Side: "server", Text: "gone"}
	all[1].Sides.Server.Counters, all[1].Sides.Server.States, all[1].Bytes.Lost = nil, record.SideStates{}, nil
	got := merged(t, all...)
	if got.Status != record.Failed || got.Failure.Side != "server" || got.Failure.Text != "shard 2: gone" || warning(got, "shard-incomplete") == nil {
		t.Errorf("%s, %+v", got.Status, got.Failure)
	}
	if want := *all[0].Bytes.Lost + *all[2].Bytes.Lost; *got.Bytes.Lost != want {
		t.Errorf("%d lost, want %d", *got.Bytes.Lost, want)
	}
	if n := got.Sides.Server.Counters["TcpExt.TW"]; n != all[0].Sides.Server.Counters["TcpExt.TW"]+all[2].Sides.Server.Counters["TcpExt.TW"] {
		t.Errorf("counters %d", n)
	}
	all[1].Status, all[1].Failure = record.Complete, nil
	if got := merged(t, all...); got.Bytes.Lost != nil || got.Sides.Server.Counters != nil {
		t.Error("a sum is told of which a part was not measured")
	}
}

// What is not of one run is refused, by two names and what differs.
func TestNotOfOneRun(t *testing.T) {
	for want, change := range map[string]func(*record.Trial){
		`file-0.json and file-2.json are not of one run: run_id is "run" and "other"`: func(t *record.Trial) { t.Shard.RunID = "other" },
		`file-0.json and file-2.json are not of one run: shard.of is 3 and 4`:         func(t *record.Trial) { t.Shard.Of = 4 },
		`file-0.json and file-2.json are not of one run: load.rate is "200/s" and "100/s"`: func(t *record.Trial) {
			t.Shard.Whole.Scenario.Spec = json.RawMessage(strings.Replace(spec, "200/s", "100/s", 1))
		},
		`not of one run: load.stop.failures is not said and 7`: func(t *record.Trial) {
			t.Shard.Whole.Scenario.Spec = json.RawMessage(strings.Replace(spec, `"connections"`, `"failures":7,"connections"`, 1))
		},
		`file-0.json and file-2.json are not of one run: sides.client.sysctls.asked.a is not said and "1"`: func(t *record.Trial) {
			t.Sides.Client.Sysctls.Asked = []record.SysctlAsked{{Key: "a", Asked: "1", Outcome: record.SysctlChanged}}
		},
		`file-2.json is no shard's record`:                                         func(t *record.Trial) { t.Shard = nil },
		`file-2.json says that it is a shard and has`:                              func(t *record.Trial) { t.Stand = &record.Stand{} },
		`record file-2.json contradicts itself: connections.ok is a count and can`: func(t *record.Trial) { t.Connections.OK = -1 },
		`record file-2.json: latency.connect.histogram`:                            func(t *record.Trial) { t.Latency.Connect.Histogram = "AAAA" },
		`record file-2.json: latency.connect.histogram has`:                        func(t *record.Trial) { t.Latency.Connect.Count++ },
		`file-2.json is no record`:                                                 nil,
	} {
		all := allOf(3, 7)
		if change == nil {
			all[2] = nil
		} else {
			change(all[2])
		}
		if _, err := Merge(inputs(all...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s\n got %v", want, err)
		}
	}
	all := allOf(3, 7)
	changed := *all[0]
	changed.Connections.OK++
	if _, err := Merge(inputs(append(all, &changed)...)); err == nil || !strings.Contains(err.Error(), "and are not the same") {
		t.Errorf("two records of one name: %v", err)
	}
	if _, err := Merge(nil); err == nil {
		t.Error("nothing was merged")
	}
}

// The histograms of shards, merged, are the one that all values would have given, and its quantiles are theirs to the part in a
// thousand that the histogram is exact to.
func TestLatencyIsMergedNotAveraged(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 20 {
		all := allOf(4, r.Uint64())
		whole := newHistogram()
		var values []int64
		for i := range all {
			h := newHistogram()
			for range r.IntN(3000) * i { // one of them has none
				v := 1 + r.Int64N(50) + r.Int64N(10)*r.Int64N(100_000)
				_ = h.RecordValue(v)
				_ = whole.RecordValue(v)
				values = append(values, v)
			}
			all[i].Latency.Connect = packed(h)
			if h.TotalCount() == 0 {
				all[i].Latency.Connect = nil
			}
		}
		got := merged(t, all...).Latency.Connect
		if len(values) == 0 {
			continue
		}
		if d := cmp.Diff(packed(whole), got); d != "" {
			t.Fatal(d)
		}
		slices.Sort(values)
		for q, v := range map[float64]float64{0.5: got.P50US, 0.9: got.P90US, 0.99: got.P99US, 0.999: got.P999US, 1: got.MaxUS} {
			rank := max(0, int(float64(len(values))*q+0.5)-1)
			if is := float64(values[rank]); v < is*0.999-1 || v > is*1.001+1 {
				t.Errorf("quantile %v of %d values is %v, not %v", q, len(values), v, is)
			}
		}
	}
}

// Records that were changed anywhere are refused or merged: nobody panics, and the order stays without meaning.
func FuzzMerge(f *testing.F) {
	encode := func(t *record.Trial) []byte {
		data, err := record.Encode(t)
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	all := allOf(2, 8)
	f.Add(encode(all[0]), encode(all[1]))
	f.Add(encode(all[0]), encode(all[0]))
	all[1].Status, all[1].Shard.Number = record.Interrupted, 1
	f.Add(encode(all[0]), encode(all[1]))
	real, _ := filepath.Glob("../../docs/records/*.json")
	for _, file := range real {
		if data, err := os.ReadFile(file); err == nil && len(data) < 200_000 {
			f.Add(encode(all[0]), data)
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		one, two := new(record.Trial), new(record.Trial)
		if json.Unmarshal(a, one) != nil || json.Unmarshal(b, two) != nil {
			return
		}
		got, err := Merge([]Input{{"a", one}, {"b", two}})
		again, errAgain := Merge([]Input{{"b", two}, {"a", one}})
		if (err == nil) != (errAgain == nil) {
			t.Fatalf("%v, in another order %v", err, errAgain)
		}
		if err != nil {
			return
		}
		data, err := record.Encode(got)
		if err != nil {
			t.Fatal(err)
		}
		if other, err := record.Encode(again); err != nil || !bytes.Equal(data, other) {
			t.Errorf("the order has a meaning: %v", err)
		}
		if _, err := record.Decode("merged", data); err != nil {
			t.Errorf("what was merged cannot be read: %v", err)
		}
	})
}

// Every metric is of all shards or of any of them: a new one must be put to one of the two.
func TestEveryMetricNeedsAllOrNot(t *testing.T) {
	need := needAll()
	names := map[string]bool{}
	for _, name := range append(slices.Clone(need), ofNoShare...) {
		names[name] = true
	}
	for _, name := range append(slices.Clone(ofNoShare), hostWide...) {
		if !names[name] {
			t.Errorf("%s is no metric", name)
		}
	}
	if want := 20; len(need) != want {
		t.Errorf("%d metrics need all shards, not %d: %v", len(need), want, slices.Sorted(maps.Keys(names)))
	}
}
