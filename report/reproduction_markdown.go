package report

import (
	"bytes"
	"fmt"
	"strings"

	"twomsl/internal/record"
)

func init() {
	registerReproduction("markdown", writeReproductionMarkdown)
	registerReproduction("html", writeReproductionHTML)
}

// writeReproductionMarkdown writes the reproduction as a comment to an issue.
func writeReproductionMarkdown(b *bytes.Buffer, r *record.Reproduction, opt Options) error {
	opt = beside(r.ID, opt)
	fmt.Fprintf(b, "### Rebuilt: %s\n\n", escaped(joined(reproductionName(r), reproductionTitle(r))))
	text, _ := reproductionAnswer(r)
	fmt.Fprintf(b, "**%s**\n\n", escaped(text))
	head, rule := "| state | asked | standing |", "| --- | ---: | ---: |"
	if scaled(r) {
		head, rule = "| state | pasted | asked | standing |", "| --- | ---: | ---: | ---: |"
	}
	fmt.Fprintf(b, "%s over the hold | how it is held |\n%s --- | --- |\n", head, rule)
	for i := range r.States {
		one := &r.States[i]
		fmt.Fprintf(b, "| %s |", escaped(one.State.Netstat()))
		if scaled(r) {
			fmt.Fprintf(b, " %s |", count(one.Pasted))
		}
		verdict, over, mood := stateVerdict(one)
		if verdict = escaped(verdict); mood == red {
			verdict = "**" + verdict + "**"
		}
		if over != "" {
			verdict += ": " + over
		}
		fmt.Fprintf(b, " %s | %s | %s | %s |\n", askedWords(one), standingWords(one), verdict, escaped(stateHow(one)))
	}
	b.WriteByte('\n')
	for _, one := range reproductionTaken(r) {
		fmt.Fprintf(b, "- %s\n", escaped(strings.TrimPrefix(one.label+": "+one.text, ": ")))
	}
	if r.Looks > 0 {
		fmt.Fprintf(b, "- Held: %s, %s\n", escaped(heldWords(r)), escaped(counted(int64(r.Looks), "look", "looks")))
	}
	fmt.Fprintf(b, "- %s\n", escaped(joined(append(ranOn(r.Trial), clean(r.Trial.EngineWhy))...)))
	for i := range r.Trial.Warnings {
		n := noteOf(&r.Trial.Warnings[i], "")
		fmt.Fprintf(b, "- %s\n", escaped(strings.TrimSpace(n.text+" "+n.advice)))
	}
	lines := []string{"twomsl report " + clean(opt.RecordPath)}
	if command := clean(r.Command); command != "" {
		lines = append(lines, command)
	}
	fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.Join(lines, "\n"), "```", "'''"))
	return nil
}

func writeReproductionHTML(b *bytes.Buffer, r *record.Reproduction, opt Options) error {
	figures, err := pageFigures(trialFigures(r.Trial))
	if err != nil {
		return err
	}
	return reproductionPage(r, beside(r.ID, opt), figures).write(b)
}

// reproductionPage is the page of the trial with the reproduction's own answer, table and command.
func reproductionPage(r *record.Reproduction, opt Options, figures []pageFigure) *page {
	name := reproductionName(r)
	p := trialPage(r.Trial, opt, figures)
	p.Title, p.Kind, p.Name, p.About = joined(name, "rebuilt"), "twomsl · a table of states, rebuilt", name, reproductionTitle(r)
	p.Tool = joined(clean(r.Tool), clean(r.ID))
	text, mood := reproductionAnswer(r)
	p.Verdicts = []pageVerdict{newPageVerdict(text, mood)}
	if said := newWording().words(r.Trial, ending); len(said) > 0 && said[0].kind == aPara {
		p.Verdicts = append([]pageVerdict{newPageVerdict(strings.Join(said[0].chunks, " "), said[0].mood)}, p.Verdicts...)
	}
	for i := range p.Sections {
		switch p.Sections[i].ID {
		case "states":
			p.Sections[i] = reproducedSection(r)
		case "repeat":
			p.Sections[i].Codes = nil
			p.Sections[i].code("Run it again:", clean(r.Command))
			p.Sections[i].again(opt)
		}
	}
	return p
}

// reproducedSection is the table that the answer rests on, and what was decided beside it.
func reproducedSection(r *record.Reproduction) pageSection {
	s := pageSection{ID: "states", Title: "Asked for and standing"}
	heads := []string{"state", "#asked", "#standing", "over the hold", "how it is held"}
	if scaled(r) {
		heads = append(heads[:1], append([]string{"#pasted"}, heads[1:]...)...)
	}
	t := newPageTable("", heads...)
	for i := range r.States {
		one := &r.States[i]
		verdict, between, mood := stateVerdict(one)
		over := markCell(verdict, mood)
		if mood == plain {
			over = cell(verdict)
		}
		over.Small = between
		cells := []pageCell{cell(one.State.Netstat()), cell(askedWords(one)), cell(standingWords(one)), over, cell(stateHow(one))}
		if scaled(r) {
			cells = append(cells[:1], append([]pageCell{cell(count(one.Pasted))}, cells[1:]...)...)
		}
		t.row(cells...)
	}
	t.Cards = true // five columns and a sentence
	s.Tables = append(s.Tables, t)
	for _, one := range reproductionTaken(r) {
		if one.label != "" || len(s.Pairs) == 0 {
			s.Pairs = append(s.Pairs, pagePair{Name: one.label})
		}
		s.line(one.text, plain)
	}
	if r.Looks > 0 {
		s.pair("held", heldWords(r)+", "+counted(int64(r.Looks), "look", "looks"))
	}
	return s
}
