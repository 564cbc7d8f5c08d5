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
	"twomsl/internal/command"
	"twomsl/internal/connects"
	"twomsl/internal/foreign"
	"twomsl/internal/lab"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/relay"
	"twomsl/server"
)

// Version of the control protocol; both ends must have the same.
const Version = 6

// Hello is the answer to the first request.
type Hello struct {
	Version int `json:"version"`
	// PID is as the host sees it, so that others can look into the side's namespace.
	PID int `json:"pid"`
	// Defaults are the namespace's settings before anything was written.
	Defaults map[string]string `json:"defaults"`
	// Host tells the host, and the namespace that the process is in, from every other, also of the past.
	Host string `json:"host"`
}

// Network asks for the link's end, its addresses and its bandwidth.
type Network struct {
	Addresses []netip.Prefix `json:"addresses"`
	Link      scenario.Link  `json:"link"`
	Buffered  bool           `json:"buffered"` // see lab.Buffer
	// Onward are the addresses of a relay's other link, to the server.
	Onward []netip.Prefix `json:"onward"`
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
	IPv6 bool `json:"ipv6"`
	// BothFamilies counts sockets of either family: a server of somebody else's may take IPv4 on an IPv6 socket (RFC 3493,
	// section 5.3).
	BothFamilies bool   `json:"both_families"`
	LocalPort    uint16 `json:"local_port"`  // 0: any
	RemotePort   uint16 `json:"remote_port"` // 0: any
	// Remote takes only sockets whose peer has this address; not valid: any.
	Remote netip.Addr `json:"remote"`
	// NotLocalPort leaves out the sockets at this port; 0: none.
	NotLocalPort uint16 `json:"not_local_port"`
	// OwnNamespace tells that nobody else's sockets are in this namespace, so that sockstat's totals are the side's.
	OwnNamespace bool `json:"own_namespace"`
	// Budget is the share of a processor that the sampler may take of itself, 0 to 1; with 0 it counts when it is asked.
	Budget float64 `json:"budget"`
	// Every is how often the states are told apart at the most; 0 is once a second, and in a shared namespace as often as
	// the budget pays for.
	Every scenario.Duration `json:"every"`
	// Standing are the states in which connections are meant to stay: those are not on their way any more.
	Standing []record.State `json:"standing"`
	// Orphans tells that closed sockets are to stand in FIN_WAIT2: sockstat counts those as TIME_WAIT, and only a split tells
	// them apart.
	Orphans bool `json:"orphans"`
	// Mixed tells that sockets which are of none of Tuples stand there, too: a TIME_WAIT need not hold a port of one.
	Mixed bool `json:"mixed"`
	// Tuples are those whose ports are counted, in the record's order; none on the server.
	Tuples []Tuple `json:"tuples"`
	// Leave says whose sockets are not counted: the canaries'.
	Leave sample.Leave `json:"leave"`
	// Tracked tells that this namespace tracks connections: that its table cannot be read is then told.
	Tracked bool `json:"tracked"`
}

// Tuple has its own supply of client ports.
type Tuple struct {
	Source      netip.Addr     `json:"source"`
	Destination netip.AddrPort `json:"destination"`
}

// Prepare asks a side to get ready. A load's client has Client, its server Server, what is between them Relay. Groups are
// clients beside them, each with its own limit and gate.
type Prepare struct {
	Client *client.Plan `json:"client"`
	// Command is a client that nobody here wrote, instead of Client.
	Command *command.Plan `json:"command"`
	Groups  []client.Plan `json:"groups"`
	Server  *server.Plan  `json:"server"`
	// Foreign is a server that nobody here wrote, instead of Server, or a proxy, instead of Relay.
	Foreign *Foreign    `json:"foreign"`
	Relay   *relay.Plan `json:"relay"`
	// Paired is the server's end where Client's process drives both; the server's process then only Counts.
	Paired *Paired `json:"paired"`
	Counts bool    `json:"counts"`
	Watch  Watch   `json:"watch"`
	// Onward says what is counted of a relay's sockets that face the server; Watch is of those that face the client.
	Onward Watch `json:"onward"`
	// OpenFiles is how many descriptors the side's process may hold while the load runs, its own few included; 0: as many
	// as it can.
	OpenFiles int `json:"open_files"`
	// Processes above 1 are started to share the plan, see crew; Program is how. A Part is one of them: it has no sampler.
	Processes int     `json:"processes"`
	Program   Program `json:"program"`
	Part      bool    `json:"part"`
	// Profile asks for a profile of the process's processor time.
	Profile bool `json:"profile"`
	// Descriptors bounds what the process may have open; 0: its hard limit.
	Descriptors int `json:"descriptors"`
}

// Program is how a peer starts this program once more, as a peer of its own.
type Program struct {
	Path string   `json:"path"`
	Args []string `json:"args"`
}

// Foreign is a line for the shell and where what it starts is to listen. Name is the field that has it.
type Foreign struct {
	Name    string         `json:"name"`
	Command string         `json:"command"`
	Listen  netip.AddrPort `json:"listen"`
	// Server is whom a proxy is to call, which makes the side a relay; its zero value is a server's. Sources are the addresses
	// that it may call from.
	Server  netip.AddrPort `json:"server"`
	Sources []netip.Addr   `json:"sources"`
	// Root is the directory that the command has for its /; "" is the host's. Program is then how it gets there.
	Root    string  `json:"root"`
	Program Program `json:"program"`
}

// Learn asks what the server at To answers from From.
type Learn struct {
	From netip.Addr     `json:"from"`
	To   netip.AddrPort `json:"to"`
	Ask  foreign.Ask    `json:"ask"`
}

// Ready answers Prepare.
type Ready struct {
	// Effective are the namespace's settings after all were written.
	Effective map[string]string `json:"effective"`
	Offloads  map[string]bool   `json:"offloads"`
	// Resident is the memory that the side's processes hold before the load, in bytes; 0 where it is not readable.
	Resident int64 `json:"resident"`
}

// Start lets the load go.
type Start struct {
	Epoch int64 `json:"epoch"` // CLOCK_MONOTONIC of the first intended start, ns
}

// Since asks for progress with the samples from number After on, and a relay's onward ones from AfterOnward.
type Since struct {
	After       int `json:"after"`
	AfterOnward int `json:"after_onward"`
}

// Progress is how far the side has come.
type Progress struct {
	Opened    int64           `json:"opened"`
	OK        int64           `json:"ok"`
	Failed    int64           `json:"failed"`
	Exhausted bool            `json:"exhausted"` // an EADDRNOTAVAIL has come back
	Done      bool            `json:"done"`      // no worker runs any more
	Samples   []record.Sample `json:"samples"`
	Onward    []record.Sample `json:"onward"` // of a relay's sockets that face the server
	// Served is the server's end where this process drives both; nil elsewhere.
	Served *server.Progress `json:"served"`
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

// Vanish ends a client's host. OffLink takes the namespace off the link first; without it the sockets alone go, of a part.
type Vanish struct {
	OffLink bool `json:"off_link"`
}

// Count asks for Standing. Refill tells that a goal stands and is only held: totals are then enough, where they are certain.
type Count struct {
	Refill bool `json:"refill"`
}

// Standing is the exact number of TIME_WAIT at this moment, and of the connections that may still come to it.
type Standing struct {
	TimeWait int64 `json:"time_wait"`
	Moving   int64 `json:"moving"`
	// Counts has every state.
	Counts record.Counts `json:"counts"`
	// Overflown is how many sockets have found no room in tcp_max_tw_buckets since Start (TcpExt TCPTimeWaitOverflow).
	Overflown int64 `json:"overflown"`
}

// Finish ends the load and asks for the result. Life is how long a TIME_WAIT stands at least and at most.
type Finish struct {
	LifeLeast scenario.Duration `json:"life_least"`
	LifeMost  scenario.Duration `json:"life_most"`
}

// Result is what a side came to.
type Result struct {
	Client *client.Result  `json:"client"`
	Server *server.Result  `json:"server"`
	Groups []client.Result `json:"groups"`
	Relay  *relay.Result   `json:"relay"`
	Served *Served         `json:"served"` // where this process drove both ends; nil elsewhere
	// ForeignCPU is the processor time of a server of somebody else's, all its processes together; nil where there is none.
	ForeignCPU *record.CPU `json:"foreign_cpu"`
	// Connects tells of the connect() calls of a proxy of somebody else's; nil where there is none, and where they were not
	// watched, as Unwatched says.
	Connects  *connects.Told   `json:"connects"`
	Unwatched string           `json:"unwatched"`
	Restart   *record.Restart  `json:"restart"`  // of a server that listens once more; nil on the client
	Counters  map[string]int64 `json:"counters"` // change since Start
	// CountersAt are the same as they stood; nil in a part.
	CountersAt *record.CountersAt `json:"counters_at"`
	Seen
	// Onward is a relay's Seen of the sockets that face the server; the other one is of those that face the client.
	Onward      *Seen `json:"onward"`
	Expired     int64 `json:"expired"` // TIME_WAIT that surely outlived their time
	ExpiredMost int64 `json:"expired_most"`
	// Resident is what the side's processes hold at the end, in bytes; 0 where it is not readable.
	Resident int64 `json:"resident"`
	// Profile is the processor time of the side's first process during the load, as `go tool pprof` reads it; nil where it was
	// not asked for.
	Profile []byte `json:"profile"`
}

// Seen is what a sampler saw over the whole run.
type Seen struct {
	Peak      record.Counts `json:"peak"` // each state's highest count in a split
	End       record.Counts `json:"end"`
	PeakPorts []Ports       `json:"peak_ports"` // for each tuple
	// OrphanFinWait2 stand at the end as mini-sockets: counted as entered in TcpExtTW, and no TIME_WAIT yet.
	OrphanFinWait2 int64 `json:"orphan_fin_wait_2"`
	// LongestLeftMS is the longest time left that a TIME_WAIT's timer showed, FinWait2LeftMS that an orphaned FIN_WAIT2's
	// did; 0 where none was seen.
	LongestLeftMS  uint32          `json:"longest_left_ms"`
	FinWait2LeftMS uint32          `json:"fin_wait_2_left_ms"`
	Sampler        record.CPU      `json:"sampler"`
	Sampling       record.Sampling `json:"sampling"`
	Limits         Limits          `json:"limits"`
}

// Ports is how many ports of a tuple were in use at the most, and how many of either parity at the fullest look that told
// them apart: Told = Even + Odd.
type Ports struct {
	InUse int64 `json:"in_use"`
	Told  int64 `json:"told"`
	Even  int64 `json:"even"`
	Odd   int64 `json:"odd"`
}

// Error is the body of an answer that is not 200.
type Error struct {
	Error string `json:"error"`
	// Cannot tells that this machine cannot do what was asked for; the remedy is in Error.
	Cannot bool `json:"cannot"`
}
