//go:build linux

package trial

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// outsider counts a peer's sockets once, from another process, while they are held.
type outsider struct {
	seen record.Counts
	err  error
}

func (o *outsider) watch(m Moment) {
	if m.Phase == "hold" && o.seen == nil && o.err == nil {
		o.seen, o.err = sample.CountPID(m.PID.Server, sample.CountOptions{})
	}
}

// stands wants exactly what was asked for: in the record at every look, and from outside.
func stands(t *testing.T, got *record.Trial, outside outsider, asked map[string]int) {
	t.Helper()
	k := got.Stand
	if k == nil || k.WorstDeviation != 0 || k.Looks == 0 || got.Phases.HoldSeconds == 0 || len(warnings(got)) != 0 {
		t.Fatalf("stand %+v, warnings %+v", k, got.Warnings)
	}
	if outside.err != nil || outside.seen == nil {
		t.Fatalf("from outside: %v, %v", outside.seen, outside.err)
	}
	for _, state := range record.States {
		want, named := asked[string(state)]
		if state == record.Closed || state == record.Listen && !named { // there must be a listener
			continue
		}
		n := int64(want)
		if k.Standing[state] != n || k.Asked[state] != n || k.Least[state] != n || k.Most[state] != n || outside.seen[state] != n {
			t.Errorf("%s: %d asked for, %d to %d stood, %d at the end, %d from outside", state, n, k.Least[state], k.Most[state],
				k.Standing[state], outside.seen[state])
		}
	}
	if got.Close.NotJudged == "" || got.Close.Agrees != nil || got.Rate.LimitedBy != "" {
		t.Errorf("a stand has no close and no rate: %+v, limited by %q", got.Close, got.Rate.LimitedBy)
	}
}

// All states side by side, exactly as many as asked for, by the record and by /proc/PID/net from outside.
func TestNetNSStateMix(t *testing.T) {
	t.Parallel()
	for _, family := range scenario.Families {
		t.Run(string(family), func(t *testing.T) {
			t.Parallel()
			s := start(t, "state-mix", "load.hold=2s", "family="+string(family))
			var o outsider
			got := runTrial(t, s, Options{Watch: o.watch})
			stands(t, got, o, s.Stand.Counts())
			if n := got.Outcomes; len(failures(got)) != 0 {
				t.Errorf("outcomes: %+v", n)
			}
		})
	}
}

func failures(t *record.Trial) (out []record.Outcome) {
	for _, o := range t.Outcomes {
		if o.Cause != string(record.OK) {
			out = append(out, o)
		}
	}
	return out
}

// Each state can be had alone: none leans on another's connections.
func TestNetNSEachStateAlone(t *testing.T) {
	t.Parallel()
	for _, recipe := range teardown.Recipes {
		field := strings.ToLower(string(recipe.State))
		if recipe.State == record.TimeWait && recipe.FromServer {
			field += "_out"
		}
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			s := start(t, "state-mix", "load.hold=300ms")
			s.Stand = standOf(t, field, 7)
			got := runTrial(t, s, Options{})
			if k := got.Stand; k.WorstDeviation != 0 || k.Standing[recipe.State] != 7 || len(warnings(got)) != 0 {
				t.Errorf("%+v, warnings %+v", k, got.Warnings)
			}
		})
	}
}

// standOf asks for one state alone.
func standOf(t *testing.T, field string, n int) scenario.Stand {
	t.Helper()
	s, err := scenario.Parse("stand.yaml", fmt.Appendf(nil, "name: alone\nstand:\n  %s: %d\n", field, n))
	if err != nil {
		t.Fatal(err)
	}
	return s.Stand
}

// Listeners are sockets, too: as many as are asked for stand, whatever the scenario's ports.
func TestNetNSListenersStand(t *testing.T) {
	t.Parallel()
	for listen, ports := range map[int]string{5: "1", 1: "2", 3: "2"} {
		t.Run(fmt.Sprint(listen), func(t *testing.T) {
			t.Parallel()
			s := start(t, "state-mix", "load.hold=300ms", "server.ports="+ports)
			s.Stand = scenario.Stand{Listen: listen, Established: 3}
			var o outsider
			got := runTrial(t, s, Options{Watch: o.watch})
			stands(t, got, o, s.Stand.Counts())
		})
	}
	last := run{scenario: scenario.Scenario{Stand: scenario.Stand{Listen: 3}}, destinations: []netip.AddrPort{
		netip.MustParseAddrPort("198.19.0.1:65535"),
	}}
	if got := fmt.Sprint(last.listeners()); got != "[198.19.0.1:65535 198.19.0.1:1 198.19.0.1:2]" {
		t.Errorf("beyond the last port: %s", got)
	}
}

// Thousands of SYN_RECV stand as still as a few: the queue of the listener has room for them, and a SYN,ACK that finds
// none on the link is lost, not failed. Their timers end at the same moment, a second after they began.
func TestNetNSManySynRecv(t *testing.T) {
	t.Parallel()
	s := start(t, "state-mix", "load.hold=2500ms")
	s.Stand = scenario.Stand{SynRecv: 5000}
	got := runTrial(t, s, Options{})
	if k := got.Stand; k.WorstDeviation != 0 || k.Least[record.SynRecv] != 5000 || got.Connections.Attempted > 5100 {
		t.Errorf("%+v, %d opened, warnings %+v", k, got.Connections.Attempted, got.Warnings)
	}
}

// What cannot be had is not tried for ever: a hundred ports carry a hundred connections.
func TestNetNSStandGivesUp(t *testing.T) {
	t.Parallel()
	s := start(t, "state-mix", "load.hold=1s", "load.stop.after=4s")
	s.Stand = scenario.Stand{Established: 300}
	s.Sysctl.Client = map[string]string{"net.ipv4.ip_local_port_range": "40000 40099"}
	got := runTrial(t, s, Options{})
	if !warned(got, "stand-not-reached") || got.Stand.Standing[record.Established] != 100 {
		t.Errorf("%+v, warnings %+v", got.Stand, got.Warnings)
	}
	if n := got.Connections.Attempted; n > 300+300 {
		t.Errorf("%d connections were tried for 300", n)
	}
}

// What does not live as long as the hold is opened anew: with one retry of its SYN,ACK a SYN_RECV is gone after three
// seconds.
func TestNetNSStandRefills(t *testing.T) {
	t.Parallel()
	s := start(t, "state-mix", "load.hold=4500ms", "sysctl.server.net.ipv4.tcp_synack_retries=1")
	s.Stand = scenario.Stand{SynRecv: 12, Established: 5}
	got := runTrial(t, s, Options{})
	k := got.Stand
	if k.Most[record.SynRecv] != 12 || k.Least[record.Established] != 5 || k.Most[record.Established] != 5 {
		t.Errorf("%+v", k)
	}
	if n := got.Connections.Attempted; n < 17+12 {
		t.Errorf("%d connections were opened: 17 are no refill", n)
	}
	if !warned(got, "stand-not-reached") || k.WorstDeviation < 1 {
		t.Errorf("12 SYN_RECV ended and the record says nothing: %+v, warnings %+v", k, got.Warnings)
	}
}
