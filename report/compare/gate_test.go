package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"twomsl/internal/record"
)

// budget makes one of a test's: relative where the operator is a direction.
func budget(metric, operator string, limit float64, share bool) record.GateBudget {
	m, ok := rowOf(metric)
	if !ok {
		panic(metric)
	}
	return record.GateBudget{
		Scenario: "s", Text: metric + operator, Metric: metric, Unit: m.unit, Better: m.better, Exact: m.exact,
		Relative: slices.Contains([]string{"drop", "rise", "change"}, operator), Operator: operator, Limit: limit, Share: share,
	}
}

// gateTrials is a comparison of the reference, where there is one, and what is tested.
func gateTrials(reference, tested []kind) (record.Comparison, []*record.Trial) {
	if reference == nil {
		return newComparison(usualPrimary, []string{GateTested}, trialsOf(tested))
	}
	return newComparison(usualPrimary, []string{GateReference, GateTested}, trialsOf(reference), trialsOf(tested))
}

// looked judges one budget by one look.
func looked(g *Gate, b record.GateBudget, reference, tested []kind) record.GateLook {
	g.Budgets = []record.GateBudget{b}
	c, trials := gateTrials(reference, tested)
	return g.Look(c, trials, g.Budgets)[0]
}

// speeds are trials at rate max that came to so many connections a second.
func speeds(values ...float64) (all []kind) {
	for _, v := range values {
		all = append(all, kind{asked: -1, reached: v})
	}
	return all
}

func around(rng *rand.Rand, n int, mean, spread float64) (values []float64) {
	for range n {
		values = append(values, mean*(1+spread*rng.NormFloat64()))
	}
	return values
}

func TestAbsoluteBudgetsOfWhatIsCounted(t *testing.T) {
	for _, c := range []struct {
		b      record.GateBudget
		tested []kind
		want   string
		out    int
	}{
		{budget("client.time_wait.peak", "<=", 1000, false), times(3, kind{clientTW: 1000}), record.Holds, 0},
		{budget("client.time_wait.peak", "<=", 1000, false), append(times(2, kind{clientTW: 1000}), kind{clientTW: 1001}), record.Broken, 1},
		{budget("client.time_wait.peak", "<", 1000, false), times(3, kind{clientTW: 1000}), record.Broken, 3},
		{budget("bytes_lost", "==", 0, false), times(3, kind{}), record.Holds, 0},
		{budget("bytes_lost", "==", 0, false), times(3, kind{lost: 1}), record.Broken, 3},
		{budget("failed", "!=", 0, false), times(3, kind{}), record.Broken, 3},
		{budget("failed.address-not-available", "==", 0, false), times(3, exhausted), record.Broken, 3},
		{budget("failed.refused", "==", 0, false), times(3, exhausted), record.Holds, 0},
		{budget("first_exhaustion_seconds", ">=", 5, false), times(3, kind{}), record.Holds, 0},     // it never came
		{budget("first_exhaustion_seconds", ">", 60, false), times(3, exhausted), record.Broken, 3}, // it came
		{budget("rate_that_lasts", "<=", 500, false), times(3, kind{}), record.Unclear, 0},          // no more was asked for
	} {
		got := looked(&Gate{}, c.b, nil, c.tested)
		if got.Verdict != c.want || got.Outside != c.out {
			t.Errorf("%s %v: %s, %d outside: %s", c.b.Text, c.b.Limit, got.Verdict, got.Outside, got.Why)
		}
	}
}

func TestAbsoluteBudgetsOfWhatIsTimed(t *testing.T) {
	b := budget("connects_per_second", ">=", 1000, false)
	for _, c := range []struct {
		tested []kind
		want   string
	}{
		{speeds(1100, 1200, 1300, 1100, 1150, 1050), record.Holds},
		{speeds(900, 910, 920, 930, 940, 950), record.Broken},
		{speeds(900, 910, 920, 1100, 1100, 1100), record.Unclear},
		{speeds(900, 910, 920), record.Unclear}, // too few to show anything
	} {
		if got := looked(&Gate{}, b, nil, c.tested); got.Verdict != c.want || got.Verdict == record.Unclear && got.Why == "" {
			t.Errorf("%v: %s, %s", c.tested, got.Verdict, got.Why)
		}
	}
}

func TestRelativeBudgetsOfWhatIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		b                 record.GateBudget
		reference, tested []kind
		want              string
	}{
		"the same":           {budget("client.time_wait.peak", "rise", 0, true), times(3, kind{clientTW: 1000}), times(3, kind{clientTW: 1000}), record.Holds},
		"fewer":              {budget("client.time_wait.peak", "rise", 0, true), times(3, kind{clientTW: 1000}), times(3, kind{clientTW: 10}), record.Holds},
		"within":             {budget("client.time_wait.peak", "rise", 0.1, true), times(3, kind{clientTW: 1000}), times(3, kind{clientTW: 1090}), record.Holds},
		"beyond":             {budget("client.time_wait.peak", "rise", 0.1, true), times(3, kind{clientTW: 1000}), times(3, kind{clientTW: 1200}), record.Broken},
		"by so many":         {budget("client.time_wait.peak", "rise", 100, false), times(3, kind{clientTW: 1000}), times(3, kind{clientTW: 1150}), record.Broken},
		"from none":          {budget("server.time_wait.peak", "rise", 0.1, true), times(3, kind{}), times(3, kind{serverTW: 2000}), record.Broken},
		"either way":         {budget("client.time_wait.peak", "change", 0.1, true), times(3, kind{clientTW: 1000}), times(3, kind{clientTW: 100}), record.Broken},
		"either way, within": {budget("client.time_wait.peak", "change", 0.1, true), times(3, kind{clientTW: 1000}), times(3, kind{clientTW: 950}), record.Holds},
		"never, now":         {budget("first_exhaustion_seconds", "drop", 0.1, true), times(3, kind{}), times(3, exhausted), record.Broken},
		"no more":            {budget("first_exhaustion_seconds", "drop", 0.1, true), times(3, exhausted), times(3, kind{}), record.Holds},
		"in neither":         {budget("first_exhaustion_seconds", "drop", 0.1, true), times(3, kind{}), times(3, kind{}), record.Holds},
		"scattered":          {budget("client.time_wait.peak", "rise", 0.01, true), []kind{{clientTW: 900}, {clientTW: 1100}, {clientTW: 1000}}, []kind{{clientTW: 1050}, {clientTW: 950}, {clientTW: 1150}}, record.Holds},
		"one trial":          {budget("client.time_wait.peak", "rise", 0, true), times(1, kind{clientTW: 10}), times(1, kind{clientTW: 1000}), record.Unclear},
	} {
		if got := looked(&Gate{}, c.b, c.reference, c.tested); got.Verdict != c.want {
			t.Errorf("%s: %s, %s", name, got.Verdict, got.Why)
		}
	}
}

func TestWhatWarningsSpoilIsUnclear(t *testing.T) {
	late := kind{failed: 100, warnings: []record.Warning{{Code: "schedule-late", Text: "25 late", Spoils: []string{"failed"}}}}
	got := looked(&Gate{}, budget("failed", "==", 0, false), nil, times(3, late))
	if got.Verdict != record.Unclear || got.Why != "25 late" {
		t.Errorf("%s, %s", got.Verdict, got.Why)
	}
	if got := looked(&Gate{}, budget("client.time_wait.peak", "<=", 1, false), nil, times(3, late)); got.Verdict != record.Holds {
		t.Errorf("it spoils no more than it names: %s, %s", got.Verdict, got.Why)
	}
}

// A trial whose time a hypervisor gave to others is left out; where most are, there is nothing to judge.
func TestStolenTimeIsLeftOut(t *testing.T) {
	hit := kind{asked: -1, reached: 400, warnings: []record.Warning{{Code: "steal", Text: "0.3 s were stolen", Spoils: []string{"connects_per_second"}}}}
	b := budget("connects_per_second", "drop", 0.05, true)
	ref := speeds(1000, 1001, 1002, 1003, 1004, 1005)
	got := looked(&Gate{}, b, ref, append(speeds(1000, 1001, 1002, 1003, 1004, 1005), hit, hit))
	if got.Verdict != record.Holds || len(got.Tested.Values) != 6 {
		t.Errorf("%s, %s, %v", got.Verdict, got.Why, got.Tested.Values)
	}
	got = looked(&Gate{}, b, ref, append(times(4, hit), speeds(1000, 1001)...))
	if got.Verdict != record.Unclear {
		t.Errorf("%s", got.Verdict)
	}
	contains(t, "why", got.Why, "0.3 s were stolen: in 4 of 6 trials of tested")
}

// An interval and its probability are two ways to say one thing: the limit is outside the interval where the budget is broken.
func TestIntervalAgreesWithTheTest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	seen := map[bool]int{}
	for range 400 {
		n, m := 4+rng.IntN(8), 4+rng.IntN(8)
		b := budget("connects_per_second", "drop", 0.05, true)
		got := looked(&Gate{}, b, speeds(around(rng, n, 1000, 0.03)...), speeds(around(rng, m, 1000*(0.85+0.2*rng.Float64()), 0.03)...))
		if got.Interval == nil {
			if *got.PBroken < got.Alpha {
				t.Errorf("broken without an interval: %d, %d", n, m)
			}
			continue
		}
		below := got.Interval.High < -0.05
		if below != (got.Verdict == record.Broken) {
			t.Errorf("%d and %d trials: %+v, p %v at %v: %s", n, m, *got.Interval, *got.PBroken, got.Alpha, got.Verdict)
		}
		seen[below]++
	}
	if seen[true] < 50 || seen[false] < 50 {
		t.Errorf("one-sided: %v", seen)
	}
}

// gated is a whole gate of one timed budget: the second look is taken where the first asks for one.
func gated(rng *rand.Rand, g *Gate, limit, change, spread float64, n int) string {
	b := budget("connects_per_second", "drop", limit, true)
	g.Budgets = []record.GateBudget{b}
	draw := func(n int) (record.Comparison, []*record.Trial) {
		return gateTrials(speeds(around(rng, n, 1000, spread)...), speeds(around(rng, n, 1000*(1+change), spread)...))
	}
	c, trials := draw(n)
	b.First = g.Look(c, trials, g.Budgets)[0]
	if b.First.Verdict != record.Holds {
		again, more := draw(2 * n)
		if b.First.Verdict == record.Unclear {
			again.Trials, more = slices.Concat(c.Trials, again.Trials), slices.Concat(trials, more)
		}
		look := g.Look(again, more, g.Budgets)[0]
		b.Again = &look
	}
	Decide(&b, "")
	return b.Verdict
}

// Of gates of equal things no more than the level fail, whatever the noise, and at the very limit, too; of changes as large as
// is told, as many as the power says are caught.
func TestLevelAndPower(t *testing.T) {
	const rounds = 400
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		spread, limit float64
		n             int
	}{{0.01, 0.05, 6}, {0.03, 0.05, 6}, {0.1, 0.05, 6}, {0.03, 0.1, 10}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			g := &Gate{}
			g.Budgets = []record.GateBudget{budget("connects_per_second", "drop", c.limit, true)}
			count := func(change float64) map[string]int {
				verdicts := map[string]int{}
				for range rounds {
					verdicts[gated(rng, g, c.limit, change, c.spread, c.n)]++
				}
				return verdicts
			}
			most := int(usualLevel*rounds + 3*math.Sqrt(rounds*usualLevel*(1-usualLevel)))
			if got := count(0); got[record.Regression] > most/4 {
				t.Errorf("equal things: %v", got)
			}
			if got := count(-c.limit); got[record.Regression] > most {
				t.Errorf("at the limit: %v, %d at the most", got, most)
			}
			smallest := g.Smallest(c.spread, c.n, 2*c.n, g.Alpha(&g.Budgets[0]))
			got := count(-(1 - (1-c.limit)*(1-smallest)))
			if least := int(usualPower*rounds - 3*math.Sqrt(rounds*usualPower*(1-usualPower))); got[record.Regression] < least {
				t.Errorf("%.3f beyond the limit: %v, %d at the least", smallest, got, least)
			}
			if got[record.Pass] > most {
				t.Errorf("a regression passed: %v", got)
			}
		})
	}
}

// The more budgets share the level, the less each has of it.
func TestBudgetsShareTheLevel(t *testing.T) {
	timed, counted, fixed := budget("connects_per_second", "drop", 0.1, true), budget("failed", "rise", 0, true), budget("failed", "==", 0, false)
	for _, c := range []struct {
		all  []record.GateBudget
		of   record.GateBudget
		want float64
	}{
		{[]record.GateBudget{timed}, timed, 0.025},
		{[]record.GateBudget{timed, timed}, timed, 0.0125},
		{[]record.GateBudget{timed, fixed}, timed, 0.025},
		{[]record.GateBudget{timed, counted}, timed, 0.02},
		{[]record.GateBudget{timed, counted}, counted, 0.005},
		{[]record.GateBudget{counted, counted}, counted, 0.00625},
	} {
		g := Gate{Budgets: c.all}
		if got := g.Alpha(&c.of); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d budgets, %s: %v, want %v", len(c.all), c.of.Metric, got, c.want)
		}
	}
}

func TestTwoLooksDecide(t *testing.T) {
	for _, c := range []struct {
		first, again string
		exact        bool
		want         string
	}{
		{record.Holds, "", true, record.Pass},
		{record.Broken, "", true, record.Inconclusive}, // nothing is cried at one look
		{record.Broken, record.Broken, true, record.Regression},
		{record.Broken, record.Broken, false, record.Regression},
		{record.Broken, record.Holds, false, record.Pass},
		{record.Broken, record.Holds, true, record.Inconclusive}, // it was there once
		{record.Broken, record.Unclear, false, record.Inconclusive},
		{record.Unclear, "", false, record.Inconclusive},
		{record.Unclear, record.Holds, false, record.Pass},
		{record.Unclear, record.Unclear, false, record.Inconclusive},
		{record.Unclear, record.Broken, false, record.Regression},
	} {
		b := record.GateBudget{Exact: c.exact, First: record.GateLook{Verdict: c.first}}
		if c.again != "" {
			b.Again = &record.GateLook{Verdict: c.again}
		}
		if Decide(&b, "no time was left"); b.Verdict != c.want {
			t.Errorf("%+v: %s, %s", c, b.Verdict, b.Why)
		}
	}
	for _, c := range []struct {
		verdicts []string
		want     string
	}{
		{nil, record.Pass},
		{[]string{record.Pass, record.Inconclusive}, record.Inconclusive},
		{[]string{record.Pass, record.Inconclusive, record.Regression}, record.Regression},
		{[]string{record.Pass, ""}, record.Inconclusive},
	} {
		var all []record.GateBudget
		for _, v := range c.verdicts {
			all = append(all, record.GateBudget{Verdict: v})
		}
		if got := Verdict(all); got != c.want {
			t.Errorf("%v: %s", c.verdicts, got)
		}
	}
}

// asBaseline keeps sessions of so many trials each.
func asBaseline(g *Gate, boots []string, sessions ...[]kind) {
	b := &record.Baseline{}
	for i, kinds := range sessions {
		c, trials := gateTrials(nil, kinds)
		b.Sessions = append(b.Sessions, record.BaselineSession{
			BootID: boots[i%len(boots)], Scenarios: []record.BaselineScenario{{Name: "s", Metrics: Saved(c, trials)}},
		})
	}
	g.Baseline = &GateBaseline{Baseline: b, BootID: "this", Timed: true}
}

func TestBaselines(t *testing.T) {
	drop := budget("connects_per_second", "drop", 0.05, true)
	some := [][]kind{speeds(1000, 1010, 990), speeds(1005, 1002, 1003), speeds(995, 998, 996), speeds(1001, 1000, 999)}
	slow, same := speeds(800, 810, 805), speeds(1000, 1003, 998)
	for name, c := range map[string]struct {
		boots    []string
		sessions [][]kind
		tested   []kind
		want     string
		why      string
	}{
		"slower":          {[]string{"this"}, some, slow, record.Broken, ""},
		"the same":        {[]string{"this"}, some, same, record.Holds, ""},
		"one session":     {[]string{"this"}, some[:1], slow, record.Unclear, "1 sessions"},
		"another boot":    {[]string{"that"}, some, slow, record.Unclear, "of 1 boots"},
		"of many boots":   {[]string{"a", "b", "c", "d"}, some, slow, record.Broken, ""},
		"sessions differ": {[]string{"this"}, [][]kind{speeds(700, 710), speeds(1000, 1010), speeds(1300, 1310)}, slow, record.Unclear, "sessions differ"},
	} {
		g := &Gate{}
		asBaseline(g, c.boots, c.sessions...)
		got := looked(g, drop, nil, c.tested)
		if got.Verdict != c.want {
			t.Errorf("%s: %s, %s", name, got.Verdict, got.Why)
		}
		contains(t, name, got.Why, c.why)
	}
	g := &Gate{}
	asBaseline(g, []string{"that"}, times(3, kind{clientTW: 1000}))
	g.Baseline.Timed, g.Baseline.Why = false, "it differs in kernel"
	if got := looked(g, budget("client.time_wait.peak", "rise", 0, true), nil, times(3, kind{clientTW: 2000})); got.Verdict != record.Broken {
		t.Errorf("what is counted counts from another machine, too: %s, %s", got.Verdict, got.Why)
	}
	got := looked(g, drop, nil, same)
	contains(t, "another machine", got.Why, "it differs in kernel")
	if side := looked(g, drop, speeds(1000, 1001, 1002, 1003, 1004, 1005), speeds(800, 801, 802, 803, 804, 805)); side.Verdict != record.Broken {
		t.Errorf("what is run side by side answers instead: %s, %s", side.Verdict, side.Why)
	}
}

func TestTrialsForWhatIsAsked(t *testing.T) {
	g := &Gate{}
	last := 0
	for _, spread := range []float64{0.005, 0.02, 0.04, 0.06} {
		n := g.TrialsFor(spread, 0.05, 0.025)
		if n < max(last, FewestTimed) {
			t.Errorf("more noise needs more trials: %d after %d", n, last)
		}
		last = n
	}
	if n := g.TrialsFor(1, 0.05, 0.025); n != 0 {
		t.Errorf("%d trials for what none would show", n)
	}
	if s := g.Smallest(0.02, 2, 4, 0.025); !math.IsInf(s, 1) {
		t.Errorf("two trials see %v", s)
	}
}

func TestNoiseOfTheSameThing(t *testing.T) {
	c, trials := newComparison(usualPrimary, []string{"one", "other"}, trialsOf(speeds(1000, 1020, 980)), trialsOf(speeds(1010, 990, 1000)))
	g := &Gate{Budgets: []record.GateBudget{budget("connects_per_second", "drop", 0.1, true)}}
	n := g.Noise(c, trials, g.Budgets, 6, 12)
	if len(n) != 1 || n[0].Trials != 6 || math.Abs(n[0].Spread-0.01414) > 0.0001 || n[0].Smallest <= 0.01 || n[0].TrialsNeeded != FewestTimed {
		t.Errorf("%+v", n)
	}
}
