package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"twomsl/internal/record"
)

// poisson draws a number of events (Knuth's way; sums of independent ones for a large mean).
func poisson(rng *rand.Rand, mean float64) int64 {
	var n int64
	for ; mean > 30; mean -= 30 {
		n += poisson(rng, 30)
	}
	for p := rng.Float64(); p > math.Exp(-mean); p *= rng.Float64() {
		n++
	}
	return n
}

// A process makes a trial of one and the same world: what differs from trial to trial is chance.
type process struct {
	name string
	make func(rng *rand.Rand) kind
}

var processes = []process{
	{"constant", func(*rand.Rand) kind { return exhausted }},
	{"rare events", func(rng *rand.Rand) kind {
		return kind{
			failed: poisson(rng, 0.3), resets: poisson(rng, 0.1), drops: poisson(rng, 1), cookies: poisson(rng, 3),
			overflow: poisson(rng, 0.7), reused: poisson(rng, 2), lost: 65536 * poisson(rng, 0.5),
		}
	}},
	{"some events", func(rng *rand.Rand) kind {
		return kind{
			failed: poisson(rng, 8), resets: poisson(rng, 15), drops: poisson(rng, 25), cookies: poisson(rng, 40),
			overflow: poisson(rng, 100), reused: poisson(rng, 400), clientTW: poisson(rng, 900), serverTW: poisson(rng, 60),
		}
	}},
	{"one more or less", func(rng *rand.Rand) kind {
		n := func(about int64) int64 { return about + rng.Int64N(2) }
		return kind{
			failed: n(1000), exhausted: 5 + 0.005*float64(n(0)), lasts: 16.1, clientTW: n(998), serverTW: n(40),
			reused: n(500), overflow: n(300), drops: n(100), cookies: n(100), resets: n(200), lost: n(5000),
		}
	}},
	{"jitter", func(rng *rand.Rand) kind {
		n := func(about, spread float64) int64 { return int64(about + spread*(2*rng.Float64()-1)) }
		return kind{
			failed: n(1000, 30), exhausted: 5 + 0.2*rng.Float64(), lasts: 16.1, clientTW: n(1000, 60), serverTW: n(400, 9),
			reused: n(500, 5), overflow: n(300, 50), drops: n(100, 20), cookies: n(100, 3), resets: n(200, 100),
			attempted: n(2000, 100),
		}
	}},
	{"bell", func(rng *rand.Rand) kind {
		n := func(about, sd float64) int64 { return int64(max(0, about+sd*rng.NormFloat64())) }
		return kind{
			failed: n(300, 20), exhausted: 5 + 0.05*rng.NormFloat64(), clientTW: n(1000, 10), serverTW: n(4000, 300),
			reused: n(500, 2), overflow: n(300, 5), drops: n(100, 10), cookies: n(100, 1), resets: n(200, 3), lost: n(50000, 400),
		}
	}},
	{"bursts", func(rng *rand.Rand) kind {
		n := func() int64 {
			if rng.Float64() < 0.7 {
				return 0
			}
			return rng.Int64N(200)
		}
		return kind{failed: n(), resets: n(), drops: n(), cookies: n(), overflow: n(), reused: n(), lost: 1000 * n()}
	}},
	{"at the edge of exhaustion", func(rng *rand.Rand) kind {
		over := poisson(rng, 1000) - 1000
		if over <= 0 {
			return kind{clientTW: 1000 + over}
		}
		return kind{clientTW: 1000, failed: over, exhausted: 9.9}
	}},
}

// TestTheSameIsNotCalledDifferent is the promise of the level: a variant that is held against itself is called different
// in any of its metrics in no more than that share of comparisons, whatever makes its trials differ.
func TestTheSameIsNotCalledDifferent(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 100
	}
	for _, timed := range []bool{false, true} {
		for _, p := range processes {
			for _, n := range []int{2, 3, 5} {
				primary := usualPrimary
				if timed {
					if n < 5 {
						continue
					}
					primary = []string{"failed", "connect.p50_us", "connects_per_second"}
				}
				t.Run(fmt.Sprintf("%s/%d trials/timed %v", p.name, n, timed), func(t *testing.T) {
					share, first := calledDifferent(p, primary, n, rounds)
					t.Logf("%.3f called different; first %s", share, first)
					if share > 0.05 {
						t.Errorf("%.1f %% were called different, of which the level allows 5 %%: first %s", 100*share, first)
					}
				})
			}
		}
	}
}

func calledDifferent(p process, primary []string, n, rounds int) (share float64, first string) {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	called := 0
	for range rounds {
		var sides [2][]kind
		for i := range 2 * n {
			k := p.make(rng)
			k.p50, k.asked, k.reached = 100*math.Exp(0.2*rng.NormFloat64()), -1, 190+10*rng.Float64()
			sides[i%2] = append(sides[i%2], k)
		}
		for _, m := range built(primary, sides[0], sides[1]).Metrics {
			if m.Verdict == record.Better || m.Verdict == record.Worse {
				called++
				if first == "" {
					first = fmt.Sprintf("%s: %v and %v", m.Name, m.Details.Before.Values, m.Details.After.Values)
				}
				break
			}
		}
	}
	return float64(called) / float64(rounds), first
}

// TestADifferenceIsCalledOne is the other half: what guards against chance must not hide what is plain.
func TestADifferenceIsCalledOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	jitter := func(about int64) int64 { return about + rng.Int64N(5) - 2 }
	for n := 2; n <= 5; n++ {
		for range 100 {
			var before, after []kind
			for range n {
				before = append(before, kind{failed: jitter(1000), exhausted: 5, lasts: 16.1})
				after = append(after, kind{failed: jitter(501), exhausted: 5, lasts: 16.1})
			}
			if m := metricOf(built(usualPrimary, before, after), "failed"); m.Verdict != record.Better {
				t.Fatalf("%d trials: %v and %v: %s, %s", n, m.Details.Before.Values, m.Details.After.Values, m.Verdict, m.Why)
			}
		}
	}
}
