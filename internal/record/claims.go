package record

import (
	"strings"
	"time"
)

// ClaimsSchema names the layout of tested claims.
const ClaimsSchema = "twomsl/claims/v1"

// What a claim comes to on a kernel.
const (
	ClaimTrue        = "true"
	ClaimFalse       = "false"
	ClaimConditional = "conditional" // only if ...
	ClaimGone        = "gone"        // what it is about is no longer there
	ClaimUntestable  = "untestable"  // cannot be tested here
)

// ClaimVerdicts lists them in the order in which reports name them.
var ClaimVerdicts = []string{ClaimTrue, ClaimFalse, ClaimConditional, ClaimGone, ClaimUntestable}

// NotCovered is the verdict on a line of a recipe that no claim is about.
const NotCovered = "not-covered"

// Claims are sayings about TIME_WAIT and what goes with it, each put to the kernel.
type Claims struct {
	Schema    string    `json:"schema"`     // twomsl/claims/v1
	ID        string    `json:"id"`         // also the file's name
	Tool      string    `json:"tool"`       // the program and its version
	Status    Status    `json:"status"`     // complete; interrupted, where claims are missing; failed, where tests broke
	StartedAt time.Time `json:"started_at"` // UTC
	Seconds   float64   `json:"seconds"`    // that all tests took together, side by side
	Command   string    `json:"command"`    // what to type to repeat it
	Jobs      int       `json:"jobs"`       // tests side by side
	Asked     int       `json:"asked"`      // claims that were meant to be judged
	Claims    []Claim   `json:"claims"`     // those that were judged
	// Recipe is the file whose lines were judged, Lines what they came to; "" and null where none was given.
	Recipe      string       `json:"recipe"`
	Lines       []ClaimsLine `json:"lines"`
	Tests       []Tried      `json:"tests"` // what was run
	Environment Environment  `json:"environment"`
}

// Claim is one saying with what this kernel says to it.
type Claim struct {
	ID      string   `json:"id"`
	Claim   string   `json:"claim"`
	Source  string   `json:"source"`  // who says so
	Verdict string   `json:"verdict"` // true, false, conditional, gone, untestable
	Figure  *float64 `json:"figure"`  // what was measured; nil where nothing could be
	Unit    string   `json:"unit"`    // of the figure, in words: "s", "of 200 connections"
	// Condition says when it is so, or what else holds; "" where the verdict says it all. For untestable it is the reason.
	Condition string   `json:"condition"`
	Evidence  []string `json:"evidence"` // sentences with what was measured
	Why       string   `json:"why"`      // the mechanism
	// Account says how this stands to a careful author's account (V. Bernat); "" where that says nothing about it.
	Account string `json:"account"`
	// Shortened says which timers were shortened for the test, and from what; "" where none.
	Shortened string   `json:"shortened"`
	Tests     []string `json:"tests"`    // names in the record's tests
	Scenario  string   `json:"scenario"` // which shows it: twomsl run SCENARIO; "" where none does
}

// Try is something to run for a claim: a trial of a library's scenario, or an assay, which is a small experiment that no
// scenario can express.
type Try struct {
	Scenario string `json:"scenario"` // "" for an assay
	// Set are fields that are changed, as --set takes them. Sysctl are settings that are written after the scenario's own,
	// as --sysctl takes them: [SIDE:]KEY=VALUE; this kernel may lack them.
	Set       []string `json:"set"`
	Sysctl    []string `json:"sysctl"`
	Assay     string   `json:"assay"` // "" for a trial
	Arguments []string `json:"arguments"`
}

// Key tells two different ones apart.
func (t Try) Key() string {
	return strings.Join([]string{
		t.Scenario, strings.Join(t.Set, "\x00"), strings.Join(t.Sysctl, "\x00"), t.Assay, strings.Join(t.Arguments, "\x00"),
	}, "\x01")
}

// Tried is a Try with what came of it.
type Tried struct {
	Name string `json:"name"` // t1, t2, ...
	Try
	Command string   `json:"command"` // what to type to repeat it alone; "" where only the claims do
	TrialID string   `json:"trial"`   // the ID of the trial's own record; "" where it has none
	Engine  string   `json:"engine"`  // that drove the trial's connections; "" for an assay and where there is no trial
	Figures []Figure `json:"figures"` // an assay's
	Texts   []string `json:"texts"`   // what an assay saw and could not count
	Seconds float64  `json:"seconds"`
	// Cannot says why this machine or kernel cannot do it, Failure why it broke; "" otherwise.
	Cannot  string `json:"cannot"`
	Failure string `json:"failure"`
	Trial   *Trial `json:"-"`
}

// Figure is one number that was measured.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// ClaimsLine is one line of a recipe on one side.
type ClaimsLine struct {
	Key     string   `json:"key"`
	Value   string   `json:"value"`
	File    string   `json:"file"`
	Line    int      `json:"line"`    // from 1
	Side    string   `json:"side"`    // client, server; both where the sides do not differ
	Verdict string   `json:"verdict"` // helps, no-effect, harmful, already-set, missing, not-covered, untestable
	Claim   string   `json:"claim"`   // the ID of the claim that shows it; "" where none does
	Figure  *float64 `json:"figure"`
	Unit    string   `json:"unit"`
	// Why is a sentence with what was measured, or what is known of the setting where nothing was.
	Why   string   `json:"why"`
	Price string   `json:"price"` // what is given up for it; "" where nothing
	Tests []string `json:"tests"`
}
