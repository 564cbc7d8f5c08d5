package claims

import (
	"fmt"
	"math"
	"strings"

	"twomsl/internal/record"
)

// changed says by which word a line is judged that has made a number smaller (or larger) than it was.
func changed(was, is float64, smaller, larger string) string {
	switch slack := max(2, 0.02*was); {
	case is < was-slack:
		return smaller
	case is > was+slack:
		return larger
	}
	return record.NoEffect
}

// fewerFailures: a client that has run out of ports.
func fewerFailures(l *Line, s *Seen) (v lineVerdict) {
	was, is := s.failed(before), s.failed(after)
	opened := s.opened(after)
	v.verdict = changed(was, is, record.Helps, record.Harmful)
	v.figure, v.unit = is, fmt.Sprintf("of %s connections failed, %s without it", num(opened), num(was))
	v.why = fmt.Sprintf("Out of ports, %s of %s connections failed, and %s without the line.", num(is), num(opened), num(was))
	if reused := s.counter(after, client, "TcpExt.TWRecycled"); reused > 0 {
		v.why += fmt.Sprintf(" connect() took over %s TIME_WAIT.", num(reused))
	}
	if over := s.counter(after, client, "TcpExt.TCPTimeWaitOverflow"); over > 0 {
		v.price = fmt.Sprintf("%s connections closed without TIME_WAIT, and without its protection", num(over))
	}
	return v
}

// fewerStanding: a server that closes first.
func fewerStanding(l *Line, s *Seen) (v lineVerdict) {
	was, is := s.standing(before, server), s.standing(after, server)
	v.verdict = changed(was, is, record.Helps, record.Harmful)
	v.figure, v.unit = is, fmt.Sprintf("TIME_WAIT on the server, %s without it", num(was))
	v.why = fmt.Sprintf("A server that closed %s connections first holds %s TIME_WAIT, and %s without the line.", num(s.opened(after)), num(is), num(was))
	return v
}

// cappedForNothing: nothing fails on a server for its TIME_WAIT, so having fewer gains nothing.
func cappedForNothing(l *Line, s *Seen) (v lineVerdict) {
	was, is := s.standing(before, server), s.standing(after, server)
	over := s.counter(after, server, "TcpExt.TCPTimeWaitOverflow")
	v.verdict = either(over > 0, record.Harmful, record.NoEffect)
	v.figure, v.unit = is, fmt.Sprintf("TIME_WAIT on the server, %s without it", num(was))
	v.why = fmt.Sprintf("A server that closed %s connections first holds %s TIME_WAIT, and %s without the line; nothing failed either way.",
		num(s.opened(after)), num(is), num(was))
	if over > 0 {
		v.price = fmt.Sprintf("%s connections closed without TIME_WAIT, and without its protection", num(over))
	}
	return v
}

// carriesMore: a client's range of ports.
func carriesMore(l *Line, s *Seen) (v lineVerdict) {
	was, is := s.carried(before), s.carried(after)
	v.verdict = changed(was, is, record.Harmful, record.Helps)
	v.figure, v.unit = is, fmt.Sprintf("connections before the first EADDRNOTAVAIL, %s without it", num(was))
	v.why = fmt.Sprintf("One address pair carries %s connections within a TIME_WAIT's life, and %s with the default.", num(is), num(was))
	if low, _, _ := strings.Cut(l.Value, " "); v.verdict == record.Helps && number(low) < 32768 {
		v.price = "connect() may take a port that a service wants to listen at later: keep those in ip_local_reserved_ports"
	}
	return v
}

// sameLife: tcp_fin_timeout, by the timers that the kernel gives.
func sameLife(l *Line, s *Seen) (v lineVerdict) {
	was, is := math.Round(s.life(before, l.Side)), math.Round(s.life(after, l.Side))
	orphans, short := math.Round(s.orphanLife("orphans before", l.Side)), math.Round(s.orphanLife("orphans after", l.Side))
	v.verdict = either(is < 0.9*was, record.Helps, record.NoEffect)
	v.figure, v.unit = is, fmt.Sprintf("s that TIME_WAIT is given, %s without it", num(was))
	v.why = fmt.Sprintf("TIME_WAIT is given %s s with the line and %s s without. What it changes is an orphaned FIN_WAIT2: %s s instead of %s s.",
		num(is), num(was), num(short), num(orphans))
	return v
}

func (s *Seen) life(part, side string) float64 {
	if v := s.side(part, side).TimeWait.LifetimeSeconds; v != nil {
		return *v
	}
	s.lack("no timer of a TIME_WAIT was seen")
	return 0
}

// orphanLife is 0 where tcp_fin_timeout is too long for a timer to show it.
func (s *Seen) orphanLife(part, side string) float64 {
	if v := s.side(part, side).TimeWait.FinWait2Seconds; v != nil {
		return *v
	}
	return 0
}

// moreServed: a server whose SYN queue is full.
func moreServed(l *Line, s *Seen) (v lineVerdict) {
	was, is := s.figure(before, "served"), s.figure(after, "served")
	v.verdict = changed(was, is, record.Harmful, record.Helps)
	v.figure, v.unit = is, fmt.Sprintf("of 20 clients served past a full SYN queue, %s without it", num(was))
	v.why = fmt.Sprintf("With the SYN queue full %s of 20 further clients are served, and %s without the line.", num(is), num(was))
	return v
}

// moreWaiting: how many handshakes wait at a server.
func moreWaiting(l *Line, s *Seen) (v lineVerdict) {
	was, is := s.figure(before, "kept"), s.figure(after, "kept")
	v.verdict = changed(was, is, record.Harmful, record.Helps)
	v.figure, v.unit = is, fmt.Sprintf("handshakes wait, %s without it", num(was))
	v.why = fmt.Sprintf("listen(128): %s handshakes wait with the line and %s without; the setting is looked at only with tcp_syncookies = 0.", num(is), num(was))
	return v
}

// idleOnly: tcp_keepalive_time.
func idleOnly(l *Line, s *Seen) (v lineVerdict) {
	first, was := math.Round(s.figure(after, "first_probe")), math.Round(s.figure(before, "first_probe"))
	v.verdict = record.NoEffect
	v.figure, v.unit = first, fmt.Sprintf("s until an idle socket with SO_KEEPALIVE is asked, %s without it", num(was))
	v.why = fmt.Sprintf("TIME_WAIT has %s s left as ever; %s of %s sockets without SO_KEEPALIVE are asked. What changes is when an idle one "+
		"with it is asked: after %s s, and %s s without the line.", one(s.figure(after, "time_wait_left")), num(s.figure(after, "without")),
		num(s.figure(after, "each")), num(first), num(was))
	return v
}

// shorterFlow: a timer of connection tracking.
func shorterFlow(l *Line, s *Seen) (v lineVerdict) {
	was, is := s.figure(before, "flow"), s.figure(after, "flow")
	v.verdict = changed(was, is, record.Helps, record.Harmful)
	v.figure, v.unit = is, fmt.Sprintf("s in the connection-tracking table after the close, %s without it", num(was))
	v.why = fmt.Sprintf("The table keeps the flow for %s s after the close, and %s s without the line; the socket has %s s either way.", num(is), num(was),
		one(s.figure(after, "socket")))
	return v
}

// indifferent: a side on which the setting has nothing to do.
func indifferent(l *Line, s *Seen) (v lineVerdict) {
	ok := s.opened(after) - s.failed(after)
	was := s.opened(before) - s.failed(before)
	v.verdict = changed(was, ok, record.Harmful, record.Helps)
	v.figure, v.unit = ok, fmt.Sprintf("of %s connections went through, %s without it", num(s.opened(after)), num(was))
	v.why = fmt.Sprintf("A side that only opens connections has no such queue: %s of %s went through, and %s without the line.", num(ok), num(s.opened(after)), num(was))
	return v
}

// thereOrNot: a line that this kernel does not have, or does not take.
func thereOrNot(l *Line, s *Seen) (v lineVerdict) {
	q := l.outcome(s)
	left, opened := s.standing(asked, client), s.opened(asked)
	if q == nil {
		s.lack("%s was not asked for", l.Key)
		return v
	}
	switch q.Outcome {
	case record.SysctlMissing:
		v.verdict, v.why = record.Missing, sentence(q.Reason)
		v.figure, v.unit = left, fmt.Sprintf("of %s connections left TIME_WAIT after it was asked for", num(opened))
	case record.SysctlRefused, record.SysctlHostWide:
		v.verdict, v.why = record.ClaimUntestable, sentence(q.Reason)
	default:
		v.verdict, v.why = record.NoEffect, fmt.Sprintf("%s of %s connections left TIME_WAIT with the line.", num(left), num(opened))
		v.figure, v.unit = left, fmt.Sprintf("of %s connections left TIME_WAIT", num(opened))
	}
	return v
}

// notCovered says what became of the line, since nothing more was tried.
func notCovered(l *Line, s *Seen) (v lineVerdict) {
	v.verdict = record.NotCovered
	q := l.outcome(s)
	switch {
	case q == nil:
	case q.Outcome == record.SysctlMissing:
		v.verdict, v.why = record.Missing, sentence(q.Reason)
	case q.Outcome == record.SysctlAlreadySet:
		v.verdict, v.why = record.AlreadySet, "It has that value already. No claim is about it."
	case q.Reason != "":
		v.why = "No claim is about it. " + sentence(q.Reason)
	default:
		v.why = "The kernel takes it; no claim is about it."
	}
	if q != nil && q.Does != "" && v.verdict != record.Missing {
		v.why += " " + sentence(q.Does)
	}
	return v
}

// sentence begins with a capital and ends in a full stop.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
