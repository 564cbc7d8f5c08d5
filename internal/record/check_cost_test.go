package record

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckTellsOfSampling(t *testing.T) {
	var c checker
	c.sampling("sampling", &Sampling{
		BudgetPercent: -1, SharePercent: math.NaN(),
		Totals: LookCost{Looks: -2, MeanUS: -3, MostUS: math.Inf(1)}, Splits: LookCost{Looks: 2, MeanUS: 5, MostUS: 4},
		Full: LookCost{MostUS: 6},
	})
	want := `sampling.budget_percent cannot be -1
sampling.share_percent cannot be NaN
sampling.totals.looks is a count and cannot be -2
sampling.totals.mean_us cannot be -3
sampling.totals.most_us cannot be +Inf
sampling.splits.mean_us is 5, more than the most, 4
sampling.full.most_us is 6 of no look`
	if diff := cmp.Diff(want, c.err().Error()); diff != "" {
		t.Error(diff)
	}
	c = checker{}
	c.sampling("sampling", nil)
	c.sampling("sampling", &Sampling{BudgetPercent: 1, SharePercent: 3, Splits: LookCost{Looks: 3, MeanUS: 5, MostUS: 5}})
	if c.err() != nil {
		t.Error(c.err())
	}
}
