package linux

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux/nstest"
)

var capture = flag.Bool("capture", false, "write what this kernel answers to testdata")

var loopbacks = map[string]netip.Addr{
	"ipv4": netip.MustParseAddr("127.0.0.1"), "ipv6": netip.IPv6Loopback(),
}

func openDiag(t testing.TB) *Diag {
	t.Helper()
	d, err := OpenDiag()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func dumpAll(t testing.TB, d *Diag, q DiagQuery) []DiagRow {
	t.Helper()
	var rows []DiagRow
	if err := d.Dump(q, func(r *DiagRow) { rows = append(rows, *r) }); err != nil {
		t.Fatal(err)
	}
	return rows
}

func runSS(t testing.TB, address netip.Addr) string {
	t.Helper()
	family := "--family=inet"
	if address.Is6() {
		family = "--family=inet6"
	}
	out, err := exec.Command("ss", "-tan", family).Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("ss is not installed: install iproute2")
	}
	if err != nil {
		t.Fatalf("ss: %v", err)
	}
	return string(out)
}

// TestNetNSCapture makes the files that the codec's tests read: go test -run TestNetNSCapture ./internal/linux -capture
func TestNetNSCapture(t *testing.T) {
	if !*capture {
		t.Skip("only with -capture")
	}
	nstest.Require(t)
	for family, address := range loopbacks {
		nstest.Stand(t, address)
		d := openDiag(t)
		d.decoder.seq = 1
		d.request = appendDiagRequest(nil, DiagQuery{IPv6: address.Is6(), States: DiagAllStates}, 1)
		if err := d.send(); err != nil {
			t.Fatal(err)
		}
		all := readAnswer(t, d)
		for file, content := range map[string][]byte{
			"diag_" + family + ".bin": all, "ss_" + family + ".txt": []byte(runSS(t, address)),
		} {
			if err := os.WriteFile("testdata/"+file, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func readAnswer(t *testing.T, d *Diag) (all []byte) {
	t.Helper()
	for over := false; !over; {
		n, err := d.receive()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d.buffer[:n]...)
		if over, err = d.decoder.decode(d.buffer[:n], func(*DiagRow) {}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestNetNSDumpAgreesWithSS(t *testing.T) {
	nstest.Require(t)
	d := openDiag(t)
	for family, address := range loopbacks {
		nstest.Stand(t, address)
		rows := dumpAll(t, d, DiagQuery{IPv6: address.Is6(), States: DiagAllStates})
		want := ssRows(runSS(t, address))
		if diff := cmp.Diff(want, asSS(rows)); diff != "" || len(rows) == 0 {
			t.Errorf("%s: ss (-) and the dump (+) differ:\n%s", family, diff)
		}
		for _, r := range rows {
			checkTimer(t, r)
		}
	}
}

// One dump of both families has the rows of one for each, ports and states filtered alike.
func TestNetNSDumpOfBothFamilies(t *testing.T) {
	nstest.Require(t)
	d := openDiag(t)
	made := nstest.Stand(t, loopbacks["ipv4"])
	nstest.Stand(t, loopbacks["ipv6"])
	for name, q := range map[string]DiagQuery{
		"all": {States: DiagAllStates}, "but TIME_WAIT": {States: DiagAllStates &^ (1 << DiagTimeWait)},
		"SYN_RECV": {States: 1 << DiagSynRecv}, "peer's port": {States: DiagAllStates, DestPort: made.TimeWaitPort},
	} {
		want := dumpAll(t, d, q)
		q.IPv6 = true
		want = append(want, dumpAll(t, d, q)...)
		q.IPv6, q.BothFamilies = false, true
		if diff := cmp.Diff(asSS(want), asSS(dumpAll(t, d, q))); diff != "" || len(want) == 0 {
			t.Errorf("%s: one dump for each family (-), one for both (+):\n%s", name, diff)
		}
	}
}

func TestNetNSDumpFilters(t *testing.T) {
	nstest.Require(t)
	d := openDiag(t)
	made := nstest.Stand(t, loopbacks["ipv4"])
	ports := func(q DiagQuery) (local []uint16) {
		for _, r := range dumpAll(t, d, q) {
			local = append(local, r.SourcePort)
		}
		slices.Sort(local)
		return local
	}
	slices.Sort(made.TimeWaitClients)
	listener := []uint16{made.TimeWaitPort}
	for name, c := range map[string]struct {
		q    DiagQuery
		want []uint16
	}{
		"state":         {DiagQuery{States: 1 << DiagTimeWait}, made.TimeWaitClients},
		"peer's port":   {DiagQuery{States: DiagAllStates, DestPort: made.TimeWaitPort}, made.TimeWaitClients},
		"own port":      {DiagQuery{States: DiagAllStates, SourcePort: made.TimeWaitPort}, listener},
		"both":          {DiagQuery{States: DiagAllStates, SourcePort: 1, DestPort: made.TimeWaitPort}, nil},
		"no such state": {DiagQuery{States: 0}, nil},
		"other family":  {DiagQuery{IPv6: true, States: DiagAllStates}, nil},
	} {
		if diff := cmp.Diff(c.want, ports(c.q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if n := len(ports(DiagQuery{States: 1 << DiagSynRecv})); n != 2 {
		t.Errorf("asking for SYN_RECV finds %d of 2 sockets", n)
	}
}

func TestNetNSDumpAllocatesNothing(t *testing.T) {
	nstest.Require(t)
	nstest.Stand(t, loopbacks["ipv4"])
	d := openDiag(t)
	rows := 0
	visit := func(*DiagRow) { rows++ }
	allocs := testing.AllocsPerRun(100, func() {
		if err := d.Dump(DiagQuery{States: DiagAllStates}, visit); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 || rows == 0 {
		t.Errorf("%v allocations in a dump (%d rows in all)", allocs, rows)
	}
}

func TestDumpReturnsErrno(t *testing.T) {
	d := openDiag(t)
	d.decoder.seq = 1
	d.request = appendDiagRequest(nil, DiagQuery{States: DiagAllStates}, 1)
	d.request[nlHeaderLen] = 200 // no such address family
	if err := d.send(); err != nil {
		t.Fatal(err)
	}
	n, err := d.receive()
	if err != nil {
		t.Fatal(err)
	}
	over, err := d.decoder.decode(d.buffer[:n], func(*DiagRow) {})
	var errno syscall.Errno
	if !over || !errors.As(err, &errno) || errno != syscall.EINVAL {
		t.Errorf("over %v, error %v: expected EINVAL", over, err)
	}
	// A refusal ends that request only.
	if err := d.Dump(DiagQuery{States: 1 << DiagListen}, func(*DiagRow) {}); err != nil {
		t.Errorf("the dump after a refusal: %v", err)
	}
}

func TestBrokenDiagStaysBroken(t *testing.T) {
	d, err := OpenDiag()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Dump(DiagQuery{States: DiagAllStates}, func(*DiagRow) {}); !errors.Is(err, syscall.EBADF) {
			t.Errorf("a dump on a closed Diag: %v", err)
		}
	}
}

func TestCPUGrows(t *testing.T) {
	user, sys := ProcessCPU()
	threadUser, threadSys := ThreadCPU()
	for sum := 0; ; sum++ { // until the kernel has noticed
		u, s := ProcessCPU()
		tu, ts := ThreadCPU()
		if u+s > user+sys && tu+ts > threadUser+threadSys {
			break
		}
		if sum > 100_000_000 {
			t.Fatal("no processor time passes")
		}
	}
	if u, s := ThreadCPU(); u < 0 || s < 0 {
		t.Error("negative processor time")
	}
}

func netnsLink(t testing.TB) string {
	t.Helper()
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Error(err)
	}
	return link
}

func TestNetNSInNetNS(t *testing.T) {
	outside := make(chan string)
	go func() { outside <- netnsLink(t) }()
	host := <-outside

	ns := nstest.Require(t)
	inside := netnsLink(t)
	var seen string
	var thread int
	boom := errors.New("boom")
	done := make(chan error)
	go func() { // from outside, as a command does
		done <- InNetNS(ns.Path(), func() error {
			seen, thread = netnsLink(t), syscall.Gettid()
			return boom
		})
	}()
	if err := <-done; err != boom {
		t.Errorf("the function's error came back as %v", err)
	}
	if seen != inside || seen == host {
		t.Errorf("ran in %s, expected %s (host %s)", seen, inside, host)
	}
	if thread == os.Getpid() {
		t.Error("it moved the main thread")
	}
	for range 20 { // wherever goroutines run afterwards, it is not in there
		go func() { outside <- netnsLink(t) }()
		if now := <-outside; now != host {
			t.Fatalf("a goroutine of the program is left in %s", now)
		}
	}
	// The thread ends a moment after the function's result is there.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		link, err := os.Readlink(fmt.Sprintf("/proc/self/task/%d/ns/net", thread))
		if err != nil || link != inside {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the thread that entered is still there")
		}
	}
}

func TestInNetNSExplains(t *testing.T) {
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	gone := "/proc/" + strconv.Itoa(child.Process.Pid) + "/ns/net"
	for path, want := range map[string]error{
		"/dev/null":         ErrNotNetNS,
		"/proc/self/ns/uts": ErrNotNetNS,
		gone:                os.ErrNotExist,
		"/no/such/path":     os.ErrNotExist,
	} {
		err := InNetNS(path, func() error { t.Error("ran all the same"); return nil })
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, expected %v", path, err, want)
		}
		if path == gone && !strings.Contains(err.Error(), "there is no process") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestNetNSGoexitInside(t *testing.T) {
	ns := nstest.Require(t)
	err := InNetNS(ns.Path(), func() error { runtime.Goexit(); return nil })
	if !errors.Is(err, errUnfinished) {
		t.Errorf("a function that never returns: %v", err)
	}
}

func BenchmarkNetNSDump18000(b *testing.B) {
	nstest.Require(b)
	nstest.FillTimeWait(b, 18_000, 20_000)
	d := openDiag(b)
	rows := 0
	visit := func(*DiagRow) { rows++ }
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		rows = 0
		if err := d.Dump(DiagQuery{States: DiagAllStates}, visit); err != nil {
			b.Fatal(err)
		}
	}
	if rows < 18_000 {
		b.Fatalf("%d rows", rows)
	}
}
