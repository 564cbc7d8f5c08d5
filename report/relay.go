package report

import (
	"cmp"
	"slices"
	"strings"

	"twomsl/internal/record"
	"twomsl/report/diagnose"
)

// A relay's sockets are told in two lots, which its kernel does not tell apart: those that face the client, like a
// server's, and those that face the server, like a client's.
const (
	relay       = "relay"
	relayClient = "relay to client"
	relayServer = "relay to server"
)

// faces are the relay's two sides, in the order of the way to the server.
var faces = []string{relayClient, relayServer}

func faceOf(t *record.Trial, face string) *record.RelayFace {
	if face == relayClient {
		return &t.Relay.Client
	}
	return &t.Relay.Server
}

// hosts are those of the trial, in the order of the way to the server.
func hosts(t *record.Trial) []string {
	if t.Relay == nil {
		return sides
	}
	return []string{client, relay, server}
}

// relaySide is the relay as one host: what its kernel counts for both of its sides together.
func relaySide(t *record.Trial) *record.Side {
	r := t.Relay
	return &record.Side{
		PID: r.PID, Addresses: r.Addresses, Counters: r.Counters, CPU: r.CPU, Sampler: r.Sampler, Sysctls: r.Sysctls,
		States: record.SideStates{End: together(r.Client.States.End, r.Server.States.End)},
	}
}

// together adds two tables of states; nil where neither was taken.
func together(a, b record.Counts) record.Counts {
	if a == nil || b == nil {
		return nil
	}
	out := record.Counts{}
	for _, s := range record.States {
		if n := a[s] + b[s]; n != 0 {
			out[s] = n
		}
	}
	return out
}

// asOpener is what the relay did as the server's client, told like a trial of these two.
func asOpener(t *record.Trial) *record.Trial {
	r, view := t.Relay, *t
	view.Relay = nil
	if n := r.Relayed; n != nil {
		view.Connections = record.Connections{Attempted: r.Accepted, OK: *n, Failed: r.Accepted - *n}
	}
	if theirRelay(t) && r.Unwatched == "" {
		view.Connections = countedIn(r.Outcomes)
	}
	view.Scenario.CloseSide = server
	if r.Close == relay {
		view.Scenario.CloseSide = client
	}
	view.Sides.Client = record.Side{States: r.Server.States, TimeWait: r.Server.TimeWait, Samples: r.Server.Samples}
	view.Ports = slices.Clone(r.Ports)
	for i := range view.Ports {
		view.Ports[i].Source = relay + " " + view.Ports[i].Source
	}
	view.Outcomes = nil
	for _, o := range r.Outcomes {
		o.Side = client
		view.Outcomes = append(view.Outcomes, o)
	}
	return &view
}

// countedIn are the connections to the server, which are more or fewer than those from the client where a proxy calls again.
func countedIn(outcomes []record.Outcome) (c record.Connections) {
	for _, o := range outcomes {
		c.Attempted += o.Count
		if o.Cause == string(record.OK) {
			c.OK += o.Count
		}
	}
	c.Failed = c.Attempted - c.OK
	return c
}

// relayAnswer is the answer of a trial with a relay: where it broke, who sees that and who does not, and where the
// TIME_WAIT stand.
func relayAnswer(w *wording, t *record.Trial) {
	ran, mood := outcome(t)
	if text, first := exhaustionOf(relayName(t), " towards the server", asOpener(t)); first != nil {
		ran, mood = text+whoSees(t), yellow
	} else if text := allTaken(t); text != "" {
		ran, mood = text+whoSees(t), yellow
	}
	if ran != "" && mood != green {
		w.para(mood, ran)
	}
	held := []string{facesHold(t), bothHold(t)}
	st := bold
	if mood == green {
		held, st = append(held, ran), green
	}
	w.para(st, strings.Join(held, " "))
	careful(w, t)
}

// theirRelay tells that the relay was somebody else's: a proxy.
func theirRelay(t *record.Trial) bool { return t.Scenario.RelayCommand != "" }

// proxyName is its program.
func proxyName(t *record.Trial) string {
	return cmp.Or(foreignProgram(t.Scenario.RelayCommand), "the proxy")
}

// relayName is what a sentence calls the relay.
func relayName(t *record.Trial) string {
	if theirRelay(t) {
		return relay + ", " + proxyName(t) + ","
	}
	return relay
}

// allTaken says that a proxy of somebody else's had its ports towards the server taken, which is all that its sockets show
// of its running out of them; "" where it had some left.
func allTaken(t *record.Trial) string {
	if !theirRelay(t) {
		return ""
	}
	h := diagnose.FromTrial(t, relay)
	tuple, used, usable := diagnose.Full(&h)
	if tuple == "" {
		return ""
	}
	text := "The " + relayName(t) + " had all its ports towards the server taken: " + count(used) + " of " + count(usable) + " (" + tuple + ")."
	if t.Relay.Unwatched != "" {
		text += " Whether its connect() failed for it only its own log tells."
	}
	return text
}

// whoSees tells how the two others learn of the relay's trouble.
func whoSees(t *record.Trial) string {
	text := ""
	list := failuresOf(t, client)
	switch {
	case len(list) == 1 && list[0].Cause == string(record.ShortRead):
		text = " The client sees " + counted(list[0].Count, "connection that ends", "connections that end") + " without an answer."
	case len(list) > 0:
		text = " The client sees " + enumerate(ways(list)) + "."
	}
	if len(failuresOf(t, server)) == 0 {
		text += " The server sees nothing of it."
	}
	return text + unfinished(t)
}

// facesHold says how many TIME_WAIT stand on either side of the relay, and what they cost.
func facesHold(t *record.Trial) string {
	c, s := countOf(t.Relay.Client.States.End, record.TimeWait), countOf(t.Relay.Server.States.End, record.TimeWait)
	if c == nil || s == nil {
		return "The relay's TIME_WAIT at the end were not measured."
	}
	text := "The relay holds " + count(*c+*s) + " TIME_WAIT"
	switch {
	case *c+*s == 0:
		return "The relay holds no TIME_WAIT."
	case *s == 0:
		return text + ", all towards the client, where they take no port."
	case *c == 0:
		return text + ", all towards the server, each with a port of its own."
	}
	return text + ": " + count(*s) + " towards the server, each with a port of its own, and " + count(*c) +
		" towards the client, where they take none."
}

// bothHold says what client and server hold.
func bothHold(t *record.Trial) string {
	c, s := endTimeWait(&t.Sides.Client), endTimeWait(&t.Sides.Server)
	if c != nil && s != nil && *c == 0 && *s == 0 {
		return "Client and server hold none."
	}
	return holds(t, client) + " " + holds(t, server)
}

// relayAccount tells what became of the connections that the relay took.
func relayAccount(w *wording, t *record.Trial) {
	r := t.Relay
	if r == nil {
		return
	}
	if n := r.Relayed; n != nil {
		w.row("relay", count(r.Accepted)+nbsp+"taken from the client", signed("=", *n)+nbsp+"answered by the server",
			signed("+", r.Accepted-*n)+nbsp+"without an answer")
	} else {
		w.row("relay", count(r.Accepted)+nbsp+"accepted from the client; what it passed on is not known: it is not ours")
	}
	if r.Counters == nil {
		return // it has not told the rest
	}
	text := counted(openedOnward(r), "connection", "connections") + " opened to the server"
	if r.Pool > 0 {
		text += ", which stay open for the next client"
	}
	w.row("", words(text)...)
}

// openedOnward is how many connections to the server came to stand.
func openedOnward(r *record.Relay) (n int64) {
	for i := range r.Ports {
		n += r.Ports[i].Successes
	}
	return n
}

// relayClosing tells who closes first on either side of the relay.
func relayClosing(w *wording, t *record.Trial) {
	first := clean(t.Close.Side)
	if first == server {
		first = relay
	}
	chunks := []string{"client and relay: the " + first + " first, by " + clean(t.Close.How)}
	if theirRelay(t) {
		chunks = append(chunks, "· relay and server: as "+proxyName(t)+" does")
	} else if t.Relay.Pool > 0 {
		chunks = append(chunks, "· relay and server: up to "+count(int64(t.Relay.Pool))+" stay open")
	} else {
		chunks = append(chunks, "· relay and server: the "+clean(t.Relay.Close)+" first, by fin")
	}
	w.row("close", chunks...)
}

// relayPorts tells the ports of both pairs: the relay's in full, the client's in a line.
func relayPorts(w *wording, t *record.Trial) {
	view := asOpener(t)
	if t.Relay.Counters == nil {
		for i := range view.Ports {
			p := &view.Ports[i]
			w.row("ports", clean(p.Source)+" -> "+endpoint(p)+":", "not measured, the relay had ended")
		}
		return
	}
	ports(w, view)
	if t.Relay.Pool > 0 {
		w.row("", "they go to connections that stay open for the next client")
	}
	if len(t.Ports) == 0 || !known(t.Ports) {
		return
	}
	w.row("client ports", "towards the relay:",
		"at most "+spread(t.Ports, func(p *record.Tuple) int64 { return *p.PeakInUse })+" of "+
			spread(t.Ports, func(p *record.Tuple) int64 { return int64(p.Range.Size()) })+" taken")
}

// relaySeries are the relay's curves on a screen: its TIME_WAIT by side, and its ports.
func relaySeries(t *record.Trial) []series {
	if t.Relay == nil {
		return nil
	}
	value := func(s *record.Sample) *int64 { return s.TimeWait }
	var list []series
	for _, one := range []struct{ face, label string }{{relayClient, "TW to client"}, {relayServer, "TW to server"}} {
		samples := faceOf(t, one.face).Samples
		if top := most(samples, value); top > 0 {
			list = append(list, series{one.label, value, samples, top, count(top)})
		}
	}
	return append(list, portSeries(asOpener(t))...)
}

// relayTable shows the sockets of all hosts by state as they stood at the end, the relay's in their two lots.
func relayTable(w *wording, t *record.Trial) {
	all := []record.SideStates{t.Sides.Client.States, t.Relay.Client.States, t.Relay.Server.States, t.Sides.Server.States}
	tb := table{heads: [][]string{{"at the end", client, "relay", "relay", server}, {nbsp, nbsp, "to client", "to server", nbsp}}}
	add := func(label, note string, state record.State) {
		row := []string{label}
		for _, s := range all {
			cell := "unknown" // the relay has died: four columns leave no room for more words
			if s.End != nil {
				cell = count(s.End[state])
			}
			row = append(row, cell)
		}
		tb.rows, tb.notes = append(tb.rows, row), append(tb.notes, note)
	}
	folded := false
	for _, state := range record.States {
		n := int64(0)
		for _, s := range all {
			n += s.End[state]
		}
		switch {
		case state == record.TimeWait:
			add(state.Netstat(), relayNote(t), state)
		case n == 0:
			folded = true
		default:
			add(state.Netstat(), "", state)
		}
	}
	if folded {
		add("others", "", record.Closed)
	}
	w.table(&tb)
}

// relayNote says what the relay's TIME_WAIT cost and how long they live.
func relayNote(t *record.Trial) string {
	n := int64(0)
	var life, each string
	for _, face := range faces {
		f := faceOf(t, face)
		n += valueOr(f.TimeWait.Peak, 0)
		if l := f.TimeWait.LifetimeSeconds; l != nil {
			life = "lives" + nbsp + seconds(*l)
		}
		if b := f.TimeWait.BytesEach; b != nil && n > 0 {
			each = counted(*b, "byte", "bytes") + nbsp + "each, " + size(float64(*b)*float64(n)) + " on the relay"
		}
	}
	return strings.Join(slices.DeleteFunc([]string{each, life}, func(s string) bool { return s == "" }), "; ")
}
