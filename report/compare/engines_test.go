package compare

import (
	"slices"
	"testing"

	"twomsl/internal/record"
)

// driven are n trials with an engine, whose figures are far from those of the others.
func driven(n int, engine, why string, oneIn int64, k kind) []*record.Trial {
	all := trialsOf(times(n, k))
	for _, t := range all {
		t.Engine, t.EngineWhy, t.Latency.ConnectOneIn = engine, why, oneIn
		t.Latency.Connect = t.Latency.FromIntended
	}
	return all
}

var (
	slow = kind{asked: -1, reached: 1000, exhausted: 5, failed: 100}
	fast = kind{asked: -1, reached: 30000, exhausted: 1, failed: 1000, p50: 10}
)

func engineComparison(before, after []*record.Trial) *record.Comparison {
	primary := []string{"failed", "connects_per_second", "connect.p50_us", "connect.p99_us", "client.cpu_us_per_connection", "first_exhaustion_seconds"}
	c, trials := newComparison(primary, []string{"before", "after"}, before, after)
	return Build(c, trials)
}

func codeOf(c *record.Comparison, code string) *record.Warning {
	for i := range c.Warnings {
		if c.Warnings[i].Code == code {
			return &c.Warnings[i]
		}
	}
	return nil
}

// TestDifferentEngines: what an engine has its part in is not judged between two of them, what the kernel counts is.
func TestDifferentEngines(t *testing.T) {
	c := engineComparison(driven(8, "split/uring", "", 64, slow), driven(8, "split/epoll", "io_uring is forbidden here", 1, fast))
	w := codeOf(c, DifferentEngines)
	if w == nil {
		t.Fatalf("no warning: %+v", c.Warnings)
	}
	contains(t, "the warning", w.Text, "before by split/uring", "after by split/epoll (io_uring is forbidden here)")
	spoiled := append(slices.Clone(engineMetrics), firstExhaustion)
	if !slices.Equal(w.Spoils, spoiled) || w.Advice == "" {
		t.Errorf("spoils %q, advice %q", w.Spoils, w.Advice)
	}
	for _, name := range spoiled {
		if m := metricOf(c, name); m.Verdict != record.Inconclusive || m.Why != "different engines: split/uring in before, split/epoll in after" {
			t.Errorf("%s: %s, %s", name, m.Verdict, m.Why)
		}
	}
	if m := metricOf(c, "failed"); m.Verdict != record.Worse {
		t.Errorf("what is counted must be judged: %+v", m)
	}
	if got := c.Variants[1]; !slices.Equal(got.Engines, []string{"split/epoll"}) || got.EngineWhy != "io_uring is forbidden here" {
		t.Errorf("%q, %q", got.Engines, got.EngineWhy)
	}
	if codeOf(c, sampledApart) == nil {
		t.Error("connect() was timed on one in 64 and on each, and nothing says so")
	}
}

// TestOneEngine: where one engine drove all, nothing is held back.
func TestOneEngine(t *testing.T) {
	c := engineComparison(driven(8, "split/uring", "", 64, slow), driven(8, "split/uring", "", 64, fast))
	for _, code := range []string{DifferentEngines, sampledApart} {
		if w := codeOf(c, code); w != nil {
			t.Errorf("%+v", w)
		}
	}
	for _, name := range []string{"connects_per_second", firstExhaustion} {
		if m := metricOf(c, name); m.Verdict == record.Inconclusive {
			t.Errorf("%s: %s", name, m.Why)
		}
	}
}

// TestEnginesWithinOneVariant: the same two engines on both sides are no less a mixture.
func TestEnginesWithinOneVariant(t *testing.T) {
	mixed := func(k kind) []*record.Trial {
		return append(driven(4, "split/uring", "", 1, k), driven(4, "net", "", 1, k)...)
	}
	c := engineComparison(mixed(slow), mixed(fast))
	if codeOf(c, DifferentEngines) == nil {
		t.Errorf("%+v", c.Warnings)
	}
	contains(t, "why", metricOf(c, "connects_per_second").Why, "split/uring and net in before")
}

// TestEnginesAtAGivenRate: at a rate that was asked for, the moment of the first failure is the kernel's.
func TestEnginesAtAGivenRate(t *testing.T) {
	c := engineComparison(driven(8, "split/uring", "", 1, kind{exhausted: 5, failed: 1000}), driven(8, "net", "", 1, kind{exhausted: 8, failed: 400}))
	if m := metricOf(c, firstExhaustion); m.Verdict != record.Better {
		t.Errorf("%s: %s", m.Verdict, m.Why)
	}
	if w := codeOf(c, DifferentEngines); w == nil || slices.Contains(w.Spoils, firstExhaustion) {
		t.Errorf("%+v", w)
	}
}

func TestLatencySampledDifferently(t *testing.T) {
	c := engineComparison(driven(2, "split/uring", "", 64, kind{}), driven(2, "split/uring", "", 16, kind{}))
	w := codeOf(c, sampledApart)
	if w == nil || len(w.Spoils) > 0 {
		t.Fatalf("%+v", c.Warnings)
	}
	contains(t, "the remark", w.Text, "before on one connection in 64", "after on one connection in 16")
	if c = engineComparison(driven(2, "split/uring", "", 64, kind{}), driven(2, "split/uring", "", 0, kind{})); codeOf(c, sampledApart) != nil {
		t.Error("a record that does not say is no difference")
	}
}
