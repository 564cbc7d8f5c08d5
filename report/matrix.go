package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// gap stands in the place of a figure that is not there; why is told below the table.
const gap = "-"

// matrixGroup is the rows that were run alike but for who closes and how.
type matrixGroup struct {
	title string
	rows  []*record.MatrixRow
}

// groups sorts the rows by what else was set: sockets as they are first, then as they come. Family and engine are part
// of a group's name where the matrix has more than one.
func groups(m *record.Matrix) []matrixGroup {
	many := len(families(m)) > 1 || len(engines(m)) > 1
	var out []matrixGroup
	at := map[string]int{}
	for i := range m.Rows {
		r := &m.Rows[i]
		parts := []string{"sockets as they are"}
		if len(r.Options) > 0 {
			parts[0] = "with " + clean(strings.Join(r.Options, " "))
		}
		if many {
			parts = append(parts, clean(r.Family), clean(r.Engine))
		}
		title := joined(parts...)
		n, known := at[title]
		if !known {
			n = len(out)
			at[title] = n
			out = append(out, matrixGroup{title: title})
		}
		out[n].rows = append(out[n].rows, r)
	}
	slices.SortStableFunc(out, func(a, b matrixGroup) int {
		return min(1, len(a.rows[0].Options)) - min(1, len(b.rows[0].Options))
	})
	return out
}

func families(m *record.Matrix) []string {
	return distinct(m, func(r *record.MatrixRow) string { return clean(r.Family) })
}

func engines(m *record.Matrix) []string {
	return distinct(m, func(r *record.MatrixRow) string { return clean(r.Engine) })
}

// distinct lists what the rows have, in the order in which it comes.
func distinct(m *record.Matrix, of func(*record.MatrixRow) string) []string {
	var out []string
	for i := range m.Rows {
		if v := of(&m.Rows[i]); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// joined writes the parts that are there with dots between them.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " · ")
}

// bare tells whether a row has no figures.
func bare(r *record.MatrixRow) bool { return r.Failure != "" || r.Unsupported != "" }

// tally counts the rows by what came of them.
type tally struct{ agree, contradicted, notJudged, failed, unsupported int }

func tallied(m *record.Matrix) tally {
	var n tally
	for i := range m.Rows {
		switch r := &m.Rows[i]; {
		case r.Unsupported != "":
			n.unsupported++
		case r.Failure != "":
			n.failed++
		case r.Agrees == nil:
			n.notJudged++
		case *r.Agrees:
			n.agree++
		default:
			n.contradicted++
		}
	}
	return n
}

// verdict says in a sentence how many rows agree, and what became of the others.
func verdict(m *record.Matrix) (string, style) {
	n := tallied(m)
	all := int64(len(m.Rows))
	if all == 0 {
		return "No row was run.", yellow
	}
	judged := int64(n.agree + n.contradicted)
	text, mood := "", green
	switch {
	case judged == 0:
		text, mood = "No row was judged.", yellow
	case n.contradicted == 0 && judged == all:
		text = "In all " + counted(all, "row", "rows") + " the kernel showed what is declared."
		if all == 1 {
			text = "In the one row the kernel showed what is declared."
		}
	default:
		text = "In " + count(int64(n.agree)) + " of " + counted(all, "row", "rows") + " the kernel showed what is declared."
	}
	var rest []string
	for _, one := range []struct {
		n         int
		one, many string
		mood      style
	}{
		{n.notJudged, "was not judged", "were not judged", yellow},
		{n.unsupported, "asks for what this kernel lacks", "ask for what this kernel lacks", yellow},
		{n.failed, "failed", "failed", yellow},
		{n.contradicted, "is CONTRADICTED", "are CONTRADICTED", red},
	} {
		if one.n > 0 {
			rest, mood = append(rest, counted(int64(one.n), one.one, one.many)), one.mood
		}
	}
	if len(rest) > 0 {
		slices.Reverse(rest)
		text += " " + sentence(enumerate(rest))
	}
	return text, mood
}

// ran tells how much was run, and how.
func ran(m *record.Matrix) string {
	n := int64(len(m.Rows))
	text := counted(n, "row", "rows")
	if n != int64(m.Asked) {
		text = count(n) + " of " + counted(int64(m.Asked), "row", "rows")
	}
	text += " in " + seconds(m.Seconds)
	switch {
	case m.Jobs == 1:
		text += ", one lab at a time"
	case m.Jobs > 1:
		text += ", " + count(int64(m.Jobs)) + nbsp + "labs side by side"
	}
	if least, most, any := opened(m); any {
		text += ", " + between(count(least), count(most)) + nbsp + "connections a row"
	}
	return text + "."
}

// opened is the least and the most connections of the rows that have figures.
func opened(m *record.Matrix) (least, most int64, any bool) {
	for i := range m.Rows {
		r := &m.Rows[i]
		switch {
		case bare(r):
		case !any:
			least, most, any = r.Connections, r.Connections, true
		default:
			least, most = min(least, r.Connections), max(most, r.Connections)
		}
	}
	return least, most, any
}

// footnotes are the reasons that the table refers to by number, each told once.
type footnotes []string

// ref gives the number under which a reason stands.
func (f *footnotes) ref(reason string) int {
	if reason = clean(reason); reason == "" {
		reason = "the record does not say why"
	}
	n := slices.Index(*f, reason)
	if n < 0 {
		n = len(*f)
		*f = append(*f, reason)
	}
	return n + 1
}

// result is a row's mark.
func (f *footnotes) result(r *record.MatrixRow) (string, style) {
	with := func(text, reason string) string { return fmt.Sprintf("%s%s(%d)", text, nbsp, f.ref(reason)) }
	switch {
	case r.Unsupported != "":
		return with("unsupported", r.Unsupported), yellow
	case r.Failure != "":
		return with("failed", r.Failure), yellow
	case r.Agrees == nil:
		return with("not"+nbsp+"judged", r.NotJudged), yellow
	case *r.Agrees:
		return "ok", green
	}
	return "CONTRADICTED", red
}

// matrixColumn is one figure of a row.
type matrixColumn struct {
	name  string // in the list of what the columns mean, and of what was not measured
	heads [2]string
	left  bool
	// cell has the figure, in chunks that stay on one line; gap where it was not measured.
	cell func(*record.MatrixRow) []string
	// words tells a cell in the line below the row where there is no room for the column; nil leaves it out.
	words func(cell string) string
	// spoiled are the fields and metrics under which the record says why it was not measured.
	spoiled []string
	means   string
}

// of is a row's cell; a row without figures has a gap in all but its name.
func (c *matrixColumn) of(r *record.MatrixRow) []string {
	if bare(r) && c != columnSide && c != columnHow {
		return []string{gap}
	}
	return c.cell(r)
}

// The columns in their order.
var (
	columnSide = &matrixColumn{heads: [2]string{"", "side"}, left: true, cell: func(r *record.MatrixRow) []string {
		return []string{clean(r.Side)}
	}}
	columnHow = &matrixColumn{heads: [2]string{"", "how"}, left: true, cell: func(r *record.MatrixRow) []string {
		return []string{strings.ReplaceAll(clean(r.How), " ", nbsp)}
	}}
	columnClient = &matrixColumn{
		name: "TIME_WAIT", heads: [2]string{"TIME_WAIT", client}, cell: timeWaitCell(client),
		words:   worded("TIME_WAIT on the client"),
		spoiled: []string{"seen.client.states", "client.time_wait.peak"},
		means: "connections that ended in TIME_WAIT on that side, seen/declared: all of them, none, or some here and the " +
			"rest there; those count, too, that were replaced, reused or expired before the end",
	}
	columnServer = &matrixColumn{
		name: "TIME_WAIT", heads: [2]string{"", server}, cell: timeWaitCell(server),
		words:   worded("TIME_WAIT on the server"),
		spoiled: []string{"seen.server.states", "server.time_wait.peak"},
	}
	columnStanding = &matrixColumn{
		name: "left over", heads: [2]string{"", "left over"}, left: true, cell: standingCell,
		words: func(cell string) string {
			if cell == "none" {
				return ""
			}
			return "left over: " + strings.ReplaceAll(cell, gap, "not measured")
		},
		spoiled: []string{"seen.*.states"},
		means:   "sockets in any other state at the end of the load, on the side that is named; listeners left out",
	}
	columnResets = &matrixColumn{
		name: "resets", heads: [2]string{"resets", "seen"}, cell: func(r *record.MatrixRow) []string {
			return []string{count(r.ResetsSeenByPeer)}
		},
		words: worded("resets seen"),
		means: "how often the application that did not close first saw a reset instead of the end of the stream",
	}
	columnLost = &matrixColumn{
		name: "bytes lost", heads: [2]string{"bytes", "lost"}, cell: func(r *record.MatrixRow) []string {
			return []string{optional(r.BytesLost, count)}
		},
		words:   worded("bytes lost"),
		spoiled: []string{"bytes_lost"},
		means:   "what one application wrote and the other never read, both ways together",
	}
	columnReused = &matrixColumn{
		name: "reused", heads: [2]string{"", "reused"}, cell: func(r *record.MatrixRow) []string {
			if r.Reused.Client == 0 && r.Reused.Server == 0 {
				return []string{"0"}
			}
			return []string{count(r.Reused.Client) + "+" + count(r.Reused.Server)}
		},
		words: worded("reused"),
		means: "TIME_WAIT that were taken over, client + server: on the client by connect(), on the server by a new SYN",
	}
	columnPorts = &matrixColumn{
		name: "ports", heads: [2]string{"", "ports"}, cell: func(r *record.MatrixRow) []string {
			return []string{optional(r.PortsPerConn, significant)}
		},
		spoiled: []string{"ports_held_per_connection", "ports.peak_share"},
		means:   "the client's ports that each connection still held at the end of the load",
	}
	columnCPU = &matrixColumn{
		name: "CPU us", heads: [2]string{"", "CPU us"}, cell: func(r *record.MatrixRow) []string {
			c, v := r.CPUUSPerConn.Client, r.CPUUSPerConn.Server
			if c == nil && v == nil {
				return []string{gap}
			}
			us := func(v float64) string { return figure(v, 0) }
			return []string{optional(c, us) + "+" + optional(v, us)}
		},
		spoiled: []string{"cpu_us_per_connection", "client.cpu_us_per_connection", "server.cpu_us_per_connection"},
		means:   "microseconds of processor time for each connection, client + server",
	}
	columnOpened = &matrixColumn{
		name: "opened", heads: [2]string{"", "opened"}, cell: func(r *record.MatrixRow) []string {
			return []string{count(r.Connections)}
		},
		words: worded("opened"),
		means: "connections that the row opened",
	}
)

// worded names a figure, where it is there and not zero.
func worded(name string) func(string) string {
	return func(cell string) string {
		seen, declared, _ := strings.Cut(cell, "/")
		switch {
		case seen == "0" && (declared == "" || declared == string(record.None)):
			return ""
		case seen == gap:
			return name + " not measured"
		}
		return cell + " " + name
	}
}

// timeWaitCell has what was seen, and behind it which share of the connections was declared.
func timeWaitCell(side string) func(*record.MatrixRow) []string {
	return func(r *record.MatrixRow) []string {
		declared := r.Declared.Client
		if side == server {
			declared = r.Declared.Server
		}
		share := cmp.Or(declared.States[record.TimeWait], record.None)
		seen := countOf(seenOn(r, side).States, record.TimeWait)
		if seen == nil {
			return []string{gap}
		}
		return []string{count(*seen) + "/" + clean(string(share))}
	}
}

func seenOn(r *record.MatrixRow, side string) *record.CloseSeen {
	if side == client {
		return &r.Seen.Client
	}
	return &r.Seen.Server
}

// standingCell names the sockets that are neither gone nor in TIME_WAIT, side by side.
func standingCell(r *record.MatrixRow) []string {
	var out []string
	for _, side := range sides {
		seen := seenOn(r, side).States
		if seen == nil {
			out = append(out, side+nbsp+gap)
		}
		for _, state := range record.States {
			if n := seen[state]; n > 0 && state != record.TimeWait && state != record.Listen && state != record.Closed {
				out = append(out, side+nbsp+state.Netstat()+nbsp+count(n))
			}
		}
	}
	if len(out) == 0 {
		return []string{"none"}
	}
	return out
}

func optional[T any](p *T, write func(T) string) string {
	if p == nil {
		return gap
	}
	return write(*p)
}

// remarks are what a row has to say beyond its figures.
func remarks(r *record.MatrixRow) []string {
	var out []string
	if bare(r) {
		return nil
	}
	if r.Failed > 0 {
		out = append(out, count(r.Failed)+" of "+counted(r.Connections, "connection", "connections")+" failed")
	}
	if n := valueOr(r.ConnectionsLost, 0); n > 0 {
		out = append(out, "lost "+count(valueOr(r.BytesLost, 0))+" of "+counted(r.BytesWritten, "byte", "bytes")+
			", in "+count(n)+" of "+counted(r.Connections, "connection", "connections"))
	}
	if n := valueOr(r.HiddenRetries, 0); n > 0 {
		out = append(out, hidden(n))
	}
	if errno := clean(valueOr(r.RestartErrno, "")); errno != "" {
		out = append(out, "a new server could not listen here again: "+errno)
	}
	return out
}

// hidden tells of the connect() that only the engine's library knows of.
func hidden(n int64) string {
	return "the standard library called connect() " + counted(n, "time", "times") + " more than it was asked to"
}

// gapReasons says of each column with a gap, in words, how many rows have it and why.
func gapReasons(m *record.Matrix, cols []*matrixColumn) []string {
	type key struct{ name, why string }
	var order []key
	rows := map[key]int64{}
	for i := range m.Rows {
		r := &m.Rows[i]
		seen := map[key]bool{}
		for _, c := range cols {
			if bare(r) || !strings.Contains(strings.Join(c.cell(r), " "), gap) || c.spoiled == nil {
				continue
			}
			k := key{c.name, gapReason(m, r, c)}
			if seen[k] {
				continue
			}
			seen[k] = true
			if rows[k] == 0 {
				order = append(order, k)
			}
			rows[k]++
		}
	}
	var out []string
	for _, k := range order {
		out = append(out, k.name+" in "+counted(rows[k], "row", "rows")+": "+k.why)
	}
	return out
}

func gapReason(m *record.Matrix, r *record.MatrixRow, c *matrixColumn) string {
	for _, name := range c.spoiled {
		for _, key := range []string{name, "rows[]." + name} {
			if why := clean(m.Environment.Unmeasured[key]); why != "" {
				return why
			}
		}
		for i := range r.Warnings {
			if why := clean(r.Warnings[i].Text); why != "" && slices.Contains(r.Warnings[i].Spoils, name) {
				return why
			}
		}
	}
	return "the record does not say why"
}

// rowWarning is one warning with the rows that have it.
type rowWarning struct {
	record.Warning
	rows   int64
	differ bool // in their figures: the text is the first row's
}

// in says which rows it is about.
func (w *rowWarning) in() string {
	if w.differ {
		return "in " + counted(w.rows, "row", "rows") + ", such as the first: "
	}
	return "in " + counted(w.rows, "row", "rows") + ": "
}

// rowWarnings gathers the rows' warnings, each kind once: a hundred rows that were late by other figures say one thing.
func rowWarnings(m *record.Matrix) []rowWarning {
	var out []rowWarning
	for i := range m.Rows {
		for _, w := range m.Rows[i].Warnings {
			n := slices.IndexFunc(out, func(o rowWarning) bool { return o.Code == w.Code })
			if n < 0 {
				n = len(out)
				out = append(out, rowWarning{Warning: w})
			}
			out[n].rows++
			out[n].differ = out[n].differ || out[n].Text != w.Text
		}
	}
	return out
}

// exampleRow is the row whose command is shown: a contradicted one if there is one.
func exampleRow(m *record.Matrix) *record.MatrixRow {
	var first *record.MatrixRow
	for i := range m.Rows {
		r := &m.Rows[i]
		switch {
		case r.Command == "":
		case r.Agrees != nil && !*r.Agrees:
			return r
		case first == nil:
			first = r
		}
	}
	return first
}
