package trial

import (
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
