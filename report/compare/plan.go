package compare

import (
	"math"
	"slices"
)

const (
	// usualLevel is for plans that name none.
	usualLevel = 0.05
	// noisyShare is the part of the level that the noisy primary metrics have to themselves, where there are any; the
	// rest is for what is counted. Without it both together could call more equal things different than the level says.
	noisyShare = 0.8
	// exactShare is the part that counted metrics have where nothing is timed. The rest is kept for what few trials do not
	// show: that their scatter is not a normal one.
	exactShare = 0.5
	// exactTrials is how many trials counted metrics take: two agree, or a third decides.
	exactTrials = 3
	// fewestNoisy is the least that is worth running for a noisy metric.
	fewestNoisy = 5
	// mostTrials ends the search for a number of trials that no level asks for.
	mostTrials = 200
)

// Noisy tells whether any of the primary metrics is noisy: timed, so that trials must not run side by side.
func Noisy(primary []string) bool { return len(noisyOf(primary)) > 0 }

// noisyOf gives the noisy ones among primary metrics, each once.
func noisyOf(primary []string) (names []string) {
	for _, name := range primary {
		if m, ok := rowOf(name); ok && !m.exact && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// TrialsNeeded gives the fewest trials of each variant with which every primary metric can come to a verdict: for the
// noisy ones the smallest p that Mann-Whitney can give, 2/C(2n,n), must stay below level after Holm's correction. Counted
// metrics need two that agree.
func TrialsNeeded(primary []string, variants int, level float64) int {
	tests := len(noisyOf(primary)) * max(1, variants-1)
	if tests == 0 {
		return 2
	}
	level = levelOf(level)
	for n := 2; n < mostTrials; n++ {
		if corrected(smallestP(n, n), tests) < level {
			return n
		}
	}
	return mostTrials
}

// DefaultTrials gives how many trials of each variant to run where nobody says: enough for a verdict, with one to spare.
func DefaultTrials(primary []string, variants int) int {
	if !Noisy(primary) {
		return exactTrials
	}
	return max(fewestNoisy, TrialsNeeded(primary, variants, usualLevel)+1)
}

// smallestP is the smallest two-sided p of the Mann-Whitney test: one order of all that are possible, and its mirror image.
func smallestP(n, m int) float64 {
	all := 1.0
	for i := 1; i <= m; i++ {
		all *= float64(n+i) / float64(i)
	}
	return min(1, 2/all)
}

// corrected is p after the first step of Holm's correction, with the noisy metrics' share of the level.
func corrected(p float64, tests int) float64 {
	return min(1, p*float64(tests)/noisyShare)
}

func levelOf(level float64) float64 {
	if !(level > 0 && level < 1) || math.IsNaN(level) {
		return usualLevel
	}
	return level
}
