package report

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"twomsl/internal/record"
)

func ptr[T any](v T) *T { return &v }

// The life of a TIME_WAIT in the fixtures: what a kernel with HZ=250 shows.
const (
	lifeLeast = 60.01
	lifeMean  = 61.04
	lifeMost  = 62.05
)

// fixtures are the records of the goldens, from figures that agree with each other.
func fixtures() []*record.Trial {
	return append([]*record.Trial{
		incident(), exhaustionSmall(), reuseSmall(), steady(), cliffTrial(), interrupted(), failed(), overflow(), sparse(),
		lossy(), notAsDeclared(), netEngine(), stateMix(), acceptBacklog(), conntrackFull(), proxyExhaustion(), proxyPool(), proxyDied(), proxyTheirs(), target(),
		canariesSmall(), canariesBound(), timedCalls(), timedThreads(), testSuite(), unwatchedCommand(), twoHosts(), shareOf(), mergedRun(),
	}, troubles()...)
}

// basic is what all fixtures share. A rate of 0 is max; load and hold are in seconds.
func basic(name, title, closes string, asked, load, hold float64, opened int64) *record.Trial {
	t := &record.Trial{
		Schema: record.Schema, ID: name + "-20261121-101500-ab12", Tool: "twomsl 1.0.0", Status: record.Complete,
		StartedAt: time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC), Command: "twomsl run " + name,
		Scenario: record.Scenario{
			Name: name, Title: title, Topology: "veth", Family: "ipv4", CloseSide: closes, Linger: "off",
			Spec: json.RawMessage(fmt.Sprintf(`{"name":%q}`, name)),
		},
		Engine: "split/epoll", Workers: record.SidePair[int]{Client: 2, Server: 2},
		Phases:      record.Phases{LoadSeconds: load, HoldSeconds: hold, StoppedBy: "after"},
		Connections: record.Connections{Attempted: opened, OK: opened},
		Rate:        record.Rate{ReachedPerSecond: float64(opened) / load},
		Latency:     record.Latency{Connect: &record.Quantiles{P50US: 41, P90US: 72, P99US: 160, P999US: 410, MaxUS: 1900}},
		Bytes:       record.Bytes{Lost: ptr(int64(0))},
		Environment: record.Environment{
			Kernel: "6.18.5-amd64", Arch: "x86_64", CPUs: 8, HZ: 250, Root: true, NoFileLimit: 1 << 20,
			Unmeasured: map[string]string{},
		},
	}
	if asked > 0 {
		t.Rate.AskedPerSecond = &asked
		t.Latency.FromIntended = &record.Quantiles{P50US: 44, P90US: 80, P99US: 190, P999US: 600, MaxUS: 2400}
	}
	for _, side := range sides {
		s := sideOf(t, side)
		s.PID = 4242
		s.CPU = record.CPU{UserSeconds: float64(opened) * 9e-6, SystemSeconds: float64(opened) * 32e-6}
		s.Sampler = record.CPU{SystemSeconds: s.CPU.Total() * 0.011}
		s.Counters = map[string]int64{}
		for _, m := range meaningful {
			s.Counters[m.name] = 0
		}
		s.TimeWait = record.TimeWaits{Peak: ptr(int64(0))}
		s.States = record.SideStates{Peak: record.Counts{}, End: record.Counts{}}
		*ledgerOf(t, side) = record.LedgerSide{
			Entered: ptr(int64(0)), Standing: ptr(int64(0)), Expired: ptr(int64(0)), Unexplained: ptr(int64(0)),
		}
	}
	t.Sides.Client.Addresses, t.Sides.Server.Addresses = []string{"10.99.0.1"}, []string{"10.99.0.254"}
	t.Sides.Server.States.Peak[record.Listen], t.Sides.Server.States.End[record.Listen] = 2, 2
	t.Sides.Client.States.Peak[record.Established] = 6
	t.Sides.Server.States.Peak[record.Established] = 7
	finish(t, opened, 0)
	return t
}

// finish sets how many connections went through and how many failed.
func finish(t *record.Trial, ok, failed int64) {
	t.Connections.OK, t.Connections.Failed = ok, failed
	t.Bytes.Written, t.Bytes.Read = ok*128, ok*128
	t.Latency.Connect.Count = ok
	if q := t.Latency.FromIntended; q != nil {
		q.Count = ok
	}
	t.Outcomes = []record.Outcome{
		{Side: client, Cause: string(record.OK), Count: ok}, {Side: server, Cause: string(record.OK), Count: ok},
	}
}

// fails adds one way of failing on the client.
func fails(t *record.Trial, phase, errno string, n int64) {
	t.Outcomes = append(t.Outcomes, record.Outcome{
		Side: client, Phase: phase, Cause: string(record.CauseOf(errno)), Errno: errno, Count: n,
	})
}

// stands gives a side its TIME_WAIT: entered in all, peak at the most, end of them at the end of the trial.
func stands(t *record.Trial, side string, entered, peak, end int64) *record.LedgerSide {
	s := sideOf(t, side)
	s.TimeWait = record.TimeWaits{Peak: &peak, LifetimeSeconds: ptr(60.03), BytesEach: ptr(int64(256))}
	s.States.Peak[record.TimeWait], s.States.End[record.TimeWait] = peak, end
	s.Counters["TcpExt.TW"] = entered
	*ledgerOf(t, side) = record.LedgerSide{
		Entered: &entered, FirstCloses: &entered, Standing: &end, Replaced: ptr(int64(0)), Reused: ptr(int64(0)),
		Expired: ptr(int64(0)), ExpiredMost: ptr(int64(0)), Unexplained: ptr(int64(0)),
	}
	return ledgerOf(t, side)
}

// tuple adds an address pair of size ports; perSecond is its share of the rate, 0 for max.
func tuple(t *record.Trial, n, size int, perSecond float64, okay int64) *record.Tuple {
	p := record.Tuple{
		Source: fmt.Sprintf("10.99.0.%d", n), Destination: "10.99.0.254", Port: 8080,
		Range: record.PortRange{Low: 32768, High: 32767 + size}, Successes: okay, PeakInUse: ptr(int64(6)),
	}
	if t.Scenario.CloseSide == client {
		full := float64(size) / lifeMost
		p.Forecast = record.Forecast{
			TakenLeastSeconds: lifeLeast, TakenMostSeconds: lifeMost,
			HowTaken: "measured on this kernel", FullPerSecond: &full, CliffPerSecond: ptr(full / 2),
			RateThatLasts: ptr(math.Floor(full)),
		}
		if perSecond > 0 {
			p.Forecast.RatePerSecond, p.Forecast.Plateau = &perSecond, ptr(perSecond*lifeMost)
			if perSecond > full {
				p.Forecast.ExhaustedAfter, p.Forecast.ExhaustedSeconds = ptr(int64(size)), ptr(float64(size)/perSecond)
			}
		}
	}
	t.Ports = append(t.Ports, p)
	return &t.Ports[len(t.Ports)-1]
}

// look samples every 250 ms, or every second where that is long, over load and hold; held tells a side's TIME_WAIT,
// taken the ports of each tuple. What fails, fails at the end.
func look(t *record.Trial, held func(side string, at float64) int64, taken func(at float64) int64) {
	end, load := t.Phases.LoadSeconds+t.Phases.HoldSeconds, t.Phases.LoadSeconds
	step := 0.25
	if end > 60 {
		step = 1
	}
	for _, side := range sides {
		s := sideOf(t, side)
		for i := range int(end/step) + 2 {
			at := math.Min(end, float64(i)*step)
			opened := ramp(at, load, t.Connections.Attempted)
			okay := min(opened, t.Connections.OK)
			one := record.Sample{
				AtMS: at * 1000, TimeWait: ptr(held(side, at)), Opened: opened, OK: okay,
				Failed: min(opened-okay, t.Connections.Failed), CostUS: 55,
			}
			if side == client {
				for range t.Ports {
					one.PortsInUse = append(one.PortsInUse, taken(at))
				}
			}
			s.Samples = append(s.Samples, one)
		}
	}
}

// ramp rises to top until the time to, and stays there.
func ramp(at, to float64, top int64) int64 { return int64(math.Min(1, at/to) * float64(top)) }

func incident() *record.Trial {
	t := basic("incident-18000", "the server closes first until it holds 18,122 TIME_WAIT", server, 0, 1.4, 20, 19_880)
	t.Scenario.Goal = &record.Goal{Side: server, TimeWait: 18_122, ReachedSeconds: ptr(1.4)}
	t.Phases.StoppedBy = "time_wait"
	*stands(t, server, 19_880, 18_122, 18_122).Replaced = 1_758
	t.Connections.Replaced = ptr(int64(1_758))
	for n := range 4 {
		tuple(t, n+1, 28_232, 0, 4_970)
	}
	look(t, func(side string, at float64) int64 {
		if side == client {
			return 0
		}
		return ramp(at, 1.4, 18_122)
	}, func(float64) int64 { return 2 })
	t.Sides.Client.Sampling = costing(0.3, 213, 12, 0, 3)
	t.Sides.Server.Sampling = costing(1.3, 200, 10, 14, 4) // over its budget
	return t
}

// costing is what counting took: a share in percent, and so many looks of each kind.
func costing(share float64, totals, totalsUS, splits, full int64) *record.Sampling {
	s := &record.Sampling{BudgetPercent: 1, SharePercent: share}
	if totals > 0 {
		s.Totals = record.LookCost{Looks: totals, MeanUS: float64(totalsUS), MostUS: 95}
	}
	if splits > 0 {
		s.Splits = record.LookCost{Looks: splits, MeanUS: 960, MostUS: 2_310}
	}
	if full > 0 {
		s.Full = record.LookCost{Looks: full, MeanUS: 3_900, MostUS: 10_200}
	}
	return s
}

// smallRange is the setting that both small trials change on the client.
func smallRange(t *record.Trial) {
	t.Sides.Client.Sysctls.Changed = append(t.Sides.Client.Sysctls.Changed, record.SysctlChange{
		Key: "net.ipv4.ip_local_port_range", Default: "32768 60999", Asked: "32768 33767", Value: "32768 33767",
	})
}

func exhaustionSmall() *record.Trial {
	t := basic("port-exhaustion-small", "200/s for 10 s on 1,000 ports", client, 200, 10, 2, 2_000)
	finish(t, 1_000, 1_000)
	fails(t, "connect", "EADDRNOTAVAIL", 1_000)
	smallRange(t)
	stands(t, client, 1_000, 1_000, 1_000)
	p := tuple(t, 1, 1_000, 200, 1_000)
	p.PeakInUse, p.PeakEven, p.PeakOdd = ptr(int64(1_000)), ptr(int64(500)), ptr(int64(500))
	p.OKBeforeFirstExhaustion, p.FirstExhaustionSeconds = ptr(int64(1_000)), ptr(5.003)
	look(t, func(side string, at float64) int64 {
		if side == server {
			return 0
		}
		return ramp(at, 5, 1_000)
	}, func(at float64) int64 { return ramp(at, 5, 1_000) })
	return t
}

func reuseSmall() *record.Trial {
	t := basic("reuse-small", "the same, with tcp_tw_reuse = 1 on the client", client, 200, 10, 2, 2_000)
	smallRange(t)
	for _, side := range sides {
		s := &sideOf(t, side).Sysctls
		s.Changed = append(s.Changed, record.SysctlChange{
			Key: "net.ipv4.tcp_tw_reuse", Default: "2", Asked: "1", Value: "1",
		})
		s.Refused = []record.SysctlRefusal{
			{Key: "net.ipv4.tcp_tw_recycle", Asked: "1", Reason: "removed from Linux in 4.12; it dropped clients behind NAT"},
		}
	}
	*stands(t, client, 2_000, 1_000, 499).Reused = 1_501
	t.Sides.Client.Counters["TcpExt.TWRecycled"] = 1_501
	p := tuple(t, 1, 1_000, 200, 2_000)
	p.PeakInUse, p.PeakEven, p.PeakOdd = ptr(int64(1_000)), ptr(int64(500)), ptr(int64(500))
	curve := func(at float64) int64 { return ramp(at, 5, 1_000) - ramp(math.Max(0, at-5), 5, 501) }
	look(t, func(side string, at float64) int64 {
		if side == server {
			return 0
		}
		return curve(at)
	}, curve)
	return t
}

func steady() *record.Trial {
	t := basic("steady-200", "200 connections a second for three minutes", client, 200, 180, 0, 36_000)
	l := stands(t, client, 36_000, 12_260, 12_208)
	t.Sides.Client.TimeWait.Plateau = ptr(int64(12_208))
	*l.Expired, *l.ExpiredMost = 23_590, 23_998
	p := tuple(t, 1, 28_232, 200, 36_000)
	p.PeakInUse, p.PeakEven, p.PeakOdd = ptr(int64(12_266)), ptr(int64(12_266)), ptr(int64(0))
	t.Connections.Late = 14
	curve := func(at float64) int64 { return ramp(at, lifeMean, 12_208) }
	look(t, func(side string, at float64) int64 {
		if side == server {
			return 0
		}
		return curve(at)
	}, curve)
	return t
}

func cliffTrial() *record.Trial {
	t := basic("port-exhaustion", "one address pair until its ports are used up", client, 1_000, 28.282, 5, 28_282)
	finish(t, 28_232, 50)
	fails(t, "connect", "EADDRNOTAVAIL", 50)
	t.Phases.StoppedBy = "failures"
	t.Latency.Connect = &record.Quantiles{
		Count: 28_232, P50US: 31, P90US: 1_420, P99US: 3_900, P999US: 6_100, MaxUS: 12_400,
	}
	*t.Latency.FromIntended = record.Quantiles{
		Count: 28_232, P50US: 36, P90US: 1_480, P99US: 4_200, P999US: 6_900, MaxUS: 13_100,
	}
	stands(t, client, 28_232, 28_232, 28_232)
	p := tuple(t, 1, 28_232, 1_000, 28_232)
	p.PeakInUse, p.PeakEven, p.PeakOdd = ptr(int64(28_232)), ptr(int64(14_116)), ptr(int64(14_116))
	p.OKBeforeFirstExhaustion, p.FirstExhaustionSeconds = ptr(int64(28_232)), ptr(28.241)
	look(t, func(side string, at float64) int64 {
		if side == server {
			return 0
		}
		return ramp(at, 28.232, 28_232)
	}, func(at float64) int64 { return ramp(at, 28.232, 28_232) })
	return t
}

func interrupted() *record.Trial {
	t := basic("half-range-cliff", "connect() gets slow once half the range is taken", client, 300, 12.5, 0, 3_750)
	t.Status, t.Phases.StoppedBy = record.Interrupted, "interrupt"
	finish(t, 3_747, 0)
	t.Connections.Unfinished = 3
	t.Sides.Client.States.End[record.Established], t.Sides.Server.States.End[record.Established] = 3, 3
	stands(t, client, 3_747, 3_747, 3_747)
	p := tuple(t, 1, 28_232, 300, 3_747)
	p.PeakInUse, p.PeakEven, p.PeakOdd = ptr(int64(3_750)), ptr(int64(3_750)), ptr(int64(0))
	t.Command = "twomsl run half-range-cliff --set load.rate=300/s --set load.stop.after=2m --set client.workers=2" +
		" --set server.backlog=4096 --records twomsl-results"
	curve := func(at float64) int64 { return ramp(at, 12.5, 3_747) }
	look(t, func(side string, at float64) int64 {
		if side == server {
			return 0
		}
		return curve(at)
	}, curve)
	return t
}

func failed() *record.Trial {
	t := basic("port-exhaustion", "one address pair until its ports are used up", client, 1_000, 4.2, 0, 4_200)
	t.ID = "failed-20261121-101500-ab12"
	t.Status, t.Phases.StoppedBy = record.Failed, "failure"
	t.Failure = &record.Failure{
		Side: server, Text: "its process was killed 4.1 s into the load (signal 9)",
		LastWords: "level=INFO msg=listening address=10.99.0.254:8080\nlevel=ERROR msg=\"accept4: too many open files\"" +
			" open=20000 limit=20000 remedy=\"raise the hard limit (ulimit -Hn) or run with fewer workers\"\n",
	}
	finish(t, 4_100, 100)
	fails(t, "connect", "ECONNREFUSED", 80)
	fails(t, "read", "ECONNRESET", 20)
	t.Connections.NotStarted = 31
	stands(t, client, 4_100, 4_100, 4_100)
	t.Sides.Client.Counters["Tcp.AttemptFails"], t.Sides.Client.Counters["Tcp.EstabResets"] = 80, 20
	p := tuple(t, 1, 28_232, 1_000, 4_100)
	p.PeakInUse, p.PeakEven, p.PeakOdd = ptr(int64(4_106)), ptr(int64(4_106)), ptr(int64(0))
	look(t, func(_ string, at float64) int64 { return ramp(at, 4.2, 4_100) },
		func(at float64) int64 { return ramp(at, 4.2, 4_100) })
	const why = "the server's process was gone before it could be asked"
	t.Sides.Server = record.Side{PID: 4243, Addresses: []string{"10.99.0.254"}}
	t.Ledger.Server, t.Bytes.Lost = record.LedgerSide{}, nil
	for _, field := range []string{
		"sides.server.states", "sides.server.time_wait", "sides.server.counters", "sides.server.cpu",
		"ledger.server", "bytes.lost",
	} {
		t.Environment.Unmeasured[field] = why
	}
	return t
}

func overflow() *record.Trial {
	t := basic("bucket-overflow", "1,500 closes with room for 500 TIME_WAIT", server, 0, 0.3, 5, 1_500)
	t.Phases.StoppedBy = "connections"
	set := record.SysctlChange{Key: "net.ipv4.tcp_max_tw_buckets", Default: "131072", Asked: "500", Value: "500"}
	t.Sides.Server.Sysctls.Changed = []record.SysctlChange{set}
	t.Sides.Client.Sysctls.Changed = []record.SysctlChange{{
		Key: "net.ipv4.tcp_fin_timeout", Default: "60", Asked: "0", Value: "60",
	}}
	stands(t, server, 500, 500, 500)
	t.Sides.Server.TimeWait.BytesEach = nil
	t.Environment.Unmeasured["sides.*.time_wait.bytes_each"] = "slabinfo is only readable by root"
	c := t.Sides.Server.Counters
	c["TcpExt.TCPTimeWaitOverflow"], c["TcpExt.ListenOverflows"], c["TcpExt.ListenDrops"] = 1_000, 12, 12
	t.Sides.Client.Counters["Tcp.RetransSegs"], t.Sides.Client.Counters["TcpExt.TCPTimeouts"] = 12, 12
	tuple(t, 1, 28_232, 0, 1_500)
	t.Warnings = []record.Warning{
		{
			Code: "tw-overflow", Text: "the server had no room for 1,000 TIME_WAIT (TcpExt.TCPTimeWaitOverflow)",
			Advice: "raise net.ipv4.tcp_max_tw_buckets, unless the overflow is what you came to see",
			Spoils: []string{"server.time_wait.peak", "server.time_wait.plateau"},
		},
		{Code: "short", Text: "the load lasted 300 ms; a rate over so short a time is rough"},
	}
	look(t, func(side string, at float64) int64 {
		if side == client {
			return 0
		}
		return ramp(at, 0.3, 500)
	}, func(float64) int64 { return 1 })
	return t
}

func sparse() *record.Trial {
	t := basic("unprivileged-host", "what can be seen without rights", client, 50, 20, 0, 1_000)
	t.Scenario.Topology = "host"
	t.Latency = record.Latency{}
	t.Bytes.Lost = nil
	for _, side := range sides {
		s := sideOf(t, side)
		s.States, s.TimeWait, s.Counters = record.SideStates{}, record.TimeWaits{}, nil
		s.CPU, s.Sampler = record.CPU{}, record.CPU{}
		*ledgerOf(t, side) = record.LedgerSide{}
	}
	t.Sides.Client.TimeWait.Peak = ptr(int64(1_000))
	p := tuple(t, 1, 28_232, 50, 1_000)
	p.PeakInUse = nil
	t.Environment.Root = false
	t.Environment.Unmeasured = map[string]string{
		"sides.*.states": "sock_diag is not permitted here", "ports[].peak_in_use": "sock_diag is not permitted here",
		"sides.*.counters": "a host's counters count other programs too",
		"ledger.client":    "it needs counters", "ledger.server": "it needs counters",
	}
	t.Warnings = []record.Warning{{
		Code: "generator-saturated", Text: "one core was busy at 100 %: latencies would tell of the generator",
		Advice: "use more workers", Spoils: []string{"connect.p50_us", "connect.p99_us"},
	}}
	return t
}
