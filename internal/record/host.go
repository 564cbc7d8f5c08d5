package record

import "time"

// HostSchema names the layout of a host's record.
const HostSchema = "twomsl/host/v1"

// Where a Host comes from.
const (
	FromLive   = "live"   // this host, read just now
	FromPasted = "pasted" // what somebody pasted
	FromTrial  = "trial"  // a side of a trial
)

// Host is one host as it is seen from outside its programs. What could not be seen is nil, and stands in Gaps.
type Host struct {
	Schema   string     `json:"schema"`
	Name     string     `json:"name"` // "" where it is not known
	Kernel   string     `json:"kernel"`
	Source   string     `json:"source"` // live, pasted, trial
	TakenAt  *time.Time `json:"taken_at"`
	Redacted bool       `json:"redacted"`
	// WatchedSeconds is the time between the first look and the last; nil where there was one look.
	WatchedSeconds *float64 `json:"watched_seconds"`
	States         Counts   `json:"states"` // at the last look
	// Peak has each state's most at any look, Stayed how many sockets were in the state from the first look to the last (of a
	// trial: the fewest at any look over its last half); nil where there was one look.
	Peak   Counts `json:"peak"`
	Stayed Counts `json:"stayed"`
	// Peer is what the other side of the same connections holds at the last look: of a trial only, else nil.
	Peer Counts `json:"peer"`
	// Flows are the sockets by service: what was made to a port of this host, and what it made to a port of another.
	Flows     []Flow     `json:"flows"`
	Listeners []Listener `json:"listeners"`
	// Counters is each counter's change over the watch, SinceBoot its value; keyed like Side.Counters.
	Counters    map[string]int64  `json:"counters"`
	SinceBoot   map[string]int64  `json:"since_boot"`
	Sysctls     map[string]string `json:"sysctls"`
	Conntrack   *Conntrack        `json:"conntrack"`
	Descriptors []Descriptors     `json:"descriptors"`
	// TimeWaitBytesEach is the size of one TIME_WAIT socket.
	TimeWaitBytesEach *int64 `json:"time_wait_bytes_each"`
	// TimeWaitSeconds is how long a TIME_WAIT stands at most on this kernel: 60 s and a step of the timer wheel.
	TimeWaitSeconds *float64 `json:"time_wait_seconds"`
	// TCPMemoryPages is what all TCP sockets hold.
	TCPMemoryPages *int64 `json:"tcp_memory_pages"`
	// Errors are those that the host's own programs got, which nobody sees from outside: of a trial only, else nil.
	Errors []Outcome `json:"errors"`
	// Connect is how long connect() took for the host's own programs: of a trial only, else nil.
	Connect  *Quantiles `json:"connect"`
	Canaries []Canary   `json:"canaries"`
	Gaps     []Gap      `json:"gaps"`
}

// Directions of a Flow.
const (
	Inbound  = "in"  // made to this host
	Outbound = "out" // made by this host
)

// Flow is the sockets between two addresses that belong to one service. Where a host has more than a thousand in a direction, the
// last is all that is left: without addresses and ports.
type Flow struct {
	Direction string `json:"direction"` // in or out
	Local     string `json:"local"`
	// Remote is the other's address; "" where a flow in has those of many.
	Remote string `json:"remote"`
	Port   int    `json:"port"` // the service's: local of a flow in, remote of a flow out
	States Counts `json:"states"`
	// PortsInUse are this host's ports that a flow out holds, Even and Odd those of either parity, and Range where they are
	// taken from; nil where the flow is in.
	PortsInUse *int64     `json:"ports_in_use"`
	Even       *int64     `json:"even"`
	Odd        *int64     `json:"odd"`
	Range      *PortRange `json:"range"`
	// RatePerSecond is how many connections were made per second over the watch, at least: those that stood at one of its looks. Of
	// one look it is the TIME_WAIT of the last ten seconds. Nil where that was not seen.
	RatePerSecond *float64 `json:"rate_per_second"`
	// Retransmitting are sockets in ESTABLISHED or CLOSE_WAIT whose data nobody acknowledges (ss: timer on, or persist,
	// tried twice or more), KeptAlive those with a keep-alive timer, Unanswered those whose keep-alive probes nobody answers.
	Retransmitting int64 `json:"retransmitting"`
	KeptAlive      int64 `json:"kept_alive"`
	Unanswered     int64 `json:"unanswered"`
	// Unread is how many sockets hold data that their program has not read.
	Unread int64 `json:"unread"`
	// Programs hold the sockets, where that was readable: name[pid].
	Programs []string `json:"programs"`
}

// Listener is a listening socket; of several that share a port, the fullest. Where the backlog is not told there is none.
type Listener struct {
	Address string `json:"address"`
	Port    int    `json:"port"`
	Queue   int64  `json:"queue"` // connections that wait for accept(), the most at any look
	Backlog int64  `json:"backlog"`
	SynRecv int64  `json:"syn_recv"`
	Program string `json:"program"` // name[pid]; "" where not readable
}

// Conntrack is the connection-tracking table of a namespace.
type Conntrack struct {
	Entries int64 `json:"entries"` // the most at any look
	Limit   int64 `json:"limit"`   // net.netfilter.nf_conntrack_max
	// Dropped is how many packets found no room for their new entry, EarlyDropped how many entries had to go early for a new
	// one: changes over the watch; nil where not readable.
	Dropped      *int64 `json:"dropped"`
	EarlyDropped *int64 `json:"early_dropped"`
}

// Descriptors is how many descriptors a process holds of those that it may.
type Descriptors struct {
	Program string `json:"program"` // name[pid], or the side
	InUse   int64  `json:"in_use"`  // the most at any look
	Limit   int64  `json:"limit"`   // RLIMIT_NOFILE, soft
}

// Gap is what could not be seen, and why.
type Gap struct {
	What string `json:"what"`
	Why  string `json:"why"`
}
