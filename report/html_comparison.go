package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// comparisonPage is the page of a comparison: the answer, the evidence, how to repeat it.
func comparisonPage(c *record.Comparison, opt Options, figures []pageFigure) *page {
	p := &page{
		Title: joined(clean(c.Scenario.Name), "before and after"), Kind: "twomsl · before and after",
		Name: clean(c.Scenario.Name), About: clean(c.Scenario.Title), Facts: pageFacts(c), Tool: joined(clean(c.Tool), clean(c.ID)),
	}
	if text := endingWords(c); text != "" {
		p.Verdicts = append(p.Verdicts, newPageVerdict(text, yellow))
	}
	for _, h := range headlines(c) {
		p.Verdicts = append(p.Verdicts, newPageVerdict(h.text, h.mood))
	}
	p.add(changedSection(c))
	p.add(&pageSection{ID: "charts", Title: "Charts", Intro: chartIntro(c, len(figures)), Figures: figures})
	p.add(linesSection(c))
	p.add(warningsSection(c))
	p.add(metricsSection(c))
	p.add(settingsSection(c))
	p.add(trialsSection(c))
	p.add(environmentSection(c))
	p.add(repeatSection(c, opt))
	return p
}

// pageFacts are what a reader must know to place the verdict: what was compared, how often, where.
func pageFacts(c *record.Comparison) []string {
	var out []string
	for _, v := range append(firstVariant(c), toldVariants(c)...) {
		out = append(out, variantWords(v))
	}
	out = append(out, trialWords(c))
	if k := kernel(&c.Environment); k != "" && c.Plan.Interleaved { // else it may be two
		out = append(out, k)
	}
	return out
}

// changedSection is the table that the verdict rests on.
func changedSection(c *record.Comparison) *pageSection {
	s := &pageSection{ID: "changed", Title: "What changed"}
	told := toldVariants(c)
	for _, v := range told {
		t := newPageTable("", "metric", "#"+firstName(c), "#"+clean(v.Name), "change", "verdict", "price")
		if len(told) > 1 {
			t.Caption = clean(v.Name) + " against " + firstName(c)
		}
		t.Cards = true
		shown := divide(metricsOf(c, v.Name)).shown
		for i, m := range shown {
			price := clean(m.Price)
			if price != "" && knownAbove(shown, i) {
				price = "as above"
			}
			t.row(cell(wordsFor(m.Name).label), cell(tellValue(m, true)), cell(tellValue(m, false)), cell(tellChange(m)),
				verdictCell(m), cell(price))
		}
		if len(t.Rows) > 0 {
			s.Tables = append(s.Tables, t)
		}
	}
	for _, one := range settingsOf(c) {
		if why := one.lacking(); why != "" {
			s.Notes = append(s.Notes, pageNote{Mood: "mind", Text: sentence("Not applied: " + one.key() + one.where(c) + ": " + why)})
		}
	}
	if n := len(c.Warnings); n > 0 {
		s.Notes = append(s.Notes, pageNote{Mood: "mind", Text: counted(int64(n), "warning", "warnings") + " below: read before you pass this on."})
	}
	return s
}

func verdictCell(m *record.Metric) pageCell {
	out := markCell(verdictMark(m), verdictMood(m))
	if m.Verdict == record.NoDifference && m.WouldHaveSeen != nil {
		out.Small = wouldHaveSeen(m)
	} else {
		out.Small = clean(m.Why)
	}
	return out
}

func firstName(c *record.Comparison) string {
	if len(c.Variants) == 0 {
		return "before"
	}
	return clean(c.Variants[0].Name)
}

func chartIntro(c *record.Comparison, figures int) []string {
	if figures == 0 {
		return nil
	}
	var ids []string
	for _, v := range coursesOf(c) {
		if id := clean(v.Trial); id != "" {
			ids = append(ids, v.name+": "+id)
		}
	}
	out := []string{"Over time, each variant's first counted trial is drawn; the latencies are those of all its counted trials."}
	if c.Plan.ByLine {
		out[0] += " Drawn are before and all lines together."
	}
	if len(ids) > 0 {
		out[0] += " The trials: " + strings.Join(ids, ", ") + "."
	}
	return out
}

// metricsSection has every figure, also those of the variants that go line by line.
func metricsSection(c *record.Comparison) *pageSection {
	s := &pageSection{ID: "metrics", Title: "All metrics"}
	told := toldVariants(c)
	for _, v := range told {
		if t := metricsTable(c, v); len(t.Rows) > 0 {
			s.Tables = append(s.Tables, t)
		}
	}
	for i := range c.Variants {
		v := &c.Variants[i]
		if slices.Contains(told, v) {
			continue
		}
		if t := metricsTable(c, v); len(t.Rows) > 0 {
			s.Folded = append(s.Folded, newPageFold(t))
		}
	}
	return s
}

func metricsTable(c *record.Comparison, v *record.Variant) pageTable {
	name := clean(v.Name)
	t := newPageTable(name+" against "+firstName(c), "metric", "#"+firstName(c), "#"+name, "change", "verdict", "price")
	for _, m := range metricsOf(c, v.Name) {
		label := cell(wordsFor(m.Name).label)
		label.Small = clean(m.Name)
		if m.Primary {
			label.Small += " · decides"
		}
		before, after := cell(tellValue(m, true)), cell(tellValue(m, false))
		before.Small, after.Small = eachTrial(m, &m.Details.Before), eachTrial(m, &m.Details.After)
		verdict := verdictCell(m)
		if !measured(m) {
			verdict = markCell("not measured", plain)
			verdict.Small = unmeasuredWhy(m)
		}
		t.row(label, before, after, cell(tellChange(m)), verdict, cell(clean(m.Price)))
	}
	return t
}

// eachTrial lists the values of the trials, where they differ.
func eachTrial(m *record.Metric, v *record.Value) string {
	const most = 8
	differ := false
	var list []string
	for i, one := range v.Values {
		differ = differ || one != v.Values[0]
		if i < most {
			list = append(list, tellNumber(m.Unit, one))
		}
	}
	switch {
	case len(v.Values) == 0:
		return ""
	case !differ && len(v.Values) == 1:
		return "in 1 trial"
	case !differ:
		return "in all " + counted(int64(len(v.Values)), "trial", "trials")
	}
	if rest := len(v.Values) - most; rest > 0 {
		list = append(list, "and "+count(int64(rest))+" more")
	}
	return strings.Join(list, " · ")
}

func warningsSection(c *record.Comparison) *pageSection {
	s := &pageSection{ID: "warnings", Title: "Warnings"}
	for i := range c.Warnings {
		s.Notes = append(s.Notes, newPageNote(noteOf(&c.Warnings[i], spoiledWords(&c.Warnings[i]))))
	}
	return s
}

func trialsSection(c *record.Comparison) *pageSection {
	s := &pageSection{ID: "trials", Title: "Trials"}
	t := newPageTable("", "round", "variant", "record", "counted")
	for i := range c.Trials {
		r := &c.Trials[i]
		text := cell("yes")
		switch {
		case clean(r.Failure) != "":
			text = markCell("no", yellow)
			text.Small = clean(r.Failure)
		case r.WarmUp:
			text = cell("no: warm-up")
		case !r.Counted:
			text = cell("no")
		}
		round := cell(count(int64(r.Round) + 1))
		if r.WarmUp {
			round = cell("")
		}
		t.row(round, cell(clean(r.Variant)), codeCell(clean(r.ID)), text)
	}
	if len(t.Rows) > 0 {
		for _, text := range planWords(c) {
			s.Intro = append(s.Intro, sentence(text))
		}
		s.Tables = []pageTable{t}
	}
	return s
}

func environmentSection(c *record.Comparison) *pageSection {
	s := &pageSection{ID: "environment", Title: "Environment"}
	e := &c.Environment
	s.environment(e)
	s.pair("twomsl", clean(c.Tool))
	s.pair("engine", comparedEngines(c))
	s.pair("topology", joined(clean(c.Scenario.Topology), clean(c.Scenario.Family)))
	s.started(c.StartedAt)
	if c.Seconds > 0 {
		s.pair("took", seconds(c.Seconds))
	}
	s.pair("seed", fmt.Sprint(c.Plan.Seed))
	for _, field := range slices.Sorted(maps.Keys(e.Unmeasured)) {
		s.pair("not measured: "+plainName(clean(field)), clean(e.Unmeasured[field]))
	}
	return s
}

func repeatSection(c *record.Comparison, opt Options) *pageSection {
	s := &pageSection{ID: "repeat", Title: "Repeat it"}
	s.code("Run it again:", clean(c.Command))
	s.code("Run the trials that are missing:", resume(c, opt))
	s.again(opt)
	return s
}
