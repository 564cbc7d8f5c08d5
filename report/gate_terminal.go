package report

import (
	"bytes"
	"slices"
	"strings"

	"twomsl/internal/record"
)

func init() { registerGate("terminal", writeGateTerminal) }

// writeGateTerminal draws the screen of `twomsl gate`: the verdict with its reason, the budgets, what they rest on, what
// to do next.
func writeGateTerminal(b *bytes.Buffer, g *record.Gate, opt Options) error {
	s := newScreen(b, opt)
	heading(s, gateName(g), strings.TrimSpace("gate "+gateAgainst(g)), gateRanOn(g)...)
	s.section()
	gateAnswer(s, g)
	s.section()
	if len(g.Budgets) > 0 {
		budgetSheet(g).draw(s)
	}
	s.section()
	gateEvidence(s, g)
	s.section()
	for i := range g.Warnings {
		s.note(noteOf(&g.Warnings[i], spoiledNames(&g.Warnings[i])))
	}
	s.section()
	gateRows(s, g)
	found(s, opt)
	if n := trialRecords(g); n > 0 && clean(opt.RecordPath) != "" {
		s.row("", words(counted(int64(n), "trial's record lies", "trials' records lie")+" beside it")...)
	}
	if text := nextWords(g); text != "" {
		s.row("next", words(text)...)
	}
	repeat(s, "repeat", g.Command)
	return nil
}

// gateRanOn says in short what was tested, and where.
func gateRanOn(g *record.Gate) []string {
	var on []string
	if g.Environment.Kernel != "" {
		on = append(on, kernel(&g.Environment))
	}
	on = append(on, gateEngines(g))
	if r := shortRevision(g.Revision); r != "" {
		on = append(on, r)
	}
	return on
}

func gateAnswer(s *screen, g *record.Gate) {
	text, quoted, mood := gateHeadline(g)
	s.para(mood, text)
	for _, l := range quoted {
		s.hang(plain, strings.Repeat(" ", 2*indent)+"| ", words(l)...)
	}
}

// budgetSheet is the table of budgets, each scenario's under its name.
func budgetSheet(g *record.Gate) *sheet {
	t := &sheet{cols: []sheetColumn{
		{head: "budget", least: 20},
		{head: "reference", right: true, least: 9},
		{head: "tested", right: true, least: 9},
		{head: "change", least: 24, fold: 1},
		{head: "verdict", least: 12},
	}}
	for _, name := range scenarioNames(g) {
		above := clean(name)
		for _, b := range budgetsOf(g, name) {
			row := budgetRow(g, b)
			row.above, above = above, ""
			t.rows = append(t.rows, row)
		}
	}
	for _, i := range []int{3, 1} { // change and reference, which only relative budgets have
		if !slices.ContainsFunc(t.rows, func(r sheetRow) bool { return r.cells[i] != "" }) {
			t.without(i)
		}
	}
	return t
}

func budgetRow(g *record.Gate, b *record.GateBudget) sheetRow {
	last := lastLook(b)
	mark, mood := budgetMark(b.Verdict)
	row := sheetRow{cells: []string{budgetName(b), "", "", "", mark}, moods: map[int]style{4: mood}}
	if len(looksOf(b)) > 0 {
		row.cells[1], row.cells[2] = lookValues(b, last)
		row.cells[3] = lookChange(b, last)
	}
	switch b.Verdict {
	case record.Regression:
		for _, l := range looksOf(b) {
			row.below = append(row.below, sheetNote{l.name, lookWords(g, b, l.GateLook), plain})
		}
	case record.Pass:
		if b.Again != nil { // suspected, and not confirmed
			row.below = append(row.below, sheetNote{"", budgetReason(b), plain})
		}
	case record.Inconclusive:
		row.below = append(row.below, sheetNote{"", budgetReason(b), plain})
	}
	return row
}

// budgetName is a budget as the plan has it.
func budgetName(b *record.GateBudget) string {
	if text := clean(b.Text); text != "" {
		return text
	}
	return strings.TrimSpace(clean(b.Metric) + " " + clean(b.Operator))
}

// spoiledNames are the metrics that a warning makes unusable, by the names that budgets use.
func spoiledNames(w *record.Warning) string {
	var out []string
	for _, name := range w.Spoils {
		out = append(out, clean(name))
	}
	return enumerate(out)
}

// gateEvidence is what the verdicts rest on.
func gateEvidence(s *screen, g *record.Gate) {
	label := "noise"
	for _, text := range noiseWords(g) {
		s.row(label, words(text)...)
		label = ""
	}
	if text := smallestWords(g); text != "" {
		s.row("would catch", words(text)...)
	}
	if is, differs := baselineWords(g); is != "" {
		s.row("baseline", words(is)...)
		if differs != "" {
			s.styledRow(yellow, "", words(differs)...)
		}
	}
}

// gateRows say how it was run.
func gateRows(s *screen, g *record.Gate) {
	for _, row := range [][2]string{{"trials", planWordsOf(g)}, {"other load", hostWords(g)}} {
		if row[1] != "" {
			s.row(row[0], words(row[1])...)
		}
	}
	if begun(g) {
		machine(s, &g.Environment)
	}
}
