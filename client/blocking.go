//go:build linux

package client

import (
	"errors"
	"fmt"
	"time"

	"twomsl/internal/callcost"
	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// With io blocking a worker is a thread with one connection, whose calls wait, as programs of the old school do it.

// MostThreads is how many threads a side may have: each stands in its system calls, and keeps one of the runtime's
// processors meanwhile.
const MostThreads = 64

// longestBlock bounds one call that waits: a stop, an abort or a time limit is seen at the latest then. A stop of the
// world need not wait for it, see linux.SocketBlocking, and where the signal is lost it waits for no more than this.
const longestBlock = 10 * time.Millisecond

// blocks tells whether the calls of a connection wait.
func (p *Plan) blocks() bool { return p.IO == "blocking" }

// Threads is how many threads the plan takes.
func (p Plan) Threads() int {
	if p.blocks() {
		return p.Concurrency
	}
	return p.Workers
}

// settleThreads gives each connection in flight a thread, where their calls wait.
func (p *Plan) settleThreads() error {
	if !p.blocks() {
		return nil
	}
	if p.Concurrency > MostThreads {
		return fmt.Errorf("client plan: %d connections in flight are as many threads with io blocking; allowed: up to %d",
			p.Concurrency, MostThreads)
	}
	if p.Answers || exchange.Idles(p.Steps) {
		return errors.New("client plan: a thread that waits in a call cannot look at connections that stand: use io epoll")
	}
	p.Workers = p.Concurrency
	return nil
}

// block is a worker's life with one connection at a time.
func (w *worker) block() {
	for {
		now := linux.Nano()
		w.launch(now)
		if w.over(now) {
			break
		}
		if w.oldest == none {
			linux.Pause(w.patience(now))
			continue
		}
		w.goOn(w.oldest)
	}
	w.rec.lastEnd = linux.Nano()
	w.giveUp()
}

// begin opens the n-th connection, and goes through its script as far as one wait.
func (w *worker) begin(n, intended int64) {
	w.opened.Store(w.opened.Load() + 1)
	p := &w.c.plan
	source, dest := p.tuple(n)
	t := w.rec.costs.Timer(n)
	t.Begin()
	fd, e := linux.SocketBlocking(w.c.ipv6())
	t.End(callcost.Socket)
	if e != 0 {
		w.fail(tally.Socket, tally.Errno(e))
		return
	}
	i := w.take()
	c := &w.conns[i]
	c.Begin(fd, 0)
	c.Number, c.tuple, c.port, c.connecting = n, int32(source*len(p.Destinations)+dest), 0, true
	c.intended, c.timed, c.Timer = intended, true, t
	phase, e := w.prepare(fd, n, source, &c.Timer)
	if e == 0 {
		phase, e = tally.Option, w.bound(c)
	}
	c.called = linux.Nano()
	if e != 0 {
		w.refused(i, phase, e)
		return
	}
	w.rec.started(c.called, intended, p.Rate)
	c.Timer.Opened()
	w.goOn(i)
}

// bound gives the socket's calls their time limit.
func (w *worker) bound(c *conn) linux.Errno {
	c.Timer.Begin()
	e := linux.SetReceiveTimeout(int(c.FD), longestBlock)
	c.Timer.End(callcost.Option)
	if e != 0 {
		return e
	}
	c.Timer.Begin()
	e = linux.SetSendTimeout(int(c.FD), longestBlock)
	c.Timer.End(callcost.Option)
	return e
}

// refused ends a connection that came to nothing before its handshake.
func (w *worker) refused(i int32, p tally.Phase, e linux.Errno) {
	if p == tally.Bind && e == linux.EADDRINUSE || p == tally.Connect && e == linux.EADDRNOTAVAIL {
		w.c.exhausted(int(w.conns[i].tuple), linux.Nano())
	}
	w.end(i, p, tally.Errno(e))
}

// goOn carries the connection on as far as one wait.
func (w *worker) goOn(i int32) {
	c := &w.conns[i]
	generation := c.generation
	if !c.connecting || w.shakesHands(i) {
		w.carryOn(i, true)
	}
	if c.generation != generation { // it has ended
		return
	}
	now := linux.Nano()
	w.expire(now)
	switch {
	case c.generation != generation || c.connecting:
	case c.Overdue(now):
		w.settle(i, w.talk.Skip(&c.Conn))
	case w.talk.Gated(&c.Conn):
		linux.Pause(longestWait)
	}
}

// shakesHands waits for the end of the handshake, which connect() tells; asked again, it goes on waiting (EALREADY). With
// TCP_FASTOPEN_CONNECT it returns before anything was sent, and the first write tells.
func (w *worker) shakesHands(i int32) bool {
	c := &w.conns[i]
	c.Timer.Begin()
	e := linux.Connect(int(c.FD), &w.c.dests[int(c.tuple)%len(w.c.plan.Destinations)])
	c.Timer.End(callcost.Connect)
	switch e {
	case 0, linux.EISCONN:
	case linux.EINPROGRESS, linux.EALREADY, linux.EINTR:
		return false
	case linux.ECONNRESET: // after the handshake: in SYN_SENT an RST is ECONNREFUSED
		w.connected(c, linux.Nano())
		w.talk.Broke(tally.Write, tally.Errno(e))
		w.end(i, tally.Write, tally.Errno(e))
		return false
	default:
		w.refused(i, tally.Connect, e)
		return false
	}
	if w.c.plan.Socket.FastOpen && !w.c.plan.Silent {
		return w.established(i)
	}
	w.connected(c, linux.Nano())
	if w.c.meetsItself && w.metItself(c) {
		w.end(i, tally.Connect, tally.SelfConnect)
		return false
	}
	return true
}
