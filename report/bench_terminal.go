package report

import (
	"bytes"
	"strings"

	"twomsl/internal/record"
)

// writeBenchTerminal draws the screen of `twomsl bench KIND`: the answer, the table, what to know of it.
func writeBenchTerminal(b *bytes.Buffer, r *record.Bench, opt Options) error {
	s, sheet := newScreen(b, opt), newBenchSheet(r)
	heading(s, "bench "+clean(r.Kind), clean(r.Title), kernel(&r.Environment), strings.Join(sheet.engines(), ", "))
	s.section()
	if text, mood := sheet.ended(); text != "" {
		s.para(mood, text)
	}
	for _, one := range sheet.answers() {
		s.para(one.mood, one.text)
	}
	s.para(plain, strings.TrimSpace(sheet.ran()+" "+sheet.fixedWords()))
	s.section()
	benchTable(s, sheet)
	s.section()
	benchHeldTable(s, sheet)
	s.section()
	benchCurves(s, sheet)
	s.section()
	for _, n := range sheet.notes() {
		s.hang(plain, "  i ", words(n)...)
	}
	benchWarnings(s, r)
	s.section()
	machine(s, &r.Environment)
	found(s, opt)
	repeat(s, "repeat", r.Command)
	return nil
}

// benchTable draws a line for each row: what sets it apart, the first metric with its spread, and the other medians.
func benchTable(s *screen, sheet *benchSheet) {
	if sheet.hasCurves() {
		return // its metrics are places of the curves
	}
	heads, rows := sheet.table(sheet.told())
	if len(rows) == 0 {
		return
	}
	drawCells(s, sheet.left(), heads, rows, func(i int) (string, style) { return gone(&sheet.b.Rows[i]) })
}

// benchHeldTable draws what is held against each other.
func benchHeldTable(s *screen, sheet *benchSheet) {
	held := sheet.held()
	if len(held) == 0 {
		return
	}
	rows := make([][]string, len(held))
	for i := range held {
		rows[i] = held[i].cells(sheet)
	}
	drawCells(s, 3, heldHeads, rows, func(int) (string, style) { return "", plain })
}

// drawCells sets rows out, the first so many columns to the left, figures to the right; cells that do not fit stand below
// their row, and below them what remark says of it.
func drawCells(s *screen, left int, heads []string, rows [][]string, remark func(i int) (string, style)) {
	widths := make([]int, len(heads))
	for _, row := range append([][]string{heads}, rows...) {
		for i, c := range row {
			widths[i] = max(widths[i], columns(c))
		}
	}
	fits, total := len(heads), indent
	for i, w := range widths {
		if total += w; total > s.width && i > 0 {
			fits = i
			break
		}
		total += narrowGutter
	}
	draw := func(cells []string) string {
		line := strings.Repeat(" ", indent)
		for i, c := range cells[:fits] {
			pad := strings.Repeat(" ", max(0, widths[i]-columns(c)))
			if i < left {
				line += c + pad
			} else {
				line += pad + c
			}
			line += strings.Repeat(" ", narrowGutter)
		}
		line, _ = cut(strings.TrimRight(line, " "), s.width)
		return line
	}
	s.line(s.paint(faint, draw(heads)))
	for i, row := range rows {
		s.line(draw(row))
		var below []string
		for j := fits; j < len(row); j++ {
			if row[j] != "" && row[j] != gap {
				below = append(below, heads[j]+nbsp+row[j])
			}
		}
		if len(below) > 0 {
			s.hang(plain, strings.Repeat(" ", 3*indent), strings.Split(strings.Join(below, ", "), " ")...)
		}
		if text, mood := remark(i); text != "" {
			s.hang(mood, "    ! ", words(sentence(text))...)
		}
	}
}

func benchWarnings(s *screen, r *record.Bench) {
	for i := range r.Warnings {
		w := &r.Warnings[i]
		if isInfo(w) {
			s.hang(plain, "  i ", words(warningWords(w))...)
		} else {
			s.hang(yellow, "  ! ", words(warningWords(w))...)
		}
	}
}
