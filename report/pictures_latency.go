package report

import (
	"fmt"
	"math"
	"strings"

	"twomsl/report/chart"
)

// known quantiles of the axis, and what people call them.
var quantileNames = []struct {
	q    float64
	name string
}{{0.5, "p50"}, {0.9, "p90"}, {0.99, "p99"}, {0.999, "p99.9"}, {0.9999, "p99.99"}, {0.99999, "p99.999"}}

// lastQuantile is the highest that has a place of its own; what lies beyond is drawn as the most.
const lastQuantile = 0.999999

// tail is the place of a quantile: each further nine takes as much room, so that the slowest few are seen.
func tail(q float64) float64 { return -math.Log10(1 - math.Min(q, lastQuantile)) }

// drawLatency shows connect() by quantile, both axes by powers of ten.
func drawLatency(list []course) *pictured {
	f := &pictured{name: "latency", title: "connect() by quantile"}
	least, most, right := math.Inf(1), 0.0, 0.0
	hasMost := false
	for _, v := range list {
		for _, p := range v.Latency {
			if p.US > 0 {
				least = math.Min(least, p.US)
			}
			most = math.Max(most, p.US)
			if p.Quantile < lastQuantile {
				right = math.Max(right, tail(p.Quantile))
			} else {
				hasMost = true
			}
		}
	}
	if most == 0 || right == 0 {
		return nil
	}
	end := right
	if hasMost {
		end += 0.5
	}
	panel := chart.Panel{X: quantileAxis(right, end, hasMost), Y: latencyAxis(least, most)}
	for i, v := range list {
		if len(v.Latency) == 0 {
			continue
		}
		line := chart.Line{Name: shortName(v.name), Series: i, Dots: true}
		var words []string
		for _, p := range v.Latency {
			x := tail(p.Quantile)
			if p.Quantile >= lastQuantile {
				x = end
			}
			line.Points = append(line.Points, chart.Point{X: x, Y: p.US})
			line.End = v.label(micros(p.US))
			if name := quantileName(p.Quantile); name != "" {
				words = append(words, name+" "+micros(p.US))
			}
		}
		panel.Lines = append(panel.Lines, line)
		f.words = append(f.words, v.said(strings.Join(words, ", ")+"."))
	}
	f.chart = &chart.Chart{Panels: []chart.Panel{panel}}
	return f
}

func quantileName(q float64) string {
	if q >= lastQuantile {
		return "max"
	}
	for _, known := range quantileNames {
		if math.Abs(known.q-q) < 1e-9 {
			return known.name
		}
	}
	return ""
}

func quantileAxis(right, end float64, hasMost bool) chart.Axis {
	a := chart.Axis{Label: "share of the connections that were as fast or faster", Most: end, Ticks: []chart.Tick{{At: 0, Label: "0"}}}
	for _, known := range quantileNames {
		if x := tail(known.q); x <= right+1e-9 {
			a.Ticks = append(a.Ticks, chart.Tick{At: x, Label: known.name})
		}
	}
	if hasMost {
		a.Ticks = append(a.Ticks, chart.Tick{At: end, Label: "max"})
	}
	return a
}

// latencyAxis spans the values by 1, 2 and 5 times powers of ten; by powers alone where those are many.
func latencyAxis(least, most float64) chart.Axis {
	a := chart.Axis{Label: "connect() took", Log: true}
	steps := []float64{1, 2, 5}
	if most/least > 300 {
		steps = steps[:1]
	}
	for power := -3; power <= 12; power++ {
		for _, s := range steps {
			v := s * math.Pow10(power)
			if v <= least {
				a.Least, a.Ticks = v, nil
			}
			a.Ticks = append(a.Ticks, chart.Tick{At: v, Label: fineMicros(v)})
			if v >= most && v > a.Least {
				a.Most = v
				return a
			}
		}
	}
	a.Most = most
	return a
}

// fineMicros labels ticks, which are round: also those below a microsecond.
func fineMicros(us float64) string {
	if us < 1 {
		return fmt.Sprintf("%g%sus", us, nbsp)
	}
	for _, u := range []struct {
		us   float64
		name string
	}{{1e6, "s"}, {1e3, "ms"}} {
		if us >= u.us {
			return figure(us/u.us, 0) + nbsp + u.name
		}
	}
	return figure(us, 0) + nbsp + "us"
}
