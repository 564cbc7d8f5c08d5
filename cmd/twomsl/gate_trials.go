package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"twomsl/internal/experiment"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// gateTurn is one trial of a look.
type gateTurn struct {
	variant gateVariant
	ref     record.ComparedTrial
}

// take runs a look of so many trials of each variant, in turns.
func (g *gating) take(soft, hard context.Context, e *gateEntry, l *gateLook, name string, trials int) error {
	l.head = g.head(e, e.variants)
	l.head.Plan.Trials = trials
	var jobs []gateTurn
	for round, turns := range experiment.Turns(len(e.variants), trials, g.rec.Plan.Seed+int64(g.trials)) {
		for _, i := range turns {
			jobs = append(jobs, gateTurn{e.variants[i], record.ComparedTrial{Variant: e.variants[i].Name, Round: round}})
		}
	}
	return g.carry(soft, hard, e, l, name, jobs)
}

// head is a comparison of the entry's variants, without trials.
func (g *gating) head(e *gateEntry, variants []gateVariant) record.Comparison {
	c := record.Comparison{
		Schema: record.ComparisonSchema, ID: comparisonID(e.base.Name, time.Now()), Tool: g.rec.Tool, Status: record.Complete,
		StartedAt: time.Now().UTC(), Command: g.rec.Command,
		Plan: record.Plan{Seed: g.rec.Plan.Seed, Jobs: e.jobs, Interleaved: true, Level: g.rec.Plan.Level},
	}
	if described, err := trial.Describe(e.base); err == nil {
		c.Scenario = described
	}
	for _, b := range e.budgets {
		if !slices.Contains(c.Plan.Primary, b.Metric) {
			c.Plan.Primary = append(c.Plan.Primary, b.Metric)
		}
	}
	for _, v := range variants {
		c.Variants = append(c.Variants, v.Variant)
	}
	return c
}

// carry carries the trials of a look out. A trial that fails ends the gate: what is tested does not work.
func (g *gating) carry(soft, hard context.Context, e *gateEntry, l *gateLook, name string, turns []gateTurn) error {
	stoppable, stop := context.WithCancel(soft)
	defer stop()
	l.head.Trials, l.trials = make([]record.ComparedTrial, len(turns)), make([]*record.Trial, len(turns))
	var broken error
	done, late := 0, 0
	jobs := make([]experiment.Job, len(turns))
	for i, turn := range turns {
		l.head.Trials[i] = turn.ref
		jobs[i] = func(soft, hard context.Context) func() {
			if time.Until(deadlineOf(soft)) < time.Duration(e.seconds*float64(time.Second)) {
				return func() { late++ }
			}
			began := time.Now()
			t, err := g.trial(soft, hard, e, turn.variant)
			return func() {
				done++
				e.seconds = max(e.seconds, time.Since(began).Seconds())
				g.live.say(fmt.Sprintf("%s, %s: %d of %d trials", e.Name, name, done, len(turns)))
				if err := g.note(l, i, t, err); err != nil && broken == nil {
					broken = err
					stop()
				}
			}
		}
	}
	experiment.Carry(stoppable, hard, e.jobs, jobs)
	l.head.Seconds = time.Since(l.head.StartedAt).Seconds()
	g.drop(l)
	switch {
	case broken != nil:
		return broken
	case soft.Err() != nil && context.Cause(soft) == context.Canceled:
		return startError(context.Canceled)
	case done < len(turns):
		l.head.Status = record.Interrupted
	}
	return nil
}

// drop leaves turns out that were not taken.
func (g *gating) drop(l *gateLook) {
	refs, trials := l.head.Trials[:0], l.trials[:0]
	for i := range l.head.Trials {
		if l.trials[i] != nil {
			refs, trials = append(refs, l.head.Trials[i]), append(trials, l.trials[i])
		}
	}
	l.head.Trials, l.trials = refs, trials
}

// note takes a trial's record in.
func (g *gating) note(l *gateLook, i int, t *record.Trial, err error) error {
	switch {
	case err != nil && errors.Is(err, context.Canceled), err != nil && errors.Is(err, context.DeadlineExceeded):
		return nil // it had not begun
	case err != nil:
		return g.fatal(err)
	}
	g.trials++
	l.trials[i], l.head.Trials[i].ID = t, t.ID
	if _, keepErr := record.Write(g.f.records, t); keepErr != nil && g.lost == nil {
		g.lost = keepErr
	}
	if len(g.rec.Environment.Kernel) == 0 || g.trials == 1 {
		g.rec.Environment = t.Environment
	}
	switch {
	case t.Status == record.Interrupted:
		l.head.Trials[i].Failure = "interrupted"
	case t.Failure != nil:
		l.head.Trials[i].Failure = t.Failure.Text
		text := fmt.Errorf("%s: %s of trial %s: %s", l.head.Trials[i].Variant, t.Failure.Side, t.ID, t.Failure.Text)
		if t.Failure.LastWords != "" {
			text = fmt.Errorf("%w\n%s", text, t.Failure.LastWords)
		}
		return failed(text)
	}
	return nil
}

// fatal is an error that no other trial can make good.
func (g *gating) fatal(err error) error {
	err = startError(err)
	var e *exitError
	if errors.As(err, &e) && e.code == exitCannot {
		g.rec.Status = record.Unsupported
	}
	return err
}

// trial runs one variant once: by this program, or by another twomsl that is the variant.
func (g *gating) trial(soft, hard context.Context, e *gateEntry, v gateVariant) (*record.Trial, error) {
	s, err := scenario.FromJSON(v.Spec)
	if err != nil {
		return nil, err
	}
	if v.subject.foreign() {
		within := s.Load.Stop.After.Std() + s.Load.Hold.Std() + otherAllowance
		return askOther(soft, hard, within, v.subject.program, v.subject.runArgs(e, &v.Variant))
	}
	c := record.Comparison{Scenario: record.Scenario{Name: e.Ref}}
	return trial.Run(soft, hard, v.subject.in(s), trial.Options{
		Program: program(), Tool: g.rec.Tool, Command: commandOf(&c, &v.Variant), CPUs: g.f.cpus.sides,
		Recipe: sides{Client: asSettings(v.Sysctl.Client), Server: asSettings(v.Sysctl.Server)}, Relay: asSettings(v.Relay),
		Host: g.f.reached.host, Dial: g.f.reached.dial, From: g.f.reached.from,
	})
}
