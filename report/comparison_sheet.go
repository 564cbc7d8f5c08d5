package report

import (
	"slices"
	"strings"
)

// sheet is a table whose cells are words that may wrap; columns that do not fit are told below their rows.
type sheet struct {
	cols []sheetColumn
	rows []sheetRow

	in     []int // the columns that stand in the table
	widths []int // of all columns; 0 for those that are told below
	gutter int
}

// sheetColumn is one column. The one with the lowest fold above 0 is the first to be told below where there is no room.
type sheetColumn struct {
	head  string
	right bool // figures stand to the right
	least int  // columns below which it is no longer read easily
	fold  int
	said  string // what its text begins with below a row
}

// sheetRow is a row, with what is told above it and below it.
type sheetRow struct {
	above string // begins a group of rows
	cells []string
	moods map[int]style // of cells, by column
	below []sheetNote
}

// sheetNote is text below a row.
type sheetNote struct {
	label, text string
	mood        style
}

// without takes a column away; moods stay with their cells.
func (t *sheet) without(i int) {
	t.cols = slices.Delete(t.cols, i, i+1)
	for n := range t.rows {
		row := &t.rows[n]
		row.cells = slices.Delete(row.cells, i, i+1)
		moods := map[int]style{}
		for at, mood := range row.moods {
			if at > i {
				at--
			}
			moods[at] = mood
		}
		row.moods = moods
	}
}

// draw sets the table out on lines that fit.
func (t *sheet) draw(s *screen) {
	t.fit(s.width)
	heads := t.heads()
	if strings.Join(heads, "") != "" {
		t.lines(s, heads, func(int) style { return faint })
	}
	for _, row := range t.rows {
		if row.above != "" {
			s.para(bold, row.above)
		}
		t.lines(s, row.cells, func(i int) style { return row.moods[i] })
		if text, mood := t.folded(row); text != "" {
			s.hang(mood, strings.Repeat(" ", 2*indent), words(text)...)
		}
		for _, n := range row.below {
			lead := strings.Repeat(" ", 2*indent)
			if n.label != "" {
				lead += n.label + strings.Repeat(" ", gutter)
			}
			s.hang(n.mood, lead, words(n.text)...)
		}
	}
}

// folded is what a row has in the columns that are not in the table.
func (t *sheet) folded(row sheetRow) (string, style) {
	var parts []string
	mood := plain
	for i, c := range t.cols {
		if t.widths[i] == 0 && row.cells[i] != "" {
			parts = append(parts, c.said+row.cells[i])
			if row.moods[i] != plain {
				mood = row.moods[i]
			}
		}
	}
	return strings.Join(parts, "; "), mood
}

// fit chooses the columns that stand in the table, what is between them, and their widths; 0 is a column that does not.
func (t *sheet) fit(width int) {
	folded := map[int]bool{}
	for {
		t.in, t.widths, t.gutter = nil, make([]int, len(t.cols)), gutter
		total, least := 0, 0
		for i := range t.cols {
			if !folded[i] {
				t.in = append(t.in, i)
				t.widths[i] = t.natural(i)
				total, least = total+t.widths[i], least+t.least(i)
			}
		}
		gaps := len(t.in) - 1
		room := width - indent
		if total+gaps*t.gutter > room {
			t.gutter = narrowGutter
		}
		next := t.nextFold(folded)
		if least+gaps*t.gutter <= room || next < 0 {
			t.shrink(total + gaps*t.gutter - room)
			return
		}
		folded[next] = true
	}
}

// natural is the width that a column takes unwrapped; at least one.
func (t *sheet) natural(i int) int {
	n := max(1, columns(t.cols[i].head))
	for _, row := range t.rows {
		n = max(n, columns(row.cells[i]))
	}
	return n
}

// least is the width at which a column is still read easily and none of its words is broken, unless it is very long.
func (t *sheet) least(i int) int {
	const long = 24
	n := 1
	for _, row := range append([]sheetRow{{cells: t.heads()}}, t.rows...) {
		for _, word := range words(row.cells[i]) {
			n = max(n, min(columns(word), long))
		}
	}
	return min(t.natural(i), max(n, t.cols[i].least))
}

func (t *sheet) heads() []string {
	heads := make([]string, len(t.cols))
	for i, c := range t.cols {
		heads[i] = c.head
	}
	return heads
}

func (t *sheet) nextFold(folded map[int]bool) int {
	next := -1
	for i, c := range t.cols {
		if c.fold > 0 && !folded[i] && (next < 0 || c.fold < t.cols[next].fold) {
			next = i
		}
	}
	return next
}

// shrink takes excess columns away: first from those that could stand below, then where there are most to spare. It keeps
// to the least where that is enough.
func (t *sheet) shrink(excess int) {
	spare := make([]int, len(t.widths))
	for _, i := range t.in {
		spare[i] = t.widths[i] - t.least(i)
	}
	for ; excess > 0; excess-- {
		most, folds := -1, false
		for _, i := range t.in {
			f := t.cols[i].fold > 0 && spare[i] > 0
			if t.widths[i] > 1 && (most < 0 || f && !folds || f == folds && spare[i] > spare[most]) {
				most, folds = i, f
			}
		}
		if most < 0 {
			return
		}
		t.widths[most]--
		spare[most]--
	}
}

// lines writes one row, whose cells may take several lines.
func (t *sheet) lines(s *screen, cells []string, mood func(int) style) {
	wrapped := make([][]string, len(cells))
	height := 1
	for _, i := range t.in {
		wrapped[i] = wrap(words(cells[i]), t.widths[i])
		height = max(height, len(wrapped[i]))
	}
	for n := range height {
		line, due := strings.Repeat(" ", indent), 0
		for _, i := range t.in {
			cell := ""
			if n < len(wrapped[i]) {
				cell = strings.Trim(wrapped[i][n], " "+nbsp)
			}
			spare := t.widths[i] - columns(cell)
			if t.cols[i].right {
				due, spare = due+spare, 0
			}
			if cell != "" {
				line += strings.Repeat(" ", due) + s.paint(mood(i), cell)
				due = 0
			}
			due += spare + t.gutter
		}
		s.line(line)
	}
}
