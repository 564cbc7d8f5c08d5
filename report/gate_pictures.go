package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
	"twomsl/report/chart"
)

// GatePictures draws g as Pictures draws a comparison.
func GatePictures(g *record.Gate, kind string) ([]Picture, error) {
	g = sound(g)
	past, _ := historyFigures(g)
	return drawn(append(budgetFigures(g), past...), "gate "+gateName(g), kind)
}

// mostFigures is how many charts of a sort are worth a reader's time; what does not hold comes first.
const mostFigures = 12

// budgetFigures are charts of what is timed and held against a reference: each trial, and the change with its interval.
func budgetFigures(g *record.Gate) (out []pictured) {
	var list []*record.GateBudget
	for _, verdict := range []string{record.Regression, record.Inconclusive, record.Pass, ""} {
		for _, b := range budgetsWith(g, verdict) {
			if b.Relative && !b.Exact && lookMeasured(b, lastLook(b)) {
				list = append(list, b)
			}
		}
	}
	for i, b := range list[:min(len(list), mostFigures)] {
		c := &chart.Chart{Panels: []chart.Panel{trialsPanel(b)}}
		if p, ok := changePanel(b); ok {
			c.Panels = append(c.Panels, p)
		}
		f := pictured{name: fmt.Sprintf("budget-%d", i+1), title: clean(b.Scenario) + ": " + budgetName(b), chart: c}
		for _, l := range looksOf(b) {
			f.words = append(f.words, capital(l.name)+", "+sentence(lookWords(g, b, l.GateLook)))
		}
		out = append(out, f)
	}
	return out
}

// The colours of what is tested and of the reference.
const testedSeries, referenceSeries = 0, 1

// trialsPanel has a dot for each trial and a dash for each median, look by look.
func trialsPanel(b *record.GateBudget) chart.Panel {
	looks := looksOf(b)
	write := inUnit(b.Unit)
	p := chart.Panel{
		Title: "Each trial, and the medians",
		X:     chart.Axis{Label: " ", Least: 0.2, Most: 3*float64(len(looks)) - 0.2, Ticks: []chart.Tick{}},
		Y:     chart.Axis{Label: shortName(clean(b.Metric)), Write: write},
	}
	dots := [2]chart.Line{
		{Name: "tested", Series: testedSeries, Dots: true}, {Name: "reference", Series: referenceSeries, Dots: true},
	}
	var ends []chart.Line
	for i, l := range looks {
		at := 3 * float64(i)
		p.X.Ticks = append(p.X.Ticks, chart.Tick{At: at + 1.5, Label: l.name})
		for _, v := range []struct {
			series int
			x      float64
			value  *record.Value
			median *float64
		}{{referenceSeries, at + 1, &l.Reference, l.ReferenceMedian}, {testedSeries, at + 2, &l.Tested, l.TestedMedian}} {
			dots[v.series].Points = append(dots[v.series].Points, strip(v.value.Values, v.x)...)
			if v.median == nil {
				continue
			}
			dash := chart.Line{Series: v.series, Points: []chart.Point{{X: v.x - 0.42, Y: *v.median}, {X: v.x + 0.42, Y: *v.median}}}
			if i == len(looks)-1 {
				dash.End = write(*v.median)
			}
			ends = append(ends, dash)
		}
	}
	p.Lines = append(ends, dots[referenceSeries], dots[testedSeries])
	for _, limit := range limitsOf(b) {
		if median := lastLook(b).ReferenceMedian; median != nil {
			p.Levels = append(p.Levels, chart.Level{At: *median * (1 + limit), Label: "limit", Firm: true})
		}
	}
	p.Y.Least, p.Y.Most = within(&p)
	return p
}

// inUnit writes a figure where there is little room.
func inUnit(unit string) func(float64) string {
	return func(v float64) string { return shortName(tellNumber(unit, v)) }
}

// strip sets values side by side around a place, apart from each other so that no line joins them.
func strip(values []float64, at float64) (out []chart.Point) {
	for i, v := range values {
		x := at + 0.7*(float64(i)+0.5)/float64(len(values)) - 0.35
		out = append(out, chart.Point{X: x, Y: v}, chart.Point{X: x, Y: math.NaN()})
	}
	return out
}

// limitsOf are a relative budget's limits as changes from the reference.
func limitsOf(b *record.GateBudget) []float64 {
	switch {
	case !b.Share:
		return nil
	case b.Operator == "drop":
		return []float64{-b.Limit}
	case b.Operator == "rise":
		return []float64{b.Limit}
	}
	return []float64{-b.Limit, b.Limit}
}

// changePanel has the change of each look with its interval, beside the limit.
func changePanel(b *record.GateBudget) (p chart.Panel, ok bool) {
	p = chart.Panel{
		Title: "Change, with its interval", X: chart.Axis{Label: " ", Least: 0.4, Ticks: []chart.Tick{}},
		Y:      chart.Axis{Label: "change", Write: func(v float64) string { return bare0(signedShare(v)) + " %" }},
		Levels: []chart.Level{{At: 0, Label: "no change"}},
	}
	for i, l := range looksOf(b) {
		at := float64(i) + 1
		p.X.Ticks = append(p.X.Ticks, chart.Tick{At: at, Label: l.name})
		if p.X.Most = at + 0.6; l.Change == nil {
			continue
		}
		line := chart.Line{Series: testedSeries, Dots: true, Points: []chart.Point{{X: at, Y: *l.Change}}, End: signedShare(*l.Change) + " %"}
		if i < len(looksOf(b))-1 {
			line.End = ""
		}
		if v := l.Interval; v != nil {
			line.Points = []chart.Point{{X: at, Y: v.Low}, {X: at, Y: *l.Change}, {X: at, Y: v.High}}
		}
		p.Lines, ok = append(p.Lines, line), true
	}
	for _, limit := range limitsOf(b) {
		p.Levels = append(p.Levels, chart.Level{At: limit, Label: "limit", Firm: true})
	}
	// The middle one of three points is the last one for the margin: the line goes back to it.
	for i := range p.Lines {
		if pts := p.Lines[i].Points; len(pts) == 3 {
			p.Lines[i].Points = append(pts, pts[1])
		}
	}
	p.Y.Least, p.Y.Most = within(&p)
	return p, ok
}

// within are the ends of an axis that holds all that a panel has, with some air.
func within(p *chart.Panel) (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	add := func(v float64) {
		if !math.IsNaN(v) {
			least, most = min(least, v), max(most, v)
		}
	}
	for _, l := range p.Lines {
		for _, at := range l.Points {
			add(at.Y)
		}
	}
	for _, l := range p.Levels {
		add(l.At)
	}
	switch air := 0.08 * (most - least); {
	case !(most >= least):
		return 0, 1
	case most == least:
		return least - max(0.05*math.Abs(least), 1e-6), most + max(0.05*math.Abs(most), 1e-6)
	case least >= 0 && least < 0.3*most:
		return 0, most + air
	default:
		return least - air, most + air
	}
}

// past is a metric of a scenario over gates, oldest first.
type past struct {
	scenario, metric, unit string
	points                 []*record.GatePoint
}

// mostGates is how many gates a chart goes back.
const mostGates = 100

// history sorts the points of this plan by scenario and metric. A gate whose several budgets are about one metric has one
// point, with the worst of their verdicts.
func history(g *record.Gate) (out []*past) {
	points := make([]*record.GatePoint, 0, len(g.History))
	for i := range g.History {
		if p := &g.History[i]; p.Plan == g.Plan.Name && p.Median != nil {
			points = append(points, p)
		}
	}
	slices.SortStableFunc(points, func(a, b *record.GatePoint) int { return a.At.Compare(b.At) })
	by := map[[2]string]*past{}
	for _, p := range points {
		key := [2]string{p.Scenario, p.Metric}
		one := by[key]
		if one == nil {
			one = &past{scenario: p.Scenario, metric: p.Metric, unit: p.Unit}
			by[key], out = one, append(out, one)
		}
		if n := len(one.points); n > 0 && one.points[n-1].Gate == p.Gate {
			if p.Verdict == record.Regression || one.points[n-1].Verdict == record.Pass {
				one.points[n-1] = p
			}
			continue
		}
		one.points = append(one.points, p)
	}
	for _, one := range out {
		one.points = one.points[max(0, len(one.points)-mostGates):]
	}
	return out
}

// still tells a metric that never moved.
func (h *past) still() bool {
	return !slices.ContainsFunc(h.points, func(p *record.GatePoint) bool { return *p.Median != *h.points[0].Median })
}

// historyFigures are the charts of what moved over the gates, and sentences about what did not.
func historyFigures(g *record.Gate) (out []pictured, still []string) {
	for _, h := range history(g) {
		n, last := len(h.points), h.points[len(h.points)-1]
		switch {
		case n < 2:
		case h.still():
			was := " was " + tellNumber(h.unit, *last.Median) + " in all " + counted(int64(n), "gate", "gates") + "."
			still = append(still, ofScenario(g, h.metric, h.scenario)+was)
		case len(out) < mostFigures:
			out = append(out, pictured{
				name: fmt.Sprintf("history-%d", len(out)+1), title: ofScenario(g, h.metric, h.scenario) + " over " + counted(int64(n), "gate", "gates"),
				chart: &chart.Chart{Panels: []chart.Panel{h.panel(g)}}, words: h.words(),
			})
		}
	}
	return out, still
}

func (h *past) panel(g *record.Gate) chart.Panel {
	n := len(h.points)
	write := inUnit(h.unit)
	p := chart.Panel{
		X: chart.Axis{Label: "revision that was tested, the oldest first", Least: 0.5, Most: float64(n) + 0.5, Ticks: []chart.Tick{}},
		Y: chart.Axis{Label: shortName(clean(h.metric)), Write: write},
	}
	median := chart.Line{Name: "median", Series: testedSeries, Dots: n <= fewPoints, End: write(*h.points[n-1].Median)}
	low, high := chart.Line{Name: "least and most", Series: 2}, chart.Line{Name: "least and most", Series: 2}
	for i, one := range h.points {
		x := float64(i) + 1
		p.X.Ticks = append(p.X.Ticks, chart.Tick{At: x, Label: tickRevision(one)})
		median.Points = append(median.Points, chart.Point{X: x, Y: *one.Median})
		low.Points = append(low.Points, chart.Point{X: x, Y: valueOr(one.Low, math.NaN())})
		high.Points = append(high.Points, chart.Point{X: x, Y: valueOr(one.High, math.NaN())})
	}
	for _, l := range []chart.Line{low, high} {
		if slices.ContainsFunc(l.Points, func(at chart.Point) bool { return !math.IsNaN(at.Y) }) {
			p.Lines = append(p.Lines, l)
		}
	}
	p.Lines = append(p.Lines, median)
	p.Moments = h.regressions()
	for _, b := range budgetsOf(g, h.scenario) {
		if b.Metric == h.metric && !b.Relative {
			p.Levels = append(p.Levels, chart.Level{At: b.Limit, Label: "limit " + clean(b.Operator) + " " + write(b.Limit), Firm: true})
		}
	}
	p.Y.Least, p.Y.Most = within(&p)
	return p
}

// tickRevision is a revision as it fits under a chart, or the day where there is none.
func tickRevision(p *record.GatePoint) string {
	const most = 7
	if r := []rune(shortRevision(p.Revision)); len(r) > 0 {
		return string(r[:min(most, len(r))])
	}
	return p.At.UTC().Format("01-02")
}

// regressions marks the last gates that were one.
func (h *past) regressions() (out []chart.Moment) {
	const most = 6
	for i, p := range slices.Backward(h.points) {
		if p.Verdict == record.Regression && len(out) < most {
			out = append(out, chart.Moment{At: float64(i) + 1, Label: "regression " + tickRevision(p), Series: testedSeries})
		}
	}
	return out
}

// words tell a history in sentences.
func (h *past) words() []string {
	first, last := h.points[0], h.points[len(h.points)-1]
	least, most, broken := math.Inf(1), math.Inf(-1), 0
	for _, p := range h.points {
		least, most = min(least, *p.Median), max(most, *p.Median)
		if p.Verdict == record.Regression {
			broken++
		}
	}
	out := []string{fmt.Sprintf("%s at first, %s now; %s over all.", tellNumber(h.unit, *first.Median), tellNumber(h.unit, *last.Median),
		between(tellNumber(h.unit, least), tellNumber(h.unit, most)))}
	if broken > 0 {
		out = append(out, strings.TrimSpace(counted(int64(broken), "gate was a regression.", "gates were regressions.")))
	}
	return out
}
