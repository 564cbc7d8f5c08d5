package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"twomsl/internal/gate"
	"twomsl/internal/scenario"
	"twomsl/report"
	"twomsl/report/compare"
)

// The exit codes of a gate's verdicts.
const (
	exitRegression   = 3
	exitInconclusive = 4
)

// gateFlags are what `twomsl gate` can be told.
type gateFlags struct {
	against      []string
	baseline     string
	save         string
	history      string
	revision     string
	trials       int
	again        int
	level        float64
	power        float64
	longest      time.Duration
	seed         int64
	inconclusive string
	unsupported  string
	dryRun       bool
	list         bool
	outputs      outputs
	records      string
	cpus         cpuFlag
	quiet        bool
	onHosts      scenarioFlags // of which it has those for two hosts
	journal      string
	reached      reached
}

const (
	usualLevel    = 0.05
	usualPower    = 0.8
	usualLongest  = 5 * time.Minute
	answerFail    = "fail"
	answerWarn    = "warn"
	answerSkip    = "skip"
	exampleOfGate = `  twomsl gate churn.yaml
  twomsl gate churn.yaml --against commit=origin/main -o junit=gate.xml -o html=gate.html
  twomsl gate churn.yaml --dry-run            # trials, minutes, and the smallest change it could see
  twomsl gate churn.yaml --save-baseline churn.json
  twomsl gate --list-metrics`
)

func newGate() *cobra.Command {
	f := &gateFlags{outputs: outputs{formats: withPictures(report.GateFormats())}}
	c := &cobra.Command{
		Use: "gate PLAN.yaml", GroupID: firstGroup,
		Short: "Fail a pipeline when short connections got worse, and only then",
		Long: `Runs the scenarios of a plan and holds them to its budgets. What is counted (states, errors, ports,
bytes) is judged as it is; what is timed is judged by trials that take turns with those of a reference
(against), as "twomsl compare" does, after the machine's own noise was measured. What looks broken is
run again, with more trials, before it fails anything.

A plan is a page of YAML:

  scenarios: [port-exhaustion-small]
  budgets:
    - client.time_wait.peak <= 1000
    - no EADDRNOTAVAIL
    - "connects_per_second: drop <= 10%"
  against: {commit: origin/main, build: make}
  command: ./server

docs/CI.md has all that it can say, and examples for pipelines.

Exit codes: 0 pass, 3 regression, 4 inconclusive; 1 a trial or a command failed, 2 the plan or the
baseline is wrong, 6 this machine cannot run it, 130 interrupted.`,
		Example: exampleOfGate,
		RunE: func(cmd *cobra.Command, args []string) error {
			out, errs := cmd.OutOrStdout(), cmd.ErrOrStderr()
			if f.list {
				return listMetrics(out)
			}
			if len(args) != 1 {
				return usage("name one plan: twomsl gate PLAN.yaml")
			}
			return f.run(args[0], out, errs)
		},
	}
	fs := c.Flags()
	fs.SortFlags = false // in the order in which a person asks
	fs.StringArrayVar(&f.against, "against", nil, "hold what is tested against `KEY=VALUE`, side by side: commit=REV, binary=FILE, image=REF, command=LINE, set=ITEM; repeatable, and instead of the plan's")
	fs.StringVar(&f.baseline, "baseline", "", "hold it against what --save-baseline kept in `FILE`")
	fs.StringVar(&f.save, "save-baseline", "", "keep what was measured in `FILE`; a file of the same plan and machine gets one session more")
	fs.StringVar(&f.history, "history", "", "add this gate's figures to `FILE`, one line each, and chart what it holds in the HTML report")
	fs.StringVar(&f.revision, "revision", "", "what is tested, for reports: `COMMIT` (default: the pipeline's, else git's)")
	fs.IntVar(&f.trials, "trials", 0, "trials of each variant at the first look: `N` (default: as many as the budgets need and the time allows)")
	fs.IntVar(&f.again, "again", 0, "trials of each variant at the second look: `N` (default: twice as many)")
	fs.DurationVar(&f.longest, "max-duration", usualLongest, "`TIME` that everything may take, the second look included")
	fs.Float64Var(&f.level, "level", usualLevel, "the `SHARE` of gates of equal things that may fail")
	fs.Float64Var(&f.power, "power", usualPower, "the `SHARE` of changes that are caught, for the smallest change that is told")
	fs.Int64Var(&f.seed, "seed", 0, "of the order of the trials: `N` (default: drawn, and told)")
	fs.StringVar(&f.inconclusive, "inconclusive", answerFail, "`fail|warn`: whether an inconclusive gate ends with 4 or with 0")
	fs.StringVar(&f.unsupported, "unsupported", answerFail, "`fail|skip`: whether a machine that cannot run it ends it with 6 or with 0")
	fs.BoolVar(&f.dryRun, "dry-run", false, "tell trials, minutes and the smallest change that could be seen, and run nothing")
	fs.BoolVar(&f.list, "list-metrics", false, "list the metrics and operators that budgets are made of")
	f.outputs.flags(fs)
	fs.StringVar(&f.records, "records", "twomsl-results", "keep records in `DIR`")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	fs.Var(&f.cpus, "cpus", "pin the peers to processors: `client=0,server=1` (ranges like 0-3, lists like 0+2)")
	f.onHosts.remote.flags(fs)
	fs.Lookup("hand-in").Hidden = true
	acceptFlag(fs, &f.onHosts.accept)
	journalFlag(fs, &f.journal)
	return c
}

// knownMetrics are those that a budget can name.
func knownMetrics() (all []gate.Metric) {
	for _, m := range compare.Metrics() {
		all = append(all, gate.Metric{Name: m.Name, Unit: m.Unit, Better: m.Better, Exact: m.Exact, Least: m.Least})
	}
	return all
}

// listMetrics prints what budgets are made of.
func listMetrics(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s %-12s %-8s %s\n", "metric", "unit", "better", "kind")
	for _, m := range knownMetrics() {
		kind := "timed"
		if m.Exact {
			kind = "counted"
		}
		fmt.Fprintf(&b, "%-34s %-12s %-8s %s\n", m.Name, m.Unit, m.Better, kind)
	}
	fmt.Fprintf(&b, `
A limit of its own    METRIC OPERATOR FIGURE   operators: %s      client.time_wait.peak <= 1000
None at all           no ERROR                 an errno, or a metric      no EADDRNOTAVAIL
Beside a reference    METRIC: %s <= 10%%                "connects_per_second: drop <= 10%%"

What is counted is judged as it is, what is timed by many trials.
`, strings.Join(gate.Operators, " "), strings.Join(gate.Directions, "|"))
	_, err := io.WriteString(w, b.String())
	return err
}

// check judges the flags before anything is run.
func (f *gateFlags) check() error {
	var wrong []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, usage(format, args...))
		}
	}
	add(f.trials < 0 || f.trials == 1 || f.trials > mostTrials, "--trials %d: 2 to %d", f.trials, mostTrials)
	add(f.again < 0 || f.again == 1 || f.again > mostTrials, "--again %d: 2 to %d", f.again, mostTrials)
	add(!(f.level > 0 && f.level < 1), "--level %v: a share between 0 and 1, like 0.05", f.level)
	add(!(f.power > 0 && f.power < 1), "--power %v: a share between 0 and 1, like 0.8", f.power)
	add(f.longest <= 0, "--max-duration %v: a time like 90s or 5m", f.longest)
	add(f.seed < 0, "--seed %d: a whole number from 0", f.seed)
	add(f.inconclusive != answerFail && f.inconclusive != answerWarn, "--inconclusive %q: fail or warn", f.inconclusive)
	add(f.unsupported != answerFail && f.unsupported != answerSkip, "--unsupported %q: fail or skip", f.unsupported)
	var hosts error
	if f.onHosts.remote.server != "" {
		hosts = f.onHosts.permit(scenario.Scenario{Topology: scenario.Hosts})
	}
	var err error
	f.reached, err = f.onHosts.reach(f.journal)
	return allOf(append(wrong, err, hosts, f.outputs.check(), f.cpus.check())...)
}

// run reads the plan, carries it out and tells it. Whatever comes of it is told in every format that was asked for: a
// pipeline that finds no report does not know why.
func (f *gateFlags) run(file string, stdout, stderr io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	g := newGating(f, file, stderr)
	err := g.layOut(file)
	if err == nil && f.dryRun {
		return g.dryRun(stdout)
	}
	if err == nil {
		err = keepIn(f.records)
	}
	if err == nil {
		err = g.carryOut()
	}
	return g.tell(err, stdout, stderr)
}

// revisionOf is the commit that is tested: what was said, what the pipeline says, what git says.
func (f *gateFlags) revisionOf() string {
	if f.revision != "" {
		return f.revision
	}
	for _, name := range []string{"GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return gitHead()
}
