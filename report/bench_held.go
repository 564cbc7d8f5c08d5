package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
	"twomsl/report/compare"
)

// variantKey is the setting that sets rows apart which are to be held against each other.
const variantKey = "variant"

// partner is the row that this one is held against: the same work done by this program, where another did this; or by the
// first variant. Nil where there is none.
func (s *benchSheet) partner(r *record.BenchRow) *record.BenchRow {
	for i := range s.b.Rows {
		o := &s.b.Rows[i]
		switch {
		case o == r:
			if r.Against == "" {
				return nil // it is the first of its kind itself
			}
		case r.Against != "":
			if o.Against == "" && o.Name == r.Name {
				return o
			}
		case o.Against == "" && variantOf(o) != variantOf(r) && slices.Equal(settingsBut(o, variantKey), settingsBut(r, variantKey)):
			return o
		}
	}
	return nil
}

func variantOf(r *record.BenchRow) string {
	for _, c := range r.Config {
		if c.Key == variantKey {
			return c.Value
		}
	}
	return ""
}

func settingsBut(r *record.BenchRow, key string) (out []record.BenchKey) {
	for _, c := range r.Config {
		if c.Key != key {
			out = append(out, c)
		}
	}
	return out
}

// benchHeld is a row beside its partner in one metric.
type benchHeld struct {
	this, that *record.BenchRow // of the sentence: this program's row and the other's, or a variant and the first
	metric     record.BenchMetric
	compare.Held
}

// heldMetrics is how many metrics are held against each other: the two that come first.
const heldMetrics = 2

// held judges every row that has a partner; each metric's rows share one level.
func (s *benchSheet) held() (out []benchHeld) {
	for _, m := range s.metrics[:min(heldMetrics, len(s.metrics))] {
		var pairs []compare.Pair
		first := len(out)
		for i := range s.b.Rows {
			r := &s.b.Rows[i]
			p := s.partner(r)
			if m.Better == "" || p == nil {
				continue
			}
			one := benchHeld{this: r, that: p, metric: m}
			if r.Against != "" {
				one.this, one.that = p, r
			}
			this, _ := s.figure(one.this, m.Name)
			that, _ := s.figure(one.that, m.Name)
			pairs, out = append(pairs, compare.Pair{Better: m.Better, That: that.values, This: this.values}), append(out, one)
		}
		for i, h := range compare.Hold(pairs) {
			out[first+i].Held = h
		}
	}
	slices.SortStableFunc(out, func(a, b benchHeld) int { return s.index(a.this) - s.index(b.this) })
	return out
}

func (s *benchSheet) index(r *record.BenchRow) int {
	return slices.IndexFunc(s.b.Rows, func(o record.BenchRow) bool { return o.Name == r.Name && o.Against == r.Against })
}

// beside is what a row is held against, in words.
func (h *benchHeld) beside() string {
	if h.that.Against != "" {
		return clean(h.that.Against)
	}
	return "variant " + clean(variantOf(h.that))
}

// heldSums says how many rows came to what against the same in the same metric; the mood is that of what all came to.
func heldSums(list []benchHeld) (out []mooded) {
	type group struct{ beside, metric string }
	var order []group
	came, moods, why := map[group]map[string]int{}, map[group]map[style]bool{}, map[group]string{}
	for i := range list {
		h := &list[i]
		g := group{h.beside(), clean(h.metric.Unit)}
		if came[g] == nil {
			order, came[g], moods[g] = append(order, g), map[string]int{}, map[style]bool{}
		}
		text, mood := h.mark()
		came[g][text]++
		moods[g][mood] = true
		if h.Why != "" {
			why[g] = " (" + h.Why + ")"
		}
	}
	for _, g := range order {
		var parts []string
		for _, text := range []string{heldBetter, heldWorse, heldSame, heldUnclear} {
			if n := came[g][text]; n > 0 {
				parts = append(parts, fmt.Sprintf("%s in %s", text, counted(int64(n), "row", "rows")))
			}
		}
		mood := plain
		for _, m := range []style{red, yellow, green} {
			if moods[g][m] {
				mood = m
				break
			}
		}
		out = append(out, mooded{fmt.Sprintf("%s against %s: %s%s.", g.metric, g.beside, strings.Join(parts, ", "), why[g]), mood})
	}
	return out
}

// What a row comes to beside its partner, in words.
const (
	heldBetter  = "better"
	heldWorse   = "worse"
	heldSame    = "no difference shown"
	heldUnclear = "unclear"
)

func (h *benchHeld) mark() (string, style) {
	switch h.Verdict {
	case record.Better:
		return heldBetter, green
	case record.Worse:
		return heldWorse, red
	case record.NoDifference:
		return heldSame, plain
	}
	return heldUnclear, yellow
}

var heldHeads = []string{"row", "against", "metric", "ratio", "95 of 100", "p", "verdict"}

// cells are a line of the table of what is held against each other.
func (h *benchHeld) cells(s *benchSheet) []string {
	ratio, interval, p := gap, gap, gap
	if !math.IsNaN(h.Ratio) {
		ratio = figure(h.Ratio, 2)
	}
	if i := h.Interval; i != nil {
		interval, p = figure(i.Low, 2)+" to "+figure(i.High, 2), figure(h.P, 3)
	}
	mark, _ := h.mark()
	return []string{s.name(h.this), h.beside(), clean(h.metric.Unit), ratio, interval, p, mark}
}
