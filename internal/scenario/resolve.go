package scenario

import (
	"maps"
	"time"
)

const second = Duration(time.Second)

// Resolve gives a new scenario in which everything that was not said has its default. Workers stay 0: how many threads
// there are is chosen where the scenario runs. A TIME_WAIT goal without a side is held by the side that closes first.
func (s Scenario) Resolve() Scenario {
	s = s.clone()
	fill(&s.Topology, Veth)
	fill(&s.Family, IPv4)
	fill(&s.Engine, "split")
	fill(&s.IO, "epoll")

	fill(&s.Load.Rate, Max)
	fill(&s.Load.Concurrency, 64)
	fill(&s.Load.Stop.After, 10*second)
	fill(&s.Client.Addresses, 1)
	fill(&s.Client.Timeout, 5*second)
	fill(&s.Server.Port, 8080)
	fill(&s.Server.Backlog, 4096)
	fill(&s.Payload.Request, 64)
	fill(&s.Payload.Response, 64)
	fill(&s.Close.Side, ClientSide)

	if g := s.Load.Stop.TimeWait; g != nil && s.Close.Side != BothSides {
		fill(&g.Side, s.Close.Side)
	}
	return s
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
	return s
}
