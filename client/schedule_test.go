//go:build linux

package client

import (
	"math"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/scenario"
)

// held is worker id of two, at 10 connections/s from epoch 0 on, held back by a limit.
func held(id, next, limit int64) *worker {
	c := &Client{plan: Plan{Rate: 10, Workers: 2}, schedule: scenario.NewSchedule(10)}
	return &worker{c: c, id: id, next: next, held: true, heldAt: limit}
}

// The pause shifts the schedule of every worker alike: they go on in turns, as if there had been none.
func TestPauseIsNoLateness(t *testing.T) {
	const now = int64(7 * time.Second)
	a, b := held(0, 4, 4), held(1, 5, 4)
	a.resume(now)
	b.resume(now)
	for n := range int64(10) {
		w := a
		if n%2 == 1 {
			w = b
		}
		if got, want := w.intended(4+n), now+n*int64(time.Second)/10; got != want {
			t.Errorf("connection %d is due at %v, expected %v", 4+n, time.Duration(got), time.Duration(want))
		}
	}
	if a.held || b.held {
		t.Error("still held back")
	}
}

// A limit that is raised before the next connection is due hurries nothing.
func TestEarlyRaiseKeepsTheSchedule(t *testing.T) {
	w := held(0, 4, 4)
	w.resume(int64(350 * time.Millisecond))
	if got, want := w.intended(4), int64(400*time.Millisecond); got != want {
		t.Errorf("connection 4 is due at %v, expected %v", time.Duration(got), time.Duration(want))
	}
}

// What was due and not started counts from the shifted schedule.
func TestNotStartedAfterAPause(t *testing.T) {
	w := held(0, 4, 4)
	w.c.workers = []*worker{w}
	if n := w.c.notStarted(int64(10 * time.Second)); n != 0 {
		t.Errorf("%d not started, but they are held back", n)
	}
	w.resume(int64(7 * time.Second))
	// due from 7 s on, every 0.1 s; this worker's are each second one: 7.0, 7.2, 7.4
	if n := w.c.notStarted(int64(7*time.Second + 500*time.Millisecond)); n != 3 {
		t.Errorf("%d not started, expected 3", n)
	}
}

func TestTuplesTakeTurns(t *testing.T) {
	p := Plan{Sources: addresses(3), Destinations: destinations(2)}
	want := [][2]int{{0, 0}, {1, 0}, {2, 0}, {0, 1}, {1, 1}, {2, 1}, {0, 0}}
	for n, w := range want {
		if s, d := p.tuple(int64(n)); [2]int{s, d} != w {
			t.Errorf("connection %d: source %d, destination %d, expected %v", n, s, d, w)
		}
	}
	if p.Tuples() != 6 {
		t.Error(p.Tuples())
	}
}

// Another worker may learn of the first EADDRNOTAVAIL late: what it counted meanwhile is taken back.
func TestSuccessesAfterTheFirstExhaustionAreTakenBack(t *testing.T) {
	plan := Plan{Sources: addresses(1), Destinations: destinations(2), Until: scenario.Duration(time.Second)}
	c := &Client{plan: plan, firstExhaustion: make([]atomic.Int64, 2), workers: []*worker{{rec: newRecorder(&plan)}}}
	c.firstExhaustion[0].Store(math.MaxInt64)
	c.firstExhaustion[1].Store(math.MaxInt64)
	rec := &c.workers[0].rec
	for called := range int64(100) {
		rec.connected(&conn{tuple: int32(called % 2), called: called}, called, scenario.Max, math.MaxInt64, true)
	}
	c.exhausted(0, 50)
	c.exhausted(0, 40) // the earliest counts, in whatever order they are told
	c.exhausted(0, 60)
	for called := range int64(3 * len(rec.recent)) { // those known to come later push nothing out of memory
		rec.connected(&conn{tuple: 0, called: 41 + called}, 41, scenario.Max, c.firstExhaustion[0].Load(), true)
	}
	res := c.tupleResults()
	before, at := int64(20), 40e-9
	want := TupleResult{
		Successes: 50 + 3*int64(len(rec.recent)), OKBefore: &before, FirstExhaustionSeconds: &at,
	}
	if diff := cmp.Diff(want, res[0]); diff != "" {
		t.Error(diff)
	}
	if r := res[1]; r.Successes != 50 || r.OKBefore != nil || r.FirstExhaustionSeconds != nil {
		t.Errorf("the other tuple: %+v", r)
	}
}

func addresses(n byte) (out []netip.Addr) {
	for i := range n {
		out = append(out, netip.AddrFrom4([4]byte{127, 0, 0, 1 + i}))
	}
	return out
}

func destinations(n uint16) (out []netip.AddrPort) {
	for i := range n {
		out = append(out, netip.AddrPortFrom(addresses(1)[0], 7000+i))
	}
	return out
}

// A worker that only waits for the last connections to end must not use up its processor, whatever is due or has room.
func TestDrainingIsPatient(t *testing.T) {
	for _, rate := range []scenario.Rate{scenario.Max, 10} {
		plan := Plan{Rate: rate, Workers: 1, Until: scenario.Duration(time.Second)}
		w := &worker{c: &Client{plan: plan, schedule: scenario.NewSchedule(rate)}, next: 5}
		if d := w.patience(int64(2 * time.Second)); d != longestWait {
			t.Errorf("rate %v: it waits %v for events", rate, d)
		}
	}
}
