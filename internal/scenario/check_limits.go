package scenario

// fewestDescriptors leave a side's process some beside its own.
const fewestDescriptors = 64

// halfOpen: connections without an end to their handshake need two hosts, and a load to stand beside.
func (c *checker) halfOpen() {
	n := c.s.Load.HalfOpen
	between(c, "load.half_open", n, 0, mostStanding)
	if n <= 0 {
		return
	}
	if c.s.Topology != Veth {
		c.add("load.half_open", "%s need two hosts with a link on which their last ACK can be held back, and topology is %s: "+
			"set topology=veth, or leave load.half_open out", grouped(int64(n)), c.s.Topology)
	}
	if !c.s.Stand.Off() {
		c.add("load.half_open", "%s would stand beside a load, and stand has none: ask for stand.syn_recv instead",
			grouped(int64(n)))
	}
	if c.s.Load.Stop.TimeWait != nil {
		c.add("load.half_open", "%s would never come to TIME_WAIT, and load.stop.time_wait waits until nothing else stands: "+
			"leave one of the two out", grouped(int64(n)))
	}
}

func (c *checker) descriptors() {
	for _, of := range []struct {
		path string
		n    int
	}{{"client.descriptors", c.s.Client.Descriptors}, {"server.descriptors", c.s.Server.Descriptors}} {
		if of.n != 0 && (of.n < fewestDescriptors || of.n > mostDescriptors) {
			c.add(of.path, "%d is not possible; allowed: %d to %d (a side's process holds some 20 itself), or 0 for as many as "+
				"the machine allows", of.n, fewestDescriptors, mostDescriptors)
		}
	}
}

// track: rules are only ever added in a network of the lab's own.
func (c *checker) track() {
	t := c.s.Track
	if !oneOf(c, "track.side", t.Side, NoSide, ClientSide, ServerSide, BothSides) {
		return
	}
	if t.Side != NoSide && (c.s.Topology == Host || c.s.Topology == Hosts) {
		c.add("track.side", "%s would add a rule to this host's own packet filter: set topology=veth, or track.side=none", t.Side)
	}
	if t.Fill.IsOn() && t.Side == NoSide {
		c.add("track.fill", "on has no table to fill where nobody tracks: set track.side=server, or track.fill=off")
	}
	if t.Fill.IsOn() && !c.s.Stand.Off() {
		c.add("track.fill", "on takes a load that fills the table, and stand has none: leave one of the two out")
	}
}
