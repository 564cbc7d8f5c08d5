package scenario

import (
	"maps"
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
	fill(&s.Payload.Protocol, protocolOf(s.Server.Command+s.Client.Command))
	fill(&s.Track.Side, NoSide)
	fill(&s.Track.Fill, Off)
	fill(&s.Sample.Budget, defaultBudget)
	fill(&s.Measure.CallCosts, Off)
	fill(&s.Sample.Split, defaultSplit)
	fill(&s.Judge.Primary, primaryOf(s.Load.Rate))
	fill(&s.Struck, struckOf(s.Client.Command))
	s.Relay.settle()
	fill(&s.Canaries.Timeout, 2*second)
	s.Close.settle()
	if s.Link.Rate != 0 {
		fill(&s.Link.Queue, defaultQueue)
	}

	if g := s.Load.Stop.TimeWait; g != nil && s.Close.Side != BothSides {
		fill(&g.Side, s.Close.Side)
	}
	return s
}

// protocolOf is what a program of somebody else's most likely speaks.
func protocolOf(command string) Protocol {
	if command != "" {
		return HTTP
	}
	return Plain
}

// struckOf is whose trouble it is: a client that is given by its command is what is tried.
func struckOf(command string) Side {
	if command != "" {
		return ClientSide
	}
	return ServerSide
}

// primaryOf are the metrics that decide where the scenario names none: as fast as it goes, speed is what counts.
func primaryOf(r Rate) List {
	if r == Max {
		return "failed,connects_per_second"
	}
	return "failed,first_exhaustion_seconds,rate_that_lasts"
}

// settle makes How and Linger say the same where only one of them was said, and finds the side that How leaves.
func (c *Close) settle() {
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
