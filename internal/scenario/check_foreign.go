package scenario

import (
	"path"
	"strings"
	"unicode"
)

// foreign: a server that nobody here wrote closes as it pleases, and listens where it was told.
func (c *checker) foreign() {
	sv := c.s.Server
	oneOf(c, "payload.protocol", c.s.Payload.Protocol, Plain, HTTP, Raw)
	c.said()
	c.serverRoot()
	c.running()
	if !c.s.Theirs() {
		if c.s.Payload.Protocol == HTTP && c.s.Client.Command == "" {
			c.add("payload.protocol", "http is for a server or a client of somebody else's: our own two speak plain; set server.command or client.command, or leave it out")
		}
		return
	}
	if c.s.Payload.Protocol == Plain {
		c.add("payload.protocol", "plain is spoken by our own server only: set payload.protocol=http, or leave it out")
	}
	if notOneLine(sv.Command) {
		c.add("server.command", "%q is not one line of text: put what is longer into a script", sv.Command)
	}
	if c.s.Topology != Veth && sv.Command != "" {
		c.add("topology", "%s has no host of its own for server.command: set topology=veth", c.s.Topology)
	}
	if sv.Addresses > 1 || sv.Ports > 1 {
		c.add("server.command", "a server of somebody else's is called at one address and port: leave server.addresses and server.ports out")
	}
	if n := c.s.Stand.CloseWait; n > 0 {
		c.add("stand.close_wait", "%s cannot be asked of a server of somebody else's, which closes when the client has: leave it out, "+
			"or leave server.command out", grouped(int64(n)))
	}
	c.foreignClose()
}

// running: a server that is there already is looked at from outside alone.
func (c *checker) running() {
	s := c.s
	if !s.Server.Running.IsOn() {
		return
	}
	const there = "a server that runs already (server.running)"
	c.impossible([]impossible{
		{s.Server.Command != "", "server.command", "starts a server, and server.running says that there is one: leave one of them out"},
		{s.Topology != Host, "topology", string(s.Topology) + " has no server but its own: set topology=host, or start one there with server.command"},
		{s.Engine == "paired", "engine", "paired drives both ends, and " + there + " is none of ours: set engine=split"},
		{s.Client.Command != "", "client.command", "is for a lab, and " + there + " is in none: leave it out"},
		{s.Load.HalfOpen > 0, "load.half_open", "takes a lab, and " + there + " is in none: leave it out"},
		{s.Relay != nil, "relay", "takes a lab, and " + there + " is in none: set relay=off"},
		{s.Canaries.Every != 0, "canaries.every", "services beside " + there + " cannot be started: set canaries.every=0s"},
		{s.Struck == ServerSide, "struck", "the host of " + there + " is not looked at: set struck=client"},
	})
	if g := s.Load.Stop.TimeWait; g != nil && g.Side == ServerSide {
		c.add("load.stop.time_wait.side", "%s cannot be counted at: set close.side=client, or load.stop.time_wait=off", there)
	}
}

// serverRoot: a directory, which is looked for when it is needed: this room reads no files.
func (c *checker) serverRoot() {
	sv := c.s.Server
	switch {
	case sv.Root == "":
	case sv.Command == "":
		c.add("server.root", "%q is for a server of somebody else's: set server.command to what is to run in it, or leave it out", sv.Root)
	case strings.ContainsFunc(sv.Root, unicode.IsControl):
		c.add("server.root", "%q is no name of a directory", sv.Root)
	case path.Clean(sv.Root) == "/":
		c.add("server.root", "%q is what server.command has anyway: leave it out", sv.Root)
	}
}

// foreignClose: who closes first is asked for in the request; how the server does it is its own affair.
func (c *checker) foreignClose() {
	cl := c.s.Close
	name, _ := cl.How.Split()
	switch {
	case cl.Side == BothSides || name == simultaneous:
		c.add("close.side", "both cannot be asked of a server of somebody else's: set close.side=client or close.side=server")
	case cl.Side == ServerSide && cl.How != "fin":
		c.add("close.how", "%s cannot be asked of a server of somebody else's, which closes as it does: set close.how=fin", cl.How)
	case name == "half" || name == "linger2" || name == "unread" || name == "leak":
		c.add("close.how", "%s needs our own server at the other end: set close.how to fin, graceful or linger=N, or leave "+
			"server.command out", cl.How)
	}
	if c.s.Client.FastOpen.IsOn() {
		c.add("client.fast_open", "on needs our own server at the other end: leave it out, or leave server.command out")
	}
}
