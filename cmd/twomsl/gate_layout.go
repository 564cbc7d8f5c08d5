package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"twomsl/internal/experiment"
	"twomsl/internal/gate"
	"twomsl/internal/machine"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/trial"
	"twomsl/report/compare"
)

// gating is a gate under way.
type gating struct {
	f       *gateFlags
	plan    gate.Plan
	rec     record.Gate
	judge   compare.Gate
	entries []*gateEntry
	// tested and against are what scenarios are run with; against is nil where nothing is run beside.
	tested, against *gateSubject
	stderr          io.Writer
	live            *live
	busy            machine.Times // at the start
	lost            error         // the first record that could not be kept
	trials          int           // carried out so far
	undo            []func()      // of what subjects needed
}

// gateEntry is one scenario of the plan.
type gateEntry struct {
	gate.Scenario
	base     scenario.Scenario // resolved, as what is tested has it, but with our own sides
	budgets  []record.GateBudget
	variants []gateVariant // GateReference, where there is one, and GateTested
	noise    gateLook
	first    gateLook
	again    gateLook
	jobs     int
	planned  int     // trials at the first look
	noted    int     // where its rows of the record's noise begin
	seconds  float64 // that the longest trial took so far
}

// gateLook is the trials of one look.
type gateLook struct {
	head   record.Comparison
	trials []*record.Trial
}

// gateVariant is one variant of an entry.
type gateVariant struct {
	record.Variant
	subject *gateSubject
}

func newGating(f *gateFlags, file string, stderr io.Writer) *gating {
	g := &gating{f: f, stderr: stderr, live: newLive(stderr, f.quiet)}
	started := time.Now()
	g.rec = record.Gate{
		Schema: record.GateSchema, Tool: "twomsl " + version(), Status: record.Invalid, StartedAt: started.UTC(), Command: commandLine(),
		Plan:        record.GatePlan{File: file, Name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))},
		Environment: machine.Read(machine.Options{}),
	}
	g.rec.ID = gateID(g.rec.Plan.Name, started)
	g.busy, _ = machine.ReadTimes("")
	return g
}

func gateID(name string, at time.Time) string {
	var b [2]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return "gate-" + clean[:min(len(clean), 60)] + "-" + at.UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// layOut reads the plan and makes of it all that is to be run. What is wrong is exit code 2.
func (g *gating) layOut(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return usage("plan: %w", err)
	}
	g.rec.Plan.Text = string(data)
	known := knownMetrics()
	if g.plan, err = gate.Parse(file, data, known); err != nil {
		return usage("%w", err)
	}
	if g.plan.Name == "" {
		g.plan.Name = g.rec.Plan.Name
	}
	if err := g.override(); err != nil {
		return err
	}
	g.settings()
	if err := g.readBaseline(); err != nil {
		return err
	}
	if err := g.readHistory(); err != nil {
		return err
	}
	return g.layOutEntries()
}

// settings takes what the command line says over what the plan says.
func (g *gating) settings() {
	p := &g.rec.Plan
	p.Name, p.Level, p.Power = g.plan.Name, g.f.level, g.f.power
	p.Trials, p.Again, p.Seed = g.f.trials, g.f.again, g.f.seed
	for _, one := range []struct {
		ours  *float64
		usual float64
		plan  float64
	}{{&p.Level, usualLevel, g.plan.Level}, {&p.Power, usualPower, g.plan.Power}} {
		if *one.ours == one.usual && one.plan > 0 {
			*one.ours = one.plan
		}
	}
	if p.Trials == 0 {
		p.Trials = g.plan.Trials
	}
	if p.Again == 0 {
		p.Again = g.plan.Again
	}
	if p.Seed == 0 {
		p.Seed = g.plan.Seed
	}
	if p.Seed == 0 {
		p.Seed = drawn()
	}
	longest := g.f.longest
	if longest == usualLongest && g.plan.Longest > 0 {
		longest = g.plan.Longest
	}
	p.MaxSeconds = longest.Seconds()
	g.rec.Revision = g.f.revisionOf()
	g.judge.Level, g.judge.Power = p.Level, p.Power
}

// override puts what --against says in the place of the plan's against.
func (g *gating) override() error {
	if len(g.f.against) == 0 {
		return nil
	}
	s := &gate.Subject{}
	for _, text := range g.f.against {
		key, value, ok := strings.Cut(text, "=")
		to := map[string]*string{
			"commit": &s.Commit, "build": &s.Build, "binary": &s.Binary, "image": &s.Image, "command": &s.Server, "client": &s.Client,
		}[key]
		switch {
		case ok && value != "" && key == "set":
			s.Set = append(s.Set, value)
		case ok && value != "" && to != nil:
			*to = value
		default:
			return usage("--against %q: write KEY=VALUE with one of commit, build, binary, image, command, client, set", text)
		}
	}
	g.plan.Against = s
	return nil
}

// layOutEntries makes the variants of every scenario, and tells of all that is wrong with them at once.
func (g *gating) layOutEntries() error {
	g.tested = newSubject("tested", g.plan.Tested)
	if g.plan.Against != nil {
		g.against = newSubject("against", g.plan.Against.Over(g.plan.Tested))
		g.against.said = *g.plan.Against
	}
	if err := allOf(g.tested.check(), g.against.check()); err != nil {
		return err
	}
	var wrong []error
	relative := false
	for _, s := range g.plan.Scenarios {
		e := &gateEntry{Scenario: s}
		for _, b := range slices.Concat(g.plan.Budgets, s.Budgets) {
			one := b.GateBudget
			one.Scenario = s.Name
			relative = relative || one.Relative
			e.budgets = append(e.budgets, one)
			g.judge.Budgets = append(g.judge.Budgets, one)
		}
		g.entries = append(g.entries, e)
		if err := g.layOutEntry(e); err != nil {
			var p scenario.Problems
			if errors.As(err, &p) {
				err = usage("%s: %w", s.Name, p)
			}
			wrong = append(wrong, err)
		}
	}
	if relative && g.against == nil && g.judge.Baseline == nil {
		wrong = append(wrong, usage("%s: a budget like \"drop <= 10%%\" is held against something: give the plan an against "+
			"(what is run side by side), or a baseline", g.rec.Plan.File))
	}
	if err := allOf(wrong...); err != nil {
		return err
	}
	if g.judge.Baseline != nil {
		if err := g.fitBaseline(); err != nil {
			return err
		}
	}
	g.describe()
	return nil
}

// layOutEntry makes one scenario's variants.
func (g *gating) layOutEntry(e *gateEntry) error {
	base, err := loadScenario(e.Ref)
	if err != nil {
		return err
	}
	subjects := []*gateSubject{g.tested}
	if g.against != nil {
		subjects = []*gateSubject{g.against, g.tested}
	}
	var hosts []string
	if err := g.f.onHosts.remote.overrides(func(_, field, value string) { hosts = append(hosts, field+"="+value) }); err != nil {
		return usage("%w", err)
	}
	read := &reader{files: map[string][]sysctl.Setting{}, bad: map[string]error{}}
	var variants []*variant
	for _, s := range subjects {
		v := &variant{Variant: record.Variant{Name: s.variant}}
		v.Set = append(s.fields(), hosts...) // what is said of a field besides comes after, and wins
		for _, item := range slices.Concat(e.Set, s.Set) {
			if err := v.item(item, read); err != nil {
				return usage("%s: %s: %w", e.Name, s.name, err)
			}
		}
		if v.host {
			if err := v.copyHost(); err != nil {
				return err
			}
		}
		variants = append(variants, v)
	}
	settle := compareFlags{scenarioFlags: g.f.onHosts}
	if err := settle.settle(variants, base, sides{}); err != nil {
		return err
	}
	for i, v := range variants {
		s, err := scenario.FromJSON(v.Spec)
		if err != nil {
			return failed(err)
		}
		if s.Topology == scenario.Host {
			return usage("%s: a gate needs labs: on this host's own network each trial would begin among the TIME_WAIT of the one before", e.Name)
		}
		e.base = s
		e.variants = append(e.variants, gateVariant{Variant: v.Variant, subject: subjects[i]})
	}
	e.jobs = 1
	if !e.timed() {
		e.jobs = experiment.SideBySide(e.base)
	}
	return nil
}

// timed tells whether a budget of the entry is of a timed metric.
func (e *gateEntry) timed() bool {
	return slices.ContainsFunc(e.budgets, func(b record.GateBudget) bool { return !b.Exact })
}

// relative tells whether a budget needs the reference to be run.
func (g *gating) runsReference(e *gateEntry) bool {
	return g.against != nil && slices.ContainsFunc(e.budgets, func(b record.GateBudget) bool {
		return b.Relative && (g.judge.Baseline == nil || !b.Exact && !g.judge.Baseline.Timed)
	})
}

// describe fills in what the record says of the plan.
func (g *gating) describe() {
	g.rec.Scenarios, g.rec.Budgets, g.rec.Reference = nil, nil, g.reference()
	for _, e := range g.entries {
		described, err := trial.Describe(e.base)
		if err == nil {
			g.rec.Scenarios = append(g.rec.Scenarios, record.GateScenario{Name: e.Name, Scenario: described})
		}
		g.rec.Budgets = append(g.rec.Budgets, e.budgets...)
	}
}

// reference says what relative budgets are held against.
func (g *gating) reference() string {
	var parts []string
	if g.against != nil && slices.ContainsFunc(g.entries, g.runsReference) {
		parts = append(parts, g.against.text())
	}
	if g.judge.Baseline != nil {
		parts = append(parts, "baseline "+g.rec.Baseline.File)
	}
	return strings.Join(parts, ", and ")
}

// bound is the longest that a trial of a scenario takes, as far as the plan says.
func (e *gateEntry) bound() time.Duration {
	load := e.base.Load
	longest := load.Stop.After.Std()
	if n := load.Stop.Connections; n > 0 && load.Rate != scenario.Max && load.Rate > 0 {
		longest = min(longest, time.Duration(float64(n)/float64(load.Rate)*float64(time.Second)))
	}
	return longest + load.Hold.Std() + labTime
}

// labTime is what a lab takes beside the load.
const labTime = 500 * time.Millisecond

// dryRun tells what would be run.
func (g *gating) dryRun(w io.Writer) error {
	var b strings.Builder
	total := time.Duration(0)
	for _, e := range g.entries {
		variants := 1
		if g.runsReference(e) {
			variants = 2
		}
		first, again := g.looks(e, 0)
		each := e.bound()
		n := variants * first
		noise := 0
		if e.timed() {
			noise = variants + noiseTrials
		}
		look := func(n int) time.Duration { return time.Duration((n+e.jobs-1)/e.jobs) * each }
		total += look(n) + time.Duration(noise)*each
		fmt.Fprintf(&b, "%s: %d variants, %d trials of each at the first look, %d more where something looks broken", e.Name, variants, first, again)
		if noise > 0 {
			fmt.Fprintf(&b, "; %d before, for noise", noise)
		}
		fmt.Fprintf(&b, "\n  a trial takes %v at most; the first look %v, the second %v\n", each.Round(time.Second),
			(look(n) + time.Duration(noise)*each).Round(time.Second), look(variants*again).Round(time.Second))
		for i := range e.budgets {
			fmt.Fprintf(&b, "  %-44s %s\n", e.budgets[i].Text, g.couldSee(e, &e.budgets[i], first, again))
		}
	}
	fmt.Fprintf(&b, "in all: %v at most at the first look; everything ends after %v (--max-duration)\n", total.Round(time.Second),
		time.Duration(g.rec.Plan.MaxSeconds*float64(time.Second)))
	_, err := io.WriteString(w, b.String())
	return err
}

// couldSee says what change a budget would show. How far trials scatter is not known before some were run: the
// baseline tells, and else it is told for two machines.
func (g *gating) couldSee(e *gateEntry, b *record.GateBudget, first, again int) string {
	if b.Exact {
		return "counted: any change beyond it"
	}
	if !b.Relative {
		return fmt.Sprintf("timed: %d of %d trials or more beyond it", first, first)
	}
	see := func(spread float64) string {
		s := g.judge.Smallest(spread, first, again, g.judge.Alpha(b))
		if s > 9 {
			return "none: too few trials"
		}
		return fmt.Sprintf("%.1f %%", 100*(b.Limit+s))
	}
	if spread, ok := g.knownSpread(e, b.Metric); ok {
		return fmt.Sprintf("a %s of %s or more is caught in %.0f of 100 gates (trials scattered by %.1f %% in the baseline)",
			b.Operator, see(spread), 100*g.judge.Power, 100*spread)
	}
	return fmt.Sprintf("a %s of %s or more where trials scatter by 2 %%, of %s where by 5 %%", b.Operator, see(0.02), see(0.05))
}
