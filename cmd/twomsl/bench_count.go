package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/montanaflynn/stats"
	"github.com/spf13/cobra"

	"twomsl/internal/counting"
	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// countFlags are what `twomsl bench count-cost` can be told.
type countFlags struct {
	benchFrame
	sockets []int
	others  int64 // TIME_WAIT of other namespaces that stood meanwhile
	differs bool  // a way to count has told other numbers than the sampler
}

const (
	countRounds  = 5
	leastSockets = 100
	mostSockets  = 1_000_000
)

func newCountCost() *cobra.Command {
	f := &countFlags{benchFrame: newBenchFrame(countRounds)}
	c := &cobra.Command{
		Use: "count-cost", Args: cobra.NoArgs,
		Short: "What counting sockets by state costs: the sampler, ss, netstat, /proc/net/tcp",
		Long: `Fills a private lab with TIME_WAIT, and a few sockets in other states beside them, and counts that table in every way
there is, in turn: with the sampler of twomsl, and with what people use instead. Told are the processor time of one
count (of all processes that it takes) and the time that it took. In each round each table is made anew, and the order
of the ways is another one.

All must have counted the same: a way that tells other numbers than the sampler fails, and the exit code is 7. What a
way cannot tell it is not asked: sockstat and "ss -s" know the number of TIME_WAIT, and no other state.`,
		Example: `  twomsl bench count-cost
  twomsl bench count-cost --sockets 18000 --rounds 3
  twomsl bench count-cost -o benchfmt=count.txt`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout(), cmd.ErrOrStderr()) },
	}
	c.Flags().IntSliceVar(&f.sockets, "sockets", []int{18_000, 60_000, 500_000}, "so many TIME_WAIT in a table: `N,...`")
	f.flags(c.Flags())
	return c
}

func (f *countFlags) run(stdout, stderr io.Writer) error {
	var wrong []error
	for _, n := range f.sockets {
		if n < leastSockets || n > mostSockets {
			wrong = append(wrong, usage("--sockets %d: from %d to %d", n, leastSockets, mostSockets))
		}
	}
	if len(f.sockets) == 0 {
		wrong = append(wrong, usage("--sockets: nothing is to be counted"))
	}
	if err := allOf(append(wrong, f.check())...); err != nil {
		return err
	}
	plan := benchPlan{
		kind: "count-cost", title: "what counting the sockets of a host costs, by state", after: f.notes,
		notes: roundNotes(f.rounds),
	}
	for _, n := range slices.Compact(slices.Sorted(slices.Values(f.sockets))) {
		t := &countTable{flags: f, sockets: n, round: -1}
		for _, w := range counting.Ways() {
			plan.rows = append(plan.rows, t.row(w))
		}
	}
	err := f.carryOut(plan, stdout, stderr)
	var e *exitError
	if f.differs && errors.As(err, &e) && e.code == exitFailed && e.err == nil {
		return &exitError{code: exitContradicts}
	}
	return err
}

// countTable is a table of one size, which all ways count in turn as long as it stands.
type countTable struct {
	flags   *countFlags
	sockets int
	round   int // that the counts are of
	counts  map[string]benchTurn
	err     error // why there are none
}

func (t *countTable) row(w counting.Way) benchRow {
	keys := []record.BenchKey{{Key: "sockets", Value: strconv.Itoa(t.sockets)}, {Key: "way", Value: w.Name}}
	return benchRow{
		record.BenchRow{
			Name: benchName("Count", keys), Config: keys, Against: w.Version(),
			Command: fmt.Sprintf("twomsl bench count-cost --sockets %d", t.sockets),
		},
		func(soft, hard context.Context, round int) benchTurn {
			if t.round != round { // the first row of this size in this round has the table made and all count it
				t.round, t.counts = round, map[string]benchTurn{}
				t.err = t.countAll(soft, hard)
			}
			if t.err != nil {
				return benchTurn{err: t.err}
			}
			return t.counts[w.Name]
		},
	}
}

// portsOfOne is how many TIME_WAIT one client address takes: less than half of its ports, where connect() is still fast.
const portsOfOne = 30_000

// scenario makes the table: the client closes first, and so keeps them all.
func (t *countTable) scenario() (scenario.Scenario, error) {
	s, err := scenario.Scenario{Name: "count-cost", Title: "a table of TIME_WAIT to be counted"}.With([]string{
		"load.stop.time_wait.side=client", "load.stop.time_wait.count=" + strconv.Itoa(t.sockets), "load.stop.after=55s",
		"load.hold=1ms", "close.side=client", "payload.request=1B", "payload.response=1B", "sample.budget=0",
		"client.addresses=" + strconv.Itoa((t.sockets+portsOfOne-1)/portsOfOne),
		"sysctl.both.net.ipv4.tcp_rfc1337=1", "sysctl.both.net.ipv4.tcp_tw_reuse=0",
		"sysctl.client.net.ipv4.ip_local_port_range=1024 65535",
		"sysctl.client.net.ipv4.tcp_max_tw_buckets=" + strconv.Itoa(2*t.sockets),
	})
	if err != nil {
		return s, err
	}
	s = s.Resolve()
	return s, s.Check(trial.Known)
}

// mostFills is how often a table is made in one round: where it begins to go before all have counted it, the rest count
// the next one.
const mostFills = 4

// errChanged says that a TIME_WAIT had lived its minute before all had counted.
var errChanged = errors.New("the table changed while it was counted")

// countAll has every way count the table.
func (t *countTable) countAll(soft, hard context.Context) (err error) {
	for range mostFills {
		before := len(t.counts)
		if err = t.fill(soft, hard); !errors.Is(err, errChanged) {
			return err
		}
		if len(t.counts) == before {
			break // another time it would be no faster
		}
	}
	return fmt.Errorf("%w: this machine is too slow for so many; ask for fewer --sockets", err)
}

// fill makes the table and has it counted while it stands, in the ways that have not counted yet.
func (t *countTable) fill(soft, hard context.Context) error {
	s, err := t.scenario()
	if err != nil {
		return err
	}
	t.waitForOthers(soft)
	stood, counted := false, error(nil)
	got, err := trial.Run(soft, hard, s, trial.Options{
		Program: program(), Tool: "twomsl " + version(), Command: fmt.Sprintf("twomsl bench count-cost --sockets %d", t.sockets),
		Watch: func(m trial.Moment) {
			t.flags.say(fmt.Sprintf("%.0f s, %s in TIME_WAIT", m.Elapsed.Seconds(), grouped(m.OK)))
			if m.Phase == "hold" && !stood && soft.Err() == nil {
				stood = true
				counted = t.count(soft, m.PID.Client)
			}
		},
	})
	switch {
	case soft.Err() != nil:
		return context.Canceled
	case err != nil:
		return err
	case stood:
		return counted
	}
	return t.neverStood(got)
}

const (
	othersLimit = 30 * time.Second // how long a kernel takes to give half a million sockets back, and then some
	othersEvery = 100 * time.Millisecond
	othersMost  = 4 // of the table's own size, one in so many may be others'
)

// waitForOthers waits until the kernel has given back the table before: it has one hash table for all namespaces, and who
// dumps one walks the sockets of all. Where somebody else's stay, that is told.
func (t *countTable) waitForOthers(soft context.Context) {
	for end := time.Now().Add(othersLimit); soft.Err() == nil; time.Sleep(othersEvery) {
		n, err := sample.TimeWaitObjects()
		if err != nil || n <= int64(t.sockets/othersMost) {
			return
		}
		if time.Now().After(end) {
			t.flags.others = max(t.flags.others, n)
			return
		}
		t.flags.say(fmt.Sprintf("waiting for %s sockets of other namespaces to go", grouped(n)))
	}
}

// neverStood says how far the table came.
func (t *countTable) neverStood(got *record.Trial) error {
	if got.Failure != nil {
		return errors.New(got.Failure.Text)
	}
	return fmt.Errorf("%s sockets did not stand in TIME_WAIT together within a minute: this machine opens %.0f connections a "+
		"second; ask for fewer --sockets", grouped(int64(t.sockets)), got.Rate.ReachedPerSecond)
}

// count has each way count, in the namespace of the process.
func (t *countTable) count(soft context.Context, pid int) error {
	err := linux.InNetNS(fmt.Sprintf("/proc/%d/ns/net", pid), func() error {
		c, err := counting.New()
		if err != nil {
			return err
		}
		defer c.Close() //nolint:errcheck // only read from
		company, err := counting.Join()
		if err != nil {
			return err
		}
		defer company.Leave()
		if err := c.Settle(); err != nil {
			return err
		}
		ways := slices.Clone(counting.Ways())
		order := rand.New(rand.NewPCG(uint64(t.flags.seed), uint64(t.round))) //nolint:gosec // an order, no secret
		order.Shuffle(len(ways), func(i, j int) { ways[i], ways[j] = ways[j], ways[i] })
		for _, w := range ways {
			if soft.Err() != nil {
				return context.Canceled
			}
			if _, done := t.counts[w.Name]; done {
				continue
			}
			t.flags.say("counting: " + w.About)
			turn, err := t.measured(c, w)
			if err != nil {
				return err
			}
			t.counts[w.Name] = turn
		}
		return nil
	})
	if errors.Is(err, fs.ErrPermission) {
		return &lab.UnavailableError{What: "entering the lab to count there", Err: err, Remedy: "run it as root"}
	}
	return err
}

// measured holds one way's count against the sampler's before and after it.
func (t *countTable) measured(c *counting.Counter, w counting.Way) (benchTurn, error) {
	before, err := c.Do(counting.Ways()[0])
	if err != nil {
		return benchTurn{}, err
	}
	got, err := c.Do(w)
	var missing *counting.MissingError
	if errors.As(err, &missing) {
		return benchTurn{err: &lab.UnavailableError{What: w.About, Err: err, Remedy: "install it, or leave the row out"}}, nil
	}
	if err != nil {
		return benchTurn{err: err}, nil
	}
	after, err := c.Do(counting.Ways()[0])
	if err != nil {
		return benchTurn{}, err
	}
	if d := counting.Differ(before.Seen, after.Seen); d != "" {
		return benchTurn{}, fmt.Errorf("%w (%s)", errChanged, d)
	}
	if d := counting.Differ(before.Seen, got.Seen); d != "" {
		t.flags.differs = true
		return benchTurn{err: fmt.Errorf("%s has counted something else: %s", w.About, d)}, nil
	}
	return benchTurn{metrics: append([]record.BenchMetric{
		benchFigure("cpu_ms", "cpu-ms/count", "lower", got.CPU.Seconds()*1e3),
		benchFigure("wall_ms", "ms/count", "lower", got.Wall.Seconds()*1e3),
	}, numbers(got.Seen)...)}, nil
}

// numbers are what a way has counted.
func numbers(s counting.Seen) []record.BenchMetric {
	var out []record.BenchMetric
	if s.States != nil {
		out = append(out, benchFigure("counted", "counted", "", float64(s.States.Total())),
			benchFigure("time_wait", "TIME_WAIT", "", float64(s.States[record.TimeWait])))
		return out
	}
	return append(out, benchFigure("tw", "tw", "", float64(*s.TW)))
}

// notes says what the sampler takes of what ss takes, at each size.
func (f *countFlags) notes(b *record.Bench) {
	if f.others > 0 {
		b.Notes = append(b.Notes, fmt.Sprintf("Up to %s TIME_WAIT of other namespaces stood meanwhile: the kernel has one table for all, "+
			"and a dump walks the whole of it.", grouped(f.others)))
	}
	cpu := map[string]float64{}
	for _, r := range b.Rows {
		for _, m := range r.Metrics {
			if m.Name == "cpu_ms" && len(m.Values) > 0 {
				cpu[r.Name], _ = stats.Median(m.Values) // there is a value
			}
		}
	}
	var parts []string
	for _, r := range b.Rows {
		size, way := r.Config[0].Value, r.Config[1].Value
		theirs := cpu[strings.Replace(r.Name, "way=sampler", "way=ss-awk", 1)]
		if way != "sampler" || cpu[r.Name] == 0 || theirs == 0 {
			continue
		}
		n, _ := strconv.ParseInt(size, 10, 64)
		parts = append(parts, fmt.Sprintf("%.1f%% at %s", 100*cpu[r.Name]/theirs, grouped(n)))
	}
	if len(parts) > 0 {
		b.Notes = append(b.Notes, "Of the processor time of ss -tan | awk the sampler takes, by the medians: "+strings.Join(parts, ", ")+".")
	}
	b.Notes = append(b.Notes, "sockstat and ss -s know of TIME_WAIT and orphaned FIN_WAIT2 together (tw), and of no other state but ESTABLISHED.")
}
