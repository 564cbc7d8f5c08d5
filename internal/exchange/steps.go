//go:build linux

package exchange

import (
	"twomsl/internal/callcost"
	"twomsl/internal/linux"
	"twomsl/internal/payload"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// trailing are the bytes that a side may say on top of the exchange; more is said in several writes.
var trailing = payload.Response(4096)

// MostTrailing is how many those are at most.
const MostTrailing = 4096

// steps carries out the teardown until a step must wait.
func (w *Worker) steps(c *Conn, s *Script) Result {
	for int(c.op) < len(s.Steps) {
		step := s.Steps[c.op]
		r := done
		switch step.Op {
		case teardown.Linger:
			r = w.option(c.set(linux.SetLinger, step.Seconds))
		case teardown.Linger2:
			r = w.option(c.set(linux.SetLinger2, step.Seconds))
		case teardown.Shutdown:
			r = w.shutdown(c)
		case teardown.Say:
			r = w.write(c, trailing[:min(step.Bytes, MostTrailing)])
		case teardown.AwaitData:
			r = w.awaitData(c)
		case teardown.ReadEOF:
			r = w.readEOF(c, step)
		case teardown.Gate:
			if c.Number >= w.Gate.Load() {
				return Waiting
			}
		case teardown.Stay, teardown.Idle:
			return Kept
		case teardown.Close:
			return w.close(c, s)
		}
		if r != done {
			return r
		}
		c.next()
	}
	return Kept // a script without an end: the caller decides
}

// next goes on to the step that follows.
func (c *Conn) next() {
	c.op++
	c.moved, c.limit = 0, 0
}

func (w *Worker) option(e linux.Errno) Result {
	if e != 0 {
		return w.Broke(tally.Option, tally.Errno(e))
	}
	return done
}

// first notes when this side ends the connection before the peer did.
func (w *Worker) first(c *Conn) {
	if c.gone || c.ClosedAt != 0 {
		return
	}
	if c.ClosedAt = w.Now; w.Now == 0 {
		c.ClosedAt = linux.Nano()
	}
	if w.Ends != nil {
		w.Ends(c)
	}
}

// shutdown sends the FIN. ENOTCONN is a peer that has reset the connection by now, so that none goes out: what follows
// will see it.
func (w *Worker) shutdown(c *Conn) Result {
	w.first(c)
	switch e := c.shutdown(); e {
	case 0:
		w.spoke = true
		return done
	case linux.ENOTCONN:
		c.ClosedAt, c.gone = 0, true
		return done
	default:
		return w.Broke(tally.Close, tally.Errno(e))
	}
}

// awaitData waits until there is something to read; the peer's end is something too.
func (w *Worker) awaitData(c *Conn) Result {
	if w.unanswered() {
		return Waiting
	}
	switch n, e := c.peek(w.Buf[:1]); e {
	case 0:
		c.gone = c.gone || n == 0
		return done
	case linux.EAGAIN:
		return Waiting
	default:
		w.reset(c, e)
		return done
	}
}

// readEOF waits for the peer's FIN.
func (w *Worker) readEOF(c *Conn, step teardown.Step) Result {
	n, e := 0, linux.EAGAIN
	if !w.unanswered() && !w.answered(c) {
		n, e = c.read(w.Buf)
	}
	if e == linux.EAGAIN {
		if step.Within > 0 && c.limit == 0 {
			c.limit = linux.Nano() + int64(step.Within)
		}
		return Waiting
	}
	return w.ended(c, n, e)
}

// answered tells that this side has just answered, and that its peer cannot have heard it yet, let alone have ended: the
// event that will tell of that is yet to come.
func (w *Worker) answered(c *Conn) bool {
	just := w.Edges && c.said && !c.Ended
	c.said = false
	return just
}

// reset counts an error at the end of the stream, which is no failure of the connection.
func (w *Worker) reset(c *Conn, e linux.Errno) {
	w.Tally.Add(tally.Close, tally.Errno(e))
	if e == linux.ECONNRESET || e == linux.EPIPE {
		w.Resets++
	}
	c.gone = true
}

// Overdue tells whether the step under way has passed its own time limit.
func (c *Conn) Overdue(now int64) bool { return c.limit != 0 && now >= c.limit }

// Skip gives up the step under way, counts that, and goes on; who was thinking has an answer now.
func (w *Worker) Skip(c *Conn) Result {
	if c.stage == saying {
		return w.Advance(c, true)
	}
	w.Tally.Add(tally.Close, tally.GaveUp)
	c.next()
	return w.steps(c, &w.Scripts[c.script])
}

// close ends a connection that did all it was meant to.
func (w *Worker) close(c *Conn, s *Script) Result {
	w.first(c)
	if e := w.Close(c); e != 0 {
		w.Phase, w.Why = tally.Close, tally.Errno(e)
		return ClosedBadly
	}
	return Closed
}

// ClosedBadly is a close() that gave an error: the descriptor is free all the same.
const ClosedBadly = done + 1

// Close frees the descriptor. The scheduler is told only where the kernel may wait.
func (w *Worker) Close(c *Conn) linux.Errno {
	lingers := Lingering(w.Scripts[c.script].Steps)
	c.Timer.Begin()
	var e linux.Errno
	if lingers {
		e = linux.CloseLingering(int(c.FD))
	} else {
		e = linux.Close(int(c.FD))
	}
	c.Timer.End(callcost.Close)
	return e
}
