//go:build linux

package client

import (
	"time"

	"twomsl/internal/linux"
)

// Driven is a client without threads and pollers of its own: whoever has its hands carries the connections on. Engine
// paired drives both ends of each.
type Driven struct {
	*Client
	Hands []*Hand
}

// Hand is one worker of a Driven, for one thread. Its methods must not be called by several at once.
type Hand struct{ w *worker }

// NewDriven makes a client for the plan; nothing is opened before a hand launches.
func NewDriven(plan Plan) (*Driven, error) {
	c, err := prepare(plan)
	if err != nil {
		return nil, err
	}
	c.meetsItself = c.meetsItself && plan.takesListenersPort()
	d := &Driven{Client: c}
	for id := range plan.Workers {
		w := layOutWorker(c, id)
		w.talk.InTurns = true
		c.workers, d.Hands = append(c.workers, w), append(d.Hands, &Hand{w})
	}
	return d, nil
}

// takesListenersPort tells whether a socket may come to have a port that a listener has. connect() passes over each that
// somebody has bound (__inet_hash_connect), bind() does not where both sockets have SO_REUSEPORT.
func (p *Plan) takesListenersPort() bool {
	address, port := p.binds()
	return port || address && !p.Socket.BindNoPort
}

// Start says when the first connection is meant to start (CLOCK_MONOTONIC, ns); the hands may launch from then on.
func (d *Driven) Start(epoch int64) {
	d.epoch = epoch
	for _, w := range d.workers {
		w.epoch = epoch
	}
}

// End closes Done: no hand is used any more.
func (d *Driven) End() { close(d.done) }

// Fail ends the run for a reason that Err gives.
func (d *Driven) Fail(err error) { d.fail(err) }

// Next is the number of the connection that is launched next. The one after it is Plan.Workers further.
func (h *Hand) Next() int64 { return h.w.next }

// Destination is where the n-th connection goes, by its number in the plan.
func (h *Hand) Destination(n int64) int {
	_, destination := h.w.c.plan.tuple(n)
	return destination
}

// Launch opens the connections that are due, a batch at most: socket, options, connect(), and the first write where the
// handshake is over by then, which over loopback it is.
func (h *Hand) Launch(now int64) { h.w.launch(now) }

// Carry takes every connection as far as it goes without waiting.
func (h *Hand) Carry() {
	w := h.w
	for i := w.oldest; i != none; {
		c, next := &w.conns[i], w.conns[i].next
		if !c.connecting || w.c.plan.Silent || w.established(i) {
			w.carryOn(i, true)
		}
		i = next
	}
}

// At tells the time of this pass. Where nothing is reckoned from when a connection was closed it is not asked for again.
func (h *Hand) At(now int64) {
	if !h.w.c.plan.LeavesTimeWait {
		h.w.talk.Now = now
	}
}

// Tend gives up what takes too long and lets through what a gate held.
func (h *Hand) Tend(now int64) {
	h.w.expire(now)
	h.w.lookAfter(now)
}

// Open tells whether connections are under way.
func (h *Hand) Open() bool { return h.w.oldest != none }

// Over tells whether there is nothing left to do here.
func (h *Hand) Over(now int64) bool { return h.w.over(now) }

// Patience is how long there is nothing to launch, if nothing else happens; 0 where more could be.
func (h *Hand) Patience(now int64) time.Duration { return h.w.patience(now) }

// Moved changes with everything that the connections do.
func (h *Hand) Moved() int64 {
	w := h.w
	return w.ok.Load() + w.failed.Load() + w.talk.Written + w.talk.Read + w.talk.EOFs + w.talk.Resets
}

// GiveUp closes what is still under way, when the run is over.
func (h *Hand) GiveUp() {
	h.w.rec.lastEnd = linux.Nano()
	h.w.giveUp()
}

// Charge notes the processor time that the thread has used for the run.
func (h *Hand) Charge(user, system time.Duration) { h.w.rec.cpuUser, h.w.rec.cpuSystem = user, system }

// Batch is how many connections a hand launches at once.
const Batch = launchBatch
