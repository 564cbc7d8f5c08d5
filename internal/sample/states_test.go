package sample

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

func row(state uint8, local, remote string) linux.DiagRow {
	from, to := netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote)
	r := linux.DiagRow{State: state, IPv6: from.Addr().Is6(), SourcePort: from.Port(), DestPort: to.Port(), Inode: 7}
	copy(r.Source[:], from.Addr().AsSlice())
	copy(r.Dest[:], to.Addr().AsSlice())
	return r
}

func split(t *testing.T, s *Split, rows ...linux.DiagRow) {
	t.Helper()
	s.begin(true, true)
	for _, r := range rows {
		s.add(&r)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
}

func use(local, remote string, port uint16, even, odd int64) TupleUse {
	return TupleUse{
		Tuple: Tuple{netip.MustParseAddr(local), netip.MustParseAddr(remote), port},
		InUse: even + odd, Even: even, Odd: odd,
	}
}

var addresses = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestSplitTellsFinWait2Apart(t *testing.T) {
	held := row(linux.DiagFinWait2, "10.0.0.1:1", "10.0.0.2:80")
	held.Timer = 2
	big := row(linux.DiagFinWait2, "10.0.0.1:2", "10.0.0.2:80") // an orphan while tcp_fin_timeout is above 60
	big.Timer, big.Inode = 2, 0
	mini := row(linux.DiagFinWait2, "10.0.0.1:3", "10.0.0.2:80")
	mini.Timer, mini.Inode = 3, 0
	last := row(linux.DiagLastAck, "10.0.0.1:4", "10.0.0.2:80")
	last.Inode = 0
	queued := row(linux.DiagEstablished, "10.0.0.1:5", "10.0.0.2:80") // not accepted yet: no process, but no orphan
	queued.Inode = 0
	var s Split
	split(t, &s, held, big, mini, last, queued)
	if s.OrphanFinWait2 != 1 || s.Orphans != 2 {
		t.Errorf("%d mini-sockets and %d orphans, expected 1 and 2", s.OrphanFinWait2, s.Orphans)
	}
	want := record.Counts{record.FinWait2: 3, record.LastAck: 1, record.Established: 1}
	if diff := cmp.Diff(want, s.Counts); diff != "" {
		t.Error(diff)
	}
}

func TestSplitCountsPorts(t *testing.T) {
	var s Split
	split(t, &s,
		row(linux.DiagListen, "0.0.0.0:80", "0.0.0.0:0"),
		row(linux.DiagTimeWait, "10.0.0.1:32768", "10.0.0.2:80"),
		row(linux.DiagEstablished, "10.0.0.1:32769", "10.0.0.2:80"),
		row(linux.DiagSynSent, "10.0.0.1:32770", "10.0.0.2:80"),
		row(linux.DiagTimeWait, "10.0.0.1:32768", "10.0.0.2:80"), // seen again where the dump went on
		row(linux.DiagTimeWait, "10.0.0.1:32768", "10.0.0.2:81"),
		row(linux.DiagTimeWait, "10.0.0.3:32768", "10.0.0.2:80"),
	)
	want := []TupleUse{
		use("10.0.0.1", "10.0.0.2", 80, 2, 1), use("10.0.0.1", "10.0.0.2", 81, 1, 0),
		use("10.0.0.3", "10.0.0.2", 80, 1, 0),
	}
	if diff := cmp.Diff(want, s.Tuples, addresses); diff != "" {
		t.Error(diff)
	}
	if got, ok := s.Of(want[1].Tuple); !ok || got != want[1] {
		t.Errorf("the second tuple is found as %v, %v", got, ok)
	}
	if _, ok := s.Of(Tuple{RemotePort: 9}); ok {
		t.Error("a tuple that is not there is found")
	}
}

func TestSplitJoinsMappedAddresses(t *testing.T) {
	mapped := row(linux.DiagEstablished, "[::ffff:10.0.0.1]:1001", "[::ffff:10.0.0.2]:80")
	plain := row(linux.DiagEstablished, "10.0.0.1:1000", "10.0.0.2:80")
	six := row(linux.DiagEstablished, "[fd00::1]:1000", "[fd00::2]:80")
	for name, rows := range map[string][]linux.DiagRow{
		"plain first": {plain, mapped, six, mapped, plain}, "mapped first": {mapped, plain, six, plain, mapped},
	} {
		var s Split
		split(t, &s, rows...)
		want := []TupleUse{use("10.0.0.1", "10.0.0.2", 80, 1, 1), use("fd00::1", "fd00::2", 80, 1, 0)}
		if diff := cmp.Diff(want, s.Tuples, addresses); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// The time left of a FIN_WAIT2 is that of the mini-sockets, and is no TIME_WAIT's.
func TestSplitTellsFinWait2Left(t *testing.T) {
	mini, full, held := row(linux.DiagFinWait2, "10.0.0.1:1", "10.0.0.2:80"), row(linux.DiagFinWait2, "10.0.0.1:2", "10.0.0.2:80"),
		row(linux.DiagFinWait2, "10.0.0.1:3", "10.0.0.2:80")
	mini.Timer, mini.ExpiresMS, mini.Inode = linux.DiagTimerTimeWait, 5000, 0
	full.Timer, full.ExpiresMS, full.Inode = 2, 60_000, 0
	held.ExpiresMS, held.Inode = 70_000, 7
	var s Split
	split(t, &s, mini, full, held)
	if s.MaxFinWait2MS != 5000 || s.MaxTimeWaitMS != 0 || s.OrphanFinWait2 != 1 {
		t.Errorf("%d ms, %d ms, %d", s.MaxFinWait2MS, s.MaxTimeWaitMS, s.OrphanFinWait2)
	}
	if split(t, &s); s.MaxFinWait2MS != 0 {
		t.Errorf("an empty table leaves %d ms", s.MaxFinWait2MS)
	}
}

// TestSplitStartsAfresh also goes past the ports that a tuple keeps without bits, and back.
func TestSplitStartsAfresh(t *testing.T) {
	var full []linux.DiagRow
	for port := range 1 << 16 {
		r := row(linux.DiagTimeWait, "10.0.0.1:0", "10.0.0.2:80")
		r.SourcePort, r.ExpiresMS = uint16(port), uint32(port)
		full = append(full, r, r)
	}
	var s Split
	for range 2 {
		split(t, &s, full...)
		want := []TupleUse{use("10.0.0.1", "10.0.0.2", 80, 1<<15, 1<<15)}
		if diff := cmp.Diff(want, s.Tuples, addresses); diff != "" {
			t.Error(diff)
		}
		if s.MaxTimeWaitMS != 65535 || s.Counts[record.TimeWait] != 1<<17 {
			t.Errorf("%d TIME_WAIT with at most %d ms left", s.Counts[record.TimeWait], s.MaxTimeWaitMS)
		}
		split(t, &s, full[:18]...)
		if diff := cmp.Diff([]TupleUse{use("10.0.0.1", "10.0.0.2", 80, 5, 4)}, s.Tuples, addresses); diff != "" {
			t.Error(diff)
		}
		if s.MaxTimeWaitMS != 8 {
			t.Errorf("at most %d ms left", s.MaxTimeWaitMS)
		}
		split(t, &s)
		if len(s.Tuples)+len(s.Counts) != 0 || s.Counts == nil || s.MaxTimeWaitMS != 0 {
			t.Errorf("an empty table leaves %v %v %d", s.Tuples, s.Counts, s.MaxTimeWaitMS)
		}
	}
	again := testing.AllocsPerRun(5, func() { split(t, &s, full...) })
	if again > 0 {
		t.Errorf("%v allocations in a split that was made before", again)
	}
}

func TestSetTimeWait(t *testing.T) {
	for tw, want := range map[int64]record.Counts{
		130: {record.FinWait2: 2, record.TimeWait: 128}, 2: {record.FinWait2: 2}, 0: {record.FinWait2: 2},
	} {
		mini := row(linux.DiagFinWait2, "10.0.0.1:3", "10.0.0.2:80")
		mini.Timer, mini.Inode = 3, 0
		var s Split
		s.begin(false, false)
		s.add(&mini)
		s.add(&mini)
		if err := s.end(); err != nil || s.TimeWaitCounted || len(s.Tuples) != 0 {
			t.Errorf("before: %v, counted %v, tuples %v", err, s.TimeWaitCounted, s.Tuples)
		}
		s.SetTimeWait(tw)
		if diff := cmp.Diff(want, s.Counts); diff != "" || !s.TimeWaitCounted {
			t.Errorf("tw %d: %s", tw, diff)
		}
	}
}

func TestSplitRefusesUnknownState(t *testing.T) {
	var s Split
	s.begin(true, true)
	odd := row(13, "10.0.0.1:3", "10.0.0.2:80")
	s.add(&odd)
	if err := s.end(); err == nil || !strings.Contains(err.Error(), "state 13") {
		t.Errorf("state 13 is counted as %v, error %v", s.Counts, err)
	}
}

// What is left out is told by its mark or by its peer, and nothing else is.
func TestLeaveOut(t *testing.T) {
	marked := row(linux.DiagEstablished, "10.0.0.1:5", "10.0.0.2:22")
	marked.Mark = 7
	mapped := row(linux.DiagSynRecv, "[::ffff:10.0.0.2]:80", "[::ffff:10.0.0.9]:5")
	peer := row(linux.DiagSynRecv, "10.0.0.2:80", "10.0.0.9:5")
	plain := row(linux.DiagEstablished, "10.0.0.9:5", "10.0.0.2:80")
	all := []linux.DiagRow{marked, mapped, peer, plain}
	for _, c := range []struct {
		leave Leave
		want  []bool
	}{
		{Leave{}, []bool{false, false, false, false}},
		{Leave{Mark: 7}, []bool{true, false, false, false}},
		{Leave{Mark: 8}, []bool{false, false, false, false}},
		{Leave{Remote: netip.MustParseAddr("10.0.0.9")}, []bool{false, true, true, false}},
		{Leave{Mark: 7, Remote: netip.MustParseAddr("10.0.0.9")}, []bool{true, true, true, false}},
	} {
		for i := range all {
			if got := c.leave.out(&all[i]); got != c.want[i] {
				t.Errorf("%+v leaves out %d: %v", c.leave, i, got)
			}
		}
	}
}
