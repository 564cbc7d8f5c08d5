//go:build linux

package peer

import (
	"context"
	"math"
	"strconv"
	"sync"

	"twomsl/client"
	"twomsl/internal/sample"
	"twomsl/server"
)

// openClient gives the engine for a client's plan: in this process, or in several.
func openClient(p Prepare) (client.Engine, error) {
	if p.Processes < 2 {
		return client.Open(*p.Client)
	}
	c, err := muster(p, "client", func(i int, of *Prepare) {
		plan := p.Client.Share(i, p.Processes)
		of.Client = &plan
	})
	if err != nil {
		return nil, err
	}
	return &clientCrew{crew: c}, nil
}

// openServer gives the engine for a server's plan.
func openServer(p Prepare) (server.Engine, error) {
	if p.Processes < 2 {
		return server.Open(*p.Server)
	}
	c, err := muster(p, "server", func(i int, of *Prepare) {
		plan := p.Server.Share(i, p.Processes)
		of.Server = &plan
	})
	if err != nil {
		return nil, err
	}
	return &serverCrew{crew: c}, nil
}

// clientCrew is a client's engine whose parts are processes.
type clientCrew struct{ *crew }

// Start lets the parts go: each knows which connections of the whole are its own, and when those are due.
func (c *clientCrew) Start(epoch int64) {
	c.tell(func(ctx context.Context, _ int, r *Remote) error { return r.Start(ctx, Start{Epoch: epoch}) })
	go c.follow(true)
}

func (c *clientCrew) SetLimit(n int64) {
	c.tell(func(ctx context.Context, i int, r *Remote) error {
		if n == math.MaxInt64 {
			return r.Limit(ctx, n)
		}
		return r.Limit(ctx, client.ShareOf(n, i, len(c.parts)))
	})
}

// SetGate does nothing: only groups have gates, and those are not shared out.
func (c *clientCrew) SetGate(int64) {}

func (c *clientCrew) Stop(reason string) {
	if !closed(c.done) {
		c.tell(func(ctx context.Context, _ int, r *Remote) error { return r.Stop(ctx, reason) })
	}
}

// Abort lets the parts go at once: with their process ends all that they do.
func (c *clientCrew) Abort(string) { c.dismiss() }

// Release needs no process that lasts.
func (c *clientCrew) Release() { c.dismiss() }

// Drop has each part drop its connections.
func (c *clientCrew) Drop() {
	c.tell(func(ctx context.Context, _ int, r *Remote) error { return r.Vanish(ctx, Vanish{}) })
}

func (c *clientCrew) Progress() client.Progress {
	p := c.progress()
	return client.Progress{Opened: p.Opened, OK: p.OK, Failed: p.Failed, Exhausted: p.Exhausted}
}

// Result asks each part for its own.
func (c *clientCrew) Result() (client.Result, error) {
	results := make([]client.Result, len(c.parts))
	err := c.each(func(i int, p *part) error {
		r, err := askPart(p, finishing)
		if err == nil {
			results[i] = *r.Client
		}
		return err
	})
	if err != nil {
		return client.Result{}, err
	}
	return client.Merge(results)
}

func finishing(ctx context.Context, r *Remote) (Result, error) { return r.Finish(ctx, Finish{}) }

// serverCrew is a server's engine whose parts are processes.
type serverCrew struct {
	*crew
	stop    sync.Once
	result  server.Result
	restart string
}

// Start lets all parts accept.
func (s *serverCrew) Start(epoch int64) {
	s.tell(func(ctx context.Context, _ int, r *Remote) error { return r.Start(ctx, Start{Epoch: epoch}) })
	go s.follow(false)
}

// Stop has the parts end, which tells what they came to.
func (s *serverCrew) Stop() { s.stop.Do(func() { go s.finish() }) }

func (s *serverCrew) finish() {
	results := make([]server.Result, len(s.parts))
	err := s.each(func(i int, p *part) error {
		r, err := askPart(p, finishing)
		if err != nil {
			return err
		}
		results[i] = *r.Server
		if i == 0 && r.Restart != nil {
			s.restart = r.Restart.Errno
		}
		return nil
	})
	if err == nil {
		s.result, err = server.Merge(results)
	}
	s.end(err)
}

func (s *serverCrew) Progress() server.Progress {
	p := s.progress()
	return server.Progress{Opened: p.Opened, OK: p.OK, Failed: p.Failed}
}

// Result is that of the moment when the parts were stopped.
func (s *serverCrew) Result(int64) server.Result { return s.result }

// Restart is what the first part met.
func (s *serverCrew) Restart() string { return s.restart }

// resident is what the parts hold now. /proc is the host's, and so is a part's number.
func (c *crew) resident() (sum int64) {
	for _, p := range c.parts {
		if n, err := sample.Resident("/proc/" + strconv.Itoa(p.pid)); err == nil {
			sum += n
		}
	}
	return sum
}
