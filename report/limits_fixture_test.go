package report

import "twomsl/internal/record"

// gaveUp adds connections that the client gave up waiting, in a phase.
func gaveUp(t *record.Trial, phase string, n int64) {
	t.Outcomes = append(t.Outcomes, record.Outcome{Side: client, Phase: phase, Cause: string(record.TimedOut), Count: n})
}

// listens gives the server a listener, with what waited there at its fullest.
func listens(t *record.Trial, queue, backlog, synRecv int64) {
	t.Sides.Server.Listeners = []record.Listener{{
		Address: "10.99.0.254", Port: 8080, Queue: queue, Backlog: backlog, SynRecv: synRecv, Program: "server[4242]",
	}}
}

// acceptBacklog is a server that accepts too slowly.
func acceptBacklog() *record.Trial {
	t := basic("accept-backlog", "the server accepts too slowly, its accept queue is full, and connects hang", client, 100, 7.5, 0, 500)
	finish(t, 135, 365)
	gaveUp(t, "connect", 292)
	gaveUp(t, "read", 73)
	t.Sides.Server.Counters["TcpExt.ListenOverflows"], t.Sides.Server.Counters["TcpExt.ListenDrops"] = 1_466, 1_466
	listens(t, 9, 8, 3)
	t.Sides.Server.Descriptors = &record.Descriptors{Program: server, InUse: 26, Limit: 1 << 20}
	t.Latency.Connect = &record.Quantiles{Count: 208, P50US: 1_000_300, P90US: 2_000_900, P99US: 2_100_000, P999US: 2_100_000, MaxUS: 2_110_000}
	*t.Latency.FromIntended = *t.Latency.Connect
	l := stands(t, client, 208, 135, 135)
	l.GivenUp = ptr(int64(73))
	t.Sides.Client.Counters["Tcp.OutRsts"] = 73
	t.Bytes.Written, t.Bytes.Lost = t.Bytes.Written+73*64, ptr(int64(73*64))
	tuple(t, 1, 28_232, 100, 208)
	look(t, func(side string, at float64) int64 {
		if side == server {
			return 0
		}
		return ramp(at, 7.5, 135)
	}, func(at float64) int64 { return ramp(at, 7.5, 208) })
	return t
}

// conntrackFull is a host whose table of tracked connections has no room left.
func conntrackFull() *record.Trial {
	t := basic("conntrack-full", "connections in TIME_WAIT fill the connection-tracking table until nobody gets in", server, 0, 25.6, 0, 262_272)
	finish(t, 262_144, 128)
	gaveUp(t, "connect", 128)
	t.Phases.StoppedBy = "failures"
	t.Sides.Server.Conntrack = &record.Conntrack{
		Entries: 262_144, Limit: 262_144, Dropped: ptr(int64(255)), EarlyDropped: ptr(int64(0)),
	}
	stands(t, server, 262_144, 262_144, 262_144)
	for n := range 10 {
		tuple(t, n+1, 28_232, 0, 26_214).Range = record.PortRange{Low: 10_000, High: 60_999}
	}
	look(t, func(side string, at float64) int64 {
		if side == client {
			return 0
		}
		return ramp(at, 24.2, 262_144)
	}, func(float64) int64 { return 6 })
	return t
}
