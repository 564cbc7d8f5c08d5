package report

import "twomsl/internal/record"

// deadPeer is the answer where the client's host vanished: who found it out, and when.
func deadPeer(w *wording, t *record.Trial) {
	k := t.Kept
	stood, found := valueOr(k.StoodThen, 0), valueOr(k.Ended, 0)
	standing := countOf(t.Sides.Server.States.End, record.Established)
	switch {
	case found == 0 && standing != nil && *standing > 0:
		w.para(yellow, counted(*standing, "connection", "connections")+" of the server's "+is(*standing)+
			" nobody at the other end; TCP has not noticed.")
		w.para(plain, unnoticed(t))
	case found == 0:
		w.para(yellow, "The client's host vanished; what became of the server's connections is not measured.")
	case found < stood:
		w.para(yellow, count(found)+" of "+counted(stood, "dead connection was", "dead connections were")+" found "+
			foundAfter(k)+", "+foundBy(t)+"; "+count(stood-found)+" still stand.")
	default:
		w.para(green, counted(found, "dead connection was", "dead connections were")+" found "+foundAfter(k)+", "+foundBy(t)+".")
	}
	if found > 0 {
		w.para(plain, howFound(t))
	}
	actOnDead(w, t, found)
}

func is(n int64) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

// unnoticed says for how long nothing has told.
func unnoticed(t *record.Trial) string {
	whole := t.Phases.LoadSeconds + t.Phases.HoldSeconds
	text := "The client's host vanished without a FIN and without a reset"
	if since := whole - *t.Kept.VanishedSeconds; since > 0 {
		text += ", " + seconds(since) + " before the end"
	}
	return text + ". On an idle connection nothing is sent, so nothing is missed: they would stand for ever."
}

// foundAfter is when, counted from the moment the host vanished.
func foundAfter(k *record.Kept) string {
	first, last := k.FoundFirstSeconds, k.FoundLastSeconds
	if first == nil || last == nil {
		return "at a time that is not measured"
	}
	return between(seconds(*first), seconds(*last)) + " after their host vanished"
}

// foundBy names what told the server's application, from how its connections ended.
func foundBy(t *record.Trial) string {
	var ways []string
	for _, o := range failuresOf(t, server) {
		if o.Phase != "kept" {
			continue
		}
		switch {
		case o.Errno == "" && o.Cause == string(record.TimedOut):
			ways = append(ways, "by the application's heartbeat")
		case o.Errno == "ETIMEDOUT" && t.Kept.Heartbeat != nil:
			ways = append(ways, "by TCP, whose retries of the heartbeat were over")
		case o.Errno == "ETIMEDOUT" && t.Kept.KeepAlive != nil:
			ways = append(ways, "by keep-alive")
		default:
			ways = append(ways, "by "+what(o))
		}
	}
	if len(ways) == 0 {
		return "by means that are not measured"
	}
	return enumerate(ways)
}

// howFound sets the time against what was asked for.
func howFound(t *record.Trial) string {
	k := t.Kept
	text := ""
	if a := k.KeepAlive; a != nil {
		text = "The kernel asked after " + setTime(a.IdleSeconds) + " without a segment, every " + setTime(a.IntervalSeconds) +
			" again, and gave up when " + counted(int64(a.Probes), "question", "questions") + " had had no answer: " + setTime(a.IdleSeconds+float64(a.Probes)*a.IntervalSeconds) +
			" after the last segment."
	}
	if h := k.Heartbeat; h != nil {
		if text != "" {
			text += " "
		}
		text += "The application asked every " + setTime(h.EverySeconds) + " and gives up after " + setTime(h.LimitSeconds) +
			" without an answer." + triedAgain(t)
	}
	return text
}

// triedAgain says what TCP did with the question that nobody acknowledged.
func triedAgain(t *record.Trial) string {
	s := &t.Sides.Server
	text := ""
	if n := s.Counters["Tcp.RetransSegs"]; n > 0 {
		text = " TCP sent its question again (" + counted(n, "segment", "segments") + ")"
		if s.Counters["TcpExt.TCPAbortOnTimeout"] == 0 {
			text += ", and had not given up yet."
		} else {
			text += " until net.ipv4.tcp_retries2 was reached" + setTo(s, "net.ipv4.tcp_retries2") + "."
		}
	}
	if n := s.States.End[record.FinWait1]; n > 0 {
		text += " The application has closed; " + counted(n, "orphan", "orphans") + " in FIN_WAIT1 still try to deliver it."
	}
	return text
}

func setTo(s *record.Side, key string) string {
	if value := clean(s.Sysctls.Effective[key]); value != "" {
		return " (" + value + ")"
	}
	return ""
}

// actOnDead says who must act.
func actOnDead(w *wording, t *record.Trial, found int64) {
	k := t.Kept
	switch {
	case k.KeepAlive == nil && k.Heartbeat == nil:
		w.para(bold, "Who must act: the server's application. It has to ask, by SO_KEEPALIVE with times of its own or by a "+
			"heartbeat; the settings net.ipv4.tcp_keepalive_* are only for sockets that ask.")
	case found == 0:
		w.para(bold, "What asks had not given up yet: a longer load.hold shows when it does.")
	}
}

// idle is the answer where connections stand and nobody is gone.
func idle(w *wording, t *record.Trial) {
	c, v := t.Sides.Client.States.End, t.Sides.Server.States.End
	if c == nil || v == nil {
		w.para(yellow, "How many connections stand is not measured.")
		return
	}
	n := v[record.Established]
	if n < t.Connections.OK || c[record.Established] < t.Connections.OK {
		w.para(yellow, "Of "+counted(t.Connections.OK, "connection", "connections")+" that were to stand "+
			count(n)+" do on the server, "+count(c[record.Established])+" on the client.")
		return
	}
	w.para(green, counted(n, "idle connection stands", "idle connections stand")+" on either side. Nothing failed, and nothing is wrong.")
	w.para(plain, "Each takes "+idleCost(t, n)+" and a port of the client's address; no segment is exchanged.")
}

// idleCost tells what one connection takes of the server.
func idleCost(t *record.Trial, n int64) string {
	text := "a descriptor"
	if each, ok := kernelBytes(t); ok {
		text += ", about " + size(each) + " of the kernel's memory at either end"
	} else if m := t.Sides.Server.Memory; m != nil && m.SocketBytes != nil {
		text += ", " + count(*m.SocketBytes) + " bytes of the kernel's memory at either end for the socket alone"
	}
	if each, ok := programBytes(&t.Sides.Server, n); ok {
		text += ", " + size(each) + " of this server's program"
	}
	return text
}

// slabLeast is how many connections it takes for the host's slab memory to show them: whatever else runs there shows in it,
// too.
const slabLeast = 10_000

// kernelBytes is what the kernel's memory grew by for each end of a connection.
func kernelBytes(t *record.Trial) (each float64, ok bool) {
	if t.Kept == nil || valueOr(t.Kept.SlabBytes, 0) <= 0 || t.Connections.OK < slabLeast {
		return 0, false
	}
	return float64(*t.Kept.SlabBytes) / float64(2*t.Connections.OK), true
}

// programBytes is what the side's processes grew by for each connection.
func programBytes(s *record.Side, n int64) (each float64, ok bool) {
	m := s.Memory
	if m == nil || m.ResidentBefore == nil || m.ResidentBytes == nil || n <= 0 || *m.ResidentBytes <= *m.ResidentBefore {
		return 0, false
	}
	return float64(*m.ResidentBytes-*m.ResidentBefore) / float64(n), true
}

// vanishing tells what happened to connections that were kept, moment by moment.
func vanishing(w *wording, t *record.Trial) {
	k := t.Kept
	if k == nil || k.VanishedSeconds == nil {
		return
	}
	w.row("vanished", "the client's host, at "+seconds(*k.VanishedSeconds)+",", "with "+
		counted(valueOr(k.StoodThen, 0), "connection", "connections")+" to it standing on the server")
	if k.Ended != nil && *k.Ended > 0 && k.FoundFirstSeconds != nil && k.FoundLastSeconds != nil {
		w.row("found out", counted(*k.Ended, "connection", "connections")+",",
			between(seconds(*k.FoundFirstSeconds), seconds(*k.FoundLastSeconds))+" after that")
	} else if k.Ended != nil {
		w.row("found out", "nothing")
	}
	if h := k.Heartbeat; h != nil {
		w.row("heartbeats", counted(h.Sent, "was sent,", "were sent,"), count(h.Answered)+" answered")
	}
	stalled(w, t)
}

// stalled tells what the kernel's own timers showed of it.
func stalled(w *wording, t *record.Trial) {
	s := mostStalled(&t.Sides.Server)
	if s == nil {
		return
	}
	var chunks []string
	for _, one := range []struct {
		n    int64
		text string
	}{
		{s.Retransmitting, "sent the same data again and again"},
		{s.KeptAlive, "had a keep-alive timer"},
		{s.Unanswered, "had asked by it without an answer"},
	} {
		if one.n > 0 {
			chunks = append(chunks, count(one.n)+" "+one.text)
		}
	}
	if len(chunks) == 0 {
		w.row("its kernel", "no timer runs on the server's connections: nothing will tell")
		return
	}
	w.row("its kernel", dotted(chunks)...)
}

// mostStalled takes each figure's own highest count.
func mostStalled(s *record.Side) *record.Stalled {
	var out *record.Stalled
	for i := range s.Samples {
		one := s.Samples[i].Stalled
		if one == nil {
			continue
		}
		if out == nil {
			out = &record.Stalled{}
		}
		out.Retransmitting = max(out.Retransmitting, one.Retransmitting)
		out.KeptAlive = max(out.KeptAlive, one.KeptAlive)
		out.Unanswered = max(out.Unanswered, one.Unanswered)
	}
	return out
}

// memory tells what connections that were left open take on either side.
func memory(w *wording, t *record.Trial) {
	if t.Kept != nil && t.Kept.VanishedSeconds != nil {
		return // half of it is gone with the host
	}
	label := "memory"
	if m := t.Sides.Server.Memory; m != nil && m.SocketBytes != nil {
		text := count(*m.SocketBytes) + nbsp + "bytes a socket"
		if each, ok := kernelBytes(t); ok {
			text += ", about " + size(each) + " with its file and inode (the whole host's kernel holds " +
				size(float64(*t.Kept.SlabBytes)) + " more than before)"
		}
		w.row(label, words(text)...)
		label = ""
	}
	for _, side := range sides {
		m := sideOf(t, side).Memory
		if m == nil || m.ResidentBytes == nil {
			continue
		}
		text := "the " + side + "'s program " + size(float64(*m.ResidentBytes)) + ", as " +
			counted(int64(m.Processes), "process", "processes")
		if each, ok := programBytes(sideOf(t, side), t.Connections.OK); ok {
			text += ": " + size(each) + " of it for each connection"
		}
		w.row(label, words(text)...)
		label = ""
	}
}
