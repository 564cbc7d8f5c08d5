package compare

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"twomsl/internal/record"
)

// judge holds one metric of a variant against that of another, with the price where it is a gain.
func (x *analysis) judge(m metric, from, to string) record.Metric {
	out := x.verdict(m, from, to)
	x.withPrice(&out, from, to)
	return out
}

// verdict is what judge says without the price.
func (x *analysis) verdict(m metric, from, to string) record.Metric {
	b, a := x.figures(m, from), x.figures(m, to)
	out := record.Metric{
		Name: m.name, Unit: m.unit, Better: m.better, Exact: m.exact, Primary: slices.Contains(x.primary, m.name),
		Variant: to, Before: b.median(), After: a.median(), Details: record.ValuePair{Before: b.value(), After: a.value()},
		Verdict: record.Inconclusive,
	}
	cut := cutOff(b, a)
	if out.Before != nil && out.After != nil && *out.Before != 0 && cut.ratio != unknowable {
		if r := *out.After / *out.Before; !math.IsInf(r, 0) && !math.IsNaN(r) {
			out.Ratio, out.RatioBound = &r, cut.ratio
		}
	}
	switch {
	case m.better == neither:
		out.Why = "neither good nor bad in itself"
	case b.unusable() != "":
		out.Why = b.unusable()
	case a.unusable() != "":
		out.Why = a.unusable()
	case x.byEngine(m.name) && x.enginesApart(from, to) != "":
		out.Why = x.enginesApart(from, to)
	case cut.why != "":
		out.Verdict, out.Why = cut.verdict, cut.why
	case m.exact:
		x.judgeExact(&out, m, b, a)
	default:
		x.judgeNoisy(&out, m, b, a, cut)
	}
	return out
}

// unknowable is the bound of a ratio of two values that were both cut off.
const unknowable = "unknowable"

// A cut is what becomes of a comparison in which values were cut off by what was asked for.
type cut struct {
	ratio        string // at-least, at-most, unknowable or ""
	verdict, why string // where nothing is left to judge
}

func cutOff(b, a *figures) cut {
	from, to := b.median(), a.median()
	switch {
	case from == nil || to == nil || !b.atLeast() && !a.atLeast():
		return cut{}
	case b.atLeast() && a.atLeast() && *from == *to:
		return cut{unknowable, record.NoDifference, fmt.Sprintf("both are at least %s: all that was asked for", figure(*from))}
	case b.atLeast() && a.atLeast():
		return cut{unknowable, record.NoDifference, fmt.Sprintf("both are at least what was asked for: %s and %s", figure(*from), figure(*to))}
	case b.atLeast() && *to > *from:
		return cut{unknowable, record.Inconclusive, fmt.Sprintf("only %s were asked for in %s, and it had them", figure(*from), b.variant)}
	case a.atLeast() && *to < *from:
		return cut{unknowable, record.Inconclusive, fmt.Sprintf("only %s were asked for in %s, and it had them", figure(*to), a.variant)}
	case a.atLeast():
		return cut{ratio: "at-least"}
	}
	return cut{ratio: "at-most"}
}

// towards is the verdict on a difference in this direction.
func (m *metric) towards(up bool) string {
	if up == (m.better == higher) {
		return record.Better
	}
	return record.Worse
}

func (x *analysis) judgeExact(out *record.Metric, m metric, b, a *figures) {
	for _, f := range []*figures{b, a} {
		if n := len(f.readings); n < 2 {
			out.Why = fmt.Sprintf("two agreeing trials are needed: %s has %d", f.variant, n)
			return
		}
	}
	if b.never+a.never > 0 {
		x.judgeNever(out, m, b, a)
		return
	}
	if b.limited != "" {
		out.Why = b.limited
		return
	}
	c := m.counted(b, a, x.alpha(m.name))
	switch {
	case c.different():
		out.Verdict = m.towards(median(c.after) > median(c.before))
	case c.unclear() && squares(c.before)+squares(c.after) == 0:
		out.Why = fmt.Sprintf("the trials agree, but so many tests share the level that %d and %d of them show no less than %s",
			len(c.before), len(c.after), figure(math.Ceil(c.reach())))
	case c.unclear():
		out.Why = fmt.Sprintf("the trials differ too much among themselves: %s, and %s; more trials may tell", spread(b), spread(a))
	default:
		seen := c.wouldHaveSeen()
		out.Verdict, out.WouldHaveSeen = record.NoDifference, &seen
	}
	if a.limited != "" {
		if out.Why = a.limited; out.Verdict != record.Better {
			out.Verdict, out.WouldHaveSeen = record.Inconclusive, nil
		}
	}
	if c.totalBefore != nil && out.Why == "" {
		if from, to := median(c.totalBefore), median(c.totalAfter); math.Abs(from-to) > 0.01*max(from, to) {
			out.Why = fmt.Sprintf("shares were compared: of %s and of %s", figure(from), figure(to))
		}
	}
}

// judgeNever holds variants against each other in which something did not happen at all. That it happened once in each
// trial is no proof: what it is the first of must be more than chance, too.
func (x *analysis) judgeNever(out *record.Metric, m metric, b, a *figures) {
	switch {
	case len(b.values)+len(a.values) == 0:
		out.Verdict, out.Why = record.NoDifference, "it happened in neither"
		return
	case b.never > 0 && len(b.values) > 0 || a.never > 0 && len(a.values) > 0 || b.never > 0 && a.never > 0:
		out.Why = fmt.Sprintf("it happened in %d of %d trials of %s and in %d of %d of %s",
			len(b.values), len(b.readings), b.variant, len(a.values), len(a.readings), a.variant)
		return
	}
	c := counted{before: events(b), after: events(a), step: 1, each: 1, events: true, alpha: x.alpha(m.name)}
	if c.different() {
		out.Verdict = m.towards(len(a.values) == 0)
		return
	}
	out.Why = fmt.Sprintf("it happened so rarely that it may be chance: %s times in %s, %s times in %s",
		figure(median(c.before)), b.variant, figure(median(c.after)), a.variant)
}

func events(f *figures) (all []float64) {
	for _, r := range f.readings {
		all = append(all, r.events)
	}
	return all
}

// counted is what the test of a counted metric needs.
func (m *metric) counted(b, a *figures, alpha float64) *counted {
	c := &counted{before: b.values, after: a.values, events: m.events, each: 1, alpha: alpha}
	c.step = max(m.step, m.share*max(math.Abs(median(b.values)), math.Abs(median(a.values))))
	for _, r := range slices.Concat(b.readings, a.readings) {
		c.each = max(c.each, r.each)
	}
	before, after := b.totals(), a.totals()
	if !m.ofTotal || before == nil || after == nil {
		return c
	}
	whole := median(slices.Concat(before, after))
	scale := func(values, totals []float64) (out []float64) {
		for i, v := range values {
			out = append(out, v/totals[i]*whole)
		}
		return out
	}
	c.totalBefore, c.totalAfter = before, after
	c.before, c.after = scale(b.values, before), scale(a.values, after)
	return c
}

// alpha is the share of the level that one test of a counted metric has: the metrics that decide have one half of it
// together, all others the other half, in all pairs of variants but line by line.
func (x *analysis) alpha(name string) float64 {
	level := x.level * exactShare
	if Noisy(x.primary) {
		level = x.level * (1 - noisyShare)
	}
	pairs := x.pairs
	if x.c.Plan.ByLine { // each line is a question of its own, and two trials that agree are to answer it
		pairs = 1
	}
	deciding, others := 0, 0
	for _, m := range rowsFor(nil) {
		if m.exact && !slices.Contains(x.primary, m.name) {
			others++
		}
	}
	for _, p := range x.primary {
		if m, _ := rowOf(p); m.exact {
			deciding++
		}
	}
	switch {
	case deciding == 0:
		return level / float64((others+len(record.Causes))*pairs)
	case slices.Contains(x.primary, name):
		return level / 2 / float64(deciding*pairs)
	}
	return level / 2 / float64((others+len(record.Causes))*pairs)
}

// judgeNoisy judges a timed metric, if it is one of those that decide.
func (x *analysis) judgeNoisy(out *record.Metric, m metric, b, a *figures, cut cut) {
	if out.Why = x.incomparable(m, b, a); out.Why != "" {
		return
	}
	before, after := x.repetitions(m, b), x.repetitions(m, a)
	if cut.ratio == "" {
		x.interval(out, m, before, after)
	}
	out.P, out.Adjusted = nil, nil
	switch {
	case !out.Primary:
		out.Why = fmt.Sprintf("described only: --primary %s judges it", m.name)
	case x.c.Plan.Jobs > 1:
		out.Why = fmt.Sprintf("trials ran %d side by side; -j 1 judges times", x.c.Plan.Jobs)
	case corrected(smallestP(len(before), len(after)), x.noisyTests()) >= x.level:
		out.Why = x.tooFew(len(before), len(after), b, a)
	default:
		x.byRank(out, m, before, after, b.variant)
	}
	if out.Verdict != record.NoDifference {
		out.WouldHaveSeen = nil
	}
}

// incomparable tells why the times of two variants are not of the same thing; "" where they are.
func (x *analysis) incomparable(m metric, b, a *figures) string {
	clock := b.readings[0].clock
	same := func(r reading) bool { return r.clock == clock }
	if !b.all(same) || !a.all(same) {
		return "different clocks: some count from the intended start, some from the call of connect()"
	}
	if clock == "" {
		return ""
	}
	row, _ := rowOf(failed)
	f := x.verdict(row, b.variant, a.variant)
	if f.Verdict != record.Better && f.Verdict != record.Worse {
		return ""
	}
	return fmt.Sprintf("different connections: %s failed in %s, %s in %s; only those that went through are timed",
		partOf(f.Before, f.Details.Before.Of), b.variant, partOf(f.After, f.Details.After.Of), a.variant)
}

func partOf(v, of *float64) string {
	switch {
	case v == nil:
		return "none"
	case of == nil:
		return figure(*v)
	}
	return figure(*v) + " of " + figure(*of)
}

// noisyTests is how many tests share the noisy metrics' part of the level.
func (x *analysis) noisyTests() int { return max(1, len(noisyOf(x.primary))*x.pairs) }

func (x *analysis) tooFew(n, m int, b, a *figures) string {
	needed := 2
	for needed < mostTrials && corrected(smallestP(needed, needed), x.noisyTests()) >= x.level {
		needed++
	}
	if x.c.Plan.Interleaved {
		return fmt.Sprintf("%d trials of each are needed: %s has %d, %s has %d", needed, b.variant, n, a.variant, m)
	}
	return fmt.Sprintf("%d boots of each are needed, since the trials were not interleaved: %s has %d, %s has %d",
		needed, b.variant, n, a.variant, m)
}

// repetitions are the values that stand for themselves: those of the trials where variants took turns, else the medians
// by boot, since all trials of a boot share what is peculiar to it.
func (x *analysis) repetitions(m metric, f *figures) []float64 {
	if x.c.Plan.Interleaved {
		return f.values
	}
	var boots []string
	byBoot := map[string][]float64{}
	for _, t := range x.trials[f.variant] {
		r := m.read(t)
		if r.unmeasured != "" || r.never {
			continue
		}
		id := t.Environment.BootID // "" where it is not known: then it is taken for one
		if !slices.Contains(boots, id) {
			boots = append(boots, id)
		}
		byBoot[id] = append(byBoot[id], r.value)
	}
	var medians []float64
	for _, id := range boots {
		medians = append(medians, median(byBoot[id]))
	}
	return medians
}

// interval adds the bootstrap's: it begins with a seed of the plan, the variant and the metric, so that it is the same each time.
func (x *analysis) interval(out *record.Metric, m metric, before, after []float64) {
	if len(before) < 2 || len(after) < 2 {
		return
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(out.Variant + "\x00" + m.name))
	rng := rand.New(rand.NewPCG(uint64(x.c.Plan.Seed), h.Sum64()))
	ratio, difference := bootstrap(before, after, x.level, rng)
	out.Interval = ratio
	half := (difference.High - difference.Low) / 2
	out.WouldHaveSeen = &half
}

// byRank is the verdict by Mann-Whitney and Holm.
func (x *analysis) byRank(out *record.Metric, m metric, before, after []float64, from string) {
	p := mannWhitney(before, after)
	adjusted, ok := x.adjusted[test{out.Variant, m.name}]
	if !ok || from != x.c.Variants[0].Name {
		adjusted = corrected(p, x.noisyTests()) // beyond the pairs that Holm's correction was made for
	}
	out.P, out.Adjusted = &p, &adjusted
	by, least := median(after)-median(before), m.share*math.Abs(median(before))
	if adjusted >= x.level || math.Abs(by) <= least {
		out.Verdict = record.NoDifference
		if out.WouldHaveSeen != nil {
			least = max(least, *out.WouldHaveSeen)
		}
		out.WouldHaveSeen = &least
		return
	}
	out.Verdict = m.towards(by > 0)
}

// correct is Holm's correction of all tests of noisy primary metrics against the first variant.
func (x *analysis) correct() map[test]float64 {
	var which []test
	var ps []float64
	for i := 1; i < len(x.c.Variants); i++ {
		for _, name := range noisyOf(x.primary) {
			m, _ := rowOf(name)
			b, a := x.figures(m, x.c.Variants[0].Name), x.figures(m, x.c.Variants[i].Name)
			if b.unusable() != "" || a.unusable() != "" || x.byEngine(name) && x.enginesApart(b.variant, a.variant) != "" {
				continue
			}
			which = append(which, test{x.c.Variants[i].Name, name})
			ps = append(ps, mannWhitney(x.repetitions(m, b), x.repetitions(m, a)))
		}
	}
	out := map[test]float64{}
	for i, p := range holm(ps, x.noisyTests()) {
		out[which[i]] = p
	}
	return out
}

// spread is the range of a variant's values, in words.
func spread(f *figures) string {
	if least, most := figure(slices.Min(f.values)), figure(slices.Max(f.values)); least == most {
		return fmt.Sprintf("%s in all of %s", least, f.variant)
	}
	return fmt.Sprintf("%s to %s in %s", figure(slices.Min(f.values)), figure(slices.Max(f.values)), f.variant)
}
