package scenario

import "testing"

// Each destination has the client's ports to itself, except where bind() takes a port and TIME_WAIT on the client keeps
// it.
func TestCheckGoalOverDestinations(t *testing.T) {
	goal := func(side Side, count int64, change ...func(*Scenario)) func(*Scenario) {
		return func(s *Scenario) {
			s.Sysctl.Both = map[string]string{portRangeKey: "40000 40999"}
			s.Server.Addresses, s.Server.Ports = 3, 2
			s.Close.Side, s.Load.Stop.TimeWait = side, goalOf(side, count)
			for _, c := range change {
				c(s)
			}
		}
	}
	tooMany := func(count, most, given string) string {
		return "load.stop.time_wait.count: " + count + " is more than the client's ports can carry: " + most +
			" possible (1,000 ports in 40000-40999, client.addresses " + given + "); ask for less, or raise " +
			"client.addresses or the range"
	}
	const (
		each  = "1, server.addresses 3, server.ports 2"
		byAll = ", and bind() takes a port for all destinations at once"
	)
	noPort := func(s *Scenario) { s.Client.BindAddressNoPort = Off }
	address := func(s *Scenario) { s.Client.Bind.Mode = BindAddress }
	two := func(s *Scenario) { s.Client.Addresses = 2 }
	explicit := func(s *Scenario) { s.Client.Bind = ports(40000, 40999) }
	said(t, []tell{
		{"", goal(ClientSide, 6000)},
		{tooMany("6,001", "6,000", each), goal(ClientSide, 6001)},
		{tooMany("12,001", "12,000", "2, server.addresses 3, server.ports 2"), goal(ClientSide, 12_001, two)},
		{tooMany("1,000,000", "6,000", each), goal(ClientSide, 1_000_000)},
		{"", goal(ClientSide, 6000, address)},
		{"", goal(ClientSide, 6000, noPort)}, // one address: auto binds nothing
		{"", goal(ClientSide, 1000, noPort, address)},
		{tooMany("1,001", "1,000", "1"+byAll), goal(ClientSide, 1001, noPort, address)},
		{tooMany("2,001", "2,000", "2"+byAll), goal(ClientSide, 2001, noPort, two)},
		{tooMany("1,001", "1,000", "1"+byAll), goal(ClientSide, 1001, explicit)},
		{"", goal(ClientSide, 6000, explicit, func(s *Scenario) { s.Client.ReuseAddress = On })},
		{"", goal(ClientSide, 6000, explicit, func(s *Scenario) { s.Client.ReusePort = On })},
		{"", goal(ServerSide, 6000, explicit)}, // the client's port is free again at once
		{"", goal(ServerSide, 6000, noPort, address)},
		{"server.ports: -1 is not possible; allowed: 1 to 1000", goal(ClientSide, 6001, func(s *Scenario) {
			s.Server.Ports = -1
		})},
	})
}
