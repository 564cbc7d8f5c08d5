//go:build linux

package server

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

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
	open      int    // connections open
	swept     int64
	buf       []byte
	from      linux.Sockaddr
	rec       recorder

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
	w := &worker{s: s, id: id, poller: p, buf: make([]byte, 64<<10), rec: newRecorder(&s.plan)}
	w.conns = make([]conn, 1024)
	for i, ap := range s.plan.Listen {
		fd, err := listen(ap, s.plan.Backlog)
		if err != nil {
			w.shut()
			return nil, err
		}
		w.listeners = append(w.listeners, fd)
		if e := p.AddListener(fd, listenerBit|uint64(i)); e != 0 {
			w.shut()
			return nil, fmt.Errorf("server worker %d: epoll_ctl: %w", id, e)
		}
	}
	return w, nil
}

func (w *worker) shut() {
	for _, fd := range w.listeners {
		linux.Close(fd)
	}
	w.listeners = nil
	w.poller.Close()
}

// run is the worker's whole life.
func (w *worker) run() {
	runtime.LockOSThread() // never unlocked: a thread that may be pinned ends with its worker
	if err := linux.PinThread(w.s.plan.CPUs); err != nil {
		w.s.fail(fmt.Errorf("server worker %d: %w", w.id, err))
		return
	}
	user, system := linux.ThreadCPU()
	for !w.s.stopped.Load() {
		n, e := w.poller.Wait(longestWait)
		if e != 0 {
			w.s.fail(fmt.Errorf("server worker %d: epoll_pwait: %w", w.id, e))
			break
		}
		for i := range n {
			if ev := w.poller.Event(i); ev.Data&listenerBit != 0 {
				w.accept(int(ev.Data &^ listenerBit))
			} else {
				w.ready(ev)
			}
		}
		w.sweep(linux.Nano())
	}
	w.giveUp()
	u, s := linux.ThreadCPU()
	w.rec.cpuUser, w.rec.cpuSystem = u-user, s-system
}

// accept takes what waits at a listener.
func (w *worker) accept(listener int) {
	for range acceptBatch {
		fd, e := linux.Accept(w.listeners[listener], &w.from)
		switch e {
		case 0:
			w.take(fd, listener)
		case linux.EAGAIN:
			return
		case linux.ECONNABORTED: // gone before it was accepted
			w.rec.tally.Add(tally.Accept, tally.Errno(e))
		default: // EMFILE and its like: the connection stays queued, so the next round tries again
			w.rec.tally.Add(tally.Accept, tally.Errno(e))
			time.Sleep(time.Millisecond)
			return
		}
	}
}

// take begins a connection's life here.
func (w *worker) take(fd, listener int) {
	w.opened.Store(w.opened.Load() + 1)
	for fd >= len(w.conns) {
		w.conns = append(w.conns, make([]conn, len(w.conns))...)
	}
	c := &w.conns[fd]
	now := linux.Nano()
	*c = conn{generation: c.generation + 1, live: true, accepted: now, tuple: w.tuple(w.from.AddrPort(), listener)}
	w.open++
	w.rec.accepted(c.tuple, now-w.s.epoch.Load())
	if e := w.poller.AddConnection(fd, uint64(c.generation&0x7fffffff)<<32|uint64(uint32(fd))); e != 0 {
		w.end(fd, tally.Option, tally.Errno(e))
	}
}

// tuple numbers the client's address and port, at each listener; -1 where the address is none of the plan's.
func (w *worker) tuple(from netip.AddrPort, listener int) int32 {
	i, known := w.s.sources[from.Addr()]
	if !known {
		return -1
	}
	return int32(listener*len(w.s.plan.Sources)+i)<<16 | int32(from.Port())
}

// sweep ends connections that have been here for too long.
func (w *worker) sweep(now int64) {
	if now-w.swept < sweepEvery || w.open == 0 {
		return
	}
	w.swept = now
	for fd := range w.conns {
		if c := &w.conns[fd]; c.live && now-c.accepted > int64(w.s.plan.Timeout) {
			w.end(fd, c.step.phase(), tally.GaveUp)
		}
	}
}

// giveUp closes what is still open when the run is over.
func (w *worker) giveUp() {
	for fd := range w.conns {
		if w.conns[fd].live {
			w.conns[fd].live = false
			w.rec.unfinished++
			linux.Close(fd)
		}
	}
}
