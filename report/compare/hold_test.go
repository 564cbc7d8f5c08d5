package compare

import (
	"math"
	"strings"
	"testing"

	"twomsl/internal/record"
)

func TestHold(t *testing.T) {
	low, high := []float64{20, 21, 22, 21.5, 20.5}, []float64{30, 31, 32, 31.5, 30.5}
	for name, c := range map[string]struct {
		pair    Pair
		verdict string
		ratio   float64
	}{
		"faster":              {Pair{higher, low, high}, record.Better, 31.0 / 21},
		"slower":              {Pair{higher, high, low}, record.Worse, 21.0 / 31},
		"less of what is bad": {Pair{lower, high, low}, record.Better, 21.0 / 31},
		"the same":            {Pair{higher, low, low}, record.NoDifference, 1},
		"few":                 {Pair{higher, low[:3], high[:3]}, record.Inconclusive, 31.0 / 21},
		"none":                {Pair{higher, nil, high}, record.Inconclusive, math.NaN()},
		"from nothing":        {Pair{lower, make([]float64, 5), high}, record.Worse, math.NaN()},
	} {
		h := Hold([]Pair{c.pair})[0]
		if h.Verdict != c.verdict || !(h.Ratio == c.ratio || math.IsNaN(h.Ratio) && math.IsNaN(c.ratio)) {
			t.Errorf("%s: %+v, want %s and %v", name, h, c.verdict, c.ratio)
		}
		if (h.Why == "") != (c.verdict != record.Inconclusive) {
			t.Errorf("%s: why is %q", name, h.Why)
		}
		if i := h.Interval; i != nil && !(i.Low <= h.Ratio && h.Ratio <= i.High) {
			t.Errorf("%s: the ratio %v is not within %v", name, h.Ratio, *i)
		}
	}
}

// Many pairs share one level: what so few rounds could show for one pair alone they cannot for all.
func TestHoldSharesItsLevel(t *testing.T) {
	low, high := []float64{20, 21, 22, 21.5, 20.5}, []float64{30, 31, 32, 31.5, 30.5}
	var pairs []Pair
	for range 7 {
		pairs = append(pairs, Pair{higher, low, high})
	}
	if h := Hold(pairs[:6])[5]; h.Verdict != record.Better || math.Abs(h.P-6*2.0/252) > 1e-9 {
		t.Errorf("of six: %+v", h)
	}
	if h := Hold(pairs)[6]; h.Verdict != record.Inconclusive || !strings.HasSuffix(h.Why, ": 6 would do") {
		t.Errorf("of seven: %+v", h)
	}
	if p := leastP(5, 5); math.Abs(p-2.0/252) > 1e-12 {
		t.Errorf("the least p of five and five is %v", p)
	}
}
