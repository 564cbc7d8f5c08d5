//go:build linux

package peer

import (
	"net/netip"
	"testing"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// sockstat's tw has the orphaned FIN_WAIT2 in it; no sample, and no standing count, may take them for TIME_WAIT.
func TestNetNSOrphansAreNoTimeWait(t *testing.T) {
	if !nstest.Inside(t) { // a sampler reads its process's namespace
		return
	}
	stood := nstest.Stand(t, netip.MustParseAddr("127.0.0.1"))
	want := stood.Counts[record.TimeWait]
	s, err := newSampler(Watch{OwnNamespace: true}, func() Progress { return Progress{} })
	if err != nil {
		t.Fatal(err)
	}
	// Asked here and not by its own thread: the split first, then totals alone, then the exact count.
	full, err := s.look(true)
	if err != nil || *full.TimeWait != want {
		t.Fatalf("split: TIME_WAIT %d, %v, %v; want %d", *full.TimeWait, full.States, err, want)
	}
	totals, err := s.look(false)
	if err != nil || totals.States != nil || *totals.TimeWait != want {
		t.Errorf("totals: TIME_WAIT %d, states %v, %v; want %d", *totals.TimeWait, totals.States, err, want)
	}
	if st, err := s.exact(); err != nil || st.TimeWait != want || st.Moving == 0 {
		t.Errorf("standing: %+v, %v; want %d", st, err, want)
	}
	values, err := s.sockstat.Read()
	if err != nil || stood.OrphanFinWait2 == 0 || values.TimeWait != want+stood.OrphanFinWait2 {
		t.Errorf("sockstat counts %d tw, %v: the test shows nothing", values.TimeWait, err)
	}
}
