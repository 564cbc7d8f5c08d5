package report

import (
	"strings"

	"twomsl/internal/record"
)

// curveGrid is the table of one order.
type curveGrid struct {
	order, title string
	places       []string
	rows         []curveRow
}

// curveRow is one way in it; a figure that was not measured is a gap.
type curveRow struct {
	way, words    string // as the flag has it, and as people call it
	p50, p99, cpu []string
}

// grids are the tables, one for each order.
func (c *curveSheet) grids() (out []curveGrid) {
	for _, o := range c.orders {
		g := curveGrid{order: o.name, title: o.title}
		for _, at := range c.at {
			g.places = append(g.places, percentOf(at))
		}
		for _, r := range o.rows {
			if len(r.Curve) == 0 {
				continue
			}
			g.rows = append(g.rows, curveRow{
				way: clean(rowKey(r, "way")), words: wayOf(r),
				p50: c.cellsOf(r, func(p *record.BenchPoint) float64 { return p.P50US }),
				p99: c.cellsOf(r, func(p *record.BenchPoint) float64 { return p.P99US }),
				cpu: c.cellsOf(r, func(p *record.BenchPoint) float64 { return p.CPUUS }),
			})
		}
		out = append(out, g)
	}
	return out
}

// cellsOf are a row's figures, place by place.
func (c *curveSheet) cellsOf(r *record.BenchRow, of func(*record.BenchPoint) float64) (out []string) {
	for _, at := range c.at {
		if p := pointAt(r, at); p != nil {
			out = append(out, micros(of(p)))
		} else {
			out = append(out, gap)
		}
	}
	return out
}

// cells has three lines for each way: median, 99th percentile, and the processor time of a call on average.
func (g *curveGrid) cells() (heads []string, rows [][]string) {
	heads = append([]string{"way", ""}, g.places...)
	for _, r := range g.rows {
		rows = append(rows, append([]string{r.words, "p50"}, r.p50...), append([]string{"", "p99"}, r.p99...),
			append([]string{"", "processor"}, r.cpu...))
	}
	return heads, rows
}

// curveMarkdown is a Markdown table for each order.
func (s *benchSheet) curveMarkdown(write func(title string, heads []string, rows [][]string)) {
	for _, g := range s.curves().grids() {
		if heads, rows := g.cells(); len(rows) > 0 {
			write(g.title, heads, rows)
		}
	}
}

// curvePage are the tables of the page.
func (s *benchSheet) curvePage() (out []pageTable) {
	for _, g := range s.curves().grids() {
		if heads, rows := g.cells(); len(rows) > 0 {
			out = append(out, pageGrid(g.title, 2, heads, rows))
		}
	}
	return out
}

// remarks are what a reader of the tables must know.
func (c *curveSheet) remarks() (out []string) {
	if !c.hasCurves() {
		return nil
	}
	var ways []string
	for _, key := range []string{"plain", "bind", "no-port", "own-range"} {
		for i := range c.b.Rows {
			if rowKey(&c.b.Rows[i], "way") == key {
				ways = append(ways, key+" is "+curveWays[key])
				break
			}
		}
	}
	if len(ways) > 0 {
		out = append(out, "Ways: "+strings.Join(ways, "; ")+".")
	}
	for _, text := range []string{c.failures(), c.busy(), c.samples()} {
		if text != "" {
			out = append(out, text)
		}
	}
	return out
}
