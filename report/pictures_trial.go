package report

import (
	"strconv"
	"strings"

	"twomsl/internal/record"
	"twomsl/report/chart"
	"twomsl/report/compare"
)

// trialFigures are the charts that t has data for, in the order in which they are shown. Where sockets were asked to
// stand in states, what was opened served only for that, and the states are all there is to see.
func trialFigures(t *record.Trial) []pictured {
	list := []course{{Curve: compare.Curve([]*record.Trial{t})}}
	if t.Stand != nil {
		return drawStates(list)
	}
	var out []pictured
	if f := drawTimeWait(list); f != nil {
		markTimeWait(f, t)
		out = append(out, *f)
	}
	if f := drawPorts(list); f != nil && len(portSeries(t)) > 0 {
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
	return append(out, drawStates(list)...)
}

// markTimeWait shows what a side's TIME_WAIT were to reach, where they levelled off, and the limit that the kernel sets.
func markTimeWait(f *pictured, t *record.Trial) {
	top := 0.0
	for i := range f.chart.Panels {
		p, side := &f.chart.Panels[i], server
		if strings.HasSuffix(p.Title, client) {
			side = client
		}
		mark := func(n int64, label string, firm bool) {
			if n <= 0 || float64(n) > 2*p.Y.Most {
				return
			}
			p.Y.Most = max(p.Y.Most, 1.06*float64(n))
			p.Levels = append(p.Levels, chart.Level{At: float64(n), Label: label, Firm: firm})
			f.words = append(f.words, sentence("on the "+side+": "+label))
		}
		g := t.Scenario.Goal
		if g != nil && g.Side == side {
			mark(g.TimeWait, "goal "+count(g.TimeWait), false)
			if at := g.ReachedSeconds; at != nil {
				text := "goal reached at " + seconds(*at)
				p.Moments = append(p.Moments, chart.Moment{At: *at, Label: text})
				f.words = append(f.words, sentence(text))
			}
		} else if n := sideOf(t, side).TimeWait.Plateau; n != nil {
			mark(*n, "levelled off at "+count(*n), false)
		}
		if n, err := strconv.ParseInt(sideOf(t, side).Sysctls.Effective["net.ipv4.tcp_max_tw_buckets"], 10, 64); err == nil {
			mark(n, "tcp_max_tw_buckets "+count(n), true)
		}
		top = max(top, p.Y.Most)
	}
	for i := range f.chart.Panels {
		f.chart.Panels[i].Y.Most = top
	}
}
