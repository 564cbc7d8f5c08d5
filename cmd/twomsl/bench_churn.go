package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// churnFlags are what `twomsl bench churn` can be told: some ways to do the work, each a list.
type churnFlags struct {
	benchFrame
	engines, ios, sides, hows, payloads []string

	variants []string
	set      []string
	topology string
	ipv6     bool
	duration string
	workers  int
	against  string

	counted bool // --rounds was said
}

// churnRounds is how often each row has its turn where nobody says; with so many a difference of all of them is shown.
const churnRounds = 5

func newChurn() *cobra.Command {
	f := &churnFlags{benchFrame: newBenchFrame(churnRounds)}
	c := &cobra.Command{
		Use: "churn", Args: cobra.NoArgs,
		Short: "Connections per second and processor time per connection: engine x closer x way to close x payload",
		Long: `Opens and closes as many connections as go through, in a private lab, and tells how many a second that were
and what each took of a processor. Each flag that takes a list makes rows; all rows have their turn in each round,
in an order of its own, so that what drifts on the machine meets all of them alike. Figures are medians over the
rounds, with the least and the most.

One value everywhere is one run: its result is the record of a trial, as of "twomsl run". With more than one row,
or with --rounds, it is a benchmark, which "twomsl report" tells in every format too; benchstat reads -o benchfmt.

A connection carries a request and a response of one byte each where nobody says; "twomsl run" has 64.`,
		Example: `  twomsl bench churn
  twomsl bench churn --engine paired --close client --how linger=0 --topology loopback --for 3s -o json
  twomsl bench churn --engine split,net --close client --how fin --rounds 10 -o benchfmt=churn.txt
  twomsl bench churn --close client --how linger=0 --payload 1B,64B,4KiB
  twomsl bench churn --close client --how linger=0 --against ./twomsl-before
  twomsl bench churn --close client --how linger=0 --variant plain --variant nodelay=client.no_delay=on`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.counted = cmd.Flags().Changed("rounds")
			return f.run(cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringSliceVar(&f.engines, "engine", []string{churnEngine()}, "what drives the connections: `"+strings.Join(trial.Known.Engines, ",")+"`")
	fs.StringSliceVar(&f.ios, "io", nil, "how engine split waits: `"+strings.Join(trial.Known.IOs, ",")+"` (default auto)")
	fs.StringSliceVar(&f.sides, "close", []string{"client", "server"}, "who closes first: `client,server,both`")
	fs.StringSliceVar(&f.hows, "how", []string{"fin", "linger=0"}, "the ways to close: `HOW,...` (twomsl bench matrix --help lists them)")
	fs.StringSliceVar(&f.payloads, "payload", []string{"1B"}, "bytes of the request and the response: `SIZE,...`, or REQUEST:RESPONSE")
	fs.StringVar(&f.duration, "for", "3s", "each run's load takes `DURATION`")
	fs.StringVar(&f.topology, "topology", "", "`veth|loopback`: two private hosts, or one (default veth)")
	fs.BoolVar(&f.ipv6, "ipv6", false, "IPv6 instead of IPv4")
	fs.IntVar(&f.workers, "workers", 0, "threads on either side: `N` (default: half the processors)")
	fs.StringArrayVar(&f.set, "set", nil, "change a field in every row: `FIELD=VALUE`, repeatable")
	fs.StringArrayVar(&f.variants, "variant", nil, "rows with these fields changed, by a name: `NAME[=FIELD=VALUE,...]`, repeatable")
	fs.StringVar(&f.against, "against", "", "run another twomsl in turn with this one: `BINARY`")
	f.flags(fs)
	return c
}

// churnEngine is what drives the connections where nobody says: both ends by one thread, which is the kernel's own cost.
func churnEngine() string {
	if slices.Contains(trial.Known.Engines, "paired") {
		return "paired"
	}
	return "split"
}

func (f *churnFlags) run(stdout, stderr io.Writer) error {
	rows, err := f.rows()
	one := len(rows) == 1 && !f.counted && f.against == ""
	if one {
		f.outputs.formats = nil // a trial's
	}
	if err := allOf(err, f.check()); err != nil {
		return err
	}
	if one {
		return f.one(&rows[0], stdout, stderr)
	}
	plan := benchPlan{kind: "churn", title: "connections per second, and processor time of each"}
	for i := range rows {
		row := &rows[i]
		plan.rows = append(plan.rows, benchRow{row.BenchRow, func(soft, hard context.Context, _ int) benchTurn {
			return churned(trial.Run(soft, hard, row.scenario, f.options(row, f.watch)))
		}})
		plan.notes = append(plan.notes, row.notes...)
	}
	plan.notes = append(slices.Compact(slices.Sorted(slices.Values(plan.notes))), roundNotes(f.rounds)...)
	if f.against != "" {
		other, err := f.others(rows)
		if err != nil {
			return err
		}
		plan.rows = append(plan.rows, other...)
	}
	f.announce(&plan, rows[0].scenario.Load.Stop.After.Std(), stderr)
	return f.carryOut(plan, stdout, stderr)
}

// announce says how long it will take before anybody waits for it.
func (f *churnFlags) announce(plan *benchPlan, each time.Duration, stderr io.Writer) {
	if all := time.Duration(len(plan.rows)*f.rounds) * each; all >= 10*time.Second && !f.quiet {
		fmt.Fprintf(stderr, "twomsl: %d runs of %v take %v at least; Ctrl-C keeps the rounds that are over\n", len(plan.rows)*f.rounds, each,
			all.Round(time.Second))
	}
}

// one is a single run: what comes of it is a trial.
func (f *churnFlags) one(row *churnRow, stdout, stderr io.Writer) error {
	if err := keepIn(f.records); err != nil {
		return err
	}
	soft, hard, release := interrupts(stderr)
	defer release()
	live := newLive(stderr, f.quiet)
	t, err := trial.Run(soft, hard, row.scenario, f.options(row, live.show))
	live.clear()
	if t == nil {
		return startError(err)
	}
	told := (&runFlags{outputs: f.outputs, records: f.records}).tell(t, stdout, stderr)
	return alsoFailed(told, err)
}

func (f *churnFlags) options(row *churnRow, watch func(trial.Moment)) trial.Options {
	return trial.Options{Program: program(), Tool: "twomsl " + version(), Command: row.Command, Watch: watch}
}

// watch shows how far a run is.
func (f *benchFrame) watch(m trial.Moment) {
	f.say(fmt.Sprintf("%.0f s, %s opened", m.Elapsed.Seconds(), grouped(m.Opened)))
}

// churned is what a run comes to in figures.
func churned(t *record.Trial, err error) benchTurn {
	turn := benchTurn{trial: t, err: err}
	if t == nil || t.Status != record.Complete {
		return turn
	}
	n := float64(t.Connections.OK)
	if n == 0 || t.Phases.LoadSeconds <= 0 {
		turn.err = errors.Join(err, errors.New("not one connection went through"))
		return turn
	}
	us := func(c record.CPU) float64 { return c.Total() / n * 1e6 }
	client, server := t.Sides.Client.CPU, t.Sides.Server.CPU
	turn.metrics = []record.BenchMetric{
		benchFigure("connects_per_second", "conns/s", "higher", n/t.Phases.LoadSeconds),
		benchFigure("cpu_us_per_connection", "cpu-us/conn", "lower", us(client)+us(server)),
	}
	if client.Total() > 0 && server.Total() > 0 { // one thread that drives both ends has no sides
		turn.metrics = append(turn.metrics, benchFigure("client_cpu_us_per_connection", "client-cpu-us/conn", "lower", us(client)),
			benchFigure("server_cpu_us_per_connection", "server-cpu-us/conn", "lower", us(server)))
	}
	if q := t.Latency.Connect; q != nil {
		turn.metrics = append(turn.metrics, benchFigure("connect_p50_us", "p50-us/connect", "lower", q.P50US),
			benchFigure("connect_p99_us", "p99-us/connect", "lower", q.P99US))
	}
	turn.metrics = append(turn.metrics, benchFigure("failed", "failed/run", "lower", float64(t.Connections.Failed)))
	return turn
}

// roundNotes says what so few rounds cannot show.
func roundNotes(rounds int) []string {
	if rounds > 1 {
		return nil
	}
	return []string{"One round has no spread: --rounds 5 or more tells how far the figures stray."}
}

// rows lays out every combination that was asked for; the error has all that is wrong with any of them.
func (f *churnFlags) rows() (rows []churnRow, err error) {
	var wrong []error
	variants, err := churnVariants(f.variants)
	if err != nil {
		wrong = append(wrong, err)
	}
	for _, e := range f.pairs() {
		for _, side := range f.sides {
			for _, how := range f.hows {
				for _, payload := range f.payloads {
					for _, v := range variants {
						row, err := f.row(e, side, how, payload, v)
						if rows = append(rows, row); err != nil {
							wrong = append(wrong, err)
						}
					}
				}
			}
		}
	}
	if len(rows) == 0 {
		wrong = append(wrong, errors.New("a list is empty: nothing is to be run"))
	}
	if len(wrong) > 0 {
		return rows, usage("%w", errors.Join(onceEach(wrong)...))
	}
	return rows, nil
}

// onceEach leaves errors out that read alike: a value that is wrong is so in every row that has it.
func onceEach(errs []error) (out []error) {
	seen := map[string]bool{}
	for _, err := range errs {
		for line := range strings.Lines(err.Error()) {
			if line = strings.TrimSpace(line); line != "" && !seen[line] {
				seen[line] = true
				out = append(out, errors.New(line))
			}
		}
	}
	return out
}

// engineIO is an engine and how it waits; only split has a choice.
type engineIO struct{ engine, io string }

func (f *churnFlags) pairs() (out []engineIO) {
	for _, e := range f.engines {
		if e != "split" || len(f.ios) == 0 {
			out = append(out, engineIO{e, ""})
			continue
		}
		for _, io := range f.ios {
			out = append(out, engineIO{e, io})
		}
	}
	return out
}

// A churnVariant is a name for fields that are changed.
type churnVariant struct {
	name string
	set  []string
}

var validVariant = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// churnVariants reads --variant; without any there is one that changes nothing and has no name.
func churnVariants(texts []string) (out []churnVariant, err error) {
	if len(texts) == 0 {
		return []churnVariant{{}}, nil
	}
	var wrong []error
	for _, text := range texts {
		name, fields, some := strings.Cut(text, "=")
		v := churnVariant{name: name}
		if some {
			v.set = strings.Split(fields, ",")
		}
		if !validVariant.MatchString(name) {
			wrong = append(wrong, fmt.Errorf("--variant %q: write it as NAME=FIELD=VALUE,..., the name of letters, digits, - and _", text))
		}
		if slices.ContainsFunc(out, func(o churnVariant) bool { return o.name == name }) {
			wrong = append(wrong, fmt.Errorf("--variant %s: there are two of that name", name))
		}
		out = append(out, v)
	}
	return out, errors.Join(wrong...)
}

// churnRow is a row with its scenario.
type churnRow struct {
	record.BenchRow
	scenario scenario.Scenario
	notes    []string
	flags    []string // that ask for this row alone
}

func (f *churnFlags) row(e engineIO, side, how, payload string, v churnVariant) (row churnRow, err error) {
	row.flags = []string{"--engine", e.engine, "--close", side, "--how", how, "--payload", payload, "--for", f.duration}
	row.Config = []record.BenchKey{{Key: "engine", Value: e.engine}}
	add := func(key, value string) {
		row.Config = append(row.Config, record.BenchKey{Key: key, Value: value})
	}
	if e.io != "" {
		add("io", e.io)
		row.flags = append(row.flags, "--io", e.io)
	}
	add("close", side)
	add("how", how)
	add("payload", payload)
	if f.topology != "" {
		add("topology", f.topology)
		row.flags = append(row.flags, "--topology", f.topology)
	}
	if f.ipv6 {
		add("family", string(scenario.IPv6))
		row.flags = append(row.flags, "--ipv6")
	}
	if f.workers != 0 {
		add("workers", strconv.Itoa(f.workers))
		row.flags = append(row.flags, "--workers", strconv.Itoa(f.workers))
	}
	if v.name != "" {
		add("variant", v.name)
	}
	set := slices.Concat(f.set, v.set)
	for _, s := range set {
		row.flags = append(row.flags, "--set", s)
	}
	row.Name = benchName("Churn", row.Config)
	row.Command = shellLine(append([]string{"twomsl", "bench", "churn"}, row.flags...))
	c := churn{e, scenario.Side(side), scenario.How(how), payload, scenario.Topology(f.topology), f.ipv6, f.duration, f.workers}
	row.scenario, row.notes, err = c.scenario(set)
	return row, err
}

// shellLine is a command as a shell takes it.
func shellLine(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quoted(w)
	}
	return strings.Join(out, " ")
}
