package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

func init() { registerComparison("terminal", writeComparisonTerminal) }

// comparisonParts are the screen of a comparison, in their order.
var comparisonParts = []func(*screen, *record.Comparison){
	comparisonHeading, comparisonEnding, comparisonAnswer, // what came out
	comparedMetrics, notApplied, lineTable, enough, // the evidence
	comparisonWarnings,
	settingTable,
}

// writeComparisonTerminal draws the screen of `twomsl compare`: the answer, the metrics that moved with the price of each
// gain, what could not be set, line by line, and how to repeat it.
func writeComparisonTerminal(b *bytes.Buffer, c *record.Comparison, opt Options) error {
	s := newScreen(b, opt)
	for _, part := range comparisonParts {
		part(s, c)
		s.section()
	}
	for i, text := range planWords(c) {
		s.row([]string{"trials", "judged", ""}[min(i, 2)], words(text)...)
	}
	lostTrials(s, c)
	if engines := comparedEngines(c); engines != "" {
		s.row("engine", words(engines)...)
	}
	machine(s, &c.Environment)
	found(s, opt)
	if text := resume(c, opt); text != "" {
		repeat(s, "continue", text)
	}
	repeat(s, "repeat", c.Command)
	return nil
}

func comparisonHeading(s *screen, c *record.Comparison) {
	name := clean(c.Scenario.Name)
	if name == "" {
		name = clean(c.ID)
	}
	ranOn := kernel(&c.Environment)
	if !c.Plan.Interleaved {
		ranOn = "" // it may be two
	}
	heading(s, name, clean(c.Scenario.Title), ranOn, trialWords(c))
	var chunks []string
	listed := append(firstVariant(c), toldVariants(c)...)
	for _, v := range listed {
		text := variantWords(v)
		if len(listed) > 2 {
			s.hang(plain, strings.Repeat(" ", indent), words(text)...)
			continue
		}
		chunks = append(chunks, text+strings.Repeat(nbsp, indent))
	}
	if len(chunks) > 0 {
		s.hang(plain, strings.Repeat(" ", indent), chunks...)
	}
}

// comparisonEnding speaks up where trials are missing.
func comparisonEnding(s *screen, c *record.Comparison) {
	if text := endingWords(c); text != "" {
		s.para(yellow, text)
	}
}

func comparisonAnswer(s *screen, c *record.Comparison) {
	for _, h := range headlines(c) {
		s.para(h.mood, h.text)
	}
}

// comparedMetrics shows what moved or decides, a table for each variant, and sums the others up.
func comparedMetrics(s *screen, c *record.Comparison) {
	told := toldVariants(c)
	for _, v := range told {
		if len(told) > 1 {
			s.para(bold, clean(v.Name)+" against "+clean(c.Variants[0].Name))
		}
		d := divide(metricsOf(c, v.Name))
		if len(d.shown) > 0 {
			metricSheet(c.Variants[0].Name, v.Name, d.shown).draw(s)
			s.section()
		}
		if noTrials(metricsOf(c, v.Name)) {
			continue // the verdict says so
		}
		for _, rest := range d.restWords() {
			s.row(rest.label, words(rest.text)...)
		}
		s.section()
	}
}

// noTrials tells that no trial stands behind any metric, before or after.
func noTrials(list []*record.Metric) bool {
	none := func(v *record.Value) bool { return len(v.Values) == 0 && v.Never == 0 }
	for _, m := range list {
		if !none(&m.Details.Before) || !none(&m.Details.After) {
			return false
		}
	}
	return true
}

// metricSheet is the table of metrics that moved, with the price of each gain below it.
func metricSheet(before, after string, list []*record.Metric) *sheet {
	t := &sheet{cols: []sheetColumn{
		{least: 16},
		{head: headOf(before), right: true, least: 9},
		{head: headOf(after), right: true, least: 9},
		{head: "change", least: 22, fold: 1},
		{head: "verdict", least: 12},
	}}
	for i, m := range list {
		change := tellChange(m)
		if seen := wouldHaveSeen(m); m.Verdict == record.NoDifference && seen != "" {
			change = strings.TrimPrefix(change+"; "+seen, "; ")
		}
		row := sheetRow{
			cells: []string{wordsFor(m.Name).label, tellValue(m, true), tellValue(m, false), change, verdictMark(m)},
			moods: map[int]style{4: verdictMood(m)},
		}
		row.below = metricNotes(list, i)
		t.rows = append(t.rows, row)
	}
	return t
}

// metricNotes are what is told below a metric: what a reader must know, and the price. What holds for several rows that
// follow each other is told once, below the last.
func metricNotes(list []*record.Metric, at int) []sheetNote {
	var out []sheetNote
	m, next := list[at], &record.Metric{}
	if at+1 < len(list) {
		next = list[at+1]
	}
	saysItself := m.Verdict == record.NoDifference && bounded(m) // never, or all that was asked, in both
	if why := spoken(m.Why); why != "" && why != spoken(next.Why) && !saysItself {
		out = append(out, sheetNote{text: why})
	}
	if price := clean(m.Price); price != "" && price != clean(next.Price) {
		n := 1
		for n <= at && clean(list[at-n].Price) == price {
			n++
		}
		label := "price"
		if n > 1 {
			label = fmt.Sprintf("price of these %d", n)
		}
		out = append(out, sheetNote{label, price, yellow})
	}
	return out
}

// headOf is a variant's name as the head of a column.
func headOf(name string) string {
	const most = 16
	name = clean(name)
	if columns(name) <= most {
		return name
	}
	head, _ := cut(name, most-2)
	return head + ".."
}

// notApplied tells what a recipe asked for and could not be had, once for both sides.
func notApplied(s *screen, c *record.Comparison) {
	label := "not applied"
	for _, one := range settingsOf(c) {
		if why := one.lacking(); why != "" {
			s.styledRow(yellow, label, words(one.key()+one.where(c)+": "+why)...)
			label = ""
		}
	}
}

// lineTable shows what each line of the recipe does, on either side.
func lineTable(s *screen, c *record.Comparison) {
	lines := recipeLines(c)
	if len(lines) == 0 {
		if c.Plan.ByLine {
			s.para(plain, "Line by line: no line has a verdict yet.")
		}
		return
	}
	t := &sheet{cols: []sheetColumn{{head: "line", least: 20}}}
	shown := sidesOf(lines)
	for _, side := range shown {
		head := side
		if side == "both" {
			head = "both sides"
		}
		t.cols = append(t.cols, sheetColumn{head: head, least: 12})
	}
	t.cols = append(t.cols, sheetColumn{head: "why", least: 24, fold: 1})
	for _, l := range lines {
		row := sheetRow{cells: []string{shortKey(c, l.key) + " = " + l.value}, moods: map[int]style{}}
		for i, side := range shown {
			text := ""
			if one := l.at[side]; one != nil {
				text, row.moods[i+1] = lineVerdictWords(one), lineMood(one)
			}
			row.cells = append(row.cells, text)
		}
		row.cells = append(row.cells, l.shortWhy())
		for _, price := range l.prices() {
			row.below = append(row.below, sheetNote{"price", price, yellow})
		}
		t.rows = append(t.rows, row)
	}
	t.draw(s)
}

func enough(s *screen, c *record.Comparison) {
	if text := enoughWords(c); text != "" {
		s.para(plain, text)
	}
}

func comparisonWarnings(s *screen, c *record.Comparison) {
	for i := range c.Warnings {
		s.note(noteOf(&c.Warnings[i], spoiledWords(&c.Warnings[i])))
	}
}

// settingTable shows what became of each setting that was asked for.
func settingTable(s *screen, c *record.Comparison) {
	list := settingsOf(c)
	if len(list) == 0 {
		return
	}
	t := &sheet{cols: []sheetColumn{
		{head: "variant", least: 8, fold: 2, said: "in "},
		{head: "setting", least: 16},
		{head: "side", least: 6},
		{head: "default", least: 7, fold: 1, said: "default "},
		{head: "before", least: 9, fold: 4, said: "before "},
		{head: "asked", least: 7},
		{head: "read back", least: 9},
		{head: "outcome", least: 8, fold: 3},
	}}
	for _, one := range list {
		t.rows = append(t.rows, sheetRow{
			cells: []string{
				clean(one.Variant), shortKey(c, one.key()), one.side, one.value(one.Default), one.value(one.Before),
				clean(one.Asked), one.value(one.Value), one.outcome(),
			},
			moods: map[int]style{7: one.mood()},
		})
	}
	const variant, byDefault, before = 0, 3, 4
	if !slices.ContainsFunc(t.rows, func(r sheetRow) bool { return r.cells[byDefault] != r.cells[before] }) {
		t.cols[before].head = "before (default)"
		t.without(byDefault)
	}
	if len(toldVariants(c)) == 1 {
		t.without(variant)
	}
	t.draw(s)
}

// lostTrials tells which trials have no figures, and why.
func lostTrials(s *screen, c *record.Comparison) {
	label := "failed"
	for _, text := range failedTrials(c) {
		s.styledRow(yellow, label, words(text)...)
		label = ""
	}
}
