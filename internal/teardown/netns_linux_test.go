package teardown_test

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"twomsl/client"
	"twomsl/internal/lab"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/paired"
	"twomsl/internal/pairtest"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

const connections = 200

// port is the server's, below those that connect() chooses from. Nobody else is in the test's namespace.
var port = uint16(20000)

// inTurn has no port come twice to a server that has a TIME_WAIT for it, as connect() may where several threads call it
// (table_perturb, __inet_hash_connect()): it would be taken over.
var inTurn = scenario.Bind{Mode: scenario.BindPorts, Ports: scenario.PortRange{Low: 10000, High: 10999}}

// Each strategy is held to its declaration by the kernel: the real client and server carry it out, and Judge compares.
// A strategy is here by being registered.
func TestNetNSStrategiesDoWhatTheyDeclare(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	nstest.Sysctl(t, "ipv4/tcp_tw_reuse", "0") // connect() would take TIME_WAIT away
	nstest.Sysctl(t, "ipv4/tcp_rfc1337", "1")  // and so would a stray RST
	pairtest.EachPair(t, everyStrategy)
}

func everyStrategy(t *testing.T, engine string) {
	for _, k := range teardown.Kinds() {
		for _, argument := range k.Samples {
			for _, side := range k.Sides {
				for _, address := range []string{"127.0.0.1", "::1"} {
					how := teardown.How(k, argument)
					if engine == paired.Name && !canBePaired(t, scenario.Close{Side: side, How: how}) {
						continue
					}
					if engine == "split/blocking" && how == "never" { // refused: a thread that waits cannot look at what stands
						continue
					}
					t.Run(string(how)+" by "+string(side)+" at "+address, func(t *testing.T) {
						hold(t, engine, scenario.Close{Side: side, How: how}, netip.MustParseAddr(address))
					})
				}
			}
		}
	}
}

func canBePaired(t *testing.T, how scenario.Close) bool {
	s, err := teardown.For(how)
	if err != nil {
		t.Fatal(err)
	}
	return paired.Can(s.Client) == nil && paired.Can(s.Server) == nil
}

func hold(t *testing.T, engine string, how scenario.Close, address netip.Addr) {
	s, err := teardown.For(how)
	if err != nil {
		t.Fatal(err)
	}
	if s.FINsHeld {
		holdFINs(t, lab.Hold{Segment: lab.FIN})
		t.Cleanup(func() { holdFINs(t) })
	}
	before := counters(t)
	port++ // one of its own: an earlier one's TIME_WAIT stand for a minute
	plan := client.Plan{Destinations: []netip.AddrPort{netip.AddrPortFrom(address, port)}, Connections: connections, Meter: connections}
	if teardown.Leaves(s.Expect.Server) && !teardown.Leaves(s.Expect.Client) {
		plan.Sources, plan.Socket.Bind = []netip.Addr{address}, inTurn
	}
	pair := pairtest.New(t, pairtest.Options{Engine: engine, Close: how, Client: plan})
	look := newWatch(t, pair, s.Expect)
	pair.Start()
	pairtest.Done(t, "the client", pair.Client.Done())
	pairtest.Until(t, "the server has nothing on its way", func() bool { return pair.Server.Progress().InFlight() == 0 })
	look.settle(s.FINsHeld)
	after := counters(t)
	c, srv := pair.Finish()
	if c.Progress.OK != connections || srv.Progress.OK != connections {
		t.Fatalf("client %+v, server %+v", c, srv)
	}
	seen := look.seen
	seen.Client.EOF, seen.Client.Reset, seen.Client.Lost = c.EOFs, c.Resets, c.Written-srv.Read
	seen.Server.EOF, seen.Server.Reset, seen.Server.Lost = srv.EOFs, srv.Resets, srv.Written-c.Read
	shareCounters(&seen, s.Expect, before, after)
	for _, contradiction := range teardown.Judge(s.Expect, seen, connections) {
		t.Error(contradiction)
	}
	firstCloses(t, s.Expect, c, srv)
}

// watch looks at both sides' sockets until nothing is on its way any more.
type watch struct {
	t      *testing.T
	port   uint16
	ipv6   bool
	expect teardown.Expect
	states *sample.States
	seen   record.SidePair[record.CloseSeen]
}

func newWatch(t *testing.T, p *pairtest.Pair, x teardown.Expect) *watch {
	states, err := sample.NewStates()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := states.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &watch{t: t, port: p.Address.Port(), ipv6: p.Address.Addr().Is6(), expect: x, states: states}
	w.seen.Client.Peak, w.seen.Server.Peak = record.Counts{}, record.Counts{}
	return w
}

// settleLimit is beyond the longest that a strategy takes to its last picture. What is wrong then, Judge tells.
const settleLimit = 8 * time.Second

// settle waits until every socket stands in a state that is declared, or is gone, and two looks in a row agree: a look is not
// atomic, and a socket on its way to TIME_WAIT may be in neither of its two places. FINs that are held are let go once they
// have been looked at.
func (w *watch) settle(held bool) {
	var before [2]record.Counts
	for end := time.Now().Add(settleLimit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		client := w.look(&w.seen.Client, &w.expect.Client, sample.Filter{IPv6: w.ipv6, RemotePort: w.port})
		server := w.look(&w.seen.Server, &w.expect.Server, sample.Filter{IPv6: w.ipv6, LocalPort: w.port})
		now := [2]record.Counts{maps.Clone(w.seen.Client.States), maps.Clone(w.seen.Server.States)}
		if held {
			holdFINs(w.t)
			held = false
		} else if client+server == 0 && maps.Equal(now[0], before[0]) && maps.Equal(now[1], before[1]) {
			return
		}
		before = now
	}
}

// look counts one side, and gives how many sockets stand elsewhere.
func (w *watch) look(s *record.CloseSeen, d *record.Declared, f sample.Filter) (moving int64) {
	var split sample.Split
	if err := w.states.Split(f, &split); err != nil {
		w.t.Fatal(err)
	}
	s.States = split.Counts
	for state, n := range split.Counts {
		s.Peak[state] = max(s.Peak[state], n)
		if d.States[state] == "" && state != record.TimeWait && state != record.Listen {
			moving += n
		}
	}
	return moving
}

func counters(t *testing.T) map[string]uint64 {
	c, err := sample.Counters("/proc/thread-self")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shareCounters gives the one namespace's counters to the sides: what the client declares is the client's, the rest the
// server's. What both declare is the client's as far as it has connections.
func shareCounters(seen *record.SidePair[record.CloseSeen], x teardown.Expect, before, after map[string]uint64) {
	seen.Client.Counters, seen.Server.Counters = map[string]int64{}, map[string]int64{}
	for _, name := range teardown.JudgedCounters {
		n := int64(after[name] - before[name])
		_, mine := x.Client.Counters[name]
		_, theirs := x.Server.Counters[name]
		switch {
		case mine && theirs:
			seen.Client.Counters[name] = min(n, connections)
			seen.Server.Counters[name] = n - min(n, connections)
		case mine:
			seen.Client.Counters[name] = n
		default:
			seen.Server.Counters[name] = n
		}
	}
}

// firstCloses holds what the engines count as first closes to where TIME_WAIT is declared.
func firstCloses(t *testing.T, x teardown.Expect, c client.Result, srv server.Result) {
	for _, side := range []struct {
		name string
		d    record.Declared
		n    int64
	}{{"client", x.Client, c.FirstCloses}, {"server", x.Server, srv.FirstCloses}} {
		want := int64(0)
		if teardown.Leaves(side.d) {
			want = connections
		}
		if side.n != want {
			t.Errorf("%d first closes on the %s, expected %d", side.n, side.name, want)
		}
	}
}

// holdFINs is what the lab does for the strategies that ask for it.
func holdFINs(t *testing.T, holds ...lab.Hold) {
	if err := lab.SetHolds(holds); err != nil {
		t.Fatal(err)
	}
}
