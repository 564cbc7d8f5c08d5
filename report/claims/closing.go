package claims

import "twomsl/internal/record"

// closing are the claims about how a connection ends.
func closing() []Claim {
	return []Claim{
		{
			ID: "1", Text: "the side that closes first ends in TIME_WAIT", Source: guides, Judge: closerKeeps,
			Tries:    []Part{{"client first", closed(client, "fin")}, {"server first", closed(server, "fin")}},
			Why:      "Whoever sends the first FIN must be able to acknowledge the other's again, and so keeps the connection.",
			Account:  "agrees: the end that closes first keeps TIME_WAIT",
			Scenario: "close-matrix",
		},
		{
			ID: "2", Text: "TIME_WAIT is on the server's side", Source: guides, Judge: onServer,
			Tries:    []Part{{"client first", closed(client, "fin")}, {"server first", closed(server, "fin")}},
			Why:      "Client and server have no say in it: it follows the first FIN.",
			Account:  "agrees: it depends on which end closes first",
			Scenario: "incident-18000",
		},
		{
			ID: "3", Text: "a socket that closes first can go straight to CLOSED", Source: guides, Judge: straightToClosed,
			Tries: []Part{
				{"reset", closed(client, "linger=0")},
				{"slow link", trial("data-loss")},
				{"slow link, FIN", trial("data-loss", "close.how=fin")},
			},
			Why:      "With SO_LINGER {1,0} close() sends a reset in place of the FIN. What was written and not yet delivered is thrown away.",
			Account:  "agrees: a reset leaves no TIME_WAIT, and is no cure, since data is lost",
			Scenario: "data-loss",
		},
		{
			ID: "15", Text: "SO_LINGER: -1 is the system's default, 0 lets go at once, n waits n seconds", Source: guides, Judge: lingers,
			Tries: []Part{
				{"off", assay("linger")},
				{"-1", assay("linger", "seconds=-1")},
				{"0", assay("linger", "seconds=0")},
				{"2", assay("linger", "seconds=2")},
				{"left by 0", closed(client, "linger=0")},
				{"left by 2", closed(client, "linger=2")},
			},
			Why:      "The time is for close() to wait in until what was sent is acknowledged. The connection then ends as ever.",
			Account:  "agrees on 0; a wait changes nothing about TIME_WAIT",
			Scenario: "close-matrix",
		},
		{
			ID: "16", Text: "a graceful close is shutdown, reading to the end for 5 s, close, and then TIME_WAIT", Source: guides, Judge: gracefully,
			Tries: []Part{
				{"peer closes", closed(client, "graceful")}, {"peer stays", assay("graceful", peerStays)},
			},
			Why: "TIME_WAIT comes with the peer's FIN. Where the wait ends before that, close() leaves an orphan in FIN_WAIT2, which " +
				"tcp_fin_timeout ends without a TIME_WAIT.",
			Shortened: "the wait for a peer that stays: 1 s instead of 5 s", Scenario: "close-matrix",
		},
		{
			ID: "17", Text: "a send or receive that times out takes the socket straight to CLOSED", Source: guides, Judge: timedOut,
			Tries: []Part{{"limits", assay("timeouts")}},
			Why: "SO_RCVTIMEO and SO_SNDTIMEO bound the call, not the connection. The kernel gives a connection up on its own only when " +
				"nobody acknowledges what was sent.",
			Shortened: "tcp_retries2 = 2 instead of 15: about 1 s instead of a quarter of an hour", Scenario: "close-matrix",
		},
		{
			ID: "18", Text: "in FIN_WAIT1, FIN and ACK in one segment lead to TIME_WAIT without FIN_WAIT2", Source: guides, Judge: finAck,
			Tries: []Part{{"together", assay("fin-ack")}, {"apart", assay("fin-ack", "ack=alone")}},
			Why:   "FIN_WAIT2 is the wait between the acknowledgement and the peer's FIN; in one segment there is nothing between them.",
		},
		{
			ID: "19", Text: "both sides closing at once gives CLOSING", Source: guides, Judge: crossing,
			Tries:    []Part{{"crossing", trial("state-mix", "load.hold=2s")}, {"both", closed("both", "simultaneous")}},
			Why:      "A FIN that meets a FIN finds FIN_WAIT1; the acknowledgement is still to come.",
			Scenario: "state-mix",
		},
		{
			ID: "20", Text: "SYN_RECV is hard to see unless the handshake's last ACK is withheld", Source: guides, Judge: synRecv,
			Tries: []Part{
				{"withheld", trial("state-mix", "load.hold=2s")},
				{"free", closed(server, "fin", "load.rate=2000/s", "load.stop.connections=2000")},
			},
			Why:      "It lasts for one round trip.",
			Scenario: "state-mix",
		},
		{
			ID: "21", Text: "CLOSE_WAIT waits for its own application to close", Source: guides, Judge: closeWait,
			Tries: []Part{
				{"leaks", closed(server, "leak", "sysctl.client.net.ipv4.tcp_fin_timeout=1", "load.hold=3s")},
				{"closes", closed(client, "fin")},
			},
			Why:       "The peer has closed; only this side's close() is missing. No timer runs, and no setting ends it.",
			Shortened: "tcp_fin_timeout = 1 on the peer: its side is gone after 1 s instead of 60 s",
			Scenario:  "close-wait-leak",
		},
	}
}

func closerKeeps(s *Seen) (v Verdict) {
	opened := s.opened("client first")
	cc, cs := s.left("client first", client, record.TimeWait), s.left("client first", server, record.TimeWait)
	sc, ss := s.left("server first", client, record.TimeWait), s.left("server first", server, record.TimeWait)
	holds := nearly(cc, opened) && hardly(cs, opened) && nearly(ss, s.opened("server first")) && hardly(sc, opened)
	v.Verdict = either(holds, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = cc+ss, "of "+num(opened+s.opened("server first"))+" closers in TIME_WAIT"
	v.say("The client closes first: %s of %s in TIME_WAIT on the client, %s on the server.", num(cc), num(opened), num(cs))
	v.say("The server closes first: %s on the server, %s on the client.", num(ss), num(sc))
	return v
}

func onServer(s *Seen) (v Verdict) {
	opened := s.opened("server first")
	first, second := s.left("client first", server, record.TimeWait), s.left("server first", server, record.TimeWait)
	v.Figure, v.Unit = second, "of "+num(opened)+" where it closes first"
	switch {
	case nearly(second, opened) && nearly(first, s.opened("client first")):
		v.Verdict = record.ClaimTrue
	case nearly(second, opened):
		v.Verdict, v.Condition = record.ClaimConditional, "only where the server closes first"
	default:
		v.Verdict = record.ClaimFalse
	}
	v.say("On the server: %s of %s where the server closes first, %s where the client does.", num(second), num(opened), num(first))
	return v
}

func straightToClosed(s *Seen) (v Verdict) {
	opened := s.opened("reset")
	left := s.left("reset", client, record.TimeWait) + s.left("reset", server, record.TimeWait)
	aborted := s.counter("reset", client, "TcpExt.TCPAbortOnData")
	v.Verdict = either(hardly(left, opened) && nearly(aborted, opened), record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = left, "of "+num(opened)+" left a TIME_WAIT"
	v.say("SO_LINGER {1,0}: %s of %s left a TIME_WAIT, TCPAbortOnData +%s.", num(left), num(opened), num(aborted))
	lost, written := s.lost("slow link")
	kept, _ := s.lost("slow link, FIN")
	if v.Verdict == record.ClaimTrue {
		v.Condition = "with SO_LINGER {1,0}; price: what is under way is lost"
	}
	v.say("Over 20 Mbit/s it lost %s of %s bytes; a plain close() lost %s.", num(lost), num(written), num(kept))
	return v
}

// lost is how many bytes a trial lost, of those written.
func (s *Seen) lost(part string) (lost, written float64) {
	b := s.trial(part).Bytes
	if b.Lost == nil {
		s.lack("lost bytes were not counted")
		return 0, 0
	}
	return float64(*b.Lost), float64(b.Written)
}

func lingers(s *Seen) (v Verdict) {
	off, zero, two := s.figure("off", "close"), s.figure("0", "close"), s.figure("2", "close")
	minus, waits := s.figure("-1", "close"), s.figure("-1", "waiting") > 0
	const atOnce = 0.5
	n := two >= 1.9 && two <= 3.5
	left := s.left("left by 2", client, record.TimeWait)
	opened := s.opened("left by 2")
	v.Figure, v.Unit = two, "s in close() with 2"
	switch {
	case !n || zero > atOnce || off > atOnce:
		v.Verdict = record.ClaimFalse
	case waits:
		v.Verdict = record.ClaimConditional
		v.Condition = "0 and n, yes; -1 is the default only in libraries that turn the option off for it"
	default:
		v.Verdict = record.ClaimTrue
	}
	v.say("close() with data that nobody acknowledges takes %s s with 2, %s s with 0, %s s without the option.", one(two), one(zero), one(off))
	if waits {
		v.say("{1,-1}, as the kernel is given it, still waits after %s s.", one(minus))
	}
	v.say("TIME_WAIT afterwards: %s of %s with 2, %s with 0.", num(left), num(opened), num(s.left("left by 0", client, record.TimeWait)))
	return v
}

func gracefully(s *Seen) (v Verdict) {
	opened, left := s.opened("peer closes"), s.left("peer closes", client, record.TimeWait)
	lost, _ := s.lost("peer closes")
	stays, each := s.figure("peer stays", "time_wait"), s.figure("peer stays", "each")
	orphans := s.figure("peer stays", "fin_wait_2")
	v.Figure, v.Unit = left, "of "+num(opened)+" in TIME_WAIT"
	switch {
	case !nearly(left, opened):
		v.Verdict = record.ClaimFalse
	case nearly(stays, each):
		v.Verdict = record.ClaimTrue
	default:
		v.Verdict, v.Condition = record.ClaimConditional, "only where the peer closes within the wait"
	}
	v.say("The peer closes: %s of %s end in TIME_WAIT, %s bytes lost.", num(left), num(opened), num(lost))
	v.say("The peer stays: %s of %s in TIME_WAIT, %s in an orphaned FIN_WAIT2.", num(stays), num(each), num(orphans))
	return v
}

func timedOut(s *Seen) (v Verdict) {
	each, again := s.figure("limits", "each"), s.figure("limits", "eagain")
	here, there := s.figure("limits", "established"), s.figure("limits", "peer_established")
	kernel, left := s.figure("limits", "timed_out"), s.figure("limits", "time_wait")
	v.Figure, v.Unit = here, "of "+num(2*each)+" still ESTABLISHED"
	stands := nearly(here, 2*each) && nearly(there, 2*each) && nearly(again, 2*each)
	switch {
	case !stands && nearly(kernel, each):
		v.Verdict = record.ClaimTrue
	case nearly(kernel, each) && left == 0:
		v.Verdict, v.Condition = record.ClaimConditional, "only where the kernel itself gives up; not with SO_RCVTIMEO or SO_SNDTIMEO"
	default:
		v.Verdict = record.ClaimFalse
	}
	v.say("SO_RCVTIMEO and SO_SNDTIMEO ran out in %s calls: EAGAIN, %s of %s ESTABLISHED here and %s there.", num(again), num(here), num(2*each), num(there))
	v.say("Data that nobody acknowledged: %s of %s ended with ETIMEDOUT, %s TIME_WAIT.", num(kernel), num(each), num(left))
	return v
}

func finAck(s *Seen) (v Verdict) {
	each, seen := s.figure("together", "each"), s.figure("together", "fin_wait_2")
	apart := s.figure("apart", "fin_wait_2")
	arrived := s.figure("together", "time_wait")
	v.Verdict = either(hardly(seen, each) && nearly(arrived, each) && nearly(apart, s.figure("apart", "each")), record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = seen, "of "+num(each)+" seen in FIN_WAIT2"
	v.say("With the bare ACK held back: %s of %s in FIN_WAIT1 until the peer's FIN, %s in FIN_WAIT2, %s in TIME_WAIT.",
		num(s.figure("together", "fin_wait_1")), num(each), num(seen), num(arrived))
	v.say("With an ACK of its own: %s in FIN_WAIT2 before.", num(apart))
	return v
}

func crossing(s *Seen) (v Verdict) {
	stand := s.trial("crossing").Stand
	asked, held := 0.0, 0.0
	if stand != nil {
		asked, held = float64(stand.Asked[record.Closing]), float64(stand.Standing[record.Closing])
	}
	both, opened := s.left("both", client, record.TimeWait), s.opened("both")
	v.Verdict = either(held > 0 && nearly(held, asked) && nearly(both, opened), record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = held, "of "+num(asked)+" in CLOSING"
	v.say("With the FIN that crosses held back: %s of %s stand in CLOSING.", num(held), num(asked))
	v.say("Let go, both ends of %s connections are in TIME_WAIT: %s on the client, %s on the server.", num(opened), num(both),
		num(s.left("both", server, record.TimeWait)))
	return v
}

func synRecv(s *Seen) (v Verdict) {
	stand := s.trial("withheld").Stand
	asked, held := 0.0, 0.0
	if stand != nil {
		asked, held = float64(stand.Asked[record.SynRecv]), float64(stand.Least[record.SynRecv])
	}
	peak, opened := float64(s.side("free", server).States.Peak[record.SynRecv]), s.opened("free")
	v.Verdict = either(held > 0 && nearly(held, asked) && hardly(peak, opened), record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = held, "of "+num(asked)+" held still"
	v.say("Withheld: %s of %s stand at every look.", num(held), num(asked))
	v.say("Not withheld: %s at most, of %s connections, at any of %s looks.", num(peak), num(opened), num(float64(len(s.side("free", server).Samples))))
	return v
}

func closeWait(s *Seen) (v Verdict) {
	opened := s.opened("leaks")
	end := s.side("leaks", server).States.End
	peer := s.side("leaks", client).States.End
	if end == nil || peer == nil {
		s.lack("states were not counted")
	}
	left := float64(end[record.CloseWait])
	after := s.left("closes", server, record.CloseWait)
	v.Verdict = either(nearly(left, opened) && hardly(after, s.opened("closes")), record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = left, "of "+num(opened)+" in CLOSE_WAIT"
	v.say("An application that does not close: %s of %s stay, and the peer has %s sockets left.", num(left), num(opened), num(float64(peer[record.FinWait2]+peer[record.TimeWait])))
	v.say("One that closes: %s.", num(after))
	return v
}
