package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/montanaflynn/stats"

	"twomsl/internal/record"
	"twomsl/report/compare"
)

// gates are the records of gates of the goldens.
func gates() []*record.Gate {
	return []*record.Gate{
		passGate(), regressionGate(), noisyGate(), spoiltGate(), unconfirmedGate(), absoluteGate(), elsewhereGate(), historyGate(),
		invalidGate(), unsupportedGate(), failedGate(), interruptedGate(), hostileGate(),
	}
}

var gateStart = time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC)

const gatePlanText = `name: smoke
against: git:main
trials: 6
scenarios:
  - name: churn
    scenario: churn
    budgets:
      - "connects_per_second: drop <= 5%"
      - "connect.p99_us: rise <= 20%"
      - bytes_lost == 0
  - name: exhaustion
    scenario: port-exhaustion-small
    budgets:
      - no EADDRNOTAVAIL
      - client.time_wait.peak <= 1000
`

func gateOf(id, verdict string, code int) *record.Gate {
	return &record.Gate{
		Schema: record.GateSchema, ID: id + "-20261121-101500-ab12", Tool: "twomsl 1.0.0", Status: record.Complete, Verdict: verdict,
		ExitCode: code, StartedAt: gateStart, Seconds: 250.4, Command: "twomsl gate smoke.yaml",
		Plan: record.GatePlan{
			Name: "smoke", File: "ci/smoke.yaml", Text: gatePlanText, Trials: 6, Again: 12, Level: 0.05, Power: 0.8, MaxSeconds: 600, Seed: 20261121,
		},
		Revision: "4f2a9c1d0b7e4f2a9c1d0b7e4f2a9c1d0b7e4f2a", Reference: "git:main",
		Host: record.GateHost{LoadBefore: ptr(0.31), StealShare: ptr(0.002), OthersShare: ptr(0.018)},
		Environment: record.Environment{
			Kernel: "6.18.5-amd64", Arch: "x86_64", CPUModel: "AMD EPYC 7763", CPUs: 8, HZ: 250, Root: true, NoFileLimit: 1 << 20,
			MemoryBytes: 32 << 30, Unmeasured: map[string]string{},
		},
	}
}

// tried adds a scenario with a look at it.
func tried(g *record.Gate, name, scenario, title string) *record.GateScenario {
	look := func(part string, trials int, variants ...record.Variant) *record.Comparison {
		c := comparisonOf(stemOf(g.ID)+"-"+part, scenario, title, "", trials, variants...)
		c.ID, c.Seconds = g.ID+"-"+name+"-"+part, float64(len(variants)*trials)*5.1
		return c
	}
	variants := []record.Variant{{Name: compare.GateReference}, {Name: compare.GateTested}}
	if g.Reference == "" || strings.HasPrefix(g.Reference, "baseline ") {
		variants = variants[1:]
	}
	g.Scenarios = append(g.Scenarios, record.GateScenario{
		Name: name, Scenario: record.Scenario{Name: scenario, Title: title, Topology: "veth", Family: "ipv4", Spec: []byte(`{"name":"` + scenario + `"}`)},
		Noise: look("noise", 3, record.Variant{Name: "one"}, record.Variant{Name: "other"}), First: look("first", g.Plan.Trials, variants...),
	})
	return &g.Scenarios[len(g.Scenarios)-1]
}

// spreadOut are n values around a median, in an order that is no order.
func spreadOut(median, share float64, n int) []float64 {
	out := around(median, share, n)
	for i := range out {
		out[i] = math.Round(out[i])
	}
	for i := 0; i+2 < n; i += 3 {
		out[i], out[i+2] = out[i+2], out[i]
	}
	return out
}

// lookAt is a look at a relative budget of a timed metric; the values' own medians are told.
func lookAt(reference, tested []float64, half, p float64, verdict string) record.GateLook {
	r, _ := stats.Median(reference)
	m, _ := stats.Median(tested)
	change := m/r - 1
	l := record.GateLook{
		Reference: record.Value{Values: reference}, Tested: record.Value{Values: tested}, ReferenceMedian: &r, TestedMedian: &m, Change: &change,
		Interval: &record.Interval{Low: change - half, High: change + half}, Alpha: 0.0125, Verdict: verdict,
	}
	l.PBroken, l.PHolds = ptr(p), ptr(min(1, 1-p))
	if verdict == record.Holds {
		l.PBroken, l.PHolds = ptr(1-p), ptr(p)
	}
	return l
}

// relative adds a budget of a timed metric.
func relative(g *record.Gate, scenario, metric, unit, better, operator string, limit float64, verdict string, looks ...record.GateLook) *record.GateBudget {
	b := record.GateBudget{
		Scenario: scenario, Text: fmt.Sprintf("%s: %s <= %g%%", metric, operator, 100*limit), Metric: metric, Unit: unit, Better: better, Relative: true,
		Operator: operator, Limit: limit, Share: true, Verdict: verdict, Smallest: ptr(limit + 0.031), First: looks[0],
	}
	if len(looks) > 1 {
		b.Again = &looks[1]
	}
	g.Budgets = append(g.Budgets, b)
	return &g.Budgets[len(g.Budgets)-1]
}

// absolute adds a budget of a counted metric.
func absolute(g *record.Gate, scenario, text, metric, unit, operator string, limit float64, verdict string, values ...float64) *record.GateBudget {
	m, _ := stats.Median(values)
	outside := 0
	for _, v := range values {
		if operator == "<=" && v > limit || operator == "==" && v != limit {
			outside++
		}
	}
	look := map[string]string{record.Pass: record.Holds, record.Regression: record.Broken}[verdict]
	if look == "" {
		look = record.Unclear
	}
	g.Budgets = append(g.Budgets, record.GateBudget{
		Scenario: scenario, Text: text, Metric: metric, Unit: unit, Better: "lower", Exact: true, Operator: operator, Limit: limit, Verdict: verdict,
		First: record.GateLook{Tested: record.Value{Values: values}, TestedMedian: &m, Verdict: look, Outside: outside},
	})
	return &g.Budgets[len(g.Budgets)-1]
}

func six(v float64) []float64 { return slices.Repeat([]float64{v}, 6) }

func noise(g *record.Gate, scenario, metric string, spread, smallest, asked float64, needed int) {
	g.Noise = append(g.Noise, record.GateNoise{
		Scenario: scenario, Metric: metric, Trials: 6, Spread: spread, Smallest: smallest, Asked: asked, TrialsNeeded: needed, Planned: 6, Again: 12,
	})
}

// plain4 adds what most gates have: two scenarios with budgets that hold.
func plain4(g *record.Gate) {
	tried(g, "churn", "churn", "connections come and go")
	tried(g, "exhaustion", "port-exhaustion-small", "1,000 ports, 200/s")
	noise(g, "churn", "connects_per_second", 0.021, 0.04, 0.05, 5)
	noise(g, "churn", "connect.p99_us", 0.06, 0.11, 0.2, 4)
	relative(g, "churn", "connects_per_second", "1/s", "higher", "drop", 0.05, record.Pass,
		lookAt(spreadOut(30878, 0.02, 6), spreadOut(30500, 0.02, 6), 0.021, 0.0021, record.Holds))
	relative(g, "churn", "connect.p99_us", "us", "lower", "rise", 0.2, record.Pass,
		lookAt(spreadOut(160, 0.06, 6), spreadOut(163, 0.06, 6), 0.07, 0.0004, record.Holds))
	absolute(g, "churn", "bytes_lost == 0", "bytes_lost", "bytes", "==", 0, record.Pass, six(0)...)
	absolute(g, "exhaustion", "no EADDRNOTAVAIL", "failed.address-not-available", "connections", "==", 0, record.Pass, six(0)...)
	absolute(g, "exhaustion", "client.time_wait.peak <= 1000", "client.time_wait.peak", "sockets", "<=", 1000, record.Pass, 998, 1000, 999, 1000, 998, 1000)
}

func passGate() *record.Gate {
	g := gateOf("gate", record.Pass, 0)
	plain4(g)
	return g
}

func regressionGate() *record.Gate {
	g := gateOf("gate-regression", record.Regression, 3)
	plain4(g)
	again := *g.Scenarios[0].First
	again.ID, again.Trials = g.ID+"-churn-again", nil
	turns(&again, 12)
	g.Scenarios[0].Again = &again
	b := &g.Budgets[0]
	b.Verdict, b.Smallest = record.Regression, nil
	b.First = lookAt(spreadOut(30878, 0.02, 6), spreadOut(27100, 0.025, 6), 0.034, 0.0011, record.Broken)
	second := lookAt(spreadOut(30800, 0.02, 12), spreadOut(27080, 0.022, 12), 0.0315, 0.00002, record.Broken)
	b.Again = &second
	g.Why = "regression: churn: connects_per_second: drop <= 5%; exhaustion: client.time_wait.peak <= 1000: outside in 12 of 12 trials"
	broken := &g.Budgets[4]
	broken.Verdict, broken.Why = record.Regression, "outside in 12 of 12 trials"
	broken.First = record.GateLook{
		Tested: record.Value{Values: []float64{1204, 1180, 1230, 1201, 1199, 998}}, TestedMedian: ptr(1200.0), Outside: 5, Verdict: record.Broken,
		Why: "outside in 5 of 6 trials",
	}
	second2 := broken.First
	second2.Tested.Values = []float64{1204, 1180, 1230, 1201, 1199, 1210, 1204, 1180, 1230, 1201, 1199, 1210}
	second2.TestedMedian, second2.Outside, second2.Why = ptr(1201.0), 12, broken.Why
	broken.Again = &second2
	return g
}

// noisyGate cannot tell: the machine differs from itself by more than the plan asks about.
func noisyGate() *record.Gate {
	g := gateOf("gate-noisy", record.Inconclusive, 4)
	plain4(g)
	g.Noise[0].Spread, g.Noise[0].Smallest, g.Noise[0].TrialsNeeded = 0.083, 0.16, 54
	b := &g.Budgets[0]
	b.Verdict, b.Smallest = record.Inconclusive, ptr(0.21)
	b.Why = "the change lies between -11.9 % and +2.4 %, and the limit, -5.0 %, within that"
	b.First = lookAt(spreadOut(30878, 0.09, 6), spreadOut(29400, 0.1, 6), 0.11, 0.41, record.Unclear)
	g.Why = "inconclusive: churn: connects_per_second: drop <= 5%: " + b.Why
	return g
}

// spoiltGate is inconclusive by a warning that makes a metric useless, and told with exit code 0 all the same.
func spoiltGate() *record.Gate {
	g := gateOf("gate-spoilt", record.Inconclusive, 0)
	plain4(g)
	g.Command = "twomsl gate smoke.yaml --inconclusive warn"
	g.Warnings = []record.Warning{{
		Code: "stolen", Text: "the hypervisor took 11 % of the machine's time during the gate", Advice: "run it on a machine that is not shared",
		Spoils: []string{"connects_per_second", "connect.p99_us"},
	}, {Code: "remark", Text: "the reference was built with another Go"}}
	for i := range 2 {
		b := &g.Budgets[i]
		b.Verdict, b.Why, b.Smallest = record.Inconclusive, "the hypervisor took 11 % of the machine's time during the gate", nil
		b.First.Verdict = record.Unclear
	}
	g.Host.StealShare = ptr(0.11)
	return g
}

// unconfirmedGate had a suspicion that a second look did not bear out.
func unconfirmedGate() *record.Gate {
	g := gateOf("gate-unconfirmed", record.Pass, 0)
	plain4(g)
	b := &g.Budgets[0]
	b.First = lookAt(spreadOut(30878, 0.02, 6), spreadOut(28000, 0.03, 6), 0.031, 0.009, record.Broken)
	second := lookAt(spreadOut(30800, 0.02, 12), spreadOut(30400, 0.03, 12), 0.019, 0.0041, record.Holds)
	b.Again, b.Why = &second, "suspected at the first look, and not seen again"
	return g
}

// absoluteGate has nothing to be held against.
func absoluteGate() *record.Gate {
	g := gateOf("gate-absolute", record.Pass, 0)
	g.Reference, g.Revision = "", ""
	tried(g, "exhaustion", "port-exhaustion-small", "1,000 ports, 200/s")
	absolute(g, "exhaustion", "no EADDRNOTAVAIL", "failed.address-not-available", "connections", "==", 0, record.Pass, six(0)...)
	absolute(g, "exhaustion", "client.time_wait.peak <= 1000", "client.time_wait.peak", "sockets", "<=", 1000, record.Pass, six(998)...)
	b := absolute(g, "exhaustion", "first_exhaustion_seconds > 60", "first_exhaustion_seconds", "s", ">", 60, record.Pass)
	b.Better, b.Exact = "higher", false
	b.First.TestedMedian, b.First.Tested = nil, record.Value{Never: 6, Bound: "never"}
	return g
}

// elsewhereGate is held against a baseline from another machine.
func elsewhereGate() *record.Gate {
	g := gateOf("gate-elsewhere", record.Inconclusive, 4)
	plain4(g)
	g.Reference, g.Noise = "baseline ci/base.json", nil
	g.Baseline = &record.GateBaseline{
		File: "ci/base.json", SavedAt: gateStart.AddDate(0, 0, -9), Sessions: 4, Revision: "91bb03e8a4d1c2",
		Differs: []string{"kernel (6.12.48-amd64 there, 6.18.5-amd64 here)", "processor (Intel Xeon 8375C there, AMD EPYC 7763 here)"},
		Why:     "it differs in kernel; processor",
	}
	for i := range 2 {
		b := &g.Budgets[i]
		b.Verdict, b.Smallest, b.Why = record.Inconclusive, nil, "the baseline's times are not held against: it differs in kernel; processor"
		b.First.Verdict, b.First.Interval, b.First.PBroken, b.First.PHolds = record.Unclear, nil, nil, nil
	}
	drops := absolute(g, "exhaustion", "listen_drops: rise <= 5", "listen_drops", "", "", 5, record.Pass, six(3)...)
	drops.Relative, drops.Operator = true, "rise"
	drops.First.Reference, drops.First.ReferenceMedian = record.Value{Values: six(2)}, ptr(2.0)
	drops.First.Change, drops.Smallest = ptr(0.5), ptr(1.0)
	return g
}

// historyGate has thirty gates behind it.
func historyGate() *record.Gate {
	g := regressionGate()
	g.ID = "gate-history" + g.ID[len("gate-regression"):]
	for n := range 30 {
		at := gateStart.AddDate(0, 0, n-29)
		for i := range g.Budgets {
			b := &g.Budgets[i]
			wave := 1 + 0.012*math.Sin(float64(n)*1.3)
			p := record.GatePoint{
				At: at, Gate: fmt.Sprintf("gate-%02d", n), Plan: "smoke", Revision: fmt.Sprintf("%07x0b7e", 0x4f2a9c1+n*7919), Scenario: b.Scenario, Metric: b.Metric,
				Unit: b.Unit, Verdict: record.Pass,
			}
			switch m := *lastLook(b).TestedMedian; {
			case n == 29:
				p.Gate, p.Revision, p.Verdict, p.Median = g.ID, g.Revision, b.Verdict, &m
			case b.Exact:
				p.Median = ptr(min(m, 1000))
			case n >= 12 && n < 14 && i == 0:
				p.Verdict, p.Median = record.Regression, ptr(math.Round(28000*wave))
			default:
				p.Median = ptr(math.Round(valueOr(lastLook(b).ReferenceMedian, m) * wave))
			}
			p.Low, p.High = ptr(*p.Median*0.98), ptr(*p.Median*1.02)
			g.History = append(g.History, p)
		}
	}
	return g
}

func notRun(g *record.Gate, status record.Status, code int, why string) *record.Gate {
	g.Status, g.Verdict, g.ExitCode, g.Why = status, "", code, why
	g.Seconds, g.Host, g.Environment.Kernel = 0, record.GateHost{}, ""
	return g
}

func invalidGate() *record.Gate {
	return notRun(gateOf("gate-invalid", "", 0), record.Invalid, 2,
		"ci/smoke.yaml:9: budget \"connects_per_second: drop <= 5\": a drop of a timed metric is a share; write 5%")
}

func unsupportedGate() *record.Gate {
	return notRun(gateOf("gate-unsupported", "", 0), record.Unsupported, 6,
		"no namespaces can be made here: sysctl -w kernel.unprivileged_userns_clone=1, or run it as root")
}

func failedGate() *record.Gate {
	g := notRun(gateOf("gate-failed", "", 0), record.Failed, 1,
		"building the reference failed: make server: exit status 2\ngo build ./cmd/server\n# server\ncmd/server/main.go:12:2: undefined: x\nmake: *** [server] Error 1\n")
	return g
}

// interruptedGate was stopped when one scenario was over.
func interruptedGate() *record.Gate {
	g := gateOf("gate-interrupted", "", 130)
	plain4(g)
	g.Status, g.Why, g.Scenarios[1].First = record.Interrupted, "interrupted: what was measured so far stands in the report, without a verdict", nil
	for i := range g.Budgets {
		b := &g.Budgets[i]
		if b.Scenario == "exhaustion" {
			b.Verdict, b.First = "", record.GateLook{}
		}
	}
	return g
}

// hostileGate is a record that wants to steer terminals, pages, workflows and readers of XML.
func hostileGate() *record.Gate {
	const evil = "\x1b[31m<script>alert(1)</script>|`*[x](y)\u202e\n::error::x%0A,:\"'\\{}]]>&amp;\x00\ufffe # head"
	g := gateOf("gate-hostile", record.Regression, 3)
	plain4(g)
	g.Tool, g.Command, g.Revision, g.Reference, g.Why = evil, "twomsl "+evil, evil, evil, evil
	g.Plan.Name, g.Plan.File, g.Plan.Text = evil, "../"+evil, evil+"\n```\n"+evil
	g.Scenarios[0].Name, g.Scenarios[0].Scenario.Name = evil, evil
	for i := range g.Budgets {
		b := &g.Budgets[i]
		if b.Scenario == "churn" {
			b.Scenario = evil
		}
		b.Text, b.Metric, b.Unit, b.Why, b.First.Why = evil, evil+b.Metric, evil, evil, evil
		b.Verdict, b.First.Verdict = record.Regression, record.Broken
	}
	for i := range g.Noise {
		g.Noise[i].Scenario, g.Noise[i].Metric = evil, evil
	}
	g.Budgets[0].Again = &g.Budgets[0].First
	g.Baseline = &record.GateBaseline{File: evil, Revision: evil, Differs: []string{evil}, Why: evil}
	g.Warnings = []record.Warning{{Code: evil, Text: evil, Advice: evil, Spoils: []string{evil}}}
	g.Environment.Kernel, g.Environment.CPUModel = evil, evil
	for n := range 3 {
		g.History = append(g.History, record.GatePoint{
			At: gateStart.AddDate(0, 0, n), Gate: fmt.Sprint(evil, n), Plan: evil, Revision: evil, Scenario: evil, Metric: evil + "connects_per_second",
			Unit: evil, Median: ptr(float64(n)), Verdict: record.Regression,
		})
	}
	return g
}
