package compare

import (
	"slices"
	"strings"

	"twomsl/internal/record"
)

const (
	agreeing  = 2 // trials of a variant that must agree
	mostTries = 4 // of a variant, those that failed included
)

// NextLines tells how to go on with a comparison line by line: added are the variants to append to c.Variants, run the
// names of those to run now, a name that stands there twice for two trials. What is to be run can run in any order and
// side by side. Both are empty where nothing is left to run. c need not have been built.
//
// The loop is: append added to c.Variants, run what run names, append the trials to c.Trials and trials, ask again. Each
// variant is run until two trials agree in all counted primary metrics, or four times. First come the two variants that
// are there, then each line alone and left out, then sets of lines, one after the other, until the smallest one that
// does what all do is found. A set is only believed once it was run itself.
func NextLines(c *record.Comparison, trials []*record.Trial) (added []record.Variant, run []string) {
	if !c.Plan.ByLine || len(c.Variants) < 2 {
		return nil, nil
	}
	x := newAnalysis(c, trials)
	for i := range c.Variants {
		run = append(run, x.lacking(c.Variants[i].Name)...)
	}
	if len(run) > 0 {
		return nil, run
	}
	r := newRecipe(x)
	if len(x.trials[r.before.Name]) == 0 || len(x.trials[r.after.Name]) == 0 {
		return nil, nil // nothing to hold a line against
	}
	add := func(role string, s set) {
		v, there := r.variantOf(role, s)
		named := func(w record.Variant) bool { return w.Name == v.Name }
		if there || slices.ContainsFunc(added, named) {
			return
		}
		added = append(added, v)
		run = append(run, x.lacking(v.Name)...)
	}
	for i := range r.candidates {
		add(roleAlone, set{i})
	}
	for i := range r.candidates {
		add(roleLeftOut, r.whole().without(i))
	}
	if len(added) == 0 {
		for _, p := range r.pairs() {
			add(roleLeftOut, r.whole().without(p[0]).without(p[1]))
		}
	}
	if len(added) == 0 {
		if _, untried := r.search(); untried != nil {
			add(roleTogether, untried)
		}
	}
	return added, run
}

// pairs are the two sides of each line that may undo what another one does alone: such a line may do so from either side,
// so that leaving out one of them shows nothing. There are none where all lines do whatever one of them does.
func (r *recipe) pairs() (out [][2]int) {
	whole, undone := r.x.effect(r.before.Name, r.after.Name), false
	helps := make([]bool, len(r.candidates))
	for i := range r.candidates {
		v, there := r.variantOf(roleAlone, set{i})
		if !there {
			continue
		}
		alone := r.x.effect(r.before.Name, v.Name)
		helps[i] = len(alone.better) > 0
		for _, m := range alone.better {
			undone = undone || whole.metrics[m].Verdict != record.Better
		}
	}
	for i := range r.candidates {
		j := r.otherSide(i)
		if undone && j > i && !helps[i] && !helps[j] {
			out = append(out, [2]int{i, j})
		}
	}
	return out
}

// otherSide is the candidate that is the same line on the other side; -1 where there is none.
func (r *recipe) otherSide(i int) int {
	for j := range r.candidates {
		if l := r.line(j); j != i && l.VariantSetting == r.line(i).VariantSetting && l.side != r.line(i).side {
			return j
		}
	}
	return -1
}

// lacking names a variant once for each trial that it is to be given now.
func (x *analysis) lacking(variant string) (run []string) {
	tries := 0
	for i := range x.c.Trials {
		if t := x.c.Trials[i]; t.Variant == variant && !t.WarmUp {
			tries++
		}
	}
	want := agreeing
	if n := len(noisyOf(x.primary)); n > 0 && n == len(x.primary) { // only trials by the number of the plan can tell
		want = max(want, x.c.Plan.Trials)
	}
	have := len(x.trials[variant])
	for have < want && tries < max(want, mostTries) {
		run = append(run, variant)
		have, tries = have+1, tries+1
	}
	if len(run) == 0 && have >= want && tries < mostTries && !x.agree(variant) {
		run = append(run, variant)
	}
	return run
}

// agree tells whether two trials of a variant agree in all counted metrics that decide.
func (x *analysis) agree(variant string) bool {
	trials := x.trials[variant]
	for i := range trials {
		for j := range trials[:i] {
			if x.sameFigures(trials[i], trials[j]) {
				return true
			}
		}
	}
	return false
}

// agreeShare is by how much of the figure trials that agree may differ: whether it is by too much for a verdict is then
// judged by their spread.
const agreeShare = 0.01

func (x *analysis) sameFigures(a, b *record.Trial) bool {
	for _, name := range x.primary {
		m, _ := rowOf(name)
		if !m.exact {
			continue
		}
		p, q := m.read(a), m.read(b)
		step := max(m.step, agreeShare*max(p.value, q.value))
		apart := max(p.value, q.value) - min(p.value, q.value)
		if p.never != q.never || (p.unmeasured == "") != (q.unmeasured == "") || apart > step {
			return false
		}
	}
	return true
}

// enough is the smallest set of lines that gives the whole effect; empty where there is no effect.
func (r *recipe) enough() []record.LineRef {
	out := []record.LineRef{}
	if r.after == nil {
		return out
	}
	found, _ := r.search()
	for _, i := range found {
		l := r.line(i)
		out = append(out, record.LineRef{Key: l.Key, Value: l.Value, Side: l.side})
	}
	return out
}

// search finds the smallest set that is as good as the whole recipe, or the next one that must be run to find it. One line
// is best, the cheapest of them; else what can be left out is left out, the dearest first, and what remains must be seen to do it.
func (r *recipe) search() (found, untried set) {
	if r.x.effect(r.before.Name, r.after.Name).verdict != record.Better {
		return nil, nil
	}
	order := r.byCost()
	for _, i := range order {
		if good, _ := r.asGood(set{i}, roleAlone); good {
			return set{i}, nil
		}
	}
	found = r.whole()
	needed, useful := r.roles()
	for _, bulk := range []set{needed, useful} { // all at once first: most recipes have lines that do nothing
		if len(bulk) < 2 || len(bulk) >= len(found) {
			continue
		}
		good, known := r.asGood(bulk, roleTogether)
		if !known {
			return nil, bulk
		}
		if good {
			found = bulk
			break
		}
	}
	slices.Reverse(order)
	for _, i := range order {
		if !slices.Contains(found, i) || slices.Contains(needed, i) || len(found) <= 2 {
			continue // a single line was tried alone
		}
		less := found.without(i)
		good, known := r.asGood(less, r.roleOf(less))
		if !known {
			return nil, less
		}
		if good {
			found = less
		}
	}
	return found, nil
}

// roleOf names the kind of variant that shows a set: all lines but one were run as such.
func (r *recipe) roleOf(s set) string {
	if len(s) == len(r.candidates)-1 {
		return roleLeftOut
	}
	return roleTogether
}

// roles tells which candidates the effect is not to be had without, and which ones do anything good at all.
func (r *recipe) roles() (needed, useful set) {
	for i := range r.candidates {
		if good, known := r.asGood(r.whole().without(i), roleLeftOut); known && !good {
			needed = append(needed, i)
		}
		line := record.Line{}
		if r.try(&line, i); line.Verdict == record.Helps || slices.Contains(needed, i) {
			useful = append(useful, i)
		}
	}
	return needed, useful
}

// byCost orders the candidates by what they cost: nothing that was seen, something that must be known, something lost;
// then whether a cost is known of the key; then as they stand.
func (r *recipe) byCost() []int {
	order := r.whole()
	cost := func(i int) (c int) {
		v, there := r.variantOf(roleAlone, set{i})
		if there {
			for _, p := range r.x.prices(r.before.Name, v.Name) {
				if p.mild {
					c = max(c, 2)
				} else {
					c = max(c, 4)
				}
			}
		}
		if strings.TrimSpace(r.line(i).price) != "" {
			c++
		}
		return c
	}
	slices.SortStableFunc(order, func(a, b int) int { return cost(a) - cost(b) })
	return order
}
