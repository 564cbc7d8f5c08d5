//go:build linux

package client

import (
	"testing"

	"twomsl/internal/linux"
)

// An event of a connection that has ended must not touch the one that has its slot now, nor a free slot.
func TestEventsOfEarlierConnectionsAreIgnored(t *testing.T) {
	w := &worker{c: &Client{}, conns: make([]conn, 1), oldest: none, newest: none}
	w.conns[0].next = none
	event := func() linux.Event { return linux.Event{Data: uint64(w.conns[0].generation) << 32, Bits: ^uint32(0)} }
	i := w.take()
	w.conns[i].FD = -1
	earlier := event()
	w.release(i)
	w.ready(earlier)
	if w.free != i || w.failed.Load() != 0 {
		t.Error("an event of a connection that has ended was taken for a free slot")
	}
	w.take()
	w.ready(earlier)
	if w.oldest != i || w.failed.Load() != 0 {
		t.Error("an event of an earlier connection was taken for the present one")
	}
}

// The slots in use are kept in the order of their starts, whichever of them end first.
func TestOldestFirst(t *testing.T) {
	w := &worker{conns: make([]conn, 4), oldest: none, newest: none}
	for i := range w.conns {
		w.conns[i].next = int32(i) + 1
	}
	w.conns[3].next = none
	for range 4 {
		w.take()
	}
	for _, c := range []struct{ release, oldest, newest int32 }{{1, 0, 3}, {0, 2, 3}, {3, 2, 2}} {
		w.release(c.release)
		if w.oldest != c.oldest || w.newest != c.newest || w.free != c.release {
			t.Errorf("without %d: oldest %d, newest %d, free %d", c.release, w.oldest, w.newest, w.free)
		}
	}
	if i := w.take(); i != 3 || w.oldest != 2 || w.newest != 3 || w.conns[2].next != 3 || w.conns[3].prev != 2 {
		t.Errorf("taken %d: oldest %d, newest %d, %+v", i, w.oldest, w.newest, w.conns)
	}
	w.release(2)
	w.release(3)
	if w.oldest != none || w.newest != none {
		t.Errorf("oldest %d, newest %d with none in use", w.oldest, w.newest)
	}
}
