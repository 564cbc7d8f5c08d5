//go:build linux

package server

import (
	"fmt"

	"twomsl/internal/callcost"
	"twomsl/internal/tally"
)

// Share is what the i-th of n processes serves: all of the plan's listeners, beside the others', so that the kernel hands
// each of them its part of the connections (SO_REUSEPORT).
func (p Plan) Share(i, n int) Plan {
	p.Workers = max(1, (max(1, p.Workers)-i-1+n)/n)
	p.Meter = (p.Meter + n - 1) / n
	return p
}

// Merge is what processes came to that shared a plan.
func Merge(parts []Result) (Result, error) {
	var whole Result
	var m tally.Meter
	var costs []*callcost.Costs
	for i := range parts {
		p := &parts[i]
		whole.Progress.Opened += p.Progress.Opened
		whole.Progress.OK += p.Progress.OK
		whole.Progress.Failed += p.Progress.Failed
		whole.Unfinished += p.Unfinished
		whole.Written += p.Written
		whole.Read += p.Read
		whole.EOFs += p.EOFs
		whole.Resets += p.Resets
		whole.FirstCloses += p.FirstCloses
		whole.Replaced += p.Replaced
		whole.Expired += p.Expired
		whole.Uncertain += p.Uncertain
		whole.Foreigners += p.Foreigners
		whole.CPU.UserSeconds += p.CPU.UserSeconds
		whole.CPU.SystemSeconds += p.CPU.SystemSeconds
		whole.Kept.merge(&p.Kept)
		costs = append(costs, p.Costs)
		whole.Outcomes = tally.MergeOutcomes(whole.Outcomes, p.Outcomes)
		meter, err := tally.Unpack(p.Meter)
		if err != nil {
			return whole, fmt.Errorf("server, process %d of %d: %w", i+1, len(parts), err)
		}
		m.Merge(&meter)
	}
	whole.Meter = m.Pack()
	var err error
	whole.Costs, err = callcost.MergeCosts(costs...)
	return whole, err
}
