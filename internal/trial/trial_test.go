//go:build linux

package trial

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asCaller {
		os.Exit(call(os.Args[2:]))
	}
	os.Exit(labtest.Main(m, os.Args))
}

// start gives the scenario of the library with the overrides.
func start(t *testing.T, name string, overrides ...string) scenario.Scenario {
	t.Helper()
	s, err := scenario.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = s.With(overrides); err != nil {
		t.Fatal(err)
	}
	s = s.Resolve()
	if err := s.Check(Known); err != nil {
		t.Fatal(err)
	}
	return s
}

func runTrial(t *testing.T, s scenario.Scenario, opt Options) *record.Trial {
	t.Helper()
	nstest.Require(t)
	opt.Program = labtest.Program
	got, err := Run(t.Context(), t.Context(), s, opt)
	if err != nil {
		t.Fatal(err)
	}
	if got.Failure != nil {
		t.Fatalf("the trial failed: %+v", *got.Failure)
	}
	if err := got.Check(); err != nil {
		t.Errorf("the record contradicts itself: %v", err)
	}
	c := got.Connections
	if c.Attempted != c.OK+c.Failed+c.Unfinished {
		t.Errorf("connections: %d attempted, %d ok + %d failed + %d unfinished", c.Attempted, c.OK, c.Failed, c.Unfinished)
	}
	return got
}

// aboutMachine are warnings that a busy machine gives any run, and that no count is spoilt by.
var aboutMachine = []string{"steal", "schedule-late", "generator-saturated"}

// warnings are those that say something of the run itself.
func warnings(t *record.Trial) (out []record.Warning) {
	for _, w := range t.Warnings {
		if !slices.Contains(aboutMachine, w.Code) {
			out = append(out, w)
		}
	}
	return out
}

func warned(t *record.Trial, code string) bool {
	return slices.ContainsFunc(t.Warnings, func(w record.Warning) bool { return w.Code == code })
}

// closed holds a side's account of TIME_WAIT to being closed.
func closed(t *testing.T, name string, l record.LedgerSide) {
	t.Helper()
	if *l.Unexplained != 0 || *l.Entered != *l.Standing+*l.Replaced+*l.Reused+*l.Expired+*l.GivenUp {
		t.Errorf("%s: %d entered = %d standing + %d replaced + %d reused + %d expired + %d given up + %d unexplained", name,
			*l.Entered, *l.Standing, *l.Replaced, *l.Reused, *l.Expired, *l.GivenUp, *l.Unexplained)
	}
}

// The incident, scaled down: the server holds exactly the goal, the client nothing, ss counts the same, and every
// TIME_WAIT that was entered is accounted for.
func TestNetNSIncident(t *testing.T) {
	const goal = 3000
	// few ports, so that some come back while their TIME_WAIT stands: the account needs each of its entries
	s := start(t, "incident-18000", "load.stop.time_wait.count=3000", "load.hold=1s", "client.addresses=4",
		"client.local_port_range=40000-41999")
	seen := map[string]int64{}
	var late error
	got := runTrial(t, s, Options{Watch: func(m Moment) {
		if m.Phase == "hold" && len(seen) == 0 {
			seen, late = ss(m.PID.Server)
		}
	}})
	if late != nil {
		t.Fatal(late)
	}
	if seen["TIME-WAIT"] != goal {
		t.Errorf("ss counts %v in the server's namespace during the hold, want %d TIME-WAIT", seen, goal)
	}
	server, client := got.Sides.Server, got.Sides.Client
	if n := server.States.End[record.TimeWait]; n != goal || *server.TimeWait.Peak != goal || *server.TimeWait.Plateau != goal {
		t.Errorf("server: %d at the end, peak %d, plateau %d; want %d", n, *server.TimeWait.Peak, *server.TimeWait.Plateau, goal)
	}
	if n := client.States.End[record.TimeWait]; n != 0 || *client.TimeWait.Peak != 0 {
		t.Errorf("client: %d TIME_WAIT at the end, peak %d; want none", n, *client.TimeWait.Peak)
	}
	l := got.Ledger.Server
	closed(t, "server", l)
	if *l.Replaced == 0 || *l.Replaced != *got.Connections.Replaced {
		t.Errorf("replaced: %d in the ledger, %d among the connections; some were to be expected", *l.Replaced, *got.Connections.Replaced)
	}
	if *l.Entered != *l.FirstCloses || *l.Entered != got.Connections.OK {
		t.Errorf("TcpExtTW %d, server's closes %d, connections %d: all should be equal", *l.Entered, *l.FirstCloses, got.Connections.OK)
	}
	if got.Scenario.Goal.ReachedSeconds == nil || got.Phases.StoppedBy != "time_wait" || len(warnings(got)) != 0 {
		t.Errorf("goal %+v, stopped by %s, warnings %+v", got.Scenario.Goal, got.Phases.StoppedBy, got.Warnings)
	}
}

// ss counts states in the namespace of a process, as a person would.
func ss(pid int) (map[string]int64, error) {
	out, err := exec.Command("nsenter", "--net=/proc/"+strconv.Itoa(pid)+"/ns/net", "ss", "-Htan").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ss in the peer's namespace: %w: %s", err, out)
	}
	n := map[string]int64{}
	for line := range bytes.Lines(out) {
		n[strings.Fields(string(line))[0]]++
	}
	return n, nil
}

// Ports run out after exactly as many connections as there are ports, however many workers ask for them.
func TestNetNSPortExhaustionIsExact(t *testing.T) {
	for _, workers := range []int{1, 4} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			s := start(t, "port-exhaustion", "client.local_port_range=40000-41999", fmt.Sprintf("client.workers=%d", workers))
			got := runTrial(t, s, Options{})
			p := got.Ports[0]
			if p.OKBeforeFirstExhaustion == nil || *p.OKBeforeFirstExhaustion != 2000 || p.Successes != 2000 {
				t.Errorf("2000 ports: %v before the first EADDRNOTAVAIL, %d in all", p.OKBeforeFirstExhaustion, p.Successes)
			}
			if *p.PeakInUse != 2000 || *p.PeakEven != 1000 || *p.PeakOdd != 1000 {
				t.Errorf("in use at the peak: %d = %d even + %d odd", *p.PeakInUse, *p.PeakEven, *p.PeakOdd)
			}
			if *p.Forecast.ExhaustedAfter != *p.OKBeforeFirstExhaustion {
				t.Errorf("forecast %d, happened %d", *p.Forecast.ExhaustedAfter, *p.OKBeforeFirstExhaustion)
			}
			if workers == 1 && got.Connections.Failed != 50 {
				t.Errorf("%d failed, the load was to stop at 50", got.Connections.Failed)
			}
			if n := outcome(got, "connect", "EADDRNOTAVAIL"); n != got.Connections.Failed {
				t.Errorf("%d failed, %d of them with EADDRNOTAVAIL at connect()", got.Connections.Failed, n)
			}
			closed(t, "client", got.Ledger.Client)
		})
	}
}

func outcome(t *record.Trial, phase, errno string) (n int64) {
	for _, o := range t.Outcomes {
		if o.Side == "client" && o.Phase == phase && o.Errno == errno {
			n += o.Count
		}
	}
	return n
}

// An open loop goes on after the first failure, keeps its schedule's count, and the forecast names count and moment.
func TestNetNSOpenLoopGoesOn(t *testing.T) {
	s := start(t, "port-exhaustion-small", "sysctl.client.net.ipv4.ip_local_port_range=40000 40099", "load.stop.after=1s")
	got := runTrial(t, s, Options{})
	c := got.Connections
	if c.Attempted+c.NotStarted != 200 {
		t.Errorf("200/s for 1 s: %d attempted + %d not started", c.Attempted, c.NotStarted)
	}
	p := got.Ports[0]
	if c.OK != 100 || *p.OKBeforeFirstExhaustion != 100 || *p.Forecast.ExhaustedAfter != 100 {
		t.Errorf("100 ports: %d ok, %d before the first failure, forecast %d", c.OK, *p.OKBeforeFirstExhaustion, *p.Forecast.ExhaustedAfter)
	}
	if *p.Forecast.ExhaustedSeconds != 0.5 || *p.FirstExhaustionSeconds < 0.5 {
		t.Errorf("forecast at %v s, happened at %v s: 0.5 s is the earliest", *p.Forecast.ExhaustedSeconds, *p.FirstExhaustionSeconds)
	}
	if got.Latency.FromIntended == nil || got.Latency.FromIntended.Count != c.OK {
		t.Errorf("latency from the intended start: %+v for %d connections", got.Latency.FromIntended, c.OK)
	}
}

func TestNetNSIPv6(t *testing.T) {
	s := start(t, "incident-18000", "family=ipv6", "load.stop.time_wait.count=500", "load.hold=0s")
	got := runTrial(t, s, Options{})
	if n := got.Sides.Server.States.End[record.TimeWait]; n != 500 {
		t.Errorf("%d TIME_WAIT, want 500", n)
	}
	if !strings.HasPrefix(got.Ports[0].Source, "2001:2:") { // RFC 5180
		t.Errorf("source %s is not from the benchmarking range", got.Ports[0].Source)
	}
	closed(t, "server", got.Ledger.Server)
}

// The first packet of a lab is not lost to a link that is not up yet: the neighbour solicitation before the SYN would be
// sent again after a second, where a connect takes a fraction of a millisecond. Half of the labs showed it before they
// waited for the link; one slow one in ten may be this machine's.
func TestNetNSFirstPacketArrives(t *testing.T) {
	slow := 0
	for range 10 {
		s := start(t, "incident-18000", "family=ipv6", "load.stop.time_wait=off", "load.stop.connections=1",
			"load.concurrency=1", "load.hold=0s", "client.addresses=1")
		got := runTrial(t, s, Options{})
		if got.Connections.OK != 1 {
			t.Fatalf("connections: %+v", got.Connections)
		}
		if got.Latency.Connect.MaxUS > 900_000 {
			slow++
		}
	}
	if slow > 1 {
		t.Errorf("%d of 10 labs took a second for their first connect()", slow)
	}
}

// Over loopback a default kernel reuses TIME_WAIT: the run must say that it shows something else.
func TestNetNSLoopbackWarns(t *testing.T) {
	s := start(t, "port-exhaustion-small", "topology=loopback", "load.stop.after=200ms")
	got := runTrial(t, s, Options{})
	if !warned(got, "loopback-reuse") {
		t.Errorf("warnings: %+v", got.Warnings)
	}
	if got.Ledger.Client.Entered != nil {
		t.Error("a ledger was made from counters that both sides share")
	}
	if n := got.Sides.Client.States.End[record.TimeWait]; n == 0 || got.Sides.Server.States.End[record.TimeWait] != 0 {
		t.Errorf("in one namespace the sides must be told apart by port: client %d, server %d", n,
			got.Sides.Server.States.End[record.TimeWait])
	}
}

// A full bucket table closes without TIME_WAIT: what stands is the limit, not the load.
func TestNetNSOverflowWarns(t *testing.T) {
	s := start(t, "incident-18000", "sysctl.server.net.ipv4.tcp_max_tw_buckets=200", "load.stop.time_wait.count=600",
		"load.stop.after=1s", "load.hold=0s", "load.rate=1000/s")
	got := runTrial(t, s, Options{})
	if !warned(got, "tw-overflow") || !warned(got, "goal-not-reached") {
		t.Errorf("warnings: %+v", got.Warnings)
	}
	over := got.Sides.Server.Counters["TcpExt.TCPTimeWaitOverflow"]
	if n := got.Sides.Server.States.End[record.TimeWait]; n != 200 || over == 0 {
		t.Errorf("%d stand with a limit of 200, %d over it", n, over)
	}
}

// With tcp_tw_reuse the ports come back after a second: the forecast says so, and TWRecycled shows it.
func TestNetNSReuse(t *testing.T) {
	s := start(t, "port-exhaustion-small", "sysctl.client.net.ipv4.ip_local_port_range=40000 40099",
		"sysctl.client.net.ipv4.tcp_tw_reuse=1", "load.rate=80/s", "load.stop.after=3s")
	got := runTrial(t, s, Options{})
	if got.Connections.Failed != 0 || *got.Ledger.Client.Reused == 0 {
		t.Errorf("%d failed, %d reused; 80/s on 100 ports that come back after 1 s must go on", got.Connections.Failed, *got.Ledger.Client.Reused)
	}
	if f := got.Ports[0].Forecast; f.TakenMostSeconds != 1 || f.ExhaustedAfter != nil {
		t.Errorf("forecast %+v: a port stays taken for tcp_tw_reuse_delay", f)
	}
	closed(t, "client", got.Ledger.Client)
}

// Without timestamps on the server there is no reuse, whatever the client is set to.
func TestNetNSReuseWantsTimestampsOnBothSides(t *testing.T) {
	s := start(t, "port-exhaustion-small", "sysctl.client.net.ipv4.ip_local_port_range=40000 40099",
		"sysctl.client.net.ipv4.tcp_tw_reuse=1", "sysctl.server.net.ipv4.tcp_timestamps=0", "load.rate=80/s", "load.stop.after=3s")
	got := runTrial(t, s, Options{})
	if got.Connections.OK != 100 || *got.Ledger.Client.Reused != 0 {
		t.Errorf("%d ok on 100 ports, %d reused", got.Connections.OK, *got.Ledger.Client.Reused)
	}
	if f := got.Ports[0].Forecast; f.ExhaustedAfter == nil || *f.ExhaustedAfter != 100 {
		t.Errorf("forecast %+v: the ports run out", f)
	}
}

// A soft end drains and keeps; a hard one leaves at once and keeps what was told.
func TestNetNSInterrupts(t *testing.T) {
	nstest.Require(t)
	for _, hardToo := range []bool{false, true} {
		soft, endSoft := context.WithCancel(t.Context())
		hard, endHard := context.WithCancel(t.Context())
		s := start(t, "steady-200")
		got, err := Run(soft, hard, s, Options{Program: labtest.Program, Watch: func(m Moment) {
			if m.Opened > 20 && m.TimeWait.Client > 0 { // so that a sample has been told
				endSoft()
				if hardToo {
					endHard()
				}
			}
		}})
		endHard()
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != record.Interrupted || got.Connections.Attempted < 20 || len(got.Sides.Client.Samples) == 0 {
			t.Errorf("hard %v: %s, %d attempted, %d samples", hardToo, got.Status, got.Connections.Attempted, len(got.Sides.Client.Samples))
		}
		if !hardToo && got.Connections.Unfinished != 0 {
			t.Errorf("%d unfinished after a soft end", got.Connections.Unfinished)
		}
	}
}

// A lab that has gone leaves no process and no namespace.
func TestNetNSNothingStaysBehind(t *testing.T) {
	var pids record.SidePair[int]
	s := start(t, "port-exhaustion-small", "load.stop.after=300ms")
	runTrial(t, s, Options{Watch: func(m Moment) { pids = m.PID }})
	for _, pid := range []int{pids.Client, pids.Server} {
		if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil || pid == 0 {
			t.Errorf("process %d is still there", pid)
		}
	}
}

// The forecast names what a scenario asks of one tuple.
func TestForecast(t *testing.T) {
	const most = 62048 * time.Millisecond
	steady := scenario.Scenario{Load: scenario.Load{Rate: 198, Stop: scenario.Stop{After: scenario.Duration(150 * time.Second)}}}
	f := Forecast(steady, timeWaitLen, most, 28232, 1)
	if got := fmt.Sprintf("%.0f %.1f %.1f %.1f", *f.Plateau, *f.CliffPerSecond, *f.FullPerSecond, *f.RateThatLasts); got != "12286 227.5 455.0 455.0" {
		t.Errorf("198/s on 28,232 ports: %s", got)
	}
	if f.ExhaustedAfter != nil {
		t.Error("198/s never fills 28,232 ports")
	}
	small := steady
	small.Load.Rate = 200
	f = Forecast(small, timeWaitLen, most, 1000, 1)
	if *f.ExhaustedAfter != 1000 || *f.ExhaustedSeconds != 5 || *f.RateThatLasts != 16.1 {
		t.Errorf("200/s on 1,000 ports: after %d at %v s, lasts %v/s", *f.ExhaustedAfter, *f.ExhaustedSeconds, *f.RateThatLasts)
	}
	small.Load.Stop.Connections = 1000
	if f = Forecast(small, timeWaitLen, most, 1000, 1); f.ExhaustedAfter != nil {
		t.Error("1,000 connections on 1,000 ports exhaust nothing")
	}
	if f = Forecast(small, timeWaitLen, most, 1000, 4); *f.RatePerSecond != 50 {
		t.Errorf("four tuples share 200/s: %v/s each", *f.RatePerSecond)
	}
	fast := steady
	fast.Load.Rate, fast.Client.LocalPortRange = scenario.Max, scenario.PortRange{Low: 32768, High: 60999}
	if f = Forecast(fast, timeWaitLen, most, 28232, 1); *f.ExhaustedAfter != 28232 || f.CliffPerSecond != nil || f.Plateau != nil {
		t.Errorf("max with its own range: %+v", f)
	}
	if f = Forecast(fast, 0, 0, 28232, 1); f.ExhaustedAfter != nil || f.FullPerSecond != nil {
		t.Errorf("ports that are free at once: %+v", f)
	}
}

func TestEffectiveRange(t *testing.T) {
	for _, c := range []struct {
		namespace string
		own       scenario.PortRange
		want      record.PortRange
	}{
		{"32768\t60999", scenario.PortRange{}, record.PortRange{Low: 32768, High: 60999}},
		{"32768 60999", scenario.PortRange{Low: 40000, High: 40999}, record.PortRange{Low: 40000, High: 40999}},
		{"32768 60999", scenario.PortRange{Low: 1024, High: 40999}, record.PortRange{Low: 32768, High: 40999}},
		{"32768 60999", scenario.PortRange{Low: 40000, High: 65535}, record.PortRange{Low: 40000, High: 60999}},
	} {
		if got, err := effectiveRange(c.namespace, c.own); err != nil || got != c.want {
			t.Errorf("%s with %v: %v, %v; want %v", c.namespace, c.own, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "1", "9 8", "a b"} {
		if _, err := effectiveRange(bad, scenario.PortRange{}); err == nil {
			t.Errorf("%q was taken for a range", bad)
		}
	}
}

func TestReservedPorts(t *testing.T) {
	r := record.PortRange{Low: 100, High: 199}
	for list, want := range map[string]int64{"": 0, "100": 1, "99,200": 0, "90-109": 10, "150,190-300,5": 11, "0-65535": 100} {
		if got := reservedIn(list, r); got != want {
			t.Errorf("%q: %d, want %d", list, got, want)
		}
	}
}

func TestPlateau(t *testing.T) {
	samples := func(counts ...int64) (out []record.Sample) {
		for _, n := range counts {
			out = append(out, record.Sample{TimeWait: &n})
		}
		return append(out, record.Sample{}) // one that was not counted
	}
	level := samples(0, 10, 50, 90, 100, 100, 100, 100, 100, 100, 100, 100, 101, 100, 99, 100)
	if p := plateauOf(level, 1); p == nil || *p != 100 {
		t.Errorf("level: %v", p)
	}
	held := append(samples(0, 10, 50, 90), samples(100, 100, 100, 100)...)
	for i := 5; i < len(held); i++ {
		held[i].AtMS = 5
	}
	if p := plateauOf(held, 5); p == nil || *p != 100 {
		t.Errorf("held: %v", p)
	}
	for name, s := range map[string][]record.Sample{
		"rising": samples(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16), "nothing": samples(),
		"too few": samples(5, 5, 5), "none stood": samples(make([]int64, 16)...),
	} {
		if p := plateauOf(s, 1); p != nil {
			t.Errorf("%s: a plateau of %d", name, *p)
		}
	}
}

// What the sampler reports during a run is what a count from outside sees.
func TestNetNSStatesFromOutside(t *testing.T) {
	s := start(t, "incident-18000", "load.stop.time_wait.count=400", "load.hold=500ms")
	var outside record.Counts
	var err error
	runTrial(t, s, Options{Watch: func(m Moment) {
		if m.Phase == "hold" && outside == nil {
			outside, err = sample.CountPID(m.PID.Server, sample.CountOptions{NoListen: true})
		}
	}})
	if err != nil || outside[record.TimeWait] != 400 || outside.Total() != 400 {
		t.Errorf("from outside: %v, %v", outside, err)
	}
}
