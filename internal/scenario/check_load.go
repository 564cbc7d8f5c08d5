package scenario

import "fmt"

func (c *checker) load() {
	l := c.s.Load
	if r := l.Rate; r != Max && !(r > 0 && r <= fastest) { // also refuses what is not a number
		c.add("load.rate", "%s is not possible; allowed: above 0 up to %.0f/s, or max", saidRate(r), float64(fastest))
	}
	between(c, "load.concurrency", l.Concurrency, 1, mostConcurrent)
	between(c, "load.hold", l.Hold, 0, longestRun)
}

func saidRate(r Rate) string {
	if r == 0 {
		return "no rate"
	}
	return r.String()
}

func (c *checker) stop() {
	s := c.s.Load.Stop
	if s.After <= 0 || s.After > longestRun {
		c.add("load.stop.after", "%s is not possible; allowed: above 0s up to %s, as it always bounds the load",
			s.After, longestRun)
	}
	if s.Connections < 0 {
		c.add("load.stop.connections", "%d is not possible; allowed: 1 and more, or 0 for no such stop", s.Connections)
	}
	if s.Failures < 0 {
		c.add("load.stop.failures", "%d is not possible; allowed: 1 and more, or 0 for no such stop", s.Failures)
	}
}

// goal: TIME_WAIT stands on the side that closes first, at most one for each port that the client can open from.
func (c *checker) goal() {
	g, first := c.s.Load.Stop.TimeWait, c.s.Close.Side
	if g == nil || !c.s.Stand.Off() {
		return // c.stand tells that the two do not go together
	}
	between(c, "load.stop.time_wait.count", g.Count, 1, mostTimeWait)
	if g.Side != ClientSide && g.Side != ServerSide {
		oneOf(c, "load.stop.time_wait.side", g.Side, ClientSide, ServerSide)
		return
	}
	if why := c.s.Close.How.noTimeWait(); why != "" {
		c.add("close.how", "%s leaves no TIME_WAIT (%s), so the goal of %s on the %s is never reached; set close.how=fin "+
			"and close.linger=off, or drop the goal with load.stop.time_wait=off",
			c.s.Close.How, why, grouped(g.Count), g.Side)
		return
	}
	if first == ClientSide && g.Side == ServerSide || first == ServerSide && g.Side == ClientSide {
		c.add("load.stop.time_wait.side", "the %s never closes first (close.side is %s), so no TIME_WAIT lands there; "+
			"set one of the two to the other", g.Side, first)
		return
	}
	c.capacity(*g)
}

func (c *checker) capacity(g TimeWaitGoal) {
	if !c.countable() || g.Count > mostTimeWait {
		return // said already
	}
	ports, cl, sv := c.s.clientPorts(), c.s.Client, c.s.Server
	most, given := int64(ports.Size())*int64(cl.Addresses), fmt.Sprintf("client.addresses %d", cl.Addresses)
	switch each := c.s.portForEach(g.Side); {
	case each && c.s.destinations() > 1:
		most *= c.s.destinations()
		given += fmt.Sprintf(", server.addresses %d, server.ports %d", sv.Addresses, sv.Ports)
	case !each:
		given += ", and bind() takes a port for all destinations at once"
	}
	if g.Count > most {
		c.add("load.stop.time_wait.count", "%s is more than the client's ports can carry: %s possible (%s ports in %s, "+
			"%s); ask for less, or raise client.addresses or the range", grouped(g.Count), grouped(most),
			grouped(int64(ports.Size())), ports, given)
	}
}
