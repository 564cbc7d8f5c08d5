package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/machine"
	"twomsl/internal/record"
	"twomsl/report/compare"
)

// mostSessions is how many gates a baseline keeps: the latest.
const mostSessions = 20

// readBaseline reads the baseline that the plan or the command line names. What cannot be used is exit code 2.
func (g *gating) readBaseline() error {
	file := orElse(g.f.baseline, g.plan.Baseline)
	if file == "" {
		return nil
	}
	b, err := record.ReadBaseline(file)
	if err != nil {
		return usage("baseline: %w", err)
	}
	if b.Plan != g.plan.Name {
		return usage("baseline %s is of the plan %q, and this plan is %q: make one with --save-baseline, or name the plan the same (name:)",
			file, b.Plan, g.plan.Name)
	}
	g.judge.Baseline = &compare.GateBaseline{Baseline: b, BootID: g.rec.Environment.BootID}
	g.rec.Baseline = &record.GateBaseline{File: file, SavedAt: b.SavedAt, Sessions: len(b.Sessions)}
	if n := len(b.Sessions); n > 0 {
		g.rec.Baseline.Revision = b.Sessions[n-1].Revision
	}
	return nil
}

// fitBaseline holds the baseline against this machine and the plan's scenarios.
func (g *gating) fitBaseline() error {
	b, known := g.judge.Baseline, g.rec.Baseline
	if len(b.Sessions) == 0 {
		return usage("baseline %s holds no session: make one with --save-baseline", known.File)
	}
	last := &b.Sessions[len(b.Sessions)-1]
	known.Differs = fingerprintDiffers(b.Fingerprint, fingerprint(g.rec.Environment))
	for _, e := range g.entries {
		i := slices.IndexFunc(last.Scenarios, func(s record.BaselineScenario) bool { return s.Name == e.Name })
		if i < 0 {
			var names []string
			for _, s := range last.Scenarios {
				names = append(names, s.Name)
			}
			return usage("baseline %s is for another plan: it has %s, and not %s", known.File, strings.Join(names, ", "), e.Name)
		}
		if last.Scenarios[i].Configuration != e.configuration() {
			known.Differs = append(known.Differs, "configuration of "+e.Name)
		}
	}
	b.Timed = len(known.Differs) == 0
	known.Timed = b.Timed
	if !b.Timed {
		b.Why = "it differs in " + strings.Join(known.Differs, "; ")
		known.Why = b.Why
		if g.against == nil {
			b.Why += ": give the plan an against, to have times measured side by side"
		}
	}
	if b.Timed && g.against != nil && !g.baselineServes() {
		b.Timed, known.Timed = false, false
		known.Why = "it has too few sessions: times drift from one to the next"
		b.Why = known.Why
	}
	return nil
}

// baselineServes tells whether every timed budget can be held against the baseline.
func (g *gating) baselineServes() bool {
	for i := range g.judge.Budgets {
		b := &g.judge.Budgets[i]
		if b.Relative && !b.Exact && g.judge.Baseline.Serves(b.Scenario, b.Metric) != "" {
			return false
		}
	}
	return true
}

// fingerprint is what makes times comparable: this machine and its kernel.
func fingerprint(e record.Environment) map[string]string {
	out := map[string]string{
		"processor": e.CPUModel, "processors": strconv.Itoa(e.CPUs), "processors allowed": e.CPUsAllowed, "architecture": e.Arch,
		"memory": fmt.Sprintf("%.0f GB", float64(e.MemoryBytes)/1e9), "kernel": e.Kernel,
	}
	if e.CgroupQuota != nil {
		out["quota"] = strconv.FormatFloat(*e.CgroupQuota, 'f', -1, 64) + " processors"
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(e.Mitigations)) {
		all = append(all, name+": "+e.Mitigations[name])
	}
	out["mitigations"] = short(strings.Join(all, "\n"))
	return out
}

// short is a text by its SHA-256, as far as one is told from another.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

func fingerprintDiffers(before, now map[string]string) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if before[name] != now[name] {
			out = append(out, fmt.Sprintf("%s: %s then, %s now", name, orElse(before[name], "not known"), now[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, there := now[name]; !there {
			out = append(out, fmt.Sprintf("%s: %s then, none now", name, before[name]))
		}
	}
	return out
}

// configuration is what the entry is run with, without what is tested: commands, and what only names a scenario.
func (e *gateEntry) configuration() string {
	s := e.base
	s.Title, s.About, s.Server.Command, s.Client.Command, s.Server.Root = "", "", "", "", ""
	spec, _ := s.JSON() // of a scenario that was read
	settings, _ := json.Marshal(e.variants[len(e.variants)-1].Sysctl)
	return short(string(spec) + "\n" + string(settings))
}

// saveBaseline keeps what was measured, as one session more of a baseline of the same plan and machine.
func (g *gating) saveBaseline() error {
	if g.f.save == "" {
		return nil
	}
	b := &record.Baseline{
		Schema: record.BaselineSchema, Plan: g.plan.Name, Fingerprint: fingerprint(g.rec.Environment),
	}
	switch old, err := record.ReadBaseline(g.f.save); {
	case err == nil && old.Plan == b.Plan && len(fingerprintDiffers(old.Fingerprint, b.Fingerprint)) == 0 && g.sameConfiguration(old):
		b.Sessions = old.Sessions
	case err == nil:
		g.say(fmt.Sprintf("%s was of another machine, kernel or plan: it is begun anew", g.f.save))
	case !errors.Is(err, os.ErrNotExist):
		return usage("--save-baseline: %w; move that file away to begin a new one", err)
	}
	session := record.BaselineSession{At: time.Now().UTC(), Gate: g.rec.ID, Revision: g.rec.Revision, BootID: g.rec.Environment.BootID}
	for _, e := range g.entries {
		all := e.both()
		session.Scenarios = append(session.Scenarios, record.BaselineScenario{
			Name: e.Name, Configuration: e.configuration(), Metrics: compare.Saved(all.head, all.trials),
		})
	}
	b.Tool, b.SavedAt = g.rec.Tool, session.At
	b.Sessions = append(b.Sessions, session)
	b.Sessions = b.Sessions[max(0, len(b.Sessions)-mostSessions):]
	if err := record.WriteBaseline(g.f.save, b); err != nil {
		return failed(fmt.Errorf("--save-baseline: %w", err))
	}
	return nil
}

func (g *gating) sameConfiguration(old *record.Baseline) bool {
	if len(old.Sessions) == 0 {
		return false
	}
	last := old.Sessions[len(old.Sessions)-1].Scenarios
	return len(last) == len(g.entries) && !slices.ContainsFunc(g.entries, func(e *gateEntry) bool {
		return !slices.ContainsFunc(last, func(s record.BaselineScenario) bool {
			return s.Name == e.Name && s.Configuration == e.configuration()
		})
	})
}

// knownSpread is how far trials scattered in the baseline's last session.
func (g *gating) knownSpread(e *gateEntry, metric string) (float64, bool) {
	if g.judge.Baseline == nil {
		return 0, false
	}
	s := compare.Spread(g.judge.Baseline.Values(e.Name, metric))
	return s, s == s
}

// readHistory reads what --history holds: a damaged file is told before anything is run.
func (g *gating) readHistory() error {
	if g.f.history == "" {
		return nil
	}
	points, err := record.ReadHistory(g.f.history)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return usage("--history: %w", err)
	}
	g.rec.History = []record.GatePoint{}
	for _, p := range points {
		if p.Plan == g.plan.Name {
			g.rec.History = append(g.rec.History, p)
		}
	}
	return nil
}

// points are this gate's own lines of a history.
func (g *gating) points() (out []record.GatePoint) {
	for i := range g.rec.Budgets {
		b := &g.rec.Budgets[i]
		look := b.First
		if b.Again != nil {
			look = *b.Again
		}
		p := record.GatePoint{
			At: g.rec.StartedAt, Gate: g.rec.ID, Plan: g.rec.Plan.Name, Revision: g.rec.Revision, Scenario: b.Scenario, Metric: b.Metric,
			Unit: b.Unit, Median: look.TestedMedian, Verdict: b.Verdict,
		}
		if v := look.Tested.Values; len(v) > 0 {
			low, high := slices.Min(v), slices.Max(v)
			p.Low, p.High = &low, &high
		}
		if !slices.ContainsFunc(out, func(o record.GatePoint) bool { return o.Scenario == p.Scenario && o.Metric == p.Metric }) {
			out = append(out, p)
		}
	}
	return out
}

// addToHistory appends them to the file.
func (g *gating) addToHistory() error {
	if g.f.history == "" || g.rec.Status != record.Complete {
		return nil
	}
	points := g.points()
	g.rec.History = append(g.rec.History, points...)
	if err := record.AppendHistory(g.f.history, points); err != nil {
		return failed(fmt.Errorf("--history: %w", err))
	}
	return nil
}

// gitHead is the commit of the tree that twomsl runs in; "" where there is none.
func gitHead() string { return machine.GitHead() }
