//go:build linux

package server

import (
	"fmt"
	"time"
)

// shortageLimit is how long accept() is left alone after it has failed for want of a descriptor or of memory, unless one
// of the worker's own connections ends before.
const shortageLimit = 100 * time.Millisecond

// shortage is a worker that could not accept what waits: EMFILE, ENFILE, ENOBUFS, ENOMEM. A listener stays ready then, and
// who asks again at once spins: it is not looked at until there is reason to hope.
type shortage struct {
	is    bool
	until int64 // when to try again at the latest
	open  int   // connections that were open; one less, and there is a descriptor
}

// runShort stops listening for a while.
func (w *worker) runShort(now int64) {
	w.short.until, w.short.open = now+int64(shortageLimit), w.open
	if w.short.is {
		return
	}
	w.short.is = true
	for _, fd := range w.listeners {
		w.poller.Remove(fd)
	}
}

// tryAgain listens again once a connection has ended, or the time is up.
func (w *worker) tryAgain(now int64) {
	if !w.short.is || now < w.short.until && w.open >= w.short.open {
		return
	}
	w.short.is = false
	if w.s.plan.AcceptDelay > 0 {
		return
	}
	for i, fd := range w.listeners {
		if e := w.poller.AddListener(fd, listenerBit|uint64(i)); e != 0 {
			w.s.fail(fmt.Errorf("server worker %d: epoll_ctl: %w", w.id, e))
			return
		}
	}
}
