package report

import (
	"bytes"
	"strings"

	"twomsl/internal/record"
)

func init() { benchFormats["html"] = writeBenchHTML }

func writeBenchHTML(b *bytes.Buffer, r *record.Bench, opt Options) error {
	opt = beside(r.ID, opt)
	s := newBenchSheet(r)
	p := &page{
		Title: "bench " + clean(r.Kind), Kind: "twomsl · benchmark", Name: capital(clean(r.Title)), Tool: joined(clean(r.Tool), clean(r.ID)),
		About: "The same work, its variants in turn: medians over the rounds, with the least and the most.",
	}
	for _, fact := range append([]string{kernel(&r.Environment), strings.TrimSuffix(s.ran(), ".")}, s.engines()...) {
		if fact != "" {
			p.Facts = append(p.Facts, fact)
		}
	}
	if text, mood := s.ended(); text != "" {
		p.Verdicts = append(p.Verdicts, newPageVerdict(text, mood))
	}
	for _, one := range s.answers() {
		p.Verdicts = append(p.Verdicts, newPageVerdict(one.text, one.mood))
	}
	figures, err := pageFigures(s.curvePicture())
	if err != nil {
		return err
	}
	p.add(&pageSection{ID: "curve", Title: "While the range gets full", Figures: figures})
	p.add(s.figuresSection())
	p.add(s.heldSection())
	p.add(s.notesSection())
	p.add(s.commandsSection())
	e := &pageSection{ID: "environment", Title: "Environment"}
	e.environment(&r.Environment)
	e.started(r.StartedAt)
	p.add(e)
	again := &pageSection{ID: "repeat", Title: "Repeat it"}
	again.code("Run it again:", clean(r.Command))
	again.again(opt)
	p.add(again)
	return p.write(b)
}

// pageGrid is a table of the page, the first so many columns of it text.
func pageGrid(caption string, left int, heads []string, rows [][]string) pageTable {
	names := make([]string, len(heads))
	for i, h := range heads {
		if names[i] = h; i >= left {
			names[i] = "#" + h
		}
	}
	t := newPageTable(caption, names...)
	for _, row := range rows {
		cells := make([]pageCell, len(row))
		for i, text := range row {
			cells[i] = cell(text)
			// What stands in brackets is the spread: it goes below the median.
			if main, rest, ok := strings.Cut(text, " ("); ok && i >= left {
				cells[i] = pageCell{Text: main, Small: strings.TrimSuffix(rest, ")")}
			}
		}
		t.row(cells...)
	}
	return t
}

func (s *benchSheet) figuresSection() *pageSection {
	out := &pageSection{ID: "figures", Title: "Figures"}
	if text := s.fixedWords(); text != "" {
		out.Intro = append(out.Intro, text)
	}
	if heads, rows := s.wide(); len(rows) > 0 && len(heads) > 0 && !s.hasCurves() {
		t := pageGrid("", s.left(), heads, rows)
		t.Cards = true
		out.Tables = append(out.Tables, t)
	}
	out.Tables = append(out.Tables, s.curvePage()...)
	return out
}

func (s *benchSheet) heldSection() *pageSection {
	out := &pageSection{ID: "held", Title: "Held against each other"}
	held := s.held()
	t := newPageTable("", "row", "against", "metric", "#ratio", "#95 of 100", "#p", "verdict")
	t.Cards = true
	for i := range held {
		row := held[i].cells(s)
		cells := make([]pageCell, len(row))
		for k, text := range row {
			cells[k] = cell(text)
		}
		mark, mood := held[i].mark()
		last := markCell(mark, mood)
		last.Small = held[i].Why
		cells[len(cells)-1] = last
		t.row(cells...)
	}
	if len(t.Rows) > 0 {
		out.Tables = append(out.Tables, t)
	}
	return out
}

func (s *benchSheet) notesSection() *pageSection {
	out := &pageSection{ID: "notes", Title: "To know"}
	for i := range s.b.Rows {
		if text, mood := gone(&s.b.Rows[i]); text != "" {
			out.Notes = append(out.Notes, pageNote{Mood: pageMood(mood), Text: sentence(s.name(&s.b.Rows[i]) + ": " + text)})
		}
	}
	for _, n := range s.notes() {
		out.Notes = append(out.Notes, pageNote{Mood: pageMood(plain), Text: n})
	}
	for i := range s.b.Warnings {
		mood := yellow
		if isInfo(&s.b.Warnings[i]) {
			mood = plain
		}
		out.Notes = append(out.Notes, pageNote{Mood: pageMood(mood), Text: warningWords(&s.b.Warnings[i])})
	}
	return out
}

// commandsSection has what repeats each row alone, and its trials, folded away.
func (s *benchSheet) commandsSection() *pageSection {
	out := &pageSection{ID: "rows", Title: "Each row"}
	t := newPageTable("what repeats each row alone", "row", "command", "records")
	for i := range s.b.Rows {
		r := &s.b.Rows[i]
		var trials []string
		for _, id := range r.Trials {
			trials = append(trials, clean(id))
		}
		t.row(cell(s.name(r)), codeCell(clean(r.Command)), cell(strings.Join(trials, " ")))
	}
	if len(t.Rows) > 0 {
		out.Folded = append(out.Folded, newPageFold(t))
	}
	return out
}

// capital begins text as a heading.
func capital(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
