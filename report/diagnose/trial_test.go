package diagnose

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

// exhausted is a trial whose client runs out of 1,000 ports.
func exhaustedTrial() *record.Trial {
	t := &record.Trial{
		ID: "port-exhaustion-small-20261121-101500-ab12", Phases: record.Phases{LoadSeconds: 10},
		Scenario: record.Scenario{Name: "port-exhaustion-small", Struck: "client", Spec: json.RawMessage(`{"cause":"port-tuple-exhausted"}`)},
		Ports: []record.Tuple{{
			Source: "198.18.0.1", Destination: "198.19.0.1", Port: 8080, Range: record.PortRange{Low: 40000, High: 40999},
			PeakInUse: ptr(int64(1_000)), PeakEven: ptr(int64(500)), PeakOdd: ptr(int64(500)), Successes: 1_000,
			Forecast: record.Forecast{TakenMostSeconds: 62.05},
		}},
		Outcomes: slices.Concat(failed("connect", "EADDRNOTAVAIL", 900), []record.Outcome{{Side: "client", Cause: "ok", Count: 1_000}}),
	}
	for _, s := range []*record.Side{&t.Sides.Client, &t.Sides.Server} {
		s.States = record.SideStates{Peak: record.Counts{}, End: record.Counts{}}
		s.Counters = map[string]int64{"TcpExt.ListenOverflows": 0, "TcpExt.TCPReqQFullDoCookies": 0, "Tcp.InSegs": 9, "Tcp.PassiveOpens": 0}
	}
	t.Sides.Client.States.End = record.Counts{record.TimeWait: 990}
	t.Sides.Client.States.Peak = record.Counts{record.TimeWait: 1_000}
	return t
}

func TestFromTrial(t *testing.T) {
	tr := exhaustedTrial()
	h := FromTrial(tr, Struck(tr))
	if got := told(h); got != "port-tuple-exhausted certain" {
		t.Error(got)
	}
	d := Diagnose(h)
	if d.TimeWaitOut != 990 || d.TimeWaitIn != 0 || d.Of != "the client of "+tr.ID || d.Source != record.FromTrial {
		t.Errorf("%+v", d)
	}
	if f := h.Flows[0]; len(h.Flows) != 1 || *f.RatePerSecond != 100 || *h.TimeWaitSeconds != 62.05 || len(h.Errors) != 1 {
		t.Errorf("flows %+v, errors %+v", h.Flows, h.Errors)
	}
	if got := told(FromTrial(tr, "server")); got != "healthy certain" {
		t.Errorf("the server: %s", got)
	}
	sound(t, h)
	sound(t, FromTrial(&record.Trial{}, "client"))
	sound(t, FromTrial(&record.Trial{}, "relay"))
	sound(t, FromTrial(&record.Trial{Relay: &record.Relay{}}, "relay"))
}

// Several tuples share the side's TIME_WAIT: they are counted once, and by none of the tuples.
func TestFromTrialWithSeveralTuples(t *testing.T) {
	tr := exhaustedTrial()
	tr.Ports = append(tr.Ports, tr.Ports[0])
	tr.Ports[1].Source = "198.18.0.2"
	d := Diagnose(FromTrial(tr, "client"))
	if d.TimeWaitOut != 990 || len(d.Tuples) != 2 || !strings.Contains(d.Causes[0].Says, "ports of 2 tuples") {
		t.Errorf("out %d, %d tuples, %s", d.TimeWaitOut, len(d.Tuples), d.Causes[0].Says)
	}
}

// The scenario's name, its text and what it says of its cause have no part in the answer.
func TestFromTrialIsBlind(t *testing.T) {
	tr := exhaustedTrial()
	want := Diagnose(FromTrial(tr, "client")).Causes
	tr.ID, tr.Scenario = "x", record.Scenario{Name: "idle-50000", Title: "healthy", Spec: json.RawMessage(`{"cause":"healthy"}`)}
	if diff := cmp.Diff(want, Diagnose(FromTrial(tr, "client")).Causes); diff != "" {
		t.Error(diff)
	}
}

func TestStruck(t *testing.T) {
	tr := exhaustedTrial()
	for struck, want := range map[string]string{"client": "client", "server": "server", "relay": "client", "": "client", "both": "client"} {
		tr.Scenario.Struck, tr.Sides.Client.TimeWait.Peak = struck, ptr(int64(9))
		if got := Struck(tr); got != want {
			t.Errorf("%q: %s", struck, got)
		}
	}
	tr.Scenario.Struck, tr.Relay = "relay", &record.Relay{}
	if got := Struck(tr); got != "relay" {
		t.Error(got)
	}
	tr.Scenario.Struck, tr.Stand = "", &record.Stand{}
	if got := Struck(tr); got != "server" {
		t.Errorf("a stand of old: %s", got)
	}
}

// A relay's trouble is its own: what came in costs no port, what went out does.
func TestFromRelay(t *testing.T) {
	tr := exhaustedTrial()
	tr.Scenario.Struck = "relay"
	tr.Relay = &record.Relay{
		Addresses: []string{"198.19.0.1"}, Counters: map[string]int64{"TcpExt.ListenOverflows": 0}, Ports: tr.Ports,
		Outcomes: []record.Outcome{
			{Side: "relay", Phase: "connect", Cause: "address-not-available", Errno: "EADDRNOTAVAIL", Count: 400},
			{Side: "relay", Cause: "ok", Count: 1_000},
		},
	}
	tr.Relay.Client.States.End = record.Counts{record.TimeWait: 950}
	tr.Relay.Server.States.End = record.Counts{record.TimeWait: 1_000}
	tr.Ports = nil
	d := Diagnose(FromTrial(tr, Struck(tr)))
	if d.Causes[0].ID != record.PortTupleExhausted || d.TimeWaitIn != 950 || d.TimeWaitOut != 1_000 {
		t.Errorf("%+v, in %d, out %d", d.Causes[0], d.TimeWaitIn, d.TimeWaitOut)
	}
}

// What stays is what was there at each look of the last half: a moment's CLOSE_WAIT are no leak, and those of the beginning
// neither.
func TestStayed(t *testing.T) {
	looks := func(n ...int64) (out []record.Sample) {
		for i, k := range n {
			out = append(out, record.Sample{AtMS: float64(1000 * i), States: record.Counts{record.CloseWait: k}})
			out = append(out, record.Sample{AtMS: float64(1000*i + 500)}) // totals alone
		}
		return out
	}
	for _, c := range []struct {
		samples []record.Sample
		want    int64
		seen    bool
	}{
		{nil, 0, false},
		{looks(5), 0, false},
		{looks(100, 200, 300, 400, 500), 400, true},
		{looks(500, 500, 500, 0, 500), 0, true},
		{looks(0, 0, 0, 70, 70), 70, true},
		{looks(70, 70, 70, 70, 0), 0, true},
	} {
		got := stayed(c.samples)
		if (got != nil) != c.seen || got[record.CloseWait] != c.want {
			t.Errorf("%d samples, %d expected: %v", len(c.samples), c.want, got)
		}
	}
}

// The pair tells what one host cannot know: that the other end is gone. Where a scenario holds packets back it tells nothing.
func TestThePairTellsOfAVanishedPeer(t *testing.T) {
	tr := exhaustedTrial()
	tr.Scenario.Struck, tr.Outcomes, tr.Ports = "server", nil, nil
	tr.Sides.Server.States.End = record.Counts{record.Established: 300, record.Listen: 1}
	tr.Sides.Client.States.End = record.Counts{}
	if got := told(FromTrial(tr, "server")); got != "dead-peer certain" {
		t.Error(got)
	}
	tr.Sides.Client.States.End = record.Counts{record.Established: 300}
	if got := told(FromTrial(tr, "server")); got != "healthy certain" {
		t.Errorf("with the peer there: %s", got)
	}
	tr.Sides.Client.States.End, tr.Stand = record.Counts{}, &record.Stand{}
	if got := told(FromTrial(tr, "server")); got != "healthy certain" {
		t.Errorf("a stand: %s", got)
	}
}

// A side whose process has died told nothing, and is neither called healthy nor sick.
func TestADeadSideIsNotJudged(t *testing.T) {
	tr := exhaustedTrial()
	tr.Sides.Server = record.Side{}
	d := Diagnose(FromTrial(tr, "server"))
	if got := d.Causes[0]; got.ID != record.Healthy || got.Confidence != record.Possible || !strings.HasPrefix(got.Says, "Nothing can be said") {
		t.Errorf("%+v", got)
	}
}

// The worst look at the sockets' timers counts: those that were found dead are gone at the end.
func TestStalledAtTheWorstLook(t *testing.T) {
	tr := exhaustedTrial()
	tr.Scenario.Struck, tr.Outcomes, tr.Ports = "server", nil, nil
	tr.Sides.Server.Samples = []record.Sample{
		{AtMS: 0, Stalled: &record.Stalled{KeptAlive: 100}},
		{AtMS: 1, Stalled: &record.Stalled{Unanswered: 90, KeptAlive: 100}},
		{AtMS: 2, Stalled: &record.Stalled{}},
	}
	if got := told(FromTrial(tr, "server")); got != "dead-peer certain" {
		t.Error(got)
	}
	if s := Diagnose(FromTrial(tr, "server")); !strings.HasPrefix(Summary(&s), "dead-peer, certain: ") || Summary(&record.Diagnosis{}) != "" {
		t.Error(Summary(&s))
	}
}

// Of a side of several processes the record has the descriptors of one that holds no connection: they rule nothing out.
func TestOtherProcessesHoldTheConnections(t *testing.T) {
	side := record.Side{
		States:      record.SideStates{End: record.Counts{record.Established: 50_000}},
		Descriptors: &record.Descriptors{Program: "server", InUse: 25, Limit: 20_000},
	}
	for _, c := range []struct {
		name   string
		change func(*record.Side)
		told   bool
	}{
		{"held by others", func(*record.Side) {}, false},
		{"its own", func(s *record.Side) { s.States.End[record.Established] = 20 }, true},
		{"not accepted yet", func(s *record.Side) { s.Listeners = []record.Listener{{Queue: 49_990}} }, true},
		{"none left", func(s *record.Side) { s.Descriptors.InUse = 20_000 }, true},
	} {
		s := side
		d := *side.Descriptors
		s.Descriptors, s.States.End = &d, record.Counts{record.Established: 50_000}
		c.change(&s)
		h := record.Host{}
		fromSide(&h, &record.Trial{}, &s, "server")
		if told := len(h.Descriptors) == 1; told != c.told || told == (len(h.Gaps) == 1) {
			t.Errorf("%s: descriptors %v, gaps %v", c.name, h.Descriptors, h.Gaps)
		}
	}
}
