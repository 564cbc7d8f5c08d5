package report

import "twomsl/internal/record"

// How small a change a gate can see, in words, and what its machine's noise costs.

// smallestChange is the smallest change that would have been caught; "" where nothing can be said.
func smallestChange(b *record.GateBudget) string {
	v := valueOr(b.Smallest, 0)
	switch {
	case v <= 0 || !b.Relative:
		return ""
	case b.Exact:
		return "a " + clean(b.Operator) + " by " + tellNumber(b.Unit, v)
	}
	return "a " + clean(b.Operator) + " by " + rounded(v)
}

// smallestWords tell it for all budgets, and how often it would have been.
func smallestWords(g *record.Gate) string {
	var parts []string
	for i := range g.Budgets {
		b := &g.Budgets[i]
		if v := smallestChange(b); v != "" {
			parts = append(parts, v+" of "+ofScenario(g, b.Metric, b.Scenario))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	text := few(parts)
	if p := g.Plan.Power; p > 0 && p < 1 {
		text += ", " + bare0(figure(10*p, 1)) + " times in 10"
	}
	return text
}

// rounded writes a share that was reckoned: 4 %, 3.1 %.
func rounded(v float64) string { return bare0(percentFigure(v)) + nbsp + "%" }

// noiseWords tell how far the machine differs from itself, and what that lets the planned trials see.
func noiseWords(g *record.Gate) (out []string) {
	for i := range g.Noise {
		n := &g.Noise[i]
		text := "this machine ±" + rounded(n.Spread) + " between trials of " + ofScenario(g, n.Metric, n.Scenario) + "; " + plannedTrials(n)
		if n.Smallest > 0 {
			text += " tell what is " + rounded(n.Smallest) + " apart"
		} else {
			text += " tell nothing apart here"
		}
		if asks(n) {
			text += ", the plan asks for " + limitPercent(n.Asked)
		}
		switch {
		case tooNoisy(n) && n.TrialsNeeded > 0:
			text += ": that takes " + count(int64(n.TrialsNeeded)) + " of each"
		case tooNoisy(n):
			text += ": no number of trials within reason shows that here"
		}
		out = append(out, text)
	}
	return out
}

// asks tells a budget that asks for a precision: those with a limit of their own do not.
func asks(n *record.GateNoise) bool { return n.Asked > 0 && n.Asked < 1 }

// tooNoisy tells that the planned trials do not see what the budget asks for.
func tooNoisy(n *record.GateNoise) bool { return asks(n) && (n.Smallest > n.Asked || n.Smallest <= 0) }

// plannedTrials are those of both looks: 6 + 6 trials, and 12 + 12 again. Where there was no time for any, none are planned.
func plannedTrials(noise *record.GateNoise) string {
	pair := func(n int) string { return count(int64(n)) + nbsp + "+" + nbsp + count(int64(n)) }
	if noise.Planned <= 0 {
		return "what trials there is time for"
	}
	text := pair(noise.Planned) + nbsp + "trials"
	if noise.Again > 0 {
		text += ", and " + pair(noise.Again) + " again,"
	}
	return text
}
