package scenario

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

func (c *checker) client() {
	cl := c.s.Client
	most, why := c.s.mostClientAddresses()
	c.addresses("client.addresses", cl.Addresses, most, why)
	between(c, "client.requests", cl.Requests, 1, mostRequests)
	between(c, "client.workers", cl.Workers, 0, mostWorkers)
	between(c, "client.timeout", cl.Timeout, shortestTimeout, longestTimeout)
}

// addresses wants 1 to most; why says where that bound comes from.
func (c *checker) addresses(path string, n, most int, why string) {
	if n >= 1 && n <= most {
		return
	}
	text := fmt.Sprintf("%d is not possible; allowed: 1 to %d", n, most)
	if most == 1 {
		text = fmt.Sprintf("%d is not possible; allowed: 1", n)
	}
	if why != "" {
		text += " (" + why + ")"
	}
	c.add(path, "%s", text)
}

// Why a topology has no more addresses.
const (
	onlyOne6  = "the IPv6 loopback has only ::1"
	hostsOwn  = "topology host adds no addresses to this host"
	loopback4 = "from 127.0.0.0/8"
)

// mostClientAddresses: a lab's link takes as many as are asked for; lo has all of 127.0.0.0/8 but one ::1; a host has
// its own.
func (s Scenario) mostClientAddresses() (most int, why string) {
	switch {
	case s.Topology == Hosts: // as many as the client's host is told to open from
		return mostAddresses, ""
	case s.Topology != Veth && s.Family == IPv6:
		return 1, onlyOne6
	case s.Topology == Host && !loopbackV4(s.Server.Address):
		return 1, hostsOwn
	case s.Topology != Veth:
		return mostLoopback, loopback4
	}
	return mostAddresses, ""
}

// loopbackV4 tells whether the server of topology host is reached from 127.0.0.0/8; "" stands for 127.0.0.1.
func loopbackV4(address string) bool {
	a, err := netip.ParseAddr(address)
	return address == "" || err == nil && a.Is4() && a.IsLoopback()
}

// localPorts: the kernel takes a socket's bound only where it lies within the namespace's range, and says nothing
// where it does not.
func (c *checker) localPorts() {
	p := c.s.Client.LocalPortRange
	switch space, known := c.s.namespacePorts(); {
	case p.Off() || !c.unprivileged("client.local_port_range", p):
	case known && (p.Low < space.Low || p.High > space.High):
		c.add("client.local_port_range", "%s is not within %s, and the kernel ignores a bound outside the namespace's "+
			"range: set sysctl.client.%s to \"%d %d\" too", p, space, portRangeKey, min(p.Low, space.Low),
			max(p.High, space.High))
	}
}

// unprivileged wants ports that need no privilege, and tells whether they are.
func (c *checker) unprivileged(path string, p PortRange) bool {
	switch {
	case p.Low < 1 || p.High > lastPort || p.Low > p.High:
		c.add(path, "%s is not possible; allowed: %d-%d or a part of it", p, firstUnprivileged, lastPort)
	case p.Low < firstUnprivileged:
		c.add(path, "%s begins below %d (net.ipv4.ip_unprivileged_port_start); allowed: %d-%d or a part of it",
			p, firstUnprivileged, firstUnprivileged, lastPort)
	default:
		return true
	}
	return false
}

func (c *checker) bind() {
	b, p := c.s.Client.Bind, c.s.Client.LocalPortRange
	if b.Mode != BindPorts || !c.unprivileged("client.bind", b.Ports) || p.Off() {
		return
	}
	c.add("client.bind", "%s leaves the kernel no port to choose, and client.local_port_range says %s to choose from: "+
		"leave one of them out (client.bind=address, or client.local_port_range=off)", b, p)
}

// The setting for TCP Fast Open, whose lowest two bits let clients and servers.
const (
	fastOpenKey     = "net.ipv4.tcp_fastopen"
	fastOpenDefault = 1
	fastOpenClient  = 1
	fastOpenServer  = 2
)

// fastOpen: without these bits the kernel refuses TCP_FASTOPEN_CONNECT, or takes no data in a SYN and says nothing.
func (c *checker) fastOpen() {
	if !c.s.Client.FastOpen.IsOn() || c.s.Topology == Host || c.s.Topology == Hosts {
		return // a host has its own value
	}
	switch value, said, known := c.s.fastOpenBits(ServerSide); {
	case !known || value&fastOpenServer != 0:
	case !said:
		c.add("client.fast_open", "on needs a server that takes part, and the kernel's default 1 lets clients only: set "+
			"sysctl.server.%s=3", fastOpenKey)
	default:
		c.add("client.fast_open", "on needs a server that takes part, and %s is %d there, without bit 2: set "+
			"sysctl.server.%s=%d", fastOpenKey, value, fastOpenKey, value|fastOpenServer)
	}
	if value, _, known := c.s.fastOpenBits(ClientSide); known && value&fastOpenClient == 0 {
		c.add("client.fast_open", "on needs a client that takes part, and %s is %d there, without bit 1: set "+
			"sysctl.client.%s=%d", fastOpenKey, value, fastOpenKey, value|fastOpenClient)
	}
}

// fastOpenBits is a side's setting, and whether it was said; a value that is no number is for the kernel to refuse.
func (s Scenario) fastOpenBits(side Side) (value int64, said, known bool) {
	text, said := s.setting(side, fastOpenKey)
	if !said {
		return fastOpenDefault, false, true
	}
	value, err := strconv.ParseInt(strings.TrimSpace(text), 0, 64) // 0x is read by the kernel too
	return value, true, err == nil
}
