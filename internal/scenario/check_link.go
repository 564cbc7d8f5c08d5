package scenario

func (c *checker) payload() {
	between(c, "payload.request", c.s.Payload.Request, 1, largestPayload)
	between(c, "payload.response", c.s.Payload.Response, 1, largestPayload)
}

func (c *checker) link() {
	l := c.s.Link
	switch {
	case l.Rate == 0 && l.Queue == 0:
	case c.s.Topology != Veth:
		c.add("link.rate", "only topology veth has a link to slow down, and topology is %s: set topology=veth, or leave "+
			"link.rate and link.queue out", c.s.Topology)
	case l.Rate == 0:
		c.add("link.queue", "%s is never used: packets wait only where link.rate slows them down; set it too, like "+
			"link.rate=20Mbit, or leave link.queue out", l.Queue)
	default:
		between(c, "link.rate", l.Rate, slowestLink, fastestLink)
		between(c, "link.queue", l.Queue, shortestQueue, longestQueue)
	}
}
