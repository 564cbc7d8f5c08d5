//go:build linux

package server

import (
	"testing"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/payload"
)

// An event of a connection that has ended must not touch the one that has its descriptor now, nor one that nobody has.
func TestEventsOfEarlierConnectionsAreIgnored(t *testing.T) {
	const fd = 1 << 20 // not open: whatever is done with it fails, and is counted
	w := &worker{s: &Server{}, conns: make([]conn, fd+1)}
	w.talk = exchange.Worker{
		Scripts: []exchange.Script{{Request: payload.Request(1), Rounds: 1}}, Buf: make([]byte, 1), Tally: &w.rec.tally,
	}
	event := func(generation uint64) linux.Event { return linux.Event{Data: generation<<32 | fd, Bits: ^uint32(0)} }
	w.conns[fd] = conn{generation: 7}
	w.ready(event(7))
	w.conns[fd].live = true
	w.conns[fd].FD = fd
	w.ready(event(6))
	if w.failed.Load() != 0 {
		t.Error("an event of an earlier connection was taken for the present one")
	}
	// The highest bit tells listeners apart, so a generation goes without its own.
	w.conns[fd].generation = 1<<31 | 7
	w.ready(event(7))
	if w.failed.Load() != 1 {
		t.Error("an event of the present connection was ignored")
	}
}
