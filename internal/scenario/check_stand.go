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
		case "time_wait", timeWaitOut: // no process holds them
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
	c.standTimeWaitOut(int64(c.s.Stand.TimeWaitOut))
}

// standTimeWait: each takes a port of the client's to itself, which is bound to: one that came back would replace its
// TIME_WAIT.
func (c *checker) standTimeWait(n int64) {
	c.standPorts("stand.time_wait", n, c.s.clientPorts(), "the client's ports leave on a server")
}

// standTimeWaitOut: the server's host has as many ports for each client address as its own range.
func (c *checker) standTimeWaitOut(n int64) {
	if n > 0 && c.s.Stand.TimeWait > 0 {
		c.add("stand.time_wait_out", "a count cannot tell it from stand.time_wait: leave one of the two out")
	}
	ports := PortRange{defaultLow, defaultHigh}
	if text, said := c.s.setting(ServerSide, portRangeKey); said {
		if p, ok := parsePorts(text); ok {
			ports = p
		}
	}
	c.standPorts("stand.time_wait_out", n, ports, "the server's host has ports for")
}

func (c *checker) standPorts(path string, n int64, ports PortRange, what string) {
	addresses := c.s.Client.Addresses
	most := int64(ports.Size()) * int64(addresses)
	if addresses < 1 || addresses > mostAddresses || n <= most {
		return // said already, or well
	}
	c.add(path, "%s is more than %s: %s possible (%s ports in %s, client.addresses %d); ask for less, or raise "+
		"client.addresses or the range", grouped(n), what, grouped(most), grouped(int64(ports.Size())), ports, addresses)
}
