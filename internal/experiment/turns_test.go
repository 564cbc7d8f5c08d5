//go:build linux

package experiment

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/scenario"
)

// Each variant has one turn in every round, the order differs from round to round, and the seed alone decides it.
func TestTurns(t *testing.T) {
	const n, rounds = 3, 40
	got := Turns(n, rounds, 7)
	first := map[int]int{}
	for i, round := range got {
		sorted := slices.Sorted(slices.Values(round))
		if diff := cmp.Diff([]int{0, 1, 2}, sorted); diff != "" {
			t.Errorf("round %d: %s", i, diff)
		}
		first[round[0]]++
	}
	for v := range n {
		if first[v] < rounds/n/3 {
			t.Errorf("variant %d came first in %d of %d rounds", v, first[v], rounds)
		}
	}
	if diff := cmp.Diff(got, Turns(n, rounds, 7)); diff != "" {
		t.Errorf("the same seed, another order: %s", diff)
	}
	if cmp.Equal(got, Turns(n, rounds, 8)) {
		t.Error("another seed, the same order")
	}
	// A resumed comparison lays its rounds out anew, perhaps more of them: those that were begun stay.
	if diff := cmp.Diff(got[:10], Turns(n, 10, 7)); diff != "" {
		t.Errorf("fewer rounds begin otherwise: %s", diff)
	}
}

func TestSideBySide(t *testing.T) {
	for rate, alone := range map[scenario.Rate]bool{scenario.Max: true, 100_000: true, 20: false} {
		s := scenario.Scenario{Load: scenario.Load{Rate: rate}, Topology: scenario.Veth}
		if got := SideBySide(s); (got == 1) != alone {
			t.Errorf("%s: %d at once", rate, got)
		}
	}
	host := scenario.Scenario{Load: scenario.Load{Rate: 20}, Topology: scenario.Host}
	if got := SideBySide(host); got != 1 {
		t.Errorf("this host's own network was given to %d trials at once", got)
	}
}
