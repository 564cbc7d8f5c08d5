package scenario

// stand: sockets that are asked to stand in a state need two hosts, time to stand, and a client with ports for them.
func (c *checker) stand() {
	if c.s.Stand.Off() {
		return
	}
	c.standCounts()
	if c.s.Topology != Veth {
		c.add("topology", "%s has one network for both sides, and stand needs two hosts with a link on which packets can "+
			"be held back: set topology=veth, or leave stand out", c.s.Topology)
	}
	if c.s.Engine == "net" {
		c.add("engine", "net waits for each handshake, and stand leaves some undone: set engine=split, or leave stand out")
	}
	if c.s.Load.Hold == 0 {
		c.add("load.hold", "0s leaves what stand asks for no time to stand: say how long, like load.hold=20s")
	}
	const instead = "%s is never reached: stand opens its connections instead of a load; leave one of the two out"
	stop := c.s.Load.Stop
	if stop.Connections > 0 {
		c.add("load.stop.connections", instead, grouped(stop.Connections))
	}
	if stop.Failures > 0 {
		c.add("load.stop.failures", instead, grouped(stop.Failures))
	}
	if stop.TimeWait != nil {
		c.add("load.stop.time_wait", instead, "the goal")
	}
}

func (c *checker) standCounts() {
	descriptors, sound := 0, true
	for _, of := range c.s.Stand.all() {
		most := mostStanding
		switch of.field {
		case "listen":
			most = mostListening
		case "time_wait": // no process holds them
			most = mostTimeWait
		}
		between(c, join("stand", of.field), of.n, 0, most)
		sound = sound && of.n >= 0 && of.n <= most
		if of.descriptor {
			descriptors += of.n
		}
	}
	if !sound {
		return // a sum would say the same again
	}
	if descriptors > mostStanding {
		c.add("stand", "%s sockets need a descriptor each (all but syn_recv, time_wait and listen); allowed: up to %s of "+
			"them in all", grouped(int64(descriptors)), grouped(mostStanding))
	}
	c.standTimeWait(int64(c.s.Stand.TimeWait))
}

// standTimeWait: connect() keeps to one parity of its range while it can, and a port that comes back takes the server's
// TIME_WAIT away. Ports that are bound to in turn have no parity.
func (c *checker) standTimeWait(n int64) {
	ports, addresses := c.s.clientPorts(), c.s.Client.Addresses
	most, part := int64(ports.Size()+1)/2, "half of the "
	if c.s.Client.Bind.Mode == BindPorts {
		most, part = int64(ports.Size()), ""
	}
	most *= int64(addresses)
	if addresses < 1 || addresses > mostAddresses || n <= most {
		return // said already, or well
	}
	c.add("stand.time_wait", "%s is more than the client's ports leave on a server: %s possible (%s%s ports in %s, "+
		"client.addresses %d); ask for less, or raise client.addresses or the range", grouped(n), grouped(most), part,
		grouped(int64(ports.Size())), ports, addresses)
}
