package report

import (
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// What a gate says, before anything is laid out: every format shows the same words.

// gateName is what people call the plan.
func gateName(g *record.Gate) string {
	for _, name := range []string{g.Plan.Name, g.Plan.File, g.ID} {
		if name = clean(name); name != "" {
			return name
		}
	}
	return "gate"
}

// gateAgainst is what relative budgets are held against, in words.
func gateAgainst(g *record.Gate) string {
	if against := clean(g.Reference); against != "" {
		return "against " + against
	}
	return ""
}

// gateVerdict is what the gate came to, in a word or two.
func gateVerdict(g *record.Gate) (string, style) {
	switch g.Status {
	case record.Interrupted:
		return "interrupted", yellow
	case record.Failed:
		return "failed", red
	case record.Invalid:
		return "invalid", red
	case record.Unsupported:
		return "not possible on this machine", yellow
	}
	return budgetMark(g.Verdict)
}

// budgetMark is a budget's verdict.
func budgetMark(verdict string) (string, style) {
	switch verdict {
	case record.Pass:
		return "pass", green
	case record.Regression:
		return "regression", red
	case record.Inconclusive:
		return "inconclusive", yellow
	}
	return "not judged", plain
}

// gateHeadline is the verdict with its reason in a sentence, and what follows it line by line: a command's output.
func gateHeadline(g *record.Gate) (text string, quoted []string, mood style) {
	verdict, mood := gateVerdict(g)
	why, rest, _ := strings.Cut(strings.TrimSpace(g.Why), "\n")
	for l := range strings.Lines(rest) {
		quoted = append(quoted, clean(l))
	}
	why = withoutVerdict(clean(why), verdict)
	if own := ownReason(g); own != "" {
		why, quoted = own, nil // with figures
	}
	if text = capital(verdict); why != "" {
		text += ": " + why
	}
	return sentence(text), quoted, mood
}

// withoutVerdict takes a verdict from the beginning of a reason that says it itself.
func withoutVerdict(why, verdict string) string {
	head, rest, ok := strings.Cut(why, ":")
	if ok && strings.EqualFold(head, verdict) {
		return strings.TrimSpace(rest)
	}
	if strings.EqualFold(why, verdict) {
		return ""
	}
	return why
}

// ownReason is made from the budgets that decide, with their figures; "" where none does.
func ownReason(g *record.Gate) string {
	list := budgetsWith(g, g.Verdict)
	switch n := len(list); {
	case g.Status != record.Complete:
		return ""
	case n == 0 && len(g.Budgets) == 0 && g.Why == "":
		return "no budget was judged"
	case n == 0:
		return ""
	case g.Verdict == record.Pass && n == 1:
		return "the budget holds"
	case g.Verdict == record.Pass:
		return "all " + count(int64(n)) + " budgets hold"
	case n == 1:
		return budgetClause(list[0])
	}
	var said []string
	for _, b := range list {
		text := ofScenario(g, b.Metric, b.Scenario)
		if l := lastLook(b); lookMeasured(b, l) {
			text += " " + movedBy(b, l)
		} else {
			text += " was not judged"
		}
		said = append(said, text)
	}
	of := count(int64(len(list))) + " of " + count(int64(len(g.Budgets))) + " budgets are "
	if len(list) == len(g.Budgets) {
		of = "all " + count(int64(len(list))) + " budgets are "
	}
	if g.Verdict != record.Inconclusive {
		return of + "broken: " + few(said)
	}
	if why := clean(list[0].Why); why != "" && !slices.ContainsFunc(list, func(b *record.GateBudget) bool { return clean(b.Why) != why }) {
		return of + "open: " + why
	}
	return of + "open: " + few(said)
}

// begun tells whether there is anything to say of trials.
func begun(g *record.Gate) bool { return len(g.Scenarios)+len(g.Budgets)+len(g.Noise) > 0 }

func budgetsWith(g *record.Gate, verdict string) (out []*record.GateBudget) {
	for i := range g.Budgets {
		if g.Budgets[i].Verdict == verdict {
			out = append(out, &g.Budgets[i])
		}
	}
	return out
}

// budgetClause says what a budget came to, and why where the figures do not say it.
func budgetClause(b *record.GateBudget) string {
	mark, _ := budgetMark(b.Verdict)
	why := strings.TrimSuffix(withoutVerdict(clean(b.Why), mark), ".")
	last, metric := lastLook(b), clean(b.Metric)
	switch {
	case b.Verdict == "":
		return "not judged"
	case strings.HasPrefix(why, metric+" "): // it is the whole clause
		return why
	case !lookMeasured(b, last) && trialsOf(&last.Tested) > 0:
		return metric + " was not held against anything" + strings.TrimSuffix(": "+firstOf(why, clean(last.Reference.Unmeasured)), ": ")
	case !lookMeasured(b, last):
		return metric + " was not measured" + strings.TrimSuffix(": "+firstOf(clean(last.Tested.Unmeasured), why), ": ")
	case b.Verdict == record.Inconclusive && why != "":
		return metric + " " + movedBy(b, last) + ": " + why
	}
	text := metric + " " + lookMoved(b, last) + boundClause(b)
	if b.Again != nil && b.Verdict == record.Regression {
		text += "; seen " + seenIn(b)
	}
	if why != "" && !strings.HasPrefix(why, "outside in ") { // which the clause says
		text += "; " + why
	}
	return text
}

// budgetReason is what is to be said beside the figures.
func budgetReason(b *record.GateBudget) string {
	mark, _ := budgetMark(b.Verdict)
	return firstOf(withoutVerdict(clean(b.Why), mark), budgetClause(b))
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// seenIn tells by how many trials a regression was seen: twice, or, where nothing was suspected at first, by all together.
func seenIn(b *record.GateBudget) string {
	again := count(int64(trialsOf(&b.Again.Tested)))
	if b.First.Verdict != record.Broken {
		return "in " + again + " trials" + ofEach(b)
	}
	return "twice, in " + count(int64(trialsOf(&b.First.Tested))) + " and in " + again + " trials" + ofEach(b)
}

func ofEach(b *record.GateBudget) string {
	if b.Relative {
		return " of each"
	}
	return ""
}

func trialsOf(v *record.Value) int { return len(v.Values) + max(0, v.Never) }

// lookTrials tells how many trials stand behind a look: "6 + 6 trials", the reference first.
func lookTrials(b *record.GateBudget, l *record.GateLook) string {
	if n := trialsOf(&l.Reference); b.Relative && n > 0 {
		return count(int64(n)) + " + " + counted(int64(trialsOf(&l.Tested)), "trial", "trials")
	}
	return counted(int64(trialsOf(&l.Tested)), "trial", "trials")
}

// lastLook is the one that decides.
func lastLook(b *record.GateBudget) *record.GateLook {
	if b.Again != nil {
		return b.Again
	}
	return &b.First
}

func lookMeasured(b *record.GateBudget, l *record.GateLook) bool {
	return trialsOf(&l.Tested) > 0 && (!b.Relative || trialsOf(&l.Reference) > 0)
}

// movedBy says what a look shows: "fell by 12.1 %", "was 1,204".
func movedBy(b *record.GateBudget, l *record.GateLook) string {
	m := lookMetric(b, l)
	before, after := l.ReferenceMedian, l.TestedMedian
	switch {
	case !b.Relative:
		return "was " + tellValue(m, false)
	case before == nil || after == nil:
		return "went " + tellValue(m, true) + " -> " + tellValue(m, false)
	case *before == *after:
		return "stayed at " + tellValue(m, false)
	case l.Change == nil || !b.Share:
		return risen(*after-*before) + " by " + tellNumber(b.Unit, math.Abs(*after-*before)) +
			" (" + tellValue(m, true) + " -> " + tellValue(m, false) + ")"
	}
	return risen(*l.Change) + " by " + percent(math.Abs(*l.Change))
}

// lookMoved says it with the interval: "fell by 12.1 % (9.0 to 15.3 %)". One that has a fall and a rise in it is told with
// signs.
func lookMoved(b *record.GateBudget, l *record.GateLook) string {
	text, i := movedBy(b, l), l.Interval
	if i == nil || l.Change == nil || !b.Share || !b.Relative {
		return text
	}
	switch {
	case *l.Change < 0 && i.High <= 0:
		return text + " (" + percents(-i.High, -i.Low) + ")"
	case *l.Change > 0 && i.Low >= 0:
		return text + " (" + percents(i.Low, i.High) + ")"
	}
	return "changed by " + signedShare(*l.Change) + nbsp + "% (" + signedShare(i.Low) + nbsp + "to" + nbsp + signedShare(i.High) + nbsp + "%)"
}

func risen(by float64) string {
	if by < 0 {
		return "fell"
	}
	return "rose"
}

// boundClause holds what was seen against what the plan allows.
func boundClause(b *record.GateBudget) string {
	if !b.Relative {
		wants := clean(b.Operator) + " " + tellNumber(b.Unit, b.Limit)
		switch b.Verdict {
		case record.Pass:
			return ", as the plan wants: " + wants
		case record.Regression:
			return "; the plan wants " + wants + outsideWords(b, lastLook(b))
		}
		return ": too few or too uncertain to tell whether it is " + wants
	}
	switch b.Verdict {
	case record.Pass:
		return ", within the " + limitWords(b) + " that the plan allows"
	case record.Regression:
		return ", more than the " + limitWords(b) + " that the plan allows"
	}
	return ": too uncertain to tell whether that is within the " + limitWords(b) + " that the plan allows"
}

func outsideWords(b *record.GateBudget, l *record.GateLook) string {
	n := trialsOf(&l.Tested)
	if l.Outside <= 0 || n == 0 {
		return ""
	}
	return "; outside it in " + count(int64(l.Outside)) + " of " + counted(int64(n), "trial", "trials")
}

// limitWords is a relative budget's limit: a share of the reference, or so many in its unit.
func limitWords(b *record.GateBudget) string {
	if b.Share {
		return limitPercent(b.Limit)
	}
	return tellNumber(b.Unit, b.Limit)
}

// limitPercent writes a share that somebody chose: 5 %, 2.5 %.
func limitPercent(v float64) string { return bare0(figure(100*v, 2)) + nbsp + "%" }

// percent writes a share that was measured.
func percent(v float64) string { return percentFigure(v) + nbsp + "%" }

func percentFigure(v float64) string {
	switch a := math.Abs(v); {
	case a >= 10:
		return figure(100*v, 0)
	case a < 0.0005 && a > 0:
		return figure(100*v, 2)
	}
	return figure(100*v, 1)
}

// percents writes an interval of shares.
func percents(low, high float64) string {
	return percentFigure(low) + nbsp + "to" + nbsp + percent(high)
}

// signedShare writes a share with its sign.
func signedShare(v float64) string {
	text := percentFigure(v)
	if v > 0 {
		text = "+" + text
	}
	return text
}

// lookMetric is a look as a comparison's metric, so that its values are told alike.
func lookMetric(b *record.GateBudget, l *record.GateLook) *record.Metric {
	m := &record.Metric{
		Name: b.Metric, Unit: clean(b.Unit), Exact: b.Exact, Before: l.ReferenceMedian, After: l.TestedMedian,
		Details: record.ValuePair{Before: l.Reference, After: l.Tested}, Verdict: record.Worse,
	}
	if l.Verdict == record.Holds {
		m.Verdict = record.NoDifference
	}
	return m
}

// lookValues are a look's reference and what was tested; a gap where there is none.
func lookValues(b *record.GateBudget, l *record.GateLook) (reference, tested string) {
	m := lookMetric(b, l)
	if b.Relative {
		reference = tellValue(m, true)
	}
	return reference, tellValue(m, false)
}

// lookChange is the change with its interval: "-12.1 % (-15.3 to -9.0 %)"; for an absolute budget by how many trials it was
// missed.
func lookChange(b *record.GateBudget, l *record.GateLook) string {
	if !b.Relative {
		return strings.TrimPrefix(outsideWords(b, l), "; ")
	}
	text := ""
	switch before, after := l.ReferenceMedian, l.TestedMedian; {
	case l.Change != nil && (b.Share || !b.Exact):
		text = signedShare(*l.Change) + nbsp + "%"
	case before != nil && after != nil && *before != *after:
		text = tellNumber(b.Unit, *after-*before)
		if *after > *before {
			text = "+" + text
		}
	case before != nil && after != nil:
		text = "none"
	}
	if i := l.Interval; i != nil {
		text += " (" + signedShare(i.Low) + nbsp + "to" + nbsp + signedShare(i.High) + nbsp + "%)"
	}
	return strings.TrimPrefix(text, " ")
}

// lookWords is one look in a line: trials, figures, what it was judged by.
func lookWords(g *record.Gate, b *record.GateBudget, l *record.GateLook) string {
	reference, tested := lookValues(b, l)
	text := lookTrials(b, l) + ": "
	if reference != "" {
		text += reference + " -> "
	}
	text += tested
	if change := lookChange(b, l); change != "" {
		text += ", " + change
	}
	if p := lookP(g, l); p != "" {
		text += ", " + p
	}
	text += ": " + lookMark(l)
	if why := lookWhy(l); why != "" {
		text += " (" + why + ")"
	}
	return text
}

// lookWhy is a look's reason, where the figures beside it do not say it.
func lookWhy(l *record.GateLook) string {
	why := strings.TrimSuffix(clean(l.Why), ".")
	if strings.HasPrefix(why, "outside in ") {
		return ""
	}
	return why
}

func lookMark(l *record.GateLook) string {
	if mark := clean(l.Verdict); mark != "" {
		return mark
	}
	return "not judged"
}

// lookP is the probability that decides, with what it is held against; "" for counted metrics.
func lookP(g *record.Gate, l *record.GateLook) string {
	p, shows, below := l.PBroken, "broken", l.Alpha
	if l.Verdict == record.Holds {
		p, shows, below = l.PHolds, "holds", g.Plan.Level
	}
	if p == nil {
		return ""
	}
	return tellP(&record.Metric{P: p}) + " (" + shows + " below" + nbsp + bare0(times(below, math.Round)) + ")"
}

// namedLook is a look with its name.
type namedLook struct {
	name string
	*record.GateLook
}

// looksOf are the looks of a budget that was looked at.
func looksOf(b *record.GateBudget) (out []namedLook) {
	if b.First.Verdict != "" || trialsOf(&b.First.Tested) > 0 {
		out = append(out, namedLook{"first look", &b.First})
	}
	if b.Again != nil {
		name := "second look"
		if b.First.Verdict == record.Unclear && !b.Exact { // nothing was suspected
			name = "both looks"
		}
		out = append(out, namedLook{name, b.Again})
	}
	return out
}

// smallestChange is the smallest change that would have been caught; "" where nothing can be said.
func smallestChange(b *record.GateBudget) string {
	v := valueOr(b.Smallest, 0)
	switch {
	case v <= 0 || !b.Relative:
		return ""
	case b.Exact:
		return "a " + clean(b.Operator) + " by " + tellNumber(b.Unit, v)
	}
	return "a " + clean(b.Operator) + " by " + rounded(v)
}

// smallestWords tell it for all budgets, and how often it would have been.
func smallestWords(g *record.Gate) string {
	var parts []string
	for i := range g.Budgets {
		b := &g.Budgets[i]
		if v := smallestChange(b); v != "" {
			parts = append(parts, v+" of "+ofScenario(g, b.Metric, b.Scenario))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	text := few(parts)
	if p := g.Plan.Power; p > 0 && p < 1 {
		text += ", " + bare0(figure(10*p, 1)) + " times in 10"
	}
	return text
}

// ofScenario names a metric with its scenario where there are several.
func ofScenario(g *record.Gate, metric, scenario string) string {
	if len(scenarioNames(g)) > 1 {
		return clean(metric) + " (" + clean(scenario) + ")"
	}
	return clean(metric)
}

// rounded writes a share that was reckoned: 4 %, 3.1 %.
func rounded(v float64) string { return bare0(percentFigure(v)) + nbsp + "%" }

// noiseWords tell how far the machine differs from itself, and what that lets the planned trials see.
func noiseWords(g *record.Gate) (out []string) {
	for i := range g.Noise {
		n := &g.Noise[i]
		text := "this machine ±" + rounded(n.Spread) + " between trials of " + ofScenario(g, n.Metric, n.Scenario) + "; " + plannedTrials(n)
		if n.Smallest > 0 {
			text += " tell what is " + rounded(n.Smallest) + " apart"
		} else {
			text += " tell nothing apart here"
		}
		if asks(n) {
			text += ", the plan asks for " + limitPercent(n.Asked)
		}
		switch {
		case tooNoisy(n) && n.TrialsNeeded > 0:
			text += ": that takes " + count(int64(n.TrialsNeeded)) + " of each"
		case tooNoisy(n):
			text += ": no number of trials within reason shows that here"
		}
		out = append(out, text)
	}
	return out
}

// asks tells a budget that asks for a precision: those with a limit of their own do not.
func asks(n *record.GateNoise) bool { return n.Asked > 0 && n.Asked < 1 }

// tooNoisy tells that the planned trials do not see what the budget asks for.
func tooNoisy(n *record.GateNoise) bool { return asks(n) && (n.Smallest > n.Asked || n.Smallest <= 0) }

// plannedTrials are those of both looks: 6 + 6 trials, and 12 + 12 again. Where there was no time for any, none are planned.
func plannedTrials(noise *record.GateNoise) string {
	pair := func(n int) string { return count(int64(n)) + nbsp + "+" + nbsp + count(int64(n)) }
	if noise.Planned <= 0 {
		return "what trials there is time for"
	}
	text := pair(noise.Planned) + nbsp + "trials"
	if noise.Again > 0 {
		text += ", and " + pair(noise.Again) + " again,"
	}
	return text
}

// scenarioNames are those of the budgets and the plan, each once.
func scenarioNames(g *record.Gate) (out []string) {
	add := func(name string) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for i := range g.Scenarios {
		add(g.Scenarios[i].Name)
	}
	for i := range g.Budgets {
		add(g.Budgets[i].Scenario)
	}
	return out
}

func scenarioOf(g *record.Gate, name string) *record.GateScenario {
	for i := range g.Scenarios {
		if g.Scenarios[i].Name == name {
			return &g.Scenarios[i]
		}
	}
	return &record.GateScenario{Name: name}
}

func budgetsOf(g *record.Gate, scenario string) (out []*record.GateBudget) {
	for i := range g.Budgets {
		if g.Budgets[i].Scenario == scenario {
			out = append(out, &g.Budgets[i])
		}
	}
	return out
}

// shortRevision is a commit as people write it.
func shortRevision(revision string) string {
	const most = 12
	revision = clean(revision)
	if hex := strings.Trim(revision, "0123456789abcdef") == ""; hex && len(revision) > most {
		return revision[:most]
	}
	return revision
}

// baselineWords tell what the baseline is, and by what it differs from this machine.
func baselineWords(g *record.Gate) (is, differs string) {
	b := g.Baseline
	if b == nil {
		return "", ""
	}
	parts := []string{clean(b.File)}
	if !b.SavedAt.IsZero() {
		parts = append(parts, "saved "+b.SavedAt.UTC().Format("2006-01-02"))
	}
	parts = append(parts, counted(int64(b.Sessions), "session", "sessions"))
	if b.Revision != "" {
		parts = append(parts, "revision "+shortRevision(b.Revision))
	}
	is = joined(parts...)
	var list []string
	for _, one := range b.Differs {
		list = append(list, clean(one))
	}
	if len(list) > 0 {
		differs = "It differs in " + strings.Join(list, "; ") + "."
	}
	if why := clean(b.Why); !b.Timed && (len(list) == 0 || !strings.HasPrefix(why, "it differs in ")) {
		differs += strings.TrimSuffix(" Timed metrics are not held against it: "+why, ": ")
	} else if !b.Timed {
		differs += " Timed metrics are not held against it."
	}
	return is, sentence(strings.TrimSpace(differs))
}

// hostWords tell how busy the machine was with other things.
func hostWords(g *record.Gate) string {
	var parts []string
	if v := g.Host.LoadBefore; v != nil {
		parts = append(parts, figure(*v, 2)+" tasks ran in the minute before")
	}
	if v := g.Host.OthersShare; v != nil {
		parts = append(parts, "other programs used "+percent(*v))
	}
	if v := g.Host.StealShare; v != nil {
		parts = append(parts, "a hypervisor took "+percent(*v))
	}
	return strings.Join(parts, ", ")
}

// planWordsOf tell the trials of a gate and how they are judged.
func planWordsOf(g *record.Gate) string {
	if !begun(g) {
		return ""
	}
	var parts []string
	if p := &g.Plan; p.Trials > 0 {
		text := count(int64(p.Trials)) + " of each"
		if p.Again > 0 {
			text += ", " + count(int64(p.Again)) + " of each at a second look"
		}
		parts = append(parts, text)
	}
	if v := g.Plan.Level; v > 0 {
		parts = append(parts, "at most "+limitPercent(v)+" of gates of equal things fail")
	}
	if g.Seconds > 0 {
		parts = append(parts, "took "+seconds(g.Seconds))
	}
	return joined(parts...)
}

// gateEngines are the engines that drove the trials.
func gateEngines(g *record.Gate) string {
	var out []string
	for i := range g.Scenarios {
		for _, c := range comparisonsIn(&g.Scenarios[i]) {
			for j := range c.Variants {
				for _, e := range c.Variants[j].Engines {
					if e = clean(e); e != "" && !slices.Contains(out, e) {
						out = append(out, e)
					}
				}
			}
		}
	}
	return strings.Join(out, ", ")
}

// comparisonsIn are the looks at a scenario that were taken, noise first.
func comparisonsIn(s *record.GateScenario) (out []*record.Comparison) {
	for _, c := range []*record.Comparison{s.Noise, s.First, s.Again} {
		if c != nil {
			out = append(out, c)
		}
	}
	return out
}

// trialRecords counts the trials that have records of their own.
func trialRecords(g *record.Gate) int {
	n := 0
	for i := range g.Scenarios {
		for _, c := range comparisonsIn(&g.Scenarios[i]) {
			for j := range c.Trials {
				if c.Trials[j].ID != "" {
					n++
				}
			}
		}
	}
	return n
}

// nextWords say what to do now; "" where there is nothing to do.
func nextWords(g *record.Gate) string {
	switch {
	case g.Status == record.Interrupted:
		return "Run it again: a gate starts from the beginning."
	case g.Status != record.Complete:
		return "" // the reason says it
	case g.Verdict == record.Regression:
		return "See which trials differ, and since which revision; if the change is meant, change the budget or save a new baseline."
	case g.Verdict != record.Inconclusive:
		return ""
	}
	if g.Baseline != nil && !g.Baseline.Timed {
		return "Save a baseline on this machine (--save-baseline), or give the plan an against: it is then run in turns with what is tested."
	}
	needed := 0
	for i := range g.Noise {
		if n := &g.Noise[i]; tooNoisy(n) && n.TrialsNeeded > n.Planned {
			needed = max(needed, n.TrialsNeeded)
		}
	}
	if needed > 0 {
		return "Plan " + count(int64(needed)) + " trials of each, allow a larger change, or run it on a quieter machine."
	}
	for i := range g.Warnings {
		if advice := clean(g.Warnings[i].Advice); advice != "" {
			return sentence(advice)
		}
	}
	return "Run it again on a quieter machine, plan more trials, or allow a larger change."
}
