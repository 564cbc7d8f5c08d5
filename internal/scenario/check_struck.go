package scenario

import "time"

// shortestCall keeps canaries from being a load of their own.
const shortestCall = 20 * Duration(time.Millisecond)

// cause: one that a diagnosis can come to.
func (c *checker) cause(known Known) {
	if c.s.Cause != "" && known.Causes != nil {
		oneOf(c, "cause", c.s.Cause, known.Causes...)
	}
}

// struck: canaries need a host of the lab's that is struck, and ports there that are nobody's.
func (c *checker) struck() {
	if c.s.Relay == nil {
		oneOf(c, "struck", c.s.Struck, ClientSide, ServerSide)
	} else {
		oneOf(c, "struck", c.s.Struck, ClientSide, ServerSide, RelaySide)
	}
	if c.s.Canaries.Every == 0 {
		return
	}
	between(c, "canaries.every", c.s.Canaries.Every, shortestCall, longestRun)
	between(c, "canaries.timeout", c.s.Canaries.Timeout, shortestTimeout, longestTimeout)
	if c.s.Topology != Veth {
		c.add("topology", "%s has no second host to call canaries from: set topology=veth, or canaries.every=0s", c.s.Topology)
	}
	for _, port := range canaryPorts {
		if first := c.s.Server.Port; first <= port && port < first+c.s.Server.Ports {
			c.add("server.port", "%d is a canary's own: choose another port, or set canaries.every=0s", port)
		}
	}
}

// canaryPorts are those at which canaries stand on the server's host: SSH, and one for a second destination.
var canaryPorts = []int{9, 22}
