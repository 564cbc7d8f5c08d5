package scenario

import "testing"

func ports(low, high int) Bind { return Bind{BindPorts, PortRange{low, high}} }

func TestCheckRequests(t *testing.T) {
	said(t, []tell{
		{"client.requests: -1 is not possible; allowed: 1 to 1000000", func(s *Scenario) { s.Client.Requests = -1 }},
		{"client.requests: 1000001 is not possible; allowed: 1 to 1000000", func(s *Scenario) {
			s.Client.Requests = 1_000_001
		}},
		{"", func(s *Scenario) { s.Client.Requests = 1_000_000 }},
	})
}

func TestCheckAddressesOfThisHost(t *testing.T) {
	const own = "client.addresses: 2 is not possible; allowed: 1 (topology host adds no addresses to this host)"
	host := func(server string, clients int) func(*Scenario) {
		return func(s *Scenario) { s.Topology, s.Server.Address, s.Client.Addresses = Host, server, clients }
	}
	said(t, []tell{
		{"", host("", 200)},
		{"", host("127.0.0.1", 200)},
		{own, host("10.0.0.1", 2)},
		{own + "\nserver.address: \"127.0.0\" is no ipv4 address: write it like 127.0.0.1", host("127.0.0", 2)},
	})
}

func TestCheckBind(t *testing.T) {
	said(t, []tell{
		{
			"client.bind: 1000-2000 begins below 1024 (net.ipv4.ip_unprivileged_port_start); allowed: 1024-65535 or a part " +
				"of it", func(s *Scenario) { s.Client.Bind = ports(1000, 2000) },
		},
		{"client.bind: 60000-65536 is not possible; allowed: 1024-65535 or a part of it", func(s *Scenario) {
			s.Client.Bind = ports(60000, 65536)
		}},
		{
			"client.bind: 40000-40999 leaves the kernel no port to choose, and client.local_port_range says 40000-41000 to " +
				"choose from: leave one of them out (client.bind=address, or client.local_port_range=off)",
			func(s *Scenario) {
				s.Client.Bind, s.Client.LocalPortRange = ports(40000, 40999), PortRange{40000, 41000}
			},
		},
		{"", func(s *Scenario) { s.Client.Bind = ports(1024, 65535) }}, // whatever the namespace's range is
		{"", func(s *Scenario) {
			s.Client.Bind, s.Client.LocalPortRange = Bind{Mode: BindAddress}, PortRange{40000, 41000}
		}},
		{"", func(s *Scenario) { s.Client.BindAddressNoPort = Off }}, // nothing is bound: it changes nothing
	})
}

func TestCheckFastOpen(t *testing.T) {
	on := func(change func(*Scenario)) func(*Scenario) {
		return func(s *Scenario) { s.Client.FastOpen = On; change(s) }
	}
	set := func(value string) map[string]string { return map[string]string{"net.ipv4.tcp_fastopen": value} }
	const unset = "client.fast_open: on needs a server that takes part, and the kernel's default 1 lets clients only: " +
		"set sysctl.server.net.ipv4.tcp_fastopen=3"
	said(t, []tell{
		{unset, on(func(*Scenario) {})},
		{unset, on(func(s *Scenario) { s.Sysctl.Client = set("3") })}, // another namespace
		{unset, on(func(s *Scenario) { s.Topology = Loopback })},
		{
			"client.fast_open: on needs a server that takes part, and net.ipv4.tcp_fastopen is 1 there, without bit 2: set " +
				"sysctl.server.net.ipv4.tcp_fastopen=3",
			on(func(s *Scenario) { s.Sysctl.Server, s.Sysctl.Both = set("1"), set("3") }),
		},
		{
			"client.fast_open: on needs a client that takes part, and net.ipv4.tcp_fastopen is 2 there, without bit 1: set " +
				"sysctl.client.net.ipv4.tcp_fastopen=3", on(func(s *Scenario) { s.Sysctl.Both = set("2") }),
		},
		{"", on(func(s *Scenario) { s.Sysctl.Server = set("2") })},
		{"", on(func(s *Scenario) { s.Sysctl.Both = set("3") })},
		{"", on(func(s *Scenario) { s.Sysctl.Both = set(" 0x403 ") })},
		{"", on(func(s *Scenario) { s.Sysctl.Both = set("lots") })}, // the kernel is to refuse it
		{"", on(func(s *Scenario) { s.Topology, s.Sysctl.Client = Loopback, set("3") })},
		{"", on(func(s *Scenario) { s.Topology, s.Sysctl.Server = Loopback, set("3") })},
		{"", on(func(s *Scenario) { s.Topology = Host })},
		{"", func(s *Scenario) { s.Sysctl.Both = set("0") }},
	})
}
