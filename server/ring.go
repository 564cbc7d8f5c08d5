//go:build linux

package server

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
)

// Unchained tells why the plan's connections cannot be served in a ring, "" where they can. It tries nothing.
func Unchained(p *Plan) string {
	s := p.script()
	switch why := exchange.Unchained(&s); {
	case why != "":
		return why
	case len(p.Parts) > 0:
		return "connections are taken down in several ways"
	case p.AcceptDelay > 0:
		return "the server takes its time before each accept()"
	case p.Socket.FastOpen:
		return "data may come with the SYN"
	}
	return ""
}

// chained tells whether the plan's connections are served in a ring.
func (p *Plan) chained() bool { return p.IO == "uring" }

const (
	// ringEntries is how many submissions fit between two entries into the kernel.
	ringEntries = 1024
	// mostSlots is how many connections a worker can have open in a ring.
	mostSlots = 1 << 15
	// accepting is how many connections a worker takes from each listener at once.
	accepting = 64
)

var errRingStuck = errors.New("io_uring takes no more submissions: run with --io epoll, and report this")

// ring is what a worker serves connections with. The connection in slot i has direct descriptor i, and memory of its own:
// the client's address, then a buffer.
type ring struct {
	*linux.Ring
	memory  []byte
	stride  int
	lingers [2]linux.SockOpt
	free    []int32 // the last one first
	top     int32   // slots below it have been used
	asked   int     // submissions whose completion is to come
	reaped  int64   // when the completions at hand came back
}

const addressRoom = (int(unsafe.Sizeof(linux.Sockaddr{})) + 7) &^ 7

func newRing(s *Server) (*ring, error) {
	if why := Unchained(&s.plan); why != "" {
		return nil, fmt.Errorf("these connections cannot be served in io_uring: %s; run them with --io epoll", why)
	}
	soft, _, err := linux.NoFile()
	if err != nil {
		return nil, err
	}
	slots := int(min(soft, mostSlots))
	r := &ring{lingers: [2]linux.SockOpt{linux.LingerOpt(-1), linux.LingerOpt(0)}}
	r.stride = (addressRoom + int(s.plan.Request) + 1 + 7) &^ 7
	for i := slots - 1; i >= 0; i-- {
		r.free = append(r.free, int32(i))
	}
	if r.Ring, err = linux.OpenRing(ringEntries, slots); err != nil {
		return nil, err
	}
	if r.memory, err = linux.MapMemory(slots * r.stride); err != nil {
		r.Ring.Close()
		return nil, err
	}
	return r, nil
}

func (r *ring) close() {
	r.Ring.Close()
	linux.UnmapMemory(r.memory)
	r.memory = nil
}

// from is where the kernel writes the address of the client in slot i.
func (r *ring) from(i int32) *linux.Sockaddr {
	return (*linux.Sockaddr)(unsafe.Pointer(&r.memory[int(i)*r.stride]))
}

func (r *ring) buffer(i int32) []byte {
	return r.memory[int(i)*r.stride+addressRoom : int(i+1)*r.stride]
}

// linger is the option in memory that lasts.
func (r *ring) linger(seconds int) *linux.SockOpt { return &r.lingers[min(seconds+1, 1)] }

// room makes room for so many submissions.
func (r *ring) room(n int) bool {
	if r.Room() >= n {
		return true
	}
	return r.Enter(0) == 0 && r.Room() >= n
}

// chain is the worker's life with a ring.
func (w *worker) chain() error {
	r := w.ring
	if e := r.Enable(); e != 0 {
		return fmt.Errorf("io_uring_register, enable: %w", e)
	}
	w.conns = make([]conn, len(r.free))
	for i := range w.listeners {
		for range accepting {
			w.acceptNext(i)
		}
	}
	for !w.s.stopped.Load() {
		if e := r.Enter(longestWait); e != 0 {
			return fmt.Errorf("io_uring_enter: %w", e)
		}
		w.reap()
		w.acceptAgain(r.reaped)
		w.sweepRing(r.reaped)
		w.turnAwaySlots(r.reaped - int64(ignoredFor))
	}
	w.giveUpRing()
	return nil
}

// reap takes all completions at hand.
func (w *worker) reap() {
	w.ring.reaped = linux.Nano()
	for q, more := w.ring.Next(); more; q, more = w.ring.Next() {
		w.completed(q)
	}
}

// acceptAgain has listeners go on for which there was no slot, or nothing else that accept() takes, also where none of the
// worker's own connections ends.
func (w *worker) acceptAgain(now int64) {
	if len(w.idle) == 0 || now < w.short.until {
		return
	}
	w.short.until = now + int64(shortageLimit)
	idle := w.idle
	w.idle = nil
	for _, listener := range idle {
		w.acceptNext(listener)
	}
}

// sweepRing ends connections that have been here for too long.
func (w *worker) sweepRing(now int64) {
	if now-w.swept < sweepEvery || w.open == 0 {
		return
	}
	w.swept = now
	for i := range w.ring.top {
		if c := &w.conns[i]; c.live && now-c.accepted > int64(w.s.plan.Timeout) && w.ring.room(1) {
			c.canceled = true // asked again with each sweep: between two of its acts there is nothing to cancel
			w.ring.CancelSlot(int(i), c.tag(i, memberCancel)).Quiet()
		}
	}
}

// turnAwaySlots resets the ignored connections that were accepted before a moment.
func (w *worker) turnAwaySlots(before int64) {
	for len(w.ignored) > 0 && w.ignored[0].at < before && w.ring.room(2) {
		i := int32(w.ignored[0].fd)
		w.ring.Option(int(i), w.ring.linger(0), w.conns[i].tag(i, memberCancel)).Quiet()
		w.closeSlot(i)
		w.ignored = w.ignored[1:]
	}
}

// giveUpRing closes what is open when the run is over, and returns when the kernel has let go of it.
func (w *worker) giveUpRing() {
	r := w.ring
	w.turnAwaySlots(linux.Nano())
	for end := linux.Nano() + int64(time.Second); r.asked > 0 && linux.Nano() < end; {
		if r.room(1) {
			r.CancelAll(memberCancel << 32).Quiet()
		}
		if r.Enter(time.Millisecond) != 0 {
			break
		}
		for q, more := r.Next(); more; q, more = r.Next() {
			w.dropped(q)
		}
	}
	for r.Pending() && r.Enter(0) == 0 { // the last close()
	}
}

// dropped closes a connection that is given up.
func (w *worker) dropped(q linux.CQE) {
	i, member := int32(uint32(q.Tag)), q.Tag>>32&0xff
	if member == memberCancel {
		return
	}
	w.ring.asked--
	c := &w.conns[i]
	if c.live {
		w.arrived(c, member, q)
		w.leave(c)
		w.rec.unfinished++
	}
	if (member != memberAccept || q.Res >= 0) && w.ring.room(1) {
		w.closeSlot(i)
	}
}
