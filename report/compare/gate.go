package compare

import (
	"fmt"
	"math"
	"slices"

	"twomsl/internal/record"
)

// The variants of a gate's comparisons. Where there is no reference, or it is a baseline, GateTested is alone.
const (
	GateReference = "against"
	GateTested    = "tested"
)

// A Gate judges budgets by the looks that are taken at them. All of them together call things that are the same worse in
// no more than the share Level of gates, and a regression is told only of what a second look, taken after the first,
// shows again.
type Gate struct {
	Level float64 // 0.05
	Power float64 // 0.8
	// Budgets are all that the plan holds: they share the level.
	Budgets []record.GateBudget
	// Baseline has, by scenario, what to hold relative budgets against where no reference is run; nil without one.
	Baseline *GateBaseline
}

// Metric is what a plan must know of a row of the table.
type Metric struct {
	Name, Unit, Better string
	Exact              bool
	Least              float64 // the least share of a change that means anything; 0 for what is counted
}

// Metrics are all rows of the table, failed.CAUSE for each cause among them.
func Metrics() (all []Metric) {
	var causes []string
	for _, c := range record.Causes[1:] {
		causes = append(causes, string(c))
	}
	for _, m := range rowsFor(causes) {
		one := Metric{Name: m.name, Unit: m.unit, Better: m.better, Exact: m.exact}
		if !m.exact {
			one.Least = m.share
		}
		all = append(all, one)
	}
	return all
}

// gateLooks is how many times a budget may be looked at: its part of the level is shared by both.
const gateLooks = 2

// Alpha is the chance of a false alarm that a budget has at one look.
func (g *Gate) Alpha(b *record.GateBudget) float64 {
	timed, counted := 0, 0
	for i := range g.Budgets {
		switch {
		case !g.Budgets[i].Exact:
			timed++
		case g.Budgets[i].Relative:
			counted++
		}
	}
	level := levelOf(g.Level)
	switch {
	case !b.Exact && counted > 0:
		return level * noisyShare / float64(gateLooks*timed)
	case !b.Exact:
		return level / float64(gateLooks*max(1, timed))
	case timed > 0:
		return level * (1 - noisyShare) / float64(gateLooks*max(1, counted))
	}
	return level * exactShare / float64(gateLooks*max(1, counted))
}

// Look judges the budgets of one scenario by the trials of c, which has the variant GateTested, and before it
// GateReference where one is run. trials[i] is the record of c.Trials[i].
func (g *Gate) Look(c record.Comparison, trials []*record.Trial, budgets []record.GateBudget) []record.GateLook {
	x := newAnalysis(&c, trials)
	x.leaveStolen, x.known = true, map[known]*figures{}
	out := make([]record.GateLook, len(budgets))
	for i := range budgets {
		out[i] = g.look(x, &budgets[i])
	}
	return out
}

func (g *Gate) look(x *analysis, b *record.GateBudget) record.GateLook {
	out := record.GateLook{Verdict: record.Unclear, Alpha: g.Alpha(b)}
	m, ok := rowOf(b.Metric)
	if !ok {
		out.Why = fmt.Sprintf("there is no metric %q", b.Metric)
		return out
	}
	tested := x.figures(m, GateTested)
	out.Tested, out.TestedMedian = tested.value(), tested.median()
	if why := tested.unusable(); why != "" {
		out.Why = why
		return out
	}
	if !b.Relative {
		g.absolute(&out, m, b, tested)
		return out
	}
	ref, why := g.reference(x, m, b)
	if ref == nil {
		out.Why = why
		return out
	}
	out.Reference, out.ReferenceMedian = ref.value(), ref.median()
	if out.ReferenceMedian != nil && out.TestedMedian != nil && *out.ReferenceMedian != 0 {
		if change := *out.TestedMedian / *out.ReferenceMedian - 1; !math.IsInf(change, 0) {
			out.Change = &change
		}
	}
	switch why := g.apart(x, m, ref, tested); {
	case why != "":
		out.Why = why
	case m.exact:
		g.countedLook(&out, x, m, b, ref, tested)
	case ref.sessions > 0:
		g.sessionsLook(&out, m, b, ref, tested)
	default:
		g.timedLook(&out, b, ref, tested)
	}
	return out
}

// reference is what a relative budget is held against: the baseline, or the variant that is run side by side because the
// baseline's times are of no use here.
func (g *Gate) reference(x *analysis, m metric, b *record.GateBudget) (ref *figures, why string) {
	sideBySide := x.c.Variants[0].Name == GateReference
	switch {
	case g.Baseline != nil && (m.exact || !sideBySide):
		return g.Baseline.figures(b.Scenario, m)
	case sideBySide:
		return sound(x.figures(m, GateReference))
	}
	return nil, "there is nothing to hold it against: give the plan an against, or a baseline"
}

func sound(f *figures) (*figures, string) {
	if why := f.unusable(); why != "" {
		return nil, why
	}
	return f, ""
}

// apart tells why two sets of trials are not of the same thing; "" where they are.
func (g *Gate) apart(x *analysis, m metric, ref, tested *figures) string {
	if ref.variant != GateReference {
		return ""
	}
	if x.byEngine(m.name) && x.enginesApart(ref.variant, tested.variant) != "" {
		return x.enginesApart(ref.variant, tested.variant)
	}
	if m.exact {
		return ""
	}
	return x.incomparable(m, ref, tested)
}

// absolute judges a budget by a limit of its own: a counted metric in each trial by itself, a timed one by the sign test.
func (g *Gate) absolute(out *record.GateLook, m metric, b *record.GateBudget, f *figures) {
	for _, r := range f.readings {
		v := r.value
		if r.never {
			v = math.Inf(1)
		}
		if !within(v, b.Operator, b.Limit) {
			out.Outside++
		}
	}
	n := len(f.readings)
	if f.all(func(r reading) bool { return r.atLeast }) && out.Outside == 0 && slices.Contains([]string{"<=", "<", "==", "!="}, b.Operator) {
		out.Why = "no more was asked for: what it could come to is not known"
		return
	}
	if m.exact {
		out.Verdict = record.Holds
		if out.Outside > 0 {
			out.Verdict, out.Why = record.Broken, fmt.Sprintf("outside in %d of %d trials", out.Outside, n)
		}
		return
	}
	broken, holds := atLeastSo(out.Outside, n), atLeastSo(n-out.Outside, n)
	out.PBroken, out.PHolds = &broken, &holds
	g.settle(out, "")
}

func within(v float64, operator string, limit float64) bool {
	switch operator {
	case "<=":
		return v <= limit
	case "<":
		return v < limit
	case "==":
		return v == limit
	case "!=":
		return v != limit
	case ">=":
		return v >= limit
	}
	return v > limit
}

// settle gives the verdict of a timed budget by its two probabilities: broken at the budget's part of the level, since one
// false alarm fails the build; held at the whole level, since all budgets must hold.
func (g *Gate) settle(out *record.GateLook, unclear string) {
	switch {
	case *out.PBroken < out.Alpha:
		out.Verdict = record.Broken
	case *out.PHolds < levelOf(g.Level):
		out.Verdict = record.Holds
	default:
		out.Why = unclear
		if unclear == "" {
			out.Why = "the trials lie on both sides of the limit"
		}
	}
}

// countedLook holds a counted metric against the reference: broken where it is beyond what is allowed by more than trials
// of one thing differ.
func (g *Gate) countedLook(out *record.GateLook, x *analysis, m metric, b *record.GateBudget, ref, tested *figures) {
	if n := min(len(ref.readings), len(tested.readings)); n < 2 {
		out.Why = "two trials of each are needed"
		return
	}
	if ref.never+tested.never > 0 {
		g.neverLook(out, x, m, b, ref, tested)
		return
	}
	out.Verdict = record.Holds
	for _, up := range directions(b.Operator) {
		moved := *ref
		moved.values = allowed(b, ref.values, up)
		c := m.counted(&moved, tested, out.Alpha)
		by := median(c.after) - median(c.before)
		switch {
		case by == 0 || by > 0 != up:
		case c.different():
			out.Verdict = record.Broken
			return
		case c.unclear():
			out.Verdict = record.Unclear
			out.Why = fmt.Sprintf("the trials differ too much among themselves: %s, and %s", spread(ref), spread(tested))
		default:
			out.Why = "no more than trials of one and the same thing differ"
		}
	}
}

// neverLook is for a moment that did not come in some trials at all.
func (g *Gate) neverLook(out *record.GateLook, x *analysis, m metric, b *record.GateBudget, ref, tested *figures) {
	var judged record.Metric
	x.judgeNever(&judged, m, ref, tested)
	out.Why = judged.Why
	switch {
	case judged.Verdict == record.NoDifference:
		out.Verdict = record.Holds
	case judged.Verdict == "":
	case (judged.Verdict == record.Worse) == (b.Operator == "drop") || b.Operator == "change":
		out.Verdict = record.Broken
	default:
		out.Verdict = record.Holds
	}
}

// directions are those in which a metric may break a relative budget: up is true.
func directions(operator string) []bool {
	switch operator {
	case "drop":
		return []bool{false}
	case "rise":
		return []bool{true}
	}
	return []bool{true, false}
}

// allowed are the reference's values moved by as much as the budget allows.
func allowed(b *record.GateBudget, values []float64, up bool) []float64 {
	by := b.Limit
	if !up {
		by = -by
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v + by
		if b.Share {
			out[i] = v * (1 + by)
		}
	}
	return out
}

// Decide makes the verdict of a budget of its looks. Where there was no second one, short says why.
func Decide(b *record.GateBudget, short string) {
	first, again := b.First.Verdict, ""
	if b.Again != nil {
		again = b.Again.Verdict
	}
	switch {
	case again == "" && first == record.Holds:
		b.Verdict, b.Why = record.Pass, b.First.Why
	case again == "" && first == record.Broken:
		b.Verdict, b.Why = record.Inconclusive, "broken at the first look, and there was no second: "+short
	case again == "":
		b.Verdict, b.Why = record.Inconclusive, joined(b.First.Why, short)
	case again == record.Broken:
		b.Verdict, b.Why = record.Regression, ""
	case again == record.Holds && first == record.Broken && b.Exact:
		b.Verdict, b.Why = record.Inconclusive, fmt.Sprintf("broken at the first look (%s), and not once at the second", b.First.Why)
	case again == record.Holds:
		b.Verdict, b.Why = record.Pass, b.Again.Why
		if first == record.Broken {
			b.Why = "suspected at the first look, and not seen again"
		}
	default:
		b.Verdict, b.Why = record.Inconclusive, b.Again.Why
	}
}

func joined(why, more string) string {
	if more == "" || why == "" {
		return why + more
	}
	return why + "; " + more
}

// Verdict is that of a whole gate: one regression is enough, and what was not shown is no pass.
func Verdict(budgets []record.GateBudget) string {
	verdict := record.Pass
	for i := range budgets {
		switch budgets[i].Verdict {
		case record.Regression:
			return record.Regression
		case record.Pass:
		default:
			verdict = record.Inconclusive
		}
	}
	return verdict
}
