package trial

import (
	"net/netip"
	"testing"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/teardown"
)

// What is in FIN_WAIT1 in passing, on its way to TIME_WAIT, is not taken for a connection that the server has closed and
// that waits for its gate: as many must stand there for a while.
func TestForeignHasClosedForAWhile(t *testing.T) {
	r := &run{epoch: linux.Nano()}
	for state, n := range map[record.State]int64{record.FinWait1: 29, record.Closing: 33, record.TimeWait: 300} {
		r.stand.groups = append(r.stand.groups, &group{recipe: teardown.Recipe{State: state}, asked: n, limit: n})
	}
	look := func(n int64, want bool) {
		t.Helper()
		r.stand.record.Standing = record.Counts{record.FinWait1: n}
		if got := r.foreignHasClosed(); got != want {
			t.Errorf("%d in FIN_WAIT1: %v", n, got)
		}
	}
	look(62, false) // three of them may be in passing
	look(59, false)
	r.epoch -= int64(quietFor)
	look(62, false)
	r.epoch -= int64(quietFor)
	look(62, true)
}

// A group comes to somebody else's server with a few connections at a time, however many the scenario has in flight: a
// short accept queue that overflows costs seconds. Those that wait for a gate are all needed at once.
func TestFewAtOnceForAForeignServer(t *testing.T) {
	r := &run{}
	r.scenario.Load.Concurrency = 64
	to, from := []netip.AddrPort{netip.MustParseAddrPort("198.19.0.1:8080")}, []netip.Addr{netip.MustParseAddr("198.18.0.1")}
	atOnce := func(steps ...teardown.Step) int {
		return r.groupPlan(&group{recipe: teardown.Recipe{Client: steps}, asked: 120, sources: []int{0}}, from, to).Concurrency
	}
	if got := atOnce(); got != 64 {
		t.Errorf("to our own server: %d at once", got)
	}
	r.scenario.Server.Command = "busybox httpd -f"
	if got := atOnce(); got != foreignAtOnce {
		t.Errorf("to somebody else's: %d at once", got)
	}
	if got := atOnce(teardown.Step{Op: teardown.Gate}); got != 120 {
		t.Errorf("those that wait at a gate: %d at once", got)
	}
}
