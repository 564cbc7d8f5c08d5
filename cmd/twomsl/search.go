package main

import (
	"context"
	"errors"
	"fmt"

	"twomsl/internal/assay"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// searchCalls is how many plain connects the forecast of the half-range cliff rests on.
const searchCalls = 16

// searchFor measures where there is a lab: a host that is under load for others is not to be loaded for a forecast.
func searchFor(s scenario.Scenario) trial.Searcher {
	if s.Topology == scenario.Hosts {
		return nil
	}
	return measureSearch
}

// measureSearch takes half of a range in a lab of its own and measures what plain connect() costs then, in processor time: the
// search is nothing else, and what else runs on the machine in this moment does not count. It is the same assay as that of
// `twomsl bench connect-cost`.
func measureSearch(ctx context.Context, r record.PortRange) (m trial.Search, err error) {
	got, err := assay.Run(ctx, assayProgram(), record.Try{Assay: "connect-cost", Arguments: []string{
		"way=plain", "order=kernel", fmt.Sprintf("low=%d", r.Low), fmt.Sprintf("high=%d", r.High), "steps=50",
		fmt.Sprintf("samples=%d", searchCalls),
	}})
	switch {
	case err != nil:
		return m, err
	case got.Cannot != "":
		return m, errors.New(got.Cannot)
	case got.Failure != "":
		return m, errors.New(got.Failure)
	case len(got.Parts) == 0: // taking half of the range took longer than a TIME_WAIT lives
		return m, fmt.Errorf("half of %d-%d could not be taken in time", r.Low, r.High)
	}
	p := &got.Parts[0]
	for _, ns := range p.CPUNS {
		m.ConnectUS += float64(ns) / 1e3 / float64(len(p.CPUNS))
	}
	m.HalfSeconds, m.Calls = p.FillSeconds, len(p.CPUNS)
	return m, nil
}
