package main

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// page lays out plain text for people, never wider than where it is read.
type page struct {
	w     io.Writer
	b     bytes.Buffer
	width int
	color bool
}

func newPage(w io.Writer) *page {
	o := look(w, "", "")
	return &page{w: w, width: min(o.Width, plainWidth), color: o.Color}
}

// Ways to set text where colour is on (ECMA-48 SGR).
const (
	boldText   = "\x1b[1m"
	faintText  = "\x1b[2m"
	yellowText = "\x1b[33m"
	greenText  = "\x1b[32m"
)

func (p *page) paint(style, text string) string {
	if !p.color || style == "" || text == "" {
		return text
	}
	return style + text + "\x1b[0m"
}

func (p *page) line(text string) {
	p.b.WriteString(strings.TrimRight(text, " "))
	p.b.WriteByte('\n')
}

func (p *page) title(text string) { p.line(p.paint(boldText, text)) }

func (p *page) para(text string) { p.hang("", "", text) }

// labelWidth is the column in which the texts of rows begin.
const labelWidth = 12

// row writes a label and its text; nothing where there is no text.
func (p *page) row(label, text string) {
	if text == "" {
		return
	}
	lead := "  " + p.paint(faintText, label) + strings.Repeat(" ", labelWidth-2-len(label))
	for i, l := range wrapped(text, p.width-labelWidth) {
		if i > 0 {
			lead = strings.Repeat(" ", labelWidth)
		}
		p.line(lead + l)
	}
}

// hang writes text under what came before, indented.
func (p *page) hang(style, indent, text string) {
	for _, l := range wrapped(text, p.width-len(indent)) {
		p.line(indent + p.paint(style, l))
	}
}

// end hands everything over in one write.
func (p *page) end() error {
	if _, err := p.w.Write(p.b.Bytes()); err != nil {
		return failed(err)
	}
	return nil
}

// wrapped breaks text between words into lines of at most width characters; a longer word is broken, too.
func wrapped(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		for line == "" && utf8.RuneCountInString(word) > width {
			head := string([]rune(word)[:width])
			lines, word = append(lines, head), word[len(head):]
		}
		switch n := utf8.RuneCountInString(line) + 1 + utf8.RuneCountInString(word); {
		case line == "":
			line = word
		case n <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), ""
			for utf8.RuneCountInString(word) > width {
				head := string([]rune(word)[:width])
				lines, word = append(lines, head), word[len(head):]
			}
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
