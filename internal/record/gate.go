package record

import "time"

// GateSchema names the layout of a gate's record.
const GateSchema = "twomsl/gate/v1"

// How a gate ends beside complete, interrupted and failed.
const (
	Invalid     Status = "invalid"     // the plan, the baseline or the command line is wrong: nothing was run
	Unsupported Status = "unsupported" // this machine cannot run it
)

// What a gate, and each of its budgets, comes to.
const (
	Pass       = "pass"
	Regression = "regression"
	// Inconclusive is the third.
)

// What one look at a budget shows. Only what two looks show is a regression.
const (
	Holds   = "holds"
	Broken  = "broken"
	Unclear = "unclear"
)

// Gate is a plan of scenarios held to budgets.
type Gate struct {
	Schema    string    `json:"schema"` // twomsl/gate/v1
	ID        string    `json:"id"`     // also the file's name
	Tool      string    `json:"tool"`
	Status    Status    `json:"status"`  // complete, interrupted, failed, invalid, unsupported
	Verdict   string    `json:"verdict"` // pass, regression, inconclusive; "" unless complete
	ExitCode  int       `json:"exit_code"`
	Why       string    `json:"why"` // the verdict in a sentence, or what was wrong and what to do
	StartedAt time.Time `json:"started_at"`
	Seconds   float64   `json:"seconds"`
	Command   string    `json:"command"` // what to type to repeat it
	Plan      GatePlan  `json:"plan"`
	// Revision is the commit that was tested; "" where nobody knows.
	Revision string `json:"revision"`
	// Reference says what relative budgets are held against: the text of the plan's against, "baseline FILE", or "".
	Reference string         `json:"reference"`
	Budgets   []GateBudget   `json:"budgets"`   // of each scenario in turn, in the order of the plan
	Scenarios []GateScenario `json:"scenarios"` // in the order of the plan
	Noise     []GateNoise    `json:"noise"`     // of timed metrics that budgets name, measured first (A/A)
	Host      GateHost       `json:"host"`
	// Baseline is nil where none was given.
	Baseline *GateBaseline `json:"baseline"`
	// History has what the history file held, and this gate last; nil where none was given.
	History     []GatePoint `json:"history"`
	Warnings    []Warning   `json:"warnings"`
	Environment Environment `json:"environment"` // of the first trial
}

// GatePlan is what was asked for.
type GatePlan struct {
	Name string `json:"name"`
	File string `json:"file"`
	Text string `json:"text"` // the file as it was read
	// Trials of each variant at the first look, and Again at the second.
	Trials int `json:"trials"`
	Again  int `json:"again"`
	// Level is the share of gates of equal things that may fail; Power the share of changes as large as Smallest tells that
	// are caught.
	Level      float64 `json:"level"`
	Power      float64 `json:"power"`
	MaxSeconds float64 `json:"max_seconds"` // bounds everything, the second look included
	Seed       int64   `json:"seed"`
}

// GateScenario is one scenario of the plan with its trials, which are records of their own.
type GateScenario struct {
	Name     string   `json:"name"`     // of the entry in the plan
	Scenario Scenario `json:"scenario"` // what is tested
	// Noise, First and Again are its looks, in the order in which they were taken: the reference against itself, the first
	// look, and the second. Nil where there was none.
	Noise *Comparison `json:"noise"`
	First *Comparison `json:"first"`
	Again *Comparison `json:"again"`
}

// GateBudget is one budget in one scenario.
type GateBudget struct {
	Scenario string `json:"scenario"`
	Text     string `json:"text"` // as the plan has it
	Metric   string `json:"metric"`
	Unit     string `json:"unit"`
	Better   string `json:"better"`
	Exact    bool   `json:"exact"` // counted, not timed
	// Relative budgets are held against the reference, the others against Limit.
	Relative bool   `json:"relative"`
	Operator string `json:"operator"` // <=, <, ==, !=, >=, >; of a relative one: drop, rise, change
	// Limit is in Unit, or with Share a share of the reference: 0.1 for 10%.
	Limit   float64 `json:"limit"`
	Share   bool    `json:"share"`
	Verdict string  `json:"verdict"` // pass, regression, inconclusive
	Why     string  `json:"why"`     // the verdict in a clause
	// Smallest is the smallest change, in the budget's direction and its limit included, that would have been caught with the
	// plan's power: a share for timed metrics, in Unit for counted ones; nil where nothing can be said.
	Smallest *float64  `json:"smallest"`
	First    GateLook  `json:"first"`
	Again    *GateLook `json:"again"` // nil where one look was enough
}

// GateLook is what some trials show of a budget.
type GateLook struct {
	Reference Value `json:"reference"` // of relative budgets
	Tested    Value `json:"tested"`
	// ReferenceMedian and TestedMedian are nil where not measured or where it never happened.
	ReferenceMedian *float64 `json:"reference_median"`
	TestedMedian    *float64 `json:"tested_median"`
	// Change is tested/reference - 1; nil for what is not relative, and where the reference is 0.
	Change *float64 `json:"change"`
	// Interval holds the change of timed metrics with the confidence 1 - 2 x the level that the budget has.
	Interval *Interval `json:"interval"`
	// PBroken and PHolds are the one-sided probabilities of figures like these, or worse, if the budget just held and if it was just
	// broken; nil for counted metrics.
	PBroken *float64 `json:"p_broken"`
	PHolds  *float64 `json:"p_holds"`
	// Alpha is what PBroken is held against: the part of the level that this budget has at this look. PHolds is held against
	// the whole level.
	Alpha   float64 `json:"alpha"`
	Verdict string  `json:"verdict"` // holds, broken, unclear
	Why     string  `json:"why"`
	// Outside counts the trials of what is tested that lay outside an absolute budget, each by itself.
	Outside int `json:"outside"`
}

// GateNoise is how far one and the same thing differs from itself on this machine.
type GateNoise struct {
	Scenario string `json:"scenario"`
	Metric   string `json:"metric"`
	Trials   int    `json:"trials"`
	// Spread is the standard deviation between trials as a share of the mean.
	Spread float64 `json:"spread"`
	// Smallest is how far apart two things must be, as a share, that the planned trials tell one from the other with the
	// plan's power; 0 where they tell none. Asked is what the budget asks for: as far as its limit is from no change, and 1
	// where it has no such limit.
	Smallest float64 `json:"smallest"`
	Asked    float64 `json:"asked"`
	// TrialsNeeded is how many trials of each would catch what the budget asks for; 0 where no number within reason would.
	TrialsNeeded int `json:"trials_needed"`
	// Planned trials of each were then run at the first look, and Again at the second where there was one.
	Planned int `json:"planned"`
	Again   int `json:"again"`
}

// GateHost is how busy the machine was with other things.
type GateHost struct {
	LoadBefore *float64 `json:"load_before"` // runnable tasks, averaged over the minute before; nil where not shown
	// StealShare is the part of the machine's time that a hypervisor gave to others during the gate; nil where not shown.
	StealShare *float64 `json:"steal_share"`
	// OthersShare is the part of the machine's time that other programs used; nil where not shown.
	OthersShare *float64 `json:"others_share"`
}

// GateBaseline is what was made of the baseline.
type GateBaseline struct {
	File     string    `json:"file"`
	SavedAt  time.Time `json:"saved_at"`
	Sessions int       `json:"sessions"`
	Revision string    `json:"revision"`
	// Differs says by what this machine, kernel or configuration differs from the baseline's; empty where it is the same.
	Differs []string `json:"differs"`
	// Timed tells whether timed metrics were held against it; Why says why not, or "".
	Timed bool   `json:"timed"`
	Why   string `json:"why"`
}

// GatePoint is one metric of one gate: a line of the history file.
type GatePoint struct {
	At       time.Time `json:"at"`
	Gate     string    `json:"gate"` // its ID
	Plan     string    `json:"plan"`
	Revision string    `json:"revision"`
	Scenario string    `json:"scenario"`
	Metric   string    `json:"metric"`
	Unit     string    `json:"unit"`
	Median   *float64  `json:"median"`
	Low      *float64  `json:"low"`
	High     *float64  `json:"high"`
	Verdict  string    `json:"verdict"` // of the budget
}

// BaselineSchema names the layout of a baseline.
const BaselineSchema = "twomsl/baseline/v1"

// Baseline is what a plan came to before, to hold later gates against.
type Baseline struct {
	Schema  string    `json:"schema"` // twomsl/baseline/v1
	Tool    string    `json:"tool"`
	Plan    string    `json:"plan"` // its name
	SavedAt time.Time `json:"saved_at"`
	// Fingerprint is the machine and its kernel by name: processor, processors, memory, kernel, ...
	Fingerprint map[string]string `json:"fingerprint"`
	// Sessions: each gate that was saved into it is one. What is timed is held against several of them.
	Sessions []BaselineSession `json:"sessions"`
}

// BaselineSession is one gate that was saved.
type BaselineSession struct {
	At        time.Time          `json:"at"`
	Gate      string             `json:"gate"` // its ID
	Revision  string             `json:"revision"`
	BootID    string             `json:"boot_id"`
	Scenarios []BaselineScenario `json:"scenarios"`
}

// BaselineScenario is one scenario of it.
type BaselineScenario struct {
	Name string `json:"name"`
	// Configuration is the scenario's name and resolved fields, settings and command in short (SHA-256): what is compared must be the same.
	Configuration string           `json:"configuration"`
	Metrics       []BaselineMetric `json:"metrics"`
}

// BaselineMetric is a metric with a value for each trial.
type BaselineMetric struct {
	Name  string    `json:"name"`
	Unit  string    `json:"unit"`
	Exact bool      `json:"exact"`
	Value Value     `json:"value"`
	Each  []float64 `json:"each"` // the whole that each value is a part of; empty where there is none
}
