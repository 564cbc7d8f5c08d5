//go:build linux

package experiment

import (
	"context"

	"golang.org/x/sync/errgroup"

	"twomsl/internal/trial"
)

// Job is something to carry out that takes a place beside others. It gives what is to be told of it when it has ended.
type Job func(soft, hard context.Context) (tell func())

// Job is the trial as one.
func (one Trial) Job() Job {
	return func(soft, hard context.Context) func() {
		t, err := trial.Run(soft, hard, one.Scenario, one.Options)
		return func() { one.Done(t, err) }
	}
}

// Carry carries jobs out, so many at a time, in their order. When soft ends no further one is started. What they tell is
// told by the caller's goroutine, so no two overlap.
func Carry(soft, hard context.Context, places int, jobs []Job) {
	told := make(chan func())
	go func() {
		defer close(told)
		var all errgroup.Group
		all.SetLimit(max(1, places))
		for _, job := range jobs {
			if soft.Err() != nil {
				break
			}
			all.Go(func() error {
				if soft.Err() == nil {
					told <- job(soft, hard)
				}
				return nil
			})
		}
		all.Wait() //nolint:errcheck // none is returned
	}()
	for tell := range told {
		tell()
	}
}
