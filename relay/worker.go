//go:build linux

package relay

import (
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

const (
	// acceptBatch bounds how many connections are taken before ready ones are looked at again.
	acceptBatch = 64
	// longestWait bounds one epoll wait: a stop is seen at the latest then.
	longestWait = 5 * time.Millisecond
	// listenerBit marks the listener among the descriptors that are ready.
	listenerBit = uint64(1) << 63
	// sweepEvery is how often connections are looked for that take too long.
	sweepEvery = int64(10 * time.Millisecond)
)

// The two scripts of exchange.Worker: here they are a connection's teardown alone.
const (
	towardsClient = iota
	towardsServer
)

// worker is the relay's one locked thread.
type worker struct {
	r        *Relay
	epoch    int64
	poller   *linux.Poller
	listener int
	ends     []end   // by descriptor
	pairs    []pair  // exchanges under way
	free     []int32 // pairs that are not in use
	idle     []int32 // descriptors of connections to the server that wait for the next client, the latest last
	next     int64   // number of the next connection to the server
	swept    int64
	buf      []byte

	tally  tally.Tally
	gate   atomic.Int64
	talk   exchange.Worker
	tuples []tupleCount
	totals totals

	cpuUser, cpuSystem time.Duration
}

// totals are written by the worker alone and read by anyone.
type totals struct {
	accepted, relayed, failed    atomic.Int64
	called, established, refused atomic.Int64
	exhausted                    atomic.Bool
}

// tupleCount is what was opened on one tuple towards the server.
type tupleCount struct {
	successes int64
	okBefore  int64 // whose connect() was called before the first one that found no port
	firstAt   int64 // when that came back; 0 where none did
}

func newWorker(r *Relay) (*worker, error) {
	p, e := linux.OpenPoller()
	if e != 0 {
		return nil, fmt.Errorf("relay: epoll_create1: %w", e)
	}
	w := &worker{
		r: r, poller: p, listener: -1, ends: make([]end, 1024), buf: make([]byte, 64<<10),
		tuples: make([]tupleCount, len(r.sources)*len(r.dests)),
	}
	w.gate.Store(math.MaxInt64) // a relay's connections have no numbers
	w.talk = exchange.Worker{
		Scripts: []exchange.Script{towardsClient: {Steps: r.plan.ClientSteps}, towardsServer: {Steps: r.plan.ServerSteps}},
		Buf:     w.buf, Tally: &w.tally, Gate: &w.gate,
	}
	err := w.listen()
	if err == nil {
		if e := p.AddListener(w.listener, listenerBit); e != 0 {
			err = fmt.Errorf("relay: epoll_ctl: %w", e)
		}
	}
	if err != nil {
		w.shut()
		return nil, err
	}
	return w, nil
}

// listen opens the listener.
func (w *worker) listen() error {
	at := w.r.plan.Listen
	fd, e := linux.Socket(w.r.plan.ipv6())
	if e != 0 {
		return fmt.Errorf("relay: socket: %s: %w", linux.ErrnoName(e), e)
	}
	w.listener = fd
	sa := linux.NewSockaddr(at)
	call := "setsockopt(SO_REUSEADDR)"
	e = linux.SetReuseAddress(fd)
	if e == 0 {
		call, e = "bind", linux.Bind(fd, &sa)
	}
	if e == 0 {
		call, e = "listen", linux.Listen(fd, w.r.plan.Backlog)
	}
	if e != 0 {
		return fmt.Errorf("relay: listener %s: %s: %s (%w); choose another relay.port", at, call, linux.ErrnoName(e), e)
	}
	return nil
}

// shut closes all that is open.
func (w *worker) shut() {
	if w.listener >= 0 {
		linux.Close(w.listener)
		w.listener = -1
	}
	for fd := range w.ends {
		if w.ends[fd].live {
			w.ends[fd].live = false
			linux.Close(fd)
		}
	}
	w.poller.Close()
}

// run is the worker's whole life.
func (w *worker) run() {
	runtime.LockOSThread() // its processor time is told; the thread ends with the worker
	user, system := linux.ThreadCPU()
	for !w.r.stopped.Load() {
		n, e := w.poller.Wait(longestWait)
		if e != 0 {
			w.r.err = fmt.Errorf("relay: epoll_pwait: %w", e)
			break
		}
		for i := range n {
			if ev := w.poller.Event(i); ev.Data&listenerBit != 0 {
				w.accept()
			} else {
				w.ready(ev)
			}
		}
		w.sweep(linux.Nano())
	}
	u, s := linux.ThreadCPU()
	w.cpuUser, w.cpuSystem = u-user, s-system
}

// accept takes what waits at the listener.
func (w *worker) accept() {
	var from linux.Sockaddr
	for range acceptBatch {
		fd, e := linux.Accept(w.listener, &from)
		switch e {
		case 0:
			w.take(fd)
		case linux.EAGAIN:
			return
		default: // EMFILE and its like: the connection stays queued, so the next round tries again
			w.tally.Add(tally.Accept, tally.Errno(e))
			return
		}
	}
}

// ready carries on what a socket belongs to.
func (w *worker) ready(ev linux.Event) {
	fd := int32(uint32(ev.Data))
	c := &w.ends[fd]
	switch {
	case !c.live || c.generation&0x7fffffff != uint32(ev.Data>>32): // of an earlier socket
	case c.role == passing:
		w.advance(c.pair)
	case c.role == closing:
		w.settle(fd, w.talk.Advance(&c.Conn, ev.Readable()))
	default:
		w.lookAt(fd)
	}
}

// sweep ends what has been under way for too long.
func (w *worker) sweep(now int64) {
	if now-w.swept < sweepEvery {
		return
	}
	w.swept = now
	for i := range w.ends {
		c, fd := &w.ends[i], int32(i)
		late := now-c.since > int64(w.r.plan.Timeout)
		switch {
		case !c.live || c.role == idle:
		case c.role == closing && c.Overdue(now):
			w.settle(fd, w.talk.Skip(&c.Conn))
		case c.role == closing && late:
			w.tally.Add(tally.Close, tally.GaveUp)
			w.drop(fd)
		case c.role == passing && late:
			w.fail(c.pair, w.pairs[c.pair].phase(), tally.GaveUp)
		}
	}
}
