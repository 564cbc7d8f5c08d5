//go:build linux

package exchange

import (
	"fmt"

	"twomsl/internal/linux"
	"twomsl/internal/payload"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// A ring carries a connection through its script as Advance does, but the system calls are made elsewhere: Next says
// which one is due, and Said, Heard and Ended take what came of it.

// MostChained is the largest request or response of a connection in a ring: each has a buffer of its own.
const MostChained = 16 << 10

// Unchained tells why a script's connections cannot be carried through by a ring, "" where they can. It is the whole
// list for a script; client and server add what is theirs.
func Unchained(s *Script) string {
	switch {
	case s.Silent:
		return "its connections say nothing, and nothing would tell when a handshake is over"
	case s.UntilEOF:
		return "the server takes as many requests as the client likes"
	case s.Think > 0:
		return "the server takes its time for each answer"
	case s.Answer.Unknown:
		return "it is not known what the server says"
	case max(len(s.Request), len(s.Response)) > MostChained:
		return fmt.Sprintf("its payload is above %d bytes", MostChained)
	case min(len(s.Request), len(s.Response)) == 0:
		return "one side says nothing"
	}
	for _, step := range s.Steps {
		if why := unchained(step); why != "" {
			return why
		}
	}
	return ""
}

// unchained tells why a ring does not take a step.
func unchained(step teardown.Step) string {
	switch {
	case step.Op == teardown.Linger && step.Seconds > 0:
		return "its close() waits (SO_LINGER above 0)"
	case step.Op == teardown.Linger2:
		return "it sets TCP_LINGER2"
	case step.Op == teardown.Shutdown:
		return "shutdown() in a ring takes a thread of the kernel's each time"
	case step.Op == teardown.Say, step.Op == teardown.AwaitData:
		return "bytes are left unread"
	case step.Op == teardown.Gate:
		return "its steps wait at a gate"
	case step.Keeps():
		return "its connections stay open"
	case step.Op == teardown.ReadEOF && step.Within > 0:
		return "it waits for the peer's end for a limited time"
	}
	return ""
}

// Act is what a connection does next.
type Act uint8

// The acts of a connection in a ring.
const (
	Say    Act = iota + 1 // write what Saying gives
	Hear                  // read into a buffer of Room bytes
	Option                // set SO_LINGER to the step's seconds
	EOF                   // read until the peer's FIN
	End                   // close()
)

// Next gives the connection's next act, and the step where that is one. The script must be one that Unchained has
// nothing against.
func (w *Worker) Next(c *Conn) (Act, teardown.Step) {
	s := &w.Scripts[c.script]
	if c.stage == fresh {
		c.stage = hearing
		if s.Opens {
			c.stage = saying
		}
	}
	switch c.stage {
	case saying:
		return Say, teardown.Step{}
	case hearing:
		return Hear, teardown.Step{}
	}
	return w.Step(c)
}

// SaysLast tells whether what is being said is the last of the exchange: the steps follow.
func (w *Worker) SaysLast(c *Conn) bool {
	s := &w.Scripts[c.script]
	return !s.Opens && int(c.round)+1 >= s.Rounds
}

// Step gives the act of the step under way, also while the last bytes of the exchange are still on their way.
func (w *Worker) Step(c *Conn) (Act, teardown.Step) {
	step := w.Scripts[c.script].Steps[c.op]
	switch step.Op {
	case teardown.Linger:
		return Option, step
	case teardown.ReadEOF:
		return EOF, step
	}
	return End, step
}

// Saying is what is left to say of this round.
func (w *Worker) Saying(c *Conn) payload.Payload { return w.Scripts[c.script].say()[c.moved:] }

// Room is how many bytes the next read is for.
func (w *Worker) Room(c *Conn) int {
	s := &w.Scripts[c.script]
	return len(s.hear()) - int(c.moved) + s.more()
}

// Said takes note that n bytes have gone out, and goes on where that was all of them.
func (w *Worker) Said(c *Conn, n int) {
	s := &w.Scripts[c.script]
	c.moved += int32(n)
	c.Written += int64(n)
	w.Written += int64(n)
	if int(c.moved) < len(s.say()) {
		return
	}
	w.turn(c, s, !s.Opens)
	if c.stage == saying {
		c.stage = hearing
	}
}

// Heard takes what a read gave. Waiting means that the connection goes on: see Next.
func (w *Worker) Heard(c *Conn, got []byte, e linux.Errno) Result {
	s := &w.Scripts[c.script]
	if r := w.heard(c, s, got, e); r != done {
		return r
	}
	if int(c.moved) == len(s.hear()) {
		w.heardAll(c, s)
	}
	return Waiting
}

// Ended takes what the read of the peer's FIN gave.
func (w *Worker) Ended(c *Conn, n int, e linux.Errno) Result {
	if r := w.ended(c, n, e); r != done {
		return r
	}
	c.next()
	return Waiting
}

// Passed takes note that the step under way is done.
func (c *Conn) Passed() { c.next() }

// Closing notes when this side closes first, as close does.
func (w *Worker) Closing(c *Conn) { w.first(c) }

// Echoed tells whether what came is the connection's own request: a socket that was connected to itself.
func (w *Worker) Echoed(c *Conn, got []byte) bool {
	s := &w.Scripts[c.script]
	return len(got) > 0 && c.moved == 0 && s.Opens && s.Request.Matches(0, got)
}

// heard judges what one read gave.
func (w *Worker) heard(c *Conn, s *Script, got []byte, e linux.Errno) Result {
	switch {
	case e != 0:
		return w.Broke(tally.Read, tally.Errno(e))
	case len(got) == 0 && s.UntilEOF && c.moved == 0:
		c.stage = ending // where the steps see it, too
		return done
	case len(got) == 0:
		w.EOFs++
		return w.Broke(tally.Read, tally.ShortRead)
	}
	c.Read += int64(len(got))
	w.Read += int64(len(got))
	if !s.expects(int(c.moved), got) {
		return w.Broke(tally.Read, tally.WrongBytes)
	}
	c.moved += int32(len(got))
	return done
}

// heardAll ends a round's hearing.
func (w *Worker) heardAll(c *Conn, s *Script) {
	w.turn(c, s, s.Opens)
	if c.stage == hearing {
		c.stage = saying
	}
}

// ended judges what the read of the peer's FIN gave. A reset here comes after the exchange: the connection was good, the
// reset is counted as seen in the close.
func (w *Worker) ended(c *Conn, n int, e linux.Errno) Result {
	switch {
	case e != 0:
		w.reset(c, e)
		return done
	case n == 0:
		c.gone = true
		w.EOFs++
		return done
	}
	c.Read += int64(n)
	w.Read += int64(n)
	return w.Broke(tally.Close, tally.WrongBytes)
}
