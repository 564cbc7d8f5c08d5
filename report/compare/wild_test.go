package compare

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"twomsl/internal/record"
)

// words are texts that mean something somewhere in a record.
var words = []string{
	"", "before", "after", "x", "client", "server", "both", "complete", "complete", "complete", "loopback", "failed", "failed.",
	"failed.reset", "connect.p50_us", "rate_that_lasts", "client.time_wait.peak", "tw-overflow", "changed", "missing", "already-set",
	"reset", "address-not-available", "TcpExt.TWRecycled", "TcpExt.TCPTimeWaitOverflow", "first_exhaustion_seconds", "\xff", "a, b",
}

// fill puts random values into all of v: numbers at their limits, texts that match each other.
func fill(v reflect.Value, rng *rand.Rand, depth int) {
	if v.Type() == reflect.TypeFor[time.Time]() || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(words[rng.IntN(len(words))])
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, 2, 1000, -1, math.MaxInt64, math.MinInt64, rng.Int64N(100)}[rng.IntN(8)])
	case reflect.Float64:
		v.SetFloat([]float64{0, 1, 0.05, 200, -1, math.NaN(), math.Inf(1), 1e308, 1e-308, rng.Float64()}[rng.IntN(10)])
	case reflect.Pointer:
		if rng.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), rng, depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), rng, depth+1)
		}
	case reflect.Slice:
		n := rng.IntN(4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			if v.Type().Elem().Kind() != reflect.Uint8 {
				fill(v.Index(i), rng, depth+1)
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rng.IntN(4) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, rng, depth+1)
			fill(value, rng, depth+1)
			v.SetMapIndex(key, value)
		}
	}
}

// TestWhateverIsInTheRecords: what no check would let through may be in what the caller has at hand.
func TestWhateverIsInTheRecords(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	verdicts := map[string]int{}
	for range 4000 {
		var c record.Comparison
		fill(reflect.ValueOf(&c).Elem(), rng, 0)
		c.Plan.Primary = append(c.Plan.Primary, words[rng.IntN(len(words))], "failed")
		c.Variants = append([]record.Variant{{Name: "before"}, {Name: "after"}}[:rng.IntN(3)], c.Variants...)
		var trials []*record.Trial
		for range rng.IntN(10) {
			c.Trials = append(c.Trials, record.ComparedTrial{Variant: words[1+rng.IntN(2)]})
		}
		for range len(c.Trials) + rng.IntN(3) - 1 {
			one := &record.Trial{}
			fill(reflect.ValueOf(one).Elem(), rng, 0)
			if one.Status = record.Complete; rng.IntN(5) == 0 {
				one = nil
			}
			trials = append(trials, one)
		}
		for _, m := range Build(c, trials).Metrics {
			verdicts[m.Verdict]++
			for _, f := range []*float64{m.Before, m.After, m.Ratio, m.P, m.Adjusted, m.WouldHaveSeen} {
				if f != nil && (math.IsNaN(*f) || math.IsInf(*f, 0)) {
					t.Fatalf("no number can be written: %+v", m)
				}
			}
		}
		NextLines(&c, trials)
	}
	for _, v := range []string{record.Better, record.Worse, record.NoDifference, record.Inconclusive} {
		if verdicts[v] < 5 {
			t.Errorf("wild records hardly ever come to %s: %v", v, verdicts)
		}
	}
}
