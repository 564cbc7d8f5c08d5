package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// smallComparison has something in every list.
func smallComparison() *Comparison {
	two, half := int64(2), 0.5
	value := Value{Values: []float64{1, 2}, Bound: "at-least"}
	c := &Comparison{
		ID: "compare-x", Status: Complete, Seconds: 3,
		Plan: Plan{Trials: 2, Seed: 7, Jobs: 1, Level: 0.05, Interleaved: true, ByLine: true, Primary: []string{"failed"}},
		Variants: []Variant{{Name: "before", Source: "default", Spec: []byte(`{}`)}, {
			Name: "after", Set: []string{"close.side=client"}, Spec: []byte(`{}`), Counted: 2,
			Sysctl: SidePair[[]VariantSetting]{Client: []VariantSetting{{Key: "net.a", Value: "1", File: "f", Line: 2}}},
			Curves: &Curve{
				Trial: "t", PortsUsable: &two, PortsForecast: &half, LoadSeconds: 1,
				Samples: []CurvePoint{{AtSeconds: 0.5, ClientTimeWait: &two}},
				States:  []CurveStates{{States: SidePair[Counts]{Client: Counts{TimeWait: 2}}}},
				Latency: []LatencyPoint{{Quantile: 0.5, US: 30}},
			},
		}},
		Trials: []ComparedTrial{{Variant: "after", ID: "t", Counted: true}},
		Metrics: []Metric{{
			Name: "failed", Better: "lower", Variant: "after", Before: &half, After: &half, P: &half, Verdict: NoDifference,
			Details: ValuePair{Before: value, After: value},
		}},
		Settings: []ComparedSetting{{Variant: "after", Side: "client", SysctlAsked: SysctlAsked{Key: "net.a", Outcome: SysctlChanged}}},
		Lines:    []Line{{LineRef: LineRef{"net.a", "1", "client"}, Verdict: Helps, Before: &half}},
		Enough:   []LineRef{{"net.a", "1", "client"}},
		Warnings: []Warning{{Code: "variants-equal", Text: "equal"}},
	}
	return c
}

// A comparison takes the place of what was kept of it before, and reads back as it was.
func TestComparisonIsKeptAndReadBack(t *testing.T) {
	dir := t.TempDir()
	c := smallComparison()
	c.Status = Interrupted
	for _, status := range []Status{Interrupted, Complete} {
		c.Status = status
		path, err := KeepComparison(dir, c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadComparison(path)
		if err != nil {
			t.Fatal(err)
		}
		want := normalComparison(c)
		want.Schema = ComparisonSchema
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%d files are left, %v", len(files), err)
	}
	if _, err := KeepComparison(filepath.Join(dir, "compare-x.json"), c); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestComparisonChecks(t *testing.T) {
	negative, two := int64(-1), 2.0
	for want, spoil := range map[string]func(*Comparison){
		`schema is "x", not twomsl/comparison/v1`: func(c *Comparison) { c.Schema = "x" },
		"the id is empty":                         func(c *Comparison) { c.ID = "" },
		`status is "done"`:                        func(c *Comparison) { c.Status = "done" },
		"plan.level is 0":                         func(c *Comparison) { c.Plan.Level = 0 },
		"plan.trials is a count":                  func(c *Comparison) { c.Plan.Trials = -1 },
		`variants[1].name "before" is empty or there twice`: func(c *Comparison) {
			c.Variants[1].Name, c.Trials, c.Metrics, c.Settings = "before", nil, nil, nil
		},
		`trials[0].variant is "x"`:                       func(c *Comparison) { c.Trials[0].Variant = "x" },
		`metrics[0].verdict is "good"`:                   func(c *Comparison) { c.Metrics[0].Verdict = "good" },
		`metrics[0].better is "more"`:                    func(c *Comparison) { c.Metrics[0].Better = "more" },
		"metrics[0].p is 2, no probability":              func(c *Comparison) { c.Metrics[0].P = &two },
		`settings[0].side is "both"`:                     func(c *Comparison) { c.Settings[0].Side = "both" },
		`lines[0].verdict is "perhaps"`:                  func(c *Comparison) { c.Lines[0].Verdict = "perhaps" },
		"variants[1].curves.ports_usable is a count":     func(c *Comparison) { c.Variants[1].Curves.PortsUsable = &negative },
		"variants[1].curves.latency[0].quantile is 2":    func(c *Comparison) { c.Variants[1].Curves.Latency[0].Quantile = 2 },
		"variants[1].curves.states[0].states.client has": func(c *Comparison) { c.Variants[1].Curves.States[0].States.Client["X"] = 1 },
	} {
		c := smallComparison()
		if err := c.Check(); err != nil {
			t.Fatalf("before anything is spoilt: %v", err)
		}
		spoil(c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzDecodeComparison(f *testing.F) {
	whole, err := EncodeComparison(smallComparison())
	if err != nil {
		f.Fatal(err)
	}
	fuzzDecode(f, whole, ComparisonSchema, DecodeComparison, EncodeComparison)
}
