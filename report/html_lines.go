package report

import (
	"fmt"
	"strings"

	"twomsl/internal/record"
)

// linesSection tells what each line of a recipe does, on either side.
func linesSection(c *record.Comparison) *pageSection {
	s := &pageSection{ID: "lines", Title: "Line by line"}
	lines := recipeLines(c)
	if len(lines) == 0 {
		if c.Plan.ByLine {
			s.Intro = []string{"No line has a verdict yet."}
		}
		return s
	}
	shown := sidesOf(lines)
	heads := []string{"line"}
	for _, side := range shown {
		if side == "both" {
			side = "both sides"
		}
		heads = append(heads, side)
	}
	t := newPageTable("", append(heads, "why", "price")...)
	t.Cards = true
	for _, l := range lines {
		t.row(lineCells(l, shown)...)
	}
	s.Tables = append(s.Tables, t)
	if text := enoughWords(c); text != "" {
		s.Intro = append(s.Intro, text)
	}
	return s
}

func lineCells(l *recipeLine, shown []string) []pageCell {
	name := codeCell(l.key + " = " + l.value)
	cells := []pageCell{name}
	for _, side := range shown {
		one := l.at[side]
		if one == nil {
			cells = append(cells, cell(""))
			continue
		}
		cells = append(cells, markCell(lineVerdictWords(one), lineMood(one)))
		if file := clean(one.File); file != "" {
			cells[0].Small = fmt.Sprintf("%s:%d", file, one.LineNo)
		}
	}
	return append(cells, cell(sentence(l.why())), cell(strings.Join(l.prices(), "; ")))
}
