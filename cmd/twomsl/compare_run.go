package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"twomsl/internal/experiment"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/trial"
	"twomsl/report/compare"
)

// comparing is a comparison under way.
type comparing struct {
	head   record.Comparison // with a row of Trials for each of trials
	trials []*record.Trial
	places []int // of trials in the order in which they are started; those that were there come first
	laid   int   // how many places are given out
	dir    string

	planned bool  // the rounds were laid out
	first   error // that a trial could not start at all
	fatal   error // that no other trial can make good
	stop    func()
	lost    error // the first record that could not be kept
	live    *live
	of      int // trials that are to be run, as far as is known
}

// carryOut runs what is missing, keeps the comparison after each trial, and tells it.
func (f *compareFlags) carryOut(c *comparing, stdout, stderr io.Writer) error {
	soft, hard, release := interrupts(stderr)
	defer release()
	soft, c.stop = context.WithCancel(soft)
	defer c.stop()
	c.live = newLive(stderr, f.quiet)
	began, before := time.Now(), c.head.Seconds
	var broken error
	experiment.Run(soft, hard, c.head.Plan.Jobs, func() []experiment.Trial {
		c.head.Seconds = before + time.Since(began).Seconds()
		batch, err := c.next(f)
		broken = err
		return batch
	})
	c.live.clear()
	c.head.Seconds = before + time.Since(began).Seconds()
	switch {
	case broken != nil:
		return failed(broken)
	case c.fatal != nil:
		return startError(c.fatal)
	case len(c.trials) == 0 && c.first != nil:
		return startError(c.first)
	case len(c.trials) == 0:
		return startError(context.Canceled)
	}
	c.head.Status = c.status(soft.Err() != nil && c.missing())
	return f.tell(compare.Build(c.head, c.trials), c.dir, c.lost, stdout, stderr)
}

// missing tells whether trials are left to run: a Ctrl-C that comes after the last one interrupts nothing.
func (c *comparing) missing() bool {
	if c.head.Plan.ByLine {
		added, run := compare.NextLines(compare.Build(c.head, c.trials), c.trials)
		return len(added)+len(run) > 0
	}
	for round := range c.head.Plan.WarmUp + c.head.Plan.Trials {
		for i := range c.head.Variants {
			if !c.has(record.ComparedTrial{Variant: c.head.Variants[i].Name, Round: round}) {
				return true
			}
		}
	}
	return false
}

// status is how the comparison stands: interrupted while trials are missing.
func (c *comparing) status(interrupted bool) record.Status {
	if interrupted {
		return record.Interrupted
	}
	for i := range c.head.Variants {
		name := c.head.Variants[i].Name
		if !slices.ContainsFunc(c.head.Trials, func(t record.ComparedTrial) bool { return t.Variant == name && t.Failure == "" }) {
			return record.Failed
		}
	}
	return record.Complete
}

// next gives the trials that are to be run now: the rounds that the plan asks for, or what the lines seen so far ask for.
func (c *comparing) next(f *compareFlags) ([]experiment.Trial, error) {
	if c.first != nil && len(c.trials) == 0 {
		return nil, nil // no trial can start here
	}
	if !c.head.Plan.ByLine {
		if c.planned {
			return nil, nil
		}
		c.planned = true
		return c.rounds(f)
	}
	added, run := compare.NextLines(compare.Build(c.head, c.trials), c.trials)
	c.head.Variants = append(c.head.Variants, added...)
	return c.batch(f, run)
}

// rounds lays out all trials of the plan, and leaves those out that are there already.
func (c *comparing) rounds(f *compareFlags) (out []experiment.Trial, err error) {
	p := &c.head.Plan
	all := experiment.Turns(len(c.head.Variants), p.WarmUp+p.Trials, p.Seed)
	for round, turns := range all {
		for _, v := range turns {
			ref := record.ComparedTrial{Variant: c.head.Variants[v].Name, Round: round, WarmUp: round < p.WarmUp}
			if c.has(ref) {
				continue
			}
			one, err := c.trial(f, ref)
			if err != nil {
				return nil, err
			}
			out = append(out, one)
		}
	}
	c.of = len(c.trials) + len(out)
	return out, nil
}

// has tells whether a turn was taken, and came to something.
func (c *comparing) has(ref record.ComparedTrial) bool {
	return slices.ContainsFunc(c.head.Trials, func(t record.ComparedTrial) bool {
		return t.Variant == ref.Variant && t.Round == ref.Round && t.Failure == ""
	})
}

// batch runs the named variants once each, in an order that the seed decides.
func (c *comparing) batch(f *compareFlags, names []string) (out []experiment.Trial, err error) {
	if len(names) == 0 {
		return nil, nil
	}
	taken := map[string]int{}
	for _, t := range c.head.Trials {
		taken[t.Variant]++
	}
	for _, i := range experiment.Turns(len(names), 1, c.head.Plan.Seed+int64(len(c.trials)))[0] {
		round := taken[names[i]]
		taken[names[i]]++
		one, err := c.trial(f, record.ComparedTrial{Variant: names[i], Round: round})
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	c.of = len(c.trials) + len(out)
	return out, nil
}

// trial makes one trial of a variant.
func (c *comparing) trial(f *compareFlags, ref record.ComparedTrial) (experiment.Trial, error) {
	i := slices.IndexFunc(c.head.Variants, func(v record.Variant) bool { return v.Name == ref.Variant })
	if i < 0 {
		return experiment.Trial{}, fmt.Errorf("the comparison has no variant %q", ref.Variant)
	}
	v := &c.head.Variants[i]
	s, err := scenario.FromJSON(v.Spec)
	if err != nil {
		return experiment.Trial{}, err
	}
	c.laid++
	place := c.laid
	settings := sides{Client: asSettings(v.Sysctl.Client), Server: asSettings(v.Sysctl.Server)}
	return experiment.Trial{
		Scenario: s,
		Options: trial.Options{
			Program: program(), Tool: c.head.Tool, Command: commandOf(&c.head, v), CPUs: f.cpus.sides,
			Recipe: settings, Relay: asSettings(v.Relay), Strict: f.recipe.strict,
			Host: f.reached.host, Dial: f.reached.dial, From: f.reached.from,
		},
		Done: func(t *record.Trial, err error) { c.done(place, ref, t, err) },
	}, nil
}

func asSettings(list []record.VariantSetting) (out []sysctl.Setting) {
	for _, s := range list {
		out = append(out, sysctl.Setting{Key: s.Key, Value: s.Value, Optional: s.Optional, File: s.File, LineNo: s.Line})
	}
	return out
}

// commandOf is what to type to run a variant once.
func commandOf(c *record.Comparison, v *record.Variant) string {
	words := []string{"twomsl run", c.Scenario.Name}
	for _, s := range v.Set {
		words = append(words, "--set", quoted(s))
	}
	for _, side := range []struct {
		name string
		list []record.VariantSetting
	}{{"client", v.Sysctl.Client}, {"server", v.Sysctl.Server}, {"relay", v.Relay}} {
		for _, s := range side.list {
			words = append(words, "--sysctl", quoted(side.name+":"+s.Key+"="+s.Value))
		}
	}
	return strings.Join(words, " ")
}

// done notes how a trial ended, and keeps it and the comparison so far.
func (c *comparing) done(place int, ref record.ComparedTrial, t *record.Trial, err error) {
	switch {
	case err != nil && errors.Is(err, context.Canceled):
		return // it had not begun
	case err != nil:
		ref.Failure = err.Error()
		if c.first == nil {
			c.first = err
		}
		if c.cannot(err) {
			c.fatal = err
			c.stop()
			return
		}
	default:
		ref.ID = t.ID
		if t.Status == record.Interrupted {
			ref.Failure = "interrupted"
		} else if t.Failure != nil {
			ref.Failure = t.Failure.Text
		}
		if _, keepErr := record.Write(c.dir, t); keepErr != nil && c.lost == nil {
			c.lost = keepErr
		}
	}
	c.insert(place, ref, t)
	if _, keepErr := record.KeepComparison(c.dir, compare.Build(c.head, c.trials)); keepErr != nil && c.lost == nil {
		c.lost = keepErr
	}
	c.live.say(fmt.Sprintf("%d of %d trials, the last: %s", len(c.trials), max(c.of, len(c.trials)), ref.Variant))
}

// insert puts a trial where it was started, whichever side by side ended first.
func (c *comparing) insert(place int, ref record.ComparedTrial, t *record.Trial) {
	c.places = append(make([]int, len(c.trials)-len(c.places)), c.places...) // those that were there
	at, _ := slices.BinarySearch(c.places, place)
	c.places = slices.Insert(c.places, at, place)
	c.head.Trials, c.trials = slices.Insert(c.head.Trials, at, ref), slices.Insert(c.trials, at, t)
}

// cannot tells an error that every trial will have, or every one of that variant: a machine that makes no labs, and a
// setting that must be had and cannot.
func (c *comparing) cannot(err error) bool {
	var strict *trial.StrictError
	return errors.As(err, &strict) || len(c.trials) == 0 && cannotStart(err) != nil
}
