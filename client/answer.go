//go:build linux

package client

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"twomsl/internal/linux"
)

// answerWait bounds how long the answerer does not see that it is to stop.
const answerWait = 20 * time.Millisecond

// answerer says back what it hears on the connections that stay open, on a thread of its own: the workers end with the
// load.
type answerer struct {
	poller  *linux.Poller
	stopped atomic.Bool
	ended   chan struct{}
	buf     []byte
}

func newAnswerer() (*answerer, error) {
	p, e := linux.OpenPoller()
	if e != 0 {
		return nil, fmt.Errorf("client, answers: epoll_create1: %w", e)
	}
	return &answerer{poller: p, ended: make(chan struct{}), buf: make([]byte, 4096)}, nil
}

// listen begins to answer on a connection; the kernel tells at once what has come by then. A worker calls it.
func (a *answerer) listen(fd int32) { a.poller.AddConnection(int(fd), uint64(uint32(fd))) }

func (a *answerer) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(a.ended)
	defer a.poller.Close()
	for !a.stopped.Load() {
		n, e := a.poller.Wait(answerWait)
		if e != 0 {
			return
		}
		for i := range n {
			if ev := a.poller.Event(i); ev.Readable() {
				a.answer(int(uint32(ev.Data)))
			}
		}
	}
}

// answer says back all that is there. A connection that has ended is closed with all others, when the run is over.
func (a *answerer) answer(fd int) {
	for {
		n, e := linux.Read(fd, a.buf)
		if e != 0 || n == 0 {
			return
		}
		if _, e := linux.Write(fd, a.buf[:n]); e != 0 {
			return
		}
	}
}

// stop returns when nothing is answered any more.
func (a *answerer) stop() {
	a.stopped.Store(true)
	<-a.ended
}
