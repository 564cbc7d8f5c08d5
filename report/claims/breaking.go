package claims

import (
	"strings"

	"twomsl/internal/record"
)

// breaking are the causes that do break a host, each with the sign by which it is told.
func breaking() []Claim {
	return []Claim{
		{
			ID: record.ConntrackFull, Text: "a full connection-tracking table drops every new flow, and those that stand go on", Source: causes,
			Judge: conntrackFull, Tries: []Part{{"full", trial("conntrack-full", "canaries.every=250ms")}}, Scenario: "conntrack-full",
			Why: "A packet that begins a flow needs an entry. There is one table for all protocols.",
		},
		{
			ID: record.PortTupleExhausted, Text: "a used-up address pair gives EADDRNOTAVAIL for that destination only", Source: causes,
			Judge: tupleExhausted, Tries: []Part{{"full", assay("tuple")}}, Scenario: "port-exhaustion-small",
			Why:     "The range is there once for each source address, destination address and destination port. UDP has ports of its own.",
			Account: "agrees: what counts is the quadruplet; more addresses or ports on either side make more of them",
		},
		{
			ID: record.ExplicitBindExhausted, Text: "bind() before connect() uses ports up for every destination: EADDRINUSE", Source: causes,
			Judge:    explicitBind,
			Tries:    []Part{{"bound", explicit("off")}, {"late", explicit("on")}},
			Scenario: "explicit-bind",
			Why:      "bind() does not know the destination, so it takes a port that nobody has. IP_BIND_ADDRESS_NO_PORT leaves it to connect().",
			Account:  "agrees: IP_BIND_ADDRESS_NO_PORT is what he recommends where a source address must be chosen",
		},
		{
			ID: record.AcceptBacklogFull, Text: "a full accept queue drops new connections of that listener only", Source: causes,
			Judge: acceptFull, Tries: []Part{{"full", assay("accept-queue")}}, Scenario: "accept-backlog",
			Why: "Each listener has a queue of its own, one longer than its backlog; a SYN that finds it full is dropped unanswered.",
		},
		{
			ID: record.SynQueueFull, Text: "a full SYN queue shows in TCPReqQFull* and SyncookiesSent", Source: causes,
			Judge: synFull, Tries: []Part{{"cookies", synOn}, {"none", synOff}}, Scenario: "syn-queue",
			Why: "Handshakes that nobody ends stay until their SYN,ACK was sent again some times.",
		},
		{
			ID: record.DescriptorsExhausted, Text: "a process without descriptors gets EMFILE, and its clients wait", Source: causes,
			Judge: noDescriptors, Tries: []Part{{"few", assay("descriptors")}}, Scenario: "descriptors",
			Why: "accept() needs one for each connection; the kernel ends handshakes all the same until the accept queue is full.",
		},
	}
}

func explicit(noPort string) record.Try {
	return trial("explicit-bind", "client.bind_address_no_port="+noPort, "load.stop.after=4s")
}

func conntrackFull(s *Seen) (v Verdict) {
	t := s.trial("full")
	side := &t.Sides.Server
	if t.Scenario.Struck == client {
		side = &t.Sides.Client
	}
	if side.Conntrack == nil || side.Conntrack.Dropped == nil {
		s.lack("the connection-tracking table was not read")
		return v
	}
	calls, failed, protocols := 0.0, 0.0, map[string]bool{}
	for i := range t.Canaries {
		c := &t.Canaries[i]
		calls, failed = calls+float64(c.Calls), failed+float64(c.Calls-c.Answered)
		if c.Calls > c.Answered {
			protocols[c.Name] = true
		}
	}
	if calls == 0 {
		s.lack("no service was called beside the load")
		return v
	}
	late := int64(0) // connections that stood, and failed
	for _, o := range t.Outcomes {
		if o.Side == client && o.Errno != "" && o.Phase != "connect" {
			late += o.Count
		}
	}
	dropped := float64(*side.Conntrack.Dropped)
	v.Verdict = either(dropped > 0 && protocols["ssh"] && protocols["dns"] && late == 0, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = dropped, "flows dropped"
	v.say("Dropped for want of an entry: %s.", num(dropped))
	v.say("Of %s calls of services beside it %s failed, TCP and UDP alike.", num(calls), num(failed))
	v.say("Of the connections that stood %s failed.", grouped(late))
	return v
}

func tupleExhausted(s *Seen) (v Verdict) {
	same, filled, ports := s.figure("full", "same"), s.figure("full", "filled"), s.figure("full", "ports")
	rest := s.figure("full", "other_port") + s.figure("full", "other_address") + s.figure("full", "other_source") + s.figure("full", "udp")
	v.Verdict = either(same == 0 && rest == 80 && nearly(filled, ports) && strings.Contains(s.text("full"), "EADDRNOTAVAIL"), record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = same, "of 20 connects to that destination, "+num(rest)+" of 80 elsewhere"
	v.say("%s connections used up %s ports; %s.", num(filled), num(ports), s.text("full"))
	v.say("Of 20 each go through: to that destination %s, another port %s, another address %s, from another address %s, over UDP %s.", num(same),
		num(s.figure("full", "other_port")), num(s.figure("full", "other_address")), num(s.figure("full", "other_source")), num(s.figure("full", "udp")))
	return v
}

func explicitBind(s *Seen) (v Verdict) {
	count := func(part string) (in, all float64) {
		for _, o := range s.trial(part).Outcomes {
			if o.Side == client && o.Errno == "EADDRINUSE" && o.Phase == "bind" {
				in += float64(o.Count)
			}
		}
		return in, s.opened(part) - s.failed(part)
	}
	failed, carried := count("bound")
	late, more := count("late")
	v.Verdict = either(failed > 0 && late == 0 && more > carried, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = carried, "connections to two destinations, "+num(more)+" without bind()'s port"
	v.say("bind() failed %s times with EADDRINUSE after %s connections to two destinations from 1,000 ports.", num(failed), num(carried))
	v.say("With IP_BIND_ADDRESS_NO_PORT %s failed and %s went through in the same time.", num(late), num(more))
	return v
}

func acceptFull(s *Seen) (v Verdict) {
	clients, queued := s.figure("full", "clients"), s.figure("full", "queued")
	over, beside := s.figure("full", "overflows"), s.figure("full", "beside")
	v.Verdict = either(over > 0 && queued < clients && beside == 20, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = over, "ListenOverflows of "+num(clients)+" clients"
	v.say("%s of %s clients got into the queue of a listener that does not accept; ListenOverflows +%s.", num(queued), num(clients), num(over))
	v.say("A listener beside it took %s of 20.", num(beside))
	return v
}

func synFull(s *Seen) (v Verdict) {
	sent, full, drops := s.figure("cookies", "cookies"), s.figure("cookies", "full"), s.figure("none", "full")
	served := s.figure("none", "served")
	v.Verdict = either(sent > 0 && full > 0 && drops > 0 && served == 0 && s.figure("none", "beside") == 20, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = full, "times the queue was full"
	v.say("With cookies: TCPReqQFullDoCookies +%s, SyncookiesSent +%s, %s of 20 further clients served.", num(full), num(sent), num(s.figure("cookies", "served")))
	v.say("Without: TCPReqQFullDrop +%s, %s of 20 served; a listener beside it served %s.", num(drops), num(served), num(s.figure("none", "beside")))
	return v
}

func noDescriptors(s *Seen) (v Verdict) {
	clients, accepted, queued := s.figure("few", "clients"), s.figure("few", "accepted"), s.figure("few", "queued")
	emfile := s.figure("few", "emfile")
	v.Verdict = either(emfile == 2 && queued > 0 && s.figure("few", "old") == 1, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = queued, "of "+num(clients)+" clients connected and never accepted"
	v.say("%s of %s were accepted, then %s; the others are connected and wait.", num(accepted), num(clients), s.text("few"))
	v.say("A connection from before goes on.")
	return v
}
