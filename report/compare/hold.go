package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"twomsl/internal/record"
)

// Pair is one figure of two ways to do the same work, a value of each for every round.
type Pair struct {
	Better     string // higher or lower
	That, This []float64
}

// Held is what one of a pair comes to beside the other.
type Held struct {
	Ratio    float64          // of the medians, this by that; NaN where that is 0
	Interval *record.Interval // of the ratio, 95 of 100 times; nil where there is none
	P        float64          // of the Mann-Whitney test, corrected over all pairs (Holm)
	Verdict  string           // better, worse, no-difference; inconclusive where so few rounds can show none
	Why      string           // it is inconclusive
}

// holdLevel is the chance at which a difference is called one where there is none.
const holdLevel = 0.05

// mostNeeded bounds the search for how many rounds would do.
const mostNeeded = 100

// Hold judges pairs of which each has the same chance of being called different by accident, and all together no more
// than one in twenty.
func Hold(pairs []Pair) []Held {
	ps := make([]float64, len(pairs))
	for i, p := range pairs {
		if ps[i] = 1; len(p.That) > 0 && len(p.This) > 0 {
			ps[i] = mannWhitney(p.That, p.This)
		}
	}
	ps = stepDown(ps, len(pairs), func(p float64, tests int) float64 { return min(1, p*float64(tests)) })
	out := make([]Held, len(pairs))
	for i, p := range pairs {
		out[i] = p.held(ps[i], len(pairs))
	}
	return out
}

func (p *Pair) held(adjusted float64, all int) Held {
	h := Held{Ratio: math.NaN(), P: adjusted, Verdict: record.Inconclusive}
	if len(p.That) == 0 || len(p.This) == 0 {
		h.Why = "one of the two has no figure"
		return h
	}
	before, after := median(p.That), median(p.This)
	if r := after / before; before != 0 && !math.IsInf(r, 0) {
		h.Ratio = r
	}
	if leastP(len(p.That), len(p.This))*float64(all) >= holdLevel {
		h.Why = "too few rounds to show any difference"
		for n := 2; n < mostNeeded; n++ {
			if leastP(n, n)*float64(all) < holdLevel {
				h.Why += fmt.Sprintf(": %d would do", n)
				break
			}
		}
		return h
	}
	h.Interval, _ = bootstrap(slices.Clone(p.That), slices.Clone(p.This), holdLevel, rand.New(rand.NewPCG(1, uint64(len(p.This))))) //nolint:gosec // statistics
	switch {
	case adjusted >= holdLevel || before == after:
		h.Verdict = record.NoDifference
	case (after > before) == (p.Better == higher):
		h.Verdict = record.Better
	default:
		h.Verdict = record.Worse
	}
	return h
}

// leastP is the smallest p that the exact two-sided U test gives for n and m values: all of one above all of the other.
func leastP(n, m int) float64 {
	ways := 1.0
	for i := 1; i <= n; i++ {
		ways *= float64(m+i) / float64(i)
	}
	return min(1, 2/ways)
}
