//go:build linux

package callcost

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

// One connection in OneIn is timed, and whoever takes every n-th connection has its share of them.
func TestTimerTakesItsShareOfEachWorker(t *testing.T) {
	r := New(true)
	for workers := range 64 {
		for id := range workers + 1 {
			n, timed := 16*OneIn, 0
			for i := range n {
				if timer := r.Timer(int64(id + i*(workers+1))); timer.r != nil {
					timed++
				}
			}
			if timed < 2 || timed > 64 {
				t.Errorf("worker %d of %d: %d of %d connections are timed, expected about 16", id, workers+1, timed, n)
			}
		}
	}
}

func TestNilRecorderTimesNothing(t *testing.T) {
	r := New(false)
	timer := r.Timer(0)
	timer.Opened()
	timer.Begin()
	timer.End(Connect)
	r.Merge(New(true))
	if c := r.Costs(); c != nil || timer != (Timer{}) {
		t.Errorf("%+v, %+v", c, timer)
	}
}

// What two workers timed, in one process or in two, is told as one side's.
func TestRecordOfTwoWorkers(t *testing.T) {
	one, two := New(true), New(true)
	one.connections, two.connections = 2, 2
	for _, r := range []*Recorder{one, two} {
		r.add(Connect, 20_000)
		r.add(Connect, 40_000)
		r.add(Close, 20_000)
	}
	together := New(true)
	together.Merge(one)
	together.Merge(two)
	apart, err := MergeCosts(one.Costs(), nil, two.Costs())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(together.Costs(), apart); diff != "" {
		t.Error(diff)
	}
	got, err := Record("client", apart)
	if err != nil {
		t.Fatal(err)
	}
	want := []record.CallCost{
		{Side: "client", Call: "connect", Calls: 4, Share: 0.75, PerConnectionUS: 30, P50US: 20.095, P99US: 40.191, OneIn: OneIn, Connections: 4},
		{Side: "client", Call: "close", Calls: 2, Share: 0.25, PerConnectionUS: 10, P50US: 20.095, P99US: 20.095, OneIn: OneIn, Connections: 4},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCostsThatCannotBeRead(t *testing.T) {
	for want, c := range map[string]*Costs{
		`"dial": no such call`: {Calls: []Times{{Call: "dial"}}},
		"times of connect":     {Calls: []Times{{Call: "connect", Histogram: "no histogram"}}},
	} {
		if _, err := Record("client", c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, expected %s", err, want)
		}
	}
	if costs, err := Record("client", nil); costs != nil || err != nil {
		t.Errorf("%v, %v", costs, err)
	}
}

// The record knows the calls by the same names.
func TestCallsAreTheRecords(t *testing.T) {
	if diff := cmp.Diff(record.Calls, names[:]); diff != "" {
		t.Error(diff)
	}
}
