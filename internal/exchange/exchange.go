//go:build linux

// Package exchange is what one side of a connection says, hears and does from the handshake to its end: the requests and
// responses, then the steps of its teardown. It is the one interpreter of both, for the client's workers and the
// server's: on non-blocking sockets, or on such as wait for a bounded time.
package exchange

import (
	"sync/atomic"
	"time"

	"twomsl/internal/callcost"
	"twomsl/internal/linux"
	"twomsl/internal/payload"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// Script is what a side does on each of its connections.
type Script struct {
	// Opens tells that this side opens connections and speaks first.
	Opens    bool
	Request  payload.Payload
	Response payload.Payload
	// Answer is what is known of the other side's bytes where nobody here wrote it; Response has then no more than their number.
	Answer Answer
	// Rounds is how many requests a connection carries. Silent connections carry none. UntilEOF is as many as the peer
	// likes: its FIN between two of them ends the exchange.
	Rounds   int
	UntilEOF bool
	Silent   bool
	// Think is how long a side that answers takes for each answer.
	Think time.Duration
	Steps []teardown.Step
}

// say and hear are the bytes of one round.
func (s *Script) say() payload.Payload {
	if s.Opens {
		return s.Request
	}
	return s.Response
}

func (s *Script) hear() payload.Payload {
	if s.Opens {
		return s.Response
	}
	return s.Request
}

// Lingering tells whether close() may wait (SO_LINGER {1, n}), see linux.CloseLingering.
func Lingering(steps []teardown.Step) bool {
	for _, s := range steps {
		if s.Op == teardown.Linger && s.Seconds > 0 {
			return true
		}
	}
	return false
}

// Limited tells whether a step has a time limit of its own, which somebody must look after: see Overdue.
func Limited(steps []teardown.Step) bool {
	for _, s := range steps {
		if s.Within > 0 {
			return true
		}
	}
	return false
}

// Idles tells whether the connection stays open in the end, and is looked at.
func Idles(steps []teardown.Step) bool {
	return len(steps) > 0 && steps[len(steps)-1].Op == teardown.Idle
}

// stage is where a connection stands in its script.
type stage uint8

const (
	fresh   stage = iota // nothing done yet
	saying               // this side's bytes of a round on their way
	hearing              // the other side's bytes of a round awaited
	ending               // the steps, from op on
)

// Conn is one connection's place in its script. The zero value with FD set is a connection at its beginning.
type Conn struct {
	Written, Read int64 // bytes that write() took and read() gave
	Number        int64 // for the gate
	Timer         callcost.Timer
	// ClosedAt is when this side sent the first FIN of the connection (CLOCK_MONOTONIC, ns); 0 where the peer was first.
	ClosedAt int64
	limit    int64 // when the step under way is given up; 0: never
	FD       int32
	moved    int32 // bytes of the stage, or of the step, that are through
	round    int32
	place    place // in an answer of unknown length
	script   uint8
	stage    stage
	op       uint8
	gone     bool // the peer ended it first, by FIN or by RST
	thought  bool // the answer of this round is ready
	said     bool // the last words were this side's, and nothing was left to read before them
	// Ended tells that an event spoke of the peer's end: it is there to be read.
	Ended bool
}

// Begin puts a connection at the beginning of a worker's n-th script.
func (c *Conn) Begin(fd, script int) { *c = Conn{FD: int32(fd), script: uint8(script)} }

// Script is the number of the script that the connection follows.
func (c *Conn) Script() int { return int(c.script) }

// Phase is where the connection stands, for the tally.
func (c *Conn) Phase() tally.Phase {
	return [...]tally.Phase{tally.Connect, tally.Write, tally.Read, tally.Close}[c.stage]
}

// Gated tells whether the connection waits at a gate.
func (w *Worker) Gated(c *Conn) bool {
	steps := w.Scripts[c.script].Steps
	return c.stage == ending && int(c.op) < len(steps) && steps[c.op].Op == teardown.Gate
}

// Result is how far a connection has come.
type Result uint8

// The results.
const (
	Waiting Result = iota // something must happen first
	Closed                // it did all it was meant to, and its descriptor is free
	Kept                  // it did all it was meant to, and stays open: the descriptor is the caller's now
	Broken                // it failed, by Worker.Phase and Worker.Why; the descriptor is still open
)

// Worker is what the connections of one worker share. It is not safe for use by several goroutines.
type Worker struct {
	Scripts []Script
	Buf     []byte
	Tally   *tally.Tally
	// Gate lets connections numbered below it pass.
	Gate *atomic.Int64
	// Edges tells that whatever comes wakes the connection once more (EPOLLET): a read that is sure to find nothing is then
	// not tried.
	Edges bool
	// Ends, where it is set, is told of a connection that this side ends before its peer did, before the FIN goes out.
	Ends func(c *Conn)
	// InTurns tells that the other ends are carried on between two calls of Advance and never meanwhile: what was just said
	// has no answer yet, and none is looked for.
	InTurns bool
	spoke   bool // in this call of Advance
	// Now, where it is set, is what ClosedAt is taken from instead of the clock: by who carries many on in one pass, and
	// needs to know only who was first.
	Now int64

	Written, Read int64
	EOFs, Resets  int64 // what the application saw at the end of the stream

	// Phase and Why are the last broken connection's.
	Phase tally.Phase
	Why   tally.End
}

// Broke takes note of a connection's failure.
func (w *Worker) Broke(p tally.Phase, why tally.End) Result {
	if why == tally.Errno(linux.ECONNRESET) || why == tally.Errno(linux.EPIPE) {
		w.Resets++
	}
	w.Phase, w.Why = p, why
	return Broken
}

// First writes the first bytes of a connection that speaks first: the errno tells whether it is established yet. It does
// not wait: a signal that ends a wait hides what went out with the SYN (tcp_sendmsg_fastopen), and it would be said twice.
func (w *Worker) First(c *Conn) linux.Errno {
	n, e := c.writeNow(w.Scripts[c.script].say())
	if e == 0 {
		c.stage, c.moved = saying, int32(n)
		c.Written += int64(n)
		w.Written += int64(n)
	}
	return e
}

// Advance carries a connection on as far as it goes without waiting. readable tells that a read would give something;
// where nobody knows, it is true.
func (w *Worker) Advance(c *Conn, readable bool) Result {
	s := &w.Scripts[c.script]
	w.spoke = false
	for {
		var r Result
		switch c.stage {
		case fresh:
			c.stage = hearing
			if s.Opens {
				c.stage = saying
			}
			if s.Silent || s.Rounds == 0 {
				c.stage = ending
			}
			continue
		case saying:
			if c.thinks(s) {
				return Waiting
			}
			r = w.say(c, s)
		case hearing:
			if !readable && (len(s.hear()) > 0 || s.Answer.open()) {
				return Waiting
			}
			r = w.hear(c, s)
		default:
			return w.steps(c, s)
		}
		if r != done {
			return r
		}
	}
}

// thinks tells whether the answer is not ready yet. Nothing wakes a connection that thinks: see Overdue.
func (c *Conn) thinks(s *Script) bool {
	if s.Think == 0 || s.Opens || c.thought {
		return false
	}
	now := linux.Nano()
	if c.limit == 0 {
		c.limit = now + int64(s.Think)
	}
	if now < c.limit {
		return true
	}
	c.thought, c.limit = true, 0
	return false
}

// unanswered tells that the other end has had no time yet to do anything about what was said.
func (w *Worker) unanswered() bool { return w.InTurns && w.spoke }

// done is a stage that is over: the next one follows.
const done = Broken + 1

// say sends the rest of this round's bytes.
func (w *Worker) say(c *Conn, s *Script) Result {
	if r := w.write(c, s.say()); r != done {
		return r
	}
	w.turn(c, s, !s.Opens)
	if c.stage == saying {
		c.stage = hearing
	}
	// What was heard before was heard with room for more (Script.more), and none was there.
	c.said = s.more() > 0
	return done
}

// hear takes this round's bytes and checks them.
func (w *Worker) hear(c *Conn, s *Script) Result {
	c.said = false
	if s.Answer.open() {
		return w.hearOn(c, s)
	}
	want := s.hear()
	for int(c.moved) < len(want) {
		if w.unanswered() {
			return Waiting
		}
		n, e := c.read(w.Buf[:min(len(w.Buf), len(want)-int(c.moved)+s.more())])
		if e == linux.EAGAIN {
			return Waiting
		}
		if r := w.heard(c, s, w.Buf[:n], e); r != done || c.stage == ending {
			return r
		}
	}
	w.heardAll(c, s)
	return done
}

// expects tells whether got is what the other side is to say from offset on.
func (s *Script) expects(offset int, got []byte) bool {
	want := s.hear()
	if s.Answer.Unknown {
		return offset+len(got) <= len(want) && s.Answer.begins(offset, got)
	}
	return want.Matches(offset, got)
}

// more is how many bytes are read beyond those that are meant to come: one, to find out that too many came, unless it is
// what the steps are to leave unread, or what is said once the exchange is over.
func (s *Script) more() int {
	if len(s.Steps) > 0 && s.Steps[0].Op == teardown.AwaitData || Idles(s.Steps) {
		return 0
	}
	return 1
}

// turn ends half a round; last tells that it was the second half.
func (w *Worker) turn(c *Conn, s *Script, last bool) {
	c.moved, c.thought = 0, false
	if last {
		c.round++
	}
	if int(c.round) >= s.Rounds && !s.UntilEOF {
		c.stage = ending
	}
}

// write sends the rest of some bytes.
func (w *Worker) write(c *Conn, p []byte) Result {
	for int(c.moved) < len(p) {
		n, e := c.write(p[c.moved:])
		if e == linux.EAGAIN {
			return Waiting
		}
		if e != 0 {
			return w.Broke(c.Phase(), tally.Errno(e))
		}
		c.moved += int32(n)
		c.Written += int64(n)
		w.Written += int64(n)
		w.spoke = true
	}
	return done
}
