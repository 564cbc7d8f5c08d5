package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// benchSheet is a benchmark as every format tells it: what its rows have in common, what sets them apart, their figures.
type benchSheet struct {
	b       *record.Bench
	fixed   []record.BenchKey // the same in every row
	keys    []string          // those that differ, in the order in which they come
	metrics []record.BenchMetric
	others  bool // rows of another program are there
}

func newBenchSheet(b *record.Bench) *benchSheet {
	s := &benchSheet{b: b}
	var order []string
	values := map[string][]string{}
	for i := range b.Rows {
		r := &b.Rows[i]
		s.others = s.others || r.Against != ""
		for _, c := range r.Config {
			if !slices.Contains(order, c.Key) {
				order = append(order, c.Key)
			}
			values[c.Key] = append(values[c.Key], c.Value)
		}
		for _, m := range r.Metrics {
			if !slices.ContainsFunc(s.metrics, func(k record.BenchMetric) bool { return k.Name == m.Name }) {
				s.metrics = append(s.metrics, record.BenchMetric{Name: m.Name, Unit: m.Unit, Better: m.Better})
			}
		}
	}
	for _, key := range order {
		all := values[key]
		if len(all) == len(b.Rows) && !slices.ContainsFunc(all, func(v string) bool { return v != all[0] }) {
			s.fixed = append(s.fixed, record.BenchKey{Key: key, Value: all[0]})
		} else {
			s.keys = append(s.keys, key)
		}
	}
	return s
}

// cells are a row's own settings, one for each of keys; "" where it has none.
func (s *benchSheet) cells(r *record.BenchRow) []string {
	out := make([]string, len(s.keys))
	for _, c := range r.Config {
		if i := slices.Index(s.keys, c.Key); i >= 0 {
			if out[i] = clean(c.Value); c.Key == "engine" && r.Engine != "" {
				out[i] = clean(r.Engine) // with how it waited
			}
		}
	}
	return out
}

// name is what a row is called among the others.
func (s *benchSheet) name(r *record.BenchRow) string {
	var parts []string
	for _, c := range r.Config {
		if c.Key == "engine" && r.Engine != "" {
			c.Value = r.Engine // with how it waited
		}
		if slices.Contains(s.keys, c.Key) {
			parts = append(parts, keyed(c))
		}
	}
	if len(parts) == 0 {
		parts = []string{clean(r.Name)}
	}
	if r.Against != "" {
		parts = append(parts, "by "+clean(r.Against))
	}
	return strings.Join(parts, ", ")
}

// keyed is a setting with its key, in words.
func keyed(c record.BenchKey) string { return clean(c.Key) + nbsp + clean(c.Value) }

// benchFigure is a metric of a row over its rounds.
type benchFigure struct {
	values              []float64
	median, least, most float64
}

// figure sums up a metric of a row; false where it has none.
func (s *benchSheet) figure(r *record.BenchRow, metric string) (benchFigure, bool) {
	for _, m := range r.Metrics {
		if m.Name == metric && len(m.Values) > 0 {
			sorted := slices.Sorted(slices.Values(m.Values))
			n := len(sorted)
			return benchFigure{m.Values, (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}, true
		}
	}
	return benchFigure{}, false
}

// amount writes a figure with three digits or more that tell something.
func amount(v float64) string {
	switch size := math.Abs(v); {
	case v == math.Trunc(v), size >= 100:
		return figure(v, 0)
	case size >= 10:
		return figure(v, 1)
	case size >= 0.1:
		return figure(v, 2)
	}
	return figure(v, 4)
}

// middle and spread write a figure: its median, and the least and most where it was measured more than once.
func (f benchFigure) middle() string { return amount(f.median) }

func (f benchFigure) spread() string {
	if len(f.values) < 2 {
		return ""
	}
	return between(amount(f.least), amount(f.most))
}

func (f benchFigure) both() string {
	if text := f.spread(); text != "" && text != f.middle() {
		return f.middle() + " (" + text + ")"
	}
	return f.middle()
}

// base is the row that the others of the program are held against: the first that has the first metric.
func (s *benchSheet) base() *record.BenchRow {
	if len(s.metrics) == 0 {
		return nil
	}
	for i := range s.b.Rows {
		if _, ok := s.figure(&s.b.Rows[i], s.metrics[0].Name); ok && s.b.Rows[i].Against == "" {
			return &s.b.Rows[i]
		}
	}
	return nil
}

// ratio is how many times a row's first metric is that of the base; "" for the base, and where either has none.
func (s *benchSheet) ratio(r *record.BenchRow) string {
	base := s.base()
	if base == nil || base == r {
		return ""
	}
	from, _ := s.figure(base, s.metrics[0].Name)
	to, ok := s.figure(r, s.metrics[0].Name)
	if !ok || from.median <= 0 {
		return ""
	}
	return figure(to.median/from.median, 2)
}

// best is the row whose first metric is the best of all; nil where there is no better, or but one row.
func (s *benchSheet) best() *record.BenchRow {
	if len(s.metrics) == 0 || s.metrics[0].Better == "" {
		return nil
	}
	var best *record.BenchRow
	var top benchFigure
	rows := 0
	for i := range s.b.Rows {
		r := &s.b.Rows[i]
		f, ok := s.figure(r, s.metrics[0].Name)
		if !ok || r.Against != "" {
			continue
		}
		if rows++; best == nil || (f.median > top.median) == (s.metrics[0].Better == "higher") && f.median != top.median {
			best, top = r, f
		}
	}
	if rows < 2 {
		return nil
	}
	return best
}

// gone says why a row has no figures, or not all; "" where nothing is missing.
func gone(r *record.BenchRow) (string, style) {
	switch {
	case r.Unsupported != "":
		return "not on this machine: " + clean(r.Unsupported), yellow
	case r.Failure != "":
		return "failed: " + clean(r.Failure), red
	}
	return "", plain
}

// ended says how a benchmark stands that is not whole.
func (s *benchSheet) ended() (string, style) {
	switch s.b.Status {
	case record.Interrupted:
		return fmt.Sprintf("Interrupted: %s were asked for; the rounds that were over are here.", counted(int64(s.b.Rounds), "round", "rounds")), yellow
	case record.Failed:
		return "Not whole: what failed is told with its row.", red
	}
	return "", plain
}

// ran says how much was run, and how long it took.
func (s *benchSheet) ran() string {
	rounds := s.b.Rounds
	if s.b.Status == record.Interrupted {
		rounds = 0
		for i := range s.b.Rows {
			for _, m := range s.b.Rows[i].Metrics {
				rounds = max(rounds, len(m.Values))
			}
		}
	}
	return fmt.Sprintf("%s, %s, all in turn, took %s.", counted(int64(len(s.b.Rows)), "row", "rows"),
		counted(int64(rounds), "round", "rounds"), seconds(s.b.Seconds))
}

// answers are the sentences at the top, each with its mood.
func (s *benchSheet) answers() (out []mooded) {
	if s.hasCurves() {
		return s.curves().curveAnswers()
	}
	if best := s.best(); best != nil {
		f, _ := s.figure(best, s.metrics[0].Name)
		most := map[string]string{"higher": "most", "lower": "least"}[s.metrics[0].Better]
		out = append(out, mooded{fmt.Sprintf("The %s %s: %s, %s.", most, clean(s.metrics[0].Unit), f.both(), s.name(best)), green})
	}
	return append(out, heldSums(s.held())...)
}

// mooded is a sentence in a mood.
type mooded struct {
	text string
	mood style
}

// fixedWords is what all rows have in common; "" where that is nothing.
func (s *benchSheet) fixedWords() string {
	var parts []string
	for _, c := range s.fixed {
		if text := keyed(c); c.Key != "engine" {
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "In every row: " + strings.Join(parts, ", ") + "."
}

// engines are those that drove connections, in the order of the rows.
func (s *benchSheet) engines() (out []string) {
	for i := range s.b.Rows {
		if e := clean(s.b.Rows[i].Engine); e != "" && !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// notes are what a reader must know, with what follows from the rows alone.
func (s *benchSheet) notes() []string {
	var out []string
	if list := s.engines(); len(list) > 1 {
		out = append(out, fmt.Sprintf("Rows of different engines (%s) differ by what the engines are, too: two processes that wake "+
			"each other, one thread that drives both ends, or Go's standard library. Hold only rows of one engine against each other to learn "+
			"about the kernel.", strings.Join(list, ", ")))
	}
	out = append(out, s.curves().remarks()...)
	if s.base() != nil && len(s.b.Rows) > 1 && !s.hasCurves() {
		out = append(out, "x is how many times the "+clean(s.metrics[0].Unit)+" of the first row, by medians.")
	}
	for _, n := range s.b.Notes {
		out = append(out, sentence(clean(n)))
	}
	return out
}
