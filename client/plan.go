//go:build linux

// Package client is the opening side of the pair: it opens connections on a schedule, says its requests, checks the
// responses and takes each connection down by the strategy's steps, counting what the kernel answers.
//
// One worker is one locked OS thread with its own epoll instance, its own connections, its own recorder and its own
// share of the schedule. Nothing is shared and nothing is allocated on a connection's path; the results are merged when
// the load is over.
package client

import (
	"net/netip"

	"twomsl/internal/exchange"
	"twomsl/internal/payload"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// Plan is all that the client needs to know of a run.
type Plan struct {
	Engine string `json:"engine"` // split or net; "" is split
	IO     string `json:"io"`     // how engine split waits: epoll, uring or blocking
	// Sources are bound in turn where there are several; with one, the kernel chooses it, unless Socket.Bind says so.
	Sources      []netip.Addr     `json:"sources"`
	Destinations []netip.AddrPort `json:"destinations"`
	Socket       Socket           `json:"socket"`

	Rate scenario.Rate `json:"rate"`
	// First and Stride tell which connections of a larger load these are: the n-th is number First + n x Stride of it, and
	// is due when that one is. Rate is then the whole load's. Stride 0: this is all of it.
	First       int64             `json:"first"`
	Stride      int64             `json:"stride"`
	Concurrency int               `json:"concurrency"` // connections in flight, over all workers
	Workers     int               `json:"workers"`
	Until       scenario.Duration `json:"until"`   // no start after this time
	Timeout     scenario.Duration `json:"timeout"` // from connect() to the end of a connection
	Connections int64             `json:"connections"`
	Failures    int64             `json:"failures"`
	Limit       int64             `json:"limit"` // starts allowed until SetLimit; 0: all, below 0: none
	Request     scenario.Size     `json:"request"`
	Response    scenario.Size     `json:"response"`
	Rounds      int               `json:"rounds"` // requests per connection; 0: one
	// Say is what is said instead of Request's own bytes, which may be nothing; of the response only the length is then known.
	Say []byte `json:"say"`
	// EOF and Match tell where a response ends whose length is not known, either: with the server's FIN, or with a text. Begins
	// is what every response begins with.
	EOF    bool   `json:"eof"`
	Match  []byte `json:"match"`
	Begins []byte `json:"begins"`
	// Silent connections say nothing: they go to their steps as soon as connect() was called.
	Silent bool            `json:"silent"`
	Steps  []teardown.Step `json:"steps"`
	// LeavesTimeWait tells that who closes first here ends in TIME_WAIT.
	LeavesTimeWait bool  `json:"leaves_time_wait"`
	Meter          int   `json:"meter"` // connections whose bytes are remembered one by one
	CPUs           []int `json:"cpus"`
	// Spread are processors, one for each worker, which stays on its own; without it all workers may use all of CPUs.
	Spread []int `json:"spread"`
	// Answers tells that connections that stay open say back what they hear.
	Answers bool `json:"answers"`
	// CallCosts asks for the times of the system calls of one connection in callcost.OneIn.
	CallCosts bool `json:"call_costs"`
}

// MostMatched bounds Match and Begins.
const MostMatched = exchange.MostMatched

// Socket is what each socket is given before connect().
type Socket struct {
	Bind         scenario.Bind      `json:"bind"`
	BindNoPort   bool               `json:"bind_no_port"` // IP_BIND_ADDRESS_NO_PORT where an address alone is bound
	PortRange    scenario.PortRange `json:"port_range"`
	ReuseAddress bool               `json:"reuse_address"`
	ReusePort    bool               `json:"reuse_port"`
	NoDelay      bool               `json:"no_delay"`
	FastOpen     bool               `json:"fast_open"`
	KeepAlive    scenario.KeepAlive `json:"keep_alive"`
}

// processors are those that a worker may run on; any where there are none.
func (p *Plan) processors(worker int64) []int {
	if len(p.Spread) > 0 {
		return p.Spread[worker%int64(len(p.Spread)):][:1]
	}
	return p.CPUs
}

// Tuples gives how many (source, destination, port) there are: each with its own ports.
func (p *Plan) Tuples() int { return len(p.Sources) * len(p.Destinations) }

// tuple gives the n-th connection's source and destination: sources change fastest.
func (p *Plan) tuple(n int64) (source, destination int) {
	s, d := int64(len(p.Sources)), int64(len(p.Destinations))
	if s*d == 1 {
		return 0, 0 // no division for every connection
	}
	return int(n % s), int(n / s % d)
}

// binds tells whether sockets are bound before connect(), and whether to a port too.
func (p *Plan) binds() (address, port bool) {
	switch p.Socket.Bind.Mode {
	case scenario.BindPorts:
		return true, true
	case scenario.BindAddress:
		return true, false
	}
	return len(p.Sources) > 1, false
}

// port is the local port that the n-th connection binds to. All tuples use a port before the next one's turn.
func (p *Plan) port(n int64) uint16 {
	r := p.Socket.Bind.Ports
	return uint16(r.Low + int(n/int64(p.Tuples())%int64(r.Size())))
}

// mayMeetItself tells whether a connection could be connected to itself: same address, and any port.
func (p *Plan) mayMeetItself() bool {
	for _, d := range p.Destinations {
		for _, s := range p.Sources {
			if d.Addr() == s {
				return true
			}
		}
	}
	return false
}

// rounds is how many requests a connection carries.
func (p *Plan) rounds() int { return max(1, p.Rounds) }

// script is what is said, heard and done on each connection.
func (p *Plan) script() exchange.Script {
	s := exchange.Script{
		Opens: true, Request: payload.Request(int64(p.Request)), Response: payload.Response(int64(p.Response)),
		Rounds: p.rounds(), Silent: p.Silent, Steps: p.Steps,
	}
	if p.Say != nil {
		s.Request, s.Answer = p.Say, exchange.NewAnswer(p.EOF, p.Match, p.Begins)
	}
	return s
}
