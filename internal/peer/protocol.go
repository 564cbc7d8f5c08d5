//go:build linux

// Package peer is one side of a run as a process of its own: it has the side's namespace, load workers and sampler, and
// answers the conductor over the control protocol.
//
// The protocol is HTTP with JSON, one connection, one request at a time: POST /v1/NAME with the request's message, 200
// with the answer's, or 4xx/5xx with an Error. A local peer has its end as an inherited descriptor.
package peer

import (
	"net/netip"

	"twomsl/client"
	"twomsl/internal/lab"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/server"
)

// Version of the control protocol; both ends must have the same.
const Version = 3

// Hello is the answer to the first request.
type Hello struct {
	Version int `json:"version"`
	// PID is as the host sees it, so that others can look into the side's namespace.
	PID int `json:"pid"`
	// Defaults are the namespace's settings before anything was written.
	Defaults map[string]string `json:"defaults"`
}

// Network asks for the link's end, its addresses and its bandwidth.
type Network struct {
	Addresses []netip.Prefix `json:"addresses"`
	Link      scenario.Link  `json:"link"`
	Buffered  bool           `json:"buffered"` // see lab.Buffer
}

// Holds are the packet holds that stand from now on, instead of those that stood.
type Holds struct {
	Holds []lab.Hold `json:"holds"`
}

// Settings asks for sysctls, written in order: the scenario's own, then a recipe's.
type Settings struct {
	Settings []sysctl.Setting `json:"settings"`
	Recipe   []sysctl.Setting `json:"recipe"`
}

// Watch says what the side's sampler counts.
type Watch struct {
	IPv6       bool   `json:"ipv6"`
	LocalPort  uint16 `json:"local_port"`  // 0: any
	RemotePort uint16 `json:"remote_port"` // 0: any
	// OwnNamespace tells that nobody else's sockets are in this namespace, so that sockstat's totals are the side's.
	OwnNamespace bool `json:"own_namespace"`
	// Standing are the states in which connections are meant to stay: those are not on their way any more.
	Standing []record.State `json:"standing"`
	// Tuples are those whose ports are counted, in the record's order; none on the server.
	Tuples []Tuple `json:"tuples"`
}

// Tuple has its own supply of client ports.
type Tuple struct {
	Source      netip.Addr     `json:"source"`
	Destination netip.AddrPort `json:"destination"`
}

// Prepare asks a side to get ready. A load's client has Client, its server Server. Groups are clients beside them, each
// with its own limit and gate.
type Prepare struct {
	Client *client.Plan  `json:"client"`
	Groups []client.Plan `json:"groups"`
	Server *server.Plan  `json:"server"`
	Watch  Watch         `json:"watch"`
}

// Ready answers Prepare.
type Ready struct {
	// Effective are the namespace's settings after all were written.
	Effective map[string]string `json:"effective"`
	Offloads  map[string]bool   `json:"offloads"`
}

// Start lets the load go.
type Start struct {
	Epoch int64 `json:"epoch"` // CLOCK_MONOTONIC of the first intended start, ns
}

// Since asks for progress with the samples from number After on.
type Since struct {
	After int `json:"after"`
}

// Progress is how far the side has come.
type Progress struct {
	Opened    int64           `json:"opened"`
	OK        int64           `json:"ok"`
	Failed    int64           `json:"failed"`
	Exhausted bool            `json:"exhausted"` // an EADDRNOTAVAIL has come back
	Done      bool            `json:"done"`      // no worker runs any more
	Samples   []record.Sample `json:"samples"`
	// Groups has each of Prepare.Groups; their counts are not in those above.
	Groups []client.Progress `json:"groups"`
}

// InFlight is what was opened and has not ended.
func (p Progress) InFlight() int64 { return p.Opened - p.OK - p.Failed }

// Limit allows connections numbered below N to start, of the client or of a group.
type Limit struct {
	N     int64 `json:"n"`
	Group *int  `json:"group"` // nil: the client
}

// Gate lets connections of a group that are numbered below N pass teardown.Gate.
type Gate struct {
	N     int64 `json:"n"`
	Group int   `json:"group"`
}

// Stop ends the starting of connections.
type Stop struct {
	Reason string `json:"reason"`
}

// Standing is the exact number of TIME_WAIT at this moment, and of the connections that may still come to it.
type Standing struct {
	TimeWait int64 `json:"time_wait"`
	Moving   int64 `json:"moving"`
	// Counts has every state.
	Counts record.Counts `json:"counts"`
}

// Finish ends the load and asks for the result. Life is how long a TIME_WAIT stands at least and at most.
type Finish struct {
	LifeLeast scenario.Duration `json:"life_least"`
	LifeMost  scenario.Duration `json:"life_most"`
}

// Result is what a side came to.
type Result struct {
	Client    *client.Result   `json:"client"`
	Server    *server.Result   `json:"server"`
	Groups    []client.Result  `json:"groups"`
	Restart   *record.Restart  `json:"restart"` // of a server that listens once more; nil on the client
	Peak      record.Counts    `json:"peak"`    // each state's highest count in a split
	End       record.Counts    `json:"end"`
	PeakPorts []Ports          `json:"peak_ports"` // for each tuple
	Counters  map[string]int64 `json:"counters"`   // change since Start
	// OrphanFinWait2 stand at the end as mini-sockets: counted as entered in TcpExtTW, and no TIME_WAIT yet.
	OrphanFinWait2 int64 `json:"orphan_fin_wait_2"`
	Expired        int64 `json:"expired"` // TIME_WAIT that surely outlived their time
	ExpiredMost    int64 `json:"expired_most"`
	// LongestLeftMS is the longest time left that a TIME_WAIT's timer showed, FinWait2LeftMS that an orphaned FIN_WAIT2's
	// did; 0 where none was seen.
	LongestLeftMS  uint32     `json:"longest_left_ms"`
	FinWait2LeftMS uint32     `json:"fin_wait_2_left_ms"`
	Sampler        record.CPU `json:"sampler"`
}

// Ports is how many ports of a tuple are in use, by parity.
type Ports struct {
	InUse int64 `json:"in_use"`
	Even  int64 `json:"even"`
	Odd   int64 `json:"odd"`
}

// Error is the body of an answer that is not 200.
type Error struct {
	Error string `json:"error"`
	// Cannot tells that this machine cannot do what was asked for; the remedy is in Error.
	Cannot bool `json:"cannot"`
}
