//go:build linux

package trial

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"twomsl/internal/lab"
	"twomsl/internal/labtest"
	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// endedIn counts a side's connections that ended in a phase by a cause.
func endedIn(t *record.Trial, side, phase string, cause record.Cause) (n int64) {
	for _, o := range t.Outcomes {
		if o.Side == side && o.Phase == phase && o.Cause == string(cause) {
			n += o.Count
		}
	}
	return n
}

// listener is the server's one listener.
func listener(t *testing.T, got *record.Trial) record.Listener {
	t.Helper()
	if len(got.Sides.Server.Listeners) != 1 {
		t.Fatalf("listeners of the server: %+v; one was expected", got.Sides.Server.Listeners)
	}
	return got.Sides.Server.Listeners[0]
}

// Past half of the range each connect() looks through half of it in vain, and nothing fails.
func TestNetNSHalfRangeCliff(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "half-range-cliff", "sysctl.client.net.ipv4.ip_local_port_range=40000 47999",
		"load.stop.connections=5000"), Options{})
	p, q := got.Ports[0], got.Latency.Connect
	if got.Connections.OK != 5000 || got.Connections.Failed != 0 {
		t.Errorf("connections: %+v, want 5000 ok", got.Connections)
	}
	if p.PeakEven == nil || *p.PeakEven != 4000 || *p.PeakOdd != 1000 {
		t.Errorf("ports: %+v, want all 4000 even ones and 1000 odd", p)
	}
	if q.P99US < 5*q.P50US || p.Forecast.CliffPerSecond == nil {
		t.Errorf("connect() took %v us at p50 and %v at p99: no cliff", q.P50US, q.P99US)
	}
}

// racing is how many more a listener's queues may hold where handshakes are at the same point on several processors: the
// kernel looks for room without a lock (sk_acceptq_is_full, inet_csk_reqsk_queue_is_full).
var racing = int64(runtime.NumCPU())

// The kernel drops who finds no room in the accept queue, and the clients hear nothing.
func TestNetNSAcceptBacklog(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "accept-backlog", "load.stop.after=2s"), Options{})
	c, moved := got.Connections, got.Sides.Server.Counters
	if moved["TcpExt.ListenOverflows"] == 0 || moved["TcpExt.ListenDrops"] < moved["TcpExt.ListenOverflows"] {
		t.Errorf("ListenOverflows %d, ListenDrops %d: both were to move", moved["TcpExt.ListenOverflows"], moved["TcpExt.ListenDrops"])
	}
	if l := listener(t, got); l.Queue < 9 || l.Queue > 9+racing || l.Backlog != 8 || l.Port != 8080 {
		t.Errorf("the listener: %+v, want 9 in the queue of backlog 8", l)
	}
	waited := endedIn(got, "client", "connect", record.TimedOut) + endedIn(got, "client", "read", record.TimedOut)
	if c.Failed == 0 || c.Failed != waited || c.OK == 0 {
		t.Errorf("%+v, of which %d waited in vain: some were to fail, all of them so, and some to get in", c, waited)
	}
	if *got.Ledger.Client.Unexplained != 0 {
		t.Errorf("the client's account is open: %+v", got.Ledger.Client)
	}
}

// With cookies a full SYN queue keeps nobody out, and without them everybody.
func TestNetNSSynQueue(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "syn-queue", "load.stop.connections=100"), Options{})
	moved := got.Sides.Server.Counters
	if c := got.Connections; c.Failed != 0 || c.OK != 100 || moved["TcpExt.SyncookiesRecv"] < 100 {
		t.Errorf("%+v, %d cookies came back: all 100 were to get in by one", c, moved["TcpExt.SyncookiesRecv"])
	}
	if moved["TcpExt.TCPReqQFullDrop"] != 0 || moved["TcpExt.ListenOverflows"] != 0 || moved["TcpExt.ListenDrops"] != 0 {
		t.Errorf("something was dropped: %v", moved)
	}
	halfOpenStood(t, got)
	if got.Sides.Client.States.Peak[record.Established] < 160 {
		t.Errorf("on the client %v: its 160 half-open connections are established there", got.Sides.Client.States.Peak)
	}
}

func TestNetNSSynQueueWithoutCookies(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "syn-queue-no-cookies", "load.stop.connections=100", "client.timeout=1500ms"), Options{})
	c, moved := got.Connections, got.Sides.Server.Counters
	if c.Attempted != 100 || endedIn(got, "client", "connect", record.TimedOut) != c.Failed || c.Failed < 90 {
		t.Errorf("%+v: nearly all were to fail in connect(), without an answer", c)
	}
	if moved["TcpExt.TCPReqQFullDrop"] < 100 || moved["TcpExt.SyncookiesSent"] != 0 || moved["TcpExt.ListenOverflows"] != 0 {
		t.Errorf("%d dropped at the SYN queue, %d cookies, %d ListenOverflows", moved["TcpExt.TCPReqQFullDrop"],
			moved["TcpExt.SyncookiesSent"], moved["TcpExt.ListenOverflows"])
	}
	halfOpenStood(t, got)
}

// Half-open connections that the server gives up are opened anew while the load lasts.
func TestNetNSHalfOpenAreKept(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "syn-queue", "load.stop.connections=250", "sysctl.server.net.ipv4.tcp_synack_retries=0"), Options{})
	if opened := got.Sides.Client.States.Peak[record.Established]; opened < 160+100 {
		t.Errorf("%d were opened in all; the first 129 are given up after a second", opened)
	}
}

// They are not on their way to anything: nobody waits for them at the end.
func TestHalfOpenStand(t *testing.T) {
	r := &run{scenario: start(t, "syn-queue")}
	if w := r.watch(serverSide); !slices.Contains(w.Standing, record.SynRecv) || slices.Contains(w.Standing, record.Established) {
		t.Errorf("on the server %v", w.Standing)
	}
	if w := r.watch(clientSide); !slices.Contains(w.Standing, record.SynSent) || !slices.Contains(w.Standing, record.Established) {
		t.Errorf("on the client %v", w.Standing)
	}
	r.scenario.Load.HalfOpen = 0
	if w := r.watch(serverSide); len(w.Standing) != 0 {
		t.Errorf("without any %v", w.Standing)
	}
}

// halfOpenStood wants the SYN queue to have been as full as it can be, and nothing of it among the load's own figures.
func halfOpenStood(t *testing.T, got *record.Trial) {
	t.Helper()
	if l := listener(t, got); l.SynRecv < 129 || l.SynRecv > 129+racing || l.Backlog != 128 || l.Queue > 8 {
		t.Errorf("the listener: %+v, want 129 half open with backlog 128", l)
	}
	if n := endedIn(got, "client", "", record.OK); n != got.Connections.OK {
		t.Errorf("%d outcomes are ok, %d connections: half-open ones are none of the load's", n, got.Connections.OK)
	}
	if got.Close.NotJudged == "" || got.Ports[0].Source == got.Sides.Client.Addresses[1] || len(got.Ports) != 1 {
		t.Errorf("close %+v, ports %+v", got.Close, got.Ports)
	}
}

// accept() fails with EMFILE, the server asks again now and then only, and the clients wait for their response in vain.
func TestNetNSDescriptors(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "descriptors", "load.stop.after=2s"), Options{})
	refused := endedIn(got, "server", "accept", record.OutOfDescriptors)
	served := endedIn(got, "server", "", record.OK)
	whole := time.Duration(float64(time.Second) * (got.Phases.LoadSeconds + 30)) // the server ends a while after the load
	if most := served + int64(whole/(100*time.Millisecond)) + 400; refused == 0 || refused > most {
		t.Errorf("accept() failed %d times, expected some and %d at most: it must not spin", refused, most)
	}
	d := got.Sides.Server.Descriptors
	if d == nil || d.Limit != 128 || d.InUse < 128 || d.Program != "server" {
		t.Errorf("the server's descriptors: %+v, want all 128 in use", d)
	}
	if c := got.Sides.Client.Descriptors; c == nil || c.Limit <= 128 || c.InUse >= c.Limit {
		t.Errorf("the client's descriptors: %+v, want no such limit", c)
	}
	c := got.Connections
	if n := *got.Sides.Client.TimeWait.Peak; n > c.OK+c.OK/20 {
		t.Errorf("%d TIME_WAIT on the client at the peak, of %d connections that came to one: FIN_WAIT2 are among them", n, c.OK)
	}
	if waited := endedIn(got, "client", "read", record.TimedOut); c.Failed == 0 || c.Failed != waited || c.OK < 100 {
		t.Errorf("%+v, of which %d waited for a response in vain: all failures were to be so", c, waited)
	}
}

// An accept() that failed for want of a descriptor is no connection that came to an early end.
func TestFailedAcceptsAreNoConnections(t *testing.T) {
	ended := []record.Outcome{
		{Side: "server", Phase: "accept", Cause: string(record.OutOfDescriptors), Errno: "EMFILE", Count: 900},
		{Side: "server", Phase: "accept", Cause: string(record.Reset), Errno: "ECONNABORTED", Count: 1},
		{Side: "client", Phase: "read", Cause: string(record.TimedOut), Count: 2},
	}
	if n := (&run{}).spoiled(&record.Trial{Outcomes: ended}); n != 3 {
		t.Errorf("%d connections ended early, want 3", n)
	}
}

// A client without descriptors fails in socket(), before anything is sent.
func TestNetNSClientDescriptors(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "descriptors", "load.stop.after=1s", "client.descriptors=64", "server.descriptors=0"), Options{})
	n := endedIn(got, "client", "socket", record.OutOfDescriptors)
	if n == 0 || n != got.Connections.Failed || endedIn(got, "server", "accept", record.OutOfDescriptors) != 0 {
		t.Errorf("%+v, %d failed in socket()", got.Connections, n)
	}
}

// A full connection-tracking table drops every new flow, UDP's too, and no counter of TCP knows. It is filled once, since
// that takes its time.
func TestNetNSConntrackFull(t *testing.T) {
	t.Parallel()
	before, after := errors.New("not tried"), errors.New("not tried")
	got := runTrial(t, start(t, "conntrack-full"), Options{Watch: func(m Moment) {
		switch {
		case m.Failed > 0 && !errors.Is(after, os.ErrDeadlineExceeded): // the first failure may be another: a slow machine's
			after = refused(m.PID.Client)
		case m.OK > 0 && before.Error() == "not tried":
			before = refused(m.PID.Client)
		}
	}})
	if !errors.Is(before, syscall.ECONNREFUSED) || !errors.Is(after, os.ErrDeadlineExceeded) {
		t.Errorf("UDP to a closed port: %v with room in the table, %v without; want a refusal and then silence", before, after)
	}
	ct := got.Sides.Server.Conntrack
	if ct == nil || ct.Entries != ct.Limit || *ct.Dropped < 100 {
		t.Fatalf("the server's table: %+v; it was to be full, and to drop", ct)
	}
	if got.Sides.Client.Conntrack != nil {
		t.Errorf("the client tracks nothing: %+v", got.Sides.Client.Conntrack)
	}
	c, moved := got.Connections, got.Sides.Server.Counters
	if c.Failed < 100 || endedIn(got, "client", "connect", record.TimedOut) != c.Failed || moved["TcpExt.ListenDrops"] != 0 {
		t.Errorf("%+v, ListenDrops %d: connect() was to time out, unseen by TCP", c, moved["TcpExt.ListenDrops"])
	}
	if warned(got, "table-not-filled") {
		t.Errorf("warnings: %+v", got.Warnings)
	}
}

// refused sends a datagram from the network namespace of a process to the server's closed port 9, and tells what comes
// back: ECONNREFUSED where the server could answer by ICMP, os.ErrDeadlineExceeded where nothing came.
func refused(pid int) error {
	return linux.InNetNS(fmt.Sprintf("/proc/%d/ns/net", pid), func() error {
		c, err := net.Dial("udp", "198.19.0.1:9")
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.Write([]byte("?")); err != nil {
			return err
		}
		c.SetReadDeadline(time.Now().Add(500 * time.Millisecond)) //nolint:errcheck // then the read tells
		_, err = c.Read(make([]byte, 1))
		return err
	})
}

// A host that tracks, and a table with room: its entries are told, and that it was not filled.
func TestNetNSTracking(t *testing.T) {
	t.Parallel()
	got := runTrial(t, start(t, "close-matrix", "track.side=client"), Options{})
	ct := got.Sides.Client.Conntrack
	if ct == nil || ct.Entries != 200 || ct.Limit < ct.Entries || *ct.Dropped != 0 || *ct.EarlyDropped != 0 {
		t.Errorf("the client's table: %+v, want an entry for each of 200 connections", ct)
	}
	if got.Sides.Server.Conntrack != nil {
		t.Errorf("the server tracks nothing: %+v", got.Sides.Server.Conntrack)
	}
	if w := (&run{scenario: scenario.Scenario{Track: scenario.Track{Fill: scenario.On}}}).tableNotFilled(got); w == nil ||
		!strings.Contains(w.Text, "200 of") {
		t.Errorf("a table that was not filled is told as %+v", w)
	}
}

// What a load that is meant to fill the table would need is told before it starts.
func TestUnfillable(t *testing.T) {
	full := start(t, "conntrack-full")
	with := func(overrides ...string) scenario.Scenario {
		s, err := full.With(overrides)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, tt := range []struct {
		name        string
		s           scenario.Scenario
		limit       int64
		lives       time.Duration
		why, remedy string
	}{
		{"fits", full, 262_144, 2 * time.Minute, "", ""},
		{"no limit", full, 0, 2 * time.Minute, "there is no limit", "on the host itself"},
		{"one address", with("client.addresses=1"), 262_144, 2 * time.Minute, "has 51000 combinations", "client.addresses=6"},
		{"half of a range", with("client.bind=auto"), 262_144, 2 * time.Minute, "has 141160 combinations", "client.addresses=19"},
		{"more ports", with("client.addresses=1", "server.ports=6"), 262_144, 2 * time.Minute, "", ""},
		{"a count", with("load.stop.connections=1000"), 262_144, 2 * time.Minute, "stops after 1000", "load.stop.connections=264766"},
		{"slow", with("load.rate=100/s"), 1000, 2 * time.Minute, "", ""},
		{"too slow", with("load.rate=100/s"), 10_000, 2 * time.Minute, "100/s that takes 1m41s, and the load stops after 1m30s", "load.stop.after=3m22s"},
		{"entries go", with("load.rate=100/s"), 20_000, 2 * time.Minute, "takes 3m22s, and entries go after 2m0s", "tcp_timeout_time_wait=404"},
	} {
		why, remedy := unfillable(tt.s, tt.limit, tt.lives)
		if !strings.Contains(why, tt.why) || !strings.Contains(remedy, tt.remedy) || (tt.why == "") != (why == "") {
			t.Errorf("%s: %q, remedy %q; want %q and %q", tt.name, why, remedy, tt.why, tt.remedy)
		}
	}
}

// What the scenario itself has set counts, not what the namespace began with.
func TestCanFillGoesByTheSettings(t *testing.T) {
	r := &run{scenario: start(t, "conntrack-full", "load.rate=1000/s", "load.stop.after=10m")}
	s := &side{name: "server"}
	s.hello.Defaults = map[string]string{conntrackMax: "262144", conntrackTimeWait: "120"}
	if err := r.canFill(s); err == nil {
		t.Error("entries that go after 120 s fill no table at 1000/s")
	}
	s.sysctls.Changed = []record.SysctlChange{{Key: conntrackTimeWait, Value: "600"}}
	if err := r.canFill(s); err != nil {
		t.Error(err)
	}
	s.hello.Defaults = nil
	if err := r.canFill(s); err == nil {
		t.Error("a kernel without connection tracking")
	}
}

// Where the table is out of reach nothing is started: the machine cannot.
func TestNetNSUnfillableIsRefused(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	s := start(t, "conntrack-full", "client.addresses=1", "client.bind=20000-20999")
	got, err := Run(t.Context(), t.Context(), s, Options{Program: labtest.Program})
	var cannot *lab.UnavailableError
	if got != nil || !errors.As(err, &cannot) || !strings.Contains(err.Error(), "cannot be filled by this load") {
		t.Errorf("a trial %v, error %v", got, err)
	}
}
