//go:build linux

// Package connects watches the connect() calls of programs that nobody here wrote, a client or a proxy: it carries each out in
// its caller's place (seccomp_unotify(2)), and so learns what it came to.
package connects

import (
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/tally"
)

// Plan names the tuples that are told apart, source by source.
type Plan struct {
	Sources      []netip.Addr     `json:"sources"`
	Destinations []netip.AddrPort `json:"destinations"`
}

// Watch carries the calls out on descriptors of the same sockets. What is no TCP, or begins nothing, the kernel carries out as
// ever.
type Watch struct {
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

// Begin watches the calls of what the calling thread starts from now on; an error says that the kernel refuses that. The
// filter stays on the thread: its goroutine is to be locked to it (runtime.LockOSThread) and to end with it.
func Begin(plan Plan) (*Watch, error) {
	n, err := linux.NotifyConnects()
	if err != nil {
		return nil, err
	}
	w := &Watch{plan: plan, n: n, tuples: make([]tuple, len(plan.Sources)*len(plan.Destinations))}
	go w.run()
	return w, nil
}

// Forget leaves what was seen so far out of all counts: it was not of the load.
func (w *Watch) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends = tally.Tally{}
	clear(w.tuples)
	for _, n := range []*atomic.Int64{&w.attempted, &w.begun, &w.failed, &w.unseen, &w.spent} {
		n.Store(0)
	}
	w.exhausted.Store(false)
}

// Counts are connect() calls that began something, and what became of them: one that was begun may yet fail.
type Counts struct {
	Attempted int64 `json:"attempted"`
	Begun     int64 `json:"begun"`
	Failed    int64 `json:"failed"`
	Exhausted bool  `json:"exhausted"` // one found no port
}

// Counts tells how many there were so far.
func (w *Watch) Counts() Counts {
	c := Counts{Begun: w.begun.Load(), Failed: w.failed.Load(), Exhausted: w.exhausted.Load()}
	c.Attempted = w.attempted.Load() // last: none that came to something is missing
	return c
}

// Told is what was seen of the calls.
type Told struct {
	Counts
	Outcomes []record.Outcome `json:"outcomes"` // those that returned an error, after a line for those that were begun
	Tuples   []Tuple          `json:"tuples"`   // the plan's
	// Unseen could not be looked into.
	Unseen int64 `json:"unseen"`
	// SystemSeconds is the processor time of the calls, which is their callers'.
	SystemSeconds float64 `json:"system_seconds"`
}

// Tuple is what was begun on one of the plan's.
type Tuple struct {
	Begun int64 `json:"begun"`
	// BeforeFirstExhaustion and FirstExhaustionSeconds, from the epoch, are nil where a port was always found.
	BeforeFirstExhaustion  *int64   `json:"before_first_exhaustion"`
	FirstExhaustionSeconds *float64 `json:"first_exhaustion_seconds"`
}

// End stops counting and tells what was seen, as a side's; the calls go on. epoch is CLOCK_MONOTONIC, ns.
func (w *Watch) End(side string, epoch int64) Told {
	w.over.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	t := Told{
		Counts: w.Counts(), Unseen: w.unseen.Load(), Tuples: make([]Tuple, len(w.tuples)),
		SystemSeconds: time.Duration(w.spent.Load()).Seconds(),
	}
	t.Outcomes = w.ends.Outcomes(side, t.Begun)
	for i, one := range w.tuples {
		t.Tuples[i].Begun = one.begun
		if one.first != 0 {
			t.Tuples[i].BeforeFirstExhaustion = new(one.before)
			t.Tuples[i].FirstExhaustionSeconds = new(time.Duration(one.first - epoch).Seconds())
		}
	}
	return t
}

// run serves until nobody is left who could call.
func (w *Watch) run() {
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
func (w *Watch) serve(n linux.Notice) {
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
func (w *Watch) bind(n linux.Notice, fd int, to *linux.Sockaddr) {
	e := linux.Bind(fd, to)
	if e == linux.EADDRINUSE {
		w.noneToBind(to)
	}
	linux.Close(fd)
	w.n.Answer(n.ID, e)
}

func (w *Watch) noneToBind(to *linux.Sockaddr) {
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

func (w *Watch) connectWaiting(n linux.Notice, fd int, to *linux.Sockaddr) {
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
func (w *Watch) count(fd int, to *linux.Sockaddr, called int64, e linux.Errno) {
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
func (w *Watch) sourceOf(local *linux.Sockaddr) int {
	if from := local.AddrPort().Addr().Unmap(); from.IsValid() && !from.IsUnspecified() {
		return find(w.plan.Sources, from)
	}
	return 0
}

// tupleOf finds a call's tuple; nil where it is none of the plan's.
func (w *Watch) tupleOf(fd int, to *linux.Sockaddr) *tuple {
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
