//go:build linux

package server

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"twomsl/internal/callcost"
	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// With io blocking a worker is a thread that waits in accept(), serves what that gave, and waits again, as programs of the
// old school do it. The threads share one listener for each address: where one is busy, another takes what comes.

// MostThreads is how many threads a side may have: each stands in its system calls, and keeps one of the runtime's
// processors meanwhile.
const MostThreads = 64

// longestBlock bounds one call that waits, see client's.
const longestBlock = 10 * time.Millisecond

// alone is what a worker with one connection at a time has.
type alone struct {
	number   int       // of its listener
	listener *listener // shared
	noted    int64     // when the connection's first FIN was remembered, before it went out; 0: not
	kept     []int32   // descriptors of connections that stay open
}

// listener is what the threads share that wait at one address.
type listener struct {
	fd int
	// turn is when the next accept() may be, with a delay between them; taken while a thread is at it.
	turn atomic.Int64
}

const taken = math.MaxInt64

func (p *Plan) blocks() bool { return p.IO == "blocking" }

// Threads is how many threads the plan takes.
func (p Plan) Threads() int {
	if p.blocks() {
		return max(p.Workers, len(p.Listen))
	}
	return max(1, p.Workers)
}

// settleThreads gives each listener a thread at the least.
func (p *Plan) settleThreads() error {
	if !p.blocks() {
		return nil
	}
	p.Workers = p.Threads()
	if p.Workers > MostThreads {
		return fmt.Errorf("server plan: %d threads with io blocking, for %d listeners; allowed: up to %d",
			p.Workers, len(p.Listen), MostThreads)
	}
	stands := exchange.Idles(p.Steps) || !p.Heartbeat.Off()
	for _, part := range p.Parts {
		stands = stands || exchange.Idles(part.Steps)
	}
	if stands {
		return errors.New("server plan: a thread that waits in a call cannot look at connections that stand: use io epoll")
	}
	return nil
}

// newBlocking makes the worker; the first of those that share a listener opens it.
func newBlocking(s *Server, id int) (*worker, error) {
	w := &worker{s: s, id: id, rec: newRecorder(&s.plan), conns: make([]conn, 1)}
	w.talk = exchange.Worker{Scripts: s.scripts, Buf: make([]byte, 64<<10), Tally: &w.rec.tally, Gate: &s.gate, Ends: w.closing}
	w.one.number = id % len(s.plan.Listen)
	if id > 0 {
		w.rec.lastClose = s.workers[0].rec.lastClose
	}
	if id != w.one.number {
		w.one.listener = s.workers[w.one.number].one.listener
		return w, nil
	}
	ap := s.plan.Listen[id]
	fd, err := listen(ap, &s.plan)
	if err != nil {
		return nil, err
	}
	w.listeners, w.one.listener = []int{fd}, &listener{fd: fd}
	e := linux.SetBlocking(fd)
	if e == 0 {
		e = linux.SetReceiveTimeout(fd, longestBlock)
	}
	if e == 0 {
		e = linux.SetSendTimeout(fd, longestBlock)
	}
	if e != 0 {
		w.shut()
		return nil, fmt.Errorf("listener %s: time limit of calls that wait: %w", ap, e)
	}
	return w, nil
}

// block is a worker's life with one connection at a time.
func (w *worker) block() {
	for !w.s.stopped.Load() {
		if w.myTurn() {
			w.acceptOne()
		}
		w.turnAway(linux.Nano() - int64(ignoredFor))
	}
	for _, fd := range w.one.kept {
		linux.Close(int(fd))
	}
	w.one.kept = nil
}

// acceptOne waits for a connection and serves it.
func (w *worker) acceptOne() {
	t := w.rec.costs.Timer(w.opened.Load())
	t.Begin()
	fd, e := linux.AcceptBlocking(w.one.listener.fd, &w.from)
	w.next(e == 0)
	switch e {
	case 0:
		if w.s.ignores(w.from.AddrPort()) {
			w.ignored = append(w.ignored, ignored{fd, linux.Nano()})
			return
		}
		t.End(callcost.Accept)
		w.begin(0, fd, w.one.number, t)
		w.serve()
	case linux.EAGAIN, linux.EINTR: // the time was up
	case linux.ECONNABORTED: // gone before it was accepted
		w.rec.tally.Add(tally.Accept, tally.Errno(e))
	default: // EMFILE and its like: the connection stays queued
		w.rec.tally.Add(tally.Accept, tally.Errno(e))
		w.pause(shortageLimit)
	}
}

// myTurn tells whether this thread may accept: with a delay between two accept() the threads of a listener take turns.
func (w *worker) myTurn() bool {
	if w.s.plan.AcceptDelay == 0 {
		return true
	}
	l := w.one.listener
	at := l.turn.Load()
	if now := linux.Nano(); now < at {
		linux.Pause(min(longestBlock, time.Duration(at-now)))
		return false
	}
	return l.turn.CompareAndSwap(at, taken)
}

// next leaves the turn to whoever comes, after the delay where there was a connection.
func (w *worker) next(accepted bool) {
	if w.s.plan.AcceptDelay == 0 {
		return
	}
	at := linux.Nano()
	if accepted {
		at += int64(w.s.plan.AcceptDelay)
	}
	w.one.listener.turn.Store(at)
}

// pause sees a stop all the same.
func (w *worker) pause(d time.Duration) {
	for end := linux.Nano() + int64(d); !w.s.stopped.Load() && linux.Nano() < end; {
		linux.Pause(min(longestBlock, time.Duration(end-linux.Nano())))
	}
}

// serve is the connection's whole life. One that is not over when the server stops is unfinished, see giveUp.
func (w *worker) serve() {
	c := &w.conns[0]
	for w.one.noted = 0; c.live && !w.s.stopped.Load(); {
		w.settle(0, w.talk.Advance(&c.Conn, true))
		now := linux.Nano()
		switch {
		case !c.live:
		case c.Overdue(now):
			w.settle(0, w.talk.Skip(&c.Conn))
		case now-c.accepted > int64(w.s.plan.Timeout):
			w.end(0, c.Phase(), tally.GaveUp)
		default:
			linux.Pause(min(longestBlock, c.Thinks(now)))
		}
	}
	w.takeBack(c)
	if c.kept {
		c.kept = false
		w.one.kept = append(w.one.kept, c.FD)
	}
}

// closing remembers a tuple before its FIN goes out: from then on it may come back, to another thread.
func (w *worker) closing(ec *exchange.Conn) {
	c := &w.conns[0] // the only one
	if w.s.leaves[ec.Script()] {
		w.one.noted = ec.ClosedAt
		w.rec.remember(c.tuple, ec.ClosedAt-w.s.epoch.Load())
	}
}

// takeBack forgets what closing remembered of a connection that came to nothing.
func (w *worker) takeBack(c *conn) {
	if w.one.noted != 0 {
		w.rec.forget(c.tuple, w.one.noted-w.s.epoch.Load())
		w.one.noted = 0
	}
}
