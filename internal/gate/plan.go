// Package gate is what a pipeline asks for: a plan of scenarios and the budgets that they are held to, read from YAML.
// The package is pure: it knows neither the metrics nor the scenarios, and is told of them where it judges a plan.
package gate

import (
	"time"

	"twomsl/internal/record"
)

// Plan is a gate's plan. What is not there is its zero value.
type Plan struct {
	Name      string
	Scenarios []Scenario
	Budgets   []Budget // of every scenario
	Trials    int      // of each variant at the first look; 0: as many as it takes
	Again     int      // at the second; 0: twice as many
	Level     float64  // 0: the usual
	Power     float64
	Longest   time.Duration // max-duration
	Seed      int64
	Baseline  string
	Tested    Subject  // what is tested
	Against   *Subject // what it is held against, side by side; nil where there is none
}

// Scenario is one entry of scenarios.
type Scenario struct {
	Name    string // in reports; the scenario's own where nobody says
	Ref     string // a scenario's name or file
	Set     []string
	Budgets []Budget // beside the plan's
	Line    int
}

// Subject is one thing that scenarios are run with: ours, with fields and settings changed, or somebody else's.
type Subject struct {
	// Set has items as compare's --variant takes them: a file of settings, FIELD=VALUE or [SIDE:]KEY=VALUE.
	Set []string
	// Server and Client are command lines that are run in the lab instead of our own sides; "" is ours.
	Server, Client string
	Requests       int    // that Client makes in all; 0 where nobody says
	Image          string // that Server is run in
	// Binary is a program: what Server and Client name as $TWOMSL_BINARY, and where there are none, another twomsl.
	Binary string
	// Commit is what Build is run in; what it made is found in $TWOMSL_BUILD.
	Commit, Build string
	Line          int
}

// Budget is one budget as it was written, with where.
type Budget struct {
	Text string
	Line int
	record.GateBudget
}

// Over gives s with what is not said taken from base: what is held against is all that is tested but for what it says
// otherwise. An image and a binary are said together with the command that they are for.
func (s Subject) Over(base Subject) Subject {
	out := base
	out.Line = s.Line
	out.Set = append(append([]string{}, base.Set...), s.Set...)
	for _, f := range []struct {
		to   *string
		from string
	}{
		{&out.Server, s.Server},
		{&out.Client, s.Client},
		{&out.Image, s.Image},
		{&out.Binary, s.Binary},
		{&out.Commit, s.Commit},
		{&out.Build, s.Build},
	} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if s.Requests > 0 {
		out.Requests = s.Requests
	}
	return out
}
