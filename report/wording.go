package report

import (
	"strings"

	"twomsl/internal/record"
)

// wording is what parts of a trial's report say, before anything is laid out: the terminal's screen and the page show the
// same words.
type wording struct {
	said []saying
	// told has the entries of Environment.Unmeasured that were told in the place of their figure.
	told map[string]bool
}

// saying is one thing that is said. Its kind tells which of the others it has.
type saying struct {
	kind   int
	mood   style
	label  string   // of rows and quotes
	chunks []string // of text; a chunk is better kept on one line
	table  *table
	note   noted
}

// The kinds of saying.
const (
	aPara  = iota // words of the answer
	aRow          // a label and what belongs to it; without a label it goes on with the row before
	aDoubt        // what speaks against the row before
	aQuote        // lines that somebody else has written
	aTable
	aNote
)

// noted is a warning or a remark.
type noted struct {
	mood                 style
	text, spoils, advice string
}

func newWording() *wording { return &wording{told: map[string]bool{}} }

// words has some parts say what they have to say of t.
func (w *wording) words(t *record.Trial, parts ...func(*wording, *record.Trial)) []saying {
	w.said = nil
	for _, part := range parts {
		part(w, t)
	}
	return w.said
}

func (w *wording) para(st style, text string) {
	w.said = append(w.said, saying{kind: aPara, mood: st, chunks: words(text)})
}

func (w *wording) row(label string, chunks ...string) { w.styledRow(plain, label, chunks...) }

func (w *wording) styledRow(st style, label string, chunks ...string) {
	w.said = append(w.said, saying{kind: aRow, mood: st, label: label, chunks: chunks})
}

func (w *wording) doubt(text string) {
	w.said = append(w.said, saying{kind: aDoubt, mood: red, chunks: words(text)})
}

func (w *wording) quote(label, text string) {
	var lines []string
	for l := range strings.Lines(text) {
		lines = append(lines, clean(l))
	}
	w.said = append(w.said, saying{kind: aQuote, label: label, chunks: lines})
}

func (w *wording) table(tb *table) {
	if len(tb.rows) > 0 {
		w.said = append(w.said, saying{kind: aTable, table: tb})
	}
}

func (w *wording) note(n noted) { w.said = append(w.said, saying{kind: aNote, note: n}) }

// lay sets out what was said in lines.
func (s *screen) lay(said []saying) {
	for _, one := range said {
		switch one.kind {
		case aPara:
			s.hang(one.mood, strings.Repeat(" ", indent), one.chunks...)
		case aRow:
			s.styledRow(one.mood, one.label, one.chunks...)
		case aDoubt:
			s.hang(one.mood, strings.Repeat(" ", indent+labels)+"! ", one.chunks...)
		case aQuote:
			s.para(plain, one.label)
			for _, l := range one.chunks {
				s.hang(plain, strings.Repeat(" ", 2*indent)+"| ", words(l)...)
			}
		case aTable:
			one.table.draw(s, labels-gutter)
		case aNote:
			s.note(one.note)
		}
	}
}

// note sets out a warning with what it spoils and what to do about it, or a remark.
func (s *screen) note(n noted) {
	mark := "  i "
	if n.mood != plain {
		mark = "  ! "
	}
	s.hang(n.mood, mark, words(n.text)...)
	if n.spoils != "" {
		s.hang(plain, "    ", words("Not to be relied on: "+n.spoils+".")...)
	}
	if n.advice != "" {
		s.hang(plain, "    ", words(n.advice)...)
	}
}

// noteOf makes a note of a warning; spoils names the figures that it spoils.
func noteOf(w *record.Warning, spoils string) noted {
	n := noted{text: sentence(clean(w.Text)), spoils: spoils, advice: sentence(clean(w.Advice))}
	if n.text == "" {
		n.text = sentence(clean(w.Code))
	}
	if !isInfo(w) {
		n.mood = yellow
	}
	return n
}
