package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

func init() { registerMatrix("terminal", writeMatrixTerminal) }

// narrowGutter is between the columns of the matrix: it has many, and a line of 120 columns is to hold them.
const narrowGutter = 2

// mostHow is where a strategy's name is cut off in the table; the whole of it is then told below the row.
const mostHow = 24

const resultHead = "result"

// writeMatrixTerminal draws the screen of `twomsl bench matrix`: how many rows agree, the rows, what the columns mean.
func writeMatrixTerminal(b *bytes.Buffer, m *record.Matrix, opt Options) error {
	s := newScreen(b, opt)
	heading(s, "matrix", "ways to take connections down, declared and seen", kernel(&m.Environment),
		strings.Join(engines(m), ", "), strings.Join(families(m), ", "))
	s.section()
	matrixAnswer(s, m)
	s.section()
	g := newGrid(m, s.width)
	for i, one := range groups(m) {
		g.group(s, one, i)
		s.section()
	}
	g.reasons(s, m)
	s.section()
	g.legend(s)
	s.section()
	matrixWarnings(s, m)
	s.section()
	machine(s, &m.Environment)
	found(s, opt)
	matrixRepeat(s, m)
	return nil
}

func matrixAnswer(s *screen, m *record.Matrix) {
	switch m.Status {
	case record.Interrupted:
		s.para(yellow, fmt.Sprintf("Interrupted: %s of %s were run.", count(int64(len(m.Rows))),
			counted(int64(m.Asked), "row", "rows")))
	case record.Failed:
		if tallied(m).failed == 0 {
			s.para(yellow, "The matrix failed before it was whole.")
		}
	}
	text, mood := verdict(m)
	s.para(mood, text)
	s.para(plain, ran(m))
}

// grid is the table: the columns that fit, and those that are told in a line below each row.
type grid struct {
	in, below []*matrixColumn
	widths    map[*matrixColumn]int
	marks     int // columns of the last one, the row's mark
	notes     *footnotes
	since     int // rows since the heads were shown
	wants     int // columns that all figures would take
}

func newGrid(m *record.Matrix, width int) *grid {
	g := &grid{notes: &footnotes{}, widths: map[*matrixColumn]int{}, marks: columns(resultHead)}
	g.in = []*matrixColumn{columnSide, columnHow}
	if least, most, _ := opened(m); least != most {
		g.in = append(g.in, columnOpened)
	}
	g.in = append(g.in, columnClient, columnServer, columnStanding, columnResets, columnLost, columnReused, columnPorts,
		columnCPU)
	for _, c := range g.in {
		g.widths[c] = widest(m, c)
	}
	g.widths[columnHow] = min(g.widths[columnHow], mostHow)
	g.widths[columnSide] = min(g.widths[columnSide], len(client))
	for i := range m.Rows {
		mark, _ := g.notes.result(&m.Rows[i])
		g.marks = max(g.marks, columns(mark))
	}
	// What gives way first is told best in words.
	for _, c := range []*matrixColumn{
		columnStanding, columnCPU, columnPorts, columnReused, columnLost, columnResets, columnOpened, columnServer,
		columnClient,
	} {
		if c.words == nil && g.wants == 0 {
			g.wants = g.total()
		}
		if g.total() <= width {
			break
		}
		g.drop(c)
	}
	return g
}

// widest is what a column needs; a cell of several chunks may be set in several lines.
func widest(m *record.Matrix, c *matrixColumn) int {
	n := max(columns(c.heads[0]), columns(c.heads[1]))
	if c == columnClient {
		n = columns(c.heads[1]) // TIME_WAIT stands over both sides
	}
	for i := range m.Rows {
		for _, chunk := range c.of(&m.Rows[i]) {
			n = max(n, columns(chunk))
		}
	}
	return n
}

func (g *grid) total() int {
	n := indent + g.marks
	for _, c := range g.in {
		n += g.widths[c] + narrowGutter
	}
	return n
}

func (g *grid) drop(c *matrixColumn) {
	for i, one := range g.in {
		if one == c {
			g.in = append(g.in[:i:i], g.in[i+1:]...)
			g.below = append([]*matrixColumn{c}, g.below...)
			return
		}
	}
}

// group draws the rows that belong together under their title. The heads are shown again once they are out of sight.
func (g *grid) group(s *screen, one matrixGroup, n int) {
	for i, l := range wrap(words(one.title), s.width-indent) {
		s.line(strings.Repeat(" ", indent+min(i, 1)*indent) + s.paint(bold, l))
	}
	const sight = 24
	if n == 0 || g.since > sight {
		g.heads(s)
		g.since = 0
	}
	for _, r := range one.rows {
		g.since++
		g.row(s, r)
	}
}

func (g *grid) heads(s *screen) {
	for i := range 2 {
		cells := map[*matrixColumn]string{}
		for _, c := range g.in {
			cells[c] = c.heads[i]
		}
		line := g.line(cells)
		if i == 1 {
			line += strings.Repeat(" ", narrowGutter) + resultHead
		}
		s.line(s.paint(faint, strings.TrimRight(line, " ")))
	}
}

// line sets cells out, without the mark. A head that is wider than its column reaches into the next, which has none.
func (g *grid) line(cells map[*matrixColumn]string) string {
	line := ""
	at := indent
	for i, c := range g.in {
		if i > 0 {
			at += narrowGutter
		}
		cell := cells[c]
		pad := strings.Repeat(" ", max(0, at-columns(line)))
		if !c.left {
			pad = strings.Repeat(" ", max(0, at+g.widths[c]-columns(cell)-columns(line)))
		}
		if cell != "" {
			line += pad + cell
		}
		at += g.widths[c]
	}
	return line + strings.Repeat(" ", max(0, at-columns(line)))
}

// row draws one trial: its figures, what did not fit, and by what it is contradicted.
func (g *grid) row(s *screen, r *record.MatrixRow) {
	mark, mood := g.notes.result(r)
	first, rest := map[*matrixColumn]string{}, []string(nil)
	for _, c := range g.in {
		lines := wrap(c.of(r), g.widths[c])
		if len(lines) == 0 {
			continue
		}
		first[c] = lines[0]
		if c == columnStanding {
			rest = lines[1:]
		}
	}
	s.line(g.line(first) + strings.Repeat(" ", narrowGutter) + s.paint(mood, mark))
	for _, l := range rest {
		s.line(g.line(map[*matrixColumn]string{columnStanding: l}))
	}
	at := strings.Repeat(" ", indent+g.widths[columnSide]+narrowGutter)
	if below := g.belowRow(r); len(below) > 0 {
		s.hang(plain, at, below...)
	}
	for _, c := range r.Contradictions {
		s.hang(red, at+"! ", words(sentence(clean(c)))...)
	}
}

// belowRow is the line below a row: the columns that did not fit, then what else there is to say.
func (g *grid) belowRow(r *record.MatrixRow) []string {
	var parts []string
	if how := clean(r.How); columns(how) > g.widths[columnHow] {
		parts = append(parts, "how: "+how)
	}
	for _, c := range g.below {
		if bare(r) || c.words == nil {
			continue
		}
		if text := c.words(strings.Join(c.of(r), ", ")); text != "" {
			parts = append(parts, text)
		}
	}
	parts = append(parts, remarks(r)...)
	for i := range parts {
		if i > 0 {
			parts[i] = "· " + parts[i]
		}
	}
	return parts
}

// reasons tells below the table what its numbers and its gaps stand for.
func (g *grid) reasons(s *screen, m *record.Matrix) {
	for i, why := range *g.notes {
		s.hang(plain, fmt.Sprintf("  (%d) ", i+1), words(why)...)
	}
	for _, why := range gapReasons(m, g.told()) {
		s.hang(plain, "  -   ", words("not measured: "+why)...)
	}
}

// told are the columns of which this width tells, in the table or below its rows.
func (g *grid) told() []*matrixColumn {
	out := slices.Clone(g.in)
	for _, c := range g.below {
		if c.words != nil {
			out = append(out, c)
		}
	}
	return out
}

func (g *grid) leftOut() []string {
	var out []string
	for _, c := range g.below {
		if c.words == nil {
			out = append(out, c.name)
		}
	}
	return out
}

const whatOkMeans = "the kernel showed what that way to close declares; CONTRADICTED: it showed something else, " +
	"told below the row"

// legend says what the columns mean, in the order of the table.
func (g *grid) legend(s *screen) {
	for _, c := range g.told() {
		if c.means != "" {
			s.row(c.name, words(c.means)...)
		}
	}
	s.row("ok", words(whatOkMeans)...)
	if out := g.leftOut(); len(out) > 0 {
		s.row("left out", words(fmt.Sprintf("%s, for want of room: %d columns show them", enumerate(out), g.wants))...)
	}
}

func matrixWarnings(s *screen, m *record.Matrix) {
	if text := otherEngines(engines(m)); text != "" {
		s.hang(yellow, "  ! ", words(text)...)
	}
	for _, w := range rowWarnings(m) {
		text := clean(w.Text)
		if text == "" {
			text = clean(w.Code)
		}
		first, st := "  ! ", yellow
		if isInfo(&w.Warning) {
			first, st = "  i ", plain
		}
		s.hang(st, first, words(sentence(w.in()+text))...)
		if len(w.Spoils) > 0 {
			s.hang(plain, "    ", words("Not to be relied on: "+clean(strings.Join(w.Spoils, ", "))+".")...)
		}
		if advice := sentence(clean(w.Advice)); advice != "" {
			s.hang(plain, "    ", words(advice)...)
		}
	}
}

// matrixRepeat says how to have one row again, and all of them.
func matrixRepeat(s *screen, m *record.Matrix) {
	if r := exampleRow(m); r != nil {
		repeat(s, "one row", r.Command)
		s.row("", words("every row's own command, and the ID of its record, stand in the record under rows")...)
	}
	repeat(s, "repeat", m.Command)
}
