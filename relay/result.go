//go:build linux

package relay

import (
	"time"

	"twomsl/internal/record"
)

// Result is what a run came to. Times are seconds from the first intended start.
type Result struct {
	Progress Progress `json:"progress"`
	// Unfinished had been taken from the client and were under way when the run ended.
	Unfinished int64            `json:"unfinished"`
	Outcomes   []record.Outcome `json:"outcomes"`
	Tuples     []TupleResult    `json:"tuples"`
	CPU        record.CPU       `json:"cpu"`
}

// TupleResult is one tuple's share towards the server: source by source, each with all destinations.
type TupleResult struct {
	Successes              int64    `json:"successes"`
	OKBefore               *int64   `json:"ok_before_first_exhaustion"`
	FirstExhaustionSeconds *float64 `json:"first_exhaustion_seconds"`
}

// Result may be asked for once Done is closed.
func (r *Relay) Result() Result {
	w, p := r.worker, r.Progress()
	res := Result{
		Progress: p, Unfinished: p.Accepted - p.Relayed - p.Failed, Outcomes: w.tally.Outcomes("relay", p.Relayed),
		CPU: record.CPU{UserSeconds: w.cpuUser.Seconds(), SystemSeconds: w.cpuSystem.Seconds()},
	}
	for i := range w.tuples {
		t := &w.tuples[i]
		one := TupleResult{Successes: t.successes}
		if t.firstAt != 0 {
			at := time.Duration(t.firstAt - w.epoch).Seconds()
			one.OKBefore, one.FirstExhaustionSeconds = &t.okBefore, &at
		}
		res.Tuples = append(res.Tuples, one)
	}
	return res
}
