package scenario

import (
	"slices"
	"strconv"
)

// settle fills in what a relay block does not say; first is the side that closes first towards the client. A proxy of somebody
// else's hands that on, as far as anybody knows beforehand.
func (r *Relay) settle(first Side) {
	if r == nil {
		return
	}
	if r.Command != "" && first == ServerSide {
		fill(&r.Close, ServerSide)
	}
	fill(&r.Port, 8080)
	fill(&r.Addresses, 1)
	fill(&r.BindAddressNoPort, On)
	fill(&r.Close, RelaySide)
}

// mostPooled is as many connections as a relay can have at once.
const mostPooled = mostConcurrent

// throughRelay are the ways to close that a relay can do in the server's place.
var throughRelay = []string{"fin", "graceful", "linger"}

// relay: what a scenario with three hosts can ask for.
func (c *checker) relay() {
	r := c.s.Relay
	if r == nil {
		if len(c.s.Sysctl.Relay) > 0 {
			c.add("sysctl.relay", "there is no relay to write them on: add a relay block, as --set relay.close=relay does, or leave them out")
		}
		return
	}
	between(c, "relay.port", r.Port, 1, lastPort)
	c.addresses("relay.addresses", r.Addresses, mostAddresses, "")
	between(c, "relay.pool", r.Pool, 0, mostPooled)
	if oneOf(c, "relay.close", r.Close, RelaySide, ServerSide) && r.Close == ServerSide && r.Pool > 0 {
		c.add("relay.close", "server leaves nothing to keep, and relay.pool says %d: set relay.pool=0 or relay.close=relay", r.Pool)
	}
	c.relayPorts(r)
	c.besideRelay()
	c.relayCommand(r)
}

// relayCommand: a proxy that nobody here wrote opens and keeps what it likes.
func (c *checker) relayCommand(r *Relay) {
	if r.Command == "" {
		return
	}
	const own = " is our own relay's, and relay.command is somebody else's: leave it out, and say it to the command"
	c.impossible([]impossible{
		{notOneLine(r.Command), "relay.command", strconv.Quote(r.Command) + " is not one line of text: put what is longer into a script"},
		{r.Pool > 0, "relay.pool", "how many connections stay open" + own},
		{r.Addresses > 1, "relay.addresses", "from where it opens" + own},
		{!r.LocalPortRange.Off(), "relay.local_port_range", "a range for its sockets" + own + ", or set sysctl.relay." + portRangeKey},
		{r.BindAddressNoPort == Off, "relay.bind_address_no_port", "how it binds" + own},
	})
	if c.s.Server.Addresses > 1 || c.s.Server.Ports > 1 {
		c.add("relay.command", "is told of one server: leave server.addresses and server.ports out")
	}
	passedOn := map[Side]Side{ClientSide: RelaySide, ServerSide: ServerSide}[c.s.Close.Side]
	if !c.s.Theirs() && passedOn != "" && r.Close != passedOn {
		c.add("relay.close", "%s, and a proxy of somebody else's hands on who closes first, which close.side=%s says: set relay.close=%s, "+
			"or the other close.side", r.Close, c.s.Close.Side, passedOn)
	}
	if name, _ := c.s.Close.How.Split(); c.s.Close.Side == ServerSide && name != "fin" {
		c.add("close.how", "%s cannot be asked of a proxy of somebody else's, which closes as it does: set close.how=fin", c.s.Close.How)
	}
}

// relayPorts: the ports that the relay opens from, and what a tuple is there.
func (c *checker) relayPorts(r *Relay) {
	if p := r.LocalPortRange; !p.Off() {
		c.unprivileged("relay.local_port_range", p)
	}
	space := PortRange{defaultLow, defaultHigh}
	if text, said := c.s.setting(RelaySide, portRangeKey); said {
		space, _ = parsePorts(text)
	}
	if space.Low <= r.Port && r.Port <= space.High {
		c.add("relay.port", "%d lies within the range that the relay opens from, %s, and would be missing there: choose another one",
			r.Port, space)
	}
	if p := r.LocalPortRange; !p.Off() && !space.Off() && (p.Low < space.Low || p.High > space.High) {
		c.add("relay.local_port_range", "%s is not within %s, and the kernel ignores a bound outside the namespace's range: set "+
			"sysctl.relay.%s to \"%d %d\" too", p, space, portRangeKey, min(p.Low, space.Low), max(p.High, space.High))
	}
	if n := int64(r.Addresses) * c.s.destinations(); c.countable() && r.Addresses <= mostAddresses && n > mostTuples {
		c.add("relay.addresses", "%d with server.addresses %d and server.ports %d make %s combinations; allowed: up to %s in all",
			r.Addresses, c.s.Server.Addresses, c.s.Server.Ports, grouped(n), grouped(mostTuples))
	}
}

// besideRelay: what is made for two hosts alone.
func (c *checker) besideRelay() {
	s := c.s
	for _, bad := range []struct {
		there       bool
		path, means string
	}{
		{s.Topology != Veth, "topology", "a relay is a host of its own, which takes a lab: set topology=veth"},
		{s.Engine != "split", "engine", "a relay works with engine split alone: set engine=split"},
		{!s.Stand.Off(), "stand", "sockets stand in states between two hosts: leave the relay out with relay=off"},
		{s.Load.Stop.TimeWait != nil, "load.stop.time_wait", "a goal is for two hosts: drop it with load.stop.time_wait=off"},
		{s.Link.Rate != 0, "link.rate", "a relay has two links, neither with a rate: set link.rate=off"},
		{s.Client.FastOpen.IsOn(), "client.fast_open", "the relay takes no data in a SYN: set client.fast_open=off"},
		{s.Canaries.Every != 0, "canaries.every", "canaries are called between two hosts: set canaries.every=0s"},
	} {
		if bad.there {
			c.add(bad.path, "%s", bad.means)
		}
	}
	name, _ := s.Close.How.Split()
	if !slices.Contains(throughRelay, name) {
		c.add("close.how", "%s is not what a relay does in the server's place; allowed with a relay: fin, graceful, linger=N", s.Close.How)
	}
	if s.Close.Side == BothSides {
		c.add("close.side", "both is for two hosts: with a relay set close.side=client or close.side=server, which is the relay")
	}
}
