package report

import (
	"strconv"

	"twomsl/internal/record"
	"twomsl/report/chart"
	"twomsl/report/compare"
)

// trialFigures are the charts that t has data for, in the order in which they are shown. Where sockets were asked to
// stand in states, what was opened served only for that, and the states are all there is to see.
func trialFigures(t *record.Trial) []pictured {
	list := []course{{Curve: compare.Curve([]*record.Trial{t})}}
	if t.Stand != nil {
		return append(drawStates(list), drawCanaries(t)...)
	}
	var out []pictured
	if f := drawTimeWait(list); f != nil {
		markTimeWait(f, t)
		out = append(out, *f)
	}
	if f := drawPorts(list); f != nil && worthPorts(t) {
		out = append(out, *f)
	}
	if f := drawLatency(list); f != nil {
		if t.Latency.FromIntended != nil {
			f.title += ", " + fromIntended
		}
		out = append(out, *f)
	}
	if f := drawConnections(list); f != nil {
		out = append(out, *f)
	}
	out = append(out, drawCanaries(t)...)
	if t.Kept != nil || leading(t) != "" { // what the trial is about comes first
		return append(drawStates(list), out...)
	}
	return append(out, drawStates(list)...)
}

// markTimeWait shows what a side's TIME_WAIT were to reach, where they levelled off, and the limit that the kernel sets.
func markTimeWait(f *pictured, t *record.Trial) {
	top := 0.0
	for i := range f.chart.Panels {
		p := &f.chart.Panels[i]
		side := lotOf(p.Title)
		mark := func(n int64, label string, firm bool) {
			if n <= 0 || float64(n) > 2*p.Y.Most {
				return
			}
			p.Y.Most = max(p.Y.Most, 1.06*float64(n))
			p.Levels = append(p.Levels, chart.Level{At: float64(n), Label: label, Firm: firm})
			f.words = append(f.words, sentence("on the "+spelled(side)+": "+label))
		}
		g := t.Scenario.Goal
		if g != nil && g.Side == side {
			mark(g.TimeWait, "goal "+count(g.TimeWait), false)
			if at := g.ReachedSeconds; at != nil {
				text := "goal reached at " + seconds(*at)
				p.Moments = append(p.Moments, chart.Moment{At: *at, Label: text})
				f.words = append(f.words, sentence(text))
			}
		} else if n := plateauAt(t, side); n != nil {
			mark(*n, "levelled off at "+count(*n), false)
		}
		if n, err := strconv.ParseInt(sideOf(t, hostOf(side)).Sysctls.Effective["net.ipv4.tcp_max_tw_buckets"], 10, 64); err == nil {
			mark(n, "tcp_max_tw_buckets "+count(n), true)
		}
		top = max(top, p.Y.Most)
	}
	for i := range f.chart.Panels {
		f.chart.Panels[i].Y.Most = top
	}
}
