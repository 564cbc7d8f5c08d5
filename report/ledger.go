package report

import (
	"math"
	"strings"

	"twomsl/internal/record"
)

// accounts tells what became of the connections and of the TIME_WAIT that they left. Where every connection left one
// TIME_WAIT on the same side, the two accounts are one. An equals sign is only written over a sum that is true.
func accounts(w *wording, t *record.Trial) {
	n := t.Connections
	if side := soleOwner(t); side != "" {
		entry := account(t, side)
		w.row("connections", entry.chunks(count(n.Attempted)+nbsp+"opened")...)
		w.row("", count(n.OK)+" ok", "· "+count(n.Failed)+" failed", "· "+reached(t))
		hiddenRetries(w, t)
		limited(w, t)
	} else {
		w.row("connections", connectionSum(n, !unwatched(t))...)
		if unwatched(t) {
			w.row("", "what failed at connect() at once", "is in no count")
		}
		hiddenRetries(w, t)
		w.row("rate", reached(t))
		limited(w, t)
		for _, side := range sides {
			timeWaitLedger(w, t, side)
		}
		if t.Relay == nil {
			leftNone(w, t)
		}
	}
	relayAccount(w, t)
}

// soleOwner is the side on which every connection left a TIME_WAIT; "" where it was not so.
func soleOwner(t *record.Trial) string {
	if unwatched(t) {
		return ""
	}
	for _, side := range sides {
		mine, peer := ledgerOf(t, side), ledgerOf(t, other(side))
		if mine.Entered != nil && *mine.Entered > 0 && valueOr(peer.Entered, -1) == 0 &&
			*mine.Entered == t.Connections.Attempted && *mine.Entered == t.Connections.OK {
			return side
		}
	}
	return ""
}

// connectionSum splits what was opened into its ends; known tells that no failures counted is none.
func connectionSum(n record.Connections, known bool) []string {
	chunks := []string{count(n.Attempted) + nbsp + "opened"}
	rest := n.Attempted - n.OK - n.Failed - n.Unfinished
	sign := "="
	for _, part := range []struct {
		n    int64
		name string
		show bool
	}{
		{n.OK, "ok", true},
		{n.Failed, "failed", known || n.Failed != 0},
		{n.Unfinished, "still open at the end", n.Unfinished != 0},
		{rest, "unaccounted for", rest != 0},
	} {
		if part.show {
			chunks = append(chunks, signed(sign, part.n)+nbsp+part.name)
			sign = "+"
		}
	}
	return chunks
}

// signed writes a term of a sum.
func signed(sign string, n int64) string {
	if n < 0 && n != math.MinInt64 && sign == "+" {
		return "-" + nbsp + count(-n)
	}
	return sign + nbsp + count(n)
}

// term is one way in which a TIME_WAIT is accounted for.
type term struct {
	n    int64
	name string
}

// entries is a side's account of its TIME_WAIT. Its terms add up to entered, with what is unexplained as the last.
type entries struct {
	entered int64
	terms   []term
}

// account explains a side's TIME_WAIT. What expired is known from the ages of the closes, between a least and a most
// figure; where the account closes somewhere between, that is the figure.
func account(t *record.Trial, side string) entries {
	l := ledgerOf(t, side)
	e := entries{entered: valueOr(l.Entered, 0)}
	left := e.entered
	add := func(n int64, name string) {
		if n != 0 {
			e.terms = append(e.terms, term{n, name})
			left -= n
		}
	}
	add(valueOr(l.Standing, 0), "in TIME_WAIT")
	add(valueOr(l.Replaced, 0), "replaced by a new connection on the same ports")
	add(valueOr(l.Reused, 0), "reused by connect()")
	add(valueOr(l.GivenUp, 0), "given up and then reset")
	add(valueOr(l.FinWait2, 0), "orphaned in FIN_WAIT2, which no TIME_WAIT follows")
	if l.Expired != nil {
		least := *l.Expired
		most := max(least, valueOr(l.ExpiredMost, least))
		add(min(max(left, least), most), "expired")
	}
	if l.Standing == nil || l.Expired == nil || l.Reused == nil && l.Replaced == nil {
		add(left, "not measured further") // a part that nobody counted is no riddle
	} else {
		add(left, "unexplained")
	}
	return e
}

// chunks writes the account as a sum that begins with head.
func (e entries) chunks(head string) []string {
	out := []string{head}
	for i, part := range e.terms {
		sign := "+"
		if i == 0 {
			sign = "="
		}
		name := part.name
		if words := strings.Split(name, " "); len(words) < 4 {
			name = strings.Join(words, nbsp)
		}
		out = append(out, signed(sign, part.n)+nbsp+name)
	}
	return out
}

// timeWaitLedger tells what became of the TIME_WAIT that a side entered, where it entered any.
func timeWaitLedger(w *wording, t *record.Trial, side string) {
	l := ledgerOf(t, side)
	if l.Entered == nil {
		if n := peakTimeWait(sideOf(t, side)); n == nil || *n > 0 {
			w.row("TIME_WAIT", "entered by the "+side+":", w.missing(t, "ledger."+side+".entered", ""))
		}
		return
	}
	e := account(t, side)
	if e.entered == 0 && len(e.terms) == 0 {
		return
	}
	w.row("TIME_WAIT", e.chunks(count(e.entered)+nbsp+"entered by the "+side)...)
	if n := valueOr(l.Unexplained, 0); n != 0 {
		why := reason(t, "ledger."+side+".unexplained", "")
		if why == "" {
			why = "the samples and counters do not say where they went"
		}
		w.styledRow(yellow, "", signed("", n)+" unexplained:", why)
	}
}

// ended lists what ends a connection without a TIME_WAIT, by the counter that tells.
var ended = []struct{ counter, text string }{
	{"TcpExt.TCPTimeWaitOverflow", "closed with no TIME_WAIT bucket left"},
	{"TcpExt.TCPAbortOnData", "reset by a close with linger 0 or unsent data"},
	{"TcpExt.TCPAbortOnClose", "reset by a close with data unread"},
	{"TcpExt.TCPAbortOnLinger", "reset by TCP_LINGER2"},
	{"TcpExt.TCPAbortOnTimeout", "given up after a timeout"},
	{"TcpExt.TCPAbortOnMemory", "reset for want of memory"},
}

// leftNone tells of the connections that went through and left no TIME_WAIT on either side.
func leftNone(w *wording, t *record.Trial) {
	c, v := t.Ledger.Client.Entered, t.Ledger.Server.Entered
	if c == nil || v == nil || *c+*v >= t.Connections.OK || t.Kept != nil {
		return
	}
	chunks := []string{count(t.Connections.OK-*c-*v) + nbsp + "of those that went through left no TIME_WAIT"}
	glue := ":"
	for _, e := range ended {
		for _, side := range sides {
			if n := sideOf(t, side).Counters[e.counter]; n > 0 {
				chunks[len(chunks)-1] += glue
				chunks = append(chunks, count(n)+nbsp+e.text+" ("+side+")")
				glue = ","
			}
		}
	}
	w.row("", chunks...)
}

// reached compares the rate with what was asked for; where connections failed, the rate of those that went through is
// told as well.
func reached(t *record.Trial) string {
	text := rate(t.Rate.ReachedPerSecond) + " of max"
	if commanded(t) { // nobody asked it for a rate
		text = rate(t.Rate.ReachedPerSecond)
	}
	if asked := t.Rate.AskedPerSecond; asked != nil {
		text = rate(t.Rate.ReachedPerSecond)
		if text == rate(*asked) && math.Abs(*asked-t.Rate.ReachedPerSecond) >= 0.05 {
			text = figure(t.Rate.ReachedPerSecond, 1) + "/s" // close is not the same
		}
		text += " of " + rate(*asked) + " asked"
	}
	if n := t.Connections; n.Failed > 0 && t.Phases.LoadSeconds > 0 {
		text += " · " + rate(float64(n.OK)/t.Phases.LoadSeconds) + " went through"
	}
	return text
}

// behind tells of the connections that the generator owes.
func behind(w *wording, t *record.Trial) {
	var chunks []string
	if n := t.Connections.NotStarted; n > 0 {
		chunks = append(chunks, counted(n, "connection was", "connections were")+" never started")
	}
	if n := t.Connections.Late; n > 0 {
		text := counted(n, "was", "were") + " started more than 1" + nbsp + "ms late"
		if len(chunks) > 0 {
			text = "· " + text
		}
		chunks = append(chunks, text)
	}
	if len(chunks) > 0 {
		w.styledRow(yellow, "behind", chunks...)
	}
}

var stops = map[string]string{
	"after":       "until its time was up",
	"connections": "until its last connection",
	"time_wait":   "until its goal stood",
	"failures":    "until it had failed often enough",
	"command":     "until the command ended",
	"interrupt":   "until it was interrupted",
	"failure":     "until a part of the trial failed",
}

func loadTime(w *wording, t *record.Trial) {
	text := seconds(t.Phases.LoadSeconds)
	if why := stops[t.Phases.StoppedBy]; why != "" {
		text += " " + why
	}
	if t.Phases.HoldSeconds > 0 {
		text += ", then held for " + seconds(t.Phases.HoldSeconds)
	}
	w.row("load", text)
}

// failures lists every way in which connections ended badly, with what that means.
func failures(w *wording, t *record.Trial) {
	label, told := "failed", int64(0)
	for _, side := range hosts(t) {
		for _, o := range failuresOf(t, side) {
			if side == client {
				told += o.Count
			}
			chunks := []string{count(o.Count) + nbsp + what(o) + atCall(o)}
			if side != client {
				chunks[0] += " on the " + side
			}
			if text := meaning[record.Cause(o.Cause)]; text != "" {
				chunks = append(chunks, "· "+text)
			}
			w.row(label, chunks...)
			label = ""
		}
	}
	if n := t.Connections.Failed - told; n > 0 {
		w.row(label, count(n)+" for a reason that was not recorded")
	}
	resetsAtTheEnd(w, t)
}

// resetsAtTheEnd tells who saw a reset where the stream should have ended, which is no failure of the connection.
func resetsAtTheEnd(w *wording, t *record.Trial) {
	for _, o := range t.Outcomes {
		if atTheEnd(&o) && o.Count > 0 {
			w.row("at the end", count(o.Count)+nbsp+"times", "the "+clean(o.Side)+" saw", clean(o.Errno), "instead of the end of the stream")
		}
	}
}

// meaning says in words what a cause is.
var meaning = map[record.Cause]string{
	record.AddrNotAvailable:  "every port of the range was taken for that address pair",
	record.AddrInUse:         "the port that bind() asked for was taken, or none was left for it to choose",
	record.Refused:           "nobody listened, or the listener reset it",
	record.Reset:             "the peer reset the connection",
	record.TimedOut:          "no answer in time",
	record.Unreachable:       "no route to the target",
	record.OutOfDescriptors:  "the process or the host was out of descriptors",
	record.OutOfMemory:       "the kernel was out of memory or buffers",
	record.NotPermitted:      "the kernel or a packet filter forbade it",
	record.OptionUnsupported: "this kernel does not know the socket option",
	record.ShortRead:         "the peer closed before all bytes had come",
	record.WrongBytes:        "other bytes came than were sent",
	record.SelfConnect:       "its own SYN came back to it: the socket was connected to itself, no server took part",
}

// fromIntended says from when a latency counts.
const fromIntended = "from the intended start"

// latency tells what connect() cost those that succeeded.
func latency(w *wording, t *record.Trial) {
	q := t.Latency.Connect
	switch {
	case q == nil && t.Connections.OK == 0:
		return
	case q == nil:
		w.row("connect()", w.missing(t, "latency.connect", "connect.p99_us"))
		return
	case q.Count == 0:
		w.row("connect()", "none succeeded")
		return
	}
	w.row("connect()", append(quantiles(q), timedOn(t)...)...)
	if q := t.Latency.FromIntended; q != nil && q.Count > 0 {
		w.row("", append(quantiles(q), fromIntended)...)
	}
}

// timedOn says on which connections connect() was timed, where not on all.
func timedOn(t *record.Trial) []string {
	if n := t.Latency.ConnectOneIn; n > 1 {
		return []string{"·", "timed on 1 connection in " + count(n) + ", which ran step by step"}
	}
	return nil
}

func quantiles(q *record.Quantiles) []string {
	return []string{
		"p50" + nbsp + micros(q.P50US), "· p99" + nbsp + micros(q.P99US), "· max" + nbsp + micros(q.MaxUS),
	}
}
