package record

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var gateTime = time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC)

// smallGate has something in every list.
func smallGate() *Gate {
	half, one := 0.5, 1.0
	look := GateLook{
		Reference: Value{Values: []float64{9, 10}}, Tested: Value{Values: []float64{5, 6}}, ReferenceMedian: &one, TestedMedian: &half,
		Change: &half, Interval: &Interval{0.4, 0.6}, PBroken: &half, PHolds: &half, Alpha: 0.01, Verdict: Broken, Why: "less",
	}
	return &Gate{
		ID: "gate-x", Tool: "twomsl 1.2.3", Status: Complete, Verdict: Regression, ExitCode: 3, StartedAt: gateTime, Seconds: 9,
		Plan: GatePlan{Name: "smoke", File: "smoke.yaml", Text: "a: 1\n", Trials: 2, Again: 4, Level: 0.05, Power: 0.9, MaxSeconds: 60},
		Budgets: []GateBudget{{
			Scenario: "a", Text: "connects_per_second: drop <= 10%", Metric: "connects_per_second", Unit: "1/s", Better: "higher",
			Relative: true, Operator: "drop", Limit: 0.1, Share: true, Verdict: Regression, Smallest: &half, First: look, Again: &look,
		}, {
			Scenario: "a", Text: "bytes_lost == 0", Metric: "bytes_lost", Better: "lower", Exact: true, Operator: "==", Verdict: Pass,
			First: GateLook{Verdict: Holds},
		}},
		Scenarios: []GateScenario{{Name: "a", Scenario: Scenario{Spec: []byte(`{}`)}, First: smallComparison()}},
		Noise:     []GateNoise{{Scenario: "a", Metric: "connects_per_second", Trials: 2, Spread: 0.02, Smallest: 0.04, Asked: 0.1}},
		Host:      GateHost{LoadBefore: &half, StealShare: &half},
		Baseline:  &GateBaseline{File: "base.json", SavedAt: gateTime, Sessions: 2, Differs: []string{"kernel"}},
		History:   smallHistory(),
		Warnings:  []Warning{{Code: "busy", Text: "busy", Spoils: []string{"connects_per_second"}}},
	}
}

func smallHistory() []GatePoint {
	half, one := 0.5, 1.0
	return []GatePoint{
		{At: gateTime, Gate: "gate-w", Plan: "smoke", Scenario: "a -> b", Metric: "failed", Verdict: Pass},
		{At: gateTime.Add(time.Hour), Gate: "gate-x", Revision: "abc", Scenario: "a", Metric: "failed", Median: &one, Low: &half, High: &one},
	}
}

func smallBaseline() *Baseline {
	return &Baseline{
		Tool: "twomsl 1.2.3", Plan: "smoke", SavedAt: gateTime, Fingerprint: map[string]string{"kernel": "6.18"},
		Sessions: []BaselineSession{{At: gateTime, Gate: "gate-x", BootID: "b", Scenarios: []BaselineScenario{{
			Name: "a", Configuration: "c0ffee", Metrics: []BaselineMetric{
				{Name: "failed", Exact: true, Value: Value{Values: []float64{1, 2}}, Each: []float64{9, 9}}, {Name: "other"},
			},
		}}}},
	}
}

// A gate takes the place of what was kept of it before, and reads back as it was.
func TestGateIsKeptAndReadBack(t *testing.T) {
	dir := t.TempDir()
	g := smallGate()
	for _, keep := range []func(string, *Gate) (string, error){WriteGate, KeepGate} {
		path, err := keep(dir, g)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadGate(path)
		if err != nil {
			t.Fatal(err)
		}
		want := normalGate(g)
		want.Schema = GateSchema
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	onlyFile(t, dir, "gate-x.json")
	if g.Budgets[1].First.Tested.Values != nil || g.Scenarios[0].First.Schema != "" {
		t.Error("what was written is changed")
	}
	if _, err := WriteGate(dir, g); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a gate was overwritten: %v", err)
	}
}

// What was never run has no budgets that came to anything.
func TestGateThatDidNotRun(t *testing.T) {
	for _, status := range []Status{Invalid, Unsupported, Failed, Interrupted} {
		g := &Gate{ID: "gate-x", Status: status, ExitCode: 2, Why: "no"}
		if status == Interrupted {
			g.Budgets = []GateBudget{{Scenario: "a", Metric: "failed", Better: "lower", Operator: "<="}}
		}
		if err := g.Check(); err != nil {
			t.Errorf("%s: %v", status, err)
		}
	}
}

func TestGateChecks(t *testing.T) {
	wild, negative := math.NaN(), -1.0
	refuses(t, map[string]func(*Gate){
		`schema is "x", not twomsl/gate/v1`:           func(g *Gate) { g.Schema = "x" },
		"the id is empty":                             func(g *Gate) { g.ID = "" },
		`status is "done"`:                            func(g *Gate) { g.Status = "done" },
		`verdict is "", not one of`:                   func(g *Gate) { g.Verdict = "" },
		`verdict is "regression" although the status`: func(g *Gate) { g.Status = Failed },
		"exit_code cannot be 256":                     func(g *Gate) { g.ExitCode = 256 },
		"seconds cannot be -1":                        func(g *Gate) { g.Seconds = -1 },
		"plan.level is 2, not between":                func(g *Gate) { g.Plan.Level = 2 },
		"plan.power is -1":                            func(g *Gate) { g.Plan.Power = -1 },
		"plan.again is a count":                       func(g *Gate) { g.Plan.Again = -1 },
		`scenarios[0].name "" is empty`:               func(g *Gate) { g.Scenarios[0].Name = "" },
		"scenarios[0].first.plan.level is 0":          func(g *Gate) { g.Scenarios[0].First.Plan.Level = 0 },
		`budgets[1].scenario is "b"`:                  func(g *Gate) { g.Budgets[1].Scenario = "b" },
		"budgets[1].metric is empty":                  func(g *Gate) { g.Budgets[1].Metric = "" },
		`budgets[1].better is "up"`:                   func(g *Gate) { g.Budgets[1].Better = "up" },
		`budgets[0].operator is "=="`:                 func(g *Gate) { g.Budgets[0].Operator = "==" },
		`budgets[1].operator is "drop"`:               func(g *Gate) { g.Budgets[1].Operator = "drop" },
		"budgets[0].limit cannot be NaN":              func(g *Gate) { g.Budgets[0].Limit = wild },
		"budgets[0].smallest cannot be -1":            func(g *Gate) { g.Budgets[0].Smallest = &negative },
		`budgets[0].verdict is "good"`:                func(g *Gate) { g.Budgets[0].Verdict = "good" },
		`budgets[0].again.verdict is ""`:              func(g *Gate) { g.Budgets[0].Again.Verdict = "" },
		"budgets[0].first.alpha is -1":                func(g *Gate) { g.Budgets[0].First.Alpha = -1 },
		"budgets[0].first.change cannot be NaN":       func(g *Gate) { g.Budgets[0].First.Change = &wild },
		"budgets[0].first.p_holds is -1":              func(g *Gate) { g.Budgets[0].First.PHolds = &negative },
		"budgets[0].first.interval cannot be 3 to 1":  func(g *Gate) { g.Budgets[0].First.Interval = &Interval{3, 1} },
		"first.tested.values[0] cannot be NaN":        func(g *Gate) { g.Budgets[1].First.Tested.Values = []float64{wild} },
		"noise[0].metric is empty":                    func(g *Gate) { g.Noise[0].Metric = "" },
		"noise[0].spread cannot be NaN":               func(g *Gate) { g.Noise[0].Spread = wild },
		"host.load_before cannot be -1":               func(g *Gate) { g.Host.LoadBefore = &negative },
		"baseline.sessions is a count":                func(g *Gate) { g.Baseline.Sessions = -1 },
		"history[1].median cannot be NaN":             func(g *Gate) { g.History[1].Median = &wild },
		"history[1].low is 0.5, above high":           func(g *Gate) { g.History[1].High = &negative },
		"history[0].at is missing":                    func(g *Gate) { g.History[0].At = time.Time{} },
	}, smallGate)
	if err := smallGate().Check(); err != nil {
		t.Error(err)
	}
}

func TestBaselineChecks(t *testing.T) {
	refuses(t, map[string]func(*Baseline){
		`schema is "x"`:                     func(b *Baseline) { b.Schema = "x" },
		`sessions[0].scenarios[0].name ""`:  func(b *Baseline) { b.Sessions[0].Scenarios[0].Name = "" },
		`metrics[1].name "failed" is empty`: func(b *Baseline) { b.Sessions[0].Scenarios[0].Metrics[1].Name = "failed" },
		"each has 1 entries for 2 values":   func(b *Baseline) { b.Sessions[0].Scenarios[0].Metrics[0].Each = []float64{1} },
		"value.values[0] cannot be +Inf":    func(b *Baseline) { b.Sessions[0].Scenarios[0].Metrics[0].Value.Values[0] = math.Inf(1) },
	}, smallBaseline)
}

// A baseline takes the place of an older one, keeps the file's mode and the link that led to it, and is never half there.
func TestWriteBaseline(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.json"), filepath.Join(dir, "base.json")
	if err := os.WriteFile(real, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteBaseline(link, smallBaseline()); err != nil {
		t.Fatal(err)
	}
	got, err := ReadBaseline(real)
	if err != nil {
		t.Fatal(err)
	}
	want := normalBaseline(smallBaseline())
	want.Schema = BaselineSchema
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	bad := smallBaseline()
	bad.Sessions[0].Scenarios[0].Name = ""
	if err := WriteBaseline(link, bad); err == nil || !strings.Contains(err.Error(), "is not written: it contradicts itself") {
		t.Errorf("got %v", err)
	}
	if _, err := ReadBaseline(link); err != nil {
		t.Errorf("the old one is gone: %v", err)
	}
	onlyFile(t, dir, "base.json", "real.json")
	if err := WriteBaseline(filepath.Join(dir, "none", "b.json"), smallBaseline()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := WriteBaseline(dir, smallBaseline()); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("got %v", err)
	}
}

func TestWrongKindsAreNamed(t *testing.T) {
	for want, data := range map[string]string{
		"FILE holds a gate (twomsl/gate/v1), not a baseline (twomsl/baseline/v1)":                `{"schema":"twomsl/gate/v1"}`,
		"FILE was made by a newer twomsl (twomsl/baseline/v2): this one reads":                   `{"schema":"twomsl/baseline/v2"}`,
		"FILE holds the record of a trial (twomsl/trial/v1), not a baseline":                     `{"schema":"twomsl/trial/v1"}`,
		"record FILE is damaged: ends early":                                                     `{"schema":"twomsl/base`,
		"record FILE is damaged: the file is empty":                                              "",
		"record FILE: line 1, column 44: sessions cannot be a JSON number":                       `{"schema":"twomsl/baseline/v1","sessions":12}`,
		`FILE has the schema "twomsl/dance/v1", which this twomsl does not know; it reads twoms`: `{"schema":"twomsl/dance/v1"}`,
	} {
		if b, err := DecodeBaseline("FILE", []byte(data)); err == nil || b != nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error is\n  %v\nwant\n  %s", err, want)
		}
	}
	if _, err := DecodeGate("FILE", []byte(`{"schema":"twomsl/baseline/v1"}`)); err == nil ||
		!strings.Contains(err.Error(), "holds a baseline (twomsl/baseline/v1), not a gate") {
		t.Error(err)
	}
}

func TestHistoryGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	if _, err := ReadHistory(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
	const writers = 8
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			if err := AppendHistory(path, smallHistory()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got, err := ReadHistory(path)
	if err != nil || len(got) != 2*writers {
		t.Fatalf("%d points, %v", len(got), err)
	}
	for i := 0; i < len(got); i += 2 { // nobody's lines stand between another's
		if diff := cmp.Diff(smallHistory(), got[i:i+2]); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestHistoryThatIsDamaged(t *testing.T) {
	good := `{"at":"2026-11-22T10:15:00Z","gate":"g","scenario":"a","metric":"failed","brand_new":1}` + "\n"
	for name, tc := range map[string]struct{ data, want string }{
		"torn":     {good + good[:20], "line 2: it ends early"},
		"no end":   {good + strings.TrimSpace(good), "line 2: it ends early"},
		"blank":    {good + "\n" + good, "line 2: it is empty"},
		"conflict": {good + "<<<<<<< HEAD\n" + good, "line 2: it is not JSON"},
		"null":     {"null\n", "line 1: at is missing"},
		"list":     {"[]\n", "line 1: it holds a JSON array, not an object"},
		"type":     {`{"median":"x"}` + "\n", "line 1: median cannot be a JSON string"},
		"two":      {strings.TrimSpace(good) + good, "line 1: it is not JSON: invalid character '{' after top-level value"},
		"verdict":  {strings.Replace(good, `"gate"`, `"verdict":"fine","gate"`, 1), `line 1: verdict is "fine"`},
	} {
		path := filepath.Join(t.TempDir(), "h")
		if err := os.WriteFile(path, []byte(tc.data), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := ReadHistory(path)
		if err == nil || got != nil || !strings.Contains(err.Error(), "history "+path+" is damaged: "+tc.want) {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
		if strings.HasSuffix(tc.data, "\n") {
			continue
		}
		if err := AppendHistory(path, smallHistory()); err == nil || !strings.Contains(err.Error(), "its last line ends early") {
			t.Errorf("%s: appended, %v", name, err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != tc.data {
			t.Errorf("%s: the file was changed, %v", name, err)
		}
	}
}

func TestHistoryRefusesWhatItCouldNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h")
	points := smallHistory()
	points[1].Metric = ""
	if err := AppendHistory(path, points); err == nil || !strings.Contains(err.Error(), "point 2: metric is missing") {
		t.Errorf("got %v", err)
	}
	if err := AppendHistory(path, nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made for nothing: %v", err)
	}
	if err := AppendHistory("/dev/null", smallHistory()); err == nil {
		t.Error("a device was appended to")
	}
}

func FuzzDecodeGate(f *testing.F) {
	whole, err := EncodeGate(smallGate())
	if err != nil {
		f.Fatal(err)
	}
	fuzzDecode(f, whole, GateSchema, DecodeGate, EncodeGate)
}

func FuzzBaseline(f *testing.F) {
	whole, err := EncodeBaseline(smallBaseline())
	if err != nil {
		f.Fatal(err)
	}
	fuzzDecode(f, whole, BaselineSchema, DecodeBaseline, EncodeBaseline)
}

func FuzzHistory(f *testing.F) {
	whole, err := EncodeHistory(smallHistory())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/3])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := DecodeHistory("FILE", data)
		if err != nil {
			if got != nil || !strings.HasPrefix(err.Error(), "history FILE is damaged: line ") {
				t.Fatalf("points or no line come with the error %q", err)
			}
			return
		}
		again, err := EncodeHistory(got)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		twice, err := DecodeHistory("FILE", again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(got, twice); diff != "" {
			t.Fatalf("written and read again differs:\n%s", diff)
		}
	})
}
