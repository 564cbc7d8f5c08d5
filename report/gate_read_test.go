package report

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/joshdk/go-junit"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/perf/benchfmt"

	"twomsl/internal/record"
)

// What machines are told is read here by the libraries that others read it with.

func readJUnit(t *testing.T, text string) []junit.Suite {
	t.Helper()
	suites, err := junit.Ingest([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return suites
}

// Every budget is a case with its verdict: what fails the build is never green or skipped.
func TestJUnitIsReadByItsLibrary(t *testing.T) {
	for _, g := range gates() {
		text := renderGate(t, "junit", g, Options{})
		passed, cases := true, 0
		for _, s := range readJUnit(t, text) {
			cases += s.Totals.Tests
			passed = passed && s.Totals.Failed+s.Totals.Error == 0
			if s.Totals.Tests != len(s.Tests) || s.Properties["exit_code"] == "" || s.Properties["gate"] == "" {
				t.Errorf("%s: %+v", g.ID, s)
			}
		}
		if passed != (g.ExitCode == 0) {
			t.Errorf("%s: exit code %d, and JUnit says passed: %v", g.ID, g.ExitCode, passed)
		}
		if want := len(g.Budgets); g.Status == record.Complete && cases != want {
			t.Errorf("%s: %d cases for %d budgets", g.ID, cases, want)
		}
		if err := xml.Unmarshal([]byte(text), new(struct{})); err != nil {
			t.Errorf("%s is no XML: %v", g.ID, err)
		}
	}
}

func TestJUnitVerdicts(t *testing.T) {
	statuses := func(g *record.Gate) (out []junit.Status) {
		for _, s := range readJUnit(t, renderGate(t, "junit", g, Options{})) {
			for _, c := range s.Tests {
				out = append(out, c.Status)
			}
		}
		return out
	}
	const passed, failed, broken, skipped = junit.StatusPassed, junit.StatusFailed, junit.StatusError, junit.StatusSkipped
	tolerated := unsupportedGate()
	tolerated.ExitCode = 0
	for name, in := range map[string]struct {
		gate *record.Gate
		want []junit.Status
	}{
		"pass":        {passGate(), []junit.Status{passed, passed, passed, passed, passed}},
		"regression":  {regressionGate(), []junit.Status{failed, passed, passed, passed, failed}},
		"noisy":       {noisyGate(), []junit.Status{broken, passed, passed, passed, passed}},
		"only warned": {spoiltGate(), []junit.Status{skipped, skipped, passed, passed, passed}},
		"invalid":     {invalidGate(), []junit.Status{broken}},
		"unsupported": {unsupportedGate(), []junit.Status{broken}},
		"tolerated":   {tolerated, []junit.Status{skipped}},
		"failed":      {failedGate(), []junit.Status{broken}},
		"interrupted": {interruptedGate(), []junit.Status{passed, passed, passed, skipped, skipped, broken}},
	} {
		if diff := cmp.Diff(in.want, statuses(in.gate)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	c := readJUnit(t, renderGate(t, "junit", oneRegression(), Options{}))[0].Tests[0]
	if c.Classname != "smoke.churn" || c.Name != "connects_per_second: drop <= 5%" || !strings.HasPrefix(c.Message, "connects_per_second fell by 12.1 % (8.9 to 15.2 %)") ||
		!strings.Contains(c.SystemOut, "tested: 26987 26761") || c.Duration <= 0 {
		t.Errorf("%+v", c)
	}
	whole := readJUnit(t, renderGate(t, "junit", failedGate(), Options{}))[0].Tests[0]
	if e, ok := whole.Error.(junit.Error); !ok || !strings.Contains(e.Body, "\ncmd/server/main.go:12:2: undefined: x\n") {
		t.Errorf("the output is not there: %+v", whole)
	}
}

// series are the values of a metric by its labels, as the library gives them.
func readPrometheus(t *testing.T, text string) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	out := map[string]float64{}
	for name, f := range families {
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
		for _, m := range f.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				key += " " + l.GetName() + "=" + l.GetValue()
			}
			if _, twice := out[key]; twice || m.TimestampMs != nil {
				t.Errorf("%s is there twice, or has a time", key)
			}
			out[key] = m.GetGauge().GetValue()
		}
	}
	return out
}

func TestPrometheusIsReadByItsLibrary(t *testing.T) {
	for _, g := range gates() {
		readPrometheus(t, renderGate(t, "prometheus", g, Options{}))
	}
	g := regressionGate()
	g.Budgets = append(g.Budgets, g.Budgets[0]) // the same twice
	got := readPrometheus(t, renderGate(t, "prometheus", g, Options{}))
	for key, want := range map[string]float64{
		"twomsl_gate_verdict plan=smoke verdict=regression":                                                                                           1,
		"twomsl_gate_verdict plan=smoke verdict=pass":                                                                                                 0,
		"twomsl_gate_exit_code plan=smoke":                                                                                                            3,
		"twomsl_gate_metric plan=smoke scenario=churn metric=connects_per_second unit=1/s variant=reference":                                          30800,
		"twomsl_gate_metric plan=smoke scenario=churn metric=connects_per_second unit=1/s variant=tested":                                             27080,
		"twomsl_gate_limit plan=smoke scenario=exhaustion metric=client.time_wait.peak budget=client.time_wait.peak <= 1000 operator=<= unit=sockets": 1000,
		"twomsl_gate_start_time_seconds plan=smoke":                                                                                                   float64(gateStart.Unix()),
	} {
		if v, ok := got[key]; !ok || v != want {
			t.Errorf("%s is %v (%v), want %v", key, v, ok, want)
		}
	}
	if v := readPrometheus(t, renderGate(t, "prometheus", invalidGate(), Options{})); v["twomsl_gate_status plan=smoke status=invalid"] != 1 || v["twomsl_gate_verdict plan=smoke verdict=pass"] != 0 {
		t.Errorf("invalid: %v", v)
	}
}

// benchstat -col variant needs that nothing but the variant and the look differs in the configuration.
func TestGateFmtIsReadByItsLibrary(t *testing.T) {
	for _, g := range gates() {
		text := renderGate(t, "benchfmt", g, Options{})
		reader := benchfmt.NewReader(strings.NewReader(text), g.ID)
		got, others := map[string][]float64{}, []string{}
		for reader.Scan() {
			switch r := reader.Result().(type) {
			case *benchfmt.SyntaxError:
				t.Errorf("%s: %v\n%s", g.ID, r, text)
			case *benchfmt.Result:
				other := ""
				for _, c := range r.Config {
					if c.File && c.Key != "variant" && c.Key != "look" {
						other += c.Key + "=" + string(c.Value) + " "
					}
				}
				if !slices.Contains(others, other) {
					others = append(others, other)
				}
				for _, v := range r.Values {
					key := r.GetConfig("look") + " " + r.GetConfig("variant") + " " + string(r.Name) + " " + v.Unit
					got[key] = append(got[key], v.Value)
				}
			}
		}
		if err := reader.Err(); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if len(others) > 1 || len(g.Budgets) > 0 && len(others) == 0 {
			t.Errorf("%s: the configuration differs: %q", g.ID, others)
		}
		if g.ID != regressionGate().ID {
			continue
		}
		if want := g.Budgets[0].Again.Tested.Values; !slices.Equal(want, got["again tested Gate/scenario=churn connects_per_second"]) {
			t.Errorf("the values are not there: %v", got)
		}
		if !strings.Contains(others[0], "commit="+g.Revision) {
			t.Errorf("the commit is not there: %q", others)
		}
	}
}
