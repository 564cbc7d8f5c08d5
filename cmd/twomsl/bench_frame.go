package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"twomsl/internal/experiment"
	"twomsl/internal/lab"
	"twomsl/internal/machine"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/report"
)

// What every `twomsl bench KIND` shares: flags, rounds in turn, progress, interrupts, the record, outputs, exit codes.
//
// A kind makes rows and hands them over; each row does its work once for each round, in an order that the seed decides:
//
//	f := &countFlags{benchFrame: newBenchFrame(5)} // five rounds where nobody says
//	c := &cobra.Command{Use: "count-cost", RunE: func(cmd *cobra.Command, _ []string) error {
//		rows, err := f.rows()
//		if err := allOf(err, f.check()); err != nil { // exit code 2, all that is wrong at once
//			return err
//		}
//		return f.carryOut(benchPlan{kind: "count-cost", title: "what counting costs", rows: rows}, cmd.OutOrStdout(), cmd.ErrOrStderr())
//	}}
//	f.flags(c.Flags())
//
//	row := benchRow{
//		BenchRow: record.BenchRow{Config: []record.BenchKey{{Key: "sockets", Value: "18000"}}, Command: "twomsl bench count-cost --sockets 18000"},
//		run: func(soft, hard context.Context, round int) benchTurn {
//			f.say("filling") // on the live line, after the round and the row's name
//			return benchTurn{metrics: []record.BenchMetric{benchFigure("cpu_us", "cpu-us/count", "lower", us)}}
//		},
//	}
//	row.Name = benchName("Count", row.Config) // Count/sockets=18000
//
// A turn with a trial gives its record (or what trial.Run said); it is kept, and its warnings travel. An error of a lab
// or of a peer that this machine cannot make is the row's Unsupported, any other its Failure; such a row is not run again.
// A turn that was interrupted (context.Canceled, or a trial's status) leaves nothing behind.

// benchRow is a row of the record, and how its work is done once.
type benchRow struct {
	record.BenchRow
	run func(soft, hard context.Context, round int) benchTurn
}

// benchTurn is what a row came to in one round.
type benchTurn struct {
	metrics []record.BenchMetric // each with one value
	trial   *record.Trial        // to be kept; nil where there is none
	// trials are those that somebody else has kept, warnings those that no trial brings along.
	trials   []string
	warnings []record.Warning
	err      error
}

// benchPlan is what a kind hands over.
type benchPlan struct {
	kind, title string
	rows        []benchRow
	notes       []string
	// after may add to the record when all rounds are over: curves, notes that follow from figures. Rows are in order.
	after func(*record.Bench)
}

// benchFrame is what every kind can be told, and its state while it runs.
type benchFrame struct {
	rounds  int
	seed    int64
	outputs outputs
	records string
	quiet   bool

	live   *live
	at     string // the round and the row that is under way
	warned warned
	lost   error // the first record that could not be kept
	first  error // of a row that this machine cannot do
}

func newBenchFrame(rounds int) benchFrame {
	return benchFrame{rounds: rounds, outputs: outputs{formats: report.BenchFormats()}}
}

func (f *benchFrame) flags(fs *pflag.FlagSet) {
	fs.IntVar(&f.rounds, "rounds", f.rounds, "do it `N` times, all rows in turn")
	fs.Int64Var(&f.seed, "seed", 1, "the order of the rows in each round follows from `N`")
	f.outputs.flags(fs)
	fs.StringVar(&f.records, "records", "twomsl-results", "keep records in `DIR`")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
}

// mostRounds is beyond what anybody waits for.
const mostRounds = 1000

// check tells what is wrong with the flags.
func (f *benchFrame) check() error {
	var rounds error
	if f.rounds < 1 || f.rounds > mostRounds {
		rounds = usage("--rounds %d: from 1 to %d", f.rounds, mostRounds)
	}
	return allOf(rounds, f.outputs.check())
}

// carryOut runs the rows in turn, keeps the record and tells it.
func (f *benchFrame) carryOut(plan benchPlan, stdout, stderr io.Writer) error {
	if err := keepIn(f.records); err != nil {
		return err
	}
	soft, hard, release := interrupts(stderr)
	defer release()
	f.live = newLive(stderr, f.quiet)
	b := f.measure(soft, hard, &plan)
	f.live.clear()
	if f.first != nil && !slices.ContainsFunc(b.Rows, func(r record.BenchRow) bool { return r.Unsupported == "" }) {
		return startError(f.first)
	}
	if plan.after != nil {
		plan.after(b)
	}
	path, keepErr := record.WriteBench(f.records, b)
	if err := f.outputs.write(benchTeller(b), path, stdout, stderr); err != nil {
		return failed(errors.Join(err, keepErr))
	}
	switch keepErr = errors.Join(keepErr, f.lost); {
	case keepErr != nil:
		return failed(fmt.Errorf("not every record could be kept: %w; free some room or name another --records", keepErr))
	case b.Status == record.Interrupted:
		return &exitError{code: exitInterrupted}
	case b.Status == record.Failed:
		return &exitError{code: exitFailed}
	}
	return nil
}

func benchTeller(b *record.Bench) teller {
	t := teller{write: func(format string, w io.Writer, o report.Options) error { return report.WriteBench(format, w, b, o) }}
	if slices.ContainsFunc(b.Rows, func(r record.BenchRow) bool { return len(r.Curve) > 0 }) {
		t.pictures = func(kind string) ([]report.Picture, error) { return report.BenchPictures(b, kind) }
	}
	return t
}

// measure has every row do its work once in each round, in an order of its own, and gives what came of it so far when
// soft or hard ends.
func (f *benchFrame) measure(soft, hard context.Context, plan *benchPlan) *record.Bench {
	started := time.Now()
	b := &record.Bench{
		ID: benchID(plan.kind, started), Tool: "twomsl " + version(), Status: record.Complete, StartedAt: started.UTC(),
		Command: commandLine(), Kind: plan.kind, Title: plan.title, Rounds: f.rounds, Notes: plan.notes,
		Environment: machine.Read(machine.Options{}),
	}
	for i := range plan.rows {
		b.Rows = append(b.Rows, plan.rows[i].BenchRow)
	}
	for round, turns := range experiment.Turns(len(plan.rows), f.rounds, f.seed) {
		for n, i := range turns {
			row := &b.Rows[i]
			if row.Failure != "" || row.Unsupported != "" {
				continue
			}
			f.at = fmt.Sprintf("round %d of %d, %d of %d: %s", round+1, f.rounds, n+1, len(turns), row.Name)
			f.live.say(f.at)
			if soft.Err() == nil {
				f.took(row, round, plan.rows[i].run(soft, hard, round))
			}
			if soft.Err() != nil && f.missing(b) {
				b.Status = record.Interrupted
			}
		}
	}
	if b.Status == record.Complete && slices.ContainsFunc(b.Rows, func(r record.BenchRow) bool { return r.Failure != "" }) {
		b.Status = record.Failed
	}
	b.Warnings, b.Seconds = f.warned.list(), time.Since(started).Seconds()
	return b
}

// missing tells whether a row has not had all its rounds: a Ctrl-C that comes after the last one interrupts nothing.
func (f *benchFrame) missing(b *record.Bench) bool {
	return slices.ContainsFunc(b.Rows, func(r record.BenchRow) bool {
		return r.Failure == "" && r.Unsupported == "" && (len(r.Metrics) == 0 || len(r.Metrics[0].Values) < f.rounds)
	})
}

// say shows what the row that is under way is at.
func (f *benchFrame) say(text string) { f.live.say(f.at + ": " + text) }

// took notes what a row came to in a round.
func (f *benchFrame) took(row *record.BenchRow, round int, turn benchTurn) {
	if t := turn.trial; t != nil {
		if t.Status == record.Interrupted {
			return
		}
		turn.trials, turn.warnings = append(turn.trials, f.keep(t)...), append(turn.warnings, t.Warnings...)
		if turn.err == nil && t.Status == record.Failed && t.Failure != nil {
			turn.err = errors.New(t.Failure.Text)
		}
		if row.Engine == "" {
			row.Engine = t.Engine
		}
		if row.Against != "" && t.Tool != "" {
			row.Against = t.Tool
		}
	}
	row.Trials = append(row.Trials, turn.trials...)
	f.warned.add(row, turn.warnings)
	var unavailable *lab.UnavailableError
	var cannot *peer.CannotError
	switch err := turn.err; {
	case errors.Is(err, context.Canceled):
		return
	case errors.As(err, &cannot):
		row.Unsupported, f.first = cannot.Text, errors.Join(f.first, err)
		return
	case errors.As(err, &unavailable):
		row.Unsupported, f.first = unavailable.Error(), err
		return
	case err != nil:
		row.Failure = fmt.Sprintf("round %d: %v", round+1, err)
		return
	}
	for _, m := range turn.metrics {
		add(row, m)
	}
}

// add puts a round's value of a metric with those of the rounds before.
func add(row *record.BenchRow, m record.BenchMetric) {
	i := slices.IndexFunc(row.Metrics, func(k record.BenchMetric) bool { return k.Name == m.Name })
	if i < 0 {
		row.Metrics = append(row.Metrics, m)
		return
	}
	row.Metrics[i].Values = append(row.Metrics[i].Values, m.Values...)
}

// keep writes a trial's own record and gives its ID; none where it could not be kept, which is told at the end.
func (f *benchFrame) keep(t *record.Trial) []string {
	if _, err := record.Write(f.records, t); err != nil {
		f.lost = errors.Join(f.lost, err)
		return nil
	}
	return []string{t.ID}
}

// warned are the warnings of all turns: each code once, with where it was said.
type warned struct {
	codes []string
	said  map[string]record.Warning
	rows  map[string][]string
	times map[string]int
}

func (w *warned) add(row *record.BenchRow, list []record.Warning) {
	if w.said == nil {
		w.said, w.rows, w.times = map[string]record.Warning{}, map[string][]string{}, map[string]int{}
	}
	for _, one := range list {
		if _, ok := w.said[one.Code]; !ok {
			w.codes, w.said[one.Code] = append(w.codes, one.Code), one
		}
		if w.times[one.Code]++; !slices.Contains(w.rows[one.Code], row.Name) {
			w.rows[one.Code] = append(w.rows[one.Code], row.Name)
		}
	}
}

// list gives them in the order in which they came, with the text of the first.
func (w *warned) list() (out []record.Warning) {
	for _, code := range w.codes {
		one := w.said[code]
		if w.times[code] > 1 {
			one.Text = fmt.Sprintf("%s (said %d times; first of %s)", strings.TrimSuffix(one.Text, "."), w.times[code], w.rows[code][0])
		} else {
			one.Text = fmt.Sprintf("%s (%s)", strings.TrimSuffix(one.Text, "."), w.rows[code][0])
		}
		out = append(out, one)
	}
	return out
}

// benchFigure is one value of a metric. Better is higher, lower or "" where neither is.
func benchFigure(name, unit, better string, value float64) record.BenchMetric {
	return record.BenchMetric{Name: name, Unit: unit, Better: better, Values: []float64{value}}
}

// benchName is a row's name as benchfmt has it: Churn/engine=paired/close=client. In it a slash ends a value, and a space
// the name.
func benchName(kind string, config []record.BenchKey) string {
	parts := []string{kind}
	for _, c := range config {
		value := strings.NewReplacer("/", ":", " ", "_", "\t", "_", "\n", "_").Replace(c.Value)
		parts = append(parts, c.Key+"="+value)
	}
	return strings.Join(parts, "/")
}

func benchID(kind string, at time.Time) string {
	var b [2]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return "bench-" + kind + "-" + at.UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}
