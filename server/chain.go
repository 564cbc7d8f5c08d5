//go:build linux

package server

import (
	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// What a completion is about.
const (
	memberAccept = iota
	memberRead
	memberWrite
	memberEOF
	memberLast   // the linger option and close() at the end
	memberCancel // what nobody waits for
)

// tag is what comes back with a completion: the slot and the member.
func (c *conn) tag(i int32, member uint64) uint64 { return uint64(uint32(i)) | member<<32 }

// acceptNext asks for one connection more.
func (w *worker) acceptNext(listener int) {
	r := w.ring
	if len(r.free) == 0 || !r.room(1) {
		w.idle = append(w.idle, listener)
		return
	}
	i := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	r.top = max(r.top, i+1)
	c := &w.conns[i]
	*c = conn{listener: int32(listener)}
	r.asked++
	r.Accept(w.listeners[listener], int(i), r.from(i), c.tag(i, memberAccept))
}

// closeSlot closes a connection and gives its slot back. Nobody waits for that: whatever uses the slot next stands behind
// it.
func (w *worker) closeSlot(i int32) {
	w.ring.CloseSlot(int(i), w.conns[i].tag(i, memberCancel)).Quiet()
	w.freeSlot(i)
}

// freeSlot has a listener that ran out of slots go on.
func (w *worker) freeSlot(i int32) {
	w.ring.free = append(w.ring.free, i)
	if n := len(w.idle); n > 0 && !w.s.stopped.Load() {
		listener := w.idle[n-1]
		w.idle = w.idle[:n-1]
		w.acceptNext(listener)
	}
}

// completed takes what became of a submission.
func (w *worker) completed(q linux.CQE) {
	i, member, e := int32(uint32(q.Tag)), q.Tag>>32&0xff, q.Errno()
	if member == memberCancel {
		return
	}
	w.ring.asked--
	c := &w.conns[i]
	if member == memberAccept {
		w.accepted(i, e)
		return
	}
	w.arrived(c, member, q)
	switch {
	case c.canceled:
		w.endSlot(i, c.Phase(), tally.GaveUp)
	case member == memberWrite && e == 0:
		w.proceed(i) // the rest of it
	case member == memberWrite: // it is quiet: it has failed
		w.talk.Broke(tally.Write, tally.Errno(e))
		w.endSlot(i, tally.Write, tally.Errno(e))
	case member == memberRead:
		w.goOn(i, w.talk.Heard(&c.Conn, w.ring.buffer(i)[:max(q.Res, 0)], e))
	case member == memberEOF:
		w.goOn(i, w.talk.Ended(&c.Conn, int(max(q.Res, 0)), e))
	default:
		w.closed(i, e)
	}
}

// arrived counts the write that a completion stands behind.
func (w *worker) arrived(c *conn, member uint64, q linux.CQE) {
	switch {
	case member == memberWrite:
		w.talk.Said(&c.Conn, int(max(q.Res, 0))) // not all of it
	case c.says:
		w.talk.Said(&c.Conn, len(w.talk.Saying(&c.Conn)))
	}
	c.says = false
}

// accepted begins a connection's life here.
func (w *worker) accepted(i int32, e linux.Errno) {
	r, c := w.ring, &w.conns[i]
	listener := int(c.listener)
	if e != 0 {
		w.rec.tally.Add(tally.Accept, tally.Errno(e))
		w.ring.free = append(w.ring.free, i)
		if e == linux.ECONNABORTED { // gone before it was accepted
			w.acceptNext(listener)
		} else { // ENFILE and its like: the connection stays queued
			w.idle = append(w.idle, listener)
		}
		return
	}
	from := r.from(i).AddrPort()
	w.acceptNext(listener)
	if w.s.ignores(from) {
		w.ignored = append(w.ignored, ignored{int(i), r.reaped})
		return
	}
	w.opened.Store(w.opened.Load() + 1)
	var script int
	c.live, c.accepted = true, r.reaped
	c.tuple, script = w.tuple(from, listener)
	c.Begin(int(i), script)
	w.open++
	w.rec.accepted(c.tuple, c.accepted-w.s.epoch.Load())
	w.proceed(i)
}

func (w *worker) goOn(i int32, r exchange.Result) {
	if r == exchange.Broken {
		w.endSlot(i, w.talk.Phase, w.talk.Why)
		return
	}
	w.proceed(i)
}

// chainLength is the most that proceed submits.
const chainLength = 4

// proceed asks for what is due next, as far as nothing must be looked at: what follows a write is linked behind it.
func (w *worker) proceed(i int32) {
	c, r := &w.conns[i], w.ring
	if !r.room(chainLength) {
		w.s.fail(errRingStuck)
		return
	}
	r.asked++
	act, _ := w.talk.Next(&c.Conn)
	switch act {
	case exchange.Hear:
		r.Recv(int(i), r.buffer(i)[:w.talk.Room(&c.Conn)], c.tag(i, memberRead))
	case exchange.Say:
		r.Send(int(i), w.talk.Saying(&c.Conn), c.tag(i, memberWrite)).Linked().Quiet()
		c.says = true
		w.behind(i)
	default:
		w.ending(i)
	}
}

// behind asks for what follows a write.
func (w *worker) behind(i int32) {
	c, r := &w.conns[i], w.ring
	if w.talk.SaysLast(&c.Conn) {
		w.ending(i)
		return
	}
	r.Recv(int(i), r.buffer(i), c.tag(i, memberRead))
}

// ending asks for the steps, up to the peer's FIN or to close().
func (w *worker) ending(i int32) {
	c, r := &w.conns[i], w.ring
	for {
		act, step := w.talk.Step(&c.Conn)
		switch act {
		case exchange.EOF:
			r.Recv(int(i), r.buffer(i), c.tag(i, memberEOF))
			return
		case exchange.Option:
			r.Option(int(i), r.linger(step.Seconds), c.tag(i, memberLast)).Linked().Quiet()
			c.Passed()
		default:
			w.talk.Closing(&c.Conn)
			r.CloseSlot(int(i), c.tag(i, memberLast))
			return
		}
	}
}

// closed counts a connection that did all it was meant to.
func (w *worker) closed(i int32, e linux.Errno) {
	c := &w.conns[i]
	if e != 0 { // the option before close() was refused: what follows it was dropped
		w.endSlot(i, tally.Option, tally.Errno(e))
		return
	}
	if c.ClosedAt != 0 && w.s.leaves[c.Script()] {
		w.rec.closedFirst(c.tuple, c.ClosedAt-w.s.epoch.Load())
	}
	w.leave(c)
	w.freeSlot(i)
	w.ok.Store(w.ok.Load() + 1)
}

// endSlot closes a connection that failed.
func (w *worker) endSlot(i int32, p tally.Phase, why tally.End) {
	w.leave(&w.conns[i])
	if w.ring.room(1) {
		w.closeSlot(i)
	}
	w.fail(p, why)
}
