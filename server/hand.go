//go:build linux

package server

import (
	"time"

	"twomsl/internal/callcost"
	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// Driven is a server without threads and pollers of its own: whoever has its hands accepts and carries the connections on.
// Engine paired drives both ends of each.
type Driven struct {
	*Server
	Hands []*Hand
}

// Hand is one worker of a Driven, for one thread, with listeners of its own. Its methods must not be called by several at
// once.
type Hand struct {
	w    *worker
	live []int32 // descriptors of the connections under way, in the order in which they came
}

// NewDriven opens the listeners, in the calling thread's network namespace. A connection whose SYN came in on cpus[i] goes
// to the i-th hand's; where there are no cpus, to any.
func NewDriven(plan Plan, cpus []int) (*Driven, error) {
	s, err := prepare(plan)
	if err != nil {
		return nil, err
	}
	d := &Driven{Server: s}
	s.shared = true
	for id := range max(1, plan.Workers) {
		h := newHand(s, id)
		if id > 0 { // as with Spread
			h.w.rec.lastClose = s.workers[0].rec.lastClose
		}
		s.workers, d.Hands = append(s.workers, h.w), append(d.Hands, h)
		if err := h.listen(); err != nil {
			d.Shut()
			return nil, err
		}
	}
	if err := d.steer(cpus); err != nil {
		d.Shut()
		return nil, err
	}
	return d, nil
}

func newHand(s *Server, id int) *Hand {
	w := &worker{s: s, id: id, rec: newRecorder(&s.plan), conns: make([]conn, 1024)}
	w.talk = exchange.Worker{
		Scripts: s.scripts, Buf: make([]byte, 64<<10), Tally: &w.rec.tally, Gate: &s.gate, InTurns: true,
	}
	return &Hand{w: w, live: make([]int32, 0, 256)}
}

func (h *Hand) listen() error {
	for _, ap := range h.w.s.plan.Listen {
		fd, err := listen(ap, &h.w.s.plan)
		if err != nil {
			return err
		}
		h.w.listeners = append(h.w.listeners, fd)
	}
	return nil
}

// Start says when the load starts (CLOCK_MONOTONIC, ns).
func (d *Driven) Start(epoch int64) { d.epoch.Store(epoch) }

// Stopped tells that the serving is to end.
func (d *Driven) Stopped() bool { return d.stopped.Load() }

// Shut closes the listeners; no hand is used any more.
func (d *Driven) Shut() {
	for _, h := range d.Hands {
		for _, fd := range h.w.listeners {
			linux.Close(fd)
		}
		h.w.listeners = nil
	}
}

// End closes the listeners and Done.
func (d *Driven) End() {
	d.Shut()
	close(d.done)
}

// Fail ends the serving for a reason that Err gives.
func (d *Driven) Fail(err error) { d.fail(err) }

// Listeners is how many addresses are listened on.
func (h *Hand) Listeners() int { return len(h.w.listeners) }

// Accept takes one connection from a listener, by its number in the plan, and carries it as far as it goes. It is false
// where none was ready.
func (h *Hand) Accept(listener int) bool {
	w := h.w
	if w.short.is && w.open >= w.short.open && linux.Nano() < w.short.until {
		return false // there was no descriptor, and none has come free: see shortage
	}
	w.short.is = false
	t := w.rec.costs.Timer(w.opened.Load())
	t.Begin()
	fd, e := linux.Accept(w.listeners[listener], &w.from)
	switch e {
	case 0:
		t.End(callcost.Accept)
	case linux.EAGAIN:
		return false
	case linux.ECONNABORTED: // gone before it was accepted
		w.rec.tally.Add(tally.Accept, tally.Errno(e))
		return true
	default: // EMFILE and its like: the connection stays queued
		w.rec.tally.Add(tally.Accept, tally.Errno(e))
		w.short = shortage{is: true, until: linux.Nano() + int64(shortageLimit), open: w.open}
		return false
	}
	w.makeRoom(fd)
	c := w.begin(fd, fd, listener, t)
	w.settle(fd, w.talk.Advance(&c.Conn, true))
	if w.conns[fd].live {
		h.live = append(h.live, int32(fd))
	}
	return true
}

// At tells the time of this pass. Where nothing is reckoned from when a tuple was closed and came back it is not asked for
// again.
func (h *Hand) At(now int64) {
	if !h.w.s.plan.LeavesTimeWait {
		h.w.talk.Now = now
	}
}

// Carry takes every connection as far as it goes without waiting.
func (h *Hand) Carry() {
	w, left := h.w, h.live[:0]
	for _, fd := range h.live {
		c := &w.conns[fd]
		w.settle(int(fd), w.talk.Advance(&c.Conn, true))
		if c.live {
			left = append(left, fd)
		}
	}
	h.live = left
}

// Tend gives up what takes too long. Nothing may be accepted before those are forgotten: their descriptors come back.
func (h *Hand) Tend(now int64) {
	w, left := h.w, h.live[:0]
	w.sweep(now)
	for _, fd := range h.live {
		if w.conns[fd].live {
			left = append(left, fd)
		}
	}
	h.live = left
}

// Open tells whether connections are under way.
func (h *Hand) Open() bool { return len(h.live) > 0 }

// Moved changes with everything that the connections do.
func (h *Hand) Moved() int64 {
	w := h.w
	return w.opened.Load() + w.ok.Load() + w.failed.Load() + w.talk.Written + w.talk.Read + w.talk.EOFs + w.talk.Resets
}

// GiveUp closes what is still open, when the run is over.
func (h *Hand) GiveUp() {
	h.w.giveUp()
	h.live = h.live[:0]
}

// Charge notes the processor time that the thread has used for the run.
func (h *Hand) Charge(user, system time.Duration) { h.w.rec.cpuUser, h.w.rec.cpuSystem = user, system }
