package report

import (
	"time"

	"twomsl/internal/record"
)

// matrices are the matrix records of the goldens.
func matrices() []*record.Matrix { return []*record.Matrix{contradicted(), agreeing(), cutShort()} }

func matrixOf(id string, took float64, jobs int, rows ...record.MatrixRow) *record.Matrix {
	return &record.Matrix{
		Schema: record.MatrixSchema, ID: id + "-20261121-101500-ab12", Tool: "twomsl 1.0.0", Status: record.Complete,
		StartedAt: time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC), Seconds: took, Command: "twomsl bench matrix",
		Asked: len(rows), Jobs: jobs, Rows: rows,
		Environment: record.Environment{
			Kernel: "6.18.5-amd64", Arch: "x86_64", CPUs: 8, HZ: 250, Root: true, NoFileLimit: 1 << 20,
			Unmeasured: map[string]string{},
		},
	}
}

// way is a row of 200 connections in which the kernel showed what was declared: all in TIME_WAIT on the side that
// closes first, or on none where they are reset.
func way(side, how string, options ...string) record.MatrixRow {
	r := record.MatrixRow{
		Side: side, How: how, Family: "ipv4", Engine: "split/epoll", Options: options,
		Trial: side + "-" + how + "-20261121-101500-ab12", Agrees: ptr(true),
		Connections: 200, OK: 200, BytesWritten: 200 * 128, BytesLost: ptr(int64(0)), ConnectionsLost: ptr(int64(0)),
		PortsPerConn: ptr(0.0), RestartErrno: ptr(""),
		CPUUSPerConn: record.SidePair[*float64]{Client: ptr(41.2), Server: ptr(37.8)},
	}
	r.Command = "twomsl run matrix --set close.side=" + side + " --set close.how=" + how
	for _, o := range options {
		r.Command += " --set " + o
	}
	standing(&r, client, record.Counts{})
	standing(&r, server, record.Counts{record.Listen: 2})
	if how != "linger=0" && side != "both" {
		standing(&r, side, record.Counts{record.TimeWait: 200})
	}
	if side == client && *r.Agrees && how != "linger=0" {
		r.PortsPerConn = ptr(1.0)
	}
	if how == "linger=0" && side != "both" {
		r.ResetsSeenByPeer = 200
	}
	return r
}

// standing says what a side's sockets are at the end, declared and seen.
func standing(r *record.MatrixRow, side string, counts record.Counts) {
	d := record.Declared{States: map[record.State]record.Share{}, EOF: record.All, Reset: record.None}
	for state := range counts {
		if state != record.Listen {
			d.States[state] = record.All
		}
	}
	seen := seenOn(r, side)
	seen.States, seen.Peak, seen.Counters, seen.EOF = counts, counts, map[string]int64{}, 200
	if side == client {
		r.Declared.Client = d
	} else {
		r.Declared.Server = d
	}
}

func contradict(r record.MatrixRow, sentences ...string) record.MatrixRow {
	r.Agrees, r.Contradictions = ptr(false), sentences
	return r
}

func contradicted() *record.Matrix {
	both := way("both", "fin")
	standing(&both, client, record.Counts{record.TimeWait: 143})
	standing(&both, server, record.Counts{record.TimeWait: 57})
	both.PortsPerConn = ptr(0.715)
	leak := way(server, "leak")
	standing(&leak, client, record.Counts{record.FinWait2: 200})
	standing(&leak, server, record.Counts{record.Listen: 2, record.CloseWait: 200})
	leak.PortsPerConn = ptr(1.0)
	unread := way(server, "unread")
	standing(&unread, server, record.Counts{record.Listen: 2})
	unread.ResetsSeenByPeer, unread.BytesWritten = 200, 200*65_600
	unread.BytesLost, unread.ConnectionsLost = ptr(int64(8_192_000)), ptr(int64(200))
	wrong := contradict(way(client, "linger=0"),
		"declared no TIME_WAIT on the client, seen 3",
		"declared that all 200 applications on the server see a reset, 197 have seen one")
	standing(&wrong, client, record.Counts{record.TimeWait: 3})
	wrong.ResetsSeenByPeer, wrong.PortsPerConn = 197, ptr(0.015)
	waits := way(client, "linger=2")
	waits.Agrees, waits.NotJudged = nil, "12 of 200 connections failed, and those were not taken down"
	waits.OK, waits.Failed = 188, 12
	standing(&waits, client, record.Counts{record.TimeWait: 188})
	waits.PortsPerConn = ptr(0.94)
	waits.BytesLost, waits.ConnectionsLost = nil, nil
	waits.CPUUSPerConn = record.SidePair[*float64]{Client: ptr(44.0)}
	waits.Warnings = []record.Warning{{
		Code: "meter-full", Text: "the memory for counting bytes by connection was used up",
		Advice: "open fewer connections in a row", Spoils: []string{"bytes_lost"},
	}}
	bound := way(server, "fin", "client.bind=40000-40099")
	bound.Reused.Server = 100
	again := way(server, "fin", "server.reuse_address=off")
	again.RestartErrno = ptr("EADDRINUSE")
	fast := record.MatrixRow{
		Side: client, How: "fin", Family: "ipv4", Engine: "split/epoll", Options: []string{"client.fast_open=on"},
		Unsupported: "this kernel was built without TCP Fast Open",
	}
	broken := record.MatrixRow{
		Side: server, How: "graceful=5s", Family: "ipv4", Engine: "split/epoll", Options: []string{"client.bind=40000-40099"},
		Failure: "the server's process was killed 0.2 s into the load (signal 9)",
	}
	m := matrixOf("matrix", 41.3, 4, way(client, "fin"), way(server, "fin"), both, wrong, way(server, "linger=0"),
		way("both", "linger=0"), waits, way(client, "graceful=5s"), way(server, "graceful=5s"), leak, unread,
		fast, bound, broken, again)
	m.Status = record.Failed
	m.Environment.Unmeasured["cpu_us_per_connection"] = "a worker was too short for a clock tick"
	return m
}

// agreeing has nothing to complain of, two families and two engines.
func agreeing() *record.Matrix {
	var rows []record.MatrixRow
	for _, family := range []string{"ipv4", "ipv6"} {
		for _, engine := range []string{"split/epoll", "net"} {
			for _, side := range sides {
				r := way(side, "fin")
				r.Family, r.Engine = family, engine
				rows = append(rows, r)
			}
		}
	}
	rows[2].HiddenRetries, rows[3].HiddenRetries = ptr(int64(100)), ptr(int64(0))
	return matrixOf("matrix-agreeing", 6.2, 8, rows...)
}

func cutShort() *record.Matrix {
	m := matrixOf("matrix-interrupted", 3, 1, way(client, "fin"), way(server, "graceful=5s"))
	m.Rows[1].Connections, m.Rows[1].OK = 1_000, 1_000
	standing(&m.Rows[1], server, record.Counts{record.TimeWait: 1_000})
	m.Asked, m.Status = 24, record.Interrupted
	return m
}
