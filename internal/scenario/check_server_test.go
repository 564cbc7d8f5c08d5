package scenario

import "testing"

func TestCheckListeners(t *testing.T) {
	const host = "topology host adds no addresses to this host"
	said(t, []tell{
		{"server.addresses: 1001 is not possible; allowed: 1 to 1000", func(s *Scenario) { s.Server.Addresses = 1001 }},
		{"server.addresses: -1 is not possible; allowed: 1 to 1000", func(s *Scenario) { s.Server.Addresses = -1 }},
		{"server.addresses: 201 is not possible; allowed: 1 to 200 (from 127.0.0.0/8)", func(s *Scenario) {
			s.Topology, s.Server.Addresses = Loopback, 201
		}},
		{"server.addresses: 201 is not possible; allowed: 1 to 200 (from 127.0.0.0/8)", func(s *Scenario) {
			s.Topology, s.Server.Addresses = Host, 201
		}},
		{"server.addresses: 2 is not possible; allowed: 1 (the IPv6 loopback has only ::1)", func(s *Scenario) {
			s.Topology, s.Family, s.Server.Addresses = Loopback, IPv6, 2
		}},
		{"server.addresses: 2 is not possible; allowed: 1 (" + host + ")", func(s *Scenario) {
			s.Topology, s.Server.Address, s.Server.Addresses = Host, "127.0.0.1", 2
		}},
		{"server.ports: 1001 is not possible; allowed: 1 to 1000", func(s *Scenario) { s.Server.Ports = 1001 }},
		{"server.ports: -1 is not possible; allowed: 1 to 1000", func(s *Scenario) { s.Server.Ports = -1 }},
		{
			"server.ports: 37 from server.port 65500 on would end at 65536, and the last port is 65535: ask for 36 at most, " +
				"or set server.port to 65499", func(s *Scenario) { s.Server.Port, s.Server.Ports = 65500, 37 },
		},
		{
			"server.reuse_port: off leaves room for one worker, and server.workers says 2: several workers listen side by " +
				"side, which takes SO_REUSEPORT; set server.workers=1, or leave one of the two out",
			func(s *Scenario) { s.Server.ReusePort, s.Server.Workers = Off, 2 },
		},
		{"server.accept_delay: 1m0.000000001s is not possible; allowed: 0s to 1m0s", func(s *Scenario) {
			s.Server.AcceptDelay = longestDelay + 1
		}},
		{"server.accept_delay: -1s is not possible; allowed: 0s to 1m0s", func(s *Scenario) {
			s.Server.AcceptDelay = -second
		}},
		{
			"server.ports: 2 from server.port 65535 on would end at 65536, and the last port is 65535: ask for 1 at most, or " +
				"set server.port to 65534", func(s *Scenario) { s.Server.Port, s.Server.Ports = 65535, 2 },
		},
		{
			"server.ports: 1000 from server.port 65000 on would end at 65999, and the last port is 65535: ask for 536 at " +
				"most, or set server.port to 64536", func(s *Scenario) { s.Server.Port, s.Server.Ports = 65000, 1000 },
		},
		{
			"server.ports: 2 in topology loopback cannot be told from other sockets there: set topology=veth, or leave it out",
			func(s *Scenario) { s.Topology, s.Server.Ports = Loopback, 2 },
		},
		{"", func(s *Scenario) { s.Server.Addresses, s.Server.Ports = 4, 1000 }},
		{"", func(s *Scenario) { s.Topology, s.Server.Addresses = Host, 200 }},
		{"", func(s *Scenario) { s.Server.Port, s.Server.Ports = 65500, 36 }},
		{"", func(s *Scenario) { s.Server.ReusePort, s.Server.Workers = Off, 1 }},
		{"", func(s *Scenario) { s.Server.ReusePort = Off }},
		{"", func(s *Scenario) { s.Server.ReuseAddress, s.Server.AcceptDelay = Off, longestDelay }},
	})
}

func TestCheckTuples(t *testing.T) {
	ask := func(client, server, ports int) func(*Scenario) {
		return func(s *Scenario) { s.Client.Addresses, s.Server.Addresses, s.Server.Ports = client, server, ports }
	}
	said(t, []tell{
		{
			"server.ports: client.addresses 1000, server.addresses 66 and server.ports 1 make 66,000 combinations; allowed: " +
				"up to 4,096 in all; ask for less of one of the three", ask(1000, 66, 1),
		},
		{
			"server.ports: client.addresses 1000, server.addresses 1000 and server.ports 1000 make 1,000,000,000 " +
				"combinations; allowed: up to 4,096 in all; ask for less of one of the three", ask(1000, 1000, 1000),
		},
		{"server.ports: 1001 is not possible; allowed: 1 to 1000", ask(1000, 1000, 1001)},
		{"", ask(64, 8, 8)},
	})
}

func TestCheckLink(t *testing.T) {
	link := func(topology Topology, l Link) func(*Scenario) {
		return func(s *Scenario) { s.Topology, s.Link = topology, l }
	}
	said(t, []tell{
		{"link.rate: 63999bit is not possible; allowed: 64kbit to 100Gbit", link(Veth, Link{Rate: 63_999})},
		{"link.rate: 101Gbit is not possible; allowed: 64kbit to 100Gbit", link(Veth, Link{Rate: 101e9})},
		{"link.queue: 2047B is not possible; allowed: 2KiB to 64MiB", link(Veth, Link{64_000, 2047})},
		{"link.queue: 65MiB is not possible; allowed: 2KiB to 64MiB", link(Veth, Link{64_000, 65 << 20})},
		{
			"link.queue: 4KiB is never used: packets wait only where link.rate slows them down; set it too, like " +
				"link.rate=20Mbit, or leave link.queue out", link(Veth, Link{0, 4096}),
		},
		{
			"link.rate: only topology veth has a link to slow down, and topology is loopback: set topology=veth, or leave " +
				"link.rate and link.queue out", link(Loopback, Link{Rate: 1}),
		},
		{
			"link.rate: only topology veth has a link to slow down, and topology is host: set topology=veth, or leave " +
				"link.rate and link.queue out", link(Host, Link{Queue: 4096}),
		},
		{"", link(Veth, Link{64_000, 2 << 10})},
		{"", link(Veth, Link{100e9, 64 << 20})},
		{"", link(Loopback, Link{})},
	})
}
