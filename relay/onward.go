//go:build linux

package relay

import (
	"slices"

	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// reach finds a connection to the server for an exchange whose first bytes are there: one that was kept, else a new one.
// False where there is none; the exchange has failed then.
func (w *worker) reach(i int32) bool {
	p := &w.pairs[i]
	if n := len(w.idle); n > 0 {
		fd := w.idle[n-1]
		w.idle = w.idle[:n-1]
		c := &w.ends[fd]
		c.role, c.pair, c.since = passing, i, linux.Nano()
		p.server = fd
		return true
	}
	source, dest := w.r.plan.tuple(w.next)
	p.tuple = int32(source*len(w.r.dests) + dest)
	w.next++
	w.totals.called.Add(1)
	fd, phase, e := w.open(p, source, dest)
	if e != 0 {
		if phase == tally.Connect && e == linux.EADDRNOTAVAIL || phase == tally.Bind && e == linux.EADDRINUSE {
			w.exhausted(p.tuple)
		}
		w.totals.refused.Add(1)
		w.fail(i, phase, tally.Errno(e))
		return false
	}
	p.server, p.connecting = int32(fd), true
	w.add(fd, i)
	if e := w.watch(fd); e != 0 {
		w.fail(i, tally.Option, tally.Errno(e))
		return false
	}
	return true
}

// open begins a connection to the server: socket, options, bind where there are several sources, connect.
func (w *worker) open(p *pair, source, dest int) (fd int, phase tally.Phase, e linux.Errno) {
	if fd, e = linux.Socket(w.r.plan.ipv6()); e != 0 {
		return -1, tally.Socket, e
	}
	phase = tally.Option
	for i := range w.r.options {
		if e == 0 {
			e = w.r.options[i].Set(fd, &w.r.plan)
		}
	}
	if e == 0 && w.r.plan.binds() {
		phase, e = tally.Bind, linux.Bind(fd, &w.r.sources[source])
	}
	if e == 0 {
		p.called = linux.Nano()
		phase, e = tally.Connect, linux.Connect(fd, &w.r.dests[dest])
	}
	if e != 0 && e != linux.EINPROGRESS {
		linux.Close(fd)
		return -1, phase, e
	}
	return fd, phase, 0
}

// exhausted notes that a tuple had no port.
func (w *worker) exhausted(tuple int32) {
	w.totals.exhausted.Store(true)
	if t := &w.tuples[tuple]; t.firstAt == 0 {
		t.firstAt = linux.Nano()
	}
}

// lookAt finds out whether an idle connection still stands. An event may be left over from the exchange before.
func (w *worker) lookAt(fd int32) {
	if _, e := linux.Read(int(fd), w.buf[:1]); e == linux.EAGAIN {
		return
	}
	w.idle = slices.DeleteFunc(w.idle, func(other int32) bool { return other == fd })
	w.drop(fd)
}
