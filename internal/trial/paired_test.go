//go:build linux

package trial

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/paired"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// pairedStart is start with both ends on the same threads.
func pairedStart(t *testing.T, name string, overrides ...string) scenario.Scenario {
	t.Helper()
	return start(t, name, append([]string{"engine=paired"}, overrides...)...)
}

// What scenario.Check lets through the engine can do, and what the engine cannot do is refused before anything starts.
func TestPairedIsRefusedWhatItCannotDo(t *testing.T) {
	for _, k := range teardown.Kinds() {
		for _, argument := range k.Samples {
			for _, side := range k.Sides {
				s := scenario.Scenario{Name: "closing", Engine: paired.Name}
				s.Close.Side, s.Close.How = side, teardown.How(k, argument)
				s.Load.Stop.Connections = 10
				strategy, err := teardown.For(s.Close)
				if err != nil {
					t.Fatal(err)
				}
				can := paired.Can(strategy.Client) == nil && paired.Can(strategy.Server) == nil
				if err := s.Resolve().Check(Known); (err == nil) != can {
					t.Errorf("%s by %s: the engine can: %v; check: %v", s.Close.How, side, can, err)
				}
			}
		}
	}
}

// The kernel shows the same as with the other engines, over the link and in one namespace, on one thread and on two.
func TestNetNSPairedTakesDownAsDeclared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		side, how string
		workers   int
		more      []string
	}{
		{"client", "fin", 2, nil},
		{"server", "fin", 2, nil},
		{"both", "fin", 1, nil},
		{"client", "linger=0", 2, nil},
		{"server", "graceful", 1, []string{"client.requests=5", "client.no_delay=on"}},
		{"client", "half", 2, nil},
		{"client", "unread", 1, nil},
		{"both", "simultaneous", 2, nil},
		{"server", "fin", 2, []string{"family=ipv6", "client.addresses=3", "server.addresses=2", "server.ports=2"}},
		{"client", "fin", 1, []string{"client.bind=address", "client.bind_address_no_port=off"}},
	} {
		name := fmt.Sprintf("%s by %s, %d workers %s", c.how, c.side, c.workers, strings.Join(c.more, " "))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := pairedStart(t, "close-matrix", append(c.more, "close.side="+c.side, "close.how="+c.how, "load.rate=max",
				fmt.Sprintf("client.workers=%d", c.workers))...)
			got := runTrial(t, s, Options{})
			agrees(t, got)
			if got.Engine != "paired" || got.Connections.OK != 200 || got.Workers != (record.SidePair[int]{Client: c.workers, Server: c.workers}) {
				t.Errorf("engine %s, connections %+v, workers %+v", got.Engine, got.Connections, got.Workers)
			}
			for name, l := range map[string]record.LedgerSide{"client": got.Ledger.Client, "server": got.Ledger.Server} {
				if l.Unexplained == nil || *l.Unexplained != 0 {
					t.Errorf("the %s's account leaves %v over: %+v", name, l.Unexplained, l)
				}
			}
			if by := got.Bytes.ByConnection; by == nil || by.Metered != 200 || by.Unmatched != 0 {
				t.Errorf("by connection: %+v", by)
			}
			if got.Environment.Unmeasured["sides.server.cpu"] == "" || got.Sides.Server.CPU.Total() != 0 {
				t.Errorf("the server's processor time: %+v, unmeasured %q", got.Sides.Server.CPU, got.Environment.Unmeasured)
			}
			if got.Restart == nil || got.Restart.Errno != "" {
				t.Errorf("restart: %+v", got.Restart)
			}
		})
	}
}

// In one namespace the sides are told apart by port, as with the other engines.
func TestNetNSPairedOverLoopback(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"client", "server"} {
		got := runTrial(t, pairedStart(t, "close-matrix", "topology=loopback", "close.side="+side, "sysctl.both.net.ipv4.tcp_tw_reuse=0"), Options{})
		client, server := got.Sides.Client.States.End[record.TimeWait], got.Sides.Server.States.End[record.TimeWait]
		if side == "server" {
			client, server = server+*got.Connections.Replaced, client
		}
		if client != 200 || server != 0 || got.Connections.OK != 200 || *got.Bytes.Lost != 0 {
			t.Errorf("closed by the %s: %d TIME_WAIT there, %d at the other, connections %+v", side, client, server, got.Connections)
		}
	}
}

// Ports run out after exactly as many connections as there are, on two threads, too.
func TestNetNSPairedExhaustionIsExact(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 2} {
		s := pairedStart(t, "port-exhaustion", "client.local_port_range=40000-41999", fmt.Sprintf("client.workers=%d", workers))
		got := runTrial(t, s, Options{})
		p := got.Ports[0]
		if p.OKBeforeFirstExhaustion == nil || *p.OKBeforeFirstExhaustion != 2000 || p.Successes != 2000 || *p.PeakInUse != 2000 {
			t.Errorf("%d workers, 2000 ports: %+v", workers, p)
		}
		if n := outcome(got, "connect", "EADDRNOTAVAIL"); n != got.Connections.Failed || n == 0 || got.Phases.StoppedBy != "failures" {
			t.Errorf("%d failed, %d of them with EADDRNOTAVAIL, stopped by %s", got.Connections.Failed, n, got.Phases.StoppedBy)
		}
		closed(t, "client", got.Ledger.Client)
	}
}

// A number of TIME_WAIT is reached without overshoot and held; what comes back to a port replaces its TIME_WAIT.
func TestNetNSPairedHoldsAGoal(t *testing.T) {
	t.Parallel()
	const goal = 3000
	s := pairedStart(t, "incident-18000", "load.stop.time_wait.count=3000", "load.hold=1s", "client.addresses=4",
		"client.local_port_range=40000-41999", "canaries.every=0s", "client.workers=2")
	got := runTrial(t, s, Options{})
	if n := got.Sides.Server.States.End[record.TimeWait]; n != goal || *got.Sides.Server.TimeWait.Peak != goal {
		t.Errorf("%d at the end, peak %d; want %d", n, *got.Sides.Server.TimeWait.Peak, goal)
	}
	closed(t, "server", got.Ledger.Server)
	if r := got.Connections.Replaced; r == nil || *r == 0 || *r != *got.Ledger.Server.Replaced {
		t.Errorf("replaced: %v among the connections, %d in the ledger; some were to be expected", r, *got.Ledger.Server.Replaced)
	}
}

// At a rate that was asked for every start is accounted for.
func TestNetNSPairedKeepsASchedule(t *testing.T) {
	t.Parallel()
	got := runTrial(t, pairedStart(t, "steady-200", "load.rate=1000/s", "load.stop.after=1s"), Options{})
	c := got.Connections
	if c.Attempted+c.NotStarted != 1000 || c.OK != c.Attempted {
		t.Errorf("1000/s for 1 s: %+v", c)
	}
}

// A soft end drains; a hard one leaves at once; a side that is killed fails the trial by its name.
func TestNetNSPairedEnds(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for _, how := range []string{"soft", "hard", "client", "server"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			soft, endSoft := context.WithCancel(t.Context())
			hard, endHard := context.WithCancel(t.Context())
			defer endHard()
			s := pairedStart(t, "port-exhaustion", "load.stop.after=20s", "close.how=linger=0")
			got, err := Run(soft, hard, s, Options{Program: labtest.Program, Watch: func(m Moment) {
				switch {
				case m.Opened < 100:
					return
				case how == "client":
					syscall.Kill(m.PID.Client, syscall.SIGKILL) //nolint:errcheck // seen in the record
				case how == "server":
					syscall.Kill(m.PID.Server, syscall.SIGKILL) //nolint:errcheck // seen in the record
				case how == "hard":
					endHard()
				}
				endSoft()
			}})
			endSoft()
			if err != nil {
				t.Fatal(err)
			}
			switch how {
			case "soft":
				if got.Status != record.Interrupted || got.Connections.Unfinished != 0 || got.Connections.OK == 0 {
					t.Errorf("%s, %+v", got.Status, got.Connections)
				}
			case "hard":
				if got.Status != record.Interrupted {
					t.Errorf("%s", got.Status)
				}
			default:
				if got.Status != record.Failed || got.Failure.Side != how || !strings.Contains(got.Failure.Text, "killed") {
					t.Errorf("%s, %+v", got.Status, got.Failure)
				}
			}
		})
	}
}

// What became of the server's TIME_WAIT comes with the client's result, and is not the client's.
func TestPartEnds(t *testing.T) {
	r := &run{client: &side{}, server: &side{}}
	r.partEnds() // nobody has told anything
	r.client.result, r.server.result = &peer.Result{Expired: 1, ExpiredMost: 2}, &peer.Result{}
	r.partEnds() // another engine
	if r.server.result.Server != nil {
		t.Error("the server of another engine was told of by its client")
	}
	r.client.result.Served = &peer.Served{Server: server.Result{Replaced: 5}, Restart: record.Restart{Errno: "EADDRINUSE"}, Expired: 3, ExpiredMost: 4}
	r.partEnds()
	c, s := r.client.result, r.server.result
	if c.Expired != 1 || c.ExpiredMost != 2 || s.Expired != 3 || s.ExpiredMost != 4 || s.Server.Replaced != 5 || s.Restart.Errno != "EADDRINUSE" {
		t.Errorf("client %+v, server %+v", c, s)
	}
}
