package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// A rule is one price that a gain may have been bought with.
type rule struct {
	// row is the metric that must have gone the wrong way; down tells that this is down.
	row  string
	down bool
	// fewer tells that the rule explains a count of TIME_WAIT or ports only: there are fewer because less was done.
	fewer bool
	// mild is what must be known of a gain but takes nothing away from the connections.
	mild bool
	text func(before, after string) string
}

// rules are in the order in which prices are named.
var rules = []rule{
	{row: twOverflow, text: func(b, a string) string {
		return fmt.Sprintf("%s connections closed without TIME_WAIT%s: no room in tcp_max_tw_buckets, nothing protects the "+
			"next connection from their late segments", a, instead(b))
	}},
	{row: "bytes_lost", text: func(b, a string) string {
		return fmt.Sprintf("%s bytes were written and never read%s", a, instead(b))
	}},
	{row: "resets_seen", text: func(b, a string) string {
		return fmt.Sprintf("%s connections ended in a reset that an application saw%s", a, instead(b))
	}},
	{row: askedRow, down: true, text: func(b, a string) string {
		return fmt.Sprintf("less was asked for: %s requests%s", a, instead(b))
	}},
	{row: failed, fewer: true, text: func(b, a string) string {
		return fmt.Sprintf("fewer connections: %s failed%s", a, instead(b))
	}},
	{row: okRow, down: true, fewer: true, text: func(b, a string) string {
		return fmt.Sprintf("less went through: %s requests%s", a, instead(b))
	}},
	{row: "listen_drops", text: func(b, a string) string {
		return fmt.Sprintf("the listener dropped %s segments%s: their senders wait and try again", a, instead(b))
	}},
	{row: "syncookies_sent", text: func(b, a string) string {
		return fmt.Sprintf("%s SYN cookies were sent%s: without timestamps such connections lose window scaling and SACK", a, instead(b))
	}},
	{row: "tw_reused", mild: true, text: func(b, a string) string {
		return fmt.Sprintf("%s TIME_WAIT taken over by a new connection after 1 s or more%s; needs timestamps on both sides",
			a, instead(b))
	}},
	{row: "time_wait_seconds", down: true, text: func(b, a string) string {
		return fmt.Sprintf("a TIME_WAIT stands for %s s instead of %s s: late segments may meet the next connection sooner", a, b)
	}},
}

// Rows that are no metrics of the table, since others say it: requests that were asked for at a rate, and requests that
// went through. A connection that is kept alive carries several.
const (
	askedRow = "asked"
	okRow    = "ok"
)

var ownRows = map[string]metric{
	askedRow: {
		name: askedRow, unit: "requests", better: higher, exact: true, step: 1, share: 0.01,
		read: func(t *record.Trial) reading {
			if t.Rate.AskedPerSecond == nil {
				return missing("no rate was asked for")
			}
			return value((float64(t.Connections.Attempted) + float64(t.Connections.NotStarted)) * requestsEach(t))
		},
	},
	okRow: {
		name: okRow, unit: "requests", better: higher, exact: true, step: 1, share: 0.01, events: true,
		read: func(t *record.Trial) reading { return value(float64(t.Connections.OK) * requestsEach(t)) },
	},
}

// requestsEach is how many requests a connection carries.
func requestsEach(t *record.Trial) float64 { return max(1, ofClient(t, "requests")) }

// ofClient is a number of the scenario's client; 0 where there is none.
func ofClient(t *record.Trial, field string) float64 {
	if all, ok := spec(t).(map[string]any); ok {
		if client, ok := all["client"].(map[string]any); ok {
			if n, ok := client[field].(float64); ok {
				return n
			}
		}
	}
	return 0
}

func instead(before string) string {
	if before == "0" {
		return ""
	}
	return " (before: " + before + ")"
}

// A paid is a price that was found.
type paid struct {
	rule
	words string
}

// withPrice says what a gain was bought with, and of fewer TIME_WAIT why there are fewer.
func (x *analysis) withPrice(out *record.Metric, from, to string) {
	if out.Verdict != record.Better {
		return
	}
	count := isCount(out.Name)
	var words []string
	for _, p := range x.prices(from, to) {
		if count || !p.fewer {
			words = append(words, p.words)
			out.Bought = out.Bought || !p.mild
		}
	}
	known := len(words)
	if side, _, ok := strings.Cut(out.Name, ".time_wait."); ok {
		words = append(words, x.moved(side, from, to)...)
		words = append(words, x.instead(side, *out.Before-*out.After, from, to)...)
	}
	if strings.HasPrefix(out.Name, failed+".") {
		words = append(words, x.otherCause(from, to)...)
	}
	out.Bought = out.Bought || len(words) > known
	if slices.Contains([]string{failed, firstExhaustion, rateThatLastsRow, portsShareRow}, out.Name) {
		words = append(words, x.moved("client", from, to)...) // the ports are free since somebody else waits
	}
	out.Price = strings.Join(words, "; ")
	if count && out.Price == "" && out.Why == "" {
		out.Why = x.morePorts(out.Name, from, to)
	}
}

// morePorts says why there are fewer where nothing was paid: a share is part of more ports than before, or a connection
// carries more; else that the reason is not known.
func (x *analysis) morePorts(name, from, to string) string {
	all := func(variant string) float64 {
		t := x.trials[variant][0]
		n := 0.0
		for i := range t.Ports {
			n += usable(&t.Ports[i])
		}
		return n
	}
	if len(x.trials[from])*len(x.trials[to]) > 0 {
		if b, a := all(from), all(to); a > b && name == portsShareRow {
			return fmt.Sprintf("of %s ports instead of %s", figure(a), figure(b))
		}
		if b, a := requestsEach(x.trials[from][0]), requestsEach(x.trials[to][0]); a > b {
			return fmt.Sprintf("fewer: a connection carries %s requests instead of %s", figure(a), figure(b))
		}
	}
	return "fewer; the records do not show what it was bought with"
}

// otherCause says that connections do not fail of this cause any more, and fail all the same.
func (x *analysis) otherCause(from, to string) []string {
	row, _ := rowOf(failed)
	if x.verdict(row, from, to).Verdict == record.Better {
		return nil
	}
	return []string{"as many connections fail, of another cause"}
}

// isCount tells whether a metric counts TIME_WAIT or ports in use.
func isCount(name string) bool {
	return strings.Contains(name, ".time_wait.") || name == "ports.peak_share"
}

// prices lists all that went the wrong way.
func (x *analysis) prices(from, to string) (found []paid) {
	for _, r := range rules {
		m, ok := ownRows[r.row]
		if !ok {
			m, ok = rowOf(r.row)
		}
		asked := func(p paid) bool { return p.row == askedRow }
		if !ok || r.row == okRow && slices.ContainsFunc(found, asked) {
			continue // less was asked for, so that less went through
		}
		if b, a := x.figures(m, from), x.figures(m, to); x.went(m, b, a, !r.down) {
			found = append(found, paid{r, r.text(m.whole(b), m.whole(a))})
		}
	}
	return found
}

// whole is a median for a sentence: there is no half of a thing that is counted.
func (m *metric) whole(f *figures) string {
	v := median(f.values)
	if m.unit != "s" {
		v = math.Round(v)
	}
	return figure(v)
}

// went tells whether a counted metric went up, or down: so far that it is called different, or in every trial. A price is
// named rather once too often than too seldom.
func (x *analysis) went(m metric, b, a *figures, up bool) bool {
	if len(b.values) == 0 || len(a.values) == 0 || b.never+a.never > 0 {
		return false
	}
	by := median(a.values) - median(b.values)
	least := max(m.step, m.share*max(math.Abs(median(a.values)), math.Abs(median(b.values))))
	if by == 0 || (by > 0) != up || !m.events && math.Abs(by) <= least {
		return false // what is timed scatters by its step
	}
	if up && slices.Min(a.values) > slices.Max(b.values) || !up && slices.Max(a.values) < slices.Min(b.values) {
		return true
	}
	v := x.verdict(m, b.variant, a.variant).Verdict
	return v == record.Better || v == record.Worse
}

// noticed is the part of the TIME_WAIT that are gone which must stand in another state to be told: less is passing by.
const noticed = 0.1

// instead tells that sockets of a side stand in another state where as many TIME_WAIT as fewer stood.
func (x *analysis) instead(side string, fewer float64, from, to string) (words []string) {
	for _, state := range []record.State{record.FinWait1, record.FinWait2, record.Closing, record.CloseWait, record.LastAck} {
		m := metric{
			name: side + "." + string(state), better: lower, exact: true, step: 2, share: 0.005,
			read: func(t *record.Trial) reading {
				s := client(t)
				if side == "server" {
					s = server(t)
				}
				if s.States.End == nil {
					return missing("states were not counted")
				}
				return value(float64(s.States.End[state]))
			},
		}
		b, a := x.figures(m, from), x.figures(m, to)
		if x.went(m, b, a, true) && median(a.values)-median(b.values) > noticed*fewer {
			words = append(words, fmt.Sprintf("%s sockets of the %s stand in %s instead", m.whole(a), side, state.Netstat()))
		}
	}
	return words
}

// moved tells that TIME_WAIT of one side stand on the other one now.
func (x *analysis) moved(side, from, to string) []string {
	other := "server"
	if side == "server" {
		other = "client"
	}
	m, _ := rowOf(other + ".time_wait.peak")
	b, a := x.figures(m, from), x.figures(m, to)
	if !x.went(m, b, a, true) {
		return nil
	}
	return []string{fmt.Sprintf("TIME_WAIT moved to the %s: %s there%s", other,
		figure(median(a.values)), instead(figure(median(b.values))))}
}
