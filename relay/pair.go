//go:build linux

package relay

import (
	"bytes"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// role is what an open socket is there for.
type role uint8

const (
	passing role = iota // it carries an exchange
	closing             // it is taken down
	idle                // a connection to the server that waits for the next client
)

// end is one open socket, kept under its descriptor; generation tells events of an earlier one apart.
type end struct {
	exchange.Conn
	generation uint32
	live       bool
	role       role
	pair       int32 // while it carries an exchange
	since      int64 // when that began
}

// none is no descriptor.
const none = int32(-1)

// pair is one exchange: a client's connection, and the one to the server that serves it.
type pair struct {
	client, server int32 // descriptors; the server's is none until the first bytes of the request are there
	tuple          int32
	connecting     bool  // nothing could be written to the server yet
	called         int64 // when connect() was called
	up, down       flow
}

// phase is how far towards the server the exchange has come.
func (p *pair) phase() tally.Phase {
	switch {
	case p.server == none: // the client has not said anything yet
		return tally.Accept
	case p.connecting:
		return tally.Connect
	}
	return tally.Read
}

// flow is what goes one way.
type flow struct {
	passed int64  // bytes that were written
	rest   []byte // read, and not written yet
	kept   bool   // rest is a copy of its own
}

// take begins an exchange with a client.
func (w *worker) take(fd int) {
	w.totals.accepted.Add(1)
	i := int32(len(w.pairs))
	if n := len(w.free); n > 0 {
		i, w.free = w.free[n-1], w.free[:n-1]
	} else {
		w.pairs = append(w.pairs, pair{})
	}
	w.pairs[i] = pair{client: int32(fd), server: none}
	w.add(fd, i)
	if e := w.watch(fd); e != 0 {
		w.fail(i, tally.Option, tally.Errno(e))
		return
	}
	w.advance(i)
}

// add makes a descriptor one of a pair's.
func (w *worker) add(fd int, pair int32) {
	for fd >= len(w.ends) {
		w.ends = append(w.ends, make([]end, len(w.ends))...)
	}
	c := &w.ends[fd]
	*c = end{generation: c.generation + 1, live: true, pair: pair, since: linux.Nano()}
}

func (w *worker) watch(fd int) linux.Errno {
	return w.poller.AddConnection(fd, uint64(w.ends[fd].generation&0x7fffffff)<<32|uint64(uint32(fd)))
}

// advance carries an exchange on as far as it goes without waiting.
func (w *worker) advance(i int32) {
	p := &w.pairs[i]
	plan := &w.r.plan
	request, response := int64(plan.Request)*plan.rounds(), int64(plan.Response)*plan.rounds()
	if p.server == none {
		if !w.fill(i, &p.up, p.client, request) || !w.reach(i) {
			return
		}
	}
	if !w.pass(i, &p.up, p.client, p.server, request) || !w.pass(i, &p.down, p.server, p.client, response) {
		return
	}
	if p.up.passed == request && p.down.passed == response {
		w.complete(i)
	}
}

// pass moves what there is from one socket to the other; false where the exchange has failed.
func (w *worker) pass(i int32, f *flow, from, to int32, total int64) bool {
	for f.passed < total {
		if len(f.rest) == 0 && !w.fill(i, f, from, total) {
			return w.pairs[i].client != none
		}
		n, e := linux.Write(int(to), f.rest)
		switch {
		case e == linux.EAGAIN:
			f.keep()
			return true
		case e != 0:
			w.fail(i, w.broke(i, to, tally.Write, e), tally.Errno(e))
			return false
		}
		w.wrote(i, to)
		f.passed += int64(n)
		f.rest = f.rest[n:]
	}
	return true
}

// keep copies what could not be written: the buffer that it was read into is everybody's.
func (f *flow) keep() {
	if !f.kept {
		f.rest, f.kept = bytes.Clone(f.rest), true
	}
}

// fill reads the next bytes of a flow; false where there are none now, or no more to come.
func (w *worker) fill(i int32, f *flow, from int32, total int64) bool {
	n, e := linux.Read(int(from), w.buf[:min(int64(len(w.buf)), total-f.passed)])
	switch {
	case e == linux.EAGAIN:
		return false
	case e != 0:
		w.fail(i, w.broke(i, from, tally.Read, e), tally.Errno(e))
		return false
	case n == 0:
		w.fail(i, tally.Read, tally.ShortRead)
		return false
	}
	f.rest, f.kept = w.buf[:n], false
	return true
}

// broke is the phase of an error on a socket: until something could be written to the server it is connect()'s.
func (w *worker) broke(i, fd int32, phase tally.Phase, e linux.Errno) tally.Phase {
	p := &w.pairs[i]
	if fd == p.server && p.connecting && e != linux.ECONNRESET && e != linux.EPIPE {
		return tally.Connect
	}
	return phase
}

// wrote sees the end of the handshake with the server: the first write tells, without another system call.
func (w *worker) wrote(i, fd int32) {
	p := &w.pairs[i]
	if fd != p.server || !p.connecting {
		return
	}
	p.connecting = false
	w.totals.established.Add(1)
	t := &w.tuples[p.tuple]
	t.successes++
	if t.firstAt == 0 || p.called < t.firstAt {
		t.okBefore++
	}
}

// complete ends an exchange that came back whole: each connection is taken down by its own steps, or kept.
func (w *worker) complete(i int32) {
	p := w.pairs[i]
	w.totals.relayed.Add(1)
	w.leave(i)
	if len(w.idle) < w.r.plan.Pool {
		w.ends[p.server].role = idle
		w.idle = append(w.idle, p.server)
	} else {
		w.takeDown(p.server, towardsServer)
	}
	w.takeDown(p.client, towardsClient)
}

// fail ends an exchange: the client's connection is closed, so that its application sees an end in place of an answer.
func (w *worker) fail(i int32, phase tally.Phase, why tally.End) {
	p := w.pairs[i]
	w.tally.Add(phase, why)
	w.totals.failed.Add(1)
	if p.connecting {
		w.totals.refused.Add(1)
	}
	w.leave(i)
	if p.server != none {
		w.drop(p.server)
	}
	w.drop(p.client)
}

// leave gives a pair's place back.
func (w *worker) leave(i int32) {
	w.pairs[i] = pair{client: none, server: none}
	w.free = append(w.free, i)
}

// takeDown begins the end of a connection.
func (w *worker) takeDown(fd int32, script int) {
	c := &w.ends[fd]
	c.role, c.since = closing, linux.Nano()
	c.Begin(int(fd), script)
	w.settle(fd, w.talk.Advance(&c.Conn, true))
}

// settle takes note of how far the end of a connection has come.
func (w *worker) settle(fd int32, r exchange.Result) {
	switch r {
	case exchange.Waiting:
	case exchange.Broken:
		w.tally.Add(w.talk.Phase, w.talk.Why)
		w.drop(fd)
	case exchange.ClosedBadly:
		w.tally.Add(w.talk.Phase, w.talk.Why)
		w.ends[fd].live = false
	default:
		w.ends[fd].live = false
	}
}

// drop closes a connection at once.
func (w *worker) drop(fd int32) {
	w.ends[fd].live = false
	linux.Close(int(fd))
}
