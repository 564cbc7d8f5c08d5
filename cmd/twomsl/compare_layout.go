package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"twomsl/internal/experiment"
	"twomsl/internal/recipe"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
	"twomsl/report/compare"
)

// layOut makes a comparison of what the command line says: everything but its trials.
func (f *compareFlags) layOut(ref string, stderr io.Writer) (*record.Comparison, error) {
	ready, isReady, err := recipe.Find(ref)
	if err != nil {
		return nil, failed(err)
	}
	if isReady {
		ref = ready.Scenario
		f.before, f.after = orElse(f.before, ready.Before), orElse(f.after, ready.After)
	}
	base, err := f.base(ref, ready.Set)
	common, recipeErr := f.recipe.settings()
	variants, variantsErr := f.named()
	var settleErr error
	if err == nil {
		settleErr = allOf(f.recipe.forRelay(base), f.settle(variants, base, common))
	}
	if err := allOf(err, recipeErr, variantsErr, f.numbers(), settleErr); err != nil {
		return nil, err
	}
	for _, v := range variants {
		if v.host {
			if err := v.copyHost(); err != nil {
				return nil, err
			}
			v.complete(common, f.recipe.relay, append(append([]string{}, f.set...), v.Set...))
		}
	}
	base = base.Resolve()
	started := time.Now()
	c := &record.Comparison{
		ID: comparisonID(base.Name, started), Tool: "twomsl " + version(), Status: record.Interrupted,
		StartedAt: started.UTC(), Command: commandLine(),
	}
	if c.Scenario, err = trial.Describe(base); err != nil {
		return nil, failed(err)
	}
	for _, v := range variants {
		c.Variants = append(c.Variants, v.Variant)
	}
	if f.byLine {
		c.Variants[0].Role, c.Variants[1].Role = "before", "after"
	}
	f.plan(c, base, stderr)
	return c, nil
}

func orElse(value, other string) string {
	if value == "" {
		return other
	}
	return value
}

// base is the scenario that every variant starts from, not resolved yet: what a variant says of a field must meet what
// was said, and no default.
func (f *compareFlags) base(ref string, ready []string) (scenario.Scenario, error) {
	s, err := loadScenario(ref)
	if err != nil {
		return s, err
	}
	if s, err = s.With(ready); err != nil {
		return s, failed(err) // the library is sound
	}
	s, problems := f.change(s)
	if f.primary != "" {
		next, err := s.With([]string{"judge.primary=" + f.primary})
		var found scenario.Problems
		if errors.As(err, &found) {
			problems = append(problems, scenario.Problem{Path: "--primary", Text: found[0].Text})
		}
		s = next
	}
	if s.Resolve().Topology == scenario.Host {
		return s, usage("a comparison needs labs: on this host's own network each trial would begin among the TIME_WAIT of the one " +
			"before. Run each variant by itself (twomsl run --topology host --records DIR) and compare the directories")
	}
	problems = append(problems, check(s.Resolve())...)
	if len(problems) > 0 {
		return s, usage("%w", problems)
	}
	return s, f.permit(s.Resolve())
}

// check holds a resolved scenario to what this program can do and tell.
func check(s scenario.Scenario) (problems scenario.Problems) {
	known := trial.Known
	known.Metrics = metricNames()
	err := s.Check(known)
	if err != nil && !errors.As(err, &problems) {
		problems = scenario.Problems{{Text: err.Error()}}
	}
	return append(problems, knownCauses(s.Judge.Primary.Items())...)
}

// knownCauses judges the metrics failed.CAUSE, of which there is one for each cause that a record can name.
func knownCauses(primary []string) (problems scenario.Problems) {
	var known []string
	for _, cause := range record.Causes {
		known = append(known, "failed."+string(cause))
	}
	for _, name := range primary {
		if strings.HasPrefix(name, "failed.") && !slices.Contains(known, name) {
			problems = append(problems, scenario.Problem{
				Path: "judge.primary",
				Text: fmt.Sprintf("%q is no metric%s; there are: %s", name, scenario.DidYouMean(name, known), strings.Join(known, ", ")),
			})
		}
	}
	return problems
}

// numbers judges the flags that are numbers.
func (f *compareFlags) numbers() error {
	var wrong []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, usage(format, args...))
		}
	}
	add(f.trials < 0 || f.trials > mostTrials, "--trials %d: 1 to %d", f.trials, mostTrials)
	add(f.warmUp < -1 || f.warmUp > mostTrials, "--warm-up %d: 0 to %d", f.warmUp, mostTrials)
	add(f.jobs < 0 || f.jobs > mostJobs, "--jobs %d: 1 to %d", f.jobs, mostJobs)
	add(!(f.level > 0 && f.level < 1), "--level %v: a share between 0 and 1, like 0.05", f.level)
	add(f.seed < 0, "--seed %d: a whole number from 0", f.seed)
	return allOf(wrong...)
}

const (
	mostTrials = 1000
	mostJobs   = 256
)

// plan says how the trials are laid out, and tells the person how long that takes, and where it cannot lead anywhere.
func (f *compareFlags) plan(c *record.Comparison, base scenario.Scenario, stderr io.Writer) {
	primary := base.Judge.Primary.Items()
	noisy := compare.Noisy(primary)
	p := record.Plan{
		Trials: f.trials, WarmUp: f.warmUp, Seed: f.seed, Jobs: f.jobs, Interleaved: true,
		Level: f.level, Primary: primary, ByLine: f.byLine,
	}
	f.trialsOfEach(&p, c, stderr)
	if p.WarmUp < 0 {
		p.WarmUp = 0
		if noisy {
			p.WarmUp = 1
		}
	}
	if p.Seed == 0 {
		p.Seed = drawn()
	}
	if p.Jobs == 0 {
		p.Jobs = 1
		if !noisy {
			p.Jobs = experiment.SideBySide(base)
		}
	}
	c.Plan = p
	if !f.quiet {
		fmt.Fprintf(stderr, "twomsl: %s\n", forecastOf(c, base))
	}
}

// trialsOfEach settles how many trials of each variant are run, and warns where that leads nowhere.
func (f *compareFlags) trialsOfEach(p *record.Plan, c *record.Comparison, stderr io.Writer) {
	counted := slices.ContainsFunc(p.Primary, func(name string) bool { return !compare.Noisy([]string{name}) })
	if f.byLine && counted {
		if p.Trials > 0 {
			fmt.Fprintln(stderr, "twomsl: line by line two trials of each variant are run, and more where they do not agree: --trials is left out")
		}
		p.Trials = 2
		return
	}
	variants := len(c.Variants)
	if f.byLine { // each line alone and left out, on either side
		variants += 2 * (len(c.Variants[1].Sysctl.Client) + len(c.Variants[1].Sysctl.Server))
	}
	needed := compare.TrialsNeeded(p.Primary, variants, f.level)
	if p.Trials == 0 {
		p.Trials = max(compare.DefaultTrials(p.Primary, variants), needed)
	}
	if p.Trials < needed {
		fmt.Fprintf(stderr, "twomsl: with --trials %d no difference can be shown at level %v: it takes %d\n", p.Trials, f.level, needed)
	}
}

// forecastOf says what is about to be run, and for how long at most.
func forecastOf(c *record.Comparison, base scenario.Scenario) string {
	each := base.Load.Stop.After.Std() + base.Load.Hold.Std() + time.Second
	p := &c.Plan
	if p.ByLine {
		return fmt.Sprintf("line by line: each setting alone and left out, on either side, trials of %v at most, %d side by side",
			each, p.Jobs)
	}
	n := len(c.Variants) * (p.Trials + p.WarmUp)
	rounds := (n + p.Jobs - 1) / p.Jobs
	return fmt.Sprintf("%d variants, %d trials in all, %d side by side, %v at most", len(c.Variants), n, p.Jobs,
		(time.Duration(rounds) * each).Round(time.Second))
}

// drawn is a seed.
func drawn() int64 {
	var b [4]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return int64(binary.LittleEndian.Uint32(b[:])>>1) + 1
}

func comparisonID(name string, at time.Time) string {
	var b [2]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return "compare-" + name + "-" + at.UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// settle gives every variant its scenario, checked, and its settings: those that all have come first.
func (f *compareFlags) settle(variants []*variant, base scenario.Scenario, common sides) error {
	var problems scenario.Problems
	for _, v := range variants {
		s, err := base.With(v.Set)
		var found scenario.Problems
		if errors.As(err, &found) {
			problems = append(problems, v.problems(found)...)
			continue
		}
		s = s.Resolve()
		problems = append(problems, v.problems(check(s))...)
		if err := f.permit(s); err != nil {
			return err
		}
		if v.Spec, err = s.JSON(); err != nil {
			return failed(err)
		}
		v.relayed = s.Relay != nil
		v.complete(common, f.recipe.relay, append(append([]string{}, f.set...), v.Set...))
		problems = append(problems, v.relayProblems(s, f.byLine)...)
		recipe := sides{Client: asSettings(v.Sysctl.Client), Server: asSettings(v.Sysctl.Server)}
		if err := trial.CheckRecipe(s.Topology, recipe); err != nil {
			problems = append(problems, scenario.Problem{Path: v.Name, Text: err.Error()})
		}
	}
	if len(problems) > 0 {
		return usage("%w", problems)
	}
	return nil
}

// relayProblems tells what cannot be with a relay, or without one.
func (v *variant) relayProblems(s scenario.Scenario, byLine bool) (out scenario.Problems) {
	switch {
	case s.Relay == nil && v.toRelay:
		out = append(out, scenario.Problem{Path: v.Name, Text: errNoRelay.Error()})
	case s.Relay != nil && byLine:
		out = append(out, scenario.Problem{
			Path: v.Name, Text: "--by-line takes the lines on client and server apart, and this scenario has a relay, too: " +
				"compare the lines as variants, like --variant reuse=relay:net.ipv4.tcp_tw_reuse=1",
		})
	}
	return out
}

// copyHost takes this host's own settings over, as far as a lab can have them.
func (v *variant) copyHost() error {
	defaults, err := trial.LabDefaults(context.Background(), program())
	if err != nil {
		return startError(err)
	}
	settings, refused := hostSettings(defaults)
	v.add(scenario.BothSides, settings)
	v.NotCopied = refused
	return nil
}
