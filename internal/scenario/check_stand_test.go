package scenario

import "testing"

func standing20(stand Stand, change ...func(*Scenario)) func(*Scenario) {
	return func(s *Scenario) {
		s.Stand, s.Load.Hold = stand, 20*second
		for _, c := range change {
			c(s)
		}
	}
}

func TestCheckStand(t *testing.T) {
	one := Stand{Established: 1}
	const oneNetwork = " has one network for both sides, and stand needs two hosts with a link on which packets can be " +
		"held back: set topology=veth, or leave stand out"
	const instead = " is never reached: stand opens its connections instead of a load; leave one of the two out"
	said(t, []tell{
		{"", standing20(one)},
		{"topology: loopback" + oneNetwork, standing20(one, func(s *Scenario) { s.Topology = Loopback })},
		{
			"engine: net waits for each handshake, and stand leaves some undone: set engine=split, or leave stand out",
			standing20(one, func(s *Scenario) { s.Engine = "net" }),
		},
		{"topology: host" + oneNetwork, standing20(one, func(s *Scenario) { s.Topology = Host })},
		{
			"load.hold: 0s leaves what stand asks for no time to stand: say how long, like load.hold=20s",
			standing20(one, func(s *Scenario) { s.Load.Hold = 0 }),
		},
		{"load.stop.connections: 1,000" + instead, standing20(one, func(s *Scenario) { s.Load.Stop.Connections = 1000 })},
		{"load.stop.failures: 1" + instead, standing20(one, func(s *Scenario) { s.Load.Stop.Failures = 1 })},
		{"load.stop.time_wait: the goal" + instead, standing20(one, func(s *Scenario) {
			s.Load.Stop.TimeWait, s.Close.How = goalOf(ClientSide, 1_000_000), "leak"
		})},
	})
}

func TestCheckStandCounts(t *testing.T) {
	set := map[string]func(*Stand, int){
		"syn_sent":    func(s *Stand, n int) { s.SynSent = n },
		"syn_recv":    func(s *Stand, n int) { s.SynRecv = n },
		"established": func(s *Stand, n int) { s.Established = n },
		"fin_wait_1":  func(s *Stand, n int) { s.FinWait1 = n },
		"fin_wait_2":  func(s *Stand, n int) { s.FinWait2 = n },
		"closing":     func(s *Stand, n int) { s.Closing = n },
		"close_wait":  func(s *Stand, n int) { s.CloseWait = n },
		"last_ack":    func(s *Stand, n int) { s.LastAck = n },
	}
	for field, set := range set {
		var least, most, more Stand
		set(&least, -1)
		set(&most, 15_000)
		set(&more, 15_001)
		said(t, []tell{
			{"stand." + field + ": -1 is not possible; allowed: 0 to 15000", standing20(least)},
			{"", standing20(most)},
			{"stand." + field + ": 15001 is not possible; allowed: 0 to 15000", standing20(more)},
		})
	}
	said(t, []tell{
		{
			"stand: 15,001 sockets need a descriptor each (all but syn_recv, time_wait and listen); allowed: up to 15,000 of " +
				"them in all",
			standing20(Stand{
				SynSent: 2143, Established: 2143, FinWait1: 2143, FinWait2: 2143, Closing: 2143, CloseWait: 2143, LastAck: 2143,
			}),
		},
		{"stand.listen: 1001 is not possible; allowed: 0 to 1000", standing20(Stand{Listen: 1001})},
		{"stand.listen: -1 is not possible; allowed: 0 to 1000", standing20(Stand{Listen: -1})},
		{
			"stand: 15,001 sockets need a descriptor each (all but syn_recv, time_wait and listen); allowed: up to 15,000 of " +
				"them in all", standing20(Stand{Established: 15_000, CloseWait: 1}),
		},
		{"", standing20(Stand{Established: 15_000, SynRecv: 15_000, TimeWait: 14_116, Listen: 1000})},
	})
}

func TestCheckStandTimeWait(t *testing.T) {
	more := func(s string) string {
		return "stand.time_wait: " + s + "; ask for less, or raise client.addresses or the range"
	}
	said(t, []tell{
		{
			more("28,233 is more than the client's ports leave on a server: 28,232 possible (28,232 ports in " +
				"32768-60999, client.addresses 1)"), standing20(Stand{TimeWait: 28_233}),
		},
		{
			more("2,001 is more than the client's ports leave on a server: 2,000 possible (1,000 ports in " +
				"40000-40999, client.addresses 2)"),
			standing20(Stand{TimeWait: 2001}, func(s *Scenario) {
				s.Client.Addresses, s.Sysctl.Both = 2, map[string]string{portRangeKey: "40000 40999"}
			}),
		},
		{
			more("1,001 is more than the client's ports leave on a server: 1,000 possible (1,000 ports in 40000-40999, " +
				"client.addresses 1)"),
			standing20(Stand{TimeWait: 1001}, func(s *Scenario) { s.Client.Bind = ports(40000, 40999) }),
		},
		{
			"stand.time_wait_out: 1,001 is more than the server's host has ports for: 1,000 possible (1,000 ports in " +
				"40000-40999, client.addresses 1); ask for less, or raise client.addresses or the range",
			standing20(Stand{TimeWaitOut: 1001}, func(s *Scenario) {
				s.Sysctl.Server = map[string]string{portRangeKey: "40000 40999"}
			}),
		},
		{
			"stand.time_wait_out: a count cannot tell it from stand.time_wait: leave one of the two out",
			standing20(Stand{TimeWaitOut: 1, TimeWait: 1}),
		},
		{"", standing20(Stand{TimeWaitOut: 28_232})},
		{"", standing20(Stand{TimeWait: 28_232})},
		{"", standing20(Stand{TimeWait: 29_000}, func(s *Scenario) { s.Client.Addresses = 2 })},
		{"", standing20(Stand{TimeWait: 1}, func(s *Scenario) { s.Client.LocalPortRange = PortRange{40000, 40000} })},
		{"client.addresses: -1 is not possible; allowed: 1 to 1000", standing20(Stand{TimeWait: 1}, func(s *Scenario) {
			s.Client.Addresses = -1
		})},
	})
}
