package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// scaleFlags are what `twomsl bench scale` can be told.
type scaleFlags struct {
	benchFrame
	timeWait, timeWaitOut, established []int

	hold string
	ipv6 bool

	held     scenario.Duration
	families []scaleFamily // what each row's sockets consist of, for the notes
}

func newScale() *cobra.Command {
	f := &scaleFlags{benchFrame: newBenchFrame(3)}
	c := &cobra.Command{
		Use: "scale", Args: cobra.NoArgs,
		Short: "What one TIME_WAIT and one ESTABLISHED cost in memory, in the kernel and in the program, by how many stand",
		Long: `Lets so many sockets stand in a private lab, and tells by how much the kernel's caches of small objects grew for each:
of TIME_WAIT whose connections were made to the host (--time-wait), of TIME_WAIT whose connections it opened itself
(--time-wait-out), and of open connections (--established), where a socket is one end of one. Beside that: how many
sockets the kernel counted while they stood, the memory of all processes of twomsl at their fullest, and how long the
kernel took to clear the lab away.

The caches are the whole host's, whatever else runs there: figures are medians over rounds, and "slab" is the growth of
all caches together, as /proc/meminfo has it. Only root may read them.

A TIME_WAIT lives for 60 seconds. Where it takes longer to make as many as were asked for, those made first begin their
minute anew by an ACK of their other end, and the record says how many did.`,
		Example: `  twomsl bench scale
  twomsl bench scale --time-wait 1000000 --established 100000 --rounds 1
  twomsl bench scale --time-wait 10000,100000,1000000 --time-wait-out 0 --established 0 -o benchfmt=scale.txt`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout(), cmd.ErrOrStderr()) },
	}
	fs := c.Flags()
	fs.IntSliceVar(&f.timeWait, "time-wait", []int{10_000, 100_000}, "rows with so many TIME_WAIT of connections made to the host: `N,...`; 0 for none")
	fs.IntSliceVar(&f.timeWaitOut, "time-wait-out", []int{20_000}, "rows with so many of connections that the host opened itself: `N,...`; 0 for none")
	fs.IntSliceVar(&f.established, "established", []int{1_000, 10_000}, "rows with so many open connections: `N,...`; 0 for none")
	fs.StringVar(&f.hold, "hold", "2s", "let them stand for `DURATION`")
	fs.BoolVar(&f.ipv6, "ipv6", false, "IPv6 instead of IPv4")
	f.flags(fs)
	return c
}

func (f *scaleFlags) run(stdout, stderr io.Writer) error {
	sizes, err := f.sizes()
	if err := allOf(err, f.check()); err != nil {
		return err
	}
	if err := readScaleRoom().refuse(sizes); err != nil {
		return startError(err)
	}
	plan := benchPlan{kind: "scale", title: "what a socket that stands costs in memory", after: f.tell}
	for _, s := range sizes {
		plan.rows = append(plan.rows, f.row(s))
	}
	return f.carryOut(plan, stdout, stderr)
}

// sizes reads the flags: every row's scenario is made and checked before anything runs.
func (f *scaleFlags) sizes() (out []scaleSize, err error) {
	var wrong []error
	if err := f.held.UnmarshalText([]byte(f.hold)); err != nil {
		wrong = append(wrong, usage("--hold %s: %v", f.hold, err))
		f.held = scenario.Duration(time.Second)
	}
	for _, k := range []struct {
		kind scaleKind
		list []int
	}{{timeWaitIn, f.timeWait}, {timeWaitOut, f.timeWaitOut}, {established, f.established}} {
		slices.Sort(k.list)
		for _, n := range slices.Compact(k.list) {
			if n == 0 {
				continue
			}
			s := scaleSize{kind: k.kind, n: n, ipv6: f.ipv6, hold: f.held}
			if s.scenario, err = s.make(); err != nil {
				wrong = append(wrong, err)
			}
			out = append(out, s)
		}
	}
	if len(out) == 0 && len(wrong) == 0 {
		wrong = append(wrong, usage("nothing is to stand: say how many with --time-wait, --time-wait-out or --established"))
	}
	return out, allOf(wrong...)
}

func (f *scaleFlags) row(s scaleSize) benchRow {
	row := benchRow{BenchRow: record.BenchRow{
		Config: []record.BenchKey{{Key: "state", Value: string(s.kind)}, {Key: "n", Value: strconv.Itoa(s.n)}}, Command: s.command(f.hold),
	}}
	row.Name = benchName("Scale", row.Config)
	row.run = func(soft, hard context.Context, _ int) benchTurn { return f.turn(soft, hard, s, row.Name) }
	return row
}

// scaleTries is how often a round is done where other sockets came or went on the host meanwhile.
const scaleTries = 3

// turn lets them stand, and again where nothing can be said of their memory.
func (f *scaleFlags) turn(soft, hard context.Context, s scaleSize, row string) (turn benchTurn) {
	for try := range scaleTries {
		m, one := f.once(soft, hard, s)
		kept := append(turn.trials, one.trials...)
		if turn = one; m == nil || soft.Err() != nil {
			return turn
		}
		if turn.trials = kept; !m.disturbed() {
			f.families = noteFamily(f.families, row, *m)
			return turn
		}
		if try < scaleTries-1 {
			turn.trials = append(turn.trials, f.keep(turn.trial)...)
		}
	}
	turn.warnings = append(turn.warnings, record.Warning{
		Code:   "host-not-quiet",
		Text:   fmt.Sprintf("other sockets came or went on this host each of the %d times: no memory can be told of these", scaleTries),
		Advice: "the kernel's caches are the whole host's: repeat it when nothing else opens many connections, or with more sockets",
		Spoils: []string{"bytes_per_socket"},
	})
	return turn
}

// once lets them stand one time, and waits until the kernel has cleared the lab away: the next one begins as this one did.
// The figures are nil where there are none.
func (f *scaleFlags) once(soft, hard context.Context, s scaleSize) (*scaleFigures, benchTurn) {
	before, unread := sample.SlabCaches()
	t, err := trial.Run(soft, hard, s.scenario, trial.Options{
		Program: program(), Tool: "twomsl " + version(), Command: s.command(f.hold), Memory: true,
		Watch: func(m trial.Moment) { f.say(s.progress(m)) },
	})
	if t == nil || t.Status != record.Complete {
		return nil, benchTurn{trial: t, err: err}
	}
	var left *float64
	if unread == nil {
		f.say("waiting until the kernel has cleared the lab away")
		left = cleared(soft, before, s.cache())
	}
	m := s.measured(t)
	return &m, benchTurn{trial: t, err: err, metrics: m.metrics(left)}
}

// clearLimit bounds how long the lab's sockets are waited for, clearEvery is how often they are looked at.
const (
	clearLimit = 60 * time.Second
	clearEvery = 100 * time.Millisecond
)

// cleared waits until a cache is as empty as it was, and gives how long that took; nil where it never came to that: other
// sockets may have come on the host.
func cleared(ctx context.Context, before map[string]sample.SlabCache, cache string) *float64 {
	began := time.Now()
	for time.Since(began) < clearLimit && ctx.Err() == nil {
		now, err := sample.SlabCaches()
		if err != nil {
			return nil
		}
		if was := before[cache].Objects; now[cache].Objects <= was+was/10+slabSlack {
			return new(time.Since(began).Seconds())
		}
		time.Sleep(clearEvery)
	}
	return nil
}

// slabSlack are objects that processors keep slabs for.
const slabSlack = 500

// tell adds what the sockets consist of, a note for each state at its largest size.
func (f *scaleFlags) tell(b *record.Bench) {
	b.Notes = append(b.Notes, "A socket is one end of a connection. Open connections have both of theirs in the lab: the figure is the mean of the two.")
	for i := range f.families {
		b.Notes = append(b.Notes, f.families[i].note())
	}
	b.Notes = append(b.Notes, "\"slab\" is the growth of all of the kernel's caches together, of the whole host: what it has beyond the first figure may be anybody's.")
}

// progress is what the live line says of a moment.
func (s *scaleSize) progress(m trial.Moment) string {
	standing := m.Standing[record.TimeWait]
	if s.kind == established {
		standing = m.OK
	}
	word := strings.ToLower(m.Phase)
	return fmt.Sprintf("%s %.1f s, %d opened, %d stood at the last count", word, m.Elapsed.Seconds(), m.Opened, standing)
}
