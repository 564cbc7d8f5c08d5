package report

import (
	"fmt"
	"math"
	"slices"

	"twomsl/internal/record"
)

// What a benchmark with curves tells: what a call costs against how full the range of ports is, way by way, for each order
// in which the ports get taken.

// curveSheet is what there is to tell of the curves of a benchmark; it has no orders where that has none.
type curveSheet struct {
	*benchSheet
	at     []float64 // the places of the tables, in percent
	orders []curveOrder
}

// curveOrder are the rows whose ports get taken in one order.
type curveOrder struct {
	name, title string
	rows        []*record.BenchRow
}

// curvePlaces are those that tell: empty, before and behind half, and where little or nothing is left.
var curvePlaces = []float64{0, 25, 49, 50, 75, 99, 100}

// curveOrders are the orders in words.
var curveOrders = map[string]string{
	"kernel": "Ports taken in the kernel's own order, by each way itself",
	"plain":  "Ports taken by plain connect(), whoever asks then",
	"random": "Ports taken in random order",
}

// curveWays are the ways to open a connection in words.
var curveWays = map[string]string{
	"plain": "plain connect()", "bind": "bind(address, 0)", "no-port": "IP_BIND_ADDRESS_NO_PORT",
	"own-range": "IP_LOCAL_PORT_RANGE over the same range",
}

// hasCurves tells whether the benchmark is told by its curves, and not by its metrics, which are places of these.
func (s *benchSheet) hasCurves() bool {
	return slices.ContainsFunc(s.b.Rows, func(r record.BenchRow) bool { return len(r.Curve) > 0 })
}

func (s *benchSheet) curves() *curveSheet {
	b, c := s.b, &curveSheet{benchSheet: s}
	if !s.hasCurves() {
		return c
	}
	for i := range b.Rows {
		r := &b.Rows[i]
		order := rowKey(r, "order")
		k := slices.IndexFunc(c.orders, func(o curveOrder) bool { return o.name == order })
		if k < 0 {
			title, known := curveOrders[order]
			if !known {
				title = "Ports taken in order " + clean(order)
			}
			k, c.orders = len(c.orders), append(c.orders, curveOrder{name: order, title: title})
		}
		c.orders[k].rows = append(c.orders[k].rows, r)
	}
	for _, at := range curvePlaces {
		if slices.ContainsFunc(b.Rows, func(r record.BenchRow) bool { return pointAt(&r, at) != nil }) {
			c.at = append(c.at, at)
		}
	}
	if len(c.at) == 0 { // none of the usual places was measured
		c.at = spreadPlaces(b)
	}
	return c
}

// spreadPlaces are places of the first curve, as many as a table holds.
func spreadPlaces(b *record.Bench) (out []float64) {
	for i := range b.Rows {
		points := b.Rows[i].Curve
		for k := range min(len(points), len(curvePlaces)) {
			out = append(out, points[k*len(points)/min(len(points), len(curvePlaces))].FullPercent)
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

// rowKey is a row's own by its key; "" where it has none.
func rowKey(r *record.BenchRow, key string) string {
	for _, c := range r.Config {
		if c.Key == key {
			return c.Value
		}
	}
	return ""
}

// pointAt is the point of a curve at a place; nil where there is none. A point lies a little beyond its place, since its
// own calls take ports.
func pointAt(r *record.BenchRow, at float64) (best *record.BenchPoint) {
	const near = 0.9
	for i := range r.Curve {
		p := &r.Curve[i]
		if d := math.Abs(p.FullPercent - at); d < near && (best == nil || d < math.Abs(best.FullPercent-at)) {
			best = p
		}
	}
	return best
}

// wayOf is the row's way to open a connection, in words.
func wayOf(r *record.BenchRow) string {
	way := rowKey(r, "way")
	if words, known := curveWays[way]; known {
		return words
	}
	if way == "" {
		return clean(r.Name)
	}
	return clean(way)
}

// percentOf writes a place.
func percentOf(at float64) string { return significant(at) + nbsp + "%" }

// jumpFrom is how many times what it was just before half of the range a call must take from half on to be called a cliff.
const jumpFrom = 5

// curveAnswers are the sentences at the top: each way in the kernel's own order, before and behind half of the range.
func (s *curveSheet) curveAnswers() (out []mooded) {
	for _, o := range s.orders {
		if o.name != "kernel" {
			continue
		}
		for _, r := range o.rows {
			before, behind := pointAt(r, 49), pointAt(r, 50)
			if before == nil || behind == nil || before.P50US <= 0 || before == behind {
				continue
			}
			text := fmt.Sprintf("%s: %s with 49%s%% of the ports taken, %s from half on", wayOf(r), micros(before.P50US), nbsp, micros(behind.P50US))
			mood := green
			if times := behind.P50US / before.P50US; times >= jumpFrom {
				text, mood = text+", "+figure(times, 0)+" times as long", yellow
			}
			out = append(out, mooded{text + ".", mood})
		}
	}
	if text := s.withoutOrder(); text != "" {
		out = append(out, mooded{text, green})
	}
	return out
}

// withoutOrder says what becomes of the cliff where ports are taken at random.
func (s *curveSheet) withoutOrder() string {
	for _, o := range s.orders {
		if o.name != "random" {
			continue
		}
		least, most, cliffs := math.Inf(1), 0.0, 0
		for _, r := range o.rows {
			before, behind := pointAt(r, 49), pointAt(r, 50)
			if before == nil || behind == nil || before.P50US <= 0 {
				continue
			}
			if least, most = min(least, behind.P50US), max(most, behind.P50US); behind.P50US >= jumpFrom*before.P50US {
				cliffs++
			}
		}
		if most > 0 && cliffs == 0 {
			return "Taken at random there is no cliff: " + between(micros(least), micros(most)) + " with half of the ports taken."
		}
	}
	return ""
}

// failures says with which errno the calls fail that find nothing left.
func (s *curveSheet) failures() string {
	var names []string
	for i := range s.b.Rows {
		for _, p := range s.b.Rows[i].Curve {
			if p.Failed > 0 && p.Errno != "" && !slices.Contains(names, clean(p.Errno)) {
				names = append(names, clean(p.Errno))
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "Where no port is left every call fails, with " + enumerate(names) + ": the figures there are the time to fail."
}

// samples says how many calls a figure rests on.
func (s *curveSheet) samples() string {
	least, most := int64(math.MaxInt64), int64(0)
	for i := range s.b.Rows {
		for _, p := range s.b.Rows[i].Curve {
			least, most = min(least, p.Calls), max(most, p.Calls)
		}
	}
	return "Each figure rests on " + between(count(least), count(most)) + " calls."
}

// busy says what of the time behind half is the caller's own processor time.
func (s *curveSheet) busy() string {
	for _, o := range s.orders {
		for _, r := range o.rows {
			before, behind := pointAt(r, 49), pointAt(r, 50)
			if before == nil || behind == nil || behind == before || before.P50US <= 0 || behind.P50US < jumpFrom*before.P50US {
				continue
			}
			return fmt.Sprintf("The search is the caller's own processor time: with %s and half of the ports taken %s a call on average.",
				wayOf(r), micros(behind.CPUUS))
		}
	}
	return ""
}
