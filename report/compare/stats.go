package compare

import (
	"math"
	"math/rand/v2"
	"slices"

	tests "github.com/aclements/go-moremath/stats"
	"github.com/montanaflynn/stats"
	"golang.org/x/perf/benchmath"

	"twomsl/internal/record"
)

// median is NaN where there is nothing to take it of.
func median(values []float64) float64 {
	m, err := stats.Median(values)
	if err != nil {
		return math.NaN()
	}
	return m
}

// A counted is two samples of a counted metric and what is known of how they may stray.
type counted struct {
	before, after []float64
	// total is each trial's whole, where shares are compared; else nil.
	totalBefore, totalAfter []float64
	step                    float64 // the least difference that matters
	events                  bool
	each                    float64 // what one event adds
	alpha                   float64
}

// few is the number of events from which on their own scatter, the square root of it, is left to the spread of the trials.
const few = 30

// reach is the smallest difference of the means that is called one: so many standard errors that Student's t exceeds it
// with the probability alpha where both variants are the same. The spread is pooled over both, and never less than what
// rounding to a step leaves, so that values that agree by chance prove nothing. With two trials that is some ten times
// the spread, with three some four times.
func (c *counted) reach() float64 {
	n, m := float64(len(c.before)), float64(len(c.after))
	free := n + m - 2
	variance := max((squares(c.before)+squares(c.after))/free, c.step*c.step/12)
	return max(c.step, tQuantile(1-c.alpha/2, free)*math.Sqrt(variance*(1/n+1/m)))
}

// squares adds up the squared distances from the mean.
func squares(values []float64) (sum float64) {
	m := mean(values)
	for _, v := range values {
		sum += (v - m) * (v - m)
	}
	return sum
}

func mean(values []float64) float64 {
	m, err := stats.Mean(values)
	if err != nil {
		return 0
	}
	return m
}

// different tells whether the variants differ.
func (c *counted) different() bool {
	by := mean(c.after) - mean(c.before)
	middle := median(c.after) - median(c.before)
	if by*middle <= 0 || math.Abs(by) < c.reach() {
		return false
	}
	return !c.rare() || c.eventsP(sum(c.before), sum(c.after)) < c.alpha
}

// rare tells whether there are so few events that they may have come by chance, whatever trials agree on.
func (c *counted) rare() bool {
	return c.events && max(median(c.before), median(c.after)) < few*c.each
}

// eventsP is the exact two-sided probability of events that fall on either variant as they did, or more unevenly, where
// both have the same chance of each (the conditional test of two Poisson rates).
func (c *counted) eventsP(before, after float64) float64 {
	all, k := math.Round((before+after)/c.each), math.Round(after/c.each)
	if all < 1 {
		return 1
	}
	exposed := [2]float64{float64(len(c.before)), float64(len(c.after))}
	if c.totalBefore != nil {
		exposed = [2]float64{sum(c.totalBefore), sum(c.totalAfter)}
	}
	d := tests.BinomialDist{N: int(min(all, atMost)), P: exposed[1] / (exposed[0] + exposed[1])}
	if all > manyEvents { // too many for the library's series, and enough for the normal distribution
		n := d.NormalApprox()
		return min(1, 2*min(n.CDF(k+0.5), 1-n.CDF(k-0.5)))
	}
	return min(1, 2*min(d.CDF(k), 1-d.CDF(k-1)))
}

const (
	manyEvents = 1000
	manyTrials = 200 // from which on Student's t is the normal distribution
)

// wouldHaveSeen is the smallest difference that would have been called one, from what was before.
func (c *counted) wouldHaveSeen() float64 {
	least := c.reach()
	if c.events {
		start, n := sum(c.before), float64(len(c.after))
		per := n / float64(len(c.before))
		for more := 1.0; more < few && median(c.before)+more*c.each < few*c.each; more++ {
			if c.eventsP(start, start*per+more*c.each*n) < c.alpha {
				least = max(least, more*c.each)
				break
			}
		}
	}
	if c.step >= 1 {
		return math.Ceil(least)
	}
	return least
}

// unclear tells whether the trials of a variant differ so much among themselves that a difference as large as the thing
// itself would have gone unseen, and something seems to be different all the same.
func (c *counted) unclear() bool {
	b, a := median(c.before), median(c.after)
	if math.Abs(a-b) < c.step || c.rare() {
		return false
	}
	return c.reach() >= max(math.Abs(a), math.Abs(b))
}

func sum(values []float64) (s float64) {
	for _, v := range values {
		s += v
	}
	return s
}

// tQuantile inverts Student's t by bisection.
func tQuantile(p, free float64) float64 {
	if free > manyTrials {
		return tests.StdNormal.InvCDF(p)
	}
	d := tests.TDist{V: free}
	low, high := 0.0, 1.0
	for d.CDF(high) < p && high < 1e9 {
		low, high = high, high*2
	}
	for range 60 {
		if mid := (low + high) / 2; d.CDF(mid) < p {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// tCDF is the share of Student's t below a value.
func tCDF(value, free float64) float64 { return tests.TDist{V: free}.CDF(value) }

// mannWhitney is the exact two-sided p of the U test.
func mannWhitney(before, after []float64) float64 {
	sample := func(values []float64) *benchmath.Sample {
		return benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	}
	p := benchmath.AssumeNothing.Compare(sample(before), sample(after)).P
	if !(p >= 0 && p <= 1) {
		return 1
	}
	return p
}

// holm corrects p values that share a level over so many tests, of which some could not be made.
func holm(ps []float64, all int) []float64 { return stepDown(ps, all, corrected) }

// stepDown corrects the least p for all tests, the next for one less, and so on, and keeps them in order.
func stepDown(ps []float64, all int, correct func(p float64, tests int) float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compareFloat(ps[a], ps[b]) })
	out, least := make([]float64, len(ps)), 0.0
	for rank, i := range order {
		least = max(least, correct(ps[i], max(1, all-rank)))
		out[i] = least
	}
	return out
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// resamples is how many times the bootstrap draws.
const resamples = 2000

// bootstrap gives percentile intervals, with the confidence 1 - level, for the ratio of the medians and for their
// difference. The ratio's is nil where a drawn median is 0.
func bootstrap(before, after []float64, level float64, rng *rand.Rand) (ratio *record.Interval, difference record.Interval) {
	ratios, differences := make([]float64, 0, resamples), make([]float64, 0, resamples)
	b, a := make([]float64, len(before)), make([]float64, len(after))
	for range resamples {
		for i := range b {
			b[i] = before[rng.IntN(len(before))]
		}
		for i := range a {
			a[i] = after[rng.IntN(len(after))]
		}
		mb, ma := sortedMedian(b), sortedMedian(a)
		differences = append(differences, ma-mb)
		if r := ma / mb; mb != 0 && !math.IsInf(r, 0) {
			ratios = append(ratios, r)
		}
	}
	if len(ratios) == resamples {
		i := middlePart(ratios, 1-level)
		ratio = &i
	}
	return ratio, middlePart(differences, 1-level)
}

// sortedMedian is the median of values that it may put in order: the bootstrap takes thousands.
func sortedMedian(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func middlePart(values []float64, confidence float64) record.Interval {
	slices.Sort(values)
	off := (1 - confidence) / 2
	at := func(q float64) float64 { return values[min(len(values)-1, max(0, int(q*float64(len(values)))))] }
	return record.Interval{Low: at(off), High: at(1 - off)}
}
