package scenario

import (
	"fmt"
	"maps"
	"net/netip"
	"time"
)

const (
	second             = Duration(time.Second)
	defaultQueue       = Size(64 << 10) // of a link with a rate
	defaultConcurrency = 64
	defaultTimeout     = 5 * second
	defaultRequest     = Size(64)
)

// Resolve gives a new scenario in which everything that was not said has its default. Workers stay 0: how many threads
// there are is chosen where the scenario runs. A TIME_WAIT goal without a side is held by the side that closes first.
func (s Scenario) Resolve() Scenario {
	s = s.clone()
	fill(&s.Topology, Veth)
	fill(&s.Family, IPv4)
	fill(&s.Engine, "split")
	fill(&s.IO, "auto")

	fill(&s.Load.Rate, Max)
	fill(&s.Load.Concurrency, defaultConcurrency)
	fill(&s.Load.Stop.After, 10*second)
	fill(&s.Client.Addresses, 1)
	fill(&s.Client.Timeout, defaultTimeout)
	fill(&s.Client.Bind, Bind{Mode: BindAuto})
	fill(&s.Client.BindAddressNoPort, On)
	fill(&s.Client.ReuseAddress, Off)
	fill(&s.Client.ReusePort, Off)
	fill(&s.Client.NoDelay, Off)
	fill(&s.Client.FastOpen, Off)
	fill(&s.Client.Requests, 1)
	fill(&s.Server.Addresses, 1)
	fill(&s.Server.Port, 8080)
	fill(&s.Server.Ports, 1)
	fill(&s.Server.Backlog, 4096)
	fill(&s.Server.ReuseAddress, On)
	fill(&s.Server.ReusePort, On)
	fill(&s.Payload.Request, defaultRequest)
	fill(&s.Payload.Response, 64)
	s.Payload.settle(s.Theirs() || s.Client.Command != "")
	fill(&s.Track.Side, NoSide)
	fill(&s.Track.Fill, Off)
	fill(&s.Sample.Budget, defaultBudget)
	fill(&s.Measure.CallCosts, Off)
	fill(&s.Sample.Split, DefaultSplit)
	fill(&s.Judge.Primary, primaryOf(s.Load.Rate))
	fill(&s.Struck, s.struckOf())
	s.Close.settle(s.Payload.First())
	s.Relay.settle(s.Close.Side)
	fill(&s.Canaries.Timeout, 2*second)
	if s.Link.Rate != 0 {
		fill(&s.Link.Queue, defaultQueue)
	}

	if g := s.Load.Stop.TimeWait; g != nil && s.Close.Side != BothSides {
		fill(&g.Side, s.Close.Side)
	}
	return s
}

// struckOf is whose trouble it is: a client that is given by its command is what is tried, and a server that runs elsewhere is
// not looked at.
func (s *Scenario) struckOf() Side {
	if s.Client.Command != "" || s.Server.Running.IsOn() {
		return ClientSide
	}
	return ServerSide
}

// Target is where a server that runs already listens.
func (s *Scenario) Target() (netip.AddrPort, error) {
	at := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if s.Family == IPv6 {
		at = netip.IPv6Loopback()
	}
	if s.Server.Address != "" {
		a, err := netip.ParseAddr(s.Server.Address)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("server.address: %w", err)
		}
		at = a
	}
	return netip.AddrPortFrom(at, uint16(s.Server.Port)), nil
}

// Theirs tells that the server is somebody else's.
func (s *Scenario) Theirs() bool { return s.Server.Command != "" || s.Server.Running.IsOn() }

// primaryOf are the metrics that decide where the scenario names none: as fast as it goes, speed is what counts.
func primaryOf(r Rate) List {
	if r == Max {
		return "failed,connects_per_second"
	}
	return "failed,first_exhaustion_seconds,rate_that_lasts"
}

// settle makes How and Linger say the same where only one of them was said, and finds the side that How leaves; first is the
// one that closes first by what is said, "" where that leaves it open.
func (c *Close) settle(first Side) {
	switch {
	case c.How == "" && c.Linger.On:
		c.How = How("linger=" + c.Linger.String())
	case c.How == "":
		c.How = "fin"
	case !c.Linger.On:
		c.Linger = c.How.linger()
	}
	if name, _ := c.How.Split(); name == simultaneous || name == never {
		fill(&c.Side, BothSides)
	}
	fill(&c.Side, first)
	fill(&c.Side, ClientSide)
}

// linger is SO_LINGER as linger=N says it; off for any other strategy, for linger=-1 and for what cannot be read.
func (h How) linger() (l Linger) {
	name, argument := h.Split()
	if name != "linger" || l.UnmarshalText([]byte(argument)) != nil {
		return Linger{}
	}
	return l
}

// fill sets v where it was not said.
func fill[T comparable](v *T, value T) {
	var unsaid T
	if *v == unsaid {
		*v = value
	}
}

// clone shares nothing with s.
func (s Scenario) clone() Scenario {
	if g := s.Load.Stop.TimeWait; g != nil {
		goal := *g
		s.Load.Stop.TimeWait = &goal
	}
	s.Sysctl.Both = maps.Clone(s.Sysctl.Both)
	s.Sysctl.Client = maps.Clone(s.Sysctl.Client)
	s.Sysctl.Server = maps.Clone(s.Sysctl.Server)
	s.Sysctl.Relay = maps.Clone(s.Sysctl.Relay)
	if r := s.Relay; r != nil {
		relay := *r
		s.Relay = &relay
	}
	return s
}
