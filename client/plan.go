//go:build linux

// Package client is the opening side of the pair: it opens connections on a schedule, says one request, checks one
// response and takes each connection down by the strategy's steps, counting what the kernel answers.
//
// One worker is one locked OS thread with its own epoll instance, its own connections, its own recorder and its own
// share of the schedule. Nothing is shared and nothing is allocated on a connection's path; the results are merged when
// the load is over.
package client

import (
	"net/netip"

	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// Plan is all that the client needs to know of a run.
type Plan struct {
	// Sources are bound in turn where there are several; with one, the kernel chooses it.
	Sources      []netip.Addr     `json:"sources"`
	Destinations []netip.AddrPort `json:"destinations"`

	Rate        scenario.Rate      `json:"rate"`
	Concurrency int                `json:"concurrency"` // connections in flight, over all workers
	Workers     int                `json:"workers"`
	Until       scenario.Duration  `json:"until"`   // no start after this time
	Timeout     scenario.Duration  `json:"timeout"` // a connection that takes longer ends
	Connections int64              `json:"connections"`
	Failures    int64              `json:"failures"`
	Limit       int64              `json:"limit"` // starts allowed until SetLimit; 0: all
	PortRange   scenario.PortRange `json:"port_range"`
	Request     scenario.Size      `json:"request"`
	Response    scenario.Size      `json:"response"`
	Steps       []teardown.Step    `json:"steps"`
	CPUs        []int              `json:"cpus"`
}

// Tuples gives how many (source, destination, port) there are: each with its own ports.
func (p *Plan) Tuples() int { return len(p.Sources) * len(p.Destinations) }

// tuple gives the n-th connection's source and destination: sources change fastest.
func (p *Plan) tuple(n int64) (source, destination int) {
	s, d := int64(len(p.Sources)), int64(len(p.Destinations))
	return int(n % s), int(n / s % d)
}
