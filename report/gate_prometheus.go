package report

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"twomsl/internal/record"
)

func init() { registerGate("prometheus", writeGatePrometheus) }

// family is a metric of Prometheus with its series, each once.
type family struct {
	name, help string
	lines      []string
	seen       map[string]bool
}

// set adds a series; labels are names and values in turn. A series that is there already stays as it is.
func (f *family) set(v float64, labels ...string) {
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+labelEscapes.Replace(clean(labels[i+1]))+`"`)
	}
	series := f.name + "{" + strings.Join(pairs, ",") + "}"
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	if !f.seen[series] {
		f.seen[series] = true
		f.lines = append(f.lines, series+" "+strconv.FormatFloat(v, 'g', -1, 64))
	}
}

func (f *family) setPtr(v *float64, labels ...string) {
	if v != nil {
		f.set(*v, labels...)
	}
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// writeGatePrometheus writes the gate in Prometheus' text format, without times: that is what node_exporter's textfile
// collector and the pushgateway take.
func writeGatePrometheus(b *bytes.Buffer, g *record.Gate, _ Options) error {
	for _, f := range append(gateFamilies(g), budgetFamilies(g)...) {
		if len(f.lines) > 0 {
			fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n%s\n", f.name, f.help, f.name, strings.Join(f.lines, "\n"))
		}
	}
	return nil
}

// gateFamilies tell the gate as a whole.
func gateFamilies(g *record.Gate) []*family {
	plan := gateName(g)
	info := &family{name: "twomsl_gate_info", help: "What the last gate of the plan was of; always 1."}
	info.set(1, "plan", plan, "gate", g.ID, "revision", g.Revision, "reference", g.Reference, "kernel", g.Environment.Kernel,
		"tool", g.Tool)
	verdict := &family{name: "twomsl_gate_verdict", help: "1 for what the gate came to, 0 for the others; all are 0 unless it is complete."}
	for _, v := range []string{record.Pass, record.Regression, record.Inconclusive} {
		verdict.set(oneIf(g.Status == record.Complete && g.Verdict == v), "plan", plan, "verdict", v)
	}
	status := &family{name: "twomsl_gate_status", help: "1 for how the gate ended, 0 for the others."}
	for _, s := range []record.Status{record.Complete, record.Interrupted, record.Failed, record.Invalid, record.Unsupported} {
		status.set(oneIf(g.Status == s), "plan", plan, "status", string(s))
	}
	code := &family{name: "twomsl_gate_exit_code", help: "The exit code of twomsl gate."}
	code.set(float64(g.ExitCode), "plan", plan)
	took := &family{name: "twomsl_gate_duration_seconds", help: "How long the gate took."}
	took.set(g.Seconds, "plan", plan)
	at := &family{name: "twomsl_gate_start_time_seconds", help: "When the gate began, in seconds since 1970."}
	if !g.StartedAt.IsZero() {
		at.set(float64(g.StartedAt.Unix()), "plan", plan)
	}
	noise := &family{name: "twomsl_gate_noise_ratio", help: "Standard deviation between trials of one and the same thing, as a share of their mean."}
	for i := range g.Noise {
		n := &g.Noise[i]
		noise.set(n.Spread, "plan", plan, "scenario", n.Scenario, "metric", n.Metric)
	}
	return []*family{info, verdict, status, code, took, at, noise}
}

// budgetFamilies tell each budget and the metric that it is about, by the look that decides.
func budgetFamilies(g *record.Gate) []*family {
	verdict := &family{name: "twomsl_gate_budget_verdict", help: "1 for what the budget came to, 0 for the others."}
	metric := &family{name: "twomsl_gate_metric", help: "Median over the trials of a variant, in the unit that the label names."}
	limit := &family{name: "twomsl_gate_limit", help: "The limit of a budget, in the unit that the label names; ratio is a share of the reference."}
	change := &family{name: "twomsl_gate_change_ratio", help: "How far what was tested differs from the reference, as a share of it."}
	low := &family{name: "twomsl_gate_change_low_ratio", help: "The lower end of the interval of the change."}
	high := &family{name: "twomsl_gate_change_high_ratio", help: "The upper end of the interval of the change."}
	for i := range g.Budgets {
		b := &g.Budgets[i]
		l, of := lastLook(b), []string{"plan", gateName(g), "scenario", b.Scenario, "metric", b.Metric}
		with := func(more ...string) []string { return append(of[:len(of):len(of)], more...) }
		budget := with("budget", budgetName(b))
		for _, v := range []string{record.Pass, record.Regression, record.Inconclusive} {
			verdict.set(oneIf(b.Verdict == v), append(budget[:len(budget):len(budget)], "verdict", v)...)
		}
		if b.Relative {
			metric.setPtr(l.ReferenceMedian, with("unit", b.Unit, "variant", "reference")...)
		}
		metric.setPtr(l.TestedMedian, with("unit", b.Unit, "variant", "tested")...)
		unit := b.Unit
		if b.Share {
			unit = "ratio"
		}
		limit.set(b.Limit, append(budget[:len(budget):len(budget)], "operator", b.Operator, "unit", unit)...)
		change.setPtr(l.Change, budget...)
		if i := l.Interval; i != nil {
			low.set(i.Low, budget...)
			high.set(i.High, budget...)
		}
	}
	return []*family{verdict, metric, limit, change, low, high}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
