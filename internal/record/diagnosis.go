package record

// DiagnosisSchema names the layout of a diagnosis.
const DiagnosisSchema = "twomsl/diagnosis/v1"

// The causes that are told apart, by the names that scripts rely on.
const (
	PortTupleExhausted    = "port-tuple-exhausted"
	HalfRangeCliff        = "half-range-cliff"
	ExplicitBindExhausted = "explicit-bind-exhausted"
	AcceptBacklogFull     = "accept-backlog-full"
	SynQueueFull          = "syn-queue-full"
	ConntrackFull         = "conntrack-full"
	DescriptorsExhausted  = "descriptors-exhausted"
	CloseWaitLeak         = "close-wait-leak"
	FinWait2Pileup        = "fin-wait-2-pileup"
	DeadPeer              = "dead-peer"
	IdleKeepalive         = "idle-keepalive"
	Healthy               = "healthy"
)

// DiagnosedCauses lists them all.
var DiagnosedCauses = []string{
	PortTupleExhausted, HalfRangeCliff, ExplicitBindExhausted, AcceptBacklogFull, SynQueueFull, ConntrackFull,
	DescriptorsExhausted, CloseWaitLeak, FinWait2Pileup, DeadPeer, IdleKeepalive, Healthy,
}

// How sure a diagnosis is of a cause.
const (
	Certain  = "certain"  // the kernel or a program said so
	Likely   = "likely"   // the signs fit, and nothing speaks against it
	Possible = "possible" // it would look like this, and so would something else
)

// Diagnosis is what is wrong with a host, most likely first, with the evidence.
type Diagnosis struct {
	Schema string `json:"schema"`
	// Of names what was looked at: a trial's ID and side, a host.
	Of     string           `json:"of"`
	Source string           `json:"source"` // live, pasted, trial
	Causes []DiagnosedCause `json:"causes"` // at least one; healthy stands alone
	// TimeWaitIn and TimeWaitOut are the TIME_WAIT of connections made to the host, and made by it.
	TimeWaitIn  int64 `json:"time_wait_in"`
	TimeWaitOut int64 `json:"time_wait_out"`
	// Tuples are the fullest ones of the connections that the host made, with what is ahead of them.
	Tuples     []TupleOutlook `json:"tuples"`
	Moved      []CounterMoved `json:"moved"`     // counters that tell of trouble and moved
	RuledOut   []string       `json:"ruled_out"` // causes that were looked for and are not there, each with its figure
	NotVisible []string       `json:"not_visible"`
	Host       *Host          `json:"host"` // what it was made from
}

// DiagnosedCause is one cause.
type DiagnosedCause struct {
	ID         string   `json:"id"`
	Confidence string   `json:"confidence"` // certain, likely, possible
	Says       string   `json:"says"`       // one sentence
	Evidence   []string `json:"evidence"`   // one finding with its figure each
	Remedy     []Remedy `json:"remedy"`
	Scenario   string   `json:"scenario"` // which shows it: twomsl run SCENARIO
}

// Remedy is something to do about a cause.
type Remedy struct {
	When string `json:"when"` // tonight, lasting
	Kind string `json:"kind"` // sysctl, code, nginx, haproxy, squid, ...
	Do   string `json:"do"`
	Risk string `json:"risk"`
	Undo string `json:"undo"`
}

// TupleOutlook is how full a tuple is and where that leads. Nil where the rate was not seen.
type TupleOutlook struct {
	Source      string    `json:"source"`
	Destination string    `json:"destination"`
	Port        int       `json:"port"`
	Range       PortRange `json:"range"`
	InUse       int64     `json:"in_use"`
	// RatePerSecond is how many connections are made, Plateau how many ports that rate keeps taken.
	RatePerSecond  *float64 `json:"rate_per_second"`
	Plateau        *float64 `json:"plateau"`
	CliffPerSecond *float64 `json:"cliff_per_second"` // half of the range
	FullPerSecond  *float64 `json:"full_per_second"`
}

// CounterMoved is a counter with its change over the watch.
type CounterMoved struct {
	Name    string `json:"name"`
	Change  int64  `json:"change"`
	Meaning string `json:"meaning"`
}
