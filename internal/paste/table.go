package paste

import (
	"fmt"
	"strings"

	"twomsl/internal/record"
)

// Kind is what a table was recognised as.
type Kind string

// The kinds.
const (
	CountsTable    Kind = "counts"        // a state and a number in each line: netstat -n | awk, sort | uniq -c
	NetstatListing Kind = "netstat"       // a socket in each line: Linux, BSD, Windows
	SSListing      Kind = "ss"            // a socket in each line
	ProcListing    Kind = "/proc/net/tcp" // a socket in each line; tcp6 too
)

// String says it for people.
func (k Kind) String() string {
	switch k {
	case CountsTable:
		return "counts by state"
	case NetstatListing, SSListing:
		return "a listing of " + string(k)
	}
	return string(k)
}

// StateTable is how many sockets a text has in each state.
type StateTable struct {
	Kind Kind
	// Counts has the states of connections, and LISTEN where the text has any.
	Counts record.Counts
	// Lines is where each state stands for the first time, from 1.
	Lines map[record.State]int
	// Closed are sockets in no state of a connection: CLOSED, UNCONN, UNKNOWN. ClosedLine is where the first one stands.
	Closed     int64
	ClosedLine int
	// PassedOver are lines that are neither rows nor known words around them.
	PassedOver []Passed
}

// Passed is a line that was passed over.
type Passed struct {
	Line int
	Text string
}

// MostCount is the greatest number of sockets that a table may say.
const MostCount = 100_000_000

// Instead is a command whose output Table reads, for errors that send people there.
const Instead = "ss -Htan"

// Table reads how many sockets stand in each state: counts (in either order, with any spacing), or a listing of netstat,
// ss or /proc/net/tcp, of which each TCP socket counts. UDP and Unix sockets are passed over. The error is a Problems.
func Table(text string) (StateTable, error) {
	r := tableReader{table: StateTable{Counts: record.Counts{}, Lines: map[record.State]int{}}}
	clean, err := Clean(text)
	if err != nil {
		if p, ok := err.(Problem); ok { //nolint:errorlint // made by Text itself
			return StateTable{}, Problems{p}
		}
		return StateTable{}, Problems{{0, err.Error() + ": paste a table of states, or a listing such as that of `" + Instead + "`"}}
	}
	number := 0
	for line := range strings.Lines(clean) {
		number++
		r.line(number, plainLine(strings.TrimRight(line, "\n")))
	}
	if r.summary > 0 && len(r.problems) == 0 && r.table.Kind == "" {
		r.problems.add(r.summary, "%s; paste the output of `%s` or `netstat -nat`", summaryOnly, Instead)
	}
	if len(r.problems) == 0 && r.table.Kind == "" {
		r.problems.add(0, "there is no table of states in it%s: paste lines like \"TIME_WAIT 18122\", or the output of `%s`",
			r.firstWords(), Instead)
	}
	if len(r.problems) == 0 && r.table.Counts.Total() == 0 {
		r.problems.add(0, "no socket is in any state: nothing is left to rebuild")
	}
	if len(r.problems) > 0 {
		return StateTable{}, r.problems
	}
	return r.table, nil
}

// summaryOnly is what is wrong with ss -s and /proc/net/sockstat.
const summaryOnly = "this is a summary (ss -s, sockstat), which does not tell the states apart: half-open, half-closed and " +
	"waiting sockets are in its sums"

// tableReader goes through the lines of a table.
type tableReader struct {
	table    StateTable
	problems Problems
	first    int  // the line of the first row
	summary  int  // the line of the first summary, 0: none
	notTCP   bool // rows of /proc/net that follow are not TCP's
}

func (r *tableReader) line(n int, line string) {
	words := strings.Fields(line)
	if len(words) == 0 || r.header(n, line, words) {
		return
	}
	if row, ok := listingRow(words); ok {
		r.listed(n, row)
		return
	}
	if !isCommand(words) {
		r.counted(n, line)
	}
}

// add counts sockets of a state.
func (r *tableReader) add(n int, kind Kind, state record.State, sockets int64) {
	t := &r.table
	if t.Kind == "" {
		t.Kind, r.first = kind, n
	}
	if t.Kind != kind {
		r.problems.add(n, "this is %s, and from line %d on it was %s: paste one of the two", kind, r.first, t.Kind)
		return
	}
	if state == record.Closed {
		if t.Closed += sockets; t.ClosedLine == 0 {
			t.ClosedLine = n
		}
		return
	}
	if first, twice := t.Lines[state]; twice && kind == CountsTable {
		r.problems.add(n, "%s was at line %d already: paste one table, or add the two up", state.Netstat(), first)
		return
	}
	if t.Lines[state] == 0 {
		t.Lines[state] = n
	}
	t.Counts[state] += sockets
}

// row is a socket of a listing.
type row struct {
	kind Kind
	skip bool // no TCP socket
	word string
	hex  bool
}

func (r *tableReader) listed(n int, w row) {
	if w.skip || w.kind == ProcListing && r.notTCP {
		return
	}
	state, ok := stateOf(w.word)
	if w.hex {
		state, ok = hexStates[strings.ToUpper(w.word)]
	}
	switch {
	case w.word == "":
		r.problems.add(n, "the row has no state: a column is missing")
	case !ok:
		r.problems.add(n, "%s", unknownState(w.word))
	default:
		r.add(n, w.kind, state, 1)
	}
}

func unknownState(word string) string {
	text := fmt.Sprintf("%q is no state of TCP", excerpt(word))
	if near := nearState(word); near != "" {
		return text + "; did you mean " + near + "?"
	}
	return text
}

// firstWords shows what was read instead of a table.
func (r *tableReader) firstWords() string {
	if len(r.table.PassedOver) == 0 {
		return ""
	}
	p := r.table.PassedOver[0]
	return fmt.Sprintf(" (line %d: %q)", p.Line, p.Text)
}
