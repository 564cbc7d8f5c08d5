//go:build linux

package server

import (
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// Kept is what came of the connections that were kept open and looked at. Times are CLOCK_MONOTONIC, ns.
type Kept struct {
	// Ended is how many ended under the application: by an error, by its own heartbeat's limit, or by the peer's FIN. First
	// and Last are when it saw that; 0 where none did.
	Ended int64 `json:"ended"`
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Beats went out, and Answers came to them.
	Beats   int64 `json:"beats"`
	Answers int64 `json:"answers"`
}

func (k *Kept) merge(o *Kept) {
	k.Ended += o.Ended
	k.Last = max(k.Last, o.Last)
	if o.First != 0 && (k.First == 0 || o.First < k.First) {
		k.First = o.First
	}
	k.Beats += o.Beats
	k.Answers += o.Answers
}

// heartbeat is what is said; the other side says it back.
var heartbeat = []byte("beat")

// beatShare is how exactly heartbeats are timed: within such a part of their interval.
const beatShare = 10

// keep begins the part of a connection's life in which nothing is said but heartbeats.
func (w *worker) keep(fd int) {
	c := &w.conns[fd]
	c.beat, c.asked = linux.Nano()+int64(w.s.plan.Heartbeat.Every), 0
	w.hear(fd) // what came with the last bytes of the exchange is told by no other event
}

// hear reads what an idle connection tells: an answer, its end, or the error by which the kernel gave it up.
func (w *worker) hear(fd int) {
	c := &w.conns[fd]
	for {
		n, e := linux.Read(fd, w.talk.Buf)
		switch {
		case e == linux.EAGAIN:
			return
		case e != 0:
			w.lost(fd, tally.Errno(e))
			return
		case n == 0:
			w.talk.EOFs++
			w.gone(fd)
			return
		case c.asked == 0:
			w.lost(fd, tally.WrongBytes) // nothing was asked
			return
		}
		c.asked = 0
		w.rec.kept.Answers++
	}
}

// beat asks on each connection that stands whether the other side is there, and gives up those that have not answered.
func (w *worker) beat(now int64) {
	h := w.s.plan.Heartbeat
	if h.Off() || now-w.beaten < int64(h.Every)/beatShare {
		return
	}
	w.beaten = now
	for fd := range w.conns {
		c := &w.conns[fd]
		switch {
		case !c.kept || !w.s.idle[c.Script()]:
		case c.asked != 0 && now-c.asked >= int64(h.Limit):
			w.lost(fd, tally.GaveUp)
		case c.asked == 0 && now >= c.beat:
			w.ask(fd, now)
		}
	}
}

// ask sends one heartbeat. The next is due a whole interval later, however late this one is.
func (w *worker) ask(fd int, now int64) {
	c := &w.conns[fd]
	if _, e := linux.Write(fd, heartbeat); e != 0 {
		w.lost(fd, tally.Errno(e))
		return
	}
	w.rec.kept.Beats++
	c.asked, c.beat = now, now+int64(w.s.plan.Heartbeat.Every)
}

// lost counts a connection that was found dead, and closes it as an application would.
func (w *worker) lost(fd int, why tally.End) {
	w.rec.tally.Add(tally.Kept, why)
	w.gone(fd)
}

// gone closes a kept connection. What the kernel still has to send goes on without the application.
func (w *worker) gone(fd int) {
	k, now := &w.rec.kept, linux.Nano()
	k.Ended++
	k.Last = now
	if k.First == 0 {
		k.First = now
	}
	w.conns[fd].kept = false
	linux.Close(fd)
}
