package report

import (
	"time"

	"twomsl/internal/record"
)

// shareOf is one share of a run.
func shareOf() *record.Trial {
	t := steady()
	t.ID, t.Command = "share-20261121-101500-ab12", "twomsl run steady-200 --shard 2/4"
	t.Shard = &record.Shard{
		Number: 2, Of: 4, RunID: "steady-200-0123456789ab", Host: "node-1", Whole: record.Whole{Scenario: t.Scenario, Command: "twomsl run steady-200"},
	}
	return t
}

// mergedRun is a run of ten shares, of which two are missing and one ran twice.
func mergedRun() *record.Trial {
	t := steady()
	t.ID, t.Engine = "merged-20261121-101500-ab12", "split/epoll, split/uring"
	at := time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC)
	m := &record.Merged{RunID: "nightly", Of: 10, Missing: []int{4, 10}}
	m.LeftOut = []record.LeftOut{{ID: "steady-200-20261121-101501-ffff", Number: 3, Status: record.Interrupted, Why: "it is interrupted"}}
	for _, n := range []int{1, 2, 3, 5, 6, 7, 8, 9} {
		m.Shards = append(m.Shards, record.MergedShard{Number: n, ID: "s", Host: "node", Status: record.Complete, StartAt: &at, LoadBegan: &at})
	}
	m.Hosts = []record.MergedHost{
		{Names: []string{"client-1", "client-2"}, Shards: []int{1, 2, 3, 7}, Environment: t.Environment},
		{Names: []string{"client\x1b[31m-5"}, Shards: []int{5, 6, 8, 9}, Environment: t.Environment},
	}
	t.Merged = m
	t.Warnings = append(t.Warnings, record.Warning{
		Code: "shard-missing", Text: "of 10 shards there is no record of shards 4 and 10: what is told here is of the rest",
		Advice: "look for the record on the machine that ran it", Spoils: []string{"failed", "client.time_wait.peak"},
	})
	return t
}
