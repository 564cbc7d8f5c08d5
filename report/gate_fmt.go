package report

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"twomsl/internal/record"
)

func init() { registerGate("benchfmt", writeGateFmt) }

// writeGateFmt writes what benchstat reads (golang.org/x/perf/benchfmt): a line for each value of each trial, in the metric's
// own name, the reference's before those of what is tested. benchstat -col variant holds them against each other, which
// takes that nothing else in the configuration differs between them.
func writeGateFmt(b *bytes.Buffer, g *record.Gate, _ Options) error {
	e := &g.Environment
	line := func(key, value string) {
		if value = clean(value); value != "" {
			fmt.Fprintf(b, "%s: %s\n", key, value)
		}
	}
	line("goos", "linux")
	line("goarch", e.Arch)
	line("cpu", e.CPUModel)
	line("kernel", e.Kernel)
	line("tool", g.Tool)
	line("plan", g.Plan.Name)
	line("commit", g.Revision)
	line("reference", g.Reference)
	var units []string
	for i := range g.Budgets {
		m := &g.Budgets[i]
		if unit := benchWord(m.Metric); unit != "" && !slices.Contains(units, unit) && (m.Better == "lower" || m.Better == "higher") {
			units = append(units, unit)
			fmt.Fprintf(b, "Unit %s better=%s\n", unit, m.Better)
		}
	}
	for _, look := range []string{"first", "again"} {
		for _, variant := range []string{"reference", "tested"} {
			if lines := gateResults(g, look, variant); lines != "" {
				fmt.Fprintf(b, "\nlook: %s\nvariant: %s\n%s", look, variant, lines)
			}
		}
	}
	return nil
}

// gateResults has a line for each value; a metric that several budgets name is told once.
func gateResults(g *record.Gate, look, variant string) string {
	var b bytes.Buffer
	seen := map[string]bool{}
	for i := range g.Budgets {
		one := &g.Budgets[i]
		of := &one.First
		if look == "again" {
			of = one.Again
		}
		name, unit := "Gate/scenario="+benchWord(one.Scenario), benchWord(one.Metric)
		if of == nil || unit == "" {
			continue
		}
		values := of.Tested.Values
		if variant == "reference" {
			values = of.Reference.Values
		}
		if key := name + " " + unit; len(values) == 0 || seen[key] {
			continue
		} else {
			seen[key] = true
		}
		for _, v := range values {
			fmt.Fprintf(&b, "Benchmark%s 1 %s %s\n", name, strconv.FormatFloat(v, 'f', -1, 64), unit)
		}
	}
	return b.String()
}
