package scenario

import "strings"

// Paired names the engine that drives both ends of a connection on the same threads.
const Paired = "paired"

// paired: what one thread at both ends can and cannot do.
func (c *checker) paired() {
	s := c.s
	if s.Engine != Paired {
		return
	}
	name, argument := s.Close.How.Split()
	lingers := name == "linger" && argument != "0" && !strings.HasPrefix(argument, "-")
	for _, bad := range []struct {
		there       bool
		path, means string
	}{
		{s.Topology == Host, "topology", "host is this host's own network, and engine paired is for a lab: set topology=veth, " +
			"topology=loopback or engine=split"},
		{s.IO != "auto", "io", "is how engine split waits, and paired never does: leave it out, or set engine=split"},
		{lingers, "close.how", "linger=N waits in close() for an acknowledgement, which the same thread would have to see to: " +
			"set engine=split, or close.how=linger=0"},
		{s.Kept(), "close.how", "never leaves connections that somebody must look at, which paired does not: set engine=split"},
		{!s.Stand.Off(), "stand", "is brought up group by group, each with threads of its own: set engine=split"},
		{s.Load.HalfOpen > 0, "load.half_open", "needs engine split, which leaves handshakes undone: set engine=split, or leave it out"},
		{s.Canaries.Every != 0, "canaries.every", "calls a server that waits for callers, which paired is none: set engine=split, " +
			"or canaries.every=0s"},
		{s.Server.Command != "", "server.command", "starts a server of somebody else's, and paired is both ends itself: set " +
			"engine=split, or leave it out"},
		{s.Server.AcceptDelay != 0, "server.accept_delay", "would hold up the client too, which is the same thread: set engine=split, " +
			"or leave it out"},
		{s.Server.Think != 0, "server.think", "would hold up the client too, which is the same thread: set engine=split, or leave it out"},
		{s.Client.Descriptors > 0, "client.descriptors", "bounds one side, and with paired both are one process: set engine=split, " +
			"or leave it out"},
		{s.Server.Descriptors > 0, "server.descriptors", "bounds one side, and with paired both are one process: set engine=split, " +
			"or leave it out"},
		{
			s.Client.Workers > 0 && s.Server.Workers > 0 && s.Client.Workers != s.Server.Workers, "server.workers",
			"is not client.workers, and with paired they are the same threads: leave one of the two out",
		},
	} {
		if bad.there {
			c.add(bad.path, "%s", bad.means)
		}
	}
}
