package report

import (
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
