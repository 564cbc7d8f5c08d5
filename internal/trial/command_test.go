//go:build linux

package trial

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// commanded is a scenario with a client of somebody else's. A stray RST would end a TIME_WAIT.
func commanded(line string, change ...func(*scenario.Scenario)) scenario.Scenario {
	s := scenario.Scenario{
		Name: "command", Client: scenario.Client{Command: line},
		Load:   scenario.Load{Stop: scenario.Stop{After: scenario.Duration(time.Minute)}},
		Sysctl: scenario.Sysctl{Both: map[string]string{"net.ipv4.tcp_rfc1337": "1"}},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func closes(side scenario.Side) func(*scenario.Scenario) {
	return func(s *scenario.Scenario) { s.Close.Side = side }
}

// portsFrom gives the client's host so few ports to choose from.
func portsFrom(text string) func(*scenario.Scenario) {
	return func(s *scenario.Scenario) { s.Sysctl.Client = map[string]string{"net.ipv4.ip_local_port_range": text} }
}

func onSix(s *scenario.Scenario) { s.Family = scenario.IPv6 }

// failuresOf lists the client's, as "phase cause errno count".
func commandFailures(t *record.Trial) (out []string) {
	for _, o := range t.Outcomes {
		if o.Side == "client" && o.Cause != string(record.OK) {
			out = append(out, strings.Join(strings.Fields(fmt.Sprint(o.Phase, " ", o.Cause, " ", o.Errno, " ", o.Count)), " "))
		}
	}
	slices.Sort(out)
	return out
}

// wantConnections holds what was counted to what the program did.
func wantConnections(t *testing.T, got *record.Trial, ok int64, failures ...string) {
	t.Helper()
	seen := commandFailures(got)
	if got.Connections.OK != ok || !slices.Equal(seen, failures) {
		t.Errorf("%+v %q, expected %d and %q; client %v, server %v; it said %q", got.Connections, seen, ok, failures,
			got.Sides.Client.Counters, got.Sides.Server.Counters, got.ClientCommand.LastWords)
	}
	if c := got.Connections; c.Attempted != c.OK+c.Failed || c.Unfinished != 0 {
		t.Errorf("%+v does not add up", c)
	}
}

// Our server, answering HTTP, is left with every TIME_WAIT where it is to close first, and with none where it is not.
func TestNetNSCommandTimeWait(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for _, how := range []string{"net", "hasty", "waiting"} {
		for _, first := range []scenario.Side{scenario.ClientSide, scenario.ServerSide} {
			for _, family := range []scenario.Family{scenario.IPv4, scenario.IPv6} {
				t.Run(fmt.Sprint(how, " ", first, " ", family), func(t *testing.T) {
					t.Parallel()
					got := carryOut(t, commanded(caller(t, "-n 25 -threads 8 -how "+how), closes(first), func(s *scenario.Scenario) { s.Family = family }))
					wantConnections(t, got, 200)
					closer, other := &got.Sides.Client, &got.Sides.Server
					if first == scenario.ServerSide {
						closer, other = other, closer
					}
					// A tuple that came back took its TIME_WAIT over: the count of those that began is exact.
					if n, m := closer.Counters["TcpExt.TW"], other.States.End[record.TimeWait]; n != 200 || m != 0 {
						t.Errorf("%d entered TIME_WAIT where it closed first, %d stand on the other side", n, m)
					}
					wantUntold(t, got)
				})
			}
		}
	}
}

// wantUntold holds that nothing is told which nobody can know, and that the load was the command's.
func wantUntold(t *testing.T, got *record.Trial) {
	t.Helper()
	if got.Bytes.Lost != nil || got.Latency.Connect != nil || got.Ledger.Client.FirstCloses != nil || got.Close.Agrees != nil ||
		got.Rate.AskedPerSecond != nil || got.Rate.LimitedBy != "" {
		t.Errorf("told what nobody can know: %+v %+v %+v %+v", got.Bytes, got.Latency, got.Ledger, got.Rate)
	}
	c := got.ClientCommand
	if got.Phases.StoppedBy != "command" || got.Engine != "command" || c == nil || c.ExitCode == nil || *c.ExitCode != 0 || c.Unwatched != "" || c.Unseen != 0 {
		t.Errorf("%+v %s %+v", got.Phases, got.Engine, c)
	}
	if len(got.Warnings) > 0 {
		t.Errorf("%+v", got.Warnings)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
}

// ab keeps its connections and closes them where the server lets it; else the server closes each after its response. What ab
// has in flight when its last response came it closes itself.
func TestNetNSCommandAb(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	ab := nstest.Program(t, "ab", "apache2-utils")
	t.Run("client", func(t *testing.T) {
		got := carryOut(t, commanded(ab+" -q -k -n 100 -c 100 $TWOMSL_URL", closes(scenario.ClientSide)))
		wantConnections(t, got, 100)
		if n, m := got.Sides.Client.States.End[record.TimeWait], got.Sides.Server.States.End[record.TimeWait]; n != 100 || m != 0 {
			t.Errorf("%d and %d TIME_WAIT", n, m)
		}
	})
	t.Run("server", func(t *testing.T) {
		got := carryOut(t, commanded(ab+" -q -n 200 -c 10 $TWOMSL_URL", closes(scenario.ServerSide)))
		if n, all := got.Sides.Server.Counters["TcpExt.TW"], got.Connections.Attempted; n < 200 || n > all || all > 210 || got.Connections.Failed != 0 {
			t.Errorf("%d entered TIME_WAIT on the server: %+v %+v", n, got.Connections, got.Outcomes)
		}
	})
}

// Both ends are somebody else's.
func TestNetNSCommandAndForeignServer(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	command := nginx(t)
	got := carryOut(t, commanded(caller(t, "-n 50 -threads 2"), func(s *scenario.Scenario) { s.Server.Command = command }))
	wantConnections(t, got, 100)
	if n := got.Sides.Client.Counters["TcpExt.TW"]; n != 100 {
		t.Errorf("%d entered TIME_WAIT", n)
	}
	wantUntold(t, got)
}

// No counter of the kernel's knows of EADDRNOTAVAIL: each is counted all the same. Go's net calls connect() up to three times for
// one (spuriousENOTAVAIL), and each is a call that failed.
func TestNetNSCommandRunsOutOfPorts(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for _, c := range []struct {
		args     string
		attempts int64 // of each that finds no port
		failure  string
	}{
		{"-n 80 -how waiting", 1, "connect address-not-available EADDRNOTAVAIL"},
		{"-n 10 -threads 8 -how waiting", 1, "connect address-not-available EADDRNOTAVAIL"},
		{"-n 80 -how net", 3, "connect address-not-available EADDRNOTAVAIL"},
		{"-n 80 -how bound", 1, "bind address-in-use EADDRINUSE"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			got := carryOut(t, commanded(caller(t, c.args), portsFrom("40000 40049")))
			wantConnections(t, got, 50, fmt.Sprint(c.failure, " ", 30*c.attempts))
			p := got.Ports[0]
			if p.OKBeforeFirstExhaustion == nil || p.FirstExhaustionSeconds == nil || p.Successes != 50 || *p.PeakInUse != 50 {
				t.Errorf("%+v", p)
			}
			if code := got.ClientCommand.ExitCode; code == nil || *code != 1 || !strings.Contains(got.ClientCommand.LastWords, "30 failed") {
				t.Errorf("%+v", got.ClientCommand)
			}
		})
	}
}

// What connect() itself returns has an errno; what comes to nothing later has none, and the kernel's counter tells its number.
func TestNetNSCommandFailures(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	ip := nstest.Program(t, "ip", "iproute2")
	for _, c := range []struct {
		name, line string
		ok         int64
		failures   []string
	}{
		{"later", caller(t, "-n 7 -how closed"), 0, []string{"connect other 7"}},
		{"at once", caller(t, "-n 3") + "; TWOMSL_PORT=1 " + caller(t, "-n 7 -how waiting"), 3, []string{"connect refused ECONNREFUSED 7"}},
		{"no route", "TWOMSL_ADDRESS=10.9.9.9 " + caller(t, "-n 2 -how waiting"), 0, []string{"connect unreachable ENETUNREACH 2"}},
		{"its own server", caller(t, "-n 5 -how own") + "; " + caller(t, "-n 5"), 10, nil},
		// Nobody has that link address, and a SYN is sent again for two minutes; 02 is SYN_SENT.
		{"given up", ip + " neigh add 198.19.9.9 lladdr 02:00:00:00:00:09 dev veth0; TWOMSL_ADDRESS=198.19.9.9 " + caller(t, "-how waiting") +
			" & until grep -q ' 02 ' /proc/net/tcp; do sleep 0.05; done; kill -9 $!", 0, []string{"connect timed-out 1"}},
		// One that waits for long does so itself, from where the watch left off.
		{"handed back", ip + " neigh replace $TWOMSL_ADDRESS lladdr 02:00:00:00:00:09 dev veth0; " + caller(t, "-how waiting") + " & sleep 2; " + ip +
			" neigh del $TWOMSL_ADDRESS dev veth0; wait $!", 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := carryOut(t, commanded(c.line))
			wantConnections(t, got, c.ok, c.failures...)
			for _, w := range got.Warnings {
				if len(w.Spoils) > 0 {
					t.Errorf("%+v", w)
				}
			}
		})
	}
}

// What a command ends with is a result; that it cannot be started is a failure.
func TestNetNSCommandEnds(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	soon := func(s *scenario.Scenario) { s.Load.Stop.After = scenario.Duration(time.Second) }
	for _, c := range []struct {
		name, line, by string
		code           int // below 0: none
		signal         string
	}{
		{"a test that fails", "echo not ok; exit 7", "command", 7, ""},
		{"killed", "kill -9 $$", "command", -1, "SIGKILL"},
		{"never ends", "exec sleep 1000", "after", -1, "SIGTERM"},
		{"does not want to end", "trap '' TERM; while :; do sleep 1; done", "after", -1, "SIGKILL"},
		{"leaves something", "sleep 1000 & setsid sleep 1000 & exit 0", "command", 0, ""},
		{"its environment", `test "$TWOMSL_URL" = "http://[$TWOMSL_ADDRESS]:$TWOMSL_PORT/"`, "command", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := carryOut(t, commanded(c.line, soon, onSix))
			end := got.ClientCommand
			if code := end.ExitCode; got.Phases.StoppedBy != c.by || end.Signal != c.signal || (code == nil) != (c.code < 0) || code != nil && *code != c.code {
				t.Errorf("%+v %+v", got.Phases, end)
			}
			told := slices.ContainsFunc(got.Warnings, func(w record.Warning) bool { return w.Code == "command-failed" })
			if want := c.by == "command" && c.code != 0; told != want {
				t.Errorf("%+v", got.Warnings)
			}
		})
	}
}

func TestNetNSCommandCannotStart(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	got, err := Run(t.Context(), t.Context(), commanded("/no/such/client").Resolve(), Options{Program: labtest.Program})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != record.Failed || got.Failure.Side != "client" || !strings.Contains(got.Failure.Text, "client.command") ||
		!strings.Contains(got.Failure.LastWords, "not found") {
		t.Errorf("%s %+v", got.Status, got.Failure)
	}
}

// The processor time of what the command started, ended and lost is the client's.
func TestNetNSCommandProcessorTime(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	ready := t.TempDir() + "/ready"
	busy := caller(t, "-how busy")
	for name, line := range map[string]string{
		"a child":   busy + "; true",
		"an orphan": fmt.Sprintf("( ( %s; : > %s ) & ); until test -e %s; do sleep 0.05; done", busy, ready, ready),
	} {
		t.Run(name, func(t *testing.T) {
			got := carryOut(t, commanded(line))
			if used := got.Sides.Client.CPU.Total(); used < busyFor.Seconds() {
				t.Errorf("%.3f s, and it took %v", used, busyFor)
			}
		})
	}
}

// A kernel that refuses to let connect() be watched is no obstacle, and what nobody could see is no zero.
func TestNetNSCommandUnwatched(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	unwatchable(t, func() {
		got := carryOut(t, commanded(caller(t, "-n 80 -how waiting"), portsFrom("40000 40049")))
		if c := got.Connections; c.Attempted != 50 || got.ClientCommand.Unwatched == "" {
			t.Errorf("%+v %+v", c, got.ClientCommand)
		}
		i := slices.IndexFunc(got.Warnings, func(w record.Warning) bool { return w.Code == "connects-unwatched" })
		if i < 0 || !slices.Contains(got.Warnings[i].Spoils, "failed") || !slices.Contains(got.Warnings[i].Spoils, "first_exhaustion_seconds") {
			t.Errorf("%+v", got.Warnings)
		}
	})
}
