package report

import (
	"bytes"
	"strings"
	"unicode"
)

// style is how a piece of text is set where colour is on. The escape sequences are written here and not taken from a
// library, because those that were looked at read NO_COLOR, TERM or the locale by themselves, and a report must not.
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	faint  style = "\x1b[2m"
	red    style = "\x1b[1;31m"
	green  style = "\x1b[1;32m"
	yellow style = "\x1b[33m"
)

// Where things stand on a line.
const (
	indent  = 2  // of everything but the headline
	labels  = 14 // the column of labels that rows begin with
	gutter  = 3  // between the columns of a table
	hanging = 24 // the least width worth filling beside a table
)

// screen lays text out in lines that are never wider than width.
type screen struct {
	b     *bytes.Buffer
	width int
	color bool
	gap   bool // an empty line is due before the next text
}

// section leaves one empty line before what follows, if anything follows.
func (s *screen) section() { s.gap = s.b.Len() > 0 }

// line writes one line; what it holds must fit.
func (s *screen) line(text string) {
	if s.gap {
		s.b.WriteByte('\n')
		s.gap = false
	}
	text = strings.TrimRight(text, " "+nbsp)
	s.b.WriteString(strings.ReplaceAll(text, nbsp, " "))
	s.b.WriteByte('\n')
}

func (s *screen) paint(st style, text string) string {
	if !s.color || st == plain || text == "" {
		return text
	}
	return string(st) + text + "\x1b[0m"
}

// hang writes first, then the chunks after it, wrapped; the lines after the first are indented to where the text began.
func (s *screen) hang(st style, first string, chunks ...string) {
	at := columns(first)
	for i, l := range wrap(chunks, s.width-at) {
		if i > 0 {
			first = strings.Repeat(" ", at)
		}
		s.line(first + s.paint(st, l))
	}
}

// para writes a paragraph of words.
func (s *screen) para(st style, text string) {
	s.hang(st, strings.Repeat(" ", indent), words(text)...)
}

// words splits at plain spaces alone, so that figures stay with their units.
func words(text string) []string { return strings.Split(text, " ") }

// row writes a label and what belongs to it. A chunk is kept on one line where it fits on one.
func (s *screen) row(label string, chunks ...string) {
	s.styledRow(plain, label, chunks...)
}

func (s *screen) styledRow(st style, label string, chunks ...string) {
	lead := strings.Repeat(" ", indent) + s.paint(faint, label) + strings.Repeat(" ", max(1, labels-columns(label)))
	at := max(indent+labels, indent+columns(label)+1)
	for i, l := range wrap(chunks, s.width-at) {
		if i > 0 {
			lead = strings.Repeat(" ", at)
		}
		s.line(lead + s.paint(st, l))
	}
}

// wrap joins chunks with spaces into lines of at most width columns, breaking between chunks, else between words, and
// only inside a word that is wider than a line. A dot that separates chunks does not begin a line.
func wrap(chunks []string, width int) []string {
	var lines []string
	current, room := "", 0
	put := func(piece string) {
		if current != "" && columns(piece) <= room-1 {
			current += " " + piece
			room -= columns(piece) + 1
			return
		}
		if current != "" {
			lines = append(lines, current)
			piece = strings.TrimPrefix(piece, "· ")
		}
		for columns(piece) > width {
			var head string
			head, piece = cut(piece, width)
			lines = append(lines, head)
		}
		current, room = piece, width-columns(piece)
	}
	for _, chunk := range chunks {
		if columns(chunk) <= width {
			put(chunk)
			continue
		}
		for _, word := range strings.Split(chunk, " ") {
			put(word)
		}
	}
	if current != "" {
		lines = append(lines, current)
	}
	return lines
}

// cut splits text so that its head takes at most width columns, and at least one rune.
func cut(text string, width int) (head, tail string) {
	taken := 0
	for i, r := range text {
		if taken += runeColumns(r); taken > width && i > 0 {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// columns is the width of text on a terminal.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

// wide are the scripts and signs that terminals give two columns.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x2e80, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1faff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1}},
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// clean makes text from a record safe to print: one line, no control or formatting characters, so that nothing in a
// record can steer the reader's terminal.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
