package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
	"twomsl/report/chart"
)

// BenchPictures draws the curves of b as Pictures draws a comparison; a benchmark without any has none.
func BenchPictures(b *record.Bench, kind string) ([]Picture, error) {
	s := newBenchSheet(b)
	of := clean(b.Kind)
	for _, c := range s.fixed {
		of += " · " + strings.ReplaceAll(keyed(c), nbsp, " ")
	}
	return drawn(s.curvePicture(), of, kind)
}

// What a logarithmic axis of microseconds may have to show: a nanosecond to some years.
const leastDrawn, mostDrawn = 1e-3, 1e14

// curvePicture has a chart for each order in which ports get taken: the median of a call, way by way, on one logarithmic axis.
func (s *benchSheet) curvePicture() (out []pictured) {
	least, most := math.Inf(1), 0.0
	for i := range s.b.Rows {
		for _, p := range s.b.Rows[i].Curve {
			if p.P50US >= leastDrawn && p.P50US <= mostDrawn {
				least, most = min(least, p.P50US), max(most, p.P50US)
			}
		}
	}
	if most == 0 {
		return nil
	}
	upright := latencyAxis(least, most)
	upright.Label = "median of a call"
	var ways []string // so that a way has the same colour everywhere
	for i, o := range s.curves().orders {
		name := "connect-cost"
		if i > 0 {
			name = fmt.Sprintf("connect-cost-%d", i+1)
		}
		f := pictured{name: name, title: o.title}
		panel := chart.Panel{X: chart.Axis{Label: "of the ports are taken", Most: 100, Write: percentOf}, Y: upright}
		for _, r := range o.rows {
			line, words := curveLine(r)
			if len(line.Points) == 0 {
				continue
			}
			way := rowKey(r, "way")
			if !slices.Contains(ways, way) {
				ways = append(ways, way)
			}
			line.Series = slices.Index(ways, way)
			panel.Lines = append(panel.Lines, line)
			f.words = append(f.words, words)
		}
		if f.chart = (&chart.Chart{Panels: []chart.Panel{panel}}); len(panel.Lines) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// curveLine is a row's curve, and the same in words.
func curveLine(r *record.BenchRow) (line chart.Line, words string) {
	line.Name, line.Dots = wayOf(r), len(r.Curve) <= fewPoints
	var told []string
	for i := range r.Curve {
		p := &r.Curve[i]
		if p.P50US < leastDrawn || p.P50US > mostDrawn {
			continue
		}
		line.Points = append(line.Points, chart.Point{X: math.Min(p.FullPercent, 100), Y: p.P50US})
		line.End = micros(p.P50US)
		if p.Failed == p.Calls {
			line.End += " to fail"
		}
	}
	for _, at := range curvePlaces {
		if p := pointAt(r, at); p != nil {
			told = append(told, micros(p.P50US)+" at "+percentOf(at))
		}
	}
	return line, fmt.Sprintf("%s: %s.", wayOf(r), strings.Join(told, ", "))
}
