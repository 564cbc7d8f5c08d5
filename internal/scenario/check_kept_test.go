package scenario

import "testing"

// standing2000 are connections that nobody closes.
func standing2000(change ...func(*Scenario)) func(*Scenario) {
	return func(s *Scenario) {
		s.Close.How, s.Load.Stop.Connections, s.Load.Hold = "never", 2000, 10*second
		for _, c := range change {
			c(s)
		}
	}
}

func TestCheckKept(t *testing.T) {
	count := func(n int64, clients int) func(*Scenario) {
		return standing2000(func(s *Scenario) { s.Load.Stop.Connections, s.Client.Addresses = n, clients })
	}
	const unsaid = "load.stop.connections: nothing is closed, and at rate max nothing but the ports ends the load: say how " +
		"many connections are to stand, like load.stop.connections=2000"
	said(t, []tell{
		{"", standing2000()},
		{unsaid, standing2000(func(s *Scenario) { s.Load.Stop.Connections = 0 })},
		{"", standing2000(func(s *Scenario) { s.Load.Stop.Connections, s.Load.Rate = 0, 10 })},
		{"", count(28_233, 1)},
		{"", count(100_000, 4)},
		{"load.stop.connections: 100,001 connections are to stand at once; allowed: up to 100,000", count(100_001, 4)},
		{
			"close.side: never is what both sides do: set close.side=both, or leave it out; close.how=leak is for one side " +
				"that does not close",
			standing2000(func(s *Scenario) { s.Close.Side = ClientSide }),
		},
	})
}

func TestCheckVanish(t *testing.T) {
	const engine = "needs engine split, which goes on looking at connections that stand: set engine=split, or leave it out"
	at := func(v Duration, change ...func(*Scenario)) func(*Scenario) {
		return standing2000(append([]func(*Scenario){func(s *Scenario) { s.Client.Vanish = v }}, change...)...)
	}
	said(t, []tell{
		{"", at(9 * second)},
		{
			"client.vanish: 10s after the load is not before the end of load.hold, 10s: nothing would be seen of it; set " +
				"load.hold to more", at(10 * second),
		},
		{"client.vanish: -1s is not possible; allowed: 0s to 1h0m0s", at(-second)},
		{
			"client.vanish: loopback has no host for the client alone that could vanish: set topology=veth, or leave it out",
			at(second, func(s *Scenario) { s.Topology = Loopback }),
		},
		{"client.vanish: " + engine, at(second, func(s *Scenario) { s.Engine = "net" })},
		{
			"client.vanish: has no meaning where connections are closed: set close.how=never, or leave it out",
			at(second, func(s *Scenario) { s.Close.How = "fin" }),
		},
		{
			"client.vanish: takes away the host that canaries are called from: set canaries.every=0s, or leave it out",
			at(second, func(s *Scenario) { s.Canaries.Every = second }),
		},
	})
}

func TestCheckWhoAsks(t *testing.T) {
	said(t, []tell{
		{"", standing2000(func(s *Scenario) {
			s.Server.KeepAlive, s.Server.Heartbeat = KeepAlive{Idle: second}, Heartbeat{second, 3 * second}
		})},
		{"", func(s *Scenario) { s.Server.KeepAlive = KeepAlive{Idle: second} }},
		{
			"server.heartbeat: is for connections that stand: set close.how=never, or leave it out",
			func(s *Scenario) { s.Server.Heartbeat = Heartbeat{second, second} },
		},
		{
			"server.heartbeat: needs engine split, which goes on looking at connections that stand: set engine=split, or " +
				"leave it out",
			standing2000(func(s *Scenario) { s.Engine, s.Server.Heartbeat = "net", Heartbeat{second, second} }),
		},
		{
			"server.keep_alive: is the library's own with engine net, which sets it unasked: set engine=split, or leave it out",
			func(s *Scenario) { s.Engine, s.Server.KeepAlive = "net", KeepAlive{Idle: second} },
		},
	})
}
