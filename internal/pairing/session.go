//go:build linux

package pairing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"twomsl/internal/lab"
	"twomsl/internal/machine"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
)

// session is what one conductor has under way on a Host: a server's peer, and what it was heard to say, so that this host has
// a record of its side where the conductor cannot make one any more.
type session struct {
	host   *Host
	number int
	order  Order
	from   string // where the conductor is
	at     netip.AddrPort
	lab    *lab.Lab
	asked  *rate.Limiter
	limit  *time.Timer
	well   atomic.Bool // the conductor has said that it is done
	ending sync.Once

	mu     sync.Mutex // one request at a time, as the peer has it
	remote *peer.Remote
	over   bool
	proof  *proof
	lent   bool
	stale  bool // sockets of an earlier run stand at its port
	seen   Ended
}

// Ended is what a session had come to when its conductor was gone.
type Ended struct {
	Scenario scenario.Scenario
	Started  time.Time
	From     string // where the conductor was
	Listen   netip.AddrPort
	Hello    peer.Hello
	Sysctls  record.Sysctls
	Ready    peer.Ready
	Finish   peer.Finish
	Began    bool // the load
	Progress peer.Progress
	Samples  []record.Sample
	Result   *peer.Result // nil where the peer could not tell any more
	Why      string       // there is no result
	Words    string       // the peer's last
}

// begin starts the peer of a session.
func (h *Host) begin(v *visitor, o Order) (*session, Welcome, error) {
	if n := len(o.Avoid); n > mostAvoided {
		return nil, Welcome{}, fmt.Errorf("pair: %d ports to avoid; allowed: up to %d", n, mostAvoided)
	}
	if err := h.takes(o.Scenario); err != nil {
		return nil, Welcome{}, err
	}
	here, err := netip.ParseAddrPort(v.LocalAddr().String())
	if err != nil {
		return nil, Welcome{}, err
	}
	s := &session{host: h, order: o, from: v.RemoteAddr().String(), asked: rate.NewLimiter(requestsPerSecond, requestsAtOnce)}
	s.seen = Ended{Scenario: o.Scenario, Started: time.Now(), From: s.from}
	if err := h.place(s, here.Addr().Unmap()); err != nil {
		return nil, Welcome{}, err
	}
	if s.lab, err = lab.Alone("server", h.opt.Program); err != nil {
		h.leave(s)
		return nil, Welcome{}, err
	}
	s.remote = peer.NewRemote("its process", s.lab.Server.Control)
	s.limit = time.AfterFunc(h.opt.Longest, func() { v.Close() }) //nolint:errcheck // the session ends with it
	name, _ := os.Hostname()
	h.opt.Say(fmt.Sprintf("session %d: %s, for %s (%s); its connections come to %s", s.number, o.Scenario.Name, s.from, o.Tool, s.at))
	return s, Welcome{
		Tool: h.opt.Tool, Host: name, Address: h.opt.Advertise, Port: int(s.at.Port()), Session: s.number, Stale: s.stale,
		Environment: machine.Read(machine.Options{}),
	}, nil
}

// takes tells whether a scenario is one that two hosts can run.
func (h *Host) takes(s scenario.Scenario) error {
	if s.Topology != scenario.Hosts {
		return fmt.Errorf("pair: a scenario of topology %q, and two hosts take %q", s.Topology, scenario.Hosts)
	}
	if err := s.Check(scenario.Known{}); err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	if long := (s.Load.Stop.After + s.Load.Hold + s.Client.Timeout).Std(); long > h.opt.Longest {
		return fmt.Errorf("the run may last %v, and this server ends sessions after %v: let it last longer with --longest, or ask for less", long, h.opt.Longest)
	}
	return nil
}

// nearby is how many ports above the scenario's own are tried where no range was given.
const nearby = 64

// place finds a port for a session, among what the Host may use.
func (h *Host) place(s *session, here netip.Addr) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return errors.New("this server is about to end")
	case h.running >= h.opt.Sessions:
		return fmt.Errorf("this server has %d sessions, which is as many as it takes at once: wait until one has ended, or start it with a "+
			"higher --sessions", h.running)
	case !h.began.Allow():
		return fmt.Errorf("more than %d sessions a second were asked for: try again in a moment", sessionsPerSecond)
	}
	first := s.order.Scenario.Server.Port
	low, high := first, min(first+nearby, 65535)
	if p := h.opt.Ports; !p.Off() {
		low, high = int(p.Low), int(p.High)
		if first < low || first > high {
			first = low
		}
	}
	var free []int
	for i := range high - low + 1 {
		if port := low + (first-low+i)%(high-low+1); !h.taken[port] && bindable(netip.AddrPortFrom(here, uint16(port))) {
			free = append(free, port)
		}
	}
	if len(free) == 0 {
		return fmt.Errorf("none of the ports %d to %d is free on this server: start it with other --ports", low, high)
	}
	port, err := fresh(free, s.order.Avoid)
	if err != nil {
		return err
	}
	s.stale = port == 0
	if s.stale {
		port = free[0]
	}
	h.taken[port], h.running, h.number = true, h.running+1, h.number+1
	s.number, s.at = h.number, netip.AddrPortFrom(here, uint16(port))
	s.seen.Listen = s.at
	h.sessions.Add(1)
	return nil
}

// fresh is the first port at which no socket of an earlier run stands, on either host: a TIME_WAIT there would be counted, and
// its port would not be free. 0: there is none.
func fresh(ports []int, avoid []uint16) (int, error) {
	for _, port := range ports {
		if slices.Contains(avoid, uint16(port)) {
			continue
		}
		split, err := sample.Once(sample.Filter{BothFamilies: true, LocalPort: uint16(port), CountsOnly: true})
		if err != nil {
			return 0, err
		}
		if split.Counts.Total() == 0 {
			return port, nil
		}
	}
	return 0, nil
}

// bindable tells whether nobody listens there.
func bindable(at netip.AddrPort) bool {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return false
	}
	l.Close() //nolint:errcheck // nothing came
	return true
}

func (h *Host) leave(s *session) {
	h.mu.Lock()
	delete(h.taken, int(s.at.Port()))
	h.running--
	h.mu.Unlock()
	h.sessions.Done()
}

// end gathers what the session came to, where its conductor has not, and takes everything of it down.
func (s *session) end() {
	s.ending.Do(func() {
		defer s.host.leave(s)
		s.limit.Stop()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.over = true
		s.proof.close()
		vanished := s.seen.Began && !s.well.Load()
		if vanished {
			s.gather()
		}
		s.lab.Close()
		if err := s.host.giveBack(s); err != nil {
			s.host.opt.Say(fmt.Sprintf("session %d: %v", s.number, err))
		}
		s.host.opt.Say(fmt.Sprintf("session %d: %s", s.number, s.ended(vanished)))
		if vanished {
			s.seen.Words = s.lab.Server.LastWords()
			s.host.opt.Ended(s.seen)
		}
	})
}

func (s *session) ended(vanished bool) string {
	p := s.seen.Progress
	switch {
	case vanished:
		return fmt.Sprintf("the client has gone without a word, after %d connections; the load's port is closed", p.Opened)
	case !s.seen.Began:
		return "the client left before the load"
	}
	return fmt.Sprintf("done, %d connections", p.Opened)
}

// gather asks the peer for its result in the conductor's place.
func (s *session) gather() {
	ctx, cancel := context.WithTimeout(context.Background(), silence)
	defer cancel()
	if s.seen.Result == nil {
		res, err := s.remote.Finish(ctx, s.seen.Finish)
		if err != nil {
			s.seen.Why = err.Error()
			return
		}
		s.seen.Result = &res
	}
	if _, err := s.progress(ctx, peer.Since{After: len(s.seen.Samples)}); err != nil && s.seen.Why == "" {
		s.seen.Why = err.Error()
	}
}

// silent is the answer of a request that has nothing to tell.
type silent struct{}

func (s *session) hello(ctx context.Context, _ silent) (peer.Hello, error) {
	h, err := s.remote.Hello(ctx)
	if err == nil {
		s.seen.Hello = h
	}
	return h, err
}

func (s *session) start(ctx context.Context, in peer.Start) (silent, error) {
	err := s.remote.Start(ctx, in)
	s.seen.Began = s.seen.Began || err == nil
	return silent{}, err
}

// progress keeps the samples that are new.
func (s *session) progress(ctx context.Context, in peer.Since) (peer.Progress, error) {
	p, err := s.remote.ProgressSince(ctx, in)
	if err != nil {
		return p, err
	}
	if fresh := in.After + len(p.Samples) - len(s.seen.Samples); fresh > 0 && fresh <= len(p.Samples) {
		s.seen.Samples = append(s.seen.Samples, p.Samples[len(p.Samples)-fresh:]...)
	}
	s.seen.Progress = p
	s.seen.Progress.Samples = nil
	return p, nil
}

func (s *session) finish(ctx context.Context, in peer.Finish) (peer.Result, error) {
	res, err := s.remote.Finish(ctx, in)
	if err == nil {
		s.seen.Finish, s.seen.Result = in, &res
	}
	return res, err
}
