//go:build linux

package client

import (
	"context"
	"errors"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
)

// netEngine drives the load as an ordinary Go program would: package net, and a goroutine for each connection. The
// Client in it keeps the plan, the schedule and what is counted, by one worker that has no thread and no poller here.
type netEngine struct {
	*Client
	w      *worker
	limits *exchange.Barrier // connections that may start
	gates  *exchange.Barrier // connections that pass teardown.Gate
	slots  chan struct{}     // one element for each connection in flight
	flying sync.WaitGroup    // those connections
	hidden atomic.Int64      // sockets that the library made beyond one for each Dial

	starts, run        context.Context // until no connection is to start any more, until all are given up
	stopStarts, giveUp context.CancelFunc

	mu   sync.Mutex // guards the worker's recorder and counts, and kept
	kept []*net.TCPConn
}

func newNetEngine(plan Plan) (*netEngine, error) {
	if len(plan.CPUs) > 0 {
		return nil, errors.New("client plan: goroutines cannot be pinned to processors: leave the list out, or use engine split")
	}
	if plan.Answers {
		return nil, errors.New("client plan: engine net does not go on looking at connections: use engine split to answer on them")
	}
	c, err := prepare(plan)
	if err != nil {
		return nil, err
	}
	c.plan.Workers = 1
	e := &netEngine{
		Client: c, limits: exchange.NewBarrier(c.limit.Load()), gates: exchange.NewBarrier(0),
		slots: make(chan struct{}, plan.Concurrency),
		w:     &worker{c: c, oldest: none, newest: none, free: none, rec: newRecorder(&c.plan)},
	}
	c.workers = []*worker{e.w}
	e.starts, e.stopStarts = context.WithCancel(context.Background())
	e.run, e.giveUp = context.WithCancel(context.Background())
	return e, nil
}

func (e *netEngine) SetLimit(n int64) { e.limits.Raise(n) }
func (e *netEngine) SetGate(n int64)  { e.gates.Raise(n) }

func (e *netEngine) Stop(reason string) {
	e.Client.Stop(reason)
	e.stopStarts()
}

func (e *netEngine) Abort(reason string) {
	e.Client.Abort(reason)
	e.stopStarts()
	e.giveUp()
}

func (e *netEngine) Start(epoch int64) {
	e.epoch, e.w.epoch = epoch, epoch
	go e.drive()
}

// drive starts every connection when it is due and there is room, and waits for all of them.
func (e *netEngine) drive() {
	defer close(e.done)
	// The whole process's processor time, so Go's scheduler and collector too: goroutines have no thread of their own.
	user, system := linux.ProcessCPU()
	starts, cancel := context.WithDeadline(e.starts, after(e.deadline()))
	defer cancel()
	for e.room(starts) && e.due(starts) {
		n := e.w.next
		intended := e.w.intended(n)
		e.w.next++
		e.w.opened.Add(1)
		e.flying.Go(func() {
			e.connection(n, intended)
			<-e.slots
		})
	}
	e.drain()
	u, s := linux.ProcessCPU()
	e.w.rec.cpuUser, e.w.rec.cpuSystem = u-user, s-system
	e.w.rec.lastEnd = linux.Nano()
}

// after is a time of CLOCK_MONOTONIC as package time has it.
func after(nano int64) time.Time { return time.Now().Add(time.Duration(nano - linux.Nano())) }

// room waits until one more connection may be in flight; false: none will start any more.
func (e *netEngine) room(starts context.Context) bool {
	if starts.Err() != nil {
		return false
	}
	select {
	case e.slots <- struct{}{}:
		return true
	case <-starts.Done():
		return false
	}
}

// due waits until the next connection may start and is due; false: none will start any more.
func (e *netEngine) due(starts context.Context) bool {
	w := e.w
	for {
		now := linux.Nano()
		if w.next >= w.planned() || starts.Err() != nil || now >= e.deadline() {
			return false
		}
		passes, moved := e.limits.Passes(w.next)
		wait := time.Duration(math.MaxInt64)
		if passes {
			if w.held {
				w.resume(now)
			}
			if wait = time.Duration(w.intended(w.next) - now); wait <= 0 {
				return true
			}
		} else if !w.held {
			w.held, w.heldAt = true, w.next
		}
		pause(starts, moved, wait)
	}
}

// pause waits for the time given, for the context's end or for a channel to be closed.
func pause(ctx context.Context, moved <-chan struct{}, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-moved:
	case <-ctx.Done():
	}
}

// drain waits for the connections in flight, and gives them up when that takes too long.
func (e *netEngine) drain() {
	ended := linux.Nano()
	if at := e.stopped.Load(); at != 0 {
		ended = at
	}
	limit := time.AfterFunc(time.Until(after(ended))+e.drainLimit(), e.giveUp)
	defer limit.Stop()
	e.flying.Wait()
	e.stopStarts()
	e.giveUp() // nothing is left: frees the contexts
}

// Release closes the connections that the steps left open. It may be called once Done is closed.
func (e *netEngine) Release() { e.release(-1) }

// Drop is Release with linger 0.
func (e *netEngine) Drop() { e.release(0) }

func (e *netEngine) release(linger int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.kept {
		_ = c.SetLinger(linger)
		_ = c.Close()
	}
	e.kept = nil
}

func (e *netEngine) Result() (Result, error) {
	res, err := e.Client.Result()
	hidden := e.hidden.Load()
	res.HiddenRetries = &hidden
	return res, err
}
