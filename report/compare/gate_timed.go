package compare

import (
	"fmt"
	"math"
	"slices"
	"sort"

	tests "github.com/aclements/go-moremath/stats"

	"twomsl/internal/record"
)

// timedLook holds a timed metric against the reference's trials, which took turns with those that are tested: by the
// Mann-Whitney test against the reference moved by what is allowed, in either direction. What is neither shown to be
// broken nor shown to hold is unclear: not enough trials for so much noise.
func (g *Gate) timedLook(out *record.GateLook, b *record.GateBudget, ref, tested *figures) {
	if ref.atLeast() && tested.atLeast() && *out.TestedMedian >= *out.ReferenceMedian {
		out.Verdict, out.Why = record.Holds, fmt.Sprintf("both had all that was asked for: %s", figure(*out.TestedMedian))
		return
	}
	broken, holds := 1.0, 0.0
	ways := directions(b.Operator)
	for _, up := range ways {
		moved := allowed(b, ref.values, up)
		worse, fine := tests.LocationGreater, tests.LocationLess
		if !up {
			worse, fine = fine, worse
		}
		broken = min(broken, min(1, float64(len(ways))*oneSided(tested.values, moved, worse)))
		holds = max(holds, oneSided(tested.values, moved, fine))
	}
	out.PBroken, out.PHolds = &broken, &holds
	out.Interval = changeInterval(ref.values, tested.values, out.Alpha)
	g.settle(out, g.unclearBy(out, b, ref, tested))
}

// unclearBy says what these trials could have shown.
func (g *Gate) unclearBy(out *record.GateLook, b *record.GateBudget, ref, tested *figures) string {
	n, m := len(ref.values), len(tested.values)
	if oneOrder(n, m) >= out.Alpha {
		return fmt.Sprintf("too few trials to show anything: %d and %d", n, m)
	}
	within := changeInterval(ref.values, tested.values, levelOf(g.Level))
	if within == nil {
		return fmt.Sprintf("too few trials to show that it holds: %d and %d", n, m)
	}
	return fmt.Sprintf("the change lies between %s and %s, and the limit, %s, within that", percent(within.Low), percent(within.High), percent(signed(b)))
}

func signed(b *record.GateBudget) float64 {
	if b.Operator == "drop" {
		return -b.Limit
	}
	return b.Limit
}

// percent writes a share with its sign: -4.2 %.
func percent(share float64) string {
	if math.IsInf(share, 0) {
		return "any size"
	}
	return fmt.Sprintf("%+.1f %%", 100*share)
}

// oneSided is the exact probability that values lie as far to one side of others as these do, if both are of one kind.
func oneSided(values, others []float64, side tests.LocationHypothesis) float64 {
	r, err := tests.MannWhitneyUTest(values, others, side)
	if err != nil { // all are equal: neither above nor below
		return 1
	}
	return r.P
}

// oneOrder is the least one-sided probability that n and m trials can come to.
func oneOrder(n, m int) float64 {
	if n < 1 || m < 1 {
		return 1
	}
	return smallestP(n, m) / 2
}

// changeInterval holds the change from before to after, as a share, with the confidence 1 - 2 alpha: the ratios of all pairs,
// so many of the lowest and highest left out that the Mann-Whitney test would call those beyond different (Hodges and
// Lehmann). Nil where trials are too few, or a value is not positive.
func changeInterval(before, after []float64, alpha float64) *record.Interval {
	n, m := len(before), len(after)
	if n == 0 || m == 0 || slices.Min(before) <= 0 || slices.Min(after) <= 0 {
		return nil
	}
	ratios := make([]float64, 0, n*m)
	for _, b := range before {
		for _, a := range after {
			ratios = append(ratios, a/b)
		}
	}
	slices.Sort(ratios)
	u := tests.UDist{N1: n, N2: m}
	out := sort.Search(n*m/2, func(i int) bool { return u.CDF(float64(i)) >= alpha })
	if out == 0 {
		return nil
	}
	return &record.Interval{Low: ratios[out-1] - 1, High: ratios[n*m-out] - 1}
}

// atLeastSo is the chance that k or more of n trials lie on one side of their median.
func atLeastSo(k, n int) float64 {
	d := tests.BinomialDist{N: n, P: 0.5}
	if k <= 0 {
		return 1
	}
	return min(1, 1-d.CDF(float64(k-1)))
}

// efficiency is the Mann-Whitney test's beside Student's t where trials scatter normally: 3/pi.
const efficiency = 3 / math.Pi

// caught is the chance that a change so far beyond the limit, in shares, is called a regression: at the first look and, of so
// many trials again, at the second.
func caught(beyond, spread float64, trials, again int, alpha float64) float64 {
	one := func(n int) float64 {
		if oneOrder(n, n) >= alpha {
			return 0
		}
		free := float64(2*n - 2)
		deviations := beyond / (spread * math.Sqrt(2/(efficiency*float64(n))))
		return tests.StdNormal.CDF(deviations - tQuantile(1-alpha, free))
	}
	return one(trials) * one(again)
}

// Smallest is the smallest change beyond a limit that trials, which scatter by spread, catch with the power of the gate; +Inf
// where none is. All are shares.
func (g *Gate) Smallest(spread float64, trials, again int, alpha float64) float64 {
	power := g.power()
	spread = max(spread, leastSpread)
	low, high := 0.0, 10.0
	if !(caught(high, spread, trials, again, alpha) >= power) {
		return math.Inf(1)
	}
	for range 50 {
		if mid := (low + high) / 2; caught(mid, spread, trials, again, alpha) >= power {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// leastSpread keeps a few trials that agree by chance from promising what none can show.
const leastSpread = 0.002

const usualPower = 0.8

func (g *Gate) power() float64 {
	if !(g.Power > 0 && g.Power < 1) {
		return usualPower
	}
	return g.Power
}

// mostGateTrials bounds a look where a plan says nothing.
const mostGateTrials = 40

// TrialsFor gives the fewest trials at the first look, with twice as many at the second, by which a change beyond the limit
// by asked is caught; 0 where no number within reason would.
func (g *Gate) TrialsFor(spread, asked, alpha float64) int {
	for n := FewestTimed; n <= mostGateTrials; n++ {
		if g.Smallest(spread, n, 2*n, alpha) <= asked {
			return n
		}
	}
	return 0
}

// Fewest gives the fewest trials at one look by which a timed budget can be called broken at all.
func (g *Gate) Fewest(b *record.GateBudget) int {
	alpha := g.Alpha(b)
	for n := 2; n < mostTrials; n++ {
		least := oneOrder(n, n)
		if !b.Relative {
			least = atLeastSo(n, n)
		}
		if least < alpha {
			return n
		}
	}
	return mostTrials
}

// FewestTimed and FewestCounted are the least that are worth running at a first look.
const (
	FewestTimed   = 6
	FewestCounted = exactTrials
)

// Spread is how far trials of one thing scatter: their standard deviation as a share of the mean. NaN where there are fewer
// than two, or the mean is 0.
func Spread(values []float64) float64 {
	if len(values) < 2 || mean(values) == 0 {
		return math.NaN()
	}
	return math.Sqrt(squares(values)/float64(len(values)-1)) / math.Abs(mean(values))
}

// Noise is what trials of one and the same thing show of the metrics that timed budgets name.
func (g *Gate) Noise(c record.Comparison, trials []*record.Trial, budgets []record.GateBudget, planned, again int) (out []record.GateNoise) {
	x := newAnalysis(&c, trials)
	for i := range budgets {
		b := &budgets[i]
		m, ok := rowOf(b.Metric)
		if !ok || m.exact || slices.ContainsFunc(out, func(n record.GateNoise) bool { return n.Metric == b.Metric && n.Asked <= b.Limit }) {
			continue
		}
		var values []float64
		for _, v := range x.c.Variants {
			values = append(values, x.figures(m, v.Name).values...)
		}
		n := record.GateNoise{
			Scenario: b.Scenario, Metric: b.Metric, Trials: len(values), Spread: Spread(values), Asked: asked(b), Planned: planned, Again: again,
		}
		if math.IsNaN(n.Spread) {
			continue
		}
		alpha := g.Alpha(b)
		n.TrialsNeeded = g.TrialsFor(n.Spread, n.Asked, alpha)
		if n.Smallest = g.Smallest(n.Spread, planned, again, alpha); math.IsInf(n.Smallest, 0) {
			n.Smallest = 0
		}
		out = append(out, n)
	}
	return out
}

// asked is the precision that a timed budget needs: a change as far beyond its limit as the limit is from no change. A
// limit that is not relative asks for none.
func asked(b *record.GateBudget) float64 {
	if !b.Relative {
		return 1
	}
	return b.Limit
}
