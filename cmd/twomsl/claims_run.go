package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"twomsl/internal/assay"
	"twomsl/internal/experiment"
	"twomsl/internal/lab"
	"twomsl/internal/machine"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/trial"
	"twomsl/report"
	"twomsl/report/claims"
)

func claimsTeller(c *record.Claims) teller {
	return teller{write: func(format string, w io.Writer, o report.Options) error { return report.WriteClaims(format, w, c, o) }}
}

// claimsRun is claims being tested.
type claimsRun struct {
	flags *claimsFlags
	asked claimed
	// peers and assays are how a lab starts this program again.
	peers, assays lab.Program
	live          *live
	tried         []*record.Tried // in the order of the tries; nil where not run (yet)
	ended         int
	first         error // of a machine on which no lab can be made at all
	lost          error // the first record of a trial that could not be kept
}

func claimsID(at time.Time) string {
	var b [2]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return "claims-" + at.UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// carryOut runs what is needed and judges. The error is that of a machine on which no lab can be made at all.
func (r *claimsRun) carryOut(soft, hard context.Context) (*record.Claims, error) {
	started := time.Now()
	c := &record.Claims{
		ID: claimsID(started), Tool: "twomsl " + version(), Status: record.Complete, StartedAt: started.UTC(),
		Command: commandLine(), Asked: len(r.asked.claims), Recipe: r.asked.recipe,
		Environment: machine.Read(machine.Options{}),
	}
	c.Tests = r.try(soft, hard, r.asked.tries())
	c.Jobs = min(r.flags.jobs, len(r.tried))
	c.Seconds = time.Since(started).Seconds()
	if len(c.Tests) == 0 && r.first != nil {
		return nil, r.first
	}
	r.judge(c)
	return c, nil
}

// try runs what is to be tried, and gives what was run to its end.
func (r *claimsRun) try(soft, hard context.Context, tries []record.Try) (out []record.Tried) {
	r.tried = make([]*record.Tried, len(tries))
	jobs := make([]experiment.Job, len(tries))
	for i, t := range tries {
		jobs[i] = r.job(i, t)
	}
	r.progress()
	experiment.Carry(soft, hard, r.flags.jobs, jobs)
	r.live.clear()
	for _, t := range r.tried {
		if t != nil {
			out = append(out, *t)
		}
	}
	return out
}

// job is one try. Its name follows from its place, so that the same claims give the same names.
func (r *claimsRun) job(i int, t record.Try) experiment.Job {
	out := &record.Tried{Name: fmt.Sprintf("t%d", i+1), Try: t}
	begin := time.Now()
	done := func() {
		out.Seconds = time.Since(begin).Seconds()
		r.tried[i] = out
		r.ended++
		r.progress()
	}
	if t.Assay != "" {
		return func(soft, _ context.Context) func() {
			begin = time.Now()
			result, err := assay.Run(soft, r.assays, t)
			return func() { r.assayed(out, result, err, done) }
		}
	}
	one, err := r.trial(t)
	if err != nil {
		return func(_, _ context.Context) func() { return func() { out.Cannot = err.Error(); done() } }
	}
	out.Command = one.Options.Command
	one.Done = func(t *record.Trial, err error) { r.ran(out, t, err, done) }
	job := one.Job()
	return func(soft, hard context.Context) func() {
		begin = time.Now()
		return job(soft, hard)
	}
}

func (r *claimsRun) progress() {
	r.live.say(fmt.Sprintf("%d of %d tests done; the longest waits for a TIME_WAIT to end, if any does", r.ended, len(r.tried)))
}

// assayed notes what an assay came to; one that was broken off is as if it had never begun.
func (r *claimsRun) assayed(out *record.Tried, result assay.Result, err error, done func()) {
	var cannot *lab.UnavailableError
	switch {
	case errors.Is(err, context.Canceled):
		return
	case errors.As(err, &cannot):
		r.first = errors.Join(r.first, err)
		return
	case err != nil:
		out.Failure = err.Error()
	}
	out.Figures, out.Texts, out.Cannot = result.Figures, result.Texts, result.Cannot
	if result.Failure != "" {
		out.Failure = result.Failure
	}
	done()
}

// ran notes what a trial came to.
func (r *claimsRun) ran(out *record.Tried, t *record.Trial, err error, done func()) {
	var cannot *peer.CannotError
	switch {
	case cannotStart(err) != nil && !errors.As(err, &cannot):
		if r.first == nil {
			r.first = err
		}
		return
	case t != nil && t.Status == record.Interrupted, t == nil && errors.Is(err, context.Canceled):
		return
	case errors.As(err, &cannot):
		out.Cannot = cannot.Text
	case err != nil:
		out.Failure = err.Error()
	case t.Status == record.Failed && t.Failure != nil:
		out.Failure = t.Failure.Text
	}
	if t != nil {
		if _, err := record.Write(r.flags.records, t); err == nil {
			out.TrialID = t.ID
		} else if r.lost == nil {
			r.lost = err
		}
		out.Trial, out.Engine = t, t.Engine
	}
	done()
}

// trial is a try of a scenario, with the command that runs it alone. The error says what this program lacks.
func (r *claimsRun) trial(t record.Try) (experiment.Trial, error) {
	s, err := scenario.Find(t.Scenario)
	if err != nil {
		return experiment.Trial{}, fmt.Errorf("this program has no scenario %s", t.Scenario)
	}
	words := []string{"twomsl run " + t.Scenario}
	for _, set := range t.Set {
		words = append(words, "--set "+quoted(set))
	}
	var given recipeFlags
	for _, text := range t.Sysctl {
		words = append(words, "--sysctl "+quoted(text))
		given.given = append(given.given, recipeFlag{sysctlFlag, text})
	}
	recipe, err := given.settings()
	if err == nil {
		s, err = s.With(t.Set)
	}
	if err == nil {
		s = s.Resolve()
		err = s.Check(trial.Known)
	}
	return experiment.Trial{
		Scenario: s,
		Options: trial.Options{
			Program: r.peers, Tool: "twomsl " + version(), Command: strings.Join(words, " "), Recipe: recipe,
		},
	}, err
}

// judge makes the verdicts from what was run. What misses a test was interrupted.
func (r *claimsRun) judge(c *record.Claims) {
	for _, one := range r.asked.claims {
		if one.Missed(c.Tests) {
			c.Status = record.Interrupted
			continue
		}
		if _, err := scenario.Find(one.Scenario); err != nil {
			one.Scenario = ""
		}
		c.Claims = append(c.Claims, one.Judged(c.Tests))
	}
	for i := range r.asked.lines {
		if one := &r.asked.lines[i]; one.Missed(c.Tests) {
			c.Status = record.Interrupted
		} else {
			c.Lines = append(c.Lines, known(one.Judged(c.Tests)))
		}
	}
	if c.Status == record.Interrupted {
		return
	}
	for i := range c.Tests {
		if c.Tests[i].Failure != "" {
			c.Status = record.Failed
		}
	}
}

// known adds what is known of a setting that no claim is about.
func known(l record.ClaimsLine) record.ClaimsLine {
	topic, ok := sysctl.About(l.Key)
	if l.Verdict == record.NotCovered && ok {
		l.Why = "No claim is about it. " + topic.Does
		if topic.Costs != "" {
			l.Why += " " + topic.Costs
		}
	}
	return l
}

// listClaims tells what there is to be tested, and by what.
func listClaims(w io.Writer, asked *claimed) error {
	p := newPage(w)
	if asked.recipe != "" {
		for i := range asked.lines {
			l := &asked.lines[i]
			p.title(fmt.Sprintf("%s = %s, %s", l.Key, l.Value, sideWords(l.Side)))
			p.row("claim", l.Claim)
			listTries(p, l.Tries)
		}
		return p.end()
	}
	for i := range asked.claims {
		c := &asked.claims[i]
		p.title(c.ID + "  " + c.Text)
		listTries(p, c.Tries)
		p.row("shortened", c.Shortened)
	}
	return p.end()
}

func sideWords(side string) string {
	if side == "both" {
		return "both sides"
	}
	return side
}

func listTries(p *page, tries []claims.Part) {
	for i, t := range tries {
		label := "tested by"
		if i > 0 {
			label = ""
		}
		p.row(label, tryWords(t.Try))
	}
}

// tryWords is what runs a try alone, or names the assay.
func tryWords(t record.Try) string {
	if t.Assay != "" {
		return strings.Join(append([]string{"assay", t.Assay}, t.Arguments...), " ")
	}
	words := []string{"scenario", t.Scenario}
	for _, s := range append(append([]string{}, t.Set...), t.Sysctl...) {
		words = append(words, quoted(s))
	}
	return strings.Join(words, " ")
}
