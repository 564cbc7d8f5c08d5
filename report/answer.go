package report

import (
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// answer is the trial in a few sentences: what failed and how, who holds the TIME_WAIT, whether that was the goal.
func answer(w *wording, t *record.Trial) {
	if t.Relay != nil {
		relayAnswer(w, t)
		return
	}
	contradiction(w, t)
	commandFailed(w, t)
	ran, mood := outcome(t)
	short := usedUp(t)
	if t.Kept != nil && t.Connections.Failed+t.Connections.Unfinished == 0 {
		ran = "" // what became of them is what it is about
	}
	switch {
	case mood != green && ran != "":
		w.para(mood, strings.TrimSpace(short+" "+ran))
	case short != "":
		w.para(yellow, short)
	}
	if trouble(w, t) {
		loss(w, t)
		careful(w, t)
		return
	}
	held := []string{holds(t, holder(t)), holds(t, other(holder(t)))}
	if nobodyHolds(t) {
		held = []string{"Neither side holds a TIME_WAIT."}
	}
	if g := missedGoal(t); g != "" {
		held = append(held, g)
	}
	st := bold
	if mood == green {
		held, st = append(held, ran), green
	}
	w.para(st, strings.Join(held, " "))
	if short == "" { // else the connections that failed had them
		loss(w, t)
	}
	careful(w, t)
}

// careful sends the reader to the warnings, where there are any.
func careful(w *wording, t *record.Trial) {
	if n := spoiling(t); n > 0 {
		w.para(yellow, "Read with care: "+counted(int64(n), "warning", "warnings")+" below.")
	}
}

func other(side string) string {
	if side == client {
		return server
	}
	return client
}

// holds says how many TIME_WAIT a side holds at the end, and what it held before if they are gone.
func holds(t *record.Trial, side string) string {
	who, s := "The "+side, sideOf(t, side)
	end, peak := endTimeWait(s), peakTimeWait(s)
	switch {
	case end == nil && peak == nil:
		return who + "'s TIME_WAIT were not measured."
	case end == nil:
		return who + " held up to " + count(*peak) + " TIME_WAIT; the count at the end is not measured."
	case *end == 0 && valueOr(peak, 0) > 0:
		return who + " held up to " + count(*peak) + " TIME_WAIT; none is left."
	case *end == 0:
		return who + " holds none."
	case s.TimeWait.Plateau != nil && *s.TimeWait.Plateau == *end:
		return who + " holds " + count(*end) + " TIME_WAIT, where it levelled off."
	case s.TimeWait.Plateau != nil:
		return fmt.Sprintf("%s holds %s TIME_WAIT; it levelled off at %s.", who, count(*end), count(*s.TimeWait.Plateau))
	case valueOr(peak, 0) > *end:
		return fmt.Sprintf("%s holds %s TIME_WAIT, down from %s.", who, count(*end), count(*peak))
	}
	return who + " holds " + count(*end) + " TIME_WAIT."
}

// nobodyHolds tells that no TIME_WAIT was seen on either side.
func nobodyHolds(t *record.Trial) bool {
	for _, side := range sides {
		s := sideOf(t, side)
		if end, peak := endTimeWait(s), peakTimeWait(s); end == nil || *end != 0 || valueOr(peak, 0) != 0 {
			return false
		}
	}
	return true
}

func missedGoal(t *record.Trial) string {
	g := t.Scenario.Goal
	if g == nil || g.ReachedSeconds != nil {
		return ""
	}
	text := fmt.Sprintf("The goal of %s on the %s was not reached", count(g.TimeWait), clean(g.Side))
	if g.Side == client || g.Side == server {
		if peak := peakTimeWait(sideOf(t, g.Side)); peak != nil {
			text += "; the most was " + count(*peak)
		}
	}
	return text + "."
}

// outcome says what became of the connections, and how good that is.
func outcome(t *record.Trial) (string, style) {
	n := t.Connections
	exhausted, first := exhaustion(t)
	switch {
	case n.Attempted == 0:
		return "No connection was opened.", yellow
	case first != nil:
		return exhausted + otherFailures(t), yellow
	case n.Failed > 0:
		text := fmt.Sprintf("%s of %s failed", count(n.Failed), counted(n.Attempted, "connection", "connections"))
		if ways := failureWays(t, client); len(ways) > 0 {
			text += ": " + enumerate(ways)
		}
		return text + "." + unfinished(t), yellow
	case n.Unfinished > 0:
		return "Nothing failed, but" + strings.TrimSuffix(unfinished(t), ".") + ".", yellow
	case unwatched(t):
		return "No handshake failed that was begun; what else failed at connect() is not known.", yellow
	case len(failureWays(t, server)) > 0:
		return "The client saw nothing fail; the server saw " + enumerate(failureWays(t, server)) + ".", yellow
	case t.Status != record.Complete:
		return "Nothing failed until then.", green
	}
	return "Nothing failed.", green
}

func unfinished(t *record.Trial) string {
	if t.Connections.Unfinished == 0 {
		return ""
	}
	return " " + counted(t.Connections.Unfinished, "was", "were") + " still open at the end."
}

// exhaustion says how the client ran out of ports; first is the tuple where it began, nil where it did not.
func exhaustion(t *record.Trial) (text string, first *record.Tuple) {
	return exhaustionOf(client, "", t)
}

func exhaustionOf(who, towards string, t *record.Trial) (text string, first *record.Tuple) {
	hit, through := 0, int64(0)
	for i := range t.Ports {
		p := &t.Ports[i]
		if p.FirstExhaustionSeconds == nil && p.OKBeforeFirstExhaustion == nil {
			continue
		}
		hit++
		through += valueOr(p.OKBeforeFirstExhaustion, 0)
		if first == nil || valueOr(p.FirstExhaustionSeconds, 0) < valueOr(first.FirstExhaustionSeconds, 0) {
			first = p
		}
	}
	if first == nil {
		return "", nil
	}
	text = "The " + who + " ran out of ports" + towards
	if len(t.Ports) > 1 {
		text += fmt.Sprintf(" on %d of %d address pairs", hit, len(t.Ports))
	}
	switch {
	case first.OKBeforeFirstExhaustion == nil:
		text += " after " + seconds(valueOr(first.FirstExhaustionSeconds, 0)) + ";"
	case t.Connections.OK > through:
		text += ": " + counted(through, "connection", "connections") + " went through before the first failure, " +
			count(t.Connections.OK-through) + " after it;"
	default:
		text += ": " + counted(through, "connection", "connections") + " went through"
		if first.FirstExhaustionSeconds != nil {
			text += " in " + seconds(*first.FirstExhaustionSeconds)
		}
		text += ", then"
	}
	return text + " " + withoutPort(t) + ".", first
}

// noPort tells the outcomes of connections that found no port.
func noPort(o *record.Outcome) bool {
	return o.Cause == string(record.AddrNotAvailable) || o.Phase == "bind" && o.Cause == string(record.AddrInUse)
}

// withoutPort says how often which call found no port.
func withoutPort(t *record.Trial) string {
	n := map[string]int64{}
	for _, o := range failuresOf(t, client) {
		if noPort(&o) {
			n[o.Cause] += o.Count
		}
	}
	var parts []string
	if k := n[string(record.AddrNotAvailable)]; k > 0 || len(n) == 0 {
		parts = append(parts, "connect() failed "+counted(k, "time", "times")+" with EADDRNOTAVAIL")
	}
	if k := n[string(record.AddrInUse)]; k > 0 {
		parts = append(parts, "bind() failed "+counted(k, "time", "times")+" with EADDRINUSE")
	}
	return strings.Join(parts, " and ")
}

// otherFailures tells what else failed beside the ports that ran out.
func otherFailures(t *record.Trial) string {
	var rest []record.Outcome
	for _, o := range failuresOf(t, client) {
		if !noPort(&o) {
			rest = append(rest, o)
		}
	}
	text := unfinished(t)
	if len(rest) > 0 {
		text = " Also failed: " + enumerate(ways(rest)) + "." + text
	}
	return text
}

// atTheEnd tells a reset that came instead of the end of the stream, when all had been said: the connection was good.
func atTheEnd(o *record.Outcome) bool { return o.Phase == "close" && o.Cause == string(record.Reset) }

// failuresOf lists the outcomes of a side that are failures and happened, the most frequent first.
func failuresOf(t *record.Trial, side string) []record.Outcome {
	var list []record.Outcome
	all := t.Outcomes
	if t.Relay != nil {
		all = slices.Concat(all, t.Relay.Outcomes)
	}
	for _, o := range all {
		if o.Side == side && o.Cause != string(record.OK) && o.Count > 0 && !atTheEnd(&o) {
			list = append(list, o)
		}
	}
	slices.SortStableFunc(list, func(a, b record.Outcome) int {
		switch {
		case a.Count > b.Count:
			return -1
		case a.Count < b.Count:
			return 1
		}
		return strings.Compare(a.Phase+" "+a.Errno+" "+a.Cause, b.Phase+" "+b.Errno+" "+b.Cause)
	})
	return list
}

func failureWays(t *record.Trial, side string) []string { return ways(failuresOf(t, side)) }

// ways writes failures as "300 ECONNRESET at read", three at most.
func ways(list []record.Outcome) []string {
	const most = 3
	var out []string
	for i, o := range list {
		if i == most && len(list) > most+1 {
			return append(out, fmt.Sprintf("%d other ways", len(list)-most))
		}
		out = append(out, count(o.Count)+nbsp+what(o)+atCall(o))
	}
	return out
}

// what names a failure by its errno, else by its cause.
func what(o record.Outcome) string {
	if o.Errno != "" {
		return clean(o.Errno)
	}
	return strings.ReplaceAll(clean(o.Cause), "-", " ")
}

var calls = map[string]string{
	"socket": "socket()", "option": "setsockopt()", "bind": "bind()", "connect": "connect()", "write": "write()",
	"read": "read()", "close": "close()", "accept": "accept()",
}

func atCall(o record.Outcome) string {
	switch call := calls[o.Phase]; {
	case o.Phase == "kept":
		return " on a kept connection"
	case call != "":
		return " at " + call
	case o.Phase != "":
		return " at " + clean(o.Phase)
	}
	return ""
}

// enumerate joins with commas and a last "and".
func enumerate(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}
