//go:build linux

package trial

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// A TIME_WAIT of a connection that was made to the host is one mini-socket and nothing else: 20,000 of them over several
// address pairs are counted alike by us and by ss, and the kernel's cache grows by an object for each. The caches are the
// whole host's, so that other tests may spoil a round's memory, but no count.
func TestNetNSTimeWaitMemory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may read the kernel's caches")
	}
	ss := nstest.Program(t, "ss", "iproute2")
	const n, rounds = 20_000, 5
	const slack = n / 20                                           // of slabs that processors keep, and others' sockets that go
	s := start(t, "incident-18000", "load.stop.time_wait.count=1") // for its settings
	s.Load.Stop.TimeWait = nil
	s.Stand.TimeWait, s.Load.Hold = n, 1e9
	s.Client.Addresses, s.Payload.Request, s.Payload.Response = 4, 1, 1
	object, err := sample.TimeWaitBytes(false)
	if err != nil {
		t.Fatal(err)
	}
	for round := range rounds {
		outside := -1
		got := runTrial(t, s.Resolve(), Options{Memory: true, Watch: func(m Moment) {
			if m.Phase != "hold" || outside >= 0 {
				return
			}
			out, err := exec.Command("nsenter", "-t", strconv.Itoa(m.PID.Server), "-n", ss, "-Htan", "state", "time-wait").Output()
			if err != nil {
				t.Error(err)
			}
			outside = bytes.Count(out, []byte("\n"))
		}})
		if k := got.Stand; k == nil || k.Standing[record.TimeWait] != n || k.WorstDeviation != 0 || outside != n {
			t.Fatalf("stand %+v, %d by ss", k, outside)
		}
		ours(t, got)
		if got.KernelMemory == nil {
			t.Fatalf("no memory of the kernel: %v", got.Environment.Unmeasured)
		}
		for _, c := range got.KernelMemory.Caches {
			if c.Name != "tw_sock_TCP" {
				continue
			}
			if c.ObjectBytes != object {
				t.Errorf("an object of %d B, and a TIME_WAIT takes %d", c.ObjectBytes, object)
			}
			t.Logf("round %d: %d objects, %d bytes", round, c.Objects, c.Bytes)
			if c.Objects > n-slack && c.Bytes > (n-slack)*object { // more where others had some
				return
			}
		}
	}
	t.Errorf("in none of %d rounds the cache grew by a TIME_WAIT each", rounds)
}

// ours wants the memory of each of our own processes.
func ours(t *testing.T, got *record.Trial) {
	t.Helper()
	roles := map[string]int{}
	for _, p := range got.Processes {
		if roles[p.Role]++; p.PeakBytes < 1<<20 || p.PID < 2 {
			t.Errorf("%+v", p)
		}
	}
	for _, role := range []string{"conductor", "client", "server"} {
		if roles[role] != 1 {
			t.Errorf("%d processes are %s: %+v", roles[role], role, got.Processes)
		}
	}
	if len(got.Processes) != 4 { // and the lab's first
		t.Errorf("%+v", got.Processes)
	}
}
