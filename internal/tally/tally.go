//go:build linux

// Package tally counts how connections ended, by phase and errno, without allocating: one Tally per worker, merged when
// the load is over.
package tally

import (
	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// Phase is the step of a connection's life in which something ended it.
type Phase uint8

// The phases in their order.
const (
	Socket Phase = iota
	Option
	Bind
	Connect
	Accept
	Write
	Read
	Close
	Kept // a connection that was through with its exchange and was kept open
	phases
)

var phaseNames = [phases]string{"socket", "option", "bind", "connect", "accept", "write", "read", "close", "kept"}

func (p Phase) String() string { return phaseNames[p] }

// End is why: a kernel errno, or one of those below, which only the application knows.
type End uint16

// The ends that have no errno.
const (
	GaveUp      End = linux.MaxErrno + 1 + iota // our own time limit
	ShortRead                                   // the peer's FIN came before all bytes
	WrongBytes                                  // other bytes than were sent
	SelfConnect                                 // the socket was connected to itself
	ends
)

var endCauses = map[End]record.Cause{
	GaveUp: record.TimedOut, ShortRead: record.ShortRead, WrongBytes: record.WrongBytes,
	SelfConnect: record.SelfConnect,
}

// Errno is the End of a kernel errno; numbers beyond the kernel's table count as the last.
func Errno(e linux.Errno) End { return End(min(e, linux.MaxErrno)) }

// Tally is one worker's count. The zero value is ready; it is not safe for use by several goroutines.
type Tally struct {
	ended [phases][ends]int64
}

// Add counts one connection that ended in a phase.
func (t *Tally) Add(p Phase, e End) { t.ended[p][e]++ }

// Merge adds another worker's count.
func (t *Tally) Merge(o *Tally) {
	for p := range t.ended {
		for e := range t.ended[p] {
			t.ended[p][e] += o.ended[p][e]
		}
	}
}

// Outcomes lists what was counted, in the order of phase and errno, after one line for ok.
func (t *Tally) Outcomes(side string, ok int64) []record.Outcome {
	out := []record.Outcome{{Side: side, Cause: string(record.OK), Count: ok}}
	for p := range t.ended {
		for e, n := range t.ended[p] {
			if n == 0 {
				continue
			}
			o := record.Outcome{Side: side, Phase: Phase(p).String(), Count: n}
			if c, known := endCauses[End(e)]; known {
				o.Cause = string(c)
			} else {
				o.Errno = linux.ErrnoName(linux.Errno(e))
				o.Cause = string(record.CauseOf(o.Errno))
			}
			out = append(out, o)
		}
	}
	return out
}
