//go:build linux

package client

import (
	"twomsl/internal/callcost"
	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// conn is one connection. Slots are reused; generation tells events of an earlier one apart.
type conn struct {
	exchange.Conn
	generation uint32
	prev, next int32
	tuple      int32
	port       uint16 // the local one, where connections are metered
	connecting bool   // the handshake is not over
	timed      bool   // its connect() is one of those that latencies are made of
	called     int64  // when connect() was called
	intended   int64
	chain      chainState
}

// start opens the n-th connection: socket, options, bind where it is asked for, connect (the SYN).
func (w *worker) start(n, intended int64) {
	w.opened.Store(w.opened.Load() + 1)
	chain, timed := w.ring.takes(w)
	if chain {
		w.startChain(n, intended)
		return
	}
	p := &w.c.plan
	source, dest := p.tuple(n)
	tuple := source*len(p.Destinations) + dest
	t := w.rec.costs.Timer(n)
	t.Begin()
	fd, e := linux.Socket(w.c.ipv6())
	t.End(callcost.Socket)
	if e != 0 {
		w.fail(tally.Socket, tally.Errno(e))
		return
	}
	if phase, e := w.prepare(fd, n, source, &t); e != 0 {
		if phase == tally.Bind && e == linux.EADDRINUSE {
			w.c.exhausted(tuple, linux.Nano())
		}
		linux.Close(fd)
		w.fail(phase, tally.Errno(e))
		return
	}
	called := linux.Nano()
	w.rec.started(called, intended, p.Rate)
	t.Begin()
	e = linux.Connect(fd, &w.c.dests[dest])
	t.End(callcost.Connect)
	if e != 0 && e != linux.EINPROGRESS {
		if e == linux.EADDRNOTAVAIL {
			w.c.exhausted(tuple, linux.Nano())
		}
		linux.Close(fd)
		w.fail(tally.Connect, tally.Errno(e))
		return
	}
	i := w.take()
	c := &w.conns[i]
	c.Begin(fd, 0)
	c.Number, c.tuple, c.port, c.connecting = n, int32(tuple), 0, true
	c.called, c.intended, c.timed, c.Timer, c.chain = called, intended, timed, t, chainState{}
	c.Timer.Opened()
	w.watch(i)
}

// prepare sets what the plan asks of the socket before connect().
func (w *worker) prepare(fd int, n int64, source int, t *callcost.Timer) (tally.Phase, linux.Errno) {
	p := &w.c.plan
	for i := range w.c.options {
		t.Begin()
		e := w.c.options[i].Set(fd, p)
		t.End(callcost.Option)
		if e != 0 {
			return tally.Option, e
		}
	}
	address, port := p.binds()
	if !address {
		return 0, 0
	}
	sa := &w.c.sources[source]
	if port {
		with := sa.WithPort(p.port(n))
		sa = &with
	}
	t.Begin()
	e := linux.Bind(fd, sa)
	t.End(callcost.Bind)
	return tally.Bind, e
}

// watch tries the first write and waits for all that comes after. Over loopback and veth the handshake is over when
// connect() returns, and would otherwise be timed only after the starts that follow in this batch.
func (w *worker) watch(i int32) {
	c := &w.conns[i]
	generation := c.generation
	if w.c.plan.Silent || w.established(i) {
		w.carryOn(i, false)
	}
	if c.generation != generation || w.poller == nil { // it has ended; or it is looked at by hand
		return
	}
	c.Timer.Begin()
	e := w.poller.AddConnection(int(c.FD), uint64(generation)<<32|uint64(uint32(i)))
	c.Timer.End(callcost.Watch)
	if e != 0 {
		w.end(i, tally.Option, tally.Errno(e))
	}
}

// ready carries a connection on as far as it goes without waiting.
func (w *worker) ready(ev linux.Event) {
	i := int32(uint32(ev.Data))
	c := &w.conns[i]
	if c.generation != uint32(ev.Data>>32) {
		return
	}
	if c.connecting && !w.c.plan.Silent && !w.established(i) { // a silent one must not try its first write
		return
	}
	w.carryOn(i, ev.Readable())
}

// carryOn goes through the connection's script until it must wait.
func (w *worker) carryOn(i int32, readable bool) {
	w.settle(i, w.talk.Advance(&w.conns[i].Conn, readable))
}

// settle takes note of how far a connection has come.
func (w *worker) settle(i int32, r exchange.Result) {
	c := &w.conns[i]
	switch r {
	case exchange.Closed, exchange.ClosedBadly, exchange.Kept:
		w.finish(i, r)
	case exchange.Broken:
		phase, why := w.talk.Phase, w.talk.Why
		if c.connecting { // silent: nothing was heard of the handshake
			phase = tally.Connect
		}
		w.end(i, phase, why)
	}
}

// established sees the end of the handshake: the first write tells, without another system call.
func (w *worker) established(i int32) bool {
	c := &w.conns[i]
	now := linux.Nano()
	switch e := w.talk.First(&c.Conn); e {
	case linux.EAGAIN: // still SYN_SENT
		return false
	case 0:
	case linux.ECONNRESET, linux.EPIPE: // after the handshake: in SYN_SENT an RST is ECONNREFUSED
		w.connected(c, now)
		w.talk.Broke(tally.Write, tally.Errno(e))
		w.end(i, tally.Write, tally.Errno(e))
		return false
	default:
		w.end(i, tally.Connect, tally.Errno(e))
		return false
	}
	w.connected(c, now)
	if w.c.meetsItself && w.metItself(c) {
		w.end(i, tally.Connect, tally.SelfConnect)
		return false
	}
	return true
}

func (w *worker) connected(c *conn, now int64) {
	c.connecting = false
	timed := !w.c.plan.Socket.FastOpen && c.timed
	w.rec.connected(c, now, w.c.plan.Rate, w.c.firstExhaustion[c.tuple].Load(), timed)
	if w.rec.meter.Room() {
		c.port = w.localPort(c)
	}
}

func (w *worker) localPort(c *conn) uint16 {
	if e := linux.LocalAddr(int(c.FD), &w.local); e != 0 {
		return 0
	}
	return w.local.Port()
}

// metItself tells a socket whose SYN met itself: both ends have one address and port.
func (w *worker) metItself(c *conn) bool {
	p := &w.c.plan
	source, dest := p.Sources[int(c.tuple)/len(p.Destinations)], p.Destinations[int(c.tuple)%len(p.Destinations)]
	return source == dest.Addr() && w.localPort(c) == dest.Port()
}

// finish counts a connection that did all it was meant to; one that stays open leaves its slot.
func (w *worker) finish(i int32, r exchange.Result) {
	c := &w.conns[i]
	if c.ClosedAt != 0 && w.c.plan.LeavesTimeWait {
		w.rec.closedFirst(c.ClosedAt - w.c.epoch)
	}
	if r == exchange.Kept {
		w.kept = append(w.kept, c.FD)
		if w.c.answerer != nil {
			w.c.answerer.listen(c.FD)
		}
	}
	w.release(i)
	if r == exchange.ClosedBadly {
		w.fail(w.talk.Phase, w.talk.Why)
		return
	}
	w.ok.Store(w.ok.Load() + 1)
}

// end closes a connection that failed.
func (w *worker) end(i int32, p tally.Phase, why tally.End) {
	w.talk.Close(&w.conns[i].Conn)
	w.release(i)
	w.fail(p, why)
}

// fail counts a failure; the plan may ask to stop at so many.
func (w *worker) fail(p tally.Phase, why tally.End) {
	w.rec.tally.Add(p, why)
	w.failed.Store(w.failed.Load() + 1)
	if stop := w.c.plan.Failures; stop > 0 && w.c.failures() >= stop {
		w.c.Stop("failures")
	}
}

func (c *Client) ipv6() bool { return c.plan.Destinations[0].Addr().Is6() }
