//go:build linux

package server

import (
	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// conn is one connection, kept under its descriptor; generation tells events of an earlier one apart.
type conn struct {
	exchange.Conn
	generation uint32
	tuple      int64
	live       bool // on its way through the script
	kept       bool // through with it, and open
	accepted   int64
	beat       int64 // when the next heartbeat is due
	asked      int64 // when the heartbeat went out that has no answer yet; 0: none

	// In a ring: its listener, whether what is under way stands behind a write, and whether it was asked to end.
	listener       int32
	says, canceled bool
}

// ready carries a connection on as far as it goes without waiting.
func (w *worker) ready(ev linux.Event) {
	fd := int(uint32(ev.Data))
	c := &w.conns[fd]
	switch {
	case c.generation&0x7fffffff != uint32(ev.Data>>32):
	case c.live:
		c.Ended = ev.Ended()
		w.settle(fd, w.talk.Advance(&c.Conn, ev.Readable()))
	case c.kept && w.s.idle[c.Script()] && ev.Readable():
		w.hear(fd)
	}
}

// settle takes note of how far a connection has come.
func (w *worker) settle(fd int, r exchange.Result) {
	c := &w.conns[fd]
	switch r {
	case exchange.Waiting:
		return
	case exchange.Broken:
		w.end(fd, w.talk.Phase, w.talk.Why)
		return
	}
	if c.ClosedAt != 0 && w.s.leaves[c.Script()] {
		w.closedFirst(c)
	}
	w.leave(c)
	c.kept = r == exchange.Kept
	if r == exchange.ClosedBadly {
		w.fail(w.talk.Phase, w.talk.Why)
		return
	}
	w.ok.Store(w.ok.Load() + 1)
	if c.kept && w.s.idle[c.Script()] {
		w.keep(fd)
	}
}

func (w *worker) closedFirst(c *conn) {
	at := c.ClosedAt - w.s.epoch.Load()
	if w.one.noted != 0 { // and remembered by then, see closing
		w.one.noted = 0
		w.rec.closes.Add(at)
		return
	}
	w.rec.closedFirst(c.tuple, at)
}

// leave ends a connection's way through its script; its bytes are final then.
func (w *worker) leave(c *conn) {
	c.live = false
	w.open--
	if c.tuple >= 0 && w.rec.meter.On() {
		w.rec.meter.Add(w.key(c.tuple), c.accepted, c.Written, c.Read)
	}
}

// key is the tuple as both sides' meters have it.
func (w *worker) key(tuple int64) uint64 {
	block, port := split(tuple)
	n := len(w.s.plan.Sources)
	return tally.Key(block%n, block/n, port)
}

// end closes a connection that failed.
func (w *worker) end(fd int, p tally.Phase, why tally.End) {
	c := &w.conns[fd]
	w.leave(c)
	w.talk.Close(&c.Conn)
	w.fail(p, why)
}

func (w *worker) fail(p tally.Phase, why tally.End) {
	w.rec.tally.Add(p, why)
	w.failed.Store(w.failed.Load() + 1)
}
