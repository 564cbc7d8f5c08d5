package scenario

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// tries is how many random cases a property is held to; the same ones every time.
const tries = 2000

func TestParseShard(t *testing.T) {
	for text, want := range map[string]Shard{"1/1": {1, 1}, "1/4": {1, 4}, "4/4": {4, 4}, "1000/1000": {1000, 1000}} {
		if got, err := ParseShard(text); got != want || err != nil || got.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]Shard{"index:0/1": {1, 1}, "index:0/4": {1, 4}, "index:3/4": {4, 4}} {
		if got, err := ParseShard(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"index:", "index:4/4", "index:-1/4", "index:/4", "index:0", "index:0/0", "index:x/4", "index:index:0/4", "", "1", "/", "1/", "/4", "0/4", "5/4", "-1/4", "1/0", "1/-4", "1/1001", "a/b", "1/4/4", " 1/4", "1.5/4", "99999999999999999999/4"} {
		if got, err := ParseShard(text); err == nil || got != (Shard{}) {
			t.Errorf("%q was taken: %v", text, got)
		}
	}
}

// All shards together do the whole: every count, every address, every connection at its own moment.
func TestShardsAddUpToTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range tries {
		of := 1 + r.IntN(40)
		count := func() int64 { return int64(of) + r.Int64N(5000) }
		whole := Scenario{}
		whole.Load.Rate, whole.Load.Concurrency = Rate(0.1+r.Float64()*1e6), int(count())
		whole.Load.Stop = Stop{
			Connections: count(), Failures: count(), TimeWait: &TimeWaitGoal{Count: count()},
		}
		whole.Client.Addresses = 1 + r.IntN(50)
		whole = whole.Resolve()
		var sum Stop
		var sources []int
		concurrency, goal, rate := 0, int64(0), 0.0
		for k := range of {
			d := Shard{k + 1, of}
			s := whole.Share(d)
			concurrency += s.Load.Concurrency
			rate += float64(s.Load.Rate)
			sum.Connections += s.Load.Stop.Connections
			sum.Failures += s.Load.Stop.Failures
			goal += s.Load.Stop.TimeWait.Count
			if first := whole.Share(Shard{1, of}); s.Load.Stop.Connections > first.Load.Stop.Connections {
				t.Fatalf("what is left over is not the first shards': %+v, %+v", first.Load, s.Load)
			}
			if n := whole.SourceNumbers(d); s.Client.Addresses != len(n) || len(n) == 0 {
				t.Fatalf("%d addresses, numbered %v", s.Client.Addresses, n)
			}
			sources = append(sources, whole.SourceNumbers(d)...)
		}
		slices.Sort(sources)
		if n := len(slices.Compact(slices.Clone(sources))); n != len(sources) || n != max(of, whole.Client.Addresses) || sources[n-1] != n-1 {
			t.Fatalf("source addresses %v, of %d for %d", sources, whole.Client.Addresses, of)
		}
		if concurrency != whole.Load.Concurrency || sum.Connections != whole.Load.Stop.Connections ||
			sum.Failures != whole.Load.Stop.Failures || goal != whole.Load.Stop.TimeWait.Count {
			t.Fatalf("%d, %+v, %d: not the whole", concurrency, sum, goal)
		}
		if whole.Load.Rate != Max && math.Abs(rate/float64(whole.Load.Rate)-1) > 1e-5 {
			t.Fatalf("rates add up to %v", rate)
		}
	}
}

// A shard's connections start when those of the whole do, to the nanosecond, and at any moment as many are due.
func TestShardsKeepTheWholeSchedule(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range tries {
		whole := NewSchedule(Rate(0.01 + math.Exp(r.Float64()*13)))
		of, n := 1+r.Int64N(200), r.Int64N(1e9)
		if mine := whole.Of(n%of, of); mine.At(n/of) != whole.At(n) {
			t.Fatalf("connection %d is due at %v, in its shard at %v", n, whole.At(n), mine.At(n/of))
		}
		elapsed := time.Duration(r.Int64N(int64(time.Hour)) - 1)
		sum := int64(0)
		for k := range of {
			due := whole.Of(k, of).Due(elapsed)
			if k > 0 && due > whole.Of(k-1, of).Due(elapsed) || due < 0 {
				t.Fatalf("shard %d has %d due", k, due)
			}
			sum += due
		}
		if sum != whole.Due(elapsed) {
			t.Fatalf("%d are due, by the shards %d", whole.Due(elapsed), sum)
		}
		if late := whole.Of(of, of).At(math.MaxInt64); late < 0 {
			t.Fatalf("the last one is due at %v", late)
		}
	}
}

func TestCheckShard(t *testing.T) {
	plain := func(change func(*Scenario)) Scenario {
		s := Scenario{Name: "x"}
		s.Load.Rate = 100
		change(&s)
		return s.Resolve()
	}
	four := Shard{2, 4}
	for want, change := range map[string]func(*Scenario){
		"topology: loopback has one address": func(s *Scenario) { s.Topology = Loopback },
		"engine: paired is measured":         func(s *Scenario) { s.Engine = Paired },
		"stand: asks for sockets":            func(s *Scenario) { s.Stand.Established = 5 },
		"relay: is one host":                 func(s *Scenario) { s.Relay = &Relay{} },
		"canaries.every: calls from":         func(s *Scenario) { s.Canaries.Every = Duration(time.Second) },
		"client.command: is somebody":        func(s *Scenario) { s.Client.Command = "curl $TWOMSL_URL" },
		"load.half_open: stands":             func(s *Scenario) { s.Load.HalfOpen = 8 },
		"measure.call_costs: is kept":        func(s *Scenario) { s.Measure.CallCosts = On },
		"client.vanish: takes away":          func(s *Scenario) { s.Client.Vanish = Duration(time.Second) },
		"load.concurrency: 3 is nothing":     func(s *Scenario) { s.Load.Concurrency = 3 },
		"load.stop.connections: 3 is":        func(s *Scenario) { s.Load.Stop.Connections = 3 },
		"load.stop.failures: 1 is nothing":   func(s *Scenario) { s.Load.Stop.Failures = 1 },
		"load.stop.time_wait.count: 2 is":    func(s *Scenario) { s.Load.Stop.TimeWait = &TimeWaitGoal{Count: 2} },
		// 5 addresses for 4 shards: the goal is shared evenly, and the addresses are not.
		"load.stop.time_wait.count: as shard 4/4 has it": func(s *Scenario) {
			s.Client.Addresses, s.Load.Stop.TimeWait = 5, &TimeWaitGoal{Count: 141_160}
		},
	} {
		s := plain(change)
		err := s.CheckShard(four, Known{})
		var found Problems
		if !errors.As(err, &found) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		if err := s.CheckShard(Shard{}, Known{}); err != nil {
			t.Errorf("a whole run is shared: %v", err)
		}
	}
	for _, change := range []func(*Scenario){
		func(*Scenario) {}, func(s *Scenario) { s.Load.Rate = Max }, func(s *Scenario) { s.Client.Addresses = 3 },
		func(s *Scenario) { s.Load.Stop.Connections, s.Load.Concurrency = 4, 4 },
		func(s *Scenario) { s.Client.Addresses, s.Load.Stop.TimeWait = 8, &TimeWaitGoal{Count: 50_000} },
	} {
		if err := plain(change).CheckShard(four, Known{}); err != nil {
			t.Error(err)
		}
	}
}
