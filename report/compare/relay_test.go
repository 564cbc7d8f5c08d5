package compare

import (
	"testing"

	"twomsl/internal/record"
)

// relayed is a trial whose relay ran out of 100 ports at 2.5 s.
func relayed() *record.Trial {
	n, at, lasts, life := int64(100), 2.5, 1.6, 60.0
	t := &record.Trial{
		Connections: record.Connections{Attempted: 120, OK: 100, Failed: 20}, Rate: record.Rate{ReachedPerSecond: 40},
		Ports:    []record.Tuple{{Range: record.PortRange{Low: 1, High: 1000}, PeakInUse: new(int64)}},
		Outcomes: []record.Outcome{{Side: "client", Cause: string(record.ShortRead), Count: 20}},
		Phases:   record.Phases{LoadSeconds: 3},
	}
	t.Sides.Client.Samples = []record.Sample{{AtMS: 0}, {AtMS: 1000, States: record.Counts{}}, {AtMS: 3000, States: record.Counts{}}}
	t.Relay = &record.Relay{
		Counters: map[string]int64{"TcpExt.TWRecycled": 7, "TcpExt.TCPTimeWaitOverflow": 3},
		Outcomes: []record.Outcome{{Side: "relay", Phase: "connect", Cause: string(record.AddrNotAvailable), Count: 20}},
		Ports: []record.Tuple{{
			Range: record.PortRange{Low: 1, High: 100}, PeakInUse: &n, FirstExhaustionSeconds: &at,
			Forecast: record.Forecast{RateThatLasts: &lasts, TakenMostSeconds: 62},
		}},
	}
	t.Relay.Client.TimeWait.LifetimeSeconds = &life
	t.Relay.Client.Samples = []record.Sample{{AtMS: 900, TimeWait: new(int64)}}
	t.Relay.Server.Samples = []record.Sample{{AtMS: 2900, TimeWait: &n, PortsInUse: []int64{100}, States: record.Counts{record.TimeWait: 100}}}
	t.Sides.Client.Counters, t.Sides.Server.Counters = map[string]int64{"TcpExt.TCPTimeWaitOverflow": 0}, map[string]int64{"TcpExt.TCPTimeWaitOverflow": 0}
	return t
}

// With a relay the ports that count are its own towards the server, and what happened there is what happened.
func TestMetricsOfRelay(t *testing.T) {
	for name, want := range map[string]float64{
		firstExhaustion: 2.5, rateThatLastsRow: 1.6, portsShareRow: 1, "tw_reused": 7, twOverflow: 3, "time_wait_seconds": 60,
	} {
		m, ok := rowOf(name)
		if got := m.read(relayed()); !ok || got.unmeasured != "" || got.never || got.value != want {
			t.Errorf("%s: %+v, want %v", name, got, want)
		}
	}
	m, _ := rowOf(firstExhaustion)
	if got := m.read(relayed()); got.events != 20 {
		t.Errorf("it is the first of %v", got.events)
	}
}

// Of a proxy of somebody else's whose calls were not watched it is not known when it found no port: that is no "never".
func TestMetricsOfProxy(t *testing.T) {
	x := relayed()
	x.Scenario.RelayCommand, x.Relay.Outcomes, x.Relay.Unwatched = "haproxy", nil, "pidfd_getfd: operation not permitted"
	p := &x.Relay.Ports[0]
	p.FirstExhaustionSeconds, p.Forecast = nil, record.Forecast{}
	for _, name := range []string{firstExhaustion, rateThatLastsRow} {
		if m, _ := rowOf(name); m.read(x).unmeasured == "" {
			t.Errorf("%s: %+v", name, m.read(x))
		}
	}
	if m, _ := rowOf(portsShareRow); m.read(x).value != 1 {
		t.Errorf("its ports were counted: %+v", m.read(x))
	}
	x.Relay.Unwatched = ""
	if m, _ := rowOf(firstExhaustion); !m.read(x).never {
		t.Errorf("its calls were watched, and always found a port: %+v", m.read(x))
	}
}

// The curve has the relay's two sides apart, and its ports.
func TestCurveOfRelay(t *testing.T) {
	c := Curve([]*record.Trial{relayed()})
	if !c.Relayed || *c.PortsUsable != 100 || *c.FirstExhaustionSeconds != 2.5 {
		t.Errorf("%+v", c)
	}
	one, last := c.Samples[1], c.Samples[len(c.Samples)-1]
	if one.Relay.Client == nil || *one.Relay.Client != 0 || one.PortsInUse != nil {
		t.Errorf("at 1 s: %+v", one)
	}
	if last.Relay.Server == nil || *last.Relay.Server != 100 || last.PortsInUse == nil || *last.PortsInUse != 100 {
		t.Errorf("at the end: %+v", last)
	}
	if s := c.States[len(c.States)-1]; s.Relay == nil || s.Relay.Server[record.TimeWait] != 100 {
		t.Errorf("states at the end: %+v", s)
	}
}
