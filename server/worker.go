//go:build linux

package server

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"twomsl/internal/callcost"
	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

const (
	// acceptBatch bounds how many connections are taken before ready ones are looked at again.
	acceptBatch = 64
	// longestWait bounds one epoll wait: a stop is seen at the latest then.
	longestWait = 5 * time.Millisecond
	// listenerBit marks a listener among the descriptors that are ready.
	listenerBit = uint64(1) << 63
	// sweepEvery is how often stale connections are looked for.
	sweepEvery = int64(100 * time.Millisecond)
)

// worker is one locked thread with its own listeners, connections, poller and recorder.
type worker struct {
	s         *Server
	id        int
	poller    *linux.Poller
	listeners []int
	conns     []conn // by descriptor
	open      int    // connections on their way
	swept     int64
	beaten    int64 // when heartbeats were last looked after
	accepts   int64 // when the next accept() may be, with a delay between them
	short     shortage
	from      linux.Sockaddr
	rec       recorder
	talk      exchange.Worker
	ignored   []ignored // the oldest first
	one       alone     // where calls wait
	idle      []int     // listeners for which there was no slot, once for each accept() that they miss
	ring      *ring     // nil: connections are taken and carried on step by step
	early     early
	last      struct { // client that was looked up
		address netip.Addr
		source  int
	}

	// Running totals, written by this worker alone and read by anyone.
	_                  [64]byte
	opened, ok, failed atomic.Int64
	_                  [64]byte
}

func newWorker(s *Server, id int) (*worker, error) {
	p, e := linux.OpenPoller()
	if e != 0 {
		return nil, fmt.Errorf("server worker %d: epoll_create1: %w", id, e)
	}
	w := &worker{s: s, id: id, poller: p, rec: newRecorder(&s.plan)}
	if id > 0 && s.shared { // a tuple comes to whichever processor connect() was called on
		w.rec.lastClose = s.workers[0].rec.lastClose
	}
	w.conns = make([]conn, 1024)
	w.talk = exchange.Worker{Scripts: s.scripts, Buf: make([]byte, 64<<10), Tally: &w.rec.tally, Gate: &s.gate, Edges: true}
	for i, ap := range s.plan.Listen {
		fd, err := listen(ap, &s.plan)
		if err != nil {
			w.shut()
			return nil, err
		}
		w.listeners = append(w.listeners, fd)
		if s.plan.AcceptDelay > 0 || s.plan.chained() {
			continue // looked at when its time has come
		}
		if e := p.AddListener(fd, listenerBit|uint64(i)); e != 0 {
			w.shut()
			return nil, fmt.Errorf("server worker %d: epoll_ctl: %w", id, e)
		}
	}
	if s.plan.chained() {
		var err error
		if w.ring, err = newRing(s); err != nil {
			w.shut()
			return nil, fmt.Errorf("server worker %d: %w", id, err)
		}
	}
	return w, nil
}

func (w *worker) shut() {
	for _, fd := range w.listeners {
		linux.Close(fd)
	}
	w.listeners = nil
	if w.poller != nil {
		w.poller.Close()
	}
	if w.ring != nil {
		w.ring.close()
	}
}

// run is the worker's whole life.
func (w *worker) run() {
	runtime.LockOSThread() // never unlocked: a thread that may be pinned ends with its worker
	if err := linux.PinThread(w.s.plan.processors(w.id)); err != nil {
		w.s.fail(fmt.Errorf("server worker %d: %w", w.id, err))
		return
	}
	user, system := linux.ThreadCPU()
	switch {
	case w.ring != nil:
		if err := w.chain(); err != nil {
			w.s.fail(fmt.Errorf("server worker %d: %w", w.id, err))
		}
	case w.s.plan.blocks():
		w.block()
	default:
		w.poll()
	}
	if w.ring == nil { // which has slots, not descriptors
		w.turnAway(linux.Nano())
		w.giveUp()
	}
	u, s := linux.ThreadCPU()
	w.rec.cpuUser, w.rec.cpuSystem = u-user, s-system
}

// poll serves until the server is stopped.
func (w *worker) poll() {
	for !w.s.stopped.Load() {
		n, e := w.poller.Wait(w.patience())
		if e != 0 {
			w.s.fail(fmt.Errorf("server worker %d: epoll_pwait: %w", w.id, e))
			break
		}
		for i := range n {
			if ev := w.poller.Event(i); ev.Data&listenerBit != 0 {
				if !w.short.is {
					w.accept(int(ev.Data&^listenerBit), acceptBatch)
				}
			} else {
				w.ready(ev)
			}
		}
		now := linux.Nano()
		w.acceptSlowly(now)
		w.tryAgain(now)
		w.sweep(now)
		w.beat(now)
		w.turnAway(now - int64(ignoredFor))
	}
}

// patience is how long the worker may wait for events.
func (w *worker) patience() time.Duration {
	if w.s.plan.AcceptDelay == 0 {
		return longestWait // a shortage lasts longer
	}
	return min(longestWait, max(0, time.Duration(w.accepts-linux.Nano())))
}

// acceptSlowly takes one connection at each listener and then none for a while, like a server that is busy otherwise.
func (w *worker) acceptSlowly(now int64) {
	if w.s.plan.AcceptDelay == 0 || now < w.accepts || w.short.is {
		return
	}
	w.accepts = now + int64(w.s.plan.AcceptDelay)
	for i := range w.listeners {
		w.accept(i, 1)
	}
}

// accept takes what waits at a listener, so many at most.
func (w *worker) accept(listener, most int) {
	for range most {
		t := w.rec.costs.Timer(w.opened.Load())
		t.Begin()
		fd, e := linux.Accept(w.listeners[listener], &w.from)
		switch e {
		case 0:
			if w.s.ignores(w.from.AddrPort()) {
				w.ignored = append(w.ignored, ignored{fd, linux.Nano()})
				continue
			}
			t.End(callcost.Accept)
			w.take(fd, listener, t)
		case linux.EAGAIN:
			return
		case linux.ECONNABORTED: // gone before it was accepted
			w.rec.tally.Add(tally.Accept, tally.Errno(e))
		default: // EMFILE and its like: the connection stays queued
			w.rec.tally.Add(tally.Accept, tally.Errno(e))
			w.runShort(linux.Nano())
			return
		}
	}
}

// take begins a connection's life here, and waits for all that comes.
func (w *worker) take(fd, listener int, t callcost.Timer) {
	w.makeRoom(fd)
	c := w.begin(fd, fd, listener, t)
	if w.early.tries() {
		w.settle(fd, w.talk.Advance(&c.Conn, true))
		w.early.tried(c.Read > 0 || !c.live)
		if !c.live && !(c.kept && w.s.idle[c.Script()]) { // nothing is to come of it
			return
		}
	}
	c.Timer.Begin()
	e := w.poller.AddConnection(fd, uint64(c.generation&0x7fffffff)<<32|uint64(uint32(fd)))
	c.Timer.End(callcost.Watch)
	if e != 0 {
		w.end(fd, tally.Option, tally.Errno(e))
	}
}

// makeRoom has a place for a connection under its descriptor.
func (w *worker) makeRoom(fd int) {
	for fd >= len(w.conns) {
		w.conns = append(w.conns, make([]conn, len(w.conns))...)
	}
}

// begin puts a connection in its place.
func (w *worker) begin(at, fd, listener int, t callcost.Timer) *conn {
	w.opened.Store(w.opened.Load() + 1)
	c := &w.conns[at]
	now := w.talk.Now
	if now == 0 {
		now = linux.Nano()
	}
	*c = conn{generation: c.generation + 1, live: true, accepted: now}
	var script int
	c.tuple, script = w.tuple(w.from.AddrPort(), listener)
	c.Begin(fd, script)
	c.Timer = t
	c.Timer.Opened()
	w.open++
	w.rec.accepted(c.tuple, now-w.s.epoch.Load())
	return c
}

// tuple numbers the client's address and port, at each listener, and finds the script; -1 and the first script where the
// address is none of the plan's.
func (w *worker) tuple(from netip.AddrPort, listener int) (tuple int64, script int) {
	i := w.last.source
	if from.Addr() != w.last.address {
		var known bool
		if i, known = w.s.sources[from.Addr()]; !known {
			return -1, 0
		}
		w.last.address, w.last.source = from.Addr(), i
	}
	return int64(listener*len(w.s.plan.Sources)+i)<<16 | int64(from.Port()), w.s.parts[i]
}

// sweep ends connections that have been here for too long.
func (w *worker) sweep(now int64) {
	every := sweepEvery
	if w.s.limited {
		every /= 10
	}
	if now-w.swept < every || w.open == 0 {
		return
	}
	w.swept = now
	for fd := range w.conns {
		switch c := &w.conns[fd]; {
		case !c.live:
		case c.Overdue(now):
			w.settle(fd, w.talk.Skip(&c.Conn))
		case now-c.accepted > int64(w.s.plan.Timeout):
			w.end(fd, c.Phase(), tally.GaveUp)
		}
	}
}

// giveUp closes what is still open when the run is over.
func (w *worker) giveUp() {
	for i := range w.conns {
		c := &w.conns[i]
		if c.live {
			w.leave(c)
			w.rec.unfinished++
			c.kept = true
		}
		if c.kept {
			c.kept = false
			linux.Close(int(c.FD))
		}
	}
}
