package sample

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// helperEnv makes this test program count the namespace of a process and print it, as an ordinary user would.
const helperEnv = "TWOMSL_TEST_COUNT_PID"

func TestMain(m *testing.M) {
	pid, ok := os.LookupEnv(helperEnv)
	if !ok {
		os.Exit(m.Run())
	}
	n, _ := strconv.Atoi(pid)
	counts, err := CountPID(n, CountOptions{})
	enter := linux.InNetNS("/proc/"+pid+"/ns/net", func() error { return nil })
	fmt.Println(countsText(counts), err)
	fmt.Println(errors.Is(enter, os.ErrPermission), enter)
}

func countsText(c record.Counts) string {
	var words []string
	for _, state := range slices.Sorted(maps.Keys(c)) {
		words = append(words, fmt.Sprintf("%s=%d", state, c[state]))
	}
	return strings.Join(words, " ")
}

var (
	ip4 = netip.MustParseAddr("127.0.0.1")
	ip6 = netip.IPv6Loopback()
)

func states(t testing.TB) *States {
	t.Helper()
	s, err := NewStates()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func familyOption(a netip.Addr) string {
	if a.Is6() {
		return "--family=inet6"
	}
	return "--family=inet"
}

// ssCounts asks ss, in the namespace of the calling thread.
func ssCounts(t testing.TB, args ...string) record.Counts {
	t.Helper()
	out, err := exec.Command("ss", append([]string{"-tan"}, args...)...).Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("ss is not installed: install iproute2")
	}
	if err != nil {
		t.Fatalf("ss: %v", err)
	}
	counts := record.Counts{}
	for line := range strings.Lines(string(out)) {
		word := strings.Fields(line)[0]
		if word == "State" {
			continue
		}
		state, ok := record.ParseState(word)
		if !ok {
			t.Fatalf("ss says %q", line)
		}
		counts[state]++
	}
	return counts
}

func TestNetNSSplitAgrees(t *testing.T) {
	nstest.Require(t)
	want := record.Counts{}
	s := states(t)
	totals, err := OpenSockstat(Here)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = totals.Close() }()
	for _, address := range []netip.Addr{ip4, ip6} {
		made := nstest.Stand(t, address)
		for state, n := range made.Counts {
			want[state] += n
		}
		var one Split
		if err := s.Split(Filter{IPv6: address.Is6()}, &one); err != nil {
			t.Fatal(err)
		}
		sameCounts(t, "made", made.Counts, one.Counts)
		sameCounts(t, "ss", ssCounts(t, familyOption(address)), one.Counts)
		if one.OrphanFinWait2 != made.OrphanFinWait2 || one.Orphans != 0 {
			t.Errorf("%d orphaned FIN_WAIT2, %d orphans of full size; expected %d, 0",
				one.OrphanFinWait2, one.Orphans, made.OrphanFinWait2)
		}
	}
	var all Split
	if err := s.Split(Filter{BothFamilies: true}, &all); err != nil {
		t.Fatal(err)
	}
	sameCounts(t, "made", want, all.Counts)
	sameCounts(t, "ss", ssCounts(t), all.Counts)
	if left := time.Duration(all.MaxTimeWaitMS) * time.Millisecond; left < 58*time.Second || left > 63*time.Second {
		t.Errorf("the longest TIME_WAIT has %v left, expected about 60 s", left)
	}
	if left := time.Duration(all.MaxFinWait2MS) * time.Millisecond; left < 58*time.Second || left > 61*time.Second {
		t.Errorf("the longest FIN_WAIT2 has %v left, expected about 60 s", left)
	}
	agreesWithSockstat(t, totals, s, &all)
}

func sameCounts(t *testing.T, source string, want, got record.Counts) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-) and the split (+) differ:\n%s", source, diff)
	}
}

// agreesWithSockstat: tw is the TIME_WAIT and the orphaned FIN_WAIT2 of both families, exactly.
func agreesWithSockstat(t *testing.T, totals *Sockstat, s *States, all *Split) {
	t.Helper()
	v, err := totals.Read()
	if err != nil {
		t.Fatal(err)
	}
	if tw := all.Counts[record.TimeWait] + all.OrphanFinWait2; v.TimeWait != tw || tw == 0 {
		t.Errorf("sockstat has tw %d, the split %d", v.TimeWait, tw)
	}
	if !v.HasIPv6 || v.InUse == 0 || v.InUse != v.InUse6 {
		t.Errorf("the same was made of both families: %+v", v)
	}
	var rest Split
	if err := s.WithoutTimeWait(Filter{BothFamilies: true, CountsOnly: true}, &rest); err != nil {
		t.Fatal(err)
	}
	if _, counted := rest.Counts[record.TimeWait]; counted || rest.TimeWaitCounted || len(rest.Tuples) != 0 {
		t.Errorf("TIME_WAIT was to be left out: %+v", rest)
	}
	rest.SetTimeWait(v.TimeWait)
	sameCounts(t, "sockstat and the rest", rest.Counts, all.Counts)
}

func TestNetNSTuples(t *testing.T) {
	nstest.Require(t)
	made := nstest.Stand(t, ip4)
	var split Split
	if err := states(t).Split(Filter{RemotePort: made.TimeWaitPort}, &split); err != nil {
		t.Fatal(err)
	}
	want := TupleUse{Tuple: Tuple{Local: ip4, Remote: ip4, RemotePort: made.TimeWaitPort}}
	for _, port := range made.TimeWaitClients {
		want.InUse++
		if port%2 == 0 {
			want.Even++
		} else {
			want.Odd++
		}
	}
	if diff := cmp.Diff([]TupleUse{want}, split.Tuples, addresses); diff != "" {
		t.Error(diff)
	}
}

func TestNetNSProcTCPAgrees(t *testing.T) {
	nstest.Require(t)
	nstest.Stand(t, ip4)
	nstest.Stand(t, ip6)
	sortedRows := func(from func(func(*linux.DiagRow)) error) (rows []string) {
		err := from(func(r *linux.DiagRow) {
			inode := r.Inode
			if r.State == linux.DiagSynRecv {
				inode = 0 // procfs shows 0 as well; its uid is the listener's, sock_diag's is 0
			}
			rows = append(rows, fmt.Sprintf("%d %s:%d %s:%d inode %d mini %v", r.State, r.SourceAddr(), r.SourcePort,
				r.DestAddr(), r.DestPort, inode, r.Timer == linux.DiagTimerTimeWait))
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(rows)
		return rows
	}
	diag, err := linux.OpenDiag()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = diag.Close() }()
	byDiag := sortedRows(func(visit func(*linux.DiagRow)) error {
		err := diag.Dump(linux.DiagQuery{States: linux.DiagAllStates}, visit)
		return errors.Join(err, diag.Dump(linux.DiagQuery{IPv6: true, States: linux.DiagAllStates}, visit))
	})
	byProc := sortedRows(func(visit func(*linux.DiagRow)) error { return visitProcTCP(Here, visit) })
	if diff := cmp.Diff(byDiag, byProc); diff != "" || len(byProc) == 0 {
		t.Errorf("sock_diag (-) and /proc/net/tcp (+) differ:\n%s", diff)
	}
}

// TestNetNSProcTCPPastRow9999 reads real rows whose columns have shifted.
func TestNetNSProcTCPPastRow9999(t *testing.T) {
	nstest.Require(t)
	nstest.FillTimeWait(t, 10_100, 20_000)
	counts, err := countProc(Here, CountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	here, err := CountHere(CountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sameCounts(t, "/proc/net/tcp", counts, here)
	if here[record.TimeWait] != 10_100 {
		t.Errorf("%d TIME_WAIT, 10,100 were made", here[record.TimeWait])
	}
}

func TestNetNSSplitAllocatesNothing(t *testing.T) {
	nstest.Require(t)
	nstest.Stand(t, ip4)
	s := states(t)
	totals, err := OpenSockstat(Here)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = totals.Close() }()
	var split Split
	var listeners []Listener
	for name, look := range map[string]func() error{
		"Listening":       func() (err error) { listeners, err = s.Listening(Filter{}, listeners); return err },
		"Split":           func() error { return s.Split(Filter{BothFamilies: true}, &split) },
		"WithoutTimeWait": func() error { return s.WithoutTimeWait(Filter{}, &split) },
		"Sockstat":        func() error { _, err := totals.Read(); return err },
	} {
		if err := look(); err != nil {
			t.Fatal(err)
		}
		allocs := testing.AllocsPerRun(100, func() {
			if err := look(); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

// TestNetNSOrphans also shows that sockstat's orphan is the host's: another namespace reads them as well.
func TestNetNSOrphans(t *testing.T) {
	nstest.Require(t)
	const orphans = 7
	nstest.Orphan(t, ip4, orphans)
	var split Split
	if err := states(t).Split(Filter{}, &split); err != nil {
		t.Fatal(err)
	}
	if split.Orphans != orphans || split.OrphanFinWait2 != 0 || split.Counts[record.FinWait1] != orphans {
		t.Errorf("%d orphans, %d of them FIN_WAIT2, in %v; %d were made",
			split.Orphans, split.OrphanFinWait2, split.Counts, orphans)
	}
	nstest.Require(t) // a second namespace, in which nothing stands
	totals, err := OpenSockstat(Here)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = totals.Close() }()
	if v, err := totals.Read(); err != nil || v.Orphan < orphans || v.InUse != 0 || v.TimeWait != 0 {
		t.Errorf("an empty namespace has %+v, %v; expected the host's %d orphans", v, err, orphans)
	}
}

// TestNetNSSockstatKeepsItsNamespace: what is opened inside stays inside, whichever thread reads.
func TestNetNSSockstatKeepsItsNamespace(t *testing.T) {
	nstest.Require(t)
	made := nstest.Stand(t, ip4)
	totals, err := OpenSockstat(Here)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = totals.Close() }()
	s := states(t)
	done := make(chan struct{})
	go func() { // outside
		defer close(done)
		v, err := totals.Read()
		if err != nil || v.TimeWait != made.Counts[record.TimeWait]+made.OrphanFinWait2 {
			t.Errorf("read from outside: %+v, %v", v, err)
		}
		var split Split
		if err := s.Split(Filter{}, &split); err != nil {
			t.Error(err)
		}
		sameCounts(t, "made", made.Counts, split.Counts)
	}()
	<-done
}

func TestNetNSCountersMove(t *testing.T) {
	nstest.Require(t)
	before, err := Counters(Here)
	if err != nil {
		t.Fatal(err)
	}
	if before["TcpExt.TW"] != 0 || before["Tcp.ActiveOpens"] != 0 {
		t.Errorf("a new namespace begins with %d TW, %d opens", before["TcpExt.TW"], before["Tcp.ActiveOpens"])
	}
	nstest.FillTimeWait(t, 100, 20_000)
	after, err := Counters(Here)
	if err != nil {
		t.Fatal(err)
	}
	moved := Diff(before, after)
	if moved["TcpExt.TW"] != 100 || moved["Tcp.ActiveOpens"] != 100 || moved["Tcp.PassiveOpens"] != 100 {
		t.Errorf("100 connections moved TW by %d, ActiveOpens by %d, PassiveOpens by %d",
			moved["TcpExt.TW"], moved["Tcp.ActiveOpens"], moved["Tcp.PassiveOpens"])
	}
}

func TestNetNSCountHere(t *testing.T) {
	nstest.Require(t)
	nstest.Stand(t, ip4)
	nstest.Stand(t, ip6)
	want := ssCounts(t)
	got, err := CountHere(CountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sameCounts(t, "ss", want, got)
	delete(want, record.Listen)
	got, err = CountHere(CountOptions{NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	sameCounts(t, "ss without listeners", want, got)
}

// resident starts a process in the namespace of the calling thread.
func resident(t *testing.T) (pid int) {
	t.Helper()
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	return child.Process.Pid
}

// outside runs f where the program began: a new goroutine never lands on a thread that a test has moved.
func outside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func TestNetNSCountPID(t *testing.T) {
	nstest.Require(t)
	made := nstest.Stand(t, ip4)
	pid := resident(t)
	outside(func() {
		got, err := CountPID(pid, CountOptions{})
		if err != nil {
			t.Error(err)
		}
		sameCounts(t, "made", made.Counts, got)
	})
	got, err := CountPID(pid, CountOptions{}) // from the same namespace, which it need not enter
	if err != nil {
		t.Fatal(err)
	}
	sameCounts(t, "made", made.Counts, got)
}

func TestCountPIDExplains(t *testing.T) {
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	_, err := CountPID(child.Process.Pid, CountOptions{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "there is no process") {
		t.Errorf("a process that ended: %v", err)
	}
	if _, err := CountPID(0, CountOptions{}); err == nil {
		t.Error("process 0 was counted")
	}
}

// TestNetNSCountPIDAsOrdinaryUser: such a user may not enter the namespace, and counts it all the same.
func TestNetNSCountPIDAsOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("becoming an ordinary user takes root: run the tests as root")
	}
	nstest.Require(t)
	made := nstest.Stand(t, ip4)
	pid := resident(t)
	var mayNot error
	outside(func() {
		// By /proc/self/exe, since the directory that the test program lies in may be closed to that user.
		helper := exec.Command("/proc/self/exe")
		helper.Env = []string{helperEnv + "=" + strconv.Itoa(pid)}
		helper.Dir = "/"
		helper.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := helper.CombinedOutput()
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
			mayNot = err // in a user namespace without that user
			return
		}
		if err != nil {
			t.Errorf("the helper: %v\n%s", err, out)
			return
		}
		lines := strings.Split(string(out), "\n")
		if want := countsText(made.Counts) + " <nil>"; lines[0] != want {
			t.Errorf("counted %s\nexpected %s", lines[0], want)
		}
		if !strings.HasPrefix(lines[1], "true") || !strings.Contains(lines[1], "takes root") {
			t.Errorf("entering as an ordinary user: %s", lines[1])
		}
	})
	if mayNot != nil {
		t.Skipf("cannot become an ordinary user here (%v): run the tests as root", mayNot)
	}
}

func TestTimeWaitBytesOfThisKernel(t *testing.T) {
	n, err := TimeWaitBytes(false)
	if errors.Is(err, ErrSlabMerged) || errors.Is(err, os.ErrPermission) {
		t.Skipf("not told here: %v", err)
	}
	if err != nil || n < 128 || n > 1024 {
		t.Errorf("a TIME_WAIT of %d bytes, %v", n, err)
	}
}

func TestCPU(t *testing.T) {
	begin := ProcessCPU()
	for i := 0; ProcessCPU().Total() == begin.Total(); i++ {
		_ = bytes.Repeat([]byte{1}, 1<<16)
		if i > 1_000_000 {
			t.Fatal("no processor time passes")
		}
	}
	if thread := ThreadCPU(); thread.UserSeconds < 0 || thread.SystemSeconds < 0 {
		t.Errorf("%+v", thread)
	}
}

func BenchmarkNetNS18000TimeWait(b *testing.B) {
	ns := nstest.Require(b)
	nstest.FillTimeWait(b, 18_000, 20_000)
	s := states(b)
	totals, err := OpenSockstat(Here)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = totals.Close() }()
	var split Split
	for _, c := range []struct {
		name string
		look func() error
	}{
		{"Split", func() error { return s.Split(Filter{}, &split) }},
		{"SplitCountsOnly", func() error { return s.Split(Filter{CountsOnly: true}, &split) }},
		{"WithoutTimeWait", func() error { return s.WithoutTimeWait(Filter{}, &split) }},
		{"CountHere", func() error { _, err := CountHere(CountOptions{}); return err }},
		{"ProcTCP", func() error { _, err := countProc(Here, CountOptions{}); return err }},
		{"Sockstat", func() error { _, err := totals.Read(); return err }},
		{"Counters", func() error { _, err := Counters(Here); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			ns.Enter(b)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.look(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
