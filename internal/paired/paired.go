//go:build linux

// Package paired is the engine that drives both ends of its connections on the same threads, batch by batch: it opens as
// many as a batch, accepts them, answers them, takes them down, and begins anew. Nobody is woken up for anybody, so that
// what is left is what the kernel's own work on a connection costs.
//
// One worker is one locked OS thread on a processor of its own, with its own listeners: a connection stays on the processor
// on which it was opened. No system call of a worker waits for the other end, since the same thread is the other end: what
// is not ready is looked at again, after the rest.
package paired

import (
	"errors"
	"fmt"
	"sync"

	"twomsl/client"
	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// Name is what scenarios and records call the engine.
const Name = scenario.Paired

// Batch is how many connections a worker opens at once.
const Batch = client.Batch

// Plan is what a pair is to do.
type Plan struct {
	Client client.Plan // Workers, CPUs and Concurrency are of both sides
	Server server.Plan // Workers and CPUs are the client's
	// NetNS is the server's network namespace, /proc/PID/ns/net; "" where it is this process's. Listeners alone are made
	// there: a socket that accept() gives is in its listener's.
	NetNS string
}

// Pair is both sides of one run. Its methods are safe for use by several goroutines.
type Pair struct {
	plan    Plan
	client  *client.Driven
	server  *server.Driven
	cpus    []int // by worker
	begun   sync.Once
	clients sync.WaitGroup // workers whose connections may still be opened
	workers sync.WaitGroup
}

// Open makes the pair and its listeners; no connection is opened before the client's Start.
func Open(plan Plan) (*Pair, error) { return open(plan, func(cpus []int) []int { return cpus }) }

// open steers each connection to the listener of the processor that steer gives in its worker's place.
func open(plan Plan, steer func(cpus []int) []int) (*Pair, error) {
	if err := errors.Join(Can(plan.Client.Steps), Can(plan.Server.Steps)); err != nil {
		return nil, err
	}
	p := &Pair{plan: plan}
	p.plan.Server.Workers = plan.Client.Workers
	var err error
	if p.cpus, err = processors(plan.Client.CPUs, plan.Client.Workers); err != nil {
		return nil, err
	}
	if p.client, err = client.NewDriven(plan.Client); err != nil {
		return nil, err
	}
	err = p.there(func() (err error) {
		p.server, err = server.NewDriven(p.plan.Server, steer(p.cpus))
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Can tells whether a side's steps are possible where the same thread takes those of the other side.
func Can(steps []teardown.Step) error {
	switch {
	case exchange.Lingering(steps):
		return errors.New("engine paired: close() with SO_LINGER {1, n} waits until the other end has acknowledged, which the " +
			"same thread drives: use engine split")
	case exchange.Idles(steps):
		return errors.New("engine paired does not look at connections that stand: use engine split")
	}
	return nil
}

// processors gives each worker one, of those that may be used. Where there are fewer than workers none is given, and the
// kernel moves the threads about.
func processors(wanted []int, workers int) ([]int, error) {
	if len(wanted) == 0 {
		allowed, err := linux.AllowedCPUs()
		if err != nil {
			return nil, fmt.Errorf("engine paired: %w", err)
		}
		wanted = allowed
	}
	if len(wanted) < workers {
		return nil, nil
	}
	return wanted[:workers], nil
}

// there does something in the server's network namespace.
func (p *Pair) there(do func() error) error {
	if p.plan.NetNS == "" {
		return do()
	}
	return linux.InNetNS(p.plan.NetNS, do)
}

// Client is the pair's opening side. Its Start lets both sides go.
func (p *Pair) Client() client.Engine { return opening{p.client, p} }

// Server is the pair's listening side, which must be started first. It serves until it is stopped and the client is done.
func (p *Pair) Server() server.Engine { return listening{p.server, p} }

type opening struct {
	*client.Driven
	pair *Pair
}

// Start lets the workers go.
func (o opening) Start(epoch int64) {
	o.Driven.Start(epoch)
	o.pair.begin()
}

type listening struct {
	*server.Driven
	pair *Pair
}

// Stop ends the serving. Where the load has never begun there is nobody who would see it.
func (l listening) Stop() {
	l.Driven.Stop()
	l.pair.begun.Do(l.Driven.End)
}

// Restart listens once more, where the listeners were.
func (l listening) Restart() (errno string) {
	err := l.pair.there(func() error {
		errno = l.Driven.Restart()
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return errno
}

// begin starts the workers.
func (p *Pair) begin() {
	p.begun.Do(func() {
		for i := range p.client.Hands {
			p.clients.Add(1)
			w := newWorker(p, i)
			p.workers.Go(w.run)
		}
		go func() {
			p.clients.Wait()
			p.client.End()
		}()
		go func() {
			p.workers.Wait()
			p.server.End()
		}()
	})
}
