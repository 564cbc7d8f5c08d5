package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"twomsl/internal/experiment"
	"twomsl/internal/machine"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
	"twomsl/report"
)

func newBench() *cobra.Command {
	c := &cobra.Command{
		Use: "bench", GroupID: thenGroup, Args: cobra.NoArgs,
		Short:   "Try many ways to do the same thing, and compare them in a table",
		Example: "  twomsl bench matrix",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(newMatrix(), newChurn(), newConnectCost(), newCountCost(), newScale())
	return c
}

// matrixFlags are what `twomsl bench matrix` can be told.
type matrixFlags struct {
	hows, sides, families, engines, with, set []string

	connections int64
	rate        string
	jobs        int
	full, list  bool
	outputs     outputs
	records     string
	quiet       bool

	lost error // the first record of a row that could not be kept
}

func newMatrix() *cobra.Command {
	f := &matrixFlags{outputs: outputs{formats: report.MatrixFormats()}}
	c := &cobra.Command{
		Use: "matrix", Args: cobra.NoArgs,
		Short: "Who closes, how, with which socket options: what each declares, and what the kernel shows",
		Long: `Takes connections down in every way there is, by either side, with and without socket options, each in a private lab
of its own, and holds what the kernel shows against what each way declares: states left standing, counters, what the
other application saw, bytes lost. A row that the kernel contradicts is marked, and the exit code is 7.

` + ways(),
		Example: `  twomsl bench matrix
  twomsl bench matrix --close linger=0 --close fin --side server --family ipv4
  twomsl bench matrix --close fin --side client --with client.bind=address,client.bind_address_no_port=off
  twomsl bench matrix -o markdown=matrix.md -o json=matrix.json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout(), cmd.ErrOrStderr()) },
	}
	fs := c.Flags()
	fs.StringArrayVar(&f.hows, "close", nil, "only this way to close: `HOW`, repeatable (fin, linger=0, ...)")
	fs.StringSliceVar(&f.sides, "side", nil, "only by these sides: `client,server,both`")
	fs.StringSliceVar(&f.families, "family", nil, "only these address families: `ipv4,ipv6`")
	fs.StringSliceVar(&f.engines, "engine", nil, "with these engines: `split,net` (default split)")
	fs.StringArrayVar(&f.with, "with", nil, "beside the sockets as they are, these options together: `FIELD=VALUE,...`, repeatable")
	fs.StringArrayVar(&f.set, "set", nil, "change a field in every row: `FIELD=VALUE`, repeatable")
	fs.BoolVar(&f.full, "full", false, "every way to close with every set of options, some hundred rows")
	fs.BoolVar(&f.list, "list", false, "only print the command of each row")
	fs.Int64Var(&f.connections, "connections", 0, "so many connections in a row, instead of `200`")
	fs.StringVar(&f.rate, "rate", "", "connections per second in a row, instead of `400/s`")
	fs.IntVarP(&f.jobs, "jobs", "j", 0, "labs side by side: `N` (default: two for each processor, as the rows are light)")
	f.outputs.flags(fs)
	fs.StringVar(&f.records, "records", "twomsl-results", "keep records in `DIR`")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	return c
}

// ways lists the strategies for the help.
func ways() string {
	var b strings.Builder
	b.WriteString("Ways to close:\n")
	for _, k := range trial.Strategies() {
		fmt.Fprintf(&b, "  %-16s %s\n", k.Usage, k.About)
	}
	return strings.TrimRight(b.String(), "\n")
}

// axes reads the flags.
func (f *matrixFlags) axes() (a experiment.Axes, err error) {
	a = experiment.Axes{Engines: f.engines, Full: f.full, Base: f.set}
	for _, h := range f.hows {
		a.Hows = append(a.Hows, scenario.How(h))
	}
	for _, s := range f.sides {
		a.Sides = append(a.Sides, scenario.Side(s))
	}
	for _, s := range f.families {
		a.Families = append(a.Families, scenario.Family(s))
	}
	for _, w := range f.with {
		a.With = append(a.With, strings.Split(w, ","))
	}
	if f.connections != 0 {
		a.Base = append(a.Base, "load.stop.connections="+strconv.FormatInt(f.connections, 10))
	}
	if f.rate != "" {
		a.Base = append(a.Base, "load.rate="+f.rate)
	}
	if f.jobs < 0 {
		return a, usage("--jobs %d: at least one lab is needed", f.jobs)
	}
	return a, nil
}

func (f *matrixFlags) run(stdout, stderr io.Writer) error {
	axes, axesErr := f.axes()
	rows, err := experiment.Matrix(axes, trial.Known)
	if err != nil {
		err = usage("%w", err)
	}
	if err := allOf(axesErr, err, f.outputs.check()); err != nil {
		return err
	}
	if f.list {
		for i := range rows {
			fmt.Fprintln(stdout, rows[i].Command())
		}
		return nil
	}
	if err := keepIn(f.records); err != nil {
		return err
	}
	soft, hard, release := interrupts(stderr)
	defer release()
	m, err := f.carryOut(soft, hard, rows, stderr)
	if err != nil {
		return startError(err)
	}
	path, keepErr := record.WriteMatrix(f.records, m)
	if err := f.outputs.write(matrixTeller(m), path, stdout, stderr); err != nil {
		return failed(errors.Join(err, keepErr))
	}
	return f.exit(m, keepErr)
}

// carryOut runs the rows. The error is that of a machine on which no lab can be made at all.
func (f *matrixFlags) carryOut(soft, hard context.Context, rows []experiment.Row, stderr io.Writer) (*record.Matrix, error) {
	jobs := f.jobs
	if jobs == 0 {
		jobs = 2 * runtime.NumCPU()
	}
	jobs = min(jobs, len(rows))
	started := time.Now()
	m := &record.Matrix{
		ID: matrixID(started), Tool: "twomsl " + version(), Status: record.Complete, StartedAt: started.UTC(),
		Command: commandLine(), Asked: len(rows), Jobs: jobs, Environment: machine.Read(machine.Options{}),
	}
	told := make([]*record.MatrixRow, len(rows))
	live := newLive(stderr, f.quiet)
	var first error
	n := 0
	trials := make([]experiment.Trial, len(rows))
	for i := range rows {
		trials[i] = experiment.Trial{
			Scenario: rows[i].Scenario,
			Options:  trial.Options{Program: program(), Tool: m.Tool, Command: rows[i].Command()},
			Done: func(t *record.Trial, err error) {
				n++
				if first == nil {
					first = cannotStart(err)
				}
				kept := f.keep(t)
				if t != nil && t.Status == record.Interrupted {
					return
				}
				row := rows[i].RowRecord(t, err)
				if !kept {
					row.Trial = "" // its figures are in the matrix all the same
				}
				told[i] = &row
				live.say(fmt.Sprintf("%d of %d rows, %s", n, len(rows), rows[i].Command()))
			},
		}
	}
	experiment.Run(soft, hard, jobs, experiment.Once(trials))
	live.clear()
	m.Seconds = time.Since(started).Seconds()
	for _, row := range told {
		if row != nil {
			m.Rows = append(m.Rows, *row)
		}
	}
	m.Status = matrixStatus(m)
	if len(m.Rows) == 0 || len(m.Rows) == countFailures(m) {
		return m, first
	}
	return m, nil
}

// keep writes a row's own record, where it has one, and tells whether it is there.
func (f *matrixFlags) keep(t *record.Trial) bool {
	if t == nil {
		return false
	}
	_, err := record.Write(f.records, t)
	if f.lost == nil {
		f.lost = err
	}
	return err == nil
}

func matrixID(at time.Time) string {
	var b [2]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return "matrix-" + at.UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// cannotStart is the error of a trial that could not start for a reason that every row has.
func cannotStart(err error) error {
	if err == nil {
		return nil
	}
	var e *exitError
	if errors.As(startError(err), &e) && e.code == exitCannot {
		return err
	}
	return nil
}

func countFailures(m *record.Matrix) (n int) {
	for i := range m.Rows {
		if m.Rows[i].Failure != "" || m.Rows[i].Unsupported != "" {
			n++
		}
	}
	return n
}

func matrixStatus(m *record.Matrix) record.Status {
	if len(m.Rows) < m.Asked {
		return record.Interrupted
	}
	for i := range m.Rows {
		if m.Rows[i].Failure != "" {
			return record.Failed
		}
	}
	return record.Complete
}

// exit is the exit code of a matrix: what the kernel contradicts comes before what broke.
func (f *matrixFlags) exit(m *record.Matrix, keepErr error) error {
	keepErr = errors.Join(keepErr, f.lost)
	switch {
	case keepErr != nil:
		return failed(fmt.Errorf("not every record could be kept: %w; free some room or name another --records", keepErr))
	case m.Contradicted() > 0:
		return &exitError{code: exitContradicts}
	case m.Status == record.Interrupted:
		return &exitError{code: exitInterrupted}
	case m.Status == record.Failed:
		return &exitError{code: exitFailed}
	}
	return nil
}
