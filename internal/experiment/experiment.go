//go:build linux

// Package experiment runs many trials in the right order, several side by side where that disturbs nothing.
package experiment

import (
	"context"

	"golang.org/x/sync/errgroup"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// Run carries out the scenarios, so many at a time, each in a lab of its own. Each is told of as it ends: with its number
// and its record, or the error that kept it from starting. When soft ends, no further one is started, and those under way
// end as interrupted. The calls of done come one at a time.
func Run(soft, hard context.Context, scenarios []scenario.Scenario, opt func(i int) trial.Options, jobs int,
	done func(i int, t *record.Trial, err error),
) {
	type ended struct {
		i   int
		t   *record.Trial
		err error
	}
	results := make(chan ended)
	go func() {
		defer close(results)
		var all errgroup.Group
		all.SetLimit(max(1, jobs))
		for i, s := range scenarios {
			if soft.Err() != nil {
				break
			}
			all.Go(func() error {
				if soft.Err() == nil {
					t, err := trial.Run(soft, hard, s, opt(i))
					results <- ended{i, t, err}
				}
				return nil
			})
		}
		all.Wait() //nolint:errcheck // none is returned
	}()
	for r := range results {
		done(r.i, r.t, r.err)
	}
}
