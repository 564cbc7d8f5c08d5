//go:build linux

package experiment

import (
	"math/rand/v2"
	"runtime"

	"twomsl/internal/scenario"
)

// Turns lays out rounds in which each of n variants has one turn, in an order of its own that seed decides. What drifts
// on the machine then meets all variants alike.
func Turns(n, rounds int, seed int64) [][]int {
	source := rand.New(rand.NewPCG(uint64(seed), 0)) //nolint:gosec // an order, not a secret
	out := make([][]int, rounds)
	for i := range out {
		out[i] = source.Perm(n)
	}
	return out
}

// lightly is how many connections a second one processor carries, over all labs side by side, without the labs getting
// into each other's way: docs/PERFORMANCE.md measures ten times as many and more in one lab alone.
const lightly = 1000

// SideBySide is how many trials of a scenario may run at once where nothing that is timed is judged: as many as load the
// machine lightly, and one where a trial takes all that it can get.
func SideBySide(s scenario.Scenario) int {
	if s.Load.Rate == scenario.Max || s.Load.Rate <= 0 || s.Topology == scenario.Host || s.Topology == scenario.Hosts {
		return 1
	}
	processors := runtime.NumCPU()
	return max(1, min(int(float64(lightly*processors)/float64(s.Load.Rate)), 2*processors))
}
