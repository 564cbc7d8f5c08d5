package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"

	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// churn is one way to do the work of `twomsl bench churn`.
type churn struct {
	engineIO
	side     scenario.Side
	how      scenario.How
	payload  string
	topology scenario.Topology
	ipv6     bool
	duration string
	workers  int
}

// The widest range of ports, which nothing but the ports that need a privilege is kept out of.
const (
	churnRange = "1024 65535"
	churnPorts = 65535 - 1024 + 1
	// churnFastest is more connections a second than this kind of machine opens: sources are reckoned for it.
	churnFastest = 60_000
	// churnBuckets is room for the TIME_WAIT of a minute.
	churnBuckets = 4_000_000
)

// scenario is the work as a scenario, with the fields in set changed, and what a reader must know of it. The error has all
// that is wrong.
func (c *churn) scenario(set []string) (s scenario.Scenario, notes []string, err error) {
	var wrong []string
	s = scenario.Scenario{
		Name: "churn", Title: "as many short connections as go through", Topology: c.topology, Engine: c.engine, IO: c.io,
		Load:   scenario.Load{Rate: scenario.Max},
		Client: scenario.Client{Workers: c.workers},
		Server: scenario.Server{Workers: c.workers},
		Close:  scenario.Close{Side: c.side, How: c.how},
		Sysctl: scenario.Sysctl{
			Both: map[string]string{"net.ipv4.tcp_rfc1337": "1"},
			// 2, the default of tcp_tw_reuse, would be 1 over loopback and 0 elsewhere.
			Client: map[string]string{"net.ipv4.ip_local_port_range": churnRange, "net.ipv4.tcp_tw_reuse": "0"},
			Server: map[string]string{},
		},
	}
	if c.ipv6 {
		s.Family = scenario.IPv6
	}
	if err := s.Load.Stop.After.UnmarshalText([]byte(c.duration)); err != nil {
		wrong = append(wrong, fmt.Sprintf("--for %s: %v", c.duration, err))
	}
	if err := c.sizes(&s.Payload); err != nil {
		wrong = append(wrong, err.Error())
	}
	notes = c.settle(&s)
	changed, err := s.With(set)
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	s = changed.Resolve()
	if onHost(s) {
		wrong = append(wrong, "--topology "+string(s.Topology)+": a benchmark runs in a lab of its own; twomsl run does it on this host's own network")
	}
	if err := s.Check(trial.Known); err != nil {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) > 0 {
		return s, notes, errors.New(strings.Join(wrong, "\n"))
	}
	return s, notes, nil
}

// sizes reads SIZE or REQUEST:RESPONSE.
func (c *churn) sizes(p *scenario.Payload) error {
	request, response, two := strings.Cut(c.payload, ":")
	if !two {
		response = request
	}
	err := p.Request.UnmarshalText([]byte(request))
	if err == nil {
		err = p.Response.UnmarshalText([]byte(response))
	}
	if err != nil {
		return fmt.Errorf("--payload %s: %w", c.payload, err)
	}
	return nil
}

// settle gives the side that keeps the TIME_WAIT what it takes to go on: a run is to be bound by the kernel's speed, not by
// its supply of ports.
func (c *churn) settle(s *scenario.Scenario) (notes []string) {
	if c.how == "linger=0" {
		return nil // no TIME_WAIT
	}
	if c.side != scenario.ServerSide {
		s.Sysctl.Client["net.ipv4.tcp_tw_reuse"] = "1"
		notes = append(notes, "Where the client closes with a FIN it has net.ipv4.tcp_tw_reuse=1: without it the "+
			grouped(churnPorts)+" ports of its one tuple would be gone within seconds.")
	}
	if c.side != scenario.ClientSide {
		seconds := min(60, s.Load.Stop.After.Std().Seconds()) // then the first TIME_WAIT have expired
		s.Client.Addresses = 1 + int(math.Ceil(seconds*churnFastest/churnPorts))
		buckets := map[string]string{"net.ipv4.tcp_max_tw_buckets": strconv.Itoa(churnBuckets)}
		maps.Copy(s.Sysctl.Server, buckets)
		notes = append(notes, "Where the server closes with a FIN the client takes source addresses in turn, so that few ports come "+
			"back to a TIME_WAIT of the server during the run, and the server has net.ipv4.tcp_max_tw_buckets="+strconv.Itoa(churnBuckets)+".")
	}
	return notes
}
