//go:build linux

// Package server is the listening side of the pair: it accepts connections, checks one request, gives one response and
// takes each connection down by the strategy's steps, counting what the kernel answers.
//
// One worker is one locked OS thread with its own SO_REUSEPORT listener, epoll instance, connections and recorder. The
// kernel hashes a tuple to the same listener every time, so a worker alone sees all connections of a tuple.
package server

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/payload"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// Plan is all that the server needs to know of a run.
type Plan struct {
	Engine  string           `json:"engine"` // split, net or http; "" is split
	IO      string           `json:"io"`     // how engine split waits: epoll, uring or blocking
	Listen  []netip.AddrPort `json:"listen"`
	Socket  Socket           `json:"socket"`
	Backlog int              `json:"backlog"`
	Workers int              `json:"workers"`
	// AcceptDelay is how long a worker waits between one accept() and the next.
	AcceptDelay scenario.Duration `json:"accept_delay"`
	// Sources are the addresses that the client uses: tuples are remembered for these.
	Sources []netip.Addr `json:"sources"`
	// Ignore is the address of somebody who is no client: what comes from there is reset and in no count.
	Ignore   netip.Addr        `json:"ignore"`
	Timeout  scenario.Duration `json:"timeout"`
	Length   scenario.Duration `json:"length"` // of the run, for what is remembered by time
	Request  scenario.Size     `json:"request"`
	Response scenario.Size     `json:"response"`
	Rounds   int               `json:"rounds"`    // requests per connection; 0: one
	UntilEOF bool              `json:"until_eof"` // as many requests as the client likes, until its FIN; engine split only
	Think    scenario.Duration `json:"think"`     // how long each response takes
	Steps    []teardown.Step   `json:"steps"`
	// Parts have other steps for the connections of some sources.
	Parts []Part `json:"parts"`
	// LeavesTimeWait tells that who closes first here ends in TIME_WAIT.
	LeavesTimeWait bool  `json:"leaves_time_wait"`
	Meter          int   `json:"meter"` // connections whose bytes are remembered one by one
	CPUs           []int `json:"cpus"`
	// Spread are processors, one for each worker: it stays on its own and serves the connections that are opened there.
	// Without it all workers may use all of CPUs, and a hash gives them their connections.
	Spread []int `json:"spread"`
	// CallCosts asks for the times of the system calls of one connection in callcost.OneIn.
	CallCosts bool `json:"call_costs"`
	// Heartbeat is asked on connections whose steps end in teardown.Idle.
	Heartbeat scenario.Heartbeat `json:"heartbeat"`
	// LifeLeast and LifeMost are how long a TIME_WAIT stands, at least and at most.
	LifeLeast scenario.Duration `json:"life_least"`
	LifeMost  scenario.Duration `json:"life_most"`
}

// Part is what is done on the connections of some sources.
type Part struct {
	Sources []int           `json:"sources"` // by their number in Plan.Sources
	Steps   []teardown.Step `json:"steps"`
	// Silent connections say nothing: they go to their steps at once.
	Silent bool `json:"silent"`
	// LeavesTimeWait is Plan's, for this part.
	LeavesTimeWait bool `json:"leaves_time_wait"`
}

// Server serves one run. Its methods are safe for use by several goroutines.
type Server struct {
	plan    Plan
	scripts []exchange.Script // the first is Plan.Steps', then one for each part
	leaves  []bool            // by script: LeavesTimeWait
	idle    []bool            // by script: its connections are looked at for as long as they stay open
	parts   []int             // by source: its script
	limited bool              // a step has a time limit of its own, or an answer its time
	shared  bool              // what is remembered of tuples is all workers' together
	sources map[netip.Addr]int
	gate    atomic.Int64

	epoch   atomic.Int64 // CLOCK_MONOTONIC of the start of the load
	stopped atomic.Bool
	workers []*worker
	wg      sync.WaitGroup
	done    chan struct{}
	err     error
	errOnce sync.Once
}

// New opens the listeners. Every error says which address and what to do.
func New(plan Plan) (*Server, error) {
	if err := plan.settleThreads(); err != nil {
		return nil, err
	}
	s, err := prepare(plan)
	if err != nil {
		return nil, err
	}
	for id := range max(1, plan.Workers) {
		w, err := s.newWorker(id)
		if err != nil {
			s.closeWorkers()
			return nil, err
		}
		s.workers = append(s.workers, w)
	}
	if err := s.steer(plan.Spread); err != nil {
		s.closeWorkers()
		return nil, err
	}
	return s, nil
}

// steer keeps both ends of a connection on one processor. One worker needs no help.
func (s *Server) steer(cpus []int) error {
	if len(s.workers) < 2 || len(cpus) == 0 {
		return nil
	}
	for i, fd := range s.workers[0].listeners {
		if e := linux.AttachByCPU(fd, cpus); e != 0 {
			return fmt.Errorf("listener %s: %w", s.plan.Listen[i],
				&linux.UnsupportedError{Option: "SO_ATTACH_REUSEPORT_CBPF", Since: "4.5", Err: e})
		}
	}
	return nil
}

// processors are those that a worker may run on; any where there are none.
func (p *Plan) processors(worker int) []int {
	if len(p.Spread) > 0 {
		return p.Spread[worker%len(p.Spread):][:1]
	}
	return p.CPUs
}

func (s *Server) newWorker(id int) (*worker, error) {
	if s.plan.blocks() {
		return newBlocking(s, id)
	}
	return newWorker(s, id)
}

// prepare lays out all but the workers.
func prepare(plan Plan) (*Server, error) {
	s := &Server{plan: plan, shared: plan.blocks() || len(plan.Spread) > 0, sources: map[netip.Addr]int{}, parts: make([]int, len(plan.Sources)), done: make(chan struct{})}
	for i, a := range plan.Sources {
		s.sources[a] = i
	}
	s.gate.Store(math.MaxInt64) // a server's connections have no numbers
	if err := s.layOutScripts(); err != nil {
		return nil, err
	}
	if _, err := linux.Wanted(options, &plan, plan.ipv6()); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	return s, nil
}

// layOutScripts makes a script for the plan's own steps and one for each part.
func (s *Server) layOutScripts() error {
	whole := s.plan.script()
	s.scripts, s.leaves = []exchange.Script{whole}, []bool{s.plan.LeavesTimeWait}
	for i, part := range s.plan.Parts {
		script := whole
		script.Steps, script.Silent = part.Steps, part.Silent
		s.scripts, s.leaves = append(s.scripts, script), append(s.leaves, part.LeavesTimeWait)
		for _, source := range part.Sources {
			if source < 0 || source >= len(s.parts) {
				return fmt.Errorf("server plan: part %d is for source %d of %d", i, source, len(s.parts))
			}
			s.parts[source] = i + 1
		}
	}
	for _, script := range s.scripts {
		s.limited = s.limited || exchange.Limited(script.Steps) || script.Think > 0
		s.idle = append(s.idle, exchange.Idles(script.Steps))
	}
	return nil
}

// script is what is heard, said and done on each connection that belongs to no part.
func (p *Plan) script() exchange.Script {
	return exchange.Script{
		Request: payload.Request(int64(p.Request)), Response: payload.Response(int64(p.Response)),
		Rounds: max(1, p.Rounds), UntilEOF: p.UntilEOF, Think: p.Think.Std(), Steps: p.Steps,
	}
}

// Start lets the workers accept; epoch is the start of the load on CLOCK_MONOTONIC, in nanoseconds.
func (s *Server) Start(epoch int64) {
	s.epoch.Store(epoch)
	for _, w := range s.workers {
		s.wg.Go(w.run)
	}
	go func() {
		s.wg.Wait()
		s.closeWorkers()
		close(s.done)
	}()
}

func (s *Server) closeWorkers() {
	for _, w := range s.workers {
		w.shut()
	}
}

// Stop ends the serving: listeners and what is open are closed.
func (s *Server) Stop() { s.stopped.Store(true) }

// Done is closed when no worker runs any more.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err tells, after Done, why a worker could not work; nil where all did.
func (s *Server) Err() error { return s.err }

func (s *Server) fail(err error) {
	s.errOnce.Do(func() { s.err = err })
	s.Stop()
}

// Progress is the running total over all workers: accepted, served, failed.
type Progress struct {
	Opened int64 `json:"opened"`
	OK     int64 `json:"ok"`
	Failed int64 `json:"failed"`
}

// InFlight is what was accepted and has not ended.
func (p Progress) InFlight() int64 { return p.Opened - p.OK - p.Failed }

// Progress may be asked for at any time.
func (s *Server) Progress() Progress {
	var p Progress
	for _, w := range s.workers {
		p.OK += w.ok.Load()
		p.Failed += w.failed.Load()
	}
	for _, w := range s.workers {
		p.Opened += w.opened.Load()
	}
	return p
}
