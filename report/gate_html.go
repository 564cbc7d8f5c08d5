package report

import (
	"bytes"
	"strings"

	"twomsl/internal/record"
)

func init() { registerGate("html", writeGateHTML) }

func writeGateHTML(b *bytes.Buffer, g *record.Gate, opt Options) error {
	opt = beside(g.ID, opt)
	text, quoted, mood := gateHeadline(g)
	p := &page{
		Title: joined("gate "+gateName(g), clean(g.Verdict)), Kind: "twomsl · gate", Name: gateName(g), About: capital(gateAgainst(g)),
		Verdicts: []pageVerdict{newPageVerdict(text, mood)}, Tool: joined(clean(g.Tool), clean(g.ID)),
	}
	for _, fact := range append(gateRanOn(g), planWordsOf(g)) {
		if fact != "" {
			p.Facts = append(p.Facts, fact)
		}
	}
	said := &pageSection{ID: "output", Title: "What was said"}
	said.code("", strings.Join(quoted, "\n"))
	p.add(said)
	p.add(budgetsSection(g))
	if err := gateCharts(p, g); err != nil {
		return err
	}
	p.add(looksSection(g))
	p.add(gateWarnings(g))
	p.add(noiseSection(g))
	p.add(baselineSection(g))
	p.add(gateScenarios(g))
	p.add(gateEnvironment(g))
	p.add(planSection(g))
	r := &pageSection{ID: "repeat", Title: "Repeat it"}
	r.code("Run it again:", clean(g.Command))
	if g.Status != record.Invalid { // of that no record is kept
		r.again(opt)
	}
	p.add(r)
	return p.write(b)
}

// budgetsSection is the table that the verdict rests on.
func budgetsSection(g *record.Gate) *pageSection {
	s := &pageSection{ID: "budgets", Title: "Budgets"}
	t := newPageTable("", "budget", "#reference", "#tested", "change", "verdict")
	t.Cards = true
	for _, name := range scenarioNames(g) {
		for _, b := range budgetsOf(g, name) {
			row := budgetRow(g, b)
			budget := cell(row.cells[0])
			budget.Small = clean(name)
			mark, mood := budgetMark(b.Verdict)
			verdict := markCell(mark, mood)
			switch {
			case b.Verdict == record.Regression:
				verdict.Small = budgetClause(b)
			case b.Verdict == record.Inconclusive, b.Verdict == record.Pass && b.Again != nil:
				verdict.Small = budgetReason(b)
			}
			change := cell(row.cells[3])
			if v := smallestChange(b); v != "" {
				change.Small = "would have caught " + v
			}
			t.row(budget, figureCell(row.cells[1]), figureCell(row.cells[2]), change, verdict)
		}
	}
	if len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	if text := nextWords(g); text != "" {
		s.Notes = append(s.Notes, pageNote{Mood: pageMood(plain), Text: text})
	}
	return s
}

// figureCell is a figure, or a gap where there is none.
func figureCell(text string) pageCell {
	if text == "" {
		text = gap
	}
	return cell(text)
}

// gateCharts adds the trials behind what is timed, and what came before.
func gateCharts(p *page, g *record.Gate) error {
	figures, err := pageFigures(budgetFigures(g))
	if err != nil {
		return err
	}
	p.add(&pageSection{ID: "trials-charts", Title: "Trial by trial", Figures: figures})
	list, still := historyFigures(g)
	if figures, err = pageFigures(list); err != nil {
		return err
	}
	p.add(&pageSection{ID: "history", Title: "Gates before this one", Figures: figures, Intro: still})
	return nil
}

// looksSection has the looks: those at what was looked at twice, and all of them folded away.
func looksSection(g *record.Gate) *pageSection {
	s := &pageSection{ID: "looks", Title: "Looks"}
	twice, all := looksTable("Looked at twice"), looksTable("Every look, with every trial")
	for _, name := range scenarioNames(g) {
		for _, b := range budgetsOf(g, name) {
			for _, l := range looksOf(b) {
				if b.Again != nil {
					twice.row(lookCells(g, b, l, false)...)
				}
				all.row(lookCells(g, b, l, true)...)
			}
		}
	}
	if len(twice.Rows) > 0 {
		s.Tables = append(s.Tables, twice)
	}
	if len(all.Rows) > 0 {
		s.Folded = append(s.Folded, newPageFold(all))
	}
	return s
}

func looksTable(caption string) pageTable {
	t := newPageTable(caption, "budget", "look", "#reference", "#tested", "change", "shows")
	t.Cards = true
	return t
}

func lookCells(g *record.Gate, b *record.GateBudget, l namedLook, each bool) []pageCell {
	m := lookMetric(b, l.GateLook)
	reference, tested := lookValues(b, l.GateLook)
	budget, look, before, after := cell(budgetName(b)), cell(strings.TrimSuffix(l.name, " look")), figureCell(reference), figureCell(tested)
	budget.Small, look.Small = clean(b.Scenario), lookTrials(b, l.GateLook)
	if each {
		before.Small, after.Small = eachTrial(m, &l.Reference), eachTrial(m, &l.Tested)
	}
	change := cell(lookChange(b, l.GateLook))
	change.Small = lookP(g, l.GateLook)
	mood := map[string]style{record.Holds: green, record.Broken: red, record.Unclear: yellow}[l.Verdict]
	shows := markCell(lookMark(l.GateLook), mood)
	shows.Small = lookWhy(l.GateLook)
	return []pageCell{budget, look, before, after, change, shows}
}

func gateWarnings(g *record.Gate) *pageSection {
	s := &pageSection{ID: "warnings", Title: "Warnings"}
	for i := range g.Warnings {
		s.Notes = append(s.Notes, newPageNote(noteOf(&g.Warnings[i], spoiledNames(&g.Warnings[i]))))
	}
	return s
}

// noiseSection is what this machine can tell at all.
func noiseSection(g *record.Gate) *pageSection {
	s := &pageSection{ID: "noise", Title: "What this machine can tell"}
	t := newPageTable("", "metric", "#between trials", "#tells apart", "#the plan asks for", "#trials of each that takes")
	for i := range g.Noise {
		n := &g.Noise[i]
		metric, needed := cell(clean(n.Metric)), cell(gap)
		metric.Small = clean(n.Scenario)
		asked, sees := gap, gap
		if n.Smallest > 0 {
			sees = rounded(n.Smallest)
		}
		if asks(n) {
			asked, needed.Text = limitPercent(n.Asked), count(int64(n.TrialsNeeded))
			if n.TrialsNeeded <= 0 {
				needed.Text = "beyond reason"
			}
		}
		t.row(metric, cell("±"+rounded(n.Spread)), cell(sees), cell(asked), needed)
	}
	if len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	s.pair("would catch", smallestWords(g))
	s.pair("other load", hostWords(g))
	return s
}

func baselineSection(g *record.Gate) *pageSection {
	s := &pageSection{ID: "baseline", Title: "Baseline"}
	is, differs := baselineWords(g)
	s.pair("baseline", is)
	if differs != "" {
		s.Notes = append(s.Notes, pageNote{Mood: pageMood(yellow), Text: differs})
	}
	return s
}

// gateScenarios has each scenario with its trials, folded away.
func gateScenarios(g *record.Gate) *pageSection {
	s := &pageSection{ID: "scenarios", Title: "Scenarios"}
	for i := range g.Scenarios {
		one := &g.Scenarios[i]
		of := &one.Scenario
		s.pair(clean(one.Name), joined(clean(of.Name), clean(of.Title), clean(of.Topology), clean(of.Family)))
		t := newPageTable(clean(one.Name)+": its trials", "look", "round", "variant", "record", "counted")
		for _, l := range []struct {
			name string
			*record.Comparison
		}{{"noise", one.Noise}, {"first", one.First}, {"second", one.Again}} {
			if l.Comparison != nil {
				trialRows(&t, l.name, l.Comparison)
			}
		}
		if len(t.Rows) > 0 {
			s.Folded = append(s.Folded, newPageFold(t))
		}
		if text := specText(one.Scenario.Spec); text != "" {
			s.Folded = append(s.Folded, pageFold{Summary: clean(one.Name) + ": the whole scenario", Code: text})
		}
	}
	return s
}

func trialRows(t *pageTable, look string, c *record.Comparison) {
	for i := range c.Trials {
		r := &c.Trials[i]
		counts := cell("yes")
		switch {
		case clean(r.Failure) != "":
			counts = markCell("no", yellow)
			counts.Small = clean(r.Failure)
		case r.WarmUp:
			counts = cell("no: warm-up")
		case !r.Counted:
			counts = cell("no")
		}
		t.row(cell(look), cell(count(int64(r.Round)+1)), cell(clean(r.Variant)), codeCell(clean(r.ID)), counts)
	}
}

func gateEnvironment(g *record.Gate) *pageSection {
	s := &pageSection{ID: "environment", Title: "Environment"}
	if !begun(g) {
		return s
	}
	s.environment(&g.Environment)
	s.pair("engine", gateEngines(g))
	s.pair("revision", clean(g.Revision))
	s.started(g.StartedAt)
	return s
}

func planSection(g *record.Gate) *pageSection {
	s := &pageSection{ID: "plan", Title: "The plan"}
	s.code(clean(g.Plan.File), cleanLines(g.Plan.Text))
	return s
}
