package report

import (
	"strings"

	"twomsl/internal/record"
)

// What a budget of a gate came to, in words.

// budgetMark is a budget's verdict.
func budgetMark(verdict string) (string, style) {
	switch verdict {
	case record.Pass:
		return "pass", green
	case record.Regression:
		return "regression", red
	case record.Inconclusive:
		return "inconclusive", yellow
	}
	return "not judged", plain
}

func budgetsWith(g *record.Gate, verdict string) (out []*record.GateBudget) {
	for i := range g.Budgets {
		if g.Budgets[i].Verdict == verdict {
			out = append(out, &g.Budgets[i])
		}
	}
	return out
}

// budgetClause says what a budget came to, and why where the figures do not say it.
func budgetClause(b *record.GateBudget) string {
	mark, _ := budgetMark(b.Verdict)
	why := strings.TrimSuffix(withoutVerdict(clean(b.Why), mark), ".")
	last, metric := lastLook(b), clean(b.Metric)
	switch {
	case b.Verdict == "":
		return "not judged"
	case strings.HasPrefix(why, metric+" "): // it is the whole clause
		return why
	case !lookMeasured(b, last) && trialsOf(&last.Tested) > 0:
		return metric + " was not held against anything" + strings.TrimSuffix(": "+firstOf(why, clean(last.Reference.Unmeasured)), ": ")
	case !lookMeasured(b, last):
		return metric + " was not measured" + strings.TrimSuffix(": "+firstOf(clean(last.Tested.Unmeasured), why), ": ")
	case b.Verdict == record.Inconclusive && why != "":
		return metric + " " + movedBy(b, last) + ": " + why
	}
	text := metric + " " + lookMoved(b, last) + boundClause(b)
	if b.Again != nil && b.Verdict == record.Regression {
		text += "; seen " + seenIn(b)
	}
	if why != "" && !strings.HasPrefix(why, "outside in ") { // which the clause says
		text += "; " + why
	}
	return text
}

// budgetReason is what is to be said beside the figures.
func budgetReason(b *record.GateBudget) string {
	mark, _ := budgetMark(b.Verdict)
	return firstOf(withoutVerdict(clean(b.Why), mark), budgetClause(b))
}

// seenIn tells by how many trials a regression was seen: twice, or, where nothing was suspected at first, by all together.
func seenIn(b *record.GateBudget) string {
	again := count(int64(trialsOf(&b.Again.Tested)))
	if b.First.Verdict != record.Broken {
		return "in " + again + " trials" + ofEach(b)
	}
	return "twice, in " + count(int64(trialsOf(&b.First.Tested))) + " and in " + again + " trials" + ofEach(b)
}

func ofEach(b *record.GateBudget) string {
	if b.Relative {
		return " of each"
	}
	return ""
}

// boundClause holds what was seen against what the plan allows.
func boundClause(b *record.GateBudget) string {
	if !b.Relative {
		wants := clean(b.Operator) + " " + tellNumber(b.Unit, b.Limit)
		switch b.Verdict {
		case record.Pass:
			return ", as the plan wants: " + wants
		case record.Regression:
			return "; the plan wants " + wants + outsideWords(b, lastLook(b))
		}
		return ": too few or too uncertain to tell whether it is " + wants
	}
	switch b.Verdict {
	case record.Pass:
		return ", within the " + limitWords(b) + " that the plan allows"
	case record.Regression:
		return ", more than the " + limitWords(b) + " that the plan allows"
	}
	return ": too uncertain to tell whether that is within the " + limitWords(b) + " that the plan allows"
}

func outsideWords(b *record.GateBudget, l *record.GateLook) string {
	n := trialsOf(&l.Tested)
	if l.Outside <= 0 || n == 0 {
		return ""
	}
	return "; outside it in " + count(int64(l.Outside)) + " of " + counted(int64(n), "trial", "trials")
}

// limitWords is a relative budget's limit: a share of the reference, or so many in its unit.
func limitWords(b *record.GateBudget) string {
	if b.Share {
		return limitPercent(b.Limit)
	}
	return tellNumber(b.Unit, b.Limit)
}

// limitPercent writes a share that somebody chose: 5 %, 2.5 %.
func limitPercent(v float64) string { return bare0(figure(100*v, 2)) + nbsp + "%" }
