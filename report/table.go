package report

import (
	"strings"

	"twomsl/internal/record"
)

// table is rows of figures under the sides' names, each with a remark at the end.
type table struct {
	heads [][]string // lines of the head, cell by cell; the first cell is the label's
	rows  [][]string
	notes []string // one for each row, "" for none
}

// draw sets the table out: labels to the left, figures to the right, remarks wrapped beside them, or under their row
// where there is no room.
func (tb *table) draw(s *screen, least int) {
	widths := make([]int, len(tb.rows[0]))
	widths[0] = least
	for _, row := range append(append([][]string{}, tb.heads...), tb.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	for _, row := range tb.heads {
		s.line(s.paint(faint, strings.TrimRight(tb.line(row, widths), " "+nbsp)))
	}
	for i, row := range tb.rows {
		line := tb.line(row, widths)
		at := columns(line) + gutter
		switch {
		case tb.notes[i] == "":
			s.line(line)
		case s.width-at >= hanging || s.width-at >= columns(tb.notes[i]):
			s.hang(plain, line+strings.Repeat(" ", gutter), words(tb.notes[i])...)
		default:
			s.line(line)
			s.hang(plain, strings.Repeat(" ", 2*indent+2), words(tb.notes[i])...)
		}
	}
}

func (tb *table) line(row []string, widths []int) string {
	line := strings.Repeat(" ", indent) + row[0] + strings.Repeat(" ", widths[0]-columns(row[0]))
	for i, cell := range row[1:] {
		line += strings.Repeat(" ", gutter+widths[i+1]-columns(cell)) + cell
	}
	return line
}

// stateTable shows the sockets of both sides by state, in the order of a connection's life. Peaks have columns of
// their own only where some state ended lower than its peak.
func stateTable(w *wording, t *record.Trial) {
	if t.Relay != nil {
		relayTable(w, t)
		return
	}
	c, v := t.Sides.Client.States, t.Sides.Server.States
	apart := falls(c) || falls(v)
	tb := table{heads: [][]string{{"", client, server}}}
	if apart {
		tb.heads = [][]string{{"", client, "", server, ""}, {"", "peak", "end", "peak", "end"}}
	}
	add := func(label, note string, cell func(record.Counts) string) {
		row := []string{label, cell(c.End), cell(v.End)}
		if apart {
			row = []string{label, cell(c.Peak), cell(c.End), cell(v.Peak), cell(v.End)}
		}
		tb.rows, tb.notes = append(tb.rows, row), append(tb.notes, note)
	}
	folded := 0
	for _, state := range record.States {
		if c.Peak[state]+c.End[state]+v.Peak[state]+v.End[state] == 0 && state != record.TimeWait {
			folded++
			continue
		}
		note := ""
		if state == record.TimeWait {
			note = timeWaitNote(t)
		}
		add(state.Netstat(), note, func(n record.Counts) string { return cellOf(n, n[state]) })
	}
	if folded > 0 {
		add("others", "", func(n record.Counts) string { return cellOf(n, 0) })
	}
	w.table(&tb)
}

// falls tells whether some state stood higher than it ended, with both known.
func falls(s record.SideStates) bool {
	for _, state := range record.States {
		if s.Peak != nil && s.End != nil && s.Peak[state] > s.End[state] {
			return true
		}
	}
	return false
}

func cellOf(table record.Counts, n int64) string {
	if table == nil {
		return "not measured"
	}
	return count(n)
}

// timeWaitNote says when the goal was reached and what the TIME_WAIT of the side that holds them cost and how long
// they live.
func timeWaitNote(t *record.Trial) string {
	side := sideOf(t, holder(t))
	var notes []string
	if g := t.Scenario.Goal; g != nil && g.ReachedSeconds != nil {
		notes = append(notes, "reached after"+nbsp+seconds(*g.ReachedSeconds))
	}
	n := valueOr(peakTimeWait(side), 0)
	if n == 0 {
		return strings.Join(notes, "; ")
	}
	if each := side.TimeWait.BytesEach; each != nil {
		notes = append(notes, counted(*each, "byte", "bytes")+nbsp+"each, "+size(float64(*each)*float64(n)))
	}
	if life := side.TimeWait.LifetimeSeconds; life != nil {
		notes = append(notes, "lives"+nbsp+seconds(*life))
	}
	return strings.Join(notes, "; ")
}
