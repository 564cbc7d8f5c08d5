//go:build linux

package trial

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"twomsl/client"
	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

func shardOf(t *testing.T, number, of int, start time.Time) *run {
	t.Helper()
	s := scenario.Scenario{Name: "x"}
	s.Load.Rate, s.Load.Stop.Connections, s.Client.Addresses = 200, 1000, 8
	s = s.Resolve()
	d := scenario.Shard{Number: number, Of: of}
	if err := s.CheckShard(d, Known); err != nil {
		t.Fatal(err)
	}
	r := &run{scenario: s, opt: Options{Shard: &Shard{Shard: d, RunID: "run", StartAt: start, Host: "here", Command: "twomsl run x"}}}
	r.takeShare()
	return r
}

// A shard opens its own connections of the whole run, by the whole run's schedule, from its own addresses.
func TestAShardIsPartOfTheWhole(t *testing.T) {
	r := shardOf(t, 2, 4, time.Time{})
	plan := client.Plan{Rate: r.scenario.Load.Rate, Connections: r.scenario.Load.Stop.Connections}
	r.numbered(&plan)
	if plan.Rate != 200 || plan.First != 1 || plan.Stride != 4 || plan.Connections != 250 {
		t.Errorf("%+v", plan)
	}
	all, _ := lab.Addresses(scenario.Veth, scenario.IPv4, r.clientAddresses(), 1)
	if got := fmt.Sprint(r.shardSources(all)); got != "[198.18.0.2/15 198.18.0.6/15]" || r.scenario.Client.Addresses != 2 {
		t.Errorf("sources %s of %d", got, r.scenario.Client.Addresses)
	}
	told, err := r.shardRecord()
	if err != nil || told.Number != 2 || told.Of != 4 || told.RunID != "run" || *told.Whole.AskedPerSecond != 200 || told.StartAt != nil || told.LoadBegan != nil {
		t.Errorf("%+v, %v", told, err)
	}
	if asked, err := Describe(r.whole); err != nil || string(told.Whole.Scenario.Spec) != string(asked.Spec) {
		t.Errorf("the whole is %s, %v", told.Whole.Scenario.Spec, err)
	}
	whole := &run{scenario: r.whole}
	whole.takeShare()
	if told, err := whole.shardRecord(); told != nil || err != nil || whole.runID() != "" || whole.scenario.Load.Stop.Connections != 1000 {
		t.Errorf("a whole run says that it is a share: %+v, %v", told, err)
	}
}

// The load begins at the common start to the moment, or a moment from now where that is over, which is told.
func TestTheCommonStart(t *testing.T) {
	const ahead = 10 * time.Second
	r := shardOf(t, 1, 2, time.Now().Add(ahead).UTC())
	before := linux.Nano()
	epoch := r.firstStart()
	if left := time.Duration(epoch - before); left > ahead || left <= 0 {
		t.Errorf("the load begins in %v, want %v", left, ahead)
	}
	if !r.loadBegan.Equal(r.opt.Shard.StartAt) {
		t.Errorf("it begins at %v, not at %v", r.loadBegan, r.opt.Shard.StartAt)
	}
	if w := r.startedLate(&record.Trial{Shard: &record.Shard{StartAt: &r.opt.Shard.StartAt, LoadBegan: r.loadBegan}}); w != nil {
		t.Errorf("%+v", w)
	}
	soft, stop := context.WithCancel(context.Background())
	stop()
	if err := r.awaitStart(soft); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for what is ahead: %v", err)
	}
	r.opt.Shard.StartAt = time.Now().Add(-time.Minute).UTC()
	now := linux.Nano()
	if epoch := r.firstStart(); epoch < now+int64(headStart) {
		t.Errorf("the load begins %v from now", time.Duration(epoch-now))
	}
	if err := r.awaitStart(soft); err != nil {
		t.Errorf("waiting for what is over: %v", err)
	}
	w := r.startedLate(&record.Trial{Shard: &record.Shard{StartAt: &r.opt.Shard.StartAt, LoadBegan: r.loadBegan}})
	if w == nil || w.Code != "shard-late" {
		t.Errorf("%+v", w)
	}
}
