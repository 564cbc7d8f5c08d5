package report

import (
	"cmp"
	"strings"

	"twomsl/internal/record"
)

// matrixColumn is one figure of a row.
type matrixColumn struct {
	name  string // in the list of what the columns mean, and of what was not measured
	heads [2]string
	left  bool
	// cell has the figure, in chunks that stay on one line; gap where it was not measured.
	cell func(*record.MatrixRow) []string
	// words tells a cell in the line below the row where there is no room for the column; nil leaves it out.
	words func(cell string) string
	// spoiled are the fields and metrics under which the record says why it was not measured.
	spoiled []string
	means   string
}

// of is a row's cell; a row without figures has a gap in all but its name.
func (c *matrixColumn) of(r *record.MatrixRow) []string {
	if bare(r) && c != columnSide && c != columnHow {
		return []string{gap}
	}
	return c.cell(r)
}

// The columns in their order.
var (
	columnSide = &matrixColumn{heads: [2]string{"", "side"}, left: true, cell: func(r *record.MatrixRow) []string {
		return []string{clean(r.Side)}
	}}
	columnHow = &matrixColumn{heads: [2]string{"", "how"}, left: true, cell: func(r *record.MatrixRow) []string {
		return []string{strings.ReplaceAll(clean(r.How), " ", nbsp)}
	}}
	columnClient = &matrixColumn{
		name: "TIME_WAIT", heads: [2]string{"TIME_WAIT", client}, cell: timeWaitCell(client),
		words:   worded("TIME_WAIT on the client"),
		spoiled: []string{"seen.client.states", "client.time_wait.peak"},
		means: "connections that ended in TIME_WAIT on that side, seen/declared: all of them, none, or some here and the " +
			"rest there; those count, too, that were replaced, reused or expired before the end",
	}
	columnServer = &matrixColumn{
		name: "TIME_WAIT", heads: [2]string{"", server}, cell: timeWaitCell(server),
		words:   worded("TIME_WAIT on the server"),
		spoiled: []string{"seen.server.states", "server.time_wait.peak"},
	}
	columnStanding = &matrixColumn{
		name: "left over", heads: [2]string{"", "left over"}, left: true, cell: standingCell,
		words: func(cell string) string {
			if cell == "none" {
				return ""
			}
			return "left over: " + strings.ReplaceAll(cell, gap, "not measured")
		},
		spoiled: []string{"seen.*.states"},
		means:   "sockets in any other state at the end of the load, on the side that is named; listeners left out",
	}
	columnResets = &matrixColumn{
		name: "resets", heads: [2]string{"resets", "seen"}, cell: func(r *record.MatrixRow) []string {
			return []string{count(r.ResetsSeenByPeer)}
		},
		words: worded("resets seen"),
		means: "how often the application that did not close first saw a reset instead of the end of the stream",
	}
	columnLost = &matrixColumn{
		name: "bytes lost", heads: [2]string{"bytes", "lost"}, cell: func(r *record.MatrixRow) []string {
			return []string{optional(r.BytesLost, count)}
		},
		words:   worded("bytes lost"),
		spoiled: []string{"bytes_lost"},
		means:   "what one application wrote and the other never read, both ways together",
	}
	columnReused = &matrixColumn{
		name: "reused", heads: [2]string{"", "reused"}, cell: func(r *record.MatrixRow) []string {
			if r.Reused.Client == 0 && r.Reused.Server == 0 {
				return []string{"0"}
			}
			return []string{count(r.Reused.Client) + "+" + count(r.Reused.Server)}
		},
		words: worded("reused"),
		means: "TIME_WAIT that were taken over, client + server: on the client by connect(), on the server by a new SYN",
	}
	columnPorts = &matrixColumn{
		name: "ports", heads: [2]string{"", "ports"}, cell: func(r *record.MatrixRow) []string {
			return []string{optional(r.PortsPerConn, significant)}
		},
		spoiled: []string{"ports_held_per_connection", "ports.peak_share"},
		means:   "the client's ports that each connection still held at the end of the load",
	}
	columnCPU = &matrixColumn{
		name: "CPU us", heads: [2]string{"", "CPU us"}, cell: func(r *record.MatrixRow) []string {
			c, v := r.CPUUSPerConn.Client, r.CPUUSPerConn.Server
			if c == nil && v == nil {
				return []string{gap}
			}
			us := func(v float64) string { return figure(v, 0) }
			return []string{optional(c, us) + "+" + optional(v, us)}
		},
		spoiled: []string{"cpu_us_per_connection", "client.cpu_us_per_connection", "server.cpu_us_per_connection"},
		means:   "microseconds of processor time for each connection, client + server",
	}
	columnOpened = &matrixColumn{
		name: "opened", heads: [2]string{"", "opened"}, cell: func(r *record.MatrixRow) []string {
			return []string{count(r.Connections)}
		},
		words: worded("opened"),
		means: "connections that the row opened",
	}
)

// worded names a figure, where it is there and not zero.
func worded(name string) func(string) string {
	return func(cell string) string {
		seen, declared, _ := strings.Cut(cell, "/")
		switch {
		case seen == "0" && (declared == "" || declared == string(record.None)):
			return ""
		case seen == gap:
			return name + " not measured"
		}
		return cell + " " + name
	}
}

// timeWaitCell has what was seen, and behind it which share of the connections was declared.
func timeWaitCell(side string) func(*record.MatrixRow) []string {
	return func(r *record.MatrixRow) []string {
		declared := r.Declared.Client
		if side == server {
			declared = r.Declared.Server
		}
		share := cmp.Or(declared.States[record.TimeWait], record.None)
		seen := countOf(seenOn(r, side).States, record.TimeWait)
		if seen == nil {
			return []string{gap}
		}
		return []string{count(*seen) + "/" + clean(string(share))}
	}
}

func seenOn(r *record.MatrixRow, side string) *record.CloseSeen {
	if side == client {
		return &r.Seen.Client
	}
	return &r.Seen.Server
}

// standingCell names the sockets that are neither gone nor in TIME_WAIT, side by side.
func standingCell(r *record.MatrixRow) []string {
	var out []string
	for _, side := range sides {
		seen := seenOn(r, side).States
		if seen == nil {
			out = append(out, side+nbsp+gap)
		}
		for _, state := range record.States {
			if n := seen[state]; n > 0 && state != record.TimeWait && state != record.Listen && state != record.Closed {
				out = append(out, side+nbsp+state.Netstat()+nbsp+count(n))
			}
		}
	}
	if len(out) == 0 {
		return []string{"none"}
	}
	return out
}

func optional[T any](p *T, write func(T) string) string {
	if p == nil {
		return gap
	}
	return write(*p)
}
