//go:build linux

package trial

import (
	"fmt"
	"testing"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

const rangeOf500 = "sysctl.client.net.ipv4.ip_local_port_range=40000 40499"

// exhausting is a load that takes every port of the range and tries ten times more for each tuple.
func exhausting(t *testing.T, tuples int, overrides ...string) scenario.Scenario {
	t.Helper()
	return start(t, "port-exhaustion-small", append([]string{
		rangeOf500, "sysctl.both.net.ipv4.tcp_rfc1337=1", "load.rate=max", "load.stop.after=20s",
		fmt.Sprintf("load.stop.connections=%d", 510*tuples),
	}, overrides...)...)
}

// Every (source address, destination address, destination port) has all ports of the range to itself, and only then
// connect() fails: four addresses carry four times what one does.
func TestNetNSTuplesMultiplyPorts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		tuples    int
		overrides []string
	}{
		{"one", 1, nil},
		{"four source addresses", 4, []string{"client.addresses=4"}},
		{"two server ports", 2, []string{"server.ports=2"}},
		{"two server addresses", 2, []string{"server.addresses=2"}},
		{"two of each", 8, []string{"client.addresses=2", "server.ports=2", "server.addresses=2"}},
	} {
		for _, family := range scenario.Families {
			t.Run(c.name+" "+string(family), func(t *testing.T) {
				t.Parallel()
				got := runTrial(t, exhausting(t, c.tuples, append(c.overrides, "family="+string(family))...), Options{})
				eachTupleFull(t, got, c.tuples)
			})
		}
	}
}

// eachTupleFull wants 500 connections on each tuple, ten failures more, and a forecast that said so.
func eachTupleFull(t *testing.T, got *record.Trial, tuples int) {
	t.Helper()
	n := int64(tuples)
	if c := got.Connections; c.OK != 500*n || outcome(got, "connect", "EADDRNOTAVAIL") != 10*n || c.Failed != 10*n {
		t.Errorf("%d tuples: connections %+v, outcomes %+v", tuples, c, got.Outcomes)
	}
	if len(got.Ports) != tuples {
		t.Fatalf("%d tuples in the record, want %d", len(got.Ports), tuples)
	}
	seen := map[string]bool{}
	for _, p := range got.Ports {
		seen[fmt.Sprintf("%s %s %d", p.Source, p.Destination, p.Port)] = true
		if p.Successes != 500 || p.OKBeforeFirstExhaustion == nil || *p.OKBeforeFirstExhaustion != 500 || *p.PeakInUse != 500 {
			t.Errorf("%s to %s:%d: %+v", p.Source, p.Destination, p.Port, p)
		}
		foreseen(t, p, 500)
	}
	if len(seen) != tuples {
		t.Errorf("tuples are not told apart: %v", seen)
	}
	if got.Rate.LimitedBy != byPorts {
		t.Errorf("limited by %q: %s", got.Rate.LimitedBy, got.Rate.LimitedWhy)
	}
	closed(t, "client", got.Ledger.Client)
	agrees(t, got)
}

func foreseen(t *testing.T, p record.Tuple, want int64) {
	t.Helper()
	if n := p.Forecast.ExhaustedAfter; n == nil || *n != want {
		t.Errorf("%s to %s:%d: forecast %+v, want exhaustion after %d", p.Source, p.Destination, p.Port, p.Forecast, want)
	}
}

// agrees wants the kernel to have shown what the strategy declares.
func agrees(t *testing.T, got *record.Trial) {
	t.Helper()
	if c := got.Close; c.Agrees == nil || !*c.Agrees {
		t.Errorf("%s by %s: not judged %q, contradictions %q", c.How, c.Side, c.NotJudged, c.Contradictions)
	}
}

// bind() to an address takes a port for both destinations, and fails itself; IP_BIND_ADDRESS_NO_PORT leaves the choice
// to connect(), which has them once for each. tcp_tw_reuse gives nothing back that bind() has chosen.
func TestNetNSExplicitBindSharesPorts(t *testing.T) {
	t.Parallel()
	for _, family := range scenario.Families {
		bound := []string{"client.bind=address", "client.workers=1", "server.ports=2", "family=" + string(family)} // who takes turns alone shares evenly
		t.Run("by bind() "+string(family), func(t *testing.T) {
			t.Parallel()
			got := runTrial(t, exhausting(t, 2, append(bound, "client.bind_address_no_port=off",
				"sysctl.client.net.ipv4.tcp_tw_reuse=1", "sysctl.client.net.ipv4.tcp_tw_reuse_delay=1")...), Options{})
			c := got.Connections
			if c.OK != 500 || c.Failed != 520 || outcome(got, "bind", "EADDRINUSE") != 520 {
				t.Errorf("connections %+v, outcomes %+v", c, got.Outcomes)
			}
			for _, p := range got.Ports {
				if p.Successes != 250 || p.OKBeforeFirstExhaustion == nil || *p.OKBeforeFirstExhaustion != 250 {
					t.Errorf("port %d: %+v", p.Port, p)
				}
				foreseen(t, p, 250)
			}
			if n := got.Sides.Client.Counters["TcpExt.TWRecycled"]; n != 0 || got.Rate.LimitedBy != byPorts {
				t.Errorf("%d reused, limited by %q", n, got.Rate.LimitedBy)
			}
			agrees(t, got)
		})
		t.Run("by connect() "+string(family), func(t *testing.T) {
			t.Parallel()
			eachTupleFull(t, runTrial(t, exhausting(t, 2, append(bound, "client.bind_address_no_port=on")...), Options{}), 2)
		})
	}
}

// A port that bind() names can be had again only with SO_REUSEADDR; then connect() takes its TIME_WAIT over at once,
// unless there are no timestamps.
func TestNetNSNamedPorts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		overrides         []string
		ok, bind, connect int64
		recycled          int64
		first, second     int64 // forecast for the server's ports; below 0: none
		okFirst, okSecond int64
	}{
		{name: "plain", ok: 200, bind: 200, first: 200, okFirst: 200},
		{
			name: "plain, two destinations", overrides: []string{"server.ports=2", "load.stop.connections=420"},
			ok: 200, bind: 220, first: 200, okFirst: 200,
		},
		{name: "SO_REUSEADDR", overrides: []string{"client.reuse_address=on"}, ok: 400, recycled: 200, first: -1, okFirst: 400},
		{name: "SO_REUSEPORT", overrides: []string{"client.reuse_port=on"}, ok: 400, recycled: 200, first: -1, okFirst: 400},
		{
			name: "SO_REUSEADDR, two destinations", overrides: []string{"client.reuse_address=on", "server.ports=2"},
			ok: 400, first: -1, second: -1, okFirst: 200, okSecond: 200,
		},
		{
			name: "SO_REUSEADDR without timestamps", ok: 200, connect: 200, first: 200, okFirst: 200,
			overrides: []string{"client.reuse_address=on", "sysctl.server.net.ipv4.tcp_timestamps=0"},
		},
	} {
		for _, family := range scenario.Families {
			t.Run(c.name+" "+string(family), func(t *testing.T) {
				t.Parallel()
				s := start(t, "port-exhaustion-small", append([]string{
					"client.bind=40000-40199", "client.workers=1", "load.rate=max", "load.concurrency=16", "load.stop.after=20s",
					"load.stop.connections=400", "sysctl.both.net.ipv4.tcp_rfc1337=1", "family=" + string(family),
					"sysctl.client.net.ipv4.tcp_tw_reuse=0",
				}, c.overrides...)...)
				got := runTrial(t, s, Options{})
				if n := got.Connections; n.OK != c.ok || outcome(got, "bind", "EADDRINUSE") != c.bind ||
					outcome(got, "connect", "EADDRNOTAVAIL") != c.connect || n.Failed != c.bind+c.connect {
					t.Errorf("connections %+v, outcomes %+v", n, got.Outcomes)
				}
				if n := got.Sides.Client.Counters["TcpExt.TWRecycled"]; n != c.recycled || *got.Ledger.Client.Reused != n {
					t.Errorf("%d TIME_WAIT taken over, want %d; ledger %d", n, c.recycled, *got.Ledger.Client.Reused)
				}
				for i, want := range []struct{ foreseen, ok int64 }{{c.first, c.okFirst}, {c.second, c.okSecond}} {
					if i < len(got.Ports) {
						namedPort(t, got.Ports[i], want.foreseen, want.ok)
					}
				}
				closed(t, "client", got.Ledger.Client)
				agrees(t, got)
			})
		}
	}
}

func namedPort(t *testing.T, p record.Tuple, want, ok int64) {
	t.Helper()
	if p.Successes != ok || p.Range != (record.PortRange{Low: 40000, High: 40199}) || p.Forecast.CliffPerSecond != nil {
		t.Errorf("port %d: %+v, want %d through", p.Port, p, ok)
	}
	if want >= 0 {
		foreseen(t, p, want)
	} else if p.Forecast.ExhaustedAfter != nil {
		t.Errorf("port %d: forecast after %d, none is due", p.Port, *p.Forecast.ExhaustedAfter)
	}
}

// What destinations leave each other of a source's ports, and where an odd range matters.
func TestShared(t *testing.T) {
	ports := func(c scenario.Client, destinations int) (out []int64) {
		by, _ := shared(c)
		for n := range destinations {
			out = append(out, by(500, n, destinations))
		}
		return out
	}
	named := scenario.Client{Bind: scenario.Bind{Mode: scenario.BindPorts}, Addresses: 1}
	again := named
	again.ReuseAddress = scenario.On
	chosen := scenario.Client{Bind: scenario.Bind{Mode: scenario.BindAddress}, Addresses: 1, BindAddressNoPort: scenario.Off}
	several := scenario.Client{Bind: scenario.Bind{Mode: scenario.BindAuto}, Addresses: 2, BindAddressNoPort: scenario.Off}
	late := chosen
	late.BindAddressNoPort = scenario.On
	for name, c := range map[string]struct {
		of   scenario.Client
		want string
	}{
		"plain": {scenario.Client{Addresses: 1}, "[500 500 500]"}, "named": {named, "[500 0 0]"},
		"named again": {again, "[500 500 500]"}, "chosen by bind()": {chosen, "[167 167 166]"},
		"several sources": {several, "[167 167 166]"}, "left to connect()": {late, "[500 500 500]"},
	} {
		if got := fmt.Sprint(ports(c.of, 3)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	odd := func(c scenario.Client) bool {
		n := int64(5)
		r := &run{scenario: scenario.Scenario{Client: c}}
		return r.oddRange(&record.Trial{Ports: []record.Tuple{{
			Range: record.PortRange{Low: 40000, High: 40004}, Forecast: record.Forecast{ExhaustedAfter: &n},
		}}}) != nil
	}
	own := scenario.PortRange{Low: 40000, High: 40004}
	ownPlain, ownChosen := scenario.Client{Addresses: 1, LocalPortRange: own}, chosen
	ownChosen.LocalPortRange = own
	if !odd(scenario.Client{Addresses: 1}) || odd(ownPlain) || !odd(ownChosen) || odd(named) {
		t.Error("an odd range matters to who steps through it by two: plain connect() and bind()")
	}
}

// A load that ends before the ports do exhausts nothing, at full speed either; who never closes keeps every port.
func TestForecastAtFullSpeed(t *testing.T) {
	s := scenario.Scenario{}.Resolve()
	s.Load.Stop.Connections = 1000
	if f := Forecast(s, timeWaitLen, timeWaitLen, 1000, 1); f.ExhaustedAfter != nil {
		t.Error("1,000 connections on 1,000 ports exhaust nothing")
	}
	if f := Forecast(s, timeWaitLen, timeWaitLen, 999, 1); f.ExhaustedAfter == nil || *f.ExhaustedAfter != 999 {
		t.Errorf("1,000 connections on 999 ports: %+v", f)
	}
	s.Load.Stop.Connections, s.Load.Stop.TimeWait = 0, &scenario.TimeWaitGoal{Side: scenario.ClientSide, Count: 400}
	if f := Forecast(s, timeWaitLen, timeWaitLen, 500, 1); f.ExhaustedAfter != nil {
		t.Error("a goal of 400 on 500 ports exhausts nothing")
	}
	s.Load.Stop.TimeWait = nil
	whole := s.Load.Stop.After.Std() + time.Second
	if f := Forecast(s, whole, whole, 500, 1); f.ExhaustedAfter == nil || *f.ExhaustedAfter != 500 {
		t.Errorf("ports that stay taken for the whole load: %+v", f)
	}
	if f := Forecast(s, 0, timeWaitLen, 500, 1); f.ExhaustedAfter != nil {
		t.Error("where some ports are free at once nobody can tell")
	}
	if f := Forecast(s, time.Second, time.Second, 500, 1); f.ExhaustedAfter != nil {
		t.Error("ports that come back within the load: nobody can tell")
	}
}

// How long a port stays taken, by who closes and who chose the port.
func TestTaken(t *testing.T) {
	const fixed = 60 * time.Second
	bound := scenario.Client{Bind: scenario.Bind{Mode: scenario.BindAddress}, BindAddressNoPort: scenario.Off, Addresses: 1}
	named := scenario.Client{Bind: scenario.Bind{Mode: scenario.BindPorts}, Addresses: 1}
	again := named
	again.ReusePort = scenario.On
	for _, c := range []struct {
		name        string
		how         scenario.Close
		client      scenario.Client
		reuse       string
		timestamps  string
		least, most time.Duration
	}{
		{"the client closes", scenario.Close{}, scenario.Client{}, "2", "1", fixed, fixed + time.Second},
		{"the server closes", scenario.Close{Side: scenario.ServerSide}, scenario.Client{}, "2", "1", 0, 0},
		{"whoever is first", scenario.Close{Side: scenario.BothSides}, scenario.Client{}, "2", "1", 0, fixed + time.Second},
		{"reuse", scenario.Close{}, scenario.Client{}, "1", "1", 300 * time.Millisecond, 300 * time.Millisecond},
		{"reuse without timestamps", scenario.Close{}, scenario.Client{}, "1", "0", fixed, fixed + time.Second},
		{"bind() chose", scenario.Close{}, bound, "1", "1", fixed, fixed + time.Second},
		{"bind() named", scenario.Close{}, named, "1", "1", fixed, fixed + time.Second},
		{"bind() named, again", scenario.Close{}, again, "0", "1", 0, 0},
		{"bind() named, again, without timestamps", scenario.Close{}, again, "1", "0", fixed, fixed + time.Second},
		{"reset", scenario.Close{How: "linger=0"}, scenario.Client{}, "2", "1", 0, 0},
		{"the server never closes", scenario.Close{Side: scenario.ServerSide, How: "leak"}, scenario.Client{}, "2", "1", 8 * time.Second, 9 * time.Second},
	} {
		r, _ := faked(t, c.how, 1)
		r.life = life{least: fixed, most: fixed + time.Second}
		r.scenario.Client.Bind, r.scenario.Client.BindAddressNoPort = c.client.Bind, c.client.BindAddressNoPort
		r.scenario.Client.ReusePort = c.client.ReusePort
		r.server.ready.Effective = map[string]string{"net.ipv4.tcp_timestamps": c.timestamps}
		got := r.taken(map[string]string{
			"net.ipv4.tcp_tw_reuse": c.reuse, "net.ipv4.tcp_tw_reuse_delay": "300", "net.ipv4.tcp_timestamps": "1",
			"net.ipv4.tcp_fin_timeout": "8",
		})
		if got.least != c.least || got.most != c.most {
			t.Errorf("%s: %v to %v (%s), want %v to %v", c.name, got.least, got.most, got.how, c.least, c.most)
		}
	}
}

// With tcp_tw_reuse the count levels off where connect() has no free port left where it looks, not at rate x delay.
func TestNetNSReuseLevelsOff(t *testing.T) {
	for name, of := range map[string]struct {
		set         []string
		plateau     float64
		least, most int64
	}{
		"one parity":              {nil, 50, 45, 50},
		"with a range of its own": {[]string{"client.local_port_range=40000-40099"}, 100, 80, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runTrial(t, start(t, "port-exhaustion-small", append(of.set,
				"sysctl.client.net.ipv4.ip_local_port_range=40000 40099", "sysctl.client.net.ipv4.tcp_tw_reuse=1",
				"sysctl.client.net.ipv4.tcp_tw_reuse_delay=50", "load.rate=100/s", "load.stop.after=4s")...), Options{})
			p := got.Ports[0]
			if p.Forecast.Plateau == nil || *p.Forecast.Plateau != of.plateau {
				t.Errorf("forecast %v, want %v", p.Forecast.Plateau, of.plateau)
			}
			// Those that start late come close together, and may find every port on one parity younger than the delay.
			if most := of.most + got.Connections.Late; p.PeakInUse == nil || *p.PeakInUse < of.least || *p.PeakInUse > most {
				t.Errorf("%v ports were taken at most, want %d to %d", *p.PeakInUse, of.least, most)
			}
			if got.Connections.Failed != 0 {
				t.Errorf("%d connections failed", got.Connections.Failed)
			}
		})
	}
}

// tcp_fin_timeout is the life of an orphaned FIN_WAIT2 up to a minute; above, twice what is above.
func TestFinWait2Life(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "60": time.Minute, "61": 2 * time.Second, "120": 2 * time.Minute, "": time.Minute,
	} {
		if got := finWait2Life(map[string]string{"net.ipv4.tcp_fin_timeout": text}); got != want {
			t.Errorf("tcp_fin_timeout %q: %v, want %v", text, got, want)
		}
	}
}

func TestFinWait2Seconds(t *testing.T) {
	timeout := func(s string) map[string]string { return map[string]string{"net.ipv4.tcp_fin_timeout": s} }
	if got := finWait2Seconds(5000, timeout("5")); got == nil || *got != 5 {
		t.Errorf("5 s: %v", got)
	}
	if got := finWait2Seconds(0, timeout("5")); got != nil {
		t.Errorf("none was seen: %v", *got)
	}
	if got := finWait2Seconds(30_000, timeout("90")); got != nil {
		t.Errorf("half of a life is none: %v", *got)
	}
}
