// Package chart draws charts to SVG and PNG from plain data, with gonum.org/v1/plot. It knows axes, lines, bands, levels
// and moments, and nothing of what they mean. The same data gives the same bytes.
//
// Nothing is ever written over the data: names stand above it, moments in rows of their own between the two, and what a
// line or a level comes to in a margin at the right.
package chart

import "math"

// Chart is one picture: panels under one legend.
type Chart struct {
	// Title stands above it all; "" leaves it out.
	Title  string
	Panels []Panel
}

// Panel is one pair of axes with what is drawn between them.
type Panel struct {
	Title   string // "" leaves it out
	X, Y    Axis
	Lines   []Line
	Bands   []Band
	Levels  []Level
	Moments []Moment
}

// Axis is what a coordinate stands for. Values beyond Most or below Least are not drawn.
type Axis struct {
	Label       string // what is counted, with its unit
	Least, Most float64
	Log         bool // both ends above 0
	// Ticks are marked where there is room for them; nil is round numbers.
	Ticks []Tick
	// Write makes the label of a round number; nil is the shortest decimal.
	Write func(v float64) string
}

// Tick is one mark on an axis.
type Tick struct {
	At    float64
	Label string
}

// Point is a place between the axes. A Y that is NaN breaks the line.
type Point struct{ X, Y float64 }

// Line is a series of points from left to right.
type Line struct {
	Name string // in the legend
	// Series picks its colour and its dashes, from 0; lines of one series have one entry in the legend.
	Series int
	Points []Point
	// End says in the margin what its last point came to; "" leaves it out.
	End string
	// Dots marks every point: for few points that are no course over time.
	Dots bool
}

// Band is one layer of a stack, the first one at the bottom. Its points have the X of all other bands' points, and its
// own height as Y.
type Band struct {
	Name   string
	Hue    int // picks its colour, from 0
	Points []Point
	End    string
}

// Level is a line across: a limit.
type Level struct {
	At    float64
	Label string // in the margin
	Firm  bool   // drawn through, else in dots
}

// Moment is a line upright: when something happened.
type Moment struct {
	At     float64
	Label  string // above the data
	Series int    // picks its colour
}

// tooLarge is beyond what the library's axes can tell apart; no count or time comes near it.
const tooLarge = 1e15

// drawable tells a value that can be drawn.
func drawable(v float64) bool { return math.Abs(v) < tooLarge } // false for NaN, too

// runs splits points where the line is broken.
func runs(points []Point) [][]Point {
	var all [][]Point
	open := false
	for _, p := range points {
		if !drawable(p.X) || !drawable(p.Y) {
			open = false
			continue
		}
		if !open {
			all = append(all, nil)
			open = true
		}
		all[len(all)-1] = append(all[len(all)-1], p)
	}
	return all
}

// thin keeps the first, the least, the most and the last point of each of parts equal parts of a run, which look the same.
func thin(run []Point, parts int) []Point {
	if len(run) <= 4*parts {
		return run
	}
	var out []Point
	for i := range parts {
		part := run[i*len(run)/parts : (i+1)*len(run)/parts]
		least, most := 0, 0
		for k, p := range part {
			if p.Y < part[least].Y {
				least = k
			}
			if p.Y > part[most].Y {
				most = k
			}
		}
		last := -1
		for _, k := range []int{0, min(least, most), max(least, most), len(part) - 1} {
			if k > last {
				out = append(out, part[k])
				last = k
			}
		}
	}
	return out
}
