package report

import (
	"math"

	"twomsl/internal/record"
)

// closes says how t's connections were taken down; it agrees until something is told that contradicts.
func closes(t *record.Trial, how string, contradictions ...string) {
	t.Close = record.Close{
		Side: t.Scenario.CloseSide, How: how, Agrees: ptr(len(contradictions) == 0), Contradictions: contradictions,
	}
	for _, side := range sides {
		end := sideOf(t, side).States.End
		seen := record.CloseSeen{States: end, Peak: sideOf(t, side).States.Peak, Counters: map[string]int64{}}
		declared := record.Declared{States: map[record.State]record.Share{}, EOF: record.None, Reset: record.None}
		if end[record.TimeWait] > 0 {
			declared.States[record.TimeWait] = record.All
		}
		if side == client {
			t.Close.Declared.Client, t.Close.Seen.Client = declared, seen
		} else {
			t.Close.Declared.Server, t.Close.Seen.Server = declared, seen
		}
	}
}

// lossy resets connections whose responses are still under way.
func lossy() *record.Trial {
	t := basic("linger-0-loses", "close() with SO_LINGER {1, 0} while the response is under way", server, 0, 0.4, 1, 20)
	t.Phases.StoppedBy = "connections"
	t.Bytes = record.Bytes{
		Written: 1_312_000, Read: 290_880, Lost: ptr(int64(1_021_120)),
		ToServer:     &record.Direction{Written: 1_280, Read: 1_280},
		ToClient:     &record.Direction{Written: 1_310_720, Read: 289_600, Lost: 1_021_120},
		ByConnection: &record.PerConnection{Metered: 20, WithLoss: 18, MostLost: 61_440},
	}
	t.Sides.Server.Counters["TcpExt.TCPAbortOnData"], t.Sides.Server.Counters["Tcp.OutRsts"] = 20, 20
	t.Sides.Client.Counters["Tcp.EstabResets"] = 20
	tuple(t, 1, 28_232, 0, 20)
	t.Rate.LimitedBy, t.Rate.LimitedWhy = "waiting", "neither side's workers were busy for more than 4 % of the time"
	closes(t, "linger=0")
	t.Restart = &record.Restart{}
	look(t, func(string, float64) int64 { return 0 }, func(float64) int64 { return 0 })
	return t
}

// notAsDeclared is a strategy that the kernel contradicts, on a server that cannot listen again afterwards.
func notAsDeclared() *record.Trial {
	t := basic("reset-contradicted", "a reset that leaves TIME_WAIT behind", server, 0, 0.5, 1, 300)
	t.Phases.StoppedBy = "connections"
	stands(t, server, 3, 3, 3)
	t.Sides.Server.Counters["TcpExt.TCPAbortOnData"] = 297
	tuple(t, 1, 28_232, 0, 300)
	t.Rate.LimitedBy, t.Rate.LimitedWhy = "generator", "the client's 2 workers were busy for 98 % of the time"
	closes(t, "linger=0", "declared no TIME_WAIT on the server, seen 3",
		"declared that all 300 applications on the client see a reset, and 297 have seen one, while 3 have seen the end of "+
			"the stream")
	t.Restart = &record.Restart{Errno: "EADDRINUSE"}
	look(t, func(side string, _ float64) int64 {
		if side == client {
			return 0
		}
		return 3
	}, func(float64) int64 { return 1 })
	return t
}

// netEngine is Go's standard library, which calls connect() again by itself.
func netEngine() *record.Trial {
	t := basic("self-connect", "a client that meets itself on a port where nobody listens", client, 500, 4, 0, 2_000)
	t.Engine = "net"
	finish(t, 1_985, 15)
	t.Outcomes = append(t.Outcomes, record.Outcome{
		Side: client, Phase: "connect", Cause: string(record.SelfConnect), Count: 15,
	})
	t.Connections.HiddenRetries = ptr(int64(100))
	t.Rate.LimitedBy, t.Rate.LimitedWhy = "schedule", "no more was asked for"
	stands(t, client, 1_985, 1_985, 1_985)
	tuple(t, 1, 28_232, 500, 1_985)
	t.Close = record.Close{
		Side: client, How: "fin", NotJudged: "15 of 2,000 connections failed, and those were not taken down",
	}
	curve := func(at float64) int64 { return ramp(at, 4, 1_985) }
	look(t, func(side string, at float64) int64 {
		if side == server {
			return 0
		}
		return curve(at)
	}, curve)
	t.Restart = &record.Restart{}
	return t
}

// stateMix has sockets stand on the server in the states of a table that somebody saw, one of them short by two.
func stateMix() *record.Trial {
	t := basic("state-mix", "the table of the incident, socket by socket", client, 0, 2.5, 20, 19_900)
	t.Phases.StoppedBy = "connections"
	t.Scenario.Goal = nil
	st := &record.Stand{
		Asked: record.Counts{
			record.TimeWait: 18_122, record.SynRecv: 348, record.Established: 201, record.FinWait1: 229, record.FinWait2: 2,
			record.CloseWait: 1_000,
		},
		Looks: 80, HeldSeconds: 20, WorstDeviation: 2,
	}
	copied := func() record.Counts {
		c := record.Counts{}
		for state, n := range st.Asked {
			c[state] = n
		}
		return c
	}
	st.Standing, st.Least, st.Most = copied(), copied(), copied()
	st.Least[record.SynRecv] = 346
	t.Stand = st
	t.Sides.Server.States = record.SideStates{Peak: copied(), End: copied()}
	t.Sides.Server.States.End[record.Listen], t.Sides.Server.States.Peak[record.Listen] = 1, 1
	t.Sides.Client.States.Peak = record.Counts{record.TimeWait: 19_000}
	t.Sides.Client.States.End = record.Counts{record.TimeWait: 19_000}
	t.Sides.Server.TimeWait.Peak, t.Sides.Client.TimeWait.Peak = ptr(int64(18_122)), ptr(int64(19_000))
	t.Close = record.Close{Side: client, How: "fin", NotJudged: "nothing was taken down"}
	t.Bytes = record.Bytes{}
	t.Latency = record.Latency{}
	t.Rate.ReachedPerSecond = math.Round(19_900 / 2.5)
	return t
}
