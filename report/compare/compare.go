// Package compare turns the records of trials into the figures and verdicts of a comparison: what changed from one
// variant of a scenario to another, whether that is more than chance, what it was bought with, and, line by line, which
// setting did it.
//
// The package is pure. It runs nothing and takes no clock: the same records give the same comparison, whatever is in
// them. Counted metrics are compared as they are, with the spread of the trials as the measure; timed ones by ranks. Both
// share the level of the plan, so that a variant held against itself is called different in no more than that share of
// comparisons.
package compare

import (
	"maps"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// Build gives head with all that follows from its trials: Counted and Curves of the variants, Counted of the trials,
// Metrics for each variant after the first, Settings, Warnings, Environment, and with Plan.ByLine the Lines and Enough.
// trials[i] is the record of head.Trials[i], nil where there is none. What Build has filled in before is replaced, so
// that a comparison can be built again once more trials are there. head is left as it is.
func Build(head record.Comparison, trials []*record.Trial) *record.Comparison {
	c := head
	if c.Schema == "" {
		c.Schema = record.ComparisonSchema
	}
	c.Variants, c.Trials, c.Warnings = slices.Clone(c.Variants), slices.Clone(c.Trials), slices.Clone(c.Warnings)
	x := newAnalysis(&c, trials)
	for i := range c.Trials {
		c.Trials[i].Counted = x.counts(i)
	}
	c.Settings = x.settings()
	for i := range c.Variants {
		v := &c.Variants[i]
		counted := x.trials[v.Name]
		v.Engines, v.EngineWhy = Engines(counted), engineWhy(counted)
		v.Counted, v.Curves, v.Effective = len(counted), nil, record.SidePair[map[string]string]{}
		if len(counted) > 0 && (!c.Plan.ByLine || i < 2) { // line by line before and after are drawn, and not some dozens
			v.Curves = Curve(counted)
			v.Effective.Client, v.Effective.Server = counted[0].Sides.Client.Sysctls.Effective, counted[0].Sides.Server.Sysctls.Effective
		}
	}
	c.Metrics = x.metrics()
	c.Lines, c.Enough = nil, nil
	if c.Plan.ByLine {
		r := newRecipe(x)
		c.Lines, c.Enough = r.lines(), r.enough()
	}
	c.Environment = x.environment()
	c.Warnings = x.warnings()
	return &c
}

// An analysis is a comparison with its trials sorted by variant.
type analysis struct {
	c       *record.Comparison
	records []*record.Trial            // by index of c.Trials; nil where there is none
	trials  map[string][]*record.Trial // those that count, by variant
	primary []string                   // those that there are, each once
	level   float64
	// pairs is how many comparisons of two variants share the level.
	pairs int
	// adjusted has the corrected p of each noisy primary metric, by the variant that is held against the first.
	adjusted map[test]float64
	known    map[known]*figures
	// leaveStolen leaves trials out of what is timed that a hypervisor gave no time to.
	leaveStolen bool
}

type (
	test  struct{ variant, metric string }
	known = test
)

func newAnalysis(c *record.Comparison, trials []*record.Trial) *analysis {
	x := &analysis{
		c: c, records: make([]*record.Trial, len(c.Trials)), trials: map[string][]*record.Trial{},
		level: levelOf(c.Plan.Level), known: map[known]*figures{},
	}
	copy(x.records, trials)
	for i := range c.Trials {
		if x.counts(i) {
			v := c.Trials[i].Variant
			x.trials[v] = append(x.trials[v], x.records[i])
		}
	}
	for _, name := range c.Plan.Primary {
		if _, ok := rowOf(name); ok && !slices.Contains(x.primary, name) {
			x.primary = append(x.primary, name)
		}
	}
	x.pairs = max(1, len(c.Variants)-1)
	if c.Plan.ByLine {
		x.pairs = comparisonsByLine(c)
	}
	x.adjusted = x.correct()
	return x
}

// counts tells whether trial i stands behind the figures: it is no warm-up and ran to its end.
func (x *analysis) counts(i int) bool {
	t, plan := x.records[i], x.c.Trials[i]
	return t != nil && !plan.WarmUp && plan.Failure == "" && t.Status == record.Complete
}

// metrics is the whole table for each variant after the first.
func (x *analysis) metrics() []record.Metric {
	var all []record.Metric
	for i := 1; i < len(x.c.Variants); i++ {
		all = append(all, x.pair(x.c.Variants[0].Name, x.c.Variants[i].Name)...)
	}
	return all
}

// pair is the whole table for two variants.
func (x *analysis) pair(from, to string) []record.Metric {
	var all []record.Metric
	for _, m := range rowsFor(x.causes(from, to)) {
		all = append(all, x.judge(m, from, to))
	}
	return all
}

// causes are those seen in either variant, and those that are to decide.
func (x *analysis) causes(from, to string) []string {
	causes := causesOf(slices.Concat(x.trials[from], x.trials[to]))
	for _, name := range x.primary {
		if cause, ok := strings.CutPrefix(name, failed+"."); ok && !slices.Contains(causes, cause) {
			causes = append(causes, cause)
		}
	}
	return causes
}

// settings is what became of each setting that a variant asks for, in its first trial that counts. What was before is
// what the first variant ran with.
func (x *analysis) settings() []record.ComparedSetting {
	var all []record.ComparedSetting
	for _, v := range x.c.Variants {
		if len(x.trials[v.Name]) == 0 {
			continue
		}
		t := x.trials[v.Name][0]
		for _, s := range sidesOf(t) {
			for _, asked := range s.Sysctls.Asked {
				all = append(all, record.ComparedSetting{Variant: v.Name, Side: s.name, SysctlAsked: x.fromFirst(s.name, asked)})
			}
		}
	}
	return all
}

// fromFirst is what became of a setting, seen from the value that the first variant ran with: where that variant set the
// key, too, what the kernel held before is not what a reader takes for before.
func (x *analysis) fromFirst(side string, a record.SysctlAsked) record.SysctlAsked {
	first := x.trials[x.c.Variants[0].Name]
	if len(first) == 0 || a.Value == nil {
		return a
	}
	for _, s := range sidesOf(first[0]) {
		for _, b := range s.Sysctls.Asked {
			if s.name != side || b.Key != a.Key || b.Value == nil {
				continue
			}
			a.Before = b.Value
			switch {
			case a.Outcome != record.SysctlChanged && a.Outcome != record.SysctlAlreadySet:
			case *a.Value == *b.Value:
				a.Outcome, a.Price = record.SysctlAlreadySet, ""
			default:
				a.Outcome = record.SysctlChanged
			}
		}
	}
	return a
}

type namedSide struct {
	*record.Side
	name string
}

func sidesOf(t *record.Trial) []namedSide {
	all := []namedSide{{&t.Sides.Client, "client"}, {&t.Sides.Server, "server"}}
	if t.Relay != nil {
		all = append(all, namedSide{&record.Side{Sysctls: t.Relay.Sysctls}, "relay"})
	}
	return all
}

// environment is that of the first trial that there is a record of.
func (x *analysis) environment() record.Environment {
	for _, t := range x.records {
		if t != nil {
			return t.Environment
		}
	}
	e := x.c.Environment
	e.Unmeasured = maps.Clone(e.Unmeasured)
	return e
}
