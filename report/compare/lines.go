package compare

import (
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// An effect is what a variant comes to against another one, in the metrics that decide.
type effect struct {
	metrics []record.Metric
	better  []int // indexes in metrics
	worse   []int
	// verdict: better where any metric is, else worse where any is, else no-difference where any shows none.
	verdict string
}

func (x *analysis) effect(from, to string) effect {
	e := effect{verdict: record.Inconclusive}
	for _, name := range x.primary {
		m, _ := rowOf(name)
		v := x.judge(m, from, to)
		e.metrics = append(e.metrics, v)
		switch v.Verdict {
		case record.Better:
			e.better = append(e.better, len(e.metrics)-1)
		case record.Worse:
			e.worse = append(e.worse, len(e.metrics)-1)
		case record.NoDifference:
			e.verdict = record.NoDifference
		}
	}
	switch {
	case len(e.better) > 0:
		e.verdict = record.Better
	case len(e.worse) > 0:
		e.verdict = record.Worse
	}
	return e
}

// names lists the metrics at these places.
func (e *effect) names(at []int) string {
	var names []string
	for _, i := range at {
		names = append(names, e.metrics[i].Name)
	}
	return strings.Join(names, ", ")
}

// doubt is why the first metric that came to no verdict did not.
func (e *effect) doubt() string {
	for _, m := range e.metrics {
		if m.Verdict == record.Inconclusive && m.Exact {
			return fmt.Sprintf("%s: %s", m.Name, m.Why)
		}
	}
	return ""
}

// lines is what each line does.
func (r *recipe) lines() []record.Line {
	out := []record.Line{}
	for i := range r.all {
		l := &r.all[i]
		line := record.Line{
			LineRef: record.LineRef{Key: l.Key, Value: l.Value, Side: l.side}, File: l.File, LineNo: l.Line,
			Verdict: l.verdict, Why: l.why, Price: l.price,
		}
		switch {
		case l.overridden:
			line.Verdict, line.Why = record.NoEffect, "it is set again after this line"
		case l.candidate():
			r.try(&line, slices.Index(r.candidates, i))
		}
		out = append(out, line)
	}
	return out
}

// try fills in what the runs show of a candidate.
func (r *recipe) try(line *record.Line, candidate int) {
	l := r.line(candidate)
	alone, aloneThere := r.variantOf(roleAlone, set{candidate})
	leftOut, leftOutThere := r.variantOf(roleLeftOut, r.whole().without(candidate))
	var up, out, outBoth effect
	if aloneThere {
		up = r.x.effect(r.before.Name, alone.Name)
		line.Alone = up.verdict
		if p := r.x.prices(r.before.Name, alone.Name); len(p) > 0 {
			line.Price = joinPrices(p)
			line.Bought = slices.ContainsFunc(p, func(one paid) bool { return !one.mild })
		}
	}
	if leftOutThere {
		out = r.x.effect(r.after.Name, leftOut.Name)
		line.LeftOut = out.verdict
	}
	if other := r.otherSide(candidate); other >= 0 {
		if v, there := r.variantOf(roleLeftOut, r.whole().without(candidate).without(other)); there {
			outBoth = r.x.effect(r.after.Name, v.Name)
		}
	}
	line.Verdict, line.Why = l.conclude(&up, &out, &outBoth)
	switch {
	case len(up.better) > 0:
		show(line, up.metrics[up.better[0]])
	case line.Verdict == record.Helps:
		m := out.metrics[out.worse[0]]
		show(line, turned(m))
	case len(up.worse) > 0:
		show(line, up.metrics[up.worse[0]])
	case line.Verdict == record.Harmful && len(out.better) > 0:
		show(line, turned(out.metrics[out.better[0]]))
	case line.Verdict == record.Harmful:
		show(line, turned(outBoth.metrics[outBoth.better[0]]))
	}
}

func joinPrices(found []paid) string {
	var words []string
	for _, p := range found {
		words = append(words, p.words)
	}
	return strings.Join(words, "; ")
}

// turned is the metric of a line left out the way round that a reader expects: without the line, and with it.
func turned(m record.Metric) record.Metric {
	m.Before, m.After = m.After, m.Before
	if m.Ratio != nil && *m.Ratio != 0 {
		r := 1 / *m.Ratio
		m.Ratio = &r
	} else {
		m.Ratio = nil
		if m.Before != nil && m.After != nil && *m.Before != 0 {
			r := *m.After / *m.Before
			m.Ratio = &r
		}
	}
	return m
}

// conclude is the verdict on a line from what it does alone and what leaving it out does, on its side and on both.
func (l *recipeLine) conclude(alone, leftOut, leftOutOnBoth *effect) (verdict, why string) {
	var parts []string
	switch {
	case len(alone.better) > 0:
		verdict = record.Helps
		if len(alone.worse) > 0 {
			parts = append(parts, "but worse: "+alone.names(alone.worse))
		}
	case len(leftOut.worse) > 0:
		verdict = record.Helps
		parts = append(parts, "only together with other lines: without it "+leftOut.names(leftOut.worse)+" is worse")
	case len(alone.worse) > 0:
		verdict = record.Harmful
	case len(leftOut.better) > 0:
		verdict = record.Harmful
		parts = append(parts, "together with the other lines: without it "+leftOut.names(leftOut.better)+" is better")
	case len(leftOutOnBoth.better) > 0:
		verdict = record.Harmful
		parts = append(parts, "without it on both sides "+leftOutOnBoth.names(leftOutOnBoth.better)+" is better")
	case alone.verdict == record.NoDifference || leftOut.verdict == record.NoDifference:
		verdict = record.NoEffect
	default:
		verdict = record.Inconclusive
		if alone.verdict == "" && leftOut.verdict == "" {
			return verdict, "not run yet"
		}
	}
	if verdict == record.NoEffect || verdict == record.Inconclusive {
		for _, e := range []*effect{alone, leftOut} {
			if d := e.doubt(); d != "" {
				parts = append(parts, "could not be judged by "+d)
				break
			}
		}
	}
	if l.does != "" {
		parts = append(parts, l.does)
	}
	return verdict, strings.Join(parts, "; ")
}

// show gives the line the figures of the metric that shows it best.
func show(line *record.Line, m record.Metric) {
	line.Metric, line.Before, line.After, line.Ratio = m.Name, m.Before, m.After, m.Ratio
}

// asGood tells whether a set does all that the whole recipe does: it is better wherever that is, and nowhere worse than
// it. known is false where it was not run.
func (r *recipe) asGood(s set, role string) (good, known bool) {
	v, there := r.variantOf(role, s)
	if !there || len(r.x.trials[v.Name]) == 0 {
		return false, there
	}
	whole, fromBefore := r.x.effect(r.before.Name, r.after.Name), r.x.effect(r.before.Name, v.Name)
	fromAfter := r.x.effect(r.after.Name, v.Name)
	if len(fromAfter.worse) > 0 {
		return false, true
	}
	for _, i := range whole.better {
		m := fromAfter.metrics[i]
		// all that was asked for is as good as can be, whatever was computed for the whole
		unsure := m.Verdict == record.Inconclusive && m.Details.After.Bound != "at-least"
		if fromBefore.metrics[i].Verdict != record.Better || unsure && v.Name != r.after.Name {
			return false, true
		}
	}
	return true, true
}
