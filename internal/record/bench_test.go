package record

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func smallBench() *Bench {
	return &Bench{
		Schema: BenchSchema, ID: "bench-churn-1", Tool: "twomsl 1.2.3", Status: Complete, Kind: "churn", Rounds: 2, Seconds: 6.5,
		Rows: []BenchRow{{
			Name: "Churn/engine=split", Config: []BenchKey{{"engine", "split"}}, Engine: "split/epoll", Trials: []string{"a", "b"},
			Metrics: []BenchMetric{{Name: "connects_per_second", Unit: "conns/s", Better: "higher", Values: []float64{1, 2}}},
			Curve:   []BenchPoint{{FullPercent: 2.5, Calls: 7, P50US: 26, P99US: 60, MaxUS: 90, CPUUS: 20}},
		}, {Name: "Churn/engine=net", Failure: "no peer"}},
	}
}

// What is written reads back as the same, with lists that are empty and a curve that is null where there is none.
func TestBenchFile(t *testing.T) {
	path, err := WriteBench(t.TempDir(), smallBench())
	if err != nil || filepath.Base(path) != "bench-churn-1.json" {
		t.Fatal(path, err)
	}
	got, err := ReadBench(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(normalBench(smallBench()), got); diff != "" {
		t.Error(diff)
	}
	if r := got.Rows[1]; r.Metrics == nil || r.Trials == nil || r.Curve != nil || got.Notes == nil {
		t.Errorf("%+v", r)
	}
}

// Everything that cannot be is told at once, and where.
func TestBenchCheck(t *testing.T) {
	b := smallBench()
	b.Schema, b.ID, b.Status, b.Kind = "twomsl/bench/v2", "a/b", "done", "dance"
	b.Rows[0].Metrics[0].Better, b.Rows[0].Metrics[0].Values[1] = "up", math.NaN()
	b.Rows[0].Metrics = append(b.Rows[0].Metrics, BenchMetric{})
	b.Rows[0].Curve[0].P50US, b.Rows[0].Curve[0].Calls = math.Inf(1), -1
	b.Rows[1].Name = ""
	err := b.Check()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, want := range []string{
		"schema", "id", "status", "kind", "rows[0].metrics[0].better", "rows[0].metrics[0].values[1]", "rows[0].metrics[1] has no name",
		"rows[0].curve[0].p50_us", "rows[0].curve[0].calls", "rows[1].name",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not told: %v", want, err)
		}
	}
}

func FuzzDecodeBench(f *testing.F) {
	whole, err := EncodeBench(smallBench())
	if err != nil {
		f.Fatal(err)
	}
	fuzzDecode(f, whole, BenchSchema, DecodeBench, EncodeBench)
}
