package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// resumeTakes are the flags that go with --resume: all else stands in the record.
var resumeTakes = []string{"resume", "output", "force", "quiet", "cpus", "strict", "server", "token-file", "from", "accept-risk", "journal"}

// goOn takes an interrupted comparison up again: everything it needs is in its record and its trials' records.
func (f *compareFlags) goOn(flags *pflag.FlagSet, args []string, stdout, stderr io.Writer) error {
	if err := onlyResume(flags, args); err != nil {
		return err
	}
	var reachErr error
	f.reached, reachErr = f.reach(f.journal)
	if err := allOf(reachErr, f.outputs.check(), f.cpus.check()); err != nil {
		return err
	}
	head, err := record.ReadComparison(f.resume)
	if err != nil {
		return usage("--resume: %w", err)
	}
	if !head.Plan.Interleaved {
		return usage("--resume %s: it compares records that were made elsewhere: there is nothing to run", f.resume)
	}
	if err := f.permitResumed(head); err != nil {
		return err
	}
	c := &comparing{head: *head, dir: filepath.Dir(f.resume)}
	if err := keepIn(c.dir); err != nil {
		return err
	}
	whole, err := c.collect(stderr)
	if err != nil {
		return err
	}
	if whole && head.Status == record.Complete {
		fmt.Fprintln(stderr, "twomsl: no trial is missing: the record stays as it is")
		if err := f.outputs.write(comparisonTeller(head), f.resume, stdout, stderr); err != nil {
			return failed(err)
		}
		return nil
	}
	return f.carryOut(c, stdout, stderr)
}

// permitResumed holds each variant against the rules for what may be touched, as it was when the comparison began: who goes on
// with it may be somebody else, and elsewhere.
func (f *compareFlags) permitResumed(head *record.Comparison) error {
	remote := false
	for i := range head.Variants {
		s, err := scenario.FromJSON(head.Variants[i].Spec)
		if err != nil {
			return usage("--resume %s: variant %q: %w", f.resume, head.Variants[i].Name, err)
		}
		if err := f.permit(s); err != nil {
			return err
		}
		remote = remote || s.Topology == scenario.Hosts
	}
	if !remote && f.remote.server != "" {
		return usage("--resume %s: its trials run in labs on this host: leave --server out", f.resume)
	}
	return nil
}

// onlyResume refuses what --resume would leave unheard.
func onlyResume(flags *pflag.FlagSet, args []string) error {
	var unheard []string
	flags.Visit(func(one *pflag.Flag) {
		if !slices.Contains(resumeTakes, one.Name) {
			unheard = append(unheard, "--"+one.Name)
		}
	})
	if unheard = append(slices.Clone(args), unheard...); len(unheard) > 0 {
		return usage("--resume goes on with what the record says: leave %s out (a comparison of its own is to be started for that)",
			strings.Join(unheard, " "))
	}
	return nil
}

// collect reads the trials that are done; those that are missing or broke are run again, and whole is false.
func (c *comparing) collect(stderr io.Writer) (whole bool, err error) {
	done := c.head.Trials
	c.head.Trials, whole = nil, true
	for _, ref := range done {
		if ref.Failure != "" || ref.ID == "" {
			whole = false
			continue
		}
		file := filepath.Join(c.dir, ref.ID+".json")
		t, err := record.Read(file)
		switch {
		case errors.Is(err, os.ErrNotExist):
			fmt.Fprintf(stderr, "twomsl: the record of trial %s is not beside the comparison: it is run again\n", ref.ID)
			whole = false
			continue
		case err == nil && t.ID != ref.ID:
			err = fmt.Errorf("record %s is that of another trial, %s", file, t.ID)
		}
		if err != nil {
			return false, usage("--resume: %w; move that file away to run the trial again", err)
		}
		c.head.Trials, c.trials = append(c.head.Trials, ref), append(c.trials, t)
	}
	return whole, nil
}
