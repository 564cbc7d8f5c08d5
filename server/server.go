//go:build linux

// Package server is the listening side of the pair: it accepts connections, checks one request, gives one response and
// takes each connection down by the strategy's steps, counting what the kernel answers.
//
// One worker is one locked OS thread with its own SO_REUSEPORT listener, epoll instance, connections and recorder. The
// kernel hashes a tuple to the same listener every time, so a worker alone sees all connections of a tuple.
package server

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"twomsl/internal/linux"
	"twomsl/internal/payload"
	"twomsl/internal/scenario"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// Plan is all that the server needs to know of a run.
type Plan struct {
	Listen  []netip.AddrPort `json:"listen"`
	Backlog int              `json:"backlog"`
	Workers int              `json:"workers"`
	// Sources are the addresses that the client uses: tuples are remembered for these.
	Sources  []netip.Addr      `json:"sources"`
	Timeout  scenario.Duration `json:"timeout"`
	Length   scenario.Duration `json:"length"` // of the run, for what is remembered by time
	Request  scenario.Size     `json:"request"`
	Response scenario.Size     `json:"response"`
	Steps    []teardown.Step   `json:"steps"`
	CPUs     []int             `json:"cpus"`
	// LifeLeast and LifeMost are how long a TIME_WAIT stands, at least and at most.
	LifeLeast scenario.Duration `json:"life_least"`
	LifeMost  scenario.Duration `json:"life_most"`
}

// Server serves one run. Its methods are safe for use by several goroutines.
type Server struct {
	plan      Plan
	request   payload.Payload
	response  payload.Payload
	sources   map[netip.Addr]int
	lingering bool // close() may wait, see linux.CloseLingering
	resets    bool // close() resets: no TIME_WAIT is left that could be replaced

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
	s := &Server{
		plan: plan, request: payload.Request(int64(plan.Request)), response: payload.Response(int64(plan.Response)),
		sources: map[netip.Addr]int{}, done: make(chan struct{}),
	}
	for i, a := range plan.Sources {
		s.sources[a] = i
	}
	for _, step := range plan.Steps {
		s.lingering = s.lingering || step.Op == teardown.Linger && step.Seconds > 0
		s.resets = s.resets || step.Op == teardown.Linger && step.Seconds == 0
	}
	for id := range max(1, plan.Workers) {
		w, err := newWorker(s, id)
		if err != nil {
			s.closeWorkers()
			return nil, err
		}
		s.workers = append(s.workers, w)
	}
	return s, nil
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

// listen opens one worker's listener on one address.
func listen(ap netip.AddrPort, backlog int) (int, error) {
	v6 := ap.Addr().Is6()
	fd, e := linux.Socket(v6)
	if e != 0 {
		return -1, fmt.Errorf("listener: socket: %s: %w", linux.ErrnoName(e), e)
	}
	sa := linux.NewSockaddr(ap)
	call, e := "setsockopt(SO_REUSEADDR, SO_REUSEPORT)", linux.SetReuse(fd)
	if e == 0 && v6 {
		call, e = "setsockopt(IPV6_V6ONLY)", linux.SetIPv6Only(fd)
	}
	if e == 0 {
		call, e = "bind", linux.Bind(fd, &sa)
	}
	if e == 0 {
		call, e = "listen", linux.Listen(fd, backlog)
	}
	if e != 0 {
		linux.Close(fd)
		return -1, fmt.Errorf("listener %s: %s: %s (%w)%s", ap, call, linux.ErrnoName(e), e, remedy(e))
	}
	return fd, nil
}

func remedy(e linux.Errno) string {
	switch linux.ErrnoName(e) {
	case "EADDRINUSE":
		return "; something listens there already: choose another server.port"
	case "EADDRNOTAVAIL":
		return "; this host does not have that address: choose one that `ip address` lists"
	case "EACCES":
		return "; ports below net.ipv4.ip_unprivileged_port_start need root: choose a higher server.port"
	}
	return ""
}

// tallyOf names the phase in which a connection of this side stands.
func (st step) phase() tally.Phase {
	return [...]tally.Phase{tally.Read, tally.Write, tally.Close}[st]
}
