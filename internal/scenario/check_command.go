package scenario

import (
	"slices"
	"strings"
	"unicode"
)

// mostRequestsTold bounds what a caller says of a command.
const mostRequestsTold = 1_000_000_000

// command: a client that nobody here wrote opens what it likes, as it likes.
func (c *checker) command() {
	s := c.s
	if n := s.Client.CommandRequests; n < 0 || n > mostRequestsTold {
		c.add("client.command_requests", "%d is no number of requests: 0 to %s", n, grouped(mostRequestsTold))
	}
	if s.Client.Command == "" {
		if s.Client.CommandRequests != 0 {
			c.add("client.command_requests", "tells of client.command, and there is none: leave it out")
		}
		return
	}
	if notOneLine(s.Client.Command) {
		c.add("client.command", "%q is not one line of text: put what is longer into a script", s.Client.Command)
	}
	c.commandPlace()
	c.commandLoad()
	c.commandSockets()
	c.commandServer()
}

// notOneLine tells a command that a shell would not read as one line.
func notOneLine(command string) bool {
	return strings.ContainsFunc(command, func(r rune) bool { return unicode.IsControl(r) && r != '\t' })
}

// impossible adds those that are there.
func (c *checker) impossible(all []impossible) {
	for _, one := range all {
		if one.there {
			c.add(one.path, "%s", one.means)
		}
	}
}

type impossible struct {
	there       bool
	path, means string
}

// commandPlace: what stands beside a command, or in its place.
func (c *checker) commandPlace() {
	s := c.s
	c.impossible([]impossible{
		{s.Topology != Veth, "topology", string(s.Topology) + " has no host of its own for client.command: set topology=veth"},
		{s.Engine != "split", "engine", s.Engine + " drives a client of ours, and client.command is somebody else's: leave engine out"},
		{s.IO != "auto", "io", s.IO + " is how a client of ours waits, and client.command is somebody else's: leave io out"},
		{s.Relay != nil, "relay", "passes on what our own client says: leave it out with relay=off, or leave client.command out"},
		{!s.Stand.Off(), "stand", "opens its connections by our own client: leave it out, or leave client.command out"},
		{
			s.Canaries.Every != 0, "canaries.every", "canaries move the counters that a command's failures are read from: set " +
				"canaries.every=0s, or leave client.command out",
		},
		{s.Measure.CallCosts.IsOn(), "measure.call_costs", "only our own system calls can be timed: set measure.call_costs=off"},
	})
}

// commandLoad: it has no rate, and ends by itself.
func (c *checker) commandLoad() {
	l, stop := c.s.Load, c.s.Load.Stop
	const itself = " is the command's own affair: "
	c.impossible([]impossible{
		{l.Rate != Max, "load.rate", l.Rate.String() + itself + "set load.rate=max, and say it to the command"},
		{l.Concurrency != defaultConcurrency, "load.concurrency", "how many are in flight" + itself + "set load.concurrency=64, the default"},
		{stop.Connections > 0, "load.stop.connections", "how many it opens" + itself + "set load.stop.connections=0; load.stop.after ends it"},
		{stop.Failures > 0, "load.stop.failures", "what fails does not end a command: set load.stop.failures=0; load.stop.after ends it"},
		{stop.TimeWait != nil, "load.stop.time_wait", "a command cannot be held at a number of TIME_WAIT: set load.stop.time_wait=off"},
		{l.HalfOpen > 0, "load.half_open", "half-open connections move the counters that a command's failures are read from: leave it out"},
		{c.s.Payload.Request != defaultRequest, "payload.request", "what is asked" + itself + "set payload.request=64B, the default"},
	})
}

// commandSockets: nothing can be set on the sockets of somebody else's program.
func (c *checker) commandSockets() {
	cl := c.s.Client
	const itself = "is for sockets of ours, and the command's are its own: "
	const off = itself + "set it to off"
	c.impossible([]impossible{
		{
			!cl.LocalPortRange.Off(), "client.local_port_range", "is for sockets of ours: set sysctl.client." + portRangeKey +
				", which is for all of the namespace",
		},
		{cl.Bind.Mode != BindAuto, "client.bind", itself + "set client.bind=auto"},
		{cl.BindAddressNoPort == Off, "client.bind_address_no_port", itself + "set it to on, the default"},
		{cl.ReuseAddress.IsOn(), "client.reuse_address", off},
		{cl.ReusePort.IsOn(), "client.reuse_port", off},
		{cl.NoDelay.IsOn(), "client.no_delay", off},
		{cl.FastOpen.IsOn(), "client.fast_open", off},
		{!cl.KeepAlive.Off(), "client.keep_alive", off},
		{cl.Requests != 1, "client.requests", "how many requests a connection carries is the command's own affair: set client.requests=1"},
		{cl.Workers > 0, "client.workers", "how many threads it has is the command's own affair: set client.workers=0"},
		{cl.Descriptors > 0, "client.descriptors", "bounds a client of ours: say `ulimit -n` in the command"},
		{cl.Timeout != defaultTimeout, "client.timeout", "how long it waits is the command's own affair: set client.timeout=5s, the default; load.stop.after ends it"},
	})
}

// commandServer: who closes first is what our server does, or what is hoped for.
func (c *checker) commandServer() {
	cl, sv := c.s.Close, c.s.Server
	ours := sv.Command == ""
	c.impossible([]impossible{
		{cl.Side == BothSides, "close.side", "both cannot be asked of a command: set close.side=client or close.side=server"},
		{cl.How != "fin", "close.how", string(cl.How) + " is done by our own client and server together: set close.how=fin and close.linger=off"},
		{
			ours && c.s.Payload.Protocol == Plain, "payload.protocol", "plain is spoken by our own client only: set " +
				"payload.protocol=http, or leave it out",
		},
		{ours && sv.Workers > 0, "server.workers", "what answers HTTP has as many threads as it needs: set server.workers=0"},
		{ours && !sv.KeepAlive.Off(), "server.keep_alive", "is the library's own where our server answers HTTP: set it to off"},
	})
}

// configured: a command that begins with @ is a name out of a list.
func (c *checker) configured(known Known) {
	if known.Servers == nil {
		return
	}
	c.configuration("server.command", c.s.Server.Command, known.Servers, known.Proxies, "a proxy: name it with --relay-with")
	if r := c.s.Relay; r != nil {
		c.configuration("relay.command", r.Command, known.Proxies, known.Servers, "no proxy: name it with --serve-with")
		if !c.s.Theirs() && slices.Contains(known.Proxies, r.Command) && !slices.Contains(known.Passes, r.Command) {
			c.add("relay.command", "%s speaks HTTP, and our own two speak plain: name a server with --serve-with, or a proxy that hands "+
				"any bytes on: %s", r.Command, strings.Join(known.Passes, ", "))
		}
	}
	if strings.HasPrefix(c.s.Server.Command, "@") && c.s.Server.Root != "" {
		c.add("server.root", "%s is this host's own program with a configuration of ours: leave server.root out", c.s.Server.Command)
	}
}

func (c *checker) configuration(field, command string, known, others []string, elsewhere string) {
	switch {
	case !strings.HasPrefix(command, "@") || slices.Contains(known, command):
	case slices.Contains(others, command):
		c.add(field, "%s is %s; here there are: %s", command, elsewhere, strings.Join(known, ", "))
	default:
		c.add(field, "%s", notOneOf(command, known))
	}
}
