//go:build linux

package client

import (
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/scenario"
	"twomsl/internal/tally"
)

// launchBatch bounds how many connections are started before ready ones are looked at again.
const launchBatch = 16

// longestWait bounds one epoll wait: a stop, an abort or a raised limit is seen at the latest then.
const longestWait = 2 * time.Millisecond

// none marks the end of a list of slots.
const none = int32(-1)

// worker is one locked thread with its own connections, poller and recorder.
type worker struct {
	c      *Client
	id     int64
	poller *linux.Poller
	conns  []conn
	free   int32 // first free slot
	oldest int32 // first of the slots in use, in the order of their starts
	newest int32

	next   int64 // number of the next connection: id, id+workers, id+2*workers ...
	epoch  int64 // schedule's zero; later by every pause that the limit made
	held   bool  // the limit keeps the next connection back
	heldAt int64 // the limit that does

	rec    recorder
	talk   exchange.Worker
	local  linux.Sockaddr
	ring   *ring   // nil: every connection runs step by step
	kept   []int32 // descriptors of connections that stay open
	passed int64   // the gate as it was last looked at
	looked int64   // when steps with a time limit of their own were last looked after

	// Running totals, written by this worker alone and read by anyone.
	_                  [64]byte
	opened, ok, failed atomic.Int64
	_                  [64]byte
}

func newWorker(c *Client, id int) (*worker, error) {
	var p *linux.Poller
	if !c.plan.blocks() {
		var e linux.Errno
		if p, e = linux.OpenPoller(); e != 0 {
			return nil, fmt.Errorf("client worker %d: epoll_create1: %w", id, e)
		}
	}
	w := layOutWorker(c, id)
	w.poller = p
	if c.plan.chained() {
		var err error
		if w.ring, err = newRing(c, len(w.conns)); err != nil {
			w.shut()
			return nil, fmt.Errorf("client worker %d: %w", id, err)
		}
	}
	return w, nil
}

// layOutWorker makes all of a worker but its poller.
func layOutWorker(c *Client, id int) *worker {
	slots := c.plan.Concurrency / c.plan.Workers
	if id < c.plan.Concurrency%c.plan.Workers {
		slots++
	}
	w := &worker{
		c: c, id: int64(id), conns: make([]conn, slots), oldest: none, newest: none,
		next: int64(id), rec: newRecorder(&c.plan),
	}
	w.talk = exchange.Worker{
		Scripts: []exchange.Script{c.script}, Buf: make([]byte, 64<<10), Tally: &w.rec.tally, Gate: &c.gate,
	}
	for i := range w.conns {
		w.conns[i].next = int32(i) + 1
	}
	w.conns[slots-1].next = none
	return w
}

// shut frees what the worker waits with.
func (w *worker) shut() {
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
	if err := linux.PinThread(w.c.plan.processors(w.id)); err != nil {
		w.c.fail(fmt.Errorf("client worker %d: %w", w.id, err))
		return
	}
	if err := w.enable(); err != nil {
		w.c.fail(fmt.Errorf("client worker %d: %w", w.id, err))
		return
	}
	w.epoch = w.c.epoch
	user, system := linux.ThreadCPU()
	if w.c.plan.blocks() {
		w.block()
	} else {
		w.loop()
	}
	u, s := linux.ThreadCPU()
	w.rec.cpuUser, w.rec.cpuSystem = u-user, s-system
}

func (w *worker) loop() {
	for {
		now := linux.Nano()
		w.launch(now)
		if w.over(now) {
			break
		}
		if err := w.wait(w.patience(now)); err != nil {
			w.c.fail(fmt.Errorf("client worker %d: %w", w.id, err))
			break
		}
		now = linux.Nano()
		w.expire(now)
		w.lookAfter(now)
	}
	w.rec.lastEnd = linux.Nano()
	w.giveUp()
}

// wait carries on what is ready, and waits for that where nothing is.
func (w *worker) wait(limit time.Duration) error {
	if w.ring != nil {
		return w.turn(limit)
	}
	return w.poll(limit)
}

func (w *worker) poll(limit time.Duration) error {
	n, e := w.poller.Wait(limit)
	if e != 0 {
		return fmt.Errorf("epoll_pwait: %w", e)
	}
	for i := range n {
		w.ready(w.poller.Event(i))
	}
	return nil
}

// launch starts the connections that are due.
func (w *worker) launch(now int64) {
	limit := min(w.c.limit.Load(), w.planned())
	for range launchBatch {
		if w.c.stopped.Load() != 0 {
			return
		}
		if w.next >= limit {
			w.held, w.heldAt = true, limit
			return
		}
		if w.held {
			w.resume(now)
		}
		intended := w.intended(w.next)
		if w.free == none || intended > now || intended >= w.c.deadline() || now >= w.c.deadline() {
			return
		}
		if w.c.plan.blocks() {
			w.begin(w.next, intended)
		} else {
			w.start(w.next, intended)
		}
		w.next += int64(w.c.plan.Workers)
	}
}

// planned is the number of the first connection that is not asked for.
func (w *worker) planned() int64 {
	if w.c.plan.Connections > 0 {
		return w.c.plan.Connections
	}
	return math.MaxInt64
}

// intended is when the n-th connection is meant to start; at rate max that is as soon as there is room.
func (w *worker) intended(n int64) int64 {
	if w.c.plan.Rate == scenario.Max {
		return w.epoch
	}
	return w.epoch + int64(w.c.schedule.At(n))
}

// resume lets the schedule go on from now: the limit, not the worker, kept it back. All workers shift theirs by how
// long the same connection waited, the first one beyond the limit, and so keep taking turns.
func (w *worker) resume(now int64) {
	w.held = false
	w.epoch += max(0, now-w.intended(w.heldAt))
}

// over tells whether this worker has nothing left to do.
func (w *worker) over(now int64) bool {
	if w.c.aborted.Load() {
		return true
	}
	ended := w.c.stopped.Load()
	if ended == 0 {
		switch {
		case w.next >= w.planned():
			ended = now
		case now >= w.c.deadline():
			ended = w.c.deadline()
		default:
			return false
		}
	}
	return w.oldest == none || now-ended > int64(w.c.drainLimit())
}

// patience is how long the worker may wait for events.
func (w *worker) patience(now int64) time.Duration {
	if w.free == none || w.held || w.c.stopped.Load() != 0 || now >= w.c.deadline() {
		return longestWait
	}
	if w.c.plan.Rate == scenario.Max && now >= w.epoch {
		return 0 // there is room: only look
	}
	return min(longestWait, time.Duration(w.intended(w.next)-now))
}

// expire gives up connections that take too long; the oldest start is looked at first.
func (w *worker) expire(now int64) {
	for i := w.oldest; i != none; {
		c, next := &w.conns[i], w.conns[i].next
		if now-c.called < int64(w.c.plan.Timeout) {
			return
		}
		if c.chain.is {
			w.cancel(i, now)
			i = next
			continue
		}
		phase := tally.Connect
		if !c.connecting {
			phase = c.Phase()
		}
		w.end(i, phase, tally.GaveUp)
		i = next
	}
}

// lookEvery is how often connections are looked after that no event wakes.
const lookEvery = int64(10 * time.Millisecond)

// lookAfter carries on those that wait for a gate, and gives up steps that have passed their own time limit.
func (w *worker) lookAfter(now int64) {
	gate := w.c.gate.Load()
	if gate == w.passed && (!w.c.limited || now-w.looked < lookEvery) {
		return
	}
	w.passed, w.looked = gate, now
	for i := w.oldest; i != none; {
		c, next := &w.conns[i], w.conns[i].next
		switch {
		case c.Overdue(now):
			w.settle(i, w.talk.Skip(&c.Conn))
		case w.talk.Gated(&c.Conn):
			w.carryOn(i, true)
		}
		i = next
	}
}

// giveUp closes what is still open when the run is over: those connections are unfinished, neither ok nor failed.
func (w *worker) giveUp() {
	w.giveUpChains()
	for w.oldest != none {
		w.rec.unfinished++
		if c := &w.conns[w.oldest]; !c.chain.is { // a chain's goes with its ring
			linux.Close(int(c.FD))
		}
		w.release(w.oldest)
	}
}

// take moves a free slot to the end of the slots in use.
func (w *worker) take() int32 {
	i := w.free
	c := &w.conns[i]
	w.free = c.next
	c.generation++
	c.prev, c.next = w.newest, none
	if w.newest == none {
		w.oldest = i
	} else {
		w.conns[w.newest].next = i
	}
	w.newest = i
	return i
}

// release gives a slot back; the connection's bytes are final then.
func (w *worker) release(i int32) {
	c := &w.conns[i]
	switch {
	case c.connecting || !w.rec.meter.On():
	case c.chain.is:
		w.rec.meter.Skip() // its port is not known
	default:
		d := int32(len(w.c.plan.Destinations))
		w.rec.meter.Add(tally.Key(int(c.tuple/d), int(c.tuple%d), c.port), c.called, c.Written, c.Read)
	}
	if c.prev == none {
		w.oldest = c.next
	} else {
		w.conns[c.prev].next = c.next
	}
	if c.next == none {
		w.newest = c.prev
	} else {
		w.conns[c.next].prev = c.prev
	}
	c.generation++ // events that are still queued for the old connection no longer match
	c.next = w.free
	w.free = i
}

// layOutAddresses prepares every sockaddr once.
func (c *Client) layOutAddresses() {
	for _, a := range c.plan.Sources {
		c.sources = append(c.sources, linux.NewSockaddr(netip.AddrPortFrom(a, 0)))
	}
	for _, d := range c.plan.Destinations {
		c.dests = append(c.dests, linux.NewSockaddr(d))
	}
}
