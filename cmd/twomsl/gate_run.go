package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"twomsl/internal/experiment"
	"twomsl/internal/machine"
	"twomsl/internal/record"
	"twomsl/report"
	"twomsl/report/compare"
)

// noiseTrials are run of the reference against itself, before anything is judged.
const noiseTrials = 6

// carryOut prepares what is run, takes the looks, and decides.
func (g *gating) carryOut() error {
	soft, hard, release := interrupts(g.stderr)
	defer release()
	defer g.live.clear()
	deadline := time.Now().Add(time.Duration(g.rec.Plan.MaxSeconds * float64(time.Second)))
	timed, cancel := context.WithDeadline(soft, deadline)
	defer cancel()
	defer func() {
		for _, undo := range g.undo {
			undo()
		}
	}()
	g.rec.Status = record.Failed
	err := g.looksAt(timed, hard)
	g.rec.Seconds = time.Since(g.rec.StartedAt).Seconds()
	g.observeHost()
	if soft.Err() != nil {
		g.rec.Status = record.Interrupted
		return &exitError{code: exitInterrupted, err: errors.New("interrupted: what was measured so far stands in the report, without a verdict")}
	}
	if err != nil {
		return err
	}
	if err := g.saveBaseline(); err != nil {
		return err
	}
	g.rec.Status, g.rec.Verdict = record.Complete, compare.Verdict(g.rec.Budgets)
	report.ExplainGate(&g.rec)
	return nil
}

// looksAt takes noise and first looks of all entries in turn, then the second looks of those that ask for one.
func (g *gating) looksAt(soft, hard context.Context) error {
	for _, s := range []*gateSubject{g.against, g.tested} {
		if err := s.prepare(soft, g); err != nil {
			if soft.Err() != nil && hard.Err() == nil {
				return failed(fmt.Errorf("%w; it took longer than --max-duration", err))
			}
			return err
		}
	}
	for i, e := range g.entries {
		if !g.runsReference(e) {
			e.variants = e.variants[len(e.variants)-1:]
		}
		share := time.Until(deadlineOf(soft)) / time.Duration(len(g.entries)-i)
		if err := g.firstLook(soft, hard, e, share); err != nil {
			return err
		}
	}
	for i, e := range g.entries {
		share := time.Until(deadlineOf(soft)) / time.Duration(len(g.entries)-i)
		if err := g.secondLook(soft, hard, e, share); err != nil {
			return err
		}
	}
	return nil
}

func deadlineOf(ctx context.Context) time.Time {
	at, _ := ctx.Deadline()
	return at
}

// firstLook measures noise where something is timed, settles how many trials it takes, runs them and judges.
func (g *gating) firstLook(soft, hard context.Context, e *gateEntry, share time.Duration) error {
	until := time.Now().Add(share)
	if e.timed() {
		if err := g.measureNoise(soft, hard, e); err != nil {
			return err
		}
	}
	first, again := g.looks(e, time.Until(until))
	if e.planned = first; e.timed() {
		g.rec.Noise = append(g.rec.Noise[:e.noted], g.judge.Noise(e.noise.head, e.noise.trials, e.budgets, first, again)...)
	}
	if err := g.take(soft, hard, e, &e.first, "first look", first); err != nil {
		return err
	}
	looks := g.judge.Look(e.first.head, e.first.trials, e.budgets)
	for i := range e.budgets {
		e.budgets[i].First = looks[i]
	}
	g.decide(e, g.ended(&e.first))
	return g.keep()
}

// ended says that a look was cut short; "" where it was not.
func (g *gating) ended(l *gateLook) string {
	if l.head.Status != record.Interrupted {
		return ""
	}
	return g.timeUp("ended the look after " + fmt.Sprintf("%d trials", len(l.trials)))
}

// timeUp says what --max-duration did.
func (g *gating) timeUp(did string) string {
	return fmt.Sprintf("--max-duration %v %s: allow it more time, or plan fewer or shorter trials",
		time.Duration(g.rec.Plan.MaxSeconds*float64(time.Second)), did)
}

// secondLook runs what looks broken or is unclear again, with more trials.
func (g *gating) secondLook(soft, hard context.Context, e *gateEntry, share time.Duration) error {
	if !slices.ContainsFunc(e.budgets, func(b record.GateBudget) bool { return b.First.Verdict != record.Holds && g.mayTell(e, &b) }) {
		return nil
	}
	_, again := g.looks(e, share)
	if fits := g.fits(e, share); fits < again {
		again = fits
	}
	least := 2
	if e.timed() {
		least = g.fewestFor(e)
	}
	if again < least || len(e.first.trials) == 0 {
		g.decide(e, joinedWith(g.ended(&e.first), g.timeUp("left no time for a second look")))
		return nil
	}
	if err := g.take(soft, hard, e, &e.again, "second look", again); err != nil {
		return err
	}
	fresh := g.judge.Look(e.again.head, e.again.trials, e.budgets)
	all := e.both()
	pooled := g.judge.Look(all.head, all.trials, e.budgets)
	for i := range e.budgets {
		b := &e.budgets[i]
		if b.First.Verdict == record.Holds {
			continue // it was shown, and is not put to the test until it fails
		}
		look := fresh[i]
		if b.First.Verdict == record.Unclear && !b.Exact { // nothing was suspected: all trials together answer
			look = pooled[i]
		}
		b.Again = &look
	}
	g.decide(e, "")
	if short := g.ended(&e.again); short != "" {
		for i := range e.budgets {
			if b := &e.budgets[i]; b.Verdict == record.Inconclusive {
				b.Why = joinedWith(b.Why, short)
			}
		}
		g.rec.Budgets = g.allBudgets()
	}
	return g.keep()
}

// joinedWith adds a clause to what may be empty.
func joinedWith(why, more string) string {
	if why == "" {
		return more
	}
	return why + "; " + more
}

// mayTell tells whether more trials may change what a budget came to: a metric that was not measured will not be.
func (g *gating) mayTell(_ *gateEntry, b *record.GateBudget) bool {
	return len(b.First.Tested.Values)+b.First.Tested.Never > 0 && (!b.Relative || len(b.First.Reference.Values)+b.First.Reference.Never > 0)
}

// both are the trials of both looks in one comparison.
func (e *gateEntry) both() gateLook {
	all := e.first
	all.head.Trials = slices.Concat(e.first.head.Trials, e.again.head.Trials)
	all.trials = slices.Concat(e.first.trials, e.again.trials)
	return all
}

// decide makes the entry's verdicts and puts what there is into the record.
func (g *gating) decide(e *gateEntry, short string) {
	for i := range e.budgets {
		b := &e.budgets[i]
		compare.Decide(b, short)
		g.smallest(e, b)
	}
	at := slices.IndexFunc(g.entries, func(o *gateEntry) bool { return o == e })
	s := &g.rec.Scenarios[at]
	s.Noise, s.First, s.Again = built(&e.noise), built(&e.first), built(&e.again)
	g.rec.Budgets = g.allBudgets()
}

func (g *gating) allBudgets() (all []record.GateBudget) {
	for _, one := range g.entries {
		all = append(all, one.budgets...)
	}
	return all
}

func built(l *gateLook) *record.Comparison {
	if len(l.trials) == 0 {
		return nil
	}
	return compare.Build(l.head, l.trials)
}

// smallest notes the smallest change that a budget would have caught: a share beside the reference for what is timed.
func (g *gating) smallest(e *gateEntry, b *record.GateBudget) {
	b.Smallest = nil
	if b.Exact || !b.Relative {
		return
	}
	for _, n := range g.rec.Noise {
		if n.Scenario != e.Name || n.Metric != b.Metric {
			continue
		}
		_, again := g.looks(e, 0)
		if s := g.judge.Smallest(n.Spread, e.planned, again, b.First.Alpha); !math.IsInf(s, 0) {
			s += b.Limit
			b.Smallest = &s
		}
		return
	}
}

// measureNoise runs the reference against itself, after one trial of each variant that nobody counts.
func (g *gating) measureNoise(soft, hard context.Context, e *gateEntry) error {
	one, other := e.variants[0], e.variants[0]
	one.Name, other.Name = "one", "other"
	e.noise.head = g.head(e, []gateVariant{one, other})
	jobs := []gateTurn{}
	for _, v := range e.variants {
		jobs = append(jobs, gateTurn{v, record.ComparedTrial{Variant: "one", WarmUp: true}})
	}
	for round, turns := range experiment.Turns(2, noiseTrials/2, g.rec.Plan.Seed) {
		for _, i := range turns {
			v := []gateVariant{one, other}[i]
			jobs = append(jobs, gateTurn{v, record.ComparedTrial{Variant: v.Name, Round: round + 1}})
		}
	}
	if err := g.carry(soft, hard, e, &e.noise, "noise", jobs); err != nil {
		return err
	}
	e.noted = len(g.rec.Noise)
	first, again := g.looks(e, 0)
	g.rec.Noise = append(g.rec.Noise, g.judge.Noise(e.noise.head, e.noise.trials, e.budgets, first, again)...)
	return nil
}

// looks gives how many trials of each variant a look takes: what the plan says, else what the budgets' precision asks for by
// the noise that was measured, within the time that is left. within 0: no bound.
func (g *gating) looks(e *gateEntry, within time.Duration) (first, again int) {
	first, again = g.rec.Plan.Trials, g.rec.Plan.Again
	if first == 0 {
		first = compare.FewestCounted
		if e.timed() {
			first = max(compare.FewestTimed, g.fewestFor(e))
			for _, n := range g.rec.Noise {
				if n.Scenario == e.Name {
					first = max(first, orMost(n.TrialsNeeded))
				}
			}
			if within > 0 { // a second look of twice as many must fit, too
				first = max(compare.FewestTimed, min(first, g.fits(e, within)/3))
			}
		}
	}
	if again == 0 {
		again = 2 * first
	}
	return first, again
}

// fewestFor gives the fewest trials by which a timed budget of the entry can come to be called broken at all.
func (g *gating) fewestFor(e *gateEntry) int {
	most := 0
	for i := range e.budgets {
		if !e.budgets[i].Exact {
			most = max(most, g.judge.Fewest(&e.budgets[i]))
		}
	}
	return most
}

// usualMost is how many trials a look takes at the most where no number would show what a budget asks for.
const usualMost = 20

func orMost(needed int) int {
	if needed == 0 {
		return usualMost
	}
	return needed
}

// fits gives how many trials of each variant have their time within so long.
func (g *gating) fits(e *gateEntry, within time.Duration) int {
	each := e.seconds
	if each == 0 {
		each = e.bound().Seconds()
	}
	rounds := int(within.Seconds() / each)
	return rounds * e.jobs / len(e.variants)
}

// observeHost notes how busy the machine was with other things.
func (g *gating) observeHost() {
	now, ok := machine.ReadTimes("")
	if !ok {
		return
	}
	g.rec.Host = machine.Busy(g.busy, now)
	const muchSteal, muchOthers = 0.05, 0.15
	if h := g.rec.Host; h.StealShare != nil && *h.StealShare > muchSteal {
		g.rec.Warnings = append(g.rec.Warnings, record.Warning{
			Code: "steal", Text: fmt.Sprintf("a hypervisor took %.0f %% of this machine's time", 100**h.StealShare),
			Advice: "times are of little worth here: hold what is counted, or take a runner of its own",
		})
	}
	if h := g.rec.Host; h.OthersShare != nil && *h.OthersShare > muchOthers {
		g.rec.Warnings = append(g.rec.Warnings, record.Warning{
			Code: "busy-machine", Text: fmt.Sprintf("other programs took %.0f %% of this machine's time", 100**h.OthersShare),
			Advice: "run the gate on its own: nothing beside it in the same job",
		})
	}
}

// say tells the person what takes a while.
func (g *gating) say(text string) {
	if !g.f.quiet {
		fmt.Fprintln(g.stderr, "twomsl:", text)
	}
}
