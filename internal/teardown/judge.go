package teardown

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// judgedStates are the states that a declaration covers: one that it does not name must be empty.
var judgedStates = []record.State{
	record.SynSent, record.SynRecv, record.Established, record.FinWait1, record.FinWait2, record.Closing, record.TimeWait,
	record.CloseWait, record.LastAck,
}

// JudgedCounters are the counters that a declaration covers: one that it does not name must stand still.
var JudgedCounters = []string{
	"TcpExt.TCPAbortOnData", "TcpExt.TCPAbortOnClose", "TcpExt.TCPAbortOnLinger", "TcpExt.TCPAbortOnTimeout",
	"TcpExt.TCPAbortOnMemory",
}

// Judge holds what was seen of n connections, all of them taken down, against what is declared. It gives a sentence for
// each contradiction; none is agreement.
func Judge(declared Expect, seen record.SidePair[record.CloseSeen], n int64) []string {
	var j judge
	j.side("client", n, &declared.Client, &seen.Client)
	j.side("server", n, &declared.Server, &seen.Server)
	c, s := &declared.Client, &declared.Server
	for _, state := range judgedStates {
		if c.States[state] == record.Some && s.States[state] == record.Some {
			j.between(fmt.Sprintf("%s on either side", state), seen.Client.States[state]+seen.Server.States[state], n, 2*n)
		}
	}
	j.someCounters(declared, seen, n)
	return j.found
}

// someCounters: where one of several counters tells of each connection, together they tell of all.
func (j *judge) someCounters(declared Expect, seen record.SidePair[record.CloseSeen], n int64) {
	var sum int64
	var names []string
	for _, counter := range JudgedCounters {
		for _, s := range []struct {
			d *record.Declared
			s *record.CloseSeen
		}{{&declared.Client, &seen.Client}, {&declared.Server, &seen.Server}} {
			if s.d.Counters[counter] == record.Some {
				sum += s.s.Counters[counter]
				names = append(names, counter)
			}
		}
	}
	if len(names) > 0 {
		j.between(strings.Join(slices.Compact(names), " and ")+", client and server together", sum, n, 2*n)
	}
}

type judge struct{ found []string }

func (j *judge) side(name string, n int64, d *record.Declared, s *record.CloseSeen) {
	for _, state := range judgedStates {
		j.share(fmt.Sprintf("%s on the %s", state, name), d.States[state], s.States[state], n)
	}
	for _, state := range slices.Sorted(maps.Keys(d.Passing)) {
		j.share(fmt.Sprintf("%s on the %s in passing", state, name), d.Passing[state], s.Peak[state], n)
	}
	for _, counter := range JudgedCounters {
		j.share(fmt.Sprintf("%s on the %s", counter, name), d.Counters[counter], s.Counters[counter], n)
	}
	j.share(fmt.Sprintf("the %s's application seeing the end of the stream", name), d.EOF, s.EOF, n)
	j.share(fmt.Sprintf("the %s's application seeing a reset", name), d.Reset, s.Reset, n)
	lost := fmt.Sprintf("bytes lost of those that the %s wrote", name)
	if d.MayLose {
		j.between(lost, s.Lost, d.LostEach*n, s.Lost)
	} else {
		j.between(lost, s.Lost, d.LostEach*n, d.LostEach*n)
	}
}

func (j *judge) share(what string, declared record.Share, seen, n int64) {
	switch cmp.Or(declared, record.None) {
	case record.None:
		j.between(what, seen, 0, 0)
	case record.All:
		j.between(what, seen, n, n)
	default:
		j.between(what, seen, 0, n)
	}
}

func (j *judge) between(what string, seen, least, most int64) {
	switch {
	case seen >= least && seen <= most:
	case least == most:
		j.found = append(j.found, fmt.Sprintf("%s: declared %d, seen %d", what, least, seen))
	default:
		j.found = append(j.found, fmt.Sprintf("%s: declared %d to %d, seen %d", what, least, most, seen))
	}
}
