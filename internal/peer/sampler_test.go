//go:build linux

package peer

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// sockstat's tw has the orphaned FIN_WAIT2 in it; no sample, and no standing count, may take them for TIME_WAIT.
func TestNetNSOrphansAreNoTimeWait(t *testing.T) {
	if !nstest.Inside(t) { // a sampler reads its process's namespace
		return
	}
	stood := nstest.Stand(t, netip.MustParseAddr("127.0.0.1"))
	want := stood.Counts[record.TimeWait]
	s, err := newSampler(Watch{OwnNamespace: true, Budget: 1}, func() Progress { return Progress{} })
	if err != nil {
		t.Fatal(err)
	}
	// Asked here and not by its own thread: the split first, then totals alone, then the exact count.
	full, err := s.look(linux.Nano(), Progress{}, true)
	if err != nil || *full.TimeWait != want {
		t.Fatalf("split: TIME_WAIT %d, %v, %v; want %d", *full.TimeWait, full.States, err, want)
	}
	s.pace.nextSplit = 0
	split, err := s.look(linux.Nano(), Progress{}, false)
	if err != nil || *split.TimeWait != want || s.account[splitLook].Looks != 1 {
		t.Fatalf("split without TIME_WAIT: %d, %+v, %v; want %d", *split.TimeWait, s.account, err, want)
	}
	if diff := cmp.Diff(full.States, split.States); diff != "" {
		t.Errorf("every socket (-), and those but TIME_WAIT with sockstat (+):\n%s", diff)
	}
	// With an orphan in tw the totals say nothing, until a dump tells how many there are.
	totals, err := s.look(linux.Nano(), Progress{}, false)
	if err != nil || totals.States != nil || totals.TimeWait != nil || s.account[totalsLook].Looks != 1 {
		t.Errorf("totals: %+v, %+v, %v", totals, s.account, err)
	}
	if st, err := s.exact(); err != nil || st.TimeWait != want || st.Moving == 0 {
		t.Errorf("standing: %+v, %v; want %d", st, err, want)
	}
	values, err := s.sockstat.Read()
	if err != nil || stood.OrphanFinWait2 == 0 || values.TimeWait != want+stood.OrphanFinWait2 {
		t.Errorf("sockstat counts %d tw, %v: the test shows nothing", values.TimeWait, err)
	}
}

// The states of both families without a row for each TIME_WAIT are those of a full dump, with orphans, half-open and
// half-closed connections among them.
func TestNetNSSplitsAgree(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	made := nstest.Stand(t, netip.IPv6Loopback())
	for state, n := range nstest.Stand(t, netip.MustParseAddr("127.0.0.1")).Counts {
		made.Counts[state] += n
	}
	s := samplerOf(t, Watch{OwnNamespace: true, BothFamilies: true, Budget: 1})
	full, err := s.look(linux.Nano(), Progress{}, true)
	if err != nil {
		t.Fatal(err)
	}
	s.pace.nextSplit = 0
	split, err := s.look(linux.Nano(), Progress{}, false)
	if err != nil || s.account[splitLook].Looks != 1 {
		t.Fatalf("%+v, %v", s.account, err)
	}
	for who, got := range map[string]record.Counts{"every socket": full.States, "without TIME_WAIT": split.States} {
		if diff := cmp.Diff(made.Counts, got); diff != "" {
			t.Errorf("made (-), %s (+):\n%s", who, diff)
		}
	}
	if *full.Orphans != *split.Orphans || full.States[record.SynRecv] == 0 || full.States[record.FinWait2] == 0 {
		t.Errorf("orphans %d and %d, in %v", *full.Orphans, *split.Orphans, full.States)
	}
}

// samplerOf makes a sampler that is asked by the test itself, on its thread.
func samplerOf(t *testing.T, w Watch) *sampler {
	t.Helper()
	s, err := newSampler(w, func() Progress { return Progress{} })
	if err != nil {
		t.Fatal(err)
	}
	s.open()
	return s
}

// One netlink socket and one buffer serve all looks: none opens a descriptor, and those that keep no counts by state
// allocate nothing.
func TestNetNSOneSocketForLife(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	nstest.FillTimeWait(t, 300, 20_000)
	open := func() int64 {
		n, err := sample.Descriptors(procSelf)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	s := samplerOf(t, Watch{OwnNamespace: true, Budget: 1})
	look := func(asked bool) record.Sample {
		one, err := s.look(linux.Nano(), Progress{}, asked)
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	before := open()
	const times = 8 // a dump walks the whole machine's table, which may be full of others' sockets
	for range times {
		look(true)
		s.pace.nextSplit = 0
		if one := look(false); one.States[record.Listen] != 1 {
			t.Fatalf("a split without TIME_WAIT has %v", one.States)
		}
		look(false)
		if _, err := s.exact(); err != nil {
			t.Fatal(err)
		}
	}
	if after := open(); after != before {
		t.Errorf("%d descriptors were open, and now %d", before, after)
	}
	for k, l := range s.account {
		if l.Looks < times {
			t.Errorf("%d looks of kind %d: the test shows nothing", l.Looks, k)
		}
	}
	var all sample.Split
	if n := testing.AllocsPerRun(times, func() {
		if err := s.states.Split(s.filter, &all); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations in a full look", n)
	}
}

// A refill is counted from the totals, and comes to what every socket's count does; with an orphan about it is counted in
// full.
func TestNetNSRefillIsExact(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	nstest.FillTimeWait(t, 200, 20_000)
	s := samplerOf(t, Watch{OwnNamespace: true, Budget: 1})
	same := func(kind kind) {
		t.Helper()
		before := s.account[kind].Looks
		refill, err := s.refill()
		if err != nil || s.account[kind].Looks != before+1 {
			t.Fatalf("%v, looks %+v", err, s.account)
		}
		exact, err := s.exact()
		if err != nil || refill.TimeWait != exact.TimeWait || refill.Moving != exact.Moving {
			t.Errorf("refill %+v, exact %+v, %v", refill, exact, err)
		}
	}
	same(splitLook) // nothing has been counted yet
	if _, err := s.look(linux.Nano(), Progress{}, true); err != nil {
		t.Fatal(err)
	}
	same(totalsLook)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test's end
	if _, err := s.look(linux.Nano(), Progress{}, true); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // the test's end
	same(totalsLook)
	if st, _ := s.refill(); st.Moving != 2 {
		t.Errorf("both ends of a connection are on their way: %+v", st)
	}
	nstest.Stand(t, netip.MustParseAddr("127.0.0.1"))
	if _, err := s.look(linux.Nano(), Progress{}, true); err != nil {
		t.Fatal(err)
	}
	same(splitLook)
}

// What is not asked for keeps to the budget whatever a look costs, and the totals go on beside the dumps.
func TestPaceKeepsToItsBudget(t *testing.T) {
	for _, c := range []struct {
		budget              float64
		totals, dump, every time.Duration
	}{
		{0.01, 20 * time.Microsecond, 2 * time.Millisecond, time.Second},
		{0.01, 200 * time.Microsecond, 65 * time.Millisecond, time.Second},
		{0.01, 5 * time.Millisecond, 300 * time.Millisecond, time.Second}, // a machine on which even the totals are dear
		{0.001, 100 * time.Microsecond, 3 * time.Millisecond, 100 * time.Millisecond},
		{1, time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond},
	} {
		p := pace{budget: c.budget, every: c.every}
		var spent time.Duration
		var totals, dumps int
		const length = 10 * time.Minute
		for now := int64(0); now < int64(length); now += int64(totalsEvery) {
			switch {
			case p.splitDue(now):
				spent += c.dump
				dumps++
				p.took(splitLook, now, c.dump, c.every, false)
			case p.totalsDue(now):
				spent += c.totals
				totals++
				p.took(totalsLook, now, c.totals, c.every, false)
			}
		}
		if share := float64(spent) / float64(length); share > 1.05*c.budget {
			t.Errorf("%+v: a share of %.4f", c, share)
		}
		// No slower than what the budget pays for, and each look at its own time where it is cheap.
		most := max(float64(c.every), 2*float64(c.dump)/c.budget)
		if least := 0.9 * float64(length) / most; float64(dumps) < least {
			t.Errorf("%+v: %d dumps, %.0f could be had", c, dumps, least)
		}
		if gap := max(totalsEvery, time.Duration(float64(c.totals)/c.budget*2)); float64(totals+dumps) < 0.7*float64(length/gap) {
			t.Errorf("%+v: %d looks at the totals and %d dumps", c, totals, dumps)
		}
	}
	off := pace{every: time.Second}
	if off.took(fullLook, 0, time.Second, time.Second, true); off.splitDue(1<<60) || off.totalsDue(1<<60) {
		t.Error("with a budget of 0 something is due")
	}
}

// A look that the run needs is not paid back: the next one of its own accord comes no later than usual.
func TestPaceAfterWhatIsNeeded(t *testing.T) {
	p := pace{budget: 0.01, every: time.Second}
	p.took(fullLook, 0, 100*time.Millisecond, time.Second, true)
	if !p.splitDue(int64(time.Second)) || p.splitDue(int64(time.Second/2)) {
		t.Errorf("the next dump is due at %v", time.Duration(p.nextSplit))
	}
}

func TestAccount(t *testing.T) {
	var a account
	for _, d := range []time.Duration{10, 20, 60} {
		a.add(splitLook, d*time.Microsecond)
	}
	want := account{splitLook: {Looks: 3, MeanUS: 30, MostUS: 60}}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
}
