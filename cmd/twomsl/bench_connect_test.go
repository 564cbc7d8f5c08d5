package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/assay"
	"twomsl/internal/record"
)

// A curve has the samples of all rounds, at the middle of the ports that they took; each round has its own medians.
func TestConnectCurve(t *testing.T) {
	c := &connectCurve{ports: 1000, at: []float64{0, 50, 100}}
	first := c.add([]assay.Part{
		{CallNS: []int64{1000, 3000, 2000}, CPUNS: []int64{1000, 1000, 4000}, Stays: true},
		{Taken: 500, CallNS: []int64{9000, 9000, 9000}, CPUNS: []int64{8000, 8000, 8000}, Stays: true},
		{Taken: 1000, CallNS: []int64{7000}, CPUNS: []int64{7000}, Stays: true, Failed: 1, Errno: "EADDRNOTAVAIL"},
	})
	second := c.add([]assay.Part{ // stopped before the range was full
		{CallNS: []int64{5000, 5000, 5000}, CPUNS: []int64{2000, 2000, 2000}, Stays: true},
		{Taken: 500, CallNS: []int64{10_000, 11_000, 12_000}, CPUNS: []int64{8000, 8000, 8000}, Stays: true},
	})
	want := []record.BenchPoint{
		{FullPercent: 0.1, Calls: 6, P50US: 3, P99US: 5, MaxUS: 5, CPUUS: 2},
		{FullPercent: 50.1, Calls: 6, P50US: 9, P99US: 12, MaxUS: 12, CPUUS: 8},
		{FullPercent: 100, Calls: 1, P50US: 7, P99US: 7, MaxUS: 7, CPUUS: 7, Failed: 1, Errno: "EADDRNOTAVAIL"},
	}
	if diff := cmp.Diff(want, c.points(), cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })); diff != "" {
		t.Error(diff)
	}
	names := func(list []record.BenchMetric) (out map[string]float64) {
		out = map[string]float64{}
		for _, m := range list {
			out[m.Name+" "+m.Unit] = m.Values[0]
		}
		return out
	}
	if diff := cmp.Diff(map[string]float64{"call_us_at_50 us@50%": 9, "call_us_at_0 us@0%": 2, "call_us_at_100 us@100%": 7}, names(first)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"call_us_at_50 us@50%": 11, "call_us_at_0 us@0%": 5}, names(second)); diff != "" {
		t.Error(diff)
	}
}

// Every way in every order, but for what plain connect()'s own order would have twice; what is asked for is what there is.
func TestConnectRows(t *testing.T) {
	names := func(f *connectFlags) (out []string) {
		t.Helper()
		rows, err := f.rows()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			out = append(out, r.Config[1].Value+" "+r.Config[2].Value)
		}
		return out
	}
	all := &connectFlags{ports: "32768-60999", at: connectSteps, samples: 32}
	if diff := cmp.Diff([]string{
		"plain kernel", "bind kernel", "no-port kernel", "own-range kernel", "bind plain", "own-range plain",
		"plain random", "bind random", "no-port random", "own-range random",
	}, names(all)); diff != "" {
		t.Error(diff)
	}
	some := &connectFlags{ports: "1024-65535", ways: []string{"no-port"}, orders: []string{"plain"}, at: "50", samples: 1}
	if diff := cmp.Diff([]string{"no-port plain"}, names(some)); diff != "" {
		t.Error(diff)
	}
	if len(all.curves) != 10 || all.curves[0].ports != 28232 {
		t.Errorf("%d curves", len(all.curves))
	}
}
