// Package claims is what people say about TIME_WAIT and what goes with it, each saying with what must be tried to find out
// whether a kernel agrees, and how the result is judged. The package is pure: it runs nothing, and a verdict follows from
// what was tried alone.
//
// A claim is a row: its words, its source, the tries that test it, and a judge. A line of somebody's sysctl.conf is judged
// in the same manner, by a row of lines.go for its key.
package claims

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// Claim is one saying, and how it is put to the kernel.
type Claim struct {
	ID     string
	Text   string
	Source string
	Tries  []Part
	Judge  func(*Seen) Verdict
	Why    string // the mechanism, in our words
	// Account says how what the kernel does stands to V. Bernat's "Coping with the TCP TIME-WAIT state on busy Linux
	// servers"; "" where that says nothing about it.
	Account   string
	Shortened string // which timers the tries shorten, and from what
	Scenario  string // which shows it whole
}

// Part is one try with the name by which the judge asks for it.
type Part struct {
	Name string
	record.Try
}

// Verdict is what a judge says.
type Verdict struct {
	Verdict   string
	Figure    float64
	Unit      string
	Condition string
	Evidence  []string
}

// say adds a sentence of evidence.
func (v *Verdict) say(format string, args ...any) {
	v.Evidence = append(v.Evidence, fmt.Sprintf(format, args...))
}

// sources of claims.
const (
	guides = "tuning guides"
	causes = "what really breaks SSH and DNS"
)

// All lists the claims in the order in which they are told.
func All() []Claim {
	all := slices.Concat(closing(), waiting(), queues(), living())
	slices.SortStableFunc(all, func(a, b Claim) int { return int(number(a.ID) - number(b.ID)) })
	return append(all, breaking()...)
}

// Find gives the claims with these IDs, in the order in which they are told; none is all. The error names every ID that
// there is not.
func Find(ids []string) ([]Claim, error) {
	all := All()
	if len(ids) == 0 {
		return all, nil
	}
	var unknown []string
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(c Claim) bool { return c.ID == id }) {
			unknown = append(unknown, id)
		}
	}
	if unknown != nil {
		var known []string
		for _, c := range all {
			known = append(known, c.ID)
		}
		return nil, fmt.Errorf("there is no claim %s; known: %s", strings.Join(unknown, ", "), strings.Join(known, " "))
	}
	return slices.DeleteFunc(all, func(c Claim) bool { return !slices.Contains(ids, c.ID) }), nil
}

// Tries lists what is to be run for claims, each once, those that take longest first.
func Tries(list []Claim) []record.Try {
	var out []record.Try
	for _, c := range list {
		for _, p := range c.Tries {
			out = add(out, p.Try)
		}
	}
	return longestFirst(out)
}

func add(list []record.Try, t record.Try) []record.Try {
	if slices.ContainsFunc(list, func(o record.Try) bool { return o.Key() == t.Key() }) {
		return list
	}
	return append(list, t)
}

// longestFirst: what takes a minute must not wait for what takes a second.
func longestFirst(list []record.Try) []record.Try {
	slices.SortStableFunc(list, func(a, b record.Try) int { return Seconds(b) - Seconds(a) })
	return list
}

// Seconds is about how long a try waits, rounded up: those that wait begin first, and those that load the machine come
// when the others have their sockets standing.
func Seconds(t record.Try) int {
	const timeWait = 68
	switch {
	case t.Assay == "life" && !slices.Contains(t.Arguments, peerStays):
		return timeWait
	case t.Scenario == "conntrack-full":
		return 40
	case t.Assay == "life", t.Assay == "vanish", t.Assay == "timeouts", t.Assay == "linger":
		return 9
	case t.Scenario == "incident-18000", t.Scenario == "port-exhaustion", t.Assay == "cliff":
		return 0
	}
	return 1
}

// Judged gives the record of a claim from what was tried.
func (c *Claim) Judged(tried []record.Tried) record.Claim {
	out := record.Claim{
		ID: c.ID, Claim: c.Text, Source: c.Source, Verdict: record.ClaimUntestable, Why: c.Why, Account: c.Account,
		Shortened: c.Shortened, Scenario: c.Scenario, Evidence: []string{}, Tests: []string{},
	}
	seen := see(c.Tries, tried)
	for _, p := range c.Tries {
		if t := seen.parts[p.Name]; t != nil && !slices.Contains(out.Tests, t.Name) {
			out.Tests = append(out.Tests, t.Name)
		}
	}
	if seen.lacks == nil {
		v := c.Judge(seen)
		if seen.lacks == nil {
			out.Verdict, out.Condition, out.Unit = v.Verdict, v.Condition, v.Unit
			v.Figure = rounded(v.Figure)
			out.Figure, out.Evidence = &v.Figure, append(out.Evidence, v.Evidence...)
			return out
		}
	}
	out.Condition = strings.Join(seen.lacks, "; ")
	return out
}

// Missed tells whether something that the claim needs was not run at all.
func (c *Claim) Missed(tried []record.Tried) bool {
	for _, p := range c.Tries {
		if find(tried, p.Try) == nil {
			return true
		}
	}
	return false
}

// rounded has the digits that are worth keeping.
func rounded(v float64) float64 { return math.Round(v*100) / 100 }
