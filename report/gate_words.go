package report

import (
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

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// ofScenario names a metric with its scenario where there are several.
func ofScenario(g *record.Gate, metric, scenario string) string {
	if len(scenarioNames(g)) > 1 {
		return clean(metric) + " (" + clean(scenario) + ")"
	}
	return clean(metric)
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
