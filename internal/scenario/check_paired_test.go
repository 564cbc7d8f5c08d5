package scenario

import (
	"testing"
	"time"
)

// What the same threads at both ends cannot do is told with what to set instead, and what they can do is not.
func TestCheckPaired(t *testing.T) {
	with := func(change func(*Scenario)) func(*Scenario) {
		return func(s *Scenario) {
			s.Engine = Paired
			change(s)
		}
	}
	said(t, []tell{
		{"", with(func(*Scenario) {})},
		{"", with(func(s *Scenario) { s.Topology = Loopback })},
		{"", with(func(s *Scenario) { s.Close.How = "linger=0" })},
		{"", with(func(s *Scenario) { s.Close.How = "linger=-1" })},
		{"", with(func(s *Scenario) { s.Close.How = "half" })},
		{"", with(func(s *Scenario) { s.Client.Workers = 2 })},
		{"", with(func(s *Scenario) { s.Client.Workers, s.Server.Workers = 2, 2 })},
		{"", with(func(s *Scenario) { s.Load.Stop.TimeWait = goalOf(ClientSide, 100) })},
		{
			"topology: host is this host's own network, and engine paired is for a lab: set topology=veth, topology=loopback or engine=split",
			with(func(s *Scenario) { s.Topology = Host }),
		},
		{
			"io: is how engine split waits, and paired never does: leave it out, or set engine=split",
			with(func(s *Scenario) { s.IO = "epoll" }),
		},
		{
			"close.how: linger=N waits in close() for an acknowledgement, which the same thread would have to see to: set engine=split, " +
				"or close.how=linger=0",
			with(func(s *Scenario) { s.Close.How = "linger=2" }),
		},
		{
			"close.how: never leaves connections that somebody must look at, which paired does not: set engine=split",
			with(func(s *Scenario) { s.Close.Side, s.Close.How, s.Load.Stop.Connections = BothSides, "never", 10 }),
		},
		{
			"load.half_open: needs engine split, which leaves handshakes undone: set engine=split, or leave it out",
			with(func(s *Scenario) { s.Load.HalfOpen = 5 }),
		},
		{
			"server.accept_delay: would hold up the client too, which is the same thread: set engine=split, or leave it out",
			with(func(s *Scenario) { s.Server.AcceptDelay = Duration(time.Millisecond) }),
		},
		{
			"server.think: would hold up the client too, which is the same thread: set engine=split, or leave it out",
			with(func(s *Scenario) { s.Server.Think = Duration(time.Millisecond) }),
		},
		{
			"client.descriptors: bounds one side, and with paired both are one process: set engine=split, or leave it out",
			with(func(s *Scenario) { s.Client.Descriptors = 200 }),
		},
		{
			"server.descriptors: bounds one side, and with paired both are one process: set engine=split, or leave it out",
			with(func(s *Scenario) { s.Server.Descriptors = 200 }),
		},
		{
			"server.workers: is not client.workers, and with paired they are the same threads: leave one of the two out",
			with(func(s *Scenario) { s.Client.Workers, s.Server.Workers = 2, 3 }),
		},
		{
			"engine: a relay works with engine split alone: set engine=split",
			with(func(s *Scenario) { s.Relay = &Relay{}; s.Relay.settle(ClientSide) }),
		},
		{
			"canaries.every: calls a server that waits for callers, which paired is none: set engine=split, or canaries.every=0s",
			with(func(s *Scenario) { s.Canaries.Every = Duration(time.Second) }),
		},
		{
			"server.command: starts a server of somebody else's, and paired is both ends itself: set engine=split, or leave it out",
			with(func(s *Scenario) { s.Server.Command, s.Payload.Protocol = "nginx", HTTP }),
		},
		{
			"stand: is brought up group by group, each with threads of its own: set engine=split",
			with(func(s *Scenario) { s.Stand.Established, s.Load.Hold = 5, Duration(time.Second) }),
		},
	})
}
