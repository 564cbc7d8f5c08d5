//go:build linux

package client

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/scenario"
)

// Client drives one run. Its methods are safe for use by several goroutines.
type Client struct {
	plan        Plan
	schedule    scenario.Schedule
	script      exchange.Script
	options     []linux.Option[Plan]
	sources     []linux.Sockaddr
	dests       []linux.Sockaddr
	limited     bool // a step has a time limit of its own
	meetsItself bool // a connection could be connected to itself

	epoch   int64        // CLOCK_MONOTONIC of the first intended start
	limit   atomic.Int64 // connections numbered below it may start
	gate    atomic.Int64 // connections numbered below it pass teardown.Gate
	stopped atomic.Int64 // CLOCK_MONOTONIC of the stop; 0 while running
	aborted atomic.Bool  // connections in flight are given up
	reason  atomic.Pointer[string]

	firstExhaustion []atomic.Int64 // per tuple: when the first EADDRNOTAVAIL, or EADDRINUSE of bind(), came back
	workers         []*worker
	answerer        *answerer // nil: nobody listens on connections that stay open
	wg              sync.WaitGroup
	done            chan struct{}
	err             error // of the first worker that could not work; read after done
	errOnce         sync.Once
}

// New makes a client for the plan; nothing is opened before Start.
func New(plan Plan) (*Client, error) {
	if err := plan.settleThreads(); err != nil {
		return nil, err
	}
	c, err := prepare(plan)
	if err != nil {
		return nil, err
	}
	for id := range plan.Workers {
		w, err := newWorker(c, id)
		if err != nil {
			c.closeWorkers()
			return nil, err
		}
		c.workers = append(c.workers, w)
	}
	if plan.Answers {
		if c.answerer, err = newAnswerer(); err != nil {
			c.closeWorkers()
			return nil, err
		}
	}
	return c, nil
}

// prepare lays out all but the workers.
func prepare(plan Plan) (*Client, error) {
	if plan.Workers < 1 || plan.Concurrency < plan.Workers || plan.Tuples() == 0 || plan.Until <= 0 ||
		plan.Request < 1 && !plan.Silent {
		return nil, fmt.Errorf("client plan: %d workers, %d connections in flight, %d tuples, until %v, a request of %v: "+
			"each must be 1 or more, and there must be as many connections in flight as workers",
			plan.Workers, plan.Concurrency, plan.Tuples(), plan.Until, plan.Request)
	}
	c := &Client{
		plan: plan, schedule: scenario.NewSchedule(plan.Rate).Of(plan.First, plan.Stride),
		script:  plan.script(),
		limited: exchange.Limited(plan.Steps), meetsItself: plan.mayMeetItself(),
		firstExhaustion: make([]atomic.Int64, plan.Tuples()), done: make(chan struct{}),
	}
	var err error
	if c.options, err = linux.Wanted(options, &plan, c.ipv6()); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	for i := range c.firstExhaustion {
		c.firstExhaustion[i].Store(math.MaxInt64)
	}
	c.layOutAddresses()
	c.limit.Store(math.MaxInt64)
	if plan.Limit != 0 {
		c.limit.Store(max(0, plan.Limit))
	}
	return c, nil
}

// Start lets the workers go; epoch is when the first connection is meant to start, on CLOCK_MONOTONIC in nanoseconds.
func (c *Client) Start(epoch int64) {
	c.epoch = epoch
	if c.answerer != nil {
		go c.answerer.run()
	}
	for _, w := range c.workers {
		c.wg.Go(w.run)
	}
	go func() {
		c.wg.Wait()
		c.closeWorkers()
		close(c.done)
	}()
}

func (c *Client) closeWorkers() {
	for _, w := range c.workers {
		w.shut()
	}
}

// SetLimit allows connections numbered below n to start. Raised after the earlier limit was reached, it shifts the
// schedule: the pause does not count as lateness.
func (c *Client) SetLimit(n int64) { c.limit.Store(n) }

// SetGate lets connections numbered below n pass the gate in their steps.
func (c *Client) SetGate(n int64) { c.gate.Store(n) }

// Stop ends the starting of connections; those in flight are finished. reason stands in the record.
func (c *Client) Stop(reason string) {
	c.reason.CompareAndSwap(nil, &reason) // first: who sees the stop finds its reason
	c.stopped.CompareAndSwap(0, linux.Nano())
}

// Abort gives up the connections in flight, too.
func (c *Client) Abort(reason string) {
	c.Stop(reason)
	c.aborted.Store(true)
}

// Release closes the connections that the steps left open. It may be called once Done is closed.
func (c *Client) Release() { c.release(func(fd int) { linux.Close(fd) }) }

// Drop is Release without a word to the other side: linger 0 leaves no socket behind, and the RST is for the caller to
// keep from the wire.
func (c *Client) Drop() {
	c.release(func(fd int) {
		linux.SetLinger(fd, 0)
		linux.Close(fd)
	})
}

func (c *Client) release(end func(fd int)) {
	if c.answerer != nil {
		c.answerer.stop()
	}
	for _, w := range c.workers {
		for _, fd := range w.kept {
			end(int(fd))
		}
		w.kept = nil
	}
}

// Done is closed when no worker runs any more. What the steps left open is still open: see Release.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err tells, after Done, why a worker could not work; nil where all did.
func (c *Client) Err() error { return c.err }

func (c *Client) fail(err error) {
	c.errOnce.Do(func() { c.err = err })
	c.Abort("failure")
}

// Progress is the running total over all workers.
type Progress struct {
	Opened int64 `json:"opened"`
	OK     int64 `json:"ok"`
	Failed int64 `json:"failed"`
	// Exhausted tells that an EADDRNOTAVAIL, or the EADDRINUSE of a bind(), has come back.
	Exhausted bool `json:"exhausted"`
}

// InFlight is what was opened and has not ended.
func (p Progress) InFlight() int64 { return p.Opened - p.OK - p.Failed }

// Progress may be asked for at any time.
func (c *Client) Progress() Progress {
	var p Progress
	for _, w := range c.workers {
		// ended before opened: an ended connection is never missing among the opened ones
		p.OK += w.ok.Load()
		p.Failed += w.failed.Load()
	}
	for _, w := range c.workers {
		p.Opened += w.opened.Load()
	}
	for i := range c.firstExhaustion {
		p.Exhausted = p.Exhausted || c.firstExhaustion[i].Load() != math.MaxInt64
	}
	return p
}

// exhausted notes that a tuple had no port: EADDRNOTAVAIL from connect(), EADDRINUSE from bind(). The earliest counts.
func (c *Client) exhausted(tuple int, at int64) {
	first := &c.firstExhaustion[tuple]
	for old := first.Load(); at < old; old = first.Load() {
		if first.CompareAndSwap(old, at) {
			return
		}
	}
}

// failures tells how many connections have failed so far, over all workers.
func (c *Client) failures() int64 {
	var n int64
	for _, w := range c.workers {
		n += w.failed.Load()
	}
	return n
}

// deadline is when the last connection may start.
func (c *Client) deadline() int64 { return c.epoch + int64(c.plan.Until) }

// drainLimit bounds how long connections in flight are waited for after the last start.
func (c *Client) drainLimit() time.Duration { return c.plan.Timeout.Std() + time.Second }
