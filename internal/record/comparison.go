package record

import (
	"encoding/json"
	"time"
)

// ComparisonSchema names the layout of a comparison's record.
const ComparisonSchema = "twomsl/comparison/v1"

// Comparison is the trials of two or more variants of one scenario, held against each other. It stands for itself: what
// a report shows of the trials is in it.
type Comparison struct {
	Schema    string    `json:"schema"`     // twomsl/comparison/v1
	ID        string    `json:"id"`         // also the file's name
	Tool      string    `json:"tool"`       // the program and its version
	Status    Status    `json:"status"`     // complete; interrupted, where trials are missing; failed, where too many have failed
	StartedAt time.Time `json:"started_at"` // UTC
	Seconds   float64   `json:"seconds"`    // from the first trial's start to the last one's end, pauses before a resume included
	Command   string    `json:"command"`    // what to type to repeat it
	Scenario  Scenario  `json:"scenario"`   // what all variants start from
	Plan      Plan      `json:"plan"`       // how trials were laid out and are judged
	// Variants: the others are each held against the first.
	Variants []Variant       `json:"variants"`
	Trials   []ComparedTrial `json:"trials"`  // in the order in which they were started
	Metrics  []Metric        `json:"metrics"` // by variant, in the order of the metrics table
	// Settings is what became of each setting that a variant asks for, by side.
	Settings []ComparedSetting `json:"settings"`
	// Lines and Enough are nil unless the comparison went line by line. Enough is the smallest set of lines that gives
	// the whole effect; empty where there is no effect.
	Lines       []Line      `json:"lines"`
	Enough      []LineRef   `json:"enough"`
	Warnings    []Warning   `json:"warnings"`
	Environment Environment `json:"environment"` // of the first trial
}

// Plan is how the trials of a comparison were laid out, and by what they are judged.
type Plan struct {
	Trials      int   `json:"trials"`  // of each variant, beside the warm-up
	WarmUp      int   `json:"warm_up"` // of each variant, run first and not counted
	Seed        int64 `json:"seed"`    // of the order in which variants take turns
	Jobs        int   `json:"jobs"`    // labs side by side
	Interleaved bool  `json:"interleaved"`
	// Level is the share of comparisons of equal things that may be called different: 0.05.
	Level float64 `json:"level"`
	// Primary are the metrics that decide. Those of them that are noisy share Level by Holm's correction.
	Primary []string `json:"primary"`
	ByLine  bool     `json:"by_line"`
}

// Variant is one way to run the scenario.
type Variant struct {
	Name string `json:"name"` // before, after, or as it was named
	// Source is where its settings come from: default, host, or the file; "" where it has none of its own.
	Source string `json:"source"`
	// Role is "" but line by line: before, after, alone, left-out, together.
	Role string   `json:"role"`
	Set  []string `json:"set"` // fields of the scenario that it changes, as --set takes them
	// Sysctl is what is written on either side after the scenario's own settings, in this order.
	Sysctl SidePair[[]VariantSetting] `json:"sysctl"`
	// Relay is what is written on a relay, where the scenario has one.
	Relay []VariantSetting `json:"relay"`
	// NotCopied is what a copy of a host's settings had to leave out, on both sides.
	NotCopied []SysctlRefusal `json:"not_copied"`
	Spec      json.RawMessage `json:"spec"` // the resolved scenario
	// Effective is what either side's settings were in its first counted trial; nil where no trial counted and, as are
	// Curves, line by line but for before and after.
	Effective SidePair[map[string]string] `json:"effective"`
	// Engines are those that drove its counted trials, each once; EngineWhy is why the program chose the first, "" where it
	// was asked for.
	Engines   []string `json:"engines"`
	EngineWhy string   `json:"engine_why"`
	// Counted is how many trials stand behind its figures.
	Counted int    `json:"counted"`
	Curves  *Curve `json:"curves"` // nil where no trial counted
}

// VariantSetting is one line of a recipe.
type VariantSetting struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Optional bool   `json:"optional"` // marked with -: that it cannot be had is no failure
	File     string `json:"file"`     // "" where it was given on the command line
	Line     int    `json:"line"`     // in the file, from 1
}

// Curve is what the charts of a variant show: the samples of its first counted trial, thinned out, and the connect()
// latencies of all its counted trials together.
type Curve struct {
	Trial   string       `json:"trial"` // its ID
	Samples []CurvePoint `json:"samples"`
	// States has, over time, both sides' sockets by state where they were counted by state.
	States []CurveStates `json:"states"`
	// Relayed tells that the ports are those from a relay to the server.
	Relayed bool `json:"relayed"`
	// PortsUsable is how many ports all tuples together have; nil where nothing was forecast.
	PortsUsable *int64 `json:"ports_usable"`
	// PortsForecast is the plateau that was forecast for all tuples together; nil for rate max.
	PortsForecast *float64 `json:"ports_forecast"`
	// PortsCliff is half of the usable ports where plain connect() gets slow; nil where IP_LOCAL_PORT_RANGE is set.
	PortsCliff *int64 `json:"ports_cliff"`
	// FirstExhaustionSeconds is nil where no connect() ran out of ports.
	FirstExhaustionSeconds *float64 `json:"first_exhaustion_seconds"`
	LoadSeconds            float64  `json:"load_seconds"`
	// Latency is connect() by quantile (0 to 1), from the intended start where there was one; nil where not measured.
	Latency []LatencyPoint `json:"latency"`
}

// CurvePoint is one moment, in seconds from the start of the load. A nil count was not taken.
type CurvePoint struct {
	AtSeconds      float64 `json:"at_seconds"`
	ClientTimeWait *int64  `json:"client_time_wait"`
	ServerTimeWait *int64  `json:"server_time_wait"`
	// Relay has the TIME_WAIT of a relay's two sides, towards the client and towards the server.
	Relay      SidePair[*int64] `json:"relay_time_wait"`
	PortsInUse *int64           `json:"ports_in_use"` // over all tuples; with a relay over those from it to the server
	OK         int64            `json:"ok"`           // the client's running totals
	Failed     int64            `json:"failed"`
}

// CurveStates is a split by state at one moment.
type CurveStates struct {
	AtSeconds float64          `json:"at_seconds"`
	States    SidePair[Counts] `json:"states"`
	// Relay has those of a relay's two sides; nil where there is none.
	Relay *SidePair[Counts] `json:"relay"`
}

// LatencyPoint is one quantile of a latency, in microseconds.
type LatencyPoint struct {
	Quantile float64 `json:"quantile"`
	US       float64 `json:"us"`
}

// ComparedTrial is one trial of a comparison.
type ComparedTrial struct {
	Variant string `json:"variant"`
	ID      string `json:"id"`      // of its own record; "" where it could not start
	Round   int    `json:"round"`   // from 0; each variant has one turn in a round
	WarmUp  bool   `json:"warm_up"` // not counted
	Counted bool   `json:"counted"`
	Failure string `json:"failure"` // why it has no figures
}

// Neither is the better direction of a metric that is good or bad only by what came with it.
const Neither = "neither"

// What a comparison comes to for one metric.
const (
	Better       = "better"
	Worse        = "worse"
	NoDifference = "no-difference"
	Inconclusive = "inconclusive"
)

// What a line of a recipe comes to.
const (
	Helps      = "helps"
	NoEffect   = "no-effect"
	Harmful    = "harmful"
	AlreadySet = "already-set"
	Missing    = "missing"
)

// Metric is one figure, before and after. Before is the first variant, after the one that Variant names.
type Metric struct {
	Name    string `json:"name"`
	Unit    string `json:"unit"`   // connections, 1/s, s, us, sockets, bytes, share, ...
	Better  string `json:"better"` // lower, higher or neither
	Exact   bool   `json:"exact"`  // counted, not timed
	Primary bool   `json:"primary"`
	Variant string `json:"variant"`
	// Before and After are medians; nil where not measured or where it never happened.
	Before  *float64  `json:"before"`
	After   *float64  `json:"after"`
	Details ValuePair `json:"details"`
	// Ratio is after/before; nil where either is nil or before is 0. RatioBound is "at-least" where what was asked for or
	// the run's length cut a value off, "at-most" likewise, else "".
	Ratio      *float64 `json:"ratio"`
	RatioBound string   `json:"ratio_bound"`
	// Interval holds the ratio of medians with the confidence 1 - level (bootstrap); nil for exact and for cut-off values.
	Interval *Interval `json:"interval"`
	// P is Mann-Whitney's, Adjusted after Holm's correction; nil for exact metrics and where it could not be had.
	P        *float64 `json:"p"`
	Adjusted *float64 `json:"p_adjusted"`
	Verdict  string   `json:"verdict"` // better, worse, no-difference, inconclusive
	// WouldHaveSeen is the smallest difference, in Unit, that would have been called one; nil where there is a difference.
	WouldHaveSeen *float64 `json:"would_have_seen"`
	// Why says what is missing for a verdict, or what a reader must know of it; "" where nothing.
	Why string `json:"why"`
	// Price is what the gain was bought with, or what must be known of it; "" where nothing was found. Bought tells that
	// something was given up for it: bytes, connections, protection.
	Price  string `json:"price"`
	Bought bool   `json:"bought"`
}

// ValuePair is how the values of either variant came to be.
type ValuePair struct {
	Before Value `json:"before"`
	After  Value `json:"after"`
}

// Value is a metric over a variant's trials.
type Value struct {
	Values []float64 `json:"values"` // one for each trial that has it, in the order of the trials
	// Never counts the trials in which it did not happen at all: a first exhaustion.
	Never int `json:"never"`
	// Bound is "at-least" where the value was cut off by what was asked for or by the run's length, "never" where it
	// happened in no trial, else "".
	Bound string `json:"bound"`
	// Computed tells a figure that follows from settings and was not held for long enough to be seen.
	Computed bool `json:"computed"`
	// Of is the whole that a count is a part of: the connections attempted; nil where there is none.
	Of *float64 `json:"of"`
	// Unmeasured says why there is no value; "" where there is.
	Unmeasured string `json:"unmeasured"`
}

// Interval is a confidence interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// ComparedSetting is what became of a setting on one side of a variant. Before, and with it Outcome, are seen from what the
// first variant ran with.
type ComparedSetting struct {
	Variant string `json:"variant"`
	Side    string `json:"side"`
	SysctlAsked
}

// LineRef names a line of a recipe on a side.
type LineRef struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Side  string `json:"side"` // client, server; both in topology loopback
}

// Line is one line of a recipe on one side: what it does here.
type Line struct {
	LineRef
	File    string `json:"file"`
	LineNo  int    `json:"line"`
	Verdict string `json:"verdict"` // helps, no-effect, harmful, already-set, missing
	// Metric is the one that shows it best; "" where none does. Before, After and Ratio are that metric's, without the
	// line and with it alone.
	Metric string   `json:"metric"`
	Before *float64 `json:"before"`
	After  *float64 `json:"after"`
	Ratio  *float64 `json:"ratio"`
	// Alone and LeftOut are the verdicts of the line on its own against before, and of all lines but this one against all;
	// "" where that was not run.
	Alone   string `json:"alone"`
	LeftOut string `json:"left_out"`
	Price   string `json:"price"`
	Bought  bool   `json:"bought"` // the price is something that was given up
	Why     string `json:"why"`
}
