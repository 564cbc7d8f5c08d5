//go:build linux

package client

import (
	"twomsl/internal/linux"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// step is where a connection stands; the order is the protocol's.
type step uint8

const (
	connecting step = iota // SYN sent, SYN-ACK awaited
	writing                // request on its way
	reading                // response awaited
	closing                // the strategy's steps, from conn.op on
)

func (s step) phase() tally.Phase {
	return [...]tally.Phase{tally.Connect, tally.Write, tally.Read, tally.Close}[s]
}

// conn is one connection. Slots are reused; generation tells events of an earlier one apart.
type conn struct {
	fd         int32
	generation uint32
	prev, next int32
	tuple      int32
	moved      int32 // bytes of the current step that are through
	step       step
	op         uint8
	gone       bool  // the peer ended it first, by FIN or by RST
	called     int64 // when connect() was called
	intended   int64
}

// start opens the n-th connection: socket, options, bind where there is a choice of sources, connect (the SYN).
func (w *worker) start(n, intended int64) {
	w.opened.Store(w.opened.Load() + 1)
	p := &w.c.plan
	source, dest := p.tuple(n)
	fd, e := linux.Socket(w.c.ipv6())
	if e != 0 {
		w.fail(tally.Socket, tally.Errno(e))
		return
	}
	if phase, e := w.prepare(fd, source); e != 0 {
		linux.Close(fd)
		w.fail(phase, tally.Errno(e))
		return
	}
	tuple := source*len(p.Destinations) + dest
	called := linux.Nano()
	w.rec.started(called, intended, p.Rate)
	if e := linux.Connect(fd, &w.c.dests[dest]); e != 0 && e != linux.EINPROGRESS {
		if e == linux.EADDRNOTAVAIL {
			w.c.exhausted(tuple, linux.Nano())
		}
		linux.Close(fd)
		w.fail(tally.Connect, tally.Errno(e))
		return
	}
	i := w.take()
	c := &w.conns[i]
	c.fd, c.tuple, c.step, c.moved, c.op, c.gone = int32(fd), int32(tuple), connecting, 0, 0, false
	c.called, c.intended = called, intended
	w.watch(i)
}

// watch tries the first write and waits for all that comes after. Over loopback and veth the handshake is over when
// connect() returns, and would otherwise be timed only after the starts that follow in this batch.
func (w *worker) watch(i int32) {
	c := &w.conns[i]
	generation := c.generation
	if w.established(i) {
		w.write(i)
	}
	if c.generation != generation { // it has failed
		return
	}
	if e := w.poller.AddConnection(int(c.fd), uint64(generation)<<32|uint64(uint32(i))); e != 0 {
		w.end(i, tally.Option, tally.Errno(e))
	}
}

// prepare sets what the plan asks of the socket before connect().
func (w *worker) prepare(fd, source int) (tally.Phase, linux.Errno) {
	p := &w.c.plan
	if !p.PortRange.Off() {
		if e := linux.SetLocalPortRange(fd, p.PortRange.Low, p.PortRange.High); e != 0 {
			return tally.Option, e
		}
	}
	if len(p.Sources) == 1 {
		return 0, 0
	}
	if e := linux.SetBindAddressNoPort(fd); e != 0 {
		return tally.Option, e
	}
	return tally.Bind, linux.Bind(fd, &w.c.sources[source])
}

// ready carries a connection on as far as it goes without waiting.
func (w *worker) ready(ev linux.Event) {
	i := int32(uint32(ev.Data))
	if w.conns[i].generation != uint32(ev.Data>>32) {
		return
	}
	c := &w.conns[i]
	if c.step == connecting {
		if !w.established(i) {
			return
		}
	}
	if c.step == writing && !w.write(i) {
		return
	}
	if c.step == reading && !(ev.Readable() && w.read(i)) {
		return
	}
	w.teardown(i)
}

// established sees the end of the handshake: the first write tells, without another system call.
func (w *worker) established(i int32) bool {
	c := &w.conns[i]
	now := linux.Nano()
	n, e := linux.Write(int(c.fd), w.c.request)
	switch e {
	case linux.EAGAIN: // still SYN_SENT
		return false
	case 0:
		c.moved = int32(n)
		w.rec.written += int64(n)
	case linux.ECONNRESET, linux.EPIPE: // after the handshake: in SYN_SENT an RST is ECONNREFUSED
		w.connected(c, now)
		w.end(i, tally.Write, tally.Errno(e))
		return false
	default:
		w.end(i, tally.Connect, tally.Errno(e))
		return false
	}
	w.connected(c, now)
	c.step = writing
	return true
}

func (w *worker) connected(c *conn, now int64) {
	w.rec.connected(c, now, w.c.plan.Rate, w.c.firstExhaustion[c.tuple].Load())
}

// write sends the rest of the request; true when all of it is through.
func (w *worker) write(i int32) bool {
	c := &w.conns[i]
	for int(c.moved) < len(w.c.request) {
		n, e := linux.Write(int(c.fd), w.c.request[c.moved:])
		if e == linux.EAGAIN {
			return false
		}
		if e != 0 {
			w.end(i, tally.Write, tally.Errno(e))
			return false
		}
		c.moved += int32(n)
		w.rec.written += int64(n)
	}
	c.step, c.moved = reading, 0
	return true
}

// read takes the response and checks it; true when all of it is there.
func (w *worker) read(i int32) bool {
	c := &w.conns[i]
	for int(c.moved) < len(w.c.response) {
		n, e := linux.Read(int(c.fd), w.buf)
		switch {
		case e == linux.EAGAIN:
			return false
		case e != 0:
			w.end(i, tally.Read, tally.Errno(e))
			return false
		case n == 0:
			w.end(i, tally.Read, tally.ShortRead)
			return false
		}
		w.rec.read += int64(n)
		if !w.c.response.Matches(int(c.moved), w.buf[:n]) {
			w.end(i, tally.Read, tally.WrongBytes)
			return false
		}
		c.moved += int32(n)
	}
	c.step = closing
	return true
}

// teardown carries out the strategy's steps until one must wait.
func (w *worker) teardown(i int32) {
	c := &w.conns[i]
	for int(c.op) < len(w.c.plan.Steps) {
		s := w.c.plan.Steps[c.op]
		switch s.Op {
		case teardown.Linger:
			if e := linux.SetLinger(int(c.fd), s.Seconds); e != 0 {
				w.end(i, tally.Option, tally.Errno(e))
				return
			}
		case teardown.ReadEOF:
			if !w.readEOF(i) {
				return
			}
		case teardown.Close:
			w.finish(i)
			return
		}
		c.op++
	}
}

// readEOF waits for the peer's FIN. A reset here comes after the exchange: the connection was good, the reset is
// counted as seen in the close.
func (w *worker) readEOF(i int32) bool {
	c := &w.conns[i]
	n, e := linux.Read(int(c.fd), w.buf)
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
	w.end(i, tally.Close, tally.WrongBytes)
	return false
}

// finish closes a connection that did all it was meant to.
func (w *worker) finish(i int32) {
	c := &w.conns[i]
	if !c.gone && !w.c.resets {
		w.rec.closedFirst(linux.Nano() - w.c.epoch)
	}
	e := w.close(int(c.fd))
	w.release(i)
	if e != 0 {
		w.fail(tally.Close, tally.Errno(e))
		return
	}
	w.ok.Store(w.ok.Load() + 1)
}

// close tells the scheduler only where the kernel may wait.
func (w *worker) close(fd int) linux.Errno {
	if w.c.lingering {
		return linux.CloseLingering(fd)
	}
	return linux.Close(fd)
}

// end closes a connection that failed.
func (w *worker) end(i int32, p tally.Phase, why tally.End) {
	w.close(int(w.conns[i].fd))
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
