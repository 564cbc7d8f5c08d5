//go:build linux

package trial

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

const few = 50 // connections of these tests

// deadPeer is a small dead-peer with what a test changes, and what must be in its record.
type deadPeer struct {
	name      string
	overrides []string
	check     func(t *testing.T, got *record.Trial)
}

// The client's host vanishes, and who finds it out depends on who asks. All of them run at the same time: they only wait.
func TestNetNSDeadPeers(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	cases := []deadPeer{
		{"nobody asks", []string{"load.hold=2s"}, unnoticed},
		{"nobody asks, IPv6", []string{"load.hold=2s", "family=ipv6"}, unnoticed},
		{"keep-alive", []string{"load.hold=8s", "server.keep_alive=1s/1s/2"}, foundByKeepAlive},
		{"heartbeat", []string{"load.hold=8s", "server.heartbeat=100ms/1s"}, foundByHeartbeat},
		{"the kernel's retries", []string{
			"load.hold=8s", "server.heartbeat=100ms/60s", "sysctl.server.net.ipv4.tcp_retries2=2",
		}, foundByRetries},
		{"too late", []string{"load.hold=1s", "server.keep_alive=30s"}, foundTooLate},
	}
	got, errs := make([]*record.Trial, len(cases)), make([]error, len(cases))
	var all sync.WaitGroup
	for i, c := range cases {
		s := start(t, "dead-peer", append([]string{
			"load.stop.connections=50", "load.concurrency=8", "client.vanish=300ms",
		}, c.overrides...)...)
		all.Go(func() { got[i], errs[i] = Run(t.Context(), t.Context(), s, Options{Program: labtest.Program}) })
	}
	all.Wait()
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if errs[i] != nil || got[i].Failure != nil {
				t.Fatal(errs[i], got[i])
			}
			vanished(t, got[i])
			c.check(t, got[i])
		})
	}
}

// vanished is what all of them have in common.
func vanished(t *testing.T, got *record.Trial) {
	if err := got.Check(); err != nil {
		t.Errorf("the record contradicts itself: %v", err)
	}
	k := got.Kept
	if k == nil || k.VanishedSeconds == nil || k.StoodThen == nil || *k.StoodThen != few || k.Ended == nil {
		t.Fatalf("kept: %+v", k)
	}
	if n := got.Sides.Client.States.End.Total(); n != 0 {
		t.Errorf("the vanished host has sockets: %v", got.Sides.Client.States.End)
	}
	if rst := got.Sides.Client.Counters["Tcp.OutRsts"]; rst != 0 {
		t.Errorf("the vanished host counts %d resets that never left it", rst)
	}
	if got.Connections.OK != few || got.Close.Agrees != nil {
		t.Errorf("connections %+v, close %+v", got.Connections, got.Close)
	}
}

// endedKept counts the server's connections that ended in phase kept, by cause and errno.
func endedKept(got *record.Trial) map[string]int64 {
	out := map[string]int64{}
	for _, o := range got.Outcomes {
		if o.Phase == "kept" {
			out[strings.TrimSpace(o.Side+" "+o.Cause+" "+o.Errno)] += o.Count
		}
	}
	return out
}

// most is the highest count of stalled sockets in any split of the server's.
func most(got *record.Trial, of func(*record.Stalled) int64) (n int64) {
	for _, s := range got.Sides.Server.Samples {
		if (s.Stalled == nil) != (s.States == nil) {
			return -1
		}
		if s.Stalled != nil {
			n = max(n, of(s.Stalled))
		}
	}
	return n
}

// Nobody asks: the server's connections stand to the end, no timer runs, no counter moves.
func unnoticed(t *testing.T, got *record.Trial) {
	if n := got.Sides.Server.States.End[record.Established]; n != few || *got.Kept.Ended != 0 || len(endedKept(got)) != 0 {
		t.Errorf("%d stand, %d ended: %v", n, *got.Kept.Ended, endedKept(got))
	}
	if n := most(got, func(s *record.Stalled) int64 { return s.Retransmitting + s.KeptAlive + s.Unanswered }); n != 0 {
		t.Errorf("%d wait for an answer", n)
	}
	c := got.Sides.Server.Counters
	if c["Tcp.RetransSegs"]+c["TcpExt.TCPKeepAlive"]+c["TcpExt.TCPAbortOnTimeout"]+c["Tcp.OutRsts"] != 0 || len(warnings(got)) != 0 {
		t.Errorf("counters %v, warnings %+v", c, got.Warnings)
	}
}

// The kernel asks, and ends each connection with ETIMEDOUT once its questions have had no answer.
func foundByKeepAlive(t *testing.T, got *record.Trial) {
	k, c := got.Kept, got.Sides.Server.Counters
	if e := endedKept(got); *k.Ended != few || e["server timed-out ETIMEDOUT"] != few || len(e) != 1 {
		t.Fatalf("%d ended: %v", *k.Ended, endedKept(got))
	}
	if c["TcpExt.TCPAbortOnTimeout"] != few || c["TcpExt.TCPKeepAlive"] < 2*few || got.Sides.Server.States.End[record.Established] != 0 {
		t.Errorf("counters %v, states %v", c, got.Sides.Server.States.End)
	}
	// Two questions a second apart have had no answer, whenever the first was; the clock of the probes is a tick coarse.
	if *k.FoundFirstSeconds < 1.9 || *k.FoundLastSeconds < *k.FoundFirstSeconds {
		t.Errorf("found after %v to %v s", *k.FoundFirstSeconds, *k.FoundLastSeconds)
	}
	if n := most(got, func(s *record.Stalled) int64 { return s.KeptAlive }); n != few {
		t.Errorf("%d have a keep-alive timer", n)
	}
	if *k.KeepAlive != (record.KeepAlive{IdleSeconds: 1, IntervalSeconds: 1, Probes: 2}) || len(warnings(got)) != 0 {
		t.Errorf("%+v, warnings %+v", k.KeepAlive, got.Warnings)
	}
}

// The application asks, and gives up by its own clock; its data and its FIN are still to be delivered.
func foundByHeartbeat(t *testing.T, got *record.Trial) {
	k := got.Kept
	if e := endedKept(got); *k.Ended != few || e["server timed-out"] != few || len(e) != 1 {
		t.Fatalf("%d ended: %v", *k.Ended, endedKept(got))
	}
	if k.Heartbeat.Answered == 0 || k.Heartbeat.Sent != k.Heartbeat.Answered+few || *k.FoundFirstSeconds < 0.9 {
		t.Errorf("%+v, found after %v s", k.Heartbeat, *k.FoundFirstSeconds)
	}
	if n := got.Sides.Server.States.End[record.FinWait1]; n != few || got.Sides.Server.Counters["Tcp.RetransSegs"] < few {
		t.Errorf("%d orphans in FIN_WAIT1, %d segments sent again", n, got.Sides.Server.Counters["Tcp.RetransSegs"])
	}
}

// Where the application waits for longer than the kernel tries, the kernel is first: tcp_retries2.
func foundByRetries(t *testing.T, got *record.Trial) {
	if e := endedKept(got); e["server timed-out ETIMEDOUT"] != few || len(e) != 1 {
		t.Errorf("ended: %v", e)
	}
	if n := got.Sides.Server.Counters["TcpExt.TCPAbortOnTimeout"]; n != few {
		t.Errorf("TCPAbortOnTimeout %d", n)
	}
}

// A hold that is too short for who asks is said.
func foundTooLate(t *testing.T, got *record.Trial) {
	if !warned(got, "not-found-in-time") || *got.Kept.Ended != 0 {
		t.Errorf("%d ended, warnings %+v", *got.Kept.Ended, got.Warnings)
	}
	if k := got.Kept.KeepAlive; k.IntervalSeconds != 75 || k.Probes != 9 {
		t.Errorf("what was not said is the namespace's: %+v", k)
	}
}

// The server does not close: its CLOSE_WAIT stand when the client has long forgotten. Orphaned FIN_WAIT2 are no TIME_WAIT at
// any moment, though sockstat counts them as such.
func TestNetNSCloseWaitLeak(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "close-wait-leak", "load.stop.connections=50", "load.hold=6s",
		"sysctl.client.net.ipv4.tcp_fin_timeout=1"), Options{})
	c, s := got.Sides.Client, got.Sides.Server
	if s.States.End[record.CloseWait] != few || s.States.End.Total() != few+s.States.End[record.Listen] || c.States.End.Total() != 0 {
		t.Errorf("server %v, client %v", s.States.End, c.States.End)
	}
	l := got.Ledger.Client
	if *c.TimeWait.Peak != 0 || *l.FinWait2 != few || *l.Unexplained != 0 || *l.Entered != few {
		t.Errorf("peak %d, ledger: %d entered, %d FIN_WAIT2, %d unexplained", *c.TimeWait.Peak, *l.Entered, *l.FinWait2, *l.Unexplained)
	}
	if got.Connections.Failed != 0 || got.Kept != nil || s.Memory == nil || s.Memory.Processes != 1 {
		t.Errorf("%+v, %+v, %+v", got.Connections, got.Kept, s.Memory)
	}
}

// The clients do not close: the server's orphans stand in FIN_WAIT2, and no process holds them.
func TestNetNSFinWait2Pileup(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "fin-wait-2-pileup", "load.stop.connections=50", "sysctl.server.net.ipv4.tcp_fin_timeout=60"), Options{})
	c, s := got.Sides.Client, got.Sides.Server
	if s.States.End[record.FinWait2] != few || c.States.End[record.CloseWait] != few || *s.TimeWait.Peak != 0 {
		t.Errorf("server %v, client %v, peak %d", s.States.End, c.States.End, *s.TimeWait.Peak)
	}
	if f := s.TimeWait.FinWait2Seconds; f == nil || *f < 55 || *got.Ledger.Server.FinWait2 != few || got.Close.Agrees == nil || !*got.Close.Agrees {
		t.Errorf("life %v, ledger %+v, close %+v", f, got.Ledger.Server, got.Close)
	}
}

// sharedOut is a run whose sides need three processes each, by a limit on descriptors that those processes really have.
func sharedOut(t *testing.T, name string, watch func(Moment), overrides ...string) (*record.Trial, error) {
	t.Helper()
	nstest.Require(t)
	s := start(t, name, append([]string{"load.stop.connections=300", "load.concurrency=16"}, overrides...)...)
	var said []string
	got, err := Run(t.Context(), t.Context(), s, Options{
		Program: labtest.Program, Descriptors: 200, Watch: watch, Say: func(text string) { said = append(said, text) },
	})
	if len(said) != 1 || !strings.Contains(said[0], "the client is 3 processes, the server 3 processes") {
		t.Errorf("said before the load: %q", said)
	}
	return got, err
}

// A side that needs more descriptors than a process may have is several: the figures are those of all of them.
func TestNetNSSeveralProcesses(t *testing.T) {
	t.Parallel()
	var outside map[string]int64
	var late error
	got, err := sharedOut(t, "idle-50000", func(m Moment) {
		if m.Phase == "hold" && outside == nil {
			outside, late = ss(m.PID.Server)
		}
	}, "load.hold=1s")
	if err != nil || late != nil || got.Failure != nil {
		t.Fatal(err, late, got.Failure)
	}
	if outside["ESTAB"] != 300 {
		t.Errorf("ss counts %v on the server", outside)
	}
	for name, s := range map[string]record.Side{"client": got.Sides.Client, "server": got.Sides.Server} {
		if s.States.End[record.Established] != 300 || s.Memory.Processes != 3 || *s.Memory.ResidentBytes <= 0 {
			t.Errorf("%s: %v, %+v", name, s.States.End, s.Memory)
		}
	}
	if len(got.Outcomes) != 2 || got.Connections.OK != 300 || got.Connections.Failed != 0 || got.Phases.StoppedBy != "connections" {
		t.Errorf("%+v, %+v, stopped by %s", got.Outcomes, got.Connections, got.Phases.StoppedBy)
	}
	sum := int64(0)
	for _, p := range got.Ports {
		sum += p.Successes
	}
	if sum != 300 || got.Latency.Connect.Count != 300 || *got.Bytes.Lost != 0 || got.Bytes.ByConnection.Metered != 300 {
		t.Errorf("%d on the tuples, latency of %d, bytes %+v", sum, got.Latency.Connect.Count, got.Bytes)
	}
	if got.Close.Agrees == nil || !*got.Close.Agrees || got.Workers.Client != 3 || !warned(got, "several-processes") {
		t.Errorf("close %+v, workers %+v, %+v", got.Close, got.Workers, got.Warnings)
	}
}

// A host vanishes whole, however many processes it had, and each of the server's finds its own connections dead.
func TestNetNSSeveralProcessesVanish(t *testing.T) {
	t.Parallel()
	got, err := sharedOut(t, "dead-peer", nil, "client.vanish=300ms", "load.hold=4s", "server.heartbeat=100ms/1s", "load.rate=1000/s")
	if err != nil || got.Failure != nil {
		t.Fatal(err, got.Failure)
	}
	if n := got.Sides.Client.States.End.Total(); n != 0 || *got.Kept.StoodThen != 300 || *got.Kept.Ended != 300 {
		t.Errorf("%d sockets on the client, %d stood, %d ended", n, *got.Kept.StoodThen, *got.Kept.Ended)
	}
	if c := got.Connections; c.OK != 300 || c.Failed != 0 {
		t.Errorf("%+v, %+v", c, got.Outcomes)
	}
	if e := endedKept(got); e["server timed-out"] != 300 || len(e) != 1 {
		t.Errorf("ended: %v", e)
	}
}

// One of the processes is killed while its connections stand, or the one that leads them: the run fails and names it, and
// none is left behind.
func TestNetNSOneOfSeveralProcessesDies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		side string
		lead bool
	}{{"client", false}, {"server", false}, {"client", true}} {
		side, parts := c.side, []int(nil)
		got, err := sharedOut(t, "idle-50000", func(m Moment) {
			if m.Phase != "hold" || parts != nil {
				return
			}
			of := m.PID.Client
			if side == "server" {
				of = m.PID.Server
			}
			parts = children(t, of)
			if !c.lead && len(parts) == 3 {
				of = parts[1]
			}
			_ = syscall.Kill(of, syscall.SIGKILL)
		}, "load.hold=60s")
		if err != nil || got.Failure == nil {
			t.Fatal(err, "the run goes on without a part of it")
		}
		want := fmt.Sprintf("the %s's process 2 of 3 (pid %d) has ended: signal: killed", side, parts[1])
		if c.lead {
			want = "the " + side + "'s process has ended: signal: killed"
		}
		if f := got.Failure; f.Side != side || !strings.Contains(f.Text, want) || got.Status != record.Failed {
			t.Errorf("%+v, want %q", *f, want)
		}
		if got.Phases.HoldSeconds >= 60 {
			t.Errorf("it was noticed at the end of the hold only")
		}
		for _, pid := range parts {
			gone := false
			for end := time.Now().Add(10 * time.Second); !gone && time.Now().Before(end); time.Sleep(time.Millisecond) {
				gone = syscall.Kill(pid, 0) != nil
			}
			if !gone {
				t.Errorf("process %d of the %s is still there", pid, side)
			}
		}
	}
}

// children are the processes whose parent is pid, in their order.
func children(t *testing.T, pid int) (out []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // gone by now
		}
		rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(pid) {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// Where the listeners cannot stand side by side there is one process, and the run is refused before it begins.
func TestNetNSOneListenerOneProcess(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	s := start(t, "idle-50000", "load.stop.connections=300", "load.concurrency=16", "server.reuse_port=off")
	_, err := Run(t.Context(), t.Context(), s, Options{Program: labtest.Program, Descriptors: 200})
	if err == nil || !strings.Contains(err.Error(), "server.reuse_port=on; or ask for fewer than 120") {
		t.Error(err)
	}
}
