//go:build linux

package server

import (
	"twomsl/internal/linux"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// step is where a connection stands; the order is the protocol's.
type step uint8

const (
	reading step = iota // request awaited
	writing             // response on its way
	closing             // the strategy's steps, from conn.op on
)

// conn is one connection, kept under its descriptor; generation tells events of an earlier one apart.
type conn struct {
	generation uint32
	tuple      int32
	moved      int32 // bytes of the current step that are through
	step       step
	op         uint8
	live       bool
	gone       bool // the peer ended it first, by FIN or by RST
	accepted   int64
}

// ready carries a connection on as far as it goes without waiting.
func (w *worker) ready(ev linux.Event) {
	fd := int(uint32(ev.Data))
	c := &w.conns[fd]
	if !c.live || c.generation&0x7fffffff != uint32(ev.Data>>32) {
		return
	}
	if c.step == reading && !(ev.Readable() && w.read(fd)) {
		return
	}
	if c.step == writing && !w.write(fd) {
		return
	}
	w.teardown(fd)
}

// read takes the request and checks it; true when all of it is there.
func (w *worker) read(fd int) bool {
	c := &w.conns[fd]
	for int(c.moved) < len(w.s.request) {
		n, e := linux.Read(fd, w.buf)
		switch {
		case e == linux.EAGAIN:
			return false
		case e != 0:
			w.end(fd, tally.Read, tally.Errno(e))
			return false
		case n == 0:
			w.end(fd, tally.Read, tally.ShortRead)
			return false
		}
		w.rec.read += int64(n)
		if !w.s.request.Matches(int(c.moved), w.buf[:n]) {
			w.end(fd, tally.Read, tally.WrongBytes)
			return false
		}
		c.moved += int32(n)
	}
	c.step, c.moved = writing, 0
	return true
}

// write sends the response; true when all of it is through.
func (w *worker) write(fd int) bool {
	c := &w.conns[fd]
	for int(c.moved) < len(w.s.response) {
		n, e := linux.Write(fd, w.s.response[c.moved:])
		if e == linux.EAGAIN {
			return false
		}
		if e != 0 {
			w.end(fd, tally.Write, tally.Errno(e))
			return false
		}
		c.moved += int32(n)
		w.rec.written += int64(n)
	}
	c.step = closing
	return true
}

// teardown carries out the strategy's steps until one must wait.
func (w *worker) teardown(fd int) {
	c := &w.conns[fd]
	for int(c.op) < len(w.s.plan.Steps) {
		s := w.s.plan.Steps[c.op]
		switch s.Op {
		case teardown.Linger:
			if e := linux.SetLinger(fd, s.Seconds); e != 0 {
				w.end(fd, tally.Option, tally.Errno(e))
				return
			}
		case teardown.ReadEOF:
			if !w.readEOF(fd) {
				return
			}
		case teardown.Close:
			w.finish(fd)
			return
		}
		c.op++
	}
}

// readEOF waits for the peer's FIN. A reset here comes after the exchange: the connection was good, the reset is
// counted as seen in the close.
func (w *worker) readEOF(fd int) bool {
	c := &w.conns[fd]
	n, e := linux.Read(fd, w.buf)
	switch {
	case e == linux.EAGAIN:
		return false
	case e != 0:
		w.rec.tally.Add(tally.Close, tally.Errno(e))
		c.gone = true
		return true
	case n == 0:
		c.gone = true
		return true
	}
	w.rec.read += int64(n)
	w.end(fd, tally.Close, tally.WrongBytes)
	return false
}

// finish closes a connection that did all it was meant to.
func (w *worker) finish(fd int) {
	c := &w.conns[fd]
	if !c.gone && !w.s.resets {
		w.rec.closedFirst(c.tuple, linux.Nano()-w.s.epoch.Load())
	}
	c.live = false
	w.open--
	if e := w.close(fd); e != 0 {
		w.fail(tally.Close, tally.Errno(e))
		return
	}
	w.ok.Store(w.ok.Load() + 1)
}

// close tells the scheduler only where the kernel may wait.
func (w *worker) close(fd int) linux.Errno {
	if w.s.lingering {
		return linux.CloseLingering(fd)
	}
	return linux.Close(fd)
}

// end closes a connection that failed.
func (w *worker) end(fd int, p tally.Phase, why tally.End) {
	w.conns[fd].live = false
	w.open--
	w.close(fd)
	w.fail(p, why)
}

func (w *worker) fail(p tally.Phase, why tally.End) {
	w.rec.tally.Add(p, why)
	w.failed.Store(w.failed.Load() + 1)
}
