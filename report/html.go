package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"strings"

	"twomsl/internal/record"
)

func init() {
	register("html", writeTrialHTML)
	registerComparison("html", writeComparisonHTML)
}

// The page is one file: styles and pictures are in it, and there is no script.
var (
	//go:embed html.css
	pageStyle string
	//go:embed html.tmpl
	pageLayout string

	pageTemplate = template.Must(template.New("page").Parse(pageLayout))
)

// page is what the template lays out. All of it is text; nothing in a record becomes markup.
type page struct {
	Style    template.CSS
	Title    string
	Kind     string // what the page is a report of
	Name     string
	About    string
	Facts    []string
	Verdicts []pageVerdict
	Sections []pageSection
	Tool     string
}

// pageVerdict is what stands at the top: a sentence, what is to be added, and the mood that its edge is painted in.
type pageVerdict struct{ Lead, Rest, Mood string }

func newPageVerdict(text string, mood style) pageVerdict {
	lead, rest, more := strings.Cut(text, ". ")
	if more {
		lead += "."
	}
	return pageVerdict{lead, rest, pageMood(mood)}
}

// pageSection is a heading with what stands under it, in this order.
type pageSection struct {
	ID, Title string
	Intro     []string
	Tables    []pageTable
	Figures   []pageFigure
	Notes     []pageNote
	Pairs     []pagePair
	Codes     []pageCode
	Folded    []pageFold
}

// empty tells a section that has nothing to show.
func (s *pageSection) empty() bool {
	return len(s.Intro)+len(s.Tables)+len(s.Figures)+len(s.Notes)+len(s.Pairs)+len(s.Codes)+len(s.Folded) == 0
}

// pageTable is a table in a box of its own, in which it scrolls where it is wider than the page.
type pageTable struct {
	Caption string
	Heads   []pageHead
	Rows    [][]pageCell
	Slim    bool // few figures, which stand beside their names however wide the page
	Cards   bool // on a phone each row becomes a card, for the tables that must be read at once
}

// pageHead is the head of a column; Figures tells that figures stand under it.
type pageHead struct {
	Text    string
	Figures bool
}

// pageCell is one cell. Its mood makes a mark of its text; small stands below it.
type pageCell struct {
	Text, Small, Mood, Head string
	Figures, Code, First    bool
}

// pageNote is a warning or a remark.
type pageNote struct{ Mood, Text, Spoils, Advice string }

func newPageNote(n noted) pageNote {
	return pageNote{Mood: pageMood(n.mood), Text: n.text, Spoils: n.spoils, Advice: n.advice}
}

// pagePair is a name with what it stands for: a text, or lines.
type pagePair struct {
	Name, Text string
	Lines      []pageLine
}

// pageLine is a line in a mood.
type pageLine struct{ Text, Mood string }

// pageCode is something to type or to copy.
type pageCode struct{ Label, Text string }

// pageFold is what a reader opens who wants it all. On paper it is left out, or open where it belongs there.
type pageFold struct {
	Summary string
	Tables  []pageTable
	Code    string
	Print   bool
}

// newPageFold folds a table away under its caption.
func newPageFold(t pageTable) pageFold {
	f := pageFold{Summary: t.Caption}
	t.Caption = ""
	f.Tables = []pageTable{t}
	return f
}

// newPageTable starts a table; a head that begins with # has figures under it.
func newPageTable(caption string, heads ...string) pageTable {
	t := pageTable{Caption: caption}
	for _, h := range heads {
		head := pageHead{Text: h}
		if len(h) > 0 && h[0] == '#' {
			head = pageHead{Text: h[1:], Figures: true}
		}
		t.Heads = append(t.Heads, head)
	}
	return t
}

// row adds a row, whose first cell is its name.
func (t *pageTable) row(cells ...pageCell) {
	for i := range cells {
		if i < len(t.Heads) {
			cells[i].Head, cells[i].Figures = t.Heads[i].Text, t.Heads[i].Figures
		}
		cells[i].First = i == 0
	}
	t.Rows = append(t.Rows, cells)
}

// cell is plain text in a table.
func cell(text string) pageCell { return pageCell{Text: text} }

// codeCell is a name that the machine knows.
func codeCell(text string) pageCell { return pageCell{Text: text, Code: true} }

// markCell is a verdict.
func markCell(text string, mood style) pageCell { return pageCell{Text: text, Mood: pageMood(mood)} }

// pageMood names the class that a mood is painted by.
func pageMood(s style) string {
	switch s {
	case green:
		return "good"
	case yellow:
		return "mind"
	case red:
		return "bad"
	}
	return "calm"
}

// add appends a section that has something to show.
func (p *page) add(s *pageSection) {
	if !s.empty() {
		p.Sections = append(p.Sections, *s)
	}
}

func (p *page) write(b *bytes.Buffer) error {
	p.Style = template.CSS(pageStyle)
	return pageTemplate.Execute(b, p)
}

func writeTrialHTML(b *bytes.Buffer, t *record.Trial, opt Options) error {
	figures, err := pageFigures(trialFigures(t))
	if err != nil {
		return err
	}
	return trialPage(t, beside(t.ID, opt), figures).write(b)
}

func writeComparisonHTML(b *bytes.Buffer, c *record.Comparison, opt Options) error {
	opt = beside(c.ID, opt)
	figures, err := pageFigures(figuresOf(c))
	if err != nil {
		return err
	}
	return comparisonPage(c, opt, figures).write(b)
}
