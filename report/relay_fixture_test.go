package report

import (
	"math"
	"strings"
	"testing"

	"twomsl/internal/record"
)

// proxied is a trial with a relay that closes first towards the client, from figures that agree with each other.
func proxied(name, title string, opened int64) *record.Trial {
	t := basic(name, title, server, 400, 6, 0, opened)
	t.Scenario.Struck = relay
	t.Bytes.Lost = nil
	t.Environment.Unmeasured["bytes.lost"] = "client and server each speak with the relay"
	t.Close = record.Close{Side: server, How: "fin", NotJudged: "client and server meet at a relay, where each connection ends for itself"}
	p := tuple(t, 1, 28_232, 400, opened)
	p.PeakInUse, p.PeakEven, p.PeakOdd = ptr(int64(3)), ptr(int64(3)), ptr(int64(0))
	t.Relay = &record.Relay{
		PID: 4244, Addresses: []string{"10.99.0.253", "10.98.0.1"}, Close: relay, Accepted: opened, Relayed: ptr(opened),
		Counters: map[string]int64{"TcpExt.TW": 0, "TcpExt.TWRecycled": 0},
		CPU:      record.CPU{UserSeconds: 0.02, SystemSeconds: 0.31}, Sampler: record.CPU{SystemSeconds: 0.04},
		Sysctls: record.Sysctls{Changed: []record.SysctlChange{
			{Key: "net.ipv4.ip_local_port_range", Default: "32768 60999", Asked: "40000 41999", Value: "40000 41999"},
		}},
		Outcomes: []record.Outcome{{Side: relay, Cause: string(record.OK), Count: opened}},
		Ports: []record.Tuple{{
			Source: "10.98.0.1", Destination: "10.98.0.254", Port: 8080, Range: record.PortRange{Low: 40000, High: 41999},
		}},
	}
	return t
}

// faceHolds gives one of the relay's sides its TIME_WAIT, which rise to most until the time full.
func faceHolds(t *record.Trial, face string, most int64, full float64) {
	f := faceOf(t, face)
	f.States = record.SideStates{Peak: record.Counts{record.TimeWait: most}, End: record.Counts{record.TimeWait: most}}
	if face == relayClient {
		f.States.Peak[record.Listen], f.States.End[record.Listen] = 1, 1
	}
	f.TimeWait = record.TimeWaits{Peak: &most, LifetimeSeconds: ptr(60.03), BytesEach: ptr(int64(256))}
	if most == 0 {
		f.TimeWait.LifetimeSeconds = nil
	}
	for i := range 25 {
		at := math.Min(6, float64(i)*0.25)
		one := record.Sample{AtMS: at * 1000, TimeWait: ptr(ramp(at, full, most)), States: record.Counts{record.TimeWait: ramp(at, full, most)}}
		if face == relayServer {
			one.PortsInUse = []int64{ramp(at, full, *t.Relay.Ports[0].PeakInUse)}
		}
		f.Samples = append(f.Samples, one)
	}
}

func proxyExhaustion() *record.Trial {
	t := proxied("proxy-exhaustion", "a proxy runs out of its 2,000 ports towards the server behind it", 2_400)
	finish(t, 2_000, 400)
	t.Phases.StoppedBy = "failures"
	t.Outcomes = append(t.Outcomes, record.Outcome{Side: client, Phase: "read", Cause: string(record.ShortRead), Count: 400})
	r := t.Relay
	r.Relayed = ptr(int64(2_000))
	r.Outcomes = []record.Outcome{
		{Side: relay, Cause: string(record.OK), Count: 2_000},
		{Side: relay, Phase: "connect", Cause: string(record.AddrNotAvailable), Errno: "EADDRNOTAVAIL", Count: 400},
	}
	r.Counters["TcpExt.TW"] = 4_400
	p, full := &r.Ports[0], 2_000/lifeMost
	p.Successes, p.PeakInUse, p.PeakEven, p.PeakOdd = 2_000, ptr(int64(2_000)), ptr(int64(1_000)), ptr(int64(1_000))
	p.OKBeforeFirstExhaustion, p.FirstExhaustionSeconds = ptr(int64(2_000)), ptr(5.001)
	p.Forecast = record.Forecast{
		TakenLeastSeconds: lifeLeast, TakenMostSeconds: lifeMost, HowTaken: "measured on this kernel", RatePerSecond: ptr(400.0),
		Plateau: ptr(400 * lifeMost), CliffPerSecond: ptr(full / 2), FullPerSecond: &full, RateThatLasts: ptr(math.Floor(full)),
		ExhaustedAfter: ptr(int64(2_000)), ExhaustedSeconds: ptr(5.0),
	}
	t.Rate.LimitedBy = "ports"
	t.Rate.LimitedWhy = "for 400 of the 2400 connections that the relay took it found no port towards the server"
	faceHolds(t, relayClient, 2_400, 6)
	faceHolds(t, relayServer, 2_000, 5)
	look(t, func(string, float64) int64 { return 0 }, func(float64) int64 { return 3 })
	t.Relay.Client.Sampling, t.Relay.Server.Sampling = costing(0.7, 30, 14, 0, 31), costing(0.8, 30, 15, 0, 33)
	t.Sides.Client.Sampling = costing(0, 0, 0, 0, 3)
	t.Sides.Client.Sampling.BudgetPercent = 0 // off
	return t
}

func proxyPool() *record.Trial {
	t := proxied("proxy-pool", "the same, with connections to the server that are kept", 2_400)
	t.Relay.Pool = 64
	t.Relay.Counters["TcpExt.TW"] = 2_400
	p := &t.Relay.Ports[0]
	p.Successes, p.PeakInUse, p.PeakEven, p.PeakOdd = 26, ptr(int64(26)), ptr(int64(26)), ptr(int64(0))
	p.Forecast.HowTaken = "connections to the server are kept and used again"
	faceHolds(t, relayClient, 2_400, 6)
	faceHolds(t, relayServer, 0, 6)
	for _, c := range []record.Counts{t.Relay.Server.States.Peak, t.Relay.Server.States.End, t.Sides.Server.States.End} {
		c[record.Established] = 26
	}
	look(t, func(string, float64) int64 { return 0 }, func(float64) int64 { return 3 })
	return t
}

// proxyDied has nothing from the relay but what it had told by then.
func proxyDied() *record.Trial {
	t := proxyExhaustion()
	t.ID = "proxy-died-20261121-101500-ab12"
	t.Status, t.Phases.StoppedBy = record.Failed, "failure"
	t.Failure = &record.Failure{Side: relay, Text: "the relay's process has ended: signal: killed"}
	r := t.Relay
	r.Counters, r.Outcomes, r.CPU, r.Sampler = nil, nil, record.CPU{}, record.CPU{}
	p := &r.Ports[0]
	p.Successes, p.PeakInUse, p.PeakEven, p.PeakOdd, p.OKBeforeFirstExhaustion, p.FirstExhaustionSeconds = 0, nil, nil, nil, nil, nil
	for _, face := range faces {
		f := faceOf(t, face)
		f.States, f.TimeWait = record.SideStates{}, record.TimeWaits{Peak: f.TimeWait.Peak}
	}
	return t
}

// The headline says who ran out of what, who sees it and who does not; the two lots are never one.
func TestRelayIsTold(t *testing.T) {
	text := strings.Join(strings.Fields(render(t, "terminal", proxyExhaustion(), Options{Width: 100})), " ")
	for _, want := range []string{
		"The relay ran out of ports towards the server: 2,000 connections went through in 5.0 s, then connect() failed 400 times " +
			"with EADDRNOTAVAIL. The client sees 400 connections that end without an answer. The server sees nothing of it.",
		"The relay holds 4,400 TIME_WAIT: 2,000 towards the server, each with a port of its own, and 2,400 towards the client, " +
			"where they take none. Client and server hold none.",
		"at the end client relay relay server to client to server", "TIME_WAIT 0 2,400 2,000 0", "1.1 MB on the relay",
		"relay 2,400 taken from the client = 2,000 answered by the server + 400 without an answer",
		"400 EADDRNOTAVAIL at connect() on the relay", "relay 10.98.0.1 -> 10.98.0.254:8080, range 40000-41999",
		"2,000 of 2,000 taken at the peak, 100 %", "measured after 2,000 connections, at 5.0 s",
		"net.ipv4.ip_local_port_range = 40000 41999 on the relay", "TcpExt.TW 0 4,400 0",
		"client and relay: the relay first, by fin", "relay and server: the relay first, by fin",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not told:\n%s", want, text)
		}
	}
}

// A relay that had no trouble is told as one, and what is not known of a dead one is not made up.
func TestRelayWithoutTrouble(t *testing.T) {
	text := strings.Join(strings.Fields(render(t, "terminal", proxyPool(), Options{Width: 120})), " ")
	for _, want := range []string{
		"The relay holds 2,400 TIME_WAIT, all towards the client, where they take no port. Client and server hold none. Nothing failed.",
		"26 connections opened to the server, which stay open for the next client", "up to 64 stay open",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not told:\n%s", want, text)
		}
	}
	text = strings.Join(strings.Fields(render(t, "terminal", proxyDied(), Options{Width: 120})), " ")
	for _, want := range []string{
		"The relay failed: the relay's process has ended: signal: killed.", "The relay's TIME_WAIT at the end were not measured.",
		"TIME_WAIT 0 unknown unknown 0", "not measured, the relay had ended",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not told:\n%s", want, text)
		}
	}
}

// The states of the relay are those of its host, both lots together, as netstat there would show them.
func TestRelayStates(t *testing.T) {
	for side, want := range map[string]string{"": "TIME_WAIT 4400\n", relay: "TIME_WAIT 4400\n", client: "", server: ""} {
		if got := render(t, "states", proxyExhaustion(), Options{Side: side}); got != want {
			t.Errorf("side %q: %q", side, got)
		}
	}
	if err := writeStates(nil, incident(), Options{Side: relay}); err == nil || !strings.Contains(err.Error(), "no relay") {
		t.Errorf("a relay's states of a trial without one: %v", err)
	}
}

// Charts show the relay's lots by themselves, and its ports.
func TestRelayCharts(t *testing.T) {
	var titles []string
	for _, f := range trialFigures(proxyExhaustion()) {
		titles = append(titles, f.title)
		for _, p := range f.chart.Panels {
			titles = append(titles, p.Title)
		}
	}
	text := strings.Join(titles, "\n")
	for _, want := range []string{
		"TIME_WAIT on the relay, towards the client", "TIME_WAIT on the relay, towards the server",
		"The relay's ports towards the server in use against the range",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q among\n%s", want, text)
		}
	}
	if strings.Contains(text, "TIME_WAIT on the client") {
		t.Errorf("a chart of nothing among\n%s", text)
	}
}

// A relay's faces are sampled each for itself: of one alone the other's cost is left out.
func TestSamplingOfOneFace(t *testing.T) {
	for _, format := range []string{"terminal", "html"} {
		x := proxyExhaustion()
		x.Relay.Server.Sampling = nil
		if text := render(t, format, x, Options{Width: 100}); !strings.Contains(text, "sampling") {
			t.Errorf("%s tells nothing of the face that was", format)
		}
		x.Relay.Client.Sampling, x.Relay.Server.Sampling = nil, x.Relay.Client.Sampling
		render(t, format, x, Options{Width: 100})
	}
}
