package report

import (
	"fmt"
	"strings"

	"twomsl/internal/record"
)

// usedUp says which of the things that a host has only so much of was used up, beside its ports; "" where none was. Of
// several the first is told: what comes after follows from it.
func usedUp(t *record.Trial) string {
	for _, of := range []func(*record.Trial) string{tableFull, withoutDescriptors, acceptQueueFull, synQueueFull, pastHalf} {
		if text := of(t); text != "" {
			return text
		}
	}
	return ""
}

// tableFull tells of a connection-tracking table without room.
func tableFull(t *record.Trial) string {
	for _, side := range sides {
		if c := sideOf(t, side).Conntrack; c != nil && valueOr(c.Dropped, 0) > 0 {
			return fmt.Sprintf("The connection-tracking table was full at %s entries: the %s's host dropped %s of new flows, whatever "+
				"their protocol.", count(c.Limit), side, counted(*c.Dropped, "packet", "packets"))
		}
	}
	return ""
}

// withoutDescriptors tells of a process that could not open or accept one more.
func withoutDescriptors(t *record.Trial) string {
	for _, one := range []struct{ side, phase string }{{server, "accept"}, {client, "socket"}} {
		for _, o := range failuresOf(t, one.side) {
			if o.Cause != string(record.OutOfDescriptors) || o.Phase != one.phase {
				continue
			}
			text := fmt.Sprintf("The %s was out of descriptors: %s failed %s with %s", one.side, calls[o.Phase],
				counted(o.Count, "time", "times"), clean(o.Errno))
			if d := sideOf(t, one.side).Descriptors; d != nil && o.Errno == "EMFILE" {
				text += ", since its process may hold " + count(d.Limit)
			}
			return text + "."
		}
	}
	return ""
}

// worthALine is whether so many of a counter are worth the first line: something failed, or it was one in a hundred connections.
func worthALine(t *record.Trial, n int64) bool {
	return n > 0 && (t.Connections.Failed > 0 || n*100 >= t.Connections.Attempted)
}

// acceptQueueFull tells of a server that does not accept as fast as connections come.
func acceptQueueFull(t *record.Trial) string {
	n := t.Sides.Server.Counters["TcpExt.ListenOverflows"]
	if !worthALine(t, n) {
		return ""
	}
	text := "The accept queue was full: the server accepts more slowly than connections come. "
	if l := fullest(t, func(l *record.Listener) int64 { return l.Queue }); l != nil && l.Queue > 0 {
		text += counted(l.Queue, "connection", "connections") + " waited there (backlog " + count(l.Backlog) + "), and "
	}
	return text + counted(n, "SYN or ACK", "SYNs or ACKs") + " found no room."
}

// synQueueFull tells of half-open connections that take all the room for handshakes, and what became of the others.
func synQueueFull(t *record.Trial) string {
	c := t.Sides.Server.Counters
	cookies, dropped := c["TcpExt.TCPReqQFullDoCookies"], c["TcpExt.TCPReqQFullDrop"]
	if !worthALine(t, cookies+dropped) {
		return ""
	}
	text := "The SYN queue was full"
	if l := fullest(t, func(l *record.Listener) int64 { return l.SynRecv }); l != nil && l.SynRecv > 0 {
		text += ": " + counted(l.SynRecv, "handshake was", "handshakes were") + " half open (backlog " + count(l.Backlog) + ")"
	}
	if dropped > 0 {
		text += ", and " + counted(dropped, "SYN was", "SYNs were") + " dropped"
		if t.Sides.Server.Sysctls.Effective["net.ipv4.tcp_syncookies"] == "0" {
			text += ", since SYN cookies are off"
		}
		return text + "."
	}
	if back := c["TcpExt.SyncookiesRecv"]; back > 0 {
		return text + ". " + count(back) + " got in all the same, by SYN cookies."
	}
	return text + ", and " + counted(cookies, "SYN was", "SYNs were") + " answered with a cookie."
}

// pastHalf tells of connect() that searches half of its range in vain, where nothing else is wrong.
func pastHalf(t *record.Trial) string {
	before, after := paces(t)
	if t.Connections.Failed > 0 || before < fell*after || after <= 0 {
		return ""
	}
	text := fmt.Sprintf("connect() got slow past half of the port range: %s went through before, %s after", rate(before), rate(after))
	if q := t.Latency.Connect; q != nil && q.Count > 0 {
		text += "; it takes " + micros(q.P50US) + " at p50 and " + micros(q.P99US) + " at p99"
	}
	return text + "."
}

// fell is how many times slower it must have got to be told.
const fell = 3

// paces are how many connections a second were opened before half of the one tuple's ports were taken, and after; zeros
// where that cannot be told. A rate that was asked for has the shape of the schedule, until it is not kept.
func paces(t *record.Trial) (before, after float64) { return pacesUntil(t, t.Phases.LoadSeconds) }

// pacesUntil are those up to a moment, in seconds from the start of the load.
func pacesUntil(t *record.Trial, moment float64) (before, after float64) {
	if len(t.Ports) != 1 || t.Ports[0].Forecast.CliffPerSecond == nil {
		return 0, 0
	}
	half, end := int64(t.Ports[0].Range.Size()/2), moment*1e3
	samples := t.Sides.Client.Samples
	at, last := -1, -1
	for i := range samples {
		if samples[i].AtMS > end {
			break
		}
		last = i
		if n := samples[i].TimeWait; at < 0 && n != nil && *n >= half {
			at = i
		}
	}
	if at < 0 || last <= at || samples[at].AtMS <= 0 {
		return 0, 0
	}
	a, b := &samples[at], &samples[last]
	return float64(a.Opened) / a.AtMS * 1e3, float64(b.Opened-a.Opened) / (b.AtMS - a.AtMS) * 1e3
}

// fullest is the server's listener with the most of something; nil where none was seen.
func fullest(t *record.Trial, of func(*record.Listener) int64) (most *record.Listener) {
	list := t.Sides.Server.Listeners
	for i := range list {
		if most == nil || of(&list[i]) > of(most) {
			most = &list[i]
		}
	}
	return most
}

// limits tells how full that was which a host has only so much of, where it was at least half full.
func limits(w *wording, t *record.Trial) {
	queue(w, t, "accept queue", "waited for accept()", func(l *record.Listener) int64 { return l.Queue })
	queue(w, t, "SYN queue", "half open", func(l *record.Listener) int64 { return l.SynRecv })
	label := "tracking"
	for _, side := range sides {
		c := sideOf(t, side).Conntrack
		if c == nil {
			continue
		}
		chunks := []string{fmt.Sprintf("%s of %s entries on the %s at the peak", count(c.Entries), count(c.Limit), side)}
		if c.Limit > 0 {
			chunks[0] += ", " + share(float64(c.Entries), float64(c.Limit))
		}
		if n := valueOr(c.Dropped, 0); n > 0 {
			chunks = append(chunks, "· "+counted(n, "packet", "packets")+" dropped for want of room")
		}
		if n := valueOr(c.EarlyDropped, 0); n > 0 {
			chunks = append(chunks, "· "+counted(n, "entry", "entries")+" went early to make room")
		}
		w.row(label, chunks...)
		label = ""
	}
	label = "descriptors"
	for _, side := range sides {
		if d := sideOf(t, side).Descriptors; d != nil && d.InUse*2 >= d.Limit {
			w.row(label, fmt.Sprintf("%s of %s held by the %s's process at the peak", count(d.InUse), count(d.Limit), side))
			label = ""
		}
	}
}

// queue tells of the listener whose queue was the longest.
func queue(w *wording, t *record.Trial, label, what string, of func(*record.Listener) int64) {
	l := fullest(t, of)
	if l == nil || of(l) == 0 || of(l)*2 < l.Backlog {
		return
	}
	where := clean(l.Address)
	if strings.Contains(where, ":") {
		where = "[" + where + "]"
	}
	w.row(label, fmt.Sprintf("%s %s at %s:%d at the peak,", count(of(l)), what, where, l.Port),
		fmt.Sprintf("backlog %s: room for %s", count(l.Backlog), count(l.Backlog+1)))
}
