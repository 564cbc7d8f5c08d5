package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"twomsl/internal/recipe"
	"twomsl/internal/record"
	"twomsl/report/compare"
)

// compareFlags are what `twomsl compare` can be told.
type compareFlags struct {
	scenarioFlags
	recipe        recipeFlags
	before, after string
	variants      []string
	primary       string
	trials        int
	warmUp        int
	seed          int64
	level         float64
	jobs          int
	byLine        bool
	resume        string
	outputs       outputs
	records       string
	cpus          cpuFlag
	quiet         bool
	journal       string
	reached       reached
}

func newCompare() *cobra.Command {
	f := &compareFlags{outputs: outputs{formats: comparisonFormats()}}
	c := &cobra.Command{
		Use: "compare SCENARIO", GroupID: firstGroup,
		Short: "Before and after: does a change help, which line of it, at what price",
		Long: `Runs a scenario in two or more variants, each trial in a private lab of its own, in turns whose
order is drawn, and says of every metric whether it got better or worse. A variant is settings (a
file in sysctl.conf's form, or single ones) and changed fields of the scenario. With --by-line it is
told which line does it, on which side, and which are enough.

SCENARIO is what "twomsl run" takes, or a comparison that is ready:
` + readyOnes() + `
Recipes that come with the program are named like files:
` + listed(recipe.Files()) + `
Metrics that --primary can name:
` + listed(metricNames()) + "  failed.CAUSE",
		Example: `  twomsl compare four-lines --by-line
  twomsl compare port-exhaustion-small --after my.conf
  twomsl compare port-exhaustion-small --after client:four-lines.conf --trials 5 -o html=report.html
  twomsl compare data-loss --variant fin=close.how=fin --variant reset=close.how=linger=0
  twomsl compare --records old-kernel/ new-kernel/`,
		RunE: func(cmd *cobra.Command, args []string) error {
			out, errs := cmd.OutOrStdout(), cmd.ErrOrStderr()
			if f.resume != "" {
				return f.goOn(cmd.Flags(), args, out, errs)
			}
			switch dirs, err := f.directories(cmd.Flags().Changed("records"), args); {
			case err != nil:
				return err
			case dirs != nil:
				return f.fromRecords(dirs, out, errs)
			case len(args) != 1:
				return usage("name one scenario, or a comparison that is ready: %s", strings.Join(recipe.Names(), ", "))
			}
			return f.run(args[0], out, errs)
		},
	}
	fs := c.Flags()
	fs.SortFlags = false // in the order in which a person asks: what, how often, where to, and the scenario's own
	fs.StringVar(&f.before, "before", "", "what the others are held against: `default|host|[SIDE:]FILE`")
	fs.StringVar(&f.after, "after", "", "the change: `[SIDE:]FILE` in sysctl.conf's form, - for standard input (SIDE: client, server or both)")
	fs.BoolVar(&f.byLine, "by-line", false, "which line of --after does it: each alone, each left out, on either side")
	fs.StringArrayVar(&f.variants, "variant", nil,
		"a variant: `NAME=ITEM,...`, repeatable; an item is a file, FIELD=VALUE or [SIDE:]KEY=VALUE; a name given again gets more items; without --before the first one is what the others are held against")
	fs.StringVar(&f.primary, "primary", "", "the metrics that decide, five at most: `NAME,...`")
	fs.IntVar(&f.trials, "trials", 0, "trials of each variant: `N` (default: as many as a verdict needs)")
	fs.IntVar(&f.warmUp, "warm-up", -1, "trials of each variant that are run first and not counted: `N` (default: 1 where times are judged)")
	fs.Lookup("warm-up").DefValue = "0" // pflag shows what is not zero, and the text says it
	fs.IntVarP(&f.jobs, "jobs", "j", 0, "labs side by side: `N` (default: one where times are judged, more where trials are light)")
	fs.Float64Var(&f.level, "level", 0.05, "the `SHARE` of comparisons of equal things that may be called different")
	fs.Int64Var(&f.seed, "seed", 0, "of the order of the trials: `N` (default: drawn, and told)")
	fs.StringVar(&f.resume, "resume", "", "go on with a comparison that was interrupted: its record, `FILE`")
	f.outputs.flags(fs)
	fs.StringVar(&f.records, "records", "twomsl-results", "keep records in `DIR`; with directories as arguments: compare what is recorded in them")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	f.recipe.flags(fs)
	f.scenarioFlags.flags(fs)
	f.remote.flags(fs)
	journalFlag(fs, &f.journal)
	fs.Lookup(sysctlFlag).Usage = "in every variant, " + fs.Lookup(sysctlFlag).Usage
	fs.Lookup(sysctlFileFlag).Usage = "in every variant, " + fs.Lookup(sysctlFileFlag).Usage
	fs.Var(&f.cpus, "cpus", "pin the peers to processors: `client=0,server=1` (ranges like 0-3, lists like 0+2)")
	for _, name := range []string{"target", "allow-target", "hand-in"} { // for --topology host, which compare refuses, and for shards
		fs.Lookup(name).Hidden = true
	}
	return c
}

// readyOnes lists the comparisons that come with the program, for the help.
func readyOnes() string {
	var b strings.Builder
	for _, name := range recipe.Names() {
		if r, _, err := recipe.Find(name); err == nil {
			fmt.Fprintf(&b, "  %-26s %s\n", name, r.Title)
		}
	}
	return b.String()
}

// listed sets names out on lines of a screen.
func listed(names []string) string {
	const most = 96
	var b strings.Builder
	line := " "
	for _, name := range names {
		if len(line)+1+len(name) > most {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + name
	}
	return b.String() + line + "\n"
}

// run lays a comparison out, carries it out and tells it.
func (f *compareFlags) run(ref string, stdout, stderr io.Writer) error {
	c, err := f.layOut(ref, stderr)
	var reachErr error
	f.reached, reachErr = f.reach(f.journal)
	if err := allOf(err, reachErr, f.outputs.check(), f.cpus.check()); err != nil {
		return err
	}
	if err := keepIn(f.records); err != nil {
		return err
	}
	return f.carryOut(&comparing{head: *c, dir: f.records}, stdout, stderr)
}

// tell keeps the comparison and reports; the report comes also where the record cannot be kept.
func (f *compareFlags) tell(c *record.Comparison, dir string, lost error, stdout, stderr io.Writer) error {
	path, keepErr := record.KeepComparison(dir, c)
	keepErr = errors.Join(lost, keepErr)
	if err := f.outputs.write(comparisonTeller(c), path, stdout, stderr); err != nil {
		return failed(errors.Join(err, keepErr))
	}
	switch {
	case keepErr != nil:
		return failed(fmt.Errorf("not every record could be kept: %w; free some room or name another --records", keepErr))
	case c.Status == record.Failed:
		return &exitError{code: exitFailed}
	case c.Status == record.Interrupted:
		return &exitError{code: exitInterrupted}
	}
	return nil
}

// metricNames are what judge.primary and --primary may name.
func metricNames() []string { return compare.Names() }
