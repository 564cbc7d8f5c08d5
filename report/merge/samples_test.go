package merge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"twomsl/internal/record"
)

// look is a sample at a time, with so many TIME_WAIT; below 0 they were not counted.
func look(at float64, timeWait int64) record.Sample {
	s := record.Sample{AtMS: at, Opened: int64(at)}
	if timeWait >= 0 {
		s.TimeWait = new(timeWait)
	}
	return s
}

// quiet is a run of shards with nothing in them but the looks given.
func quiet(looks ...[]record.Sample) (all []*record.Trial) {
	all = allOf(len(looks), 1)
	for i, t := range all {
		began := startAt
		t.Shard.LoadBegan = &began
		for _, s := range []*record.Side{&t.Sides.Client, &t.Sides.Server} {
			s.Samples, s.States, s.TimeWait.Peak = []record.Sample{}, record.SideStates{Peak: record.Counts{}, End: record.Counts{}}, new(int64(0))
		}
		t.Sides.Client.Samples = looks[i]
	}
	return all
}

// series is what a client's TIME_WAIT came to: time=count, and ? where it is not known.
func series(t *record.Trial) (out []string) {
	for _, s := range t.Sides.Client.Samples {
		text := "?"
		if s.TimeWait != nil {
			text = fmt.Sprint(*s.TimeWait)
		}
		out = append(out, fmt.Sprintf("%v=%s", s.AtMS, text))
	}
	return out
}

// A sum is made where a look of every shard stands, and nowhere else.
func TestLooksAreAligned(t *testing.T) {
	for _, tt := range []struct {
		name  string
		looks [][]record.Sample
		want  []string
	}{
		{
			"a look stands until the next one",
			[][]record.Sample{{look(0, 1), look(100, 2), look(200, 3)}, {look(50, 10), look(150, 20)}},
			[]string{"0=?", "50=11", "100=12", "150=22", "200=23"},
		},
		{
			"the last one as long as the longest time between two",
			[][]record.Sample{{look(0, 1), look(100, 2), look(200, 3), look(300, 4), look(400, 5)}, {look(0, 10), look(150, 20)}},
			[]string{"0=?", "0=11", "100=12", "150=22", "200=23", "300=24", "400=?"},
		},
		{
			"a look that did not count is none",
			[][]record.Sample{{look(0, 1), look(100, -1), look(200, 3)}, {look(0, 10), look(90, -1), look(220, 20)}},
			[]string{"0=?", "0=11", "90=?", "100=?", "200=13", "220=23"},
		},
		{"one never counted", [][]record.Sample{{look(0, 1), look(100, 2)}, {look(50, -1)}}, []string{"0=?", "50=?", "100=?"}},
	} {
		if got := series(merged(t, quiet(tt.looks...)...)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Who was cut short is not waited for, and is no part of a sum any more.
func TestLooksOfWhoWasCutShort(t *testing.T) {
	all := quiet([]record.Sample{look(0, 1), look(100, 2), look(200, 3)}, []record.Sample{look(10, 10), look(20, 20)})
	all[1].Status = record.Interrupted
	if got, want := series(merged(t, all...)), []string{"0=1", "10=11", "20=21", "100=2", "200=3"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Loads that were to begin together are laid beside each other by the clock; where no moment was said, by their own starts.
func TestLooksCountFromTheCommonStart(t *testing.T) {
	all := quiet([]record.Sample{look(0, 1), look(100, 2)}, []record.Sample{look(0, 10), look(100, 20)})
	late := startAt.Add(40 * time.Millisecond)
	all[1].Shard.LoadBegan = &late
	all[1].Ports[0].FirstExhaustionSeconds = new(1.0)
	got := merged(t, all...)
	if want := []string{"0=?", "40=11", "100=12", "140=22"}; !slices.Equal(series(got), want) {
		t.Errorf("%v, want %v", series(got), want)
	}
	if at := got.Merged.Shards[1].OffsetMS; at != 40 || warning(got, "shards-apart") != nil {
		t.Errorf("offset %v, %+v", at, got.Warnings)
	}
	if at := got.Ports[1*2].FirstExhaustionSeconds; at == nil || *at != 1.04 {
		t.Errorf("first exhaustion %v", at)
	}
	if want := max(all[0].Phases.LoadSeconds, all[1].Phases.LoadSeconds+0.04); got.Phases.LoadSeconds != want {
		t.Errorf("load %v s, want %v", got.Phases.LoadSeconds, want)
	}
	much := startAt.Add(time.Minute)
	all[1].Shard.StartAt, all[1].Shard.LoadBegan = nil, &much
	got = merged(t, all...)
	if want := []string{"0=?", "0=11", "100=12", "100=22"}; !slices.Equal(series(got), want) {
		t.Errorf("%v, want %v", series(got), want)
	}
	if w := warning(got, "shards-apart"); w == nil || len(w.Spoils) > 0 {
		t.Errorf("%+v", w)
	}
}

// The peak is of one moment: that of the sums, or of the last looks of all, and never below what one shard had alone.
func TestPeaks(t *testing.T) {
	all := quiet([]record.Sample{look(0, 50), look(100, 5)}, []record.Sample{look(0, 10), look(100, 60)})
	peak := func() int64 { return *merged(t, all...).Sides.Client.TimeWait.Peak }
	if n := peak(); n != 65 {
		t.Errorf("peak %d, want 65: the two did not stand at 50 and 60 in one moment", n)
	}
	all[0].Sides.Client.States.End = record.Counts{record.TimeWait: 30}
	all[1].Sides.Client.States.End = record.Counts{record.TimeWait: 40}
	if n := peak(); n != 70 {
		t.Errorf("peak %d, want the 70 of the last looks", n)
	}
	all[0].Sides.Client.TimeWait.Peak = new(int64(99))
	if n := peak(); n != 99 {
		t.Errorf("peak %d, want the 99 of one alone", n)
	}
	all[0].Sides.Client.TimeWait.Peak = nil
	if p := merged(t, all...).Sides.Client.TimeWait.Peak; p != nil {
		t.Errorf("peak %d of what was not counted", *p)
	}
}

// Many looks are thinned; the highest stays, and the end.
func TestManyLooksAreThinned(t *testing.T) {
	var looks [][]record.Sample
	for k := range 4 {
		var one []record.Sample
		for i := range 3000 {
			n := int64(10)
			if i == 1234 {
				n = 1000 + int64(k)
			}
			one = append(one, look(float64(i*10), n))
		}
		looks = append(looks, one)
	}
	got := merged(t, quiet(looks...)...)
	samples := got.Sides.Client.Samples
	if n := len(samples); n > mostSamples || n < slicesOfIt {
		t.Errorf("%d samples", n)
	}
	if n := *got.Sides.Client.TimeWait.Peak; n != 4006 {
		t.Errorf("peak %d", n)
	}
	if last := samples[len(samples)-1]; last.AtMS != 29990 || last.Opened != 4*29990 || *last.TimeWait != 40 {
		t.Errorf("the last is %+v", last)
	}
}

// Shards that share a host have each seen all that its counters counted: that is taken once.
func TestCountersOfASharedHost(t *testing.T) {
	all := allOf(3, 5)
	at := func(i int, begin, end int64, from, to uint64) {
		s := &all[i].Sides.Server
		s.HostID, s.Counters = "one", map[string]int64{"TcpExt.TW": int64(to - from)}
		s.CountersAt = &record.CountersAt{
			Begin: record.CountersMoment{MonotonicNS: begin, Values: map[string]uint64{"TcpExt.TW": from}},
			End:   record.CountersMoment{MonotonicNS: end, Values: map[string]uint64{"TcpExt.TW": to}},
		}
		s.States.End = record.Counts{record.TimeWait: 10}
		all[i].Ledger.Server = record.LedgerSide{Entered: new(int64(to - from)), Reused: new(int64(0)), Standing: new(int64(10)), Unexplained: new(int64(0))}
	}
	at(0, 10, 100, 1000, 1400)
	at(1, 12, 110, 1010, 1450)
	all[2].Sides.Server.HostID, all[2].Sides.Server.Counters = "two", map[string]int64{"TcpExt.TW": 7}
	got := merged(t, all...)
	if n := got.Sides.Server.Counters["TcpExt.TW"]; n != 457 {
		t.Errorf("%d, want 450 of the one host and 7 of the other", n)
	}
	if w := warning(got, "host-shared"); w == nil || got.Sides.Server.HostID != "" {
		t.Errorf("%+v, %q", w, got.Sides.Server.HostID)
	}
	all[2].Ledger.Server = all[1].Ledger.Server
	all[2].Sides.Server.States.End = record.Counts{record.TimeWait: 10}
	got = merged(t, all...)
	if l := got.Ledger.Server; *l.Entered != 457 || *l.Standing != 30 || l.Unexplained != nil || got.Environment.Unmeasured["ledger.server.unexplained"] == "" {
		t.Errorf("%+v", l)
	}
	// What went on between shards that did not run at the same time is nobody's.
	at(1, 200, 300, 2000, 2015)
	got = merged(t, all...)
	if n := got.Sides.Server.Counters["TcpExt.TW"]; n != 422 || warning(got, "host-shared") != nil {
		t.Errorf("%d, want 400, 15 and 7", n)
	}
	// Counters that went back are of another namespace: a lab's that came later.
	at(1, 200, 300, 5, 15)
	got = merged(t, all...)
	if n := got.Sides.Server.Counters["TcpExt.TW"]; n != 417 || warning(got, "host-shared") != nil {
		t.Errorf("%d, want 400, 10 and 7", n)
	}
	// Without the moments nobody knows, and what was counted is added.
	all[0].Sides.Server.CountersAt = nil
	if n := merged(t, all...).Sides.Server.Counters["TcpExt.TW"]; n != 417 {
		t.Errorf("%d", n)
	}
}

// Shards that meet one server each take the others' connections for others': together they know better.
func TestShardsOnOneServerAreNoOthers(t *testing.T) {
	for _, tt := range []struct {
		strangers uint64
		quiet     bool
	}{{0, true}, {5, false}} {
		all := allOf(2, 5)
		for i, one := range all {
			s := &one.Sides.Server
			// 100 connections of each, at the same time, and others': a host that has seen it all, twice.
			s.HostID, s.Counters = "one", map[string]int64{"Tcp.PassiveOpens": 200 + int64(tt.strangers), "Tcp.ActiveOpens": 0, "TcpExt.TW": 200}
			s.CountersAt = &record.CountersAt{
				Begin: record.CountersMoment{MonotonicNS: int64(i), Values: map[string]uint64{"Tcp.PassiveOpens": 40, "Tcp.ActiveOpens": 7, "TcpExt.TW": 9}},
				End: record.CountersMoment{MonotonicNS: int64(100 + i), Values: map[string]uint64{
					"Tcp.PassiveOpens": 240 + tt.strangers, "Tcp.ActiveOpens": 7, "TcpExt.TW": 209,
				}},
			}
			s.States.End = record.Counts{record.TimeWait: 100}
			one.Ledger.Server = record.LedgerSide{}
			one.Environment.Unmeasured = map[string]string{"ledger": "the hosts had connections of others"}
			one.Hosts = &record.Hosts{
				Control: "server:7000", Server: "server", Session: i + 1, Clock: record.Clock{UncertaintyUS: float64(10 * i)},
				Others: record.SidePair[*int64]{Client: new(int64(0)), Server: new(100 + int64(tt.strangers))},
			}
			one.Warnings = []record.Warning{{Code: "host-not-quiet", Text: "others", Spoils: []string{"tw_reused"}}}
		}
		got := merged(t, all...)
		h := got.Hosts
		if h == nil || h.Server != "server" || h.Session != 0 || h.Clock.UncertaintyUS != 10 || *h.Others.Client != 0 || *h.Others.Server != int64(tt.strangers) {
			t.Fatalf("%+v, %d others", h, *h.Others.Server)
		}
		_, told := got.Environment.Unmeasured["ledger"]
		if said := warning(got, "host-not-quiet") != nil; said == tt.quiet || told == tt.quiet {
			t.Errorf("with %d strangers: %+v, %v", tt.strangers, got.Warnings, got.Environment.Unmeasured)
		}
		if said := warning(got, "host-shared") != nil; said == tt.quiet {
			t.Errorf("with %d strangers: %+v", tt.strangers, got.Warnings)
		}
		if l := got.Ledger.Server; (l.Entered != nil) != tt.quiet || tt.quiet && (*l.Entered != 200 || *l.Standing != 200) {
			t.Errorf("with %d strangers: ledger %+v", tt.strangers, l)
		}
	}
}

// Shards on one host that open from one address to one port count each other's sockets: that is said.
func TestSharedTuples(t *testing.T) {
	all := allOf(3, 5)
	for _, one := range all[:2] {
		one.Sides.Client.HostID, one.Ports[0].Source = "one", "192.0.2.7"
		one.Sides.Client.CountersAt.Begin.Values, one.Sides.Client.CountersAt.End.Values = map[string]uint64{}, map[string]uint64{}
	}
	w := warning(merged(t, all...), "tuples-shared")
	if w == nil || !strings.Contains(w.Text, "shards 1 and 2 have one host and opened the same tuple, 192.0.2.7 -> 198.19.0.1:8080") ||
		!slices.Contains(w.Spoils, "client.time_wait.peak") {
		t.Errorf("%+v", w)
	}
	all[1].Ports[0].Source = "192.0.2.8"
	if w := warning(merged(t, all...), "tuples-shared"); w != nil {
		t.Errorf("with an address each: %+v", w)
	}
	all[1].Ports[0].Source, all[1].Sides.Client.HostID = "192.0.2.7", "two"
	if w := warning(merged(t, all...), "tuples-shared"); w != nil {
		t.Errorf("on a host each: %+v", w)
	}
}
