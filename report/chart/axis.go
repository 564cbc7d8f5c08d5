package chart

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// sound makes an axis that can be drawn out of any.
func (a Axis) sound() Axis {
	if !drawable(a.Least) {
		a.Least = 0
	}
	if !drawable(a.Most) {
		a.Most = a.Least + 1
	}
	if a.Log {
		a.Least = math.Max(a.Least, 1e-9)
		a.Most = math.Max(a.Most, a.Least*10)
	}
	if !(a.Most > a.Least) {
		a.Most = a.Least + 1
	}
	return a
}

// at is where v lies between the ends of the axis: 0 to 1, or beyond.
func (a Axis) at(v float64) float64 {
	if a.Log {
		return (math.Log(math.Max(v, 1e-12)) - math.Log(a.Least)) / (math.Log(a.Most) - math.Log(a.Least))
	}
	return (v - a.Least) / (a.Most - a.Least)
}

// scale is at for the library, whose own logarithm panics at 0. Its first two arguments are the axis's ends.
type scale struct{ Axis }

func (s scale) Normalize(_, _, v float64) float64 { return s.at(v) }

// ticks gives the marks that have room on an axis of that length, with at least gap between their labels; extent measures a
// label along the axis.
func (a Axis) ticks(length, gap vg.Length, extent func(string) vg.Length) []plot.Tick {
	list := a.Ticks
	if list == nil {
		list = a.round(max(2, int(length/(2.2*gap))))
	}
	var out []plot.Tick
	end := vg.Length(math.Inf(-1))
	for _, t := range list {
		at := a.at(t.At)
		if !(at >= -1e-9 && at <= 1+1e-9) {
			continue
		}
		label := legible(t.Label)
		middle, half := vg.Length(at)*length, extent(label)/2
		if middle-half < end+gap/2 {
			continue
		}
		end = middle + half
		out = append(out, plot.Tick{Value: math.Min(math.Max(t.At, a.Least), a.Most), Label: label})
	}
	return out
}

// round marks at most n+1 multiples of 1, 2 or 5 times a power of ten.
func (a Axis) round(n int) []Tick {
	write := a.Write
	if write == nil {
		write = func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	}
	step := roundStep((a.Most - a.Least) / float64(n))
	var list []Tick
	first := math.Ceil(a.Least/step - 1e-9)
	for i := range n + 1 {
		v := (first + float64(i)) * step
		if v > a.Most*(1+1e-9) {
			break
		}
		v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64) // 0.3, not 0.30000000000000004
		list = append(list, Tick{v, write(v)})
	}
	return list
}

// roundStep is the least of 1, 2 or 5 times a power of ten that is not below least.
func roundStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// dress gives an axis of the library its looks and marks. Labels of the upright axis take up their height along it.
func (p *pen) dress(to *plot.Axis, a Axis, length vg.Length, upright bool) {
	to.Min, to.Max = a.Least, a.Most
	to.Scale = scale{a}
	label := p.small()
	label.Color = p.faint
	keep := func(old text.Style, s text.Style) text.Style {
		s.XAlign, s.YAlign = old.XAlign, old.YAlign
		return s
	}
	to.Tick.Label = keep(to.Tick.Label, label)
	to.Label.TextStyle = keep(to.Label.TextStyle, label)
	to.Label.Text = legible(a.Label)
	to.Label.Padding = 3
	to.Padding = 0
	to.Color, to.Width = p.axis, 1
	to.Tick.Color, to.Tick.Width, to.Tick.Length = p.axis, 1, 4
	extent, gap := label.Width, 2*label.Font.Size
	if upright {
		extent = func(string) vg.Length { return label.Font.Size }
		gap = label.Font.Size
	}
	to.Tick.Marker = plot.ConstantTicks(a.ticks(length, gap, extent))
}
