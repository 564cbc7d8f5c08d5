package scenario

import "net/netip"

func (c *checker) server() {
	sv := c.s.Server
	between(c, "server.port", sv.Port, 1, lastPort)
	between(c, "server.backlog", sv.Backlog, 1, mostBacklog)
	between(c, "server.accept_delay", sv.AcceptDelay, 0, longestDelay)
	between(c, "server.think", sv.Think, 0, longestDelay)
	between(c, "server.workers", sv.Workers, 0, mostWorkers)
	if sv.Address == "" {
		return
	}
	if c.s.Topology != Host {
		c.add("server.address", "%q is only used with topology host: a lab has addresses of its own; leave it out",
			sv.Address)
		return
	}
	a, err := netip.ParseAddr(sv.Address)
	is6 := err == nil && a.Is6() && !a.Is4In6()
	if err != nil || c.s.Family == IPv4 && !a.Is4() || c.s.Family == IPv6 && !is6 {
		c.add("server.address", "%q is no %s address: write it like %s", sv.Address, c.s.Family, exampleAddress(c.s.Family))
	}
}

func exampleAddress(f Family) string {
	if f == IPv6 {
		return "::1"
	}
	return "127.0.0.1"
}

// listeners: how many addresses and ports there are to listen on, and how many workers can listen on each.
func (c *checker) listeners() {
	sv := c.s.Server
	most, why := c.s.mostServerAddresses()
	c.addresses("server.addresses", sv.Addresses, most, why)
	between(c, "server.ports", sv.Ports, 1, mostPorts)
	if sv.Ports > 1 && c.s.Topology != Veth {
		c.add("server.ports", "%d in topology %s cannot be told from other sockets there: set topology=veth, or leave it out",
			sv.Ports, c.s.Topology)
	}
	first, ports := sv.Port, sv.Ports
	if first >= 1 && first <= lastPort && ports >= 1 && ports <= mostPorts && first+ports-1 > lastPort {
		c.add("server.ports", "%d from server.port %d on would end at %d, and the last port is %d: ask for %d at most, or "+
			"set server.port to %d", ports, first, first+ports-1, lastPort, lastPort-first+1, lastPort-ports+1)
	}
	if sv.ReusePort == Off && sv.Workers > 1 {
		c.add("server.reuse_port", "off leaves room for one worker, and server.workers says %d: several workers listen side "+
			"by side, which takes SO_REUSEPORT; set server.workers=1, or leave one of the two out", sv.Workers)
	}
}

// mostServerAddresses is like mostClientAddresses, but what is written in server.address is one.
func (s Scenario) mostServerAddresses() (most int, why string) {
	switch {
	case s.Topology == Hosts:
		return 1, hostsOwn
	case s.Topology != Veth && s.Family == IPv6:
		return 1, onlyOne6
	case s.Topology == Host && s.Server.Address != "":
		return 1, hostsOwn
	case s.Topology != Veth:
		return mostLoopback, loopback4
	}
	return mostAddresses, ""
}

// countable tells whether the numbers that the tuples are counted with are sound; each that is not has its own problem.
func (c *checker) countable() bool {
	cl, sv := c.s.Client.Addresses, c.s.Server
	return cl >= 1 && cl <= mostAddresses && sv.Addresses >= 1 && sv.Addresses <= mostAddresses &&
		sv.Ports >= 1 && sv.Ports <= mostPorts
}

// tuples: each client address goes to each server address and port in turn.
func (c *checker) tuples() {
	cl, sv := c.s.Client.Addresses, c.s.Server
	if n := int64(cl) * c.s.destinations(); c.countable() && n > mostTuples {
		c.add("server.ports", "client.addresses %d, server.addresses %d and server.ports %d make %s combinations; allowed: "+
			"up to %s in all; ask for less of one of the three",
			cl, sv.Addresses, sv.Ports, grouped(n), grouped(mostTuples))
	}
}
