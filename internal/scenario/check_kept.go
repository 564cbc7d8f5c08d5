package scenario

// Kept tells whether both sides keep every connection open (close.how: never).
func (s Scenario) Kept() bool {
	name, _ := s.Close.How.Split()
	return name == never && s.Stand.Off()
}

// kept: connections that nobody closes must be counted, and only those can be found dead. More of them than the client has
// ports are nobody's mistake: the ports run out, as they do in life.
func (c *checker) kept() {
	c.vanish()
	c.listensFor()
	if !c.s.Kept() {
		return
	}
	n := c.s.Load.Stop.Connections
	switch {
	case n == 0 && c.s.Load.Rate == Max:
		c.add("load.stop.connections", "nothing is closed, and at rate max nothing but the ports ends the load: say how many "+
			"connections are to stand, like load.stop.connections=2000")
	case n > mostKept:
		c.add("load.stop.connections", "%s connections are to stand at once; allowed: up to %s", grouped(n), grouped(mostKept))
	}
}

// vanish: a host can vanish from a lab only, and while connections stand.
func (c *checker) vanish() {
	v := c.s.Client.Vanish
	if v == 0 {
		return
	}
	between(c, "client.vanish", v, 0, longestRun)
	if c.s.Topology != Veth {
		c.add("client.vanish", "%s has no host for the client alone that could vanish: set topology=veth, or leave it out",
			c.s.Topology)
	}
	if v >= c.s.Load.Hold {
		c.add("client.vanish", "%s after the load is not before the end of load.hold, %s: nothing would be seen of it; set "+
			"load.hold to more", v, c.s.Load.Hold)
	}
	if c.s.Canaries.Every != 0 {
		c.add("client.vanish", "takes away the host that canaries are called from: set canaries.every=0s, or leave it out")
	}
	c.needsKept("client.vanish", "has no meaning where connections are closed")
}

// listensFor: what a server does to find out that nobody is there any more.
func (c *checker) listensFor() {
	if !c.s.Server.Heartbeat.Off() {
		c.needsKept("server.heartbeat", "is for connections that stand")
	}
	if !c.s.Server.KeepAlive.Off() && c.s.Engine == "net" {
		c.add("server.keep_alive", "is the library's own with engine net, which sets it unasked: set engine=split, or leave "+
			"it out")
	}
}

// needsKept wants connections that stand, and an engine that goes on looking at them.
func (c *checker) needsKept(path, why string) {
	if !c.s.Kept() {
		c.add(path, "%s: set close.how=never, or leave it out", why)
	}
	if c.s.Engine == "net" {
		c.add(path, "needs engine split, which goes on looking at connections that stand: set engine=split, or leave it out")
	}
}
