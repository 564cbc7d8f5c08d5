//go:build linux

package paired

import (
	"fmt"
	"runtime"
	"time"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/server"
)

const (
	// tendEvery is how many rounds there are between two looks at what takes too long.
	tendEvery = 64
	// sweepEvery is how many rounds there are between two looks at every listener.
	sweepEvery = 8
	// acceptBatch bounds how many connections of other workers are taken from a listener at once.
	acceptBatch = 64
	// yields is how often a worker for which nothing is ready only steps aside; then it sleeps, each time for longer.
	yields = 8
	// The bounds of that sleep. The longer one bounds how late a stop or a raised limit is seen, too.
	shortestSleep = 20 * time.Microsecond
	longestSleep  = 2 * time.Millisecond
)

// worker is one thread that drives both ends of its connections.
type worker struct {
	p      *Pair
	id     int
	c      *client.Hand
	s      *server.Hand
	rounds uint64
	idle   int  // rounds in which nothing moved
	over   bool // this worker opens no connection any more

	user, system time.Duration // of the thread, when it began
}

func newWorker(p *Pair, id int) *worker {
	return &worker{p: p, id: id, c: p.client.Hands[id], s: p.server.Hands[id]}
}

// run is the worker's whole life.
func (w *worker) run() {
	runtime.LockOSThread() // never unlocked: a thread that is pinned ends with its worker
	if err := w.pin(); err != nil {
		err = fmt.Errorf("worker %d of engine paired: %w", w.id, err)
		w.p.client.Fail(err)
		w.p.server.Fail(err)
	}
	w.user, w.system = linux.ThreadCPU()
	for !w.over || !w.p.server.Stopped() {
		w.round()
	}
	w.s.GiveUp()
}

func (w *worker) pin() error {
	if w.p.cpus == nil {
		return linux.PinThread(w.p.plan.Client.CPUs)
	}
	return linux.PinThread(w.p.cpus[w.id : w.id+1])
}

// round opens a batch and carries on all that is open, as far as it goes.
func (w *worker) round() {
	before := w.moved()
	now := linux.Nano()
	w.c.At(now)
	w.s.At(now)
	if !w.over {
		w.open(now)
	} else {
		w.sweep()
	}
	w.carry()
	w.rounds++
	moved := w.moved() != before
	if !moved || w.rounds%tendEvery == 0 {
		w.c.Tend(now)
		w.s.Tend(now)
	}
	if !w.over && w.c.Over(now) {
		w.end()
	}
	if moved {
		w.idle = 0
		return
	}
	w.rest(now)
}

// open launches what is due and accepts it: on one processor a connection is there when connect() returns. What is not is
// found by a later look.
func (w *worker) open(now int64) {
	first, step := w.c.Next(), int64(w.p.plan.Client.Workers)
	w.c.Launch(now)
	missed := false
	for n := first; n < w.c.Next(); n += step {
		if !w.s.Accept(w.c.Destination(n)) {
			missed = true
		}
	}
	if missed || first == w.c.Next() || w.rounds%sweepEvery == 0 {
		w.sweep()
	}
}

// sweep takes what waits at the listeners: also what another worker opened, or what came late.
func (w *worker) sweep() {
	for l := range w.s.Listeners() {
		for range acceptBatch {
			if !w.s.Accept(l) {
				break
			}
		}
	}
}

// carry takes the two sides' turns until neither has anything to say to the other.
func (w *worker) carry() {
	for last := int64(-1); last != w.moved(); {
		last = w.moved()
		if w.c.Open() {
			w.c.Carry()
		}
		if w.s.Open() {
			w.s.Carry()
		}
		if !w.c.Open() && !w.s.Open() {
			return
		}
	}
}

// moved changes with everything that the connections do.
func (w *worker) moved() int64 { return w.c.Moved() + w.s.Moved() }

// end leaves the opening to others. The worker serves on: its listeners may have connections of theirs.
func (w *worker) end() {
	w.c.GiveUp()
	w.charge()
	w.over = true
	w.p.clients.Done()
}

// charge notes the processor time so far. What follows the load is no part of what it cost.
func (w *worker) charge() {
	user, system := linux.ThreadCPU()
	w.c.Charge(user-w.user, system-w.system)
}

// rest leaves the processor to others, and tells Go's scheduler: where packets are on their way, to those that handle them
// (ksoftirqd is an ordinary thread of this processor); else until the next connection is due.
func (w *worker) rest(now int64) {
	w.idle++
	if w.idle <= yields && (w.c.Open() || w.s.Open()) {
		linux.Yield()
		return
	}
	d := longestSleep
	if w.c.Open() || w.s.Open() {
		d = min(d, shortestSleep<<min(w.idle-yields, 7))
	}
	if !w.over {
		d = min(d, w.c.Patience(now))
	}
	linux.Sleep(d)
}
