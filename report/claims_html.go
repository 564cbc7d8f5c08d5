package report

import (
	"bytes"
	"strings"

	"twomsl/internal/record"
)

func writeClaimsHTML(b *bytes.Buffer, c *record.Claims, opt Options) error {
	opt = beside(c.ID, opt)
	p := &page{
		Title: "claims", Kind: "twomsl · claims", Name: "What the guides say, put to this kernel", Tool: joined(clean(c.Tool), clean(c.ID)),
		About: "Each saying was tested in a private lab; the verdict follows from what was measured.",
	}
	if c.Recipe != "" {
		p.Title, p.Name = joined(clean(c.Recipe), "line by line"), clean(c.Recipe)+", line by line"
		p.About = "Each line was tested on either side in a private lab; the claim that shows it is named."
	}
	if k := kernel(&c.Environment); k != "" {
		p.Facts = append(p.Facts, k)
	}
	p.Facts = append(p.Facts, strings.TrimSuffix(claimsRan(c), "."))
	if text := claimsEnding(c); text != "" {
		p.Verdicts = append(p.Verdicts, newPageVerdict(text, yellow))
	}
	text, mood := claimsAnswer(c)
	p.Verdicts = append(p.Verdicts, newPageVerdict(text, mood))
	for _, s := range claimsSections(c) {
		p.add(s)
	}
	p.add(testsSection(c))
	e := &pageSection{ID: "environment", Title: "Environment"}
	e.environment(&c.Environment)
	e.pair("engine", claimedEngines(c))
	e.started(c.StartedAt)
	p.add(e)
	r := &pageSection{ID: "repeat", Title: "Repeat it"}
	r.code("Run it again:", clean(c.Command))
	r.again(opt)
	p.add(r)
	return p.write(b)
}

// claimsSections are what a page shows of claims, on its own or within another report.
func claimsSections(c *record.Claims) []*pageSection {
	var out []*pageSection
	if lines := claimedLinesSection(c); !lines.empty() {
		out = append(out, lines)
	}
	for i, g := range claimGroups(c) {
		id := "claims"
		if i > 0 {
			id = "causes"
		}
		s := &pageSection{ID: id, Title: "Claims: " + clean(g.source)}
		t := newPageTable("", "claim", "on this kernel", "measured", "why")
		t.Cards = true
		for _, one := range g.claims {
			t.row(claimCells(one)...)
		}
		s.Tables = append(s.Tables, t)
		out = append(out, s)
	}
	if short := shortenedWords(c); len(short) > 0 {
		s := &pageSection{ID: "shortened", Title: "Shortened in the lab"}
		for _, text := range short {
			s.Notes = append(s.Notes, pageNote{Mood: pageMood(plain), Text: sentence2(text)})
		}
		out = append(out, s)
	}
	return out
}

func claimCells(c *record.Claim) []pageCell {
	mark, mood := claimMark(c.Verdict)
	verdict := markCell(mark, mood)
	verdict.Small = clean(c.Condition)
	measured := cell(claimFigure(c.Figure, c.Unit))
	measured.Small = clean(strings.Join(c.Evidence, " "))
	why := cell(clean(c.Why))
	if c.Account != "" {
		why.Small = "V. Bernat's account " + sentence2(clean(c.Account))
	}
	claim := cell(clean(c.ID) + ". " + clean(c.Claim))
	if c.Scenario != "" {
		claim.Small = "see it: twomsl run " + clean(c.Scenario)
	}
	return []pageCell{claim, verdict, measured, why}
}

func claimedLinesSection(c *record.Claims) *pageSection {
	s := &pageSection{ID: "lines", Title: "Line by line"}
	t := newPageTable("", "line", "side", "verdict", "measured", "why")
	t.Cards = true
	for _, l := range claimedLines(c) {
		for _, one := range l.sides {
			mark, mood := claimedMark(one)
			verdict := markCell(mark, mood)
			if one.Claim != "" {
				verdict.Small = "claim " + clean(one.Claim)
			}
			why := cell(clean(one.Why))
			if one.Price != "" {
				why.Small = "price: " + clean(one.Price)
			}
			name := codeCell(l.words())
			name.Small = l.place
			side := one.Side
			if side == "both" {
				side = "both sides"
			}
			t.row(name, cell(side), verdict, cell(claimFigure(one.Figure, one.Unit)), why)
		}
	}
	if len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	return s
}

// testsSection has what was run, folded away.
func testsSection(c *record.Claims) *pageSection {
	s := &pageSection{ID: "tests", Title: "Tests"}
	t := newPageTable(counted(int64(len(c.Tests)), "test", "tests"), "name", "what", "#took", "came to")
	for i := range c.Tests {
		one := &c.Tests[i]
		came := cell("done")
		switch {
		case one.Failure != "":
			came = markCell("broke", red)
			came.Small = clean(one.Failure)
		case one.Cannot != "":
			came = markCell("not here", yellow)
			came.Small = clean(one.Cannot)
		}
		t.row(cell(clean(one.Name)), codeCell(tryText(one)), cell(seconds(one.Seconds)), came)
	}
	if len(t.Rows) > 0 {
		s.Folded = append(s.Folded, newPageFold(t))
	}
	return s
}

// tryText is the command that runs a test alone, or the assay's name with its arguments.
func tryText(t *record.Tried) string {
	if t.Command != "" {
		return clean(t.Command)
	}
	return clean(strings.Join(append([]string{"assay", t.Assay}, t.Arguments...), " "))
}
