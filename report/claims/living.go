package claims

import (
	"math"

	"twomsl/internal/record"
)

// incident is the alarm itself, with services on the struck host that are called all the while.
var incident = trial("incident-18000", "load.hold=3s", "canaries.every=100ms")

// living are the claims about connections that stay, what TIME_WAIT costs, and what it is said to break.
func living() []Claim {
	return []Claim{
		{
			ID: "14", Text: "tcp_keepalive_time = 1200 helps", Source: guides, Judge: keepAlive,
			Tries:    []Part{{"1200", assay("keepalive", "time=1200")}, {"default", assay("keepalive")}},
			Why:      "It is the time until an idle connection is asked whether its peer is there, and only sockets that set SO_KEEPALIVE are asked.",
			Scenario: "dead-peer",
		},
		{
			ID: "22", Text: "TIME_WAIT takes few resources", Source: guides, Judge: resources,
			Tries: []Part{{"18,122", incident}, {"server holds", assay("cliff", "holder=server")}, {"client holds", assay("cliff")}},
			Why: "What stands is a small structure without a process. On the host that made the connections each keeps a port, and connect() " +
				"looks for a free one: past half of the range it looks through the taken half in vain.",
			Account: "agrees: some megabytes, and for outgoing connections the search for a port. His 168 bytes are " +
				"of an older kernel",
			Scenario: "half-range-cliff",
		},
		{
			ID: "23", Text: "with 18,000 TIME_WAIT, SSH from outside fails and names do not resolve", Source: guides, Judge: strikes,
			Tries: []Part{{"18,122", incident}},
			Why: "TIME_WAIT of connections made to a host takes no port of its own, no descriptor and no place in a listener's queue. What does " +
				"break them is told by the rows on causes.",
			Account:  "agrees: a server can hold them",
			Scenario: "incident-18000",
		},
		{
			ID: "24", Text: "connection tracking keeps TIME_WAIT for 120 s", Source: guides, Judge: tracked,
			Tries: []Part{{"default", assay("conntrack")}, {"20", assay("conntrack", "timeout=20")}},
			Why: "It has a table and timers of its own; the socket's 60 s are not its business. The settings are net.netfilter.nf_conntrack_*, " +
				"the ip_conntrack_* of 2009 are gone.",
			Scenario: "conntrack-full",
		},
		{
			ID: "26", Text: "50,000 to 70,000 connections at 100 to 200 requests/s: the clients keep them alive", Source: guides, Judge: keptAlive,
			Tries: []Part{{"kept", assay("idle")}, {"short", assay("idle", "keep=no")}},
			Why: "A rate of closes makes rate x lifetime TIME_WAIT and no more; the rest must be open. Open and idle they cost memory, " +
				"and no port of the server's.",
			Shortened: "5,000 connections instead of 50,000, and 3 s of 150 requests/s",
			Account:   "agrees: persistent connections are the way not to have TIME_WAIT",
			Scenario:  "idle-50000",
		},
		{
			ID: "27", Text: "only sending, or a heartbeat, finds out that the peer is gone", Source: guides, Judge: heartbeat,
			Tries:     []Part{{"cut", assay("vanish")}, {"there", assay("vanish", "link=up")}},
			Why:       "TCP sends nothing on an idle connection, so nothing can fail to arrive.",
			Shortened: "SO_KEEPALIVE asks after 1 s, twice; tcp_retries2 = 2 instead of 15; TCP_USER_TIMEOUT 1 s",
			Scenario:  "dead-peer",
		},
		{
			ID: "28", Text: "SCTP avoids TIME_WAIT with a verification tag", Source: guides, Judge: tagged,
			Tries: []Part{{"sctp", assay("again")}, {"tcp", assay("again", "protocol=tcp")}},
			Why:   "A new association has another tag, so segments of the old one are told apart and its ports need not wait.",
		},
	}
}

func keepAlive(s *Seen) (v Verdict) {
	each := s.figure("1200", "each")
	on, off := s.figure("1200", "with"), s.figure("1200", "without")
	first, standard := math.Round(s.figure("1200", "first_probe")), math.Round(s.figure("default", "first_probe"))
	left := s.figure("1200", "time_wait_left")
	v.Figure, v.Unit = first, "s until an idle socket is asked, "+num(standard)+" by default"
	switch {
	case nearly(on, each) && first < standard && off == 0:
		v.Verdict, v.Condition = record.ClaimConditional, "only idle sockets with SO_KEEPALIVE; nothing about TIME_WAIT"
	case on > 0 && first < standard:
		v.Verdict = record.ClaimTrue
	default:
		v.Verdict = record.ClaimFalse
	}
	v.say("%s of %s idle sockets with SO_KEEPALIVE will be asked, the first after %s s; %s of %s without it.", num(on), num(each), num(first), num(off), num(each))
	v.say("TIME_WAIT beside them has %s s left, as ever.", one(left))
	return v
}

func resources(s *Seen) (v Verdict) {
	side := s.side("18,122", server)
	n := s.standing("18,122", server)
	each := 0.0
	if side.TimeWait.BytesEach == nil {
		s.lack("the size of a TIME_WAIT is told to root only (slabinfo)")
	} else {
		each = float64(*side.TimeWait.BytesEach)
	}
	empty, served := s.figure("server holds", "empty"), s.figure("server holds", "holding")
	free, dear := s.figure("client holds", "empty"), s.figure("client holds", "holding")
	const steep, megabyte = 5, 1e6
	v.Figure, v.Unit = each*n/megabyte, "MB for "+num(n)
	small := each*n < 100*megabyte && served < steep*empty
	switch {
	case !small:
		v.Verdict = record.ClaimFalse
	case dear > steep*free:
		v.Verdict, v.Condition = record.ClaimConditional, "on the host that accepts; on one that connects, connect() gets dear past half of the range"
	default:
		v.Verdict = record.ClaimTrue
	}
	v.say("%s TIME_WAIT of %s bytes are %s MB.", num(n), num(each), one(each*n/megabyte))
	v.say("connect() to a host that holds %s: %s us, %s us to an empty one.", num(s.figure("server holds", "held_server")), one(served), one(empty))
	v.say("connect() from a host that holds %s of a range of %s ports: %s us, %s us before.", num(s.figure("client holds", "held_client")),
		num(s.figure("client holds", "range")), one(dear), one(free))
	return v
}

func strikes(s *Seen) (v Verdict) {
	t := s.trial("18,122")
	held := s.standing("18,122", server)
	calls, answered := 0.0, 0.0
	for i := range t.Canaries {
		c := &t.Canaries[i]
		calls, answered = calls+float64(c.Calls), answered+float64(c.Answered)
		v.say("%s, called from %s: %s of %s answered.", c.Name, whence(c.From), grouped(c.Answered), grouped(c.Calls))
	}
	if calls == 0 {
		s.lack("no service was called beside the load")
	}
	v.Figure, v.Unit = answered, "of "+num(calls)+" calls answered"
	v.Verdict = either(answered < 0.99*calls, record.ClaimTrue, record.ClaimFalse)
	v.say("The server held %s TIME_WAIT.", num(held))
	return v
}

func whence(from string) string {
	if from == "host" {
		return "the host itself"
	}
	return from
}

func tracked(s *Seen) (v Verdict) {
	flow, socket := s.figure("default", "flow"), s.figure("default", "socket")
	short := s.figure("20", "flow")
	v.Verdict = either(flow > 115 && flow <= 120, record.ClaimTrue, record.ClaimFalse)
	if v.Verdict == record.ClaimTrue {
		v.Condition = "by default; the socket itself has 60 s"
	}
	v.Figure, v.Unit = flow, "s left in the table just after the close"
	v.say("%s. Just after the close the table keeps the flow for %s s; the socket's timer has %s s.", s.text("default"), num(flow), one(socket))
	v.say("Set to 20 the table keeps it for %s s, and the socket stays as it was.", num(short))
	return v
}

func keptAlive(s *Seen) (v Verdict) {
	open, requests := s.figure("kept", "open"), s.figure("kept", "requests")
	answered, rate := s.figure("kept", "answered"), s.figure("kept", "rate")
	left, short := s.figure("kept", "time_wait"), s.figure("short", "time_wait")
	const longest = 62.05
	v.Figure, v.Unit = open, "open connections at "+num(rate)+" requests/s, "+num(left)+" TIME_WAIT"
	v.Verdict = either(open > 1000 && nearly(answered, requests) && left == 0 && s.figure("short", "open") == 0, record.ClaimTrue, record.ClaimFalse)
	v.say("%s open connections carried %s of %s requests at %s/s, and left %s TIME_WAIT.", num(open), num(answered), num(requests), num(rate), num(left))
	v.say("The same requests with a connection each left %s TIME_WAIT and none open: %s/s x %s s are %s, never 50,000.", num(short), num(rate),
		two(longest), num(float64(int(rate*longest))))
	if s.has("kept", "memory") {
		each := s.figure("kept", "memory")
		v.say("An open socket takes %s bytes: %s MB for 60,000.", num(each), num(float64(int(each*60000/1e6))))
	}
	return v
}

func heartbeat(s *Seen) (v Verdict) {
	each, idle := s.figure("cut", "each"), s.figure("cut", "idle")
	asked, writing, bounded := s.figure("cut", "asked"), s.figure("cut", "writing"), s.figure("cut", "bounded")
	there := s.figure("there", "asked") + s.figure("there", "writing") + s.figure("there", "bounded")
	v.Verdict = either(nearly(idle, each) && nearly(asked, each) && nearly(writing, each) && there == 0, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = asked+writing+bounded, "of "+num(3*each)+" found out, idle ones "+num(each-idle)+" of "+num(each)
	v.say("After the link was cut unseen: %s of %s idle ones stand; with SO_KEEPALIVE %s, on writing %s, with TCP_USER_TIMEOUT %s of %s ended with ETIMEDOUT.",
		num(idle), num(each), num(asked), num(writing), num(bounded), num(each))
	v.say("With the link up %s ended. The peer's host still holds %s.", num(there), num(s.figure("cut", "peer")))
	return v
}

func tagged(s *Seen) (v Verdict) {
	each, again := s.figure("sctp", "each"), s.figure("sctp", "again")
	tcp := s.figure("tcp", "again")
	v.Verdict = either(nearly(again, each) && tcp == 0, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = again, "of "+num(each)+" opened again at once, TCP "+num(tcp)
	v.say("From the same port, at once after the close: %s of %s with SCTP, %s with TCP, which holds %s TIME_WAIT.", num(again), num(each), num(tcp),
		num(s.figure("tcp", "time_wait")))
	return v
}
