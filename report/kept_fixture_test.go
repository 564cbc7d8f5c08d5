package report

import (
	"fmt"

	"twomsl/internal/record"
)

// troubles are records of connections that one end has left and the other has not.
func troubles() []*record.Trial {
	return []*record.Trial{
		deadPeerTrial(), keepAliveTrial(), heartbeatTrial(), retriesTrial(), idleTrial(), closeWaitTrial(), finWait2Trial(), halfClosedTrial(),
	}
}

// keptTrial are n connections that stand on either side, the server's all the time.
func keptTrial(name, title string, hold float64, n int64) *record.Trial {
	t := basic(name, title, "both", 0, 0.2, hold, n)
	t.Phases.StoppedBy = "connections"
	t.Kept = &record.Kept{Ended: ptr(int64(0))}
	t.Close = record.Close{Side: "both", How: "never", NotJudged: "the client's host vanished", Contradictions: []string{}}
	t.Scenario.Struck = server
	for _, side := range sides {
		s := sideOf(t, side)
		s.States.Peak[record.Established], s.States.End[record.Established] = n, n
		s.Memory = &record.Memory{
			Processes: 1, ResidentBefore: ptr(int64(21e6)), ResidentBytes: ptr(21e6 + 700*n), SocketBytes: ptr(int64(2_368)),
		}
	}
	p := tuple(t, 1, 28_232, 0, n)
	p.PeakInUse, p.PeakEven, p.PeakOdd = &n, &n, ptr(int64(0))
	p.Forecast = record.Forecast{TakenLeastSeconds: 10, TakenMostSeconds: 10, HowTaken: "for the whole run", RateThatLasts: ptr(0.0)}
	return t
}

// splits samples once a second what stands on either side.
func splits(t *record.Trial, of func(side string, at float64) (record.Counts, record.Stalled)) {
	end := t.Phases.LoadSeconds + t.Phases.HoldSeconds
	for _, side := range sides {
		s := sideOf(t, side)
		for at := 0.0; at <= end; at++ {
			states, stalled := of(side, at)
			n := states[record.TimeWait]
			s.Samples = append(s.Samples, record.Sample{
				AtMS: at * 1000, States: states, Stalled: &stalled, TimeWait: &n, Orphans: ptr(int64(0)),
				Opened: t.Connections.Attempted, OK: t.Connections.OK, CostUS: 90,
			})
		}
	}
}

// vanishesAt takes the client's host away; after that the server's connections are found at the time given, 0: never.
func vanishesAt(t *record.Trial, at, found float64, stalled record.Stalled, left record.State) {
	n := t.Connections.OK
	k := t.Kept
	k.VanishedSeconds, k.StoodThen = &at, &n
	t.Sides.Client.States.End = record.Counts{}
	if found > 0 {
		k.Ended, k.FoundFirstSeconds, k.FoundLastSeconds = &n, ptr(found-0.4), &found
		delete(t.Sides.Server.States.End, record.Established)
		if left != "" {
			t.Sides.Server.States.Peak[left], t.Sides.Server.States.End[left] = n, n
		}
	}
	splits(t, func(side string, now float64) (record.Counts, record.Stalled) {
		switch {
		case now <= at:
			return record.Counts{record.Established: n}, record.Stalled{KeptAlive: stalled.KeptAlive}
		case side == client:
			return record.Counts{}, record.Stalled{}
		case found > 0 && now > at+found:
			return t.Sides.Server.States.End, record.Stalled{}
		}
		return record.Counts{record.Established: n}, stalled
	})
}

// findsDead adds how the server's application learnt of it.
func findsDead(t *record.Trial, errno string) {
	cause := record.TimedOut
	if errno != "" {
		cause = record.CauseOf(errno)
	}
	t.Outcomes = append(t.Outcomes, record.Outcome{
		Side: server, Phase: "kept", Cause: string(cause), Errno: errno, Count: *t.Kept.Ended,
	})
}

func deadPeerTrial() *record.Trial {
	t := keptTrial("dead-peer", "the clients' host vanishes, and the server never learns of it", 15, 2_000)
	vanishesAt(t, 2.2, 0, record.Stalled{}, "")
	return t
}

func keepAliveTrial() *record.Trial {
	t := keptTrial("dead-peer-keepalive", "the clients' host vanishes, and TCP's keep-alive finds it out", 12, 2_000)
	t.Kept.KeepAlive = &record.KeepAlive{IdleSeconds: 3, IntervalSeconds: 1, Probes: 3}
	vanishesAt(t, 2.2, 4.3, record.Stalled{KeptAlive: 2_000, Unanswered: 2_000}, "")
	findsDead(t, "ETIMEDOUT")
	c := t.Sides.Server.Counters
	c["TcpExt.TCPKeepAlive"], c["TcpExt.TCPAbortOnTimeout"], c["Tcp.EstabResets"], c["Tcp.OutRsts"] = 6_000, 2_000, 2_000, 2_000
	return t
}

func heartbeatTrial() *record.Trial {
	t := keptTrial("dead-peer-heartbeat", "the clients' host vanishes, and the application's heartbeat finds it out", 10, 2_000)
	t.Kept.Heartbeat = &record.Heartbeat{EverySeconds: 1, LimitSeconds: 3, Sent: 5_557, Answered: 3_557}
	vanishesAt(t, 2.2, 4, record.Stalled{Retransmitting: 2_000}, record.FinWait1)
	findsDead(t, "")
	t.Sides.Server.Counters["Tcp.RetransSegs"], t.Sides.Server.Counters["TcpExt.TCPTimeouts"] = 12_000, 10_000
	return t
}

// retriesTrial is a heartbeat whose application waits for longer than the kernel tries, and not all is found in time.
func retriesTrial() *record.Trial {
	t := keptTrial("dead-peer-retries", "the kernel's retries are over before the application's patience", 6, 2_000)
	t.Kept.Heartbeat = &record.Heartbeat{EverySeconds: 1, LimitSeconds: 60, Sent: 4_000, Answered: 2_000}
	vanishesAt(t, 2.2, 3, record.Stalled{Retransmitting: 2_000}, "")
	t.Kept.Ended = ptr(int64(1_500))
	findsDead(t, "ETIMEDOUT")
	t.Sides.Server.States.End[record.Established] = 500
	c := t.Sides.Server.Counters
	c["Tcp.RetransSegs"], c["TcpExt.TCPAbortOnTimeout"] = 7_500, 1_500
	t.Sides.Server.Sysctls.Effective = map[string]string{"net.ipv4.tcp_retries2": "3"}
	t.Warnings = append(t.Warnings, record.Warning{
		Code: "not-found-in-time", Text: "1500 of 2000 connections were found dead before the hold was over",
		Advice: "give it more time with --set load.hold, or let server.keep_alive or server.heartbeat ask sooner", Spoils: []string{},
	})
	return t
}

func idleTrial() *record.Trial {
	t := keptTrial("idle-50000", "50,000 connections are kept alive and idle, and stand", 5, 50_000)
	t.Close.NotJudged, t.Close.Agrees = "", ptr(true)
	t.Kept.SlabBytes = ptr(int64(510_480_384))
	for _, side := range sides {
		sideOf(t, side).Memory.Processes = 3
	}
	f := t.Ports[0].Forecast
	t.Ports = nil
	for n := range 4 {
		p := tuple(t, n+1, 28_232, 0, 12_500)
		p.PeakInUse, p.Forecast = ptr(int64(12_500)), f
	}
	t.Warnings = append(t.Warnings, record.Warning{
		Code: "several-processes", Spoils: []string{},
		Text: "50000 connections are to stand, and a process may have 20000 descriptors here: the client is 3 processes, the server 3 processes",
	})
	t.Environment.NoFileLimit = 20_000
	splits(t, func(string, float64) (record.Counts, record.Stalled) {
		return record.Counts{record.Established: 50_000}, record.Stalled{}
	})
	return t
}

// leakTrial has n connections of which the server's stand in one state and the client's in another.
func leakTrial(name, title, closes string, asked, load, hold float64, n int64, onServer, onClient record.State) *record.Trial {
	t := basic(name, title, closes, asked, load, hold, n)
	t.Scenario.Struck = server
	t.Close = record.Close{Side: closes, How: "leak", Agrees: ptr(true), Contradictions: []string{}}
	t.Environment.NoFileLimit = 20_000
	for side, state := range map[string]record.State{server: onServer, client: onClient} {
		if state != "" {
			s := sideOf(t, side)
			s.States.Peak[state], s.States.End[state] = n, n
		}
	}
	splits(t, func(side string, at float64) (record.Counts, record.Stalled) {
		state := onServer
		if side == client {
			state = onClient
		}
		if state == "" {
			return record.Counts{}, record.Stalled{}
		}
		return record.Counts{state: ramp(at, load, n)}, record.Stalled{}
	})
	return t
}

// orphansOf is a side whose FIN_WAIT2 no process holds.
func orphansOf(t *record.Trial, side string, n int64) {
	*ledgerOf(t, side) = record.LedgerSide{
		Entered: &n, FirstCloses: &n, Standing: ptr(int64(0)), Replaced: ptr(int64(0)), Reused: ptr(int64(0)), FinWait2: &n,
		Expired: ptr(int64(0)), ExpiredMost: ptr(int64(0)), Unexplained: ptr(int64(0)),
	}
	sideOf(t, side).Counters["TcpExt.TW"] = n
}

func closeWaitTrial() *record.Trial {
	t := leakTrial("close-wait-leak", "the server never closes what its clients have closed, and CLOSE_WAIT grows", server,
		250, 4, 8, 1_000, record.CloseWait, "")
	orphansOf(t, client, 1_000)
	return t
}

func finWait2Trial() *record.Trial {
	t := leakTrial("fin-wait-2-pileup", "the server closes, its clients do not, and FIN_WAIT2 piles up", client, 200, 12, 0, 2_400,
		record.FinWait2, record.CloseWait)
	t.Sides.Server.States.Peak[record.FinWait2], t.Sides.Server.States.End[record.FinWait2] = 1_052, 1_032
	t.Sides.Server.TimeWait.FinWait2Seconds = ptr(4.99)
	orphansOf(t, server, 2_400)
	return t
}

// halfClosedTrial is a client in trouble whose FIN_WAIT2 its process still holds.
func halfClosedTrial() *record.Trial {
	t := leakTrial("half-closed", fmt.Sprintf("%d connections that were closed by half", 300), client, 0, 1, 2, 300,
		record.CloseWait, record.FinWait2)
	t.Scenario.Struck, t.Close.How = client, "half"
	return t
}
