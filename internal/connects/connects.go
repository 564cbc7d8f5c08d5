//go:build linux

package command

import (
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// watch carries the connect() calls of a command out in its place, on descriptors of the same sockets, and so learns what each
// came to. What is no TCP, or begins nothing, the kernel carries out as ever.
type watch struct {
	plan Plan
	n    *linux.Notifier

	attempted, begun, failed atomic.Int64
	exhausted                atomic.Bool
	unseen                   atomic.Int64
	over                     atomic.Bool
	spent                    atomic.Int64 // processor time of the calls that were made for the command, ns
	waiting                  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	ends   tally.Tally
	tuples []tuple
}

// tuple is what the command did on one of the plan's.
type tuple struct {
	begun, before int64 // before the first exhaustion
	first         int64 // CLOCK_MONOTONIC of that; 0: never
}

func newWatch(plan Plan, n *linux.Notifier) *watch {
	return &watch{plan: plan, n: n, tuples: make([]tuple, len(plan.Sources)*len(plan.Destinations))}
}

// run serves until nobody is left who could call.
func (w *watch) run() {
	runtime.LockOSThread() // its processor time is looked at
	defer w.n.Close()
	defer w.waiting.Wait()
	for {
		notice, more, err := w.n.Next()
		if err != nil || !more {
			return
		}
		w.serve(notice)
	}
}

// serve answers one call. One that waits does so on a thread of its own: the others of the command go on meanwhile.
func (w *watch) serve(n linux.Notice) {
	to, inet, e := linux.SockaddrOf(n)
	if e != 0 {
		w.unseen.Add(1)
	}
	if w.over.Load() || !inet || n.Bind && to.Port() != 0 {
		w.n.LetGo(n.ID)
		return
	}
	fd, e := linux.Take(n.TID, n.FD)
	if !w.n.Waits(n.ID) { // killed meanwhile: the descriptor may be anybody's
		linux.Close(fd)
		return
	}
	if e != 0 && e != linux.EBADF {
		w.unseen.Add(1)
	}
	if e != 0 || !linux.IsTCP(fd) || !linux.Unconnected(fd) {
		linux.Close(fd)
		w.n.LetGo(n.ID)
		return
	}
	if n.Bind {
		w.bind(n, fd, &to)
		return
	}
	w.attempted.Add(1) // its caller may be killed while it waits
	switch {
	case linux.CallsWait(fd):
		w.waiting.Go(func() { w.connectWaiting(n, fd, &to) })
	default:
		called := linux.Nano()
		begun := linux.ThreadTime()
		e := linux.ConnectTold(fd, &to)
		w.spent.Add(int64(linux.ThreadTime() - begun))
		w.count(fd, &to, called, e)
		linux.Close(fd) // before the caller can close its own: that one is to be the last
		w.n.Answer(n.ID, e)
	}
}

// bind has a port chosen, for all destinations at once: that it finds none is a connection that failed. Nothing else is counted.
func (w *watch) bind(n linux.Notice, fd int, to *linux.Sockaddr) {
	e := linux.Bind(fd, to)
	if e == linux.EADDRINUSE {
		w.noneToBind(to)
	}
	linux.Close(fd)
	w.n.Answer(n.ID, e)
}

func (w *watch) noneToBind(to *linux.Sockaddr) {
	w.attempted.Add(1)
	w.failed.Add(1)
	w.exhausted.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends.Add(tally.Bind, tally.Errno(linux.EADDRINUSE))
	source := w.sourceOf(to)
	for i := range w.tuples {
		if i/len(w.plan.Destinations) == source && w.tuples[i].first == 0 {
			w.tuples[i].first = linux.Nano()
		}
	}
}

// patience is how long a connect() that waits does so here. Then its caller waits itself, where signals reach it, and nobody
// learns what comes of it but the kernel's counters.
const patience = time.Second

func (w *watch) connectWaiting(n linux.Notice, fd int, to *linux.Sockaddr) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	called := linux.Nano()
	begun := linux.ThreadTime()
	e, unfinished := linux.ConnectWithin(fd, to, patience)
	w.spent.Add(int64(linux.ThreadTime() - begun))
	if unfinished {
		e = linux.EINPROGRESS
	}
	w.count(fd, to, called, e)
	linux.Close(fd)
	if unfinished {
		w.n.LetGo(n.ID)
		return
	}
	w.n.Answer(n.ID, e)
}

// count takes note of what a connect() came to: EINPROGRESS is one that was begun.
func (w *watch) count(fd int, to *linux.Sockaddr, called int64, e linux.Errno) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tupleOf(fd, to)
	switch e {
	case linux.EALREADY, linux.EISCONN: // another thread was first
		w.attempted.Add(-1)
		return
	case 0, linux.EINPROGRESS:
		w.begun.Add(1)
		if t == nil {
			return
		}
		t.begun++
		if t.first == 0 || called < t.first {
			t.before++
		}
		return
	case linux.EADDRNOTAVAIL:
		w.exhausted.Store(true)
		if t != nil && t.first == 0 {
			t.first = linux.Nano()
		}
	}
	w.failed.Add(1)
	w.ends.Add(tally.Connect, tally.Errno(e))
}

// sourceOf finds an address among the plan's; below 0 where it is none. A socket that found no port, and is not bound, would
// have had the first, which the kernel prefers.
func (w *watch) sourceOf(local *linux.Sockaddr) int {
	if from := local.AddrPort().Addr().Unmap(); from.IsValid() && !from.IsUnspecified() {
		return find(w.plan.Sources, from)
	}
	return 0
}

// tupleOf finds a call's tuple; nil where it is none of the plan's.
func (w *watch) tupleOf(fd int, to *linux.Sockaddr) *tuple {
	var local linux.Sockaddr
	linux.LocalAddr(fd, &local) // an error leaves it unspecified
	source := w.sourceOf(&local)
	there := to.AddrPort()
	destination := find(w.plan.Destinations, netip.AddrPortFrom(there.Addr().Unmap(), there.Port()))
	if source < 0 || destination < 0 {
		return nil
	}
	return &w.tuples[source*len(w.plan.Destinations)+destination]
}

func find[T comparable](list []T, one T) int {
	for i, o := range list {
		if o == one {
			return i
		}
	}
	return -1
}

// results tells the tuples as a client's.
func (w *watch) results(epoch int64) []client.TupleResult {
	out := make([]client.TupleResult, len(w.tuples))
	for i, t := range w.tuples {
		out[i].Successes = t.begun
		if t.first != 0 {
			out[i].OKBefore = new(t.before)
			out[i].FirstExhaustionSeconds = new(time.Duration(t.first - epoch).Seconds())
		}
	}
	return out
}
