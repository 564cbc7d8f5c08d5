// Package record is what happened in a trial: the values that the running wing writes and the telling wing reads.
//
// A record is one JSON file per trial with the schema twomsl/trial/v1. Fields may be added; those that are here keep
// their names and are always written. What was not measured is null (a nil pointer, map or slice here), and a warning
// says why. Units stand in the names: _seconds, _ms, _us; bytes are bytes. The package is pure and knows no other room.
package record

import (
	"encoding/json"
	"time"
)

// Schema names the layout of a trial's record.
const Schema = "twomsl/trial/v1"

// Status says how a trial ended.
type Status string

// How a trial ends.
const (
	Complete    Status = "complete"
	Interrupted Status = "interrupted"
	Failed      Status = "failed"
)

// Trial is one scenario, run once.
type Trial struct {
	Schema      string        `json:"schema"`      // twomsl/trial/v1
	ID          string        `json:"id"`          // scenario, date, time and a random part, also the file's name
	Tool        string        `json:"tool"`        // the program and its version
	Status      Status        `json:"status"`      // complete, interrupted or failed
	Failure     *Failure      `json:"failure"`     // nil unless Status is failed
	StartedAt   time.Time     `json:"started_at"`  // UTC
	Command     string        `json:"command"`     // what to type to repeat it
	Scenario    Scenario      `json:"scenario"`    // what was asked for
	Engine      string        `json:"engine"`      // split/uring, split/epoll, split/blocking, paired, net, or command for a client of somebody else's
	EngineWhy   string        `json:"engine_why"`  // why the program chose this one; "" where it was asked for
	Workers     SidePair[int] `json:"workers"`     // threads that drive connections, per side
	Spread      []int         `json:"spread"`      // processors with one worker of either side each, which serves what is opened there; null: the kernel places them
	Phases      Phases        `json:"phases"`      // how long each part took
	Sides       Sides         `json:"sides"`       // what either side's own kernel view showed
	Connections Connections   `json:"connections"` // the client's count
	Outcomes    []Outcome     `json:"outcomes"`    // by side, phase and errno
	Rate        Rate          `json:"rate"`        // asked for and reached
	Latency     Latency       `json:"latency"`     // of connect()
	Ports       []Tuple       `json:"ports"`       // by tuple, with the forecast
	Bytes       Bytes         `json:"bytes"`       // written, read, lost
	Ledger      Ledger        `json:"ledger"`      // what became of every TIME_WAIT
	Close       Close         `json:"close"`       // how connections were taken down, declared and seen
	Stand       *Stand        `json:"stand"`       // nil unless sockets were asked to stand in states
	Kept        *Kept         `json:"kept"`        // nil where connections are taken down
	// ClientCommand is nil where the client was ours.
	ClientCommand *ClientCommand `json:"client_command"`
	Restart       *Restart       `json:"restart"`     // nil where it was not tried
	Relay         *Relay         `json:"relay"`       // nil where client and server meet directly
	Canaries      []Canary       `json:"canaries"`    // nil where none were called
	CallCosts     []CallCost     `json:"call_costs"`  // where time goes, by system call; nil where it was not asked for
	Warnings      []Warning      `json:"warnings"`    // what the figures should not be trusted for
	Environment   Environment    `json:"environment"` // the machine; of two hosts the client's
	Hosts         *Hosts         `json:"hosts"`       // what is between two hosts of the user's, and the other one; nil elsewhere

	Shard  *Shard  `json:"shard"`  // nil where this is a whole run
	Merged *Merged `json:"merged"` // nil where this is one trial's record, and not made of several

	KernelMemory *KernelMemory   `json:"kernel_memory"` // what the kernel's caches grew by; nil where it was not asked for
	Processes    []ProcessMemory `json:"processes"`     // the memory of this program's own; nil where it was not asked for
}

// Failure is why a trial ended early, with what the side that died said last on its standard error.
type Failure struct {
	Side      string `json:"side"` // client, server, lab or conductor
	Text      string `json:"text"`
	LastWords string `json:"last_words"`
}

// Scenario is what was asked for. Spec is the whole resolved scenario as scenario.Scenario marshals it.
type Scenario struct {
	Name      string `json:"name"`
	Title     string `json:"title"`
	Topology  string `json:"topology"`   // veth, loopback, host or hosts
	Family    string `json:"family"`     // ipv4 or ipv6
	CloseSide string `json:"close_side"` // client, server or both
	Linger    string `json:"linger"`     // off, or seconds
	// ServerCommand started a server of somebody else's; "" where the server was ours.
	ServerCommand string `json:"server_command"`
	// RelayCommand started a proxy of somebody else's between the two; "" where the relay was ours, or is not there.
	RelayCommand string `json:"relay_command,omitempty"`
	// ClientCommand was a client of somebody else's; "" where the client was ours.
	ClientCommand string          `json:"client_command"`
	Struck        string          `json:"struck"` // client, server or relay: the host whose trouble it is
	Goal          *Goal           `json:"goal"`   // nil where the load does not stop at a number of TIME_WAIT
	Spec          json.RawMessage `json:"spec"`
}

// Goal is a number of TIME_WAIT that a side is to hold.
type Goal struct {
	Side     string `json:"side"`
	TimeWait int64  `json:"time_wait"`
	// ReachedSeconds is when the side first held the goal, from the start of the load; nil where it never did.
	ReachedSeconds *float64 `json:"reached_seconds"`
}

// Phases tells how long each part took, in seconds. Load is from the first intended start to the last connection's
// end, hold the time that the result was kept standing afterwards.
type Phases struct {
	LoadSeconds float64 `json:"load_seconds"`
	HoldSeconds float64 `json:"hold_seconds"`
	StoppedBy   string  `json:"stopped_by"` // after, connections, time_wait, failures, command (it ended), interrupt, failure
}

// SidePair is a value for each of the two sides.
type SidePair[T any] struct {
	Client T `json:"client"`
	Server T `json:"server"`
}

// Sides holds what each side's own kernel view showed.
type Sides = SidePair[Side]

// Side is what was seen in one side's namespace and process.
type Side struct {
	// Absent says why nothing was measured on this side, where it is not ours; "" where it was. All else is then empty.
	Absent string `json:"absent"`
	PID    int    `json:"pid"` // as the host sees it, while the trial ran
	// HostID tells the host, and its network namespace, from every other: sides that have the same one share its counters. "" in
	// records from before it was noted.
	HostID    string     `json:"host_id"`
	Addresses []string   `json:"addresses"`
	States    SideStates `json:"states"`
	TimeWait  TimeWaits  `json:"time_wait"`
	// Counters is the change of each counter over the trial, keyed as nstat prints them with a dot: "TcpExt.TW",
	// "Tcp.OutRsts". Only counters that exist on this kernel are here; a counter that stood still is 0.
	Counters map[string]int64 `json:"counters"`
	// CountersAt are the same as they stood, of shards alone.
	CountersAt *CountersAt `json:"counters_at"`
	// CPU is the processor time of the side's load workers alone; Sampler that of the sampling beside it.
	CPU     CPU `json:"cpu"`
	Sampler CPU `json:"sampler"`
	// Sampling is nil in records from before it was noted.
	Sampling *Sampling `json:"sampling"`
	Sysctls  Sysctls   `json:"sysctls"`
	// Memory is nil where no side leaves its connections open.
	Memory *Memory `json:"memory"`
	// Conntrack is the side's connection-tracking table; nil where nothing is tracked. Descriptors are those of the process
	// that was closest to its limit.
	Conntrack   *Conntrack   `json:"conntrack"`
	Descriptors *Descriptors `json:"descriptors"`
	// Listeners are the side's listening sockets, each with the longest queue seen.
	Listeners []Listener `json:"listeners"`
	Samples   []Sample   `json:"samples"`
}

// SideStates is the state table at its two moments. Peak takes each state's own highest count.
type SideStates struct {
	Peak Counts `json:"peak"`
	End  Counts `json:"end"`
}

// TimeWaits sums up a side's TIME_WAIT. Plateau is nil where the count had not levelled off.
type TimeWaits struct {
	Peak    *int64 `json:"peak"`
	Plateau *int64 `json:"plateau"`
	// FinWait2Seconds is the same as LifetimeSeconds for orphaned FIN_WAIT2: tcp_fin_timeout, as the kernel's timer shows it.
	// Nil with tcp_fin_timeout above 60, where no one timer shows it.
	FinWait2Seconds *float64 `json:"fin_wait_2_seconds"`
	// LifetimeSeconds is the longest time left that the kernel's own timer showed for a TIME_WAIT of this side: the life
	// it was given. Nil where none was seen.
	LifetimeSeconds *float64 `json:"lifetime_seconds"`
	// BytesEach is the size of one TIME_WAIT socket (slab tw_sock_TCP or tw_sock_TCPv6); nil where slabinfo cannot be read.
	BytesEach *int64 `json:"bytes_each"`
}

// CPU is processor time in seconds.
type CPU struct {
	UserSeconds   float64 `json:"user_seconds"`
	SystemSeconds float64 `json:"system_seconds"`
}

// Total is user and system time together, in seconds.
func (c CPU) Total() float64 { return c.UserSeconds + c.SystemSeconds }

// Sysctls are a side's settings. Changed has those in which it differs from what a new namespace starts with.
type Sysctls struct {
	Effective map[string]string `json:"effective"`
	Changed   []SysctlChange    `json:"changed"`
	Refused   []SysctlRefusal   `json:"refused"`
	// Asked has every setting that a recipe asked for on this side, in order, with what became of it.
	Asked []SysctlAsked `json:"asked"`
}

// What becomes of a setting that was asked for.
const (
	SysctlChanged    = "changed"     // it has the value now, and had another one
	SysctlAlreadySet = "already-set" // it had the value before
	SysctlMissing    = "missing"     // this kernel has no such setting
	SysctlHostWide   = "host-wide"   // it exists once for the machine and cannot be set for a lab
	SysctlRefused    = "refused"     // the kernel did not take the value
)

// SysctlAsked is one setting that a recipe asked for. A nil value could not be read.
type SysctlAsked struct {
	Key      string `json:"key"`
	Asked    string `json:"asked"`
	Optional bool   `json:"optional"` // marked with -: that it cannot be had is no failure
	Outcome  string `json:"outcome"`  // changed, already-set, missing, host-wide, refused
	// Exists tells whether this kernel has it; Namespaced whether a network namespace has one of its own.
	Exists     bool    `json:"exists"`
	Namespaced bool    `json:"namespaced"`
	Default    *string `json:"default"` // of a new namespace
	Before     *string `json:"before"`  // when it was about to be written
	Value      *string `json:"value"`   // read back afterwards
	Reason     string  `json:"reason"`  // why it could not be had; "" where it could
	GoneSince  string  `json:"gone_since"`
	ReplacedBy string  `json:"replaced_by"`
	// Does says in a clause what the setting does, Price what having it costs; "" where nothing is known. Price is "" too
	// where nothing was changed.
	Does  string `json:"does"`
	Price string `json:"price"`
}

// SysctlChange is one setting that was written and read back.
type SysctlChange struct {
	Key     string `json:"key"`
	Default string `json:"default"`
	Asked   string `json:"asked"`
	Value   string `json:"value"` // read back afterwards
}

// SysctlRefusal is one setting that could not be had in the lab, and why.
type SysctlRefusal struct {
	Key    string `json:"key"`
	Asked  string `json:"asked"`
	Reason string `json:"reason"`
}

// Sample is one look at one side. Everything is counted at AtMS, in milliseconds from the start of the load.
type Sample struct {
	AtMS     float64 `json:"at_ms"`
	TimeWait *int64  `json:"time_wait"` // nil where it was not counted
	// Orphans are sockets that no process holds any more and that are not in TIME_WAIT; nil but in a split by state.
	Orphans *int64 `json:"orphans"`
	// States is the split by state; nil in the samples that only took the totals.
	States Counts `json:"states"`
	// Stalled are sockets that wait for an answer that does not come; nil but in a split by state.
	Stalled *Stalled `json:"stalled"`
	// PortsInUse is, for each of Trial.Ports in order, how many ports were taken; nil where not counted.
	PortsInUse []int64 `json:"ports_in_use"`
	// Opened, OK and Failed are the side's running totals of connections.
	Opened int64 `json:"opened"`
	OK     int64 `json:"ok"`
	Failed int64 `json:"failed"`
	// CostUS is the processor time that taking this sample cost, in microseconds.
	CostUS float64 `json:"cost_us"`
}

// Stalled counts sockets in ESTABLISHED or CLOSE_WAIT by the kernel's timer on them (idiag_timer, idiag_retrans).
type Stalled struct {
	Retransmitting int64 `json:"retransmitting"` // data sent again twice or more without an acknowledgement
	KeptAlive      int64 `json:"kept_alive"`     // with a keep-alive timer
	Unanswered     int64 `json:"unanswered"`     // with a keep-alive probe that nobody has answered
}

// Connections is the client's count. Attempted = OK + Failed + Unfinished.
//
// Of a client of somebody else's (client.command) Attempted are its connect() calls on TCP, those to its own namespace
// included, and Failed those that returned an error, and those whose handshake came to nothing later: of these the kernel's
// counters tell the number alone, so their outcome has no errno (cause other where the kernel ended them, Tcp.AttemptFails;
// timed-out where nobody did, and the command gave them up).
type Connections struct {
	Attempted int64 `json:"attempted"`
	OK        int64 `json:"ok"`
	Failed    int64 `json:"failed"`
	// Unfinished were still open when the trial ended.
	Unfinished int64 `json:"unfinished"`
	// NotStarted had their intended start before the end of the load, and were never started.
	NotStarted int64 `json:"not_started"`
	// Late were started more than a millisecond after their intended start. Zero for rate max, which has no schedule.
	Late int64 `json:"late"`
	// Replaced is how many connections came to the server on a tuple whose TIME_WAIT still stood there and was given
	// up for them; nil where the server does not close first.
	Replaced *int64 `json:"replaced"`
	// HiddenRetries is how many connect() the engine's library called beyond those that it was asked for; nil where the
	// engine makes its calls itself.
	HiddenRetries *int64 `json:"hidden_retries"`
}

// Outcome counts one way in which connections ended on one side.
type Outcome struct {
	Side  string `json:"side"`
	Phase string `json:"phase"` // socket, option, bind, connect, write, read, close, accept, kept; "" for ok
	Cause string `json:"cause"` // a Cause
	Errno string `json:"errno"` // EADDRNOTAVAIL ...; "" where none
	Count int64  `json:"count"`
}

// Rate is in connections per second. Asked is nil for max.
type Rate struct {
	AskedPerSecond   *float64 `json:"asked_per_second"`
	ReachedPerSecond float64  `json:"reached_per_second"`
	// LimitedBy is what kept the rate from being higher: schedule (no more was asked for), generator, kernel, server,
	// ports, link, or waiting (neither side's workers were busy); "" where nobody can tell. LimitedWhy says it with figures.
	LimitedBy  string `json:"limited_by"`
	LimitedWhy string `json:"limited_why"`
}

// Latency of successful connects: from the call of connect(), and from the intended start (which keeps what a stalled
// generator would hide). FromIntended is nil for rate max.
type Latency struct {
	Connect      *Quantiles `json:"connect"`
	FromIntended *Quantiles `json:"connect_from_intended"`
	// ConnectOneIn tells that connect() was timed on one connection in so many, which went step by step: of a chain of
	// linked calls nobody hears when its second one returned. 1: on each. 0 in records from before it was noted.
	ConnectOneIn int64 `json:"connect_one_in"`
}

// Quantiles are in microseconds. Histogram is HdrHistogram's V2 compressed base64 form, for exact merging.
type Quantiles struct {
	Count     int64   `json:"count"`
	P50US     float64 `json:"p50_us"`
	P90US     float64 `json:"p90_us"`
	P99US     float64 `json:"p99_us"`
	P999US    float64 `json:"p999_us"`
	MaxUS     float64 `json:"max_us"`
	Histogram string  `json:"histogram"`
}

// Tuple is one (source address, destination address, destination port), which has its own supply of client ports.
type Tuple struct {
	Source      string    `json:"source"`
	Destination string    `json:"destination"`
	Port        int       `json:"port"`
	Range       PortRange `json:"range"`
	PeakInUse   *int64    `json:"peak_in_use"`
	// PeakEven and PeakOdd are the ports in use of either parity at the fullest look that told them apart, which may be a
	// little short of the peak: connect() takes one parity first.
	PeakEven *int64 `json:"peak_even"`
	PeakOdd  *int64 `json:"peak_odd"`
	// Successes counts the established connections of this tuple.
	Successes int64 `json:"successes"`
	// OKBeforeFirstExhaustion counts successes whose connect() was called before the first EADDRNOTAVAIL of this tuple (where
	// bind() comes before, also its EADDRINUSE)
	// came back; nil where none came.
	OKBeforeFirstExhaustion *int64 `json:"ok_before_first_exhaustion"`
	// FirstExhaustionSeconds is when it came back, from the start of the load.
	FirstExhaustionSeconds *float64 `json:"first_exhaustion_seconds"`
	Forecast               Forecast `json:"forecast"`
}

// PortRange is inclusive at both ends.
type PortRange struct {
	Low  int `json:"low"`
	High int `json:"high"`
}

// Size is the number of ports in the range.
func (r PortRange) Size() int { return r.High - r.Low + 1 }

// Forecast is computed before the load starts from the range, the asked-for rate of this tuple and the time for which
// the kernel keeps a port taken. Ports are counts, times are seconds.
type Forecast struct {
	// Taken is how long a closed connection's port stays taken: zero where the client does not close first.
	TakenLeastSeconds float64 `json:"taken_least_seconds"`
	TakenMostSeconds  float64 `json:"taken_most_seconds"`
	// HowTaken says where these two come from.
	HowTaken string `json:"how_taken"`
	// RatePerSecond is the tuple's share of the asked-for rate; nil for max.
	RatePerSecond *float64 `json:"rate_per_second"`
	// Plateau is the most ports that this rate keeps taken; nil for max. It may exceed the range: then it fills.
	Plateau *float64 `json:"plateau"`
	// CliffPerSecond is the rate that fills half the range, where plain connect() gets slow; nil where
	// IP_LOCAL_PORT_RANGE removes the cliff.
	CliffPerSecond *float64 `json:"cliff_per_second"`
	FullPerSecond  *float64 `json:"full_per_second"`
	// RateThatLasts is full_per_second rounded down: computed, not held.
	RateThatLasts *float64 `json:"rate_that_lasts"`
	// ExhaustedAfter is how many connections go through before the first EADDRNOTAVAIL, or the first EADDRINUSE where
	// bind() chooses the port; nil where none is expected.
	ExhaustedAfter *int64 `json:"exhausted_after"`
	// ExhaustedSeconds is when; nil where none is expected, or where nothing tells how fast rate max is.
	ExhaustedSeconds *float64 `json:"exhausted_seconds"`
	// PastHalf is what plain connect() does to that once half of the range is taken; nil where it searches for no port, where
	// the load does not get there, or where it was not measured.
	PastHalf *PastHalf `json:"past_half"`
}

// PastHalf is the forecast of the half-range cliff. It rests on plain connects that were measured beforehand, on this machine,
// in a lab of their own whose range was taken up to half.
type PastHalf struct {
	After        int64   `json:"after"`         // ports that are taken before: half of the range
	AfterSeconds float64 `json:"after_seconds"` // when that is
	ConnectUS    float64 `json:"connect_us"`    // processor time of a connect() from then on, on average
	PerSecond    float64 `json:"per_second"`    // connections that this lets through on this tuple
	FullSeconds  float64 `json:"full_seconds"`  // when the last port would be taken, if none came back before
	Fills        string  `json:"fills"`         // yes, no or maybe
	Why          string  `json:"why"`           // the reason for fills, in words
	How          string  `json:"how"`           // what was measured beforehand
}

// Bytes are the applications' own counts over all connections. Lost is what one side wrote and the other never read,
// both directions added; nil where a side's count is missing.
type Bytes struct {
	Written int64  `json:"written"`
	Read    int64  `json:"read"`
	Lost    *int64 `json:"lost"`
	// ToServer and ToClient are the two directions; nil where a side's count is missing. ByConnection is nil, too, where
	// connections were not told apart.
	ToServer     *Direction     `json:"to_server"`
	ToClient     *Direction     `json:"to_client"`
	ByConnection *PerConnection `json:"by_connection"`
}

// Ledger accounts for every TIME_WAIT that a side entered: Entered = Standing + Replaced + Reused + FinWait2 + Expired +
// GivenUp + Unexplained.
type Ledger = SidePair[LedgerSide]

// LedgerSide is one side's account. A nil pointer was not measured.
type LedgerSide struct {
	Entered *int64 `json:"entered"` // TcpExt TW + TWKilled
	// FirstCloses is how often the side's own application closed before it had read the peer's FIN.
	FirstCloses *int64 `json:"first_closes"`
	Standing    *int64 `json:"standing"`
	Replaced    *int64 `json:"replaced"` // a new SYN took the tuple over
	Reused      *int64 `json:"reused"`   // TcpExt TWRecycled: connect() took the port
	// FinWait2 are in Entered as well: orphaned FIN_WAIT2, which no TIME_WAIT has followed.
	FinWait2 *int64 `json:"fin_wait_2"`
	// Expired is what is older than the longest life at the end and was neither replaced nor reused, from the times of
	// the closes themselves; ExpiredMost adds those between the shortest and the longest life.
	Expired     *int64 `json:"expired"`
	ExpiredMost *int64 `json:"expired_most"`
	// GivenUp were orphaned FIN_WAIT2 of connections that this side gave up, and ended without a TIME_WAIT: the peer still
	// wrote, and was reset (tcp_timewait_state_process). At most as many as were given up, and as resets were sent; nil
	// where that was not looked at.
	GivenUp *int64 `json:"given_up"`
	// Unexplained is what the account leaves over after the measured range of expiry; 0 is a ledger that adds up.
	Unexplained *int64 `json:"unexplained"`
}

// Warning travels with the record into every report. Spoils names the metrics that it makes unusable.
type Warning struct {
	Code   string   `json:"code"`
	Text   string   `json:"text"`
	Advice string   `json:"advice"`
	Spoils []string `json:"spoils"`
}
