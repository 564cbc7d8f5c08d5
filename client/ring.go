//go:build linux

package client

import (
	"errors"
	"fmt"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/scenario"
)

// ring is what a worker lays chains into. The connection in slot i has direct descriptor i, and a buffer of its own.
type ring struct {
	*linux.Ring
	memory  []byte // the buffers
	stride  int
	options []linux.SockOpt // on each socket before connect()
	lingers [2]linux.SockOpt
	timed   int64 // one connection in so many is timed
	started int64 // by this worker so far
	flying  int   // chains that have not ended
	armed   bool  // the ring watches the poller
	events  bool  // the poller has some
	reaped  int64 // when the completions at hand came back
}

const (
	// ringEntries is how many submissions fit between two entries into the kernel.
	ringEntries = 1024
	// timedOneIn is how many connections there are for each that runs step by step, so that its connect() is timed.
	timedOneIn = 16
	// TimedAll is the highest rate at which all of them do.
	TimedAll = scenario.Rate(5000)
)

// connectOneIn tells on one connection in how many connect() was timed.
func (c *Client) connectOneIn() int64 {
	if c.plan.chained() && (c.plan.Rate == scenario.Max || c.plan.Rate > TimedAll) {
		return timedOneIn
	}
	return 1
}

var errRingStuck = errors.New("io_uring takes no more submissions: run with --io epoll, and report this")

func newRing(c *Client, slots int) (*ring, error) {
	if why := Unchained(&c.plan); why != "" {
		return nil, fmt.Errorf("these connections cannot be chains in io_uring: %s; run them with --io epoll", why)
	}
	r := &ring{timed: c.connectOneIn(), stride: int(c.plan.Response) + 1, lingers: [2]linux.SockOpt{linux.LingerOpt(-1), linux.LingerOpt(0)}}
	for _, o := range c.options {
		r.options = append(r.options, o.Value(&c.plan))
	}
	var err error
	if r.Ring, err = linux.OpenRing(ringEntries, slots); err != nil {
		return nil, err
	}
	if r.memory, err = linux.MapMemory(slots * r.stride); err != nil {
		r.Ring.Close()
		return nil, err
	}
	return r, nil
}

func (r *ring) close() {
	r.Ring.Close()
	linux.UnmapMemory(r.memory)
	r.memory = nil
}

// buffer is the i-th connection's.
func (r *ring) buffer(i int32) []byte { return r.memory[int(i)*r.stride:][:r.stride] }

// linger is the option in memory that lasts.
func (r *ring) linger(seconds int) *linux.SockOpt { return &r.lingers[min(seconds+1, 1)] }

// takes tells whether the next connection is a chain, or is timed. One in so many is timed, the first included: they run
// step by step, as do those whose bytes are remembered, since nobody is told a chain's port.
func (r *ring) takes(w *worker) (chain, timed bool) {
	if r == nil {
		return false, true
	}
	timed = r.started%r.timed == 0
	r.started++
	return !timed && (!w.rec.meter.On() || w.rec.meter.Full()), timed
}

// room makes room for so many submissions.
func (r *ring) room(n int) bool {
	if r.Room() >= n {
		return true
	}
	return r.Enter(0) == 0 && r.Room() >= n
}

// enable ties the ring to the worker's thread.
func (w *worker) enable() error {
	if w.ring == nil {
		return nil
	}
	if e := w.ring.Enable(); e != 0 {
		return fmt.Errorf("io_uring_register, enable: %w", e)
	}
	return nil
}

// turn is one round with the ring: what was written goes in, what is done comes out.
func (w *worker) turn(limit time.Duration) error {
	r := w.ring
	r.arm(w)
	if e := r.Enter(limit); e != 0 {
		return fmt.Errorf("io_uring_enter: %w", e)
	}
	w.reap()
	if r.events {
		r.events = false
		return w.poll(0)
	}
	return nil
}

// reap takes all completions at hand.
func (w *worker) reap() {
	w.ring.reaped = linux.Nano()
	for q, more := w.ring.Next(); more; q, more = w.ring.Next() {
		w.completed(q)
	}
}

// arm has the ring watch the poller, which connections that run step by step wait at.
func (r *ring) arm(w *worker) {
	if !r.armed && r.room(1) {
		r.armed = true
		r.Poll(w.poller.FD(), memberPoll<<32)
	}
}

// polled takes note that the poller has events.
func (r *ring) polled(q linux.CQE) { r.events, r.armed = true, q.More() }

// giveUpChains ends the chains that are under way when the run is over, and returns when the kernel has let go of them.
func (w *worker) giveUpChains() {
	r := w.ring
	if r == nil {
		return
	}
	for end := linux.Nano() + int64(w.c.drainLimit()); r.flying > 0 && linux.Nano() < end; {
		if r.room(1) {
			r.CancelAll(memberCancel << 32).Quiet()
		}
		r.armed = true // and stays so: nobody waits at the poller any more
		if e := r.Enter(time.Millisecond); e != 0 {
			break
		}
		for q, more := r.Next(); more; q, more = r.Next() {
			w.dropped(q)
		}
	}
	for r.Pending() && r.Enter(0) == 0 { // the last close()
	}
}

// dropped closes a chain that is given up.
func (w *worker) dropped(q linux.CQE) {
	i, member := int32(uint32(q.Tag)), q.Tag>>32&0xff
	if member >= memberLast {
		return
	}
	w.arrived(i, member, q)
	if w.ring.room(1) {
		w.closeSlot(i)
	}
	w.rec.unfinished++
	w.release(i)
}
