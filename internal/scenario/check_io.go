package scenario

// MostThreads is how many threads a side has at most where each connection in flight has one (io: blocking).
const MostThreads = 64

// blocking: a thread that waits in a system call for its one connection looks at nothing else.
func (c *checker) blocking() {
	if c.s.IO != "blocking" {
		return
	}
	listeners := c.s.Server.Addresses * c.s.Server.Ports
	for _, bad := range []struct {
		there       bool
		path, means string
	}{
		{c.s.Engine != "split", "io", "blocking is a way of engine split: set engine=split, or leave io out"},
		{c.s.Kept(), "close.how", "never leaves connections that somebody must look at, and a thread that waits in a call cannot: set " +
			"io=epoll"},
		{!c.s.Stand.Off(), "stand", "many connections wait there at the same time, each for its turn, and with io=blocking each takes a " +
			"thread: set io=epoll"},
		{c.s.Relay != nil, "relay", "waits for two connections at the same time, which a thread in a call cannot: set io=epoll"},
	} {
		if bad.there {
			c.add(bad.path, "%s", bad.means)
		}
	}
	const most = "%d is not possible with io=blocking, where each takes a thread; allowed: up to %d"
	if n := c.s.Client.Workers; n > MostThreads {
		c.add("client.workers", most, n, MostThreads)
	}
	if n := c.s.Server.Workers; n > MostThreads {
		c.add("server.workers", most, n, MostThreads)
	}
	if listeners > MostThreads {
		c.add("server.ports", "%d addresses with %d ports each are %d listeners, and with io=blocking each takes a thread; allowed: up "+
			"to %d", c.s.Server.Addresses, c.s.Server.Ports, listeners, MostThreads)
	}
}

// callCosts: only what makes its own system calls can time them.
func (c *checker) callCosts() {
	if !c.s.Measure.CallCosts.IsOn() {
		return
	}
	const hint = "; set measure.call_costs=off"
	if c.s.Engine == "net" {
		c.add("measure.call_costs", "engine net leaves the system calls to Go's standard library, where they cannot be timed: set "+
			"engine=split, or measure.call_costs=off")
	}
	if !c.s.Stand.Off() {
		c.add("measure.call_costs", "stand opens its connections once, and nothing but their number matters"+hint)
	}
	if c.s.Relay != nil {
		c.add("measure.call_costs", "a relay's calls are not timed"+hint)
	}
}
