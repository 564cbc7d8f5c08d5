package scenario

import "strings"

// The kernel's own figures for ports.
const (
	portRangeKey      = "net.ipv4.ip_local_port_range"
	defaultLow        = 32768 // of portRangeKey
	defaultHigh       = 60999
	firstUnprivileged = 1024 // net.ipv4.ip_unprivileged_port_start
	lastPort          = 65535
)

// namespacePorts is the range that the client's namespace has, and whether that can be known before the run.
func (s Scenario) namespacePorts() (PortRange, bool) {
	if s.Topology == Host || s.Topology == Hosts {
		return PortRange{firstUnprivileged, lastPort}, false // whatever this host is set to, within this
	}
	if text, said := s.setting(ClientSide, portRangeKey); said {
		p, ok := parsePorts(text)
		if !ok {
			p = PortRange{firstUnprivileged, lastPort} // a problem of its own
		}
		return p, ok
	}
	return PortRange{defaultLow, defaultHigh}, true
}

// ClientPorts is the range that one client address opens from.
func (s Scenario) ClientPorts() PortRange { return s.clientPorts() }

// clientPorts is the range that one client address opens from.
func (s Scenario) clientPorts() PortRange {
	switch c := s.Client; {
	case c.Bind.Mode == BindPorts:
		return c.Bind.Ports
	case !c.LocalPortRange.Off():
		return c.LocalPortRange
	}
	p, _ := s.namespacePorts()
	return p
}

// destinations is how many pairs of address and port there are to connect to.
func (s Scenario) destinations() int64 { return int64(s.Server.Addresses) * int64(s.Server.Ports) }

// portForEach tells whether each destination has all of the client's ports to itself, given where TIME_WAIT stands. A
// port that bind() took is held by its TIME_WAIT on the client for all of them, and only bind() to that very port can
// have it back earlier, with SO_REUSEADDR or SO_REUSEPORT.
func (s Scenario) portForEach(timeWait Side) bool {
	c := s.Client
	switch {
	case timeWait == ServerSide:
		return true
	case c.Bind.Mode == BindPorts:
		return c.ReuseAddress.IsOn() || c.ReusePort.IsOn()
	case c.Bind.Mode == BindAddress || c.Addresses > 1:
		return c.BindAddressNoPort.IsOn()
	}
	return true
}

// parsePorts reads the two numbers of net.ipv4.ip_local_port_range.
func parsePorts(text string) (PortRange, bool) {
	f := strings.Fields(text)
	if len(f) != 2 {
		return PortRange{}, false
	}
	var p PortRange
	err := p.UnmarshalText([]byte(f[0] + "-" + f[1]))
	return p, err == nil
}

// FreshPorts is from how many ports a tuple's connections come before one comes from a port again. Where the server
// closes first the client's port is free at once, and plain connect() keeps to one parity of its range.
func (s Scenario) FreshPorts() int64 {
	n := int64(s.clientPorts().Size())
	if s.Client.Bind.Mode != BindPorts && s.Close.Side != ClientSide {
		return (n + 1) / 2
	}
	return n
}
