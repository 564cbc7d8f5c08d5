//go:build linux

// Package experiment runs many trials in the right order, several side by side where that disturbs nothing.
package experiment

import (
	"context"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// Trial is one trial that is to be run.
type Trial struct {
	Scenario scenario.Scenario // resolved and checked
	Options  trial.Options
	// Done is told how it ended: with its record, or with the error that kept it from starting. No two calls overlap, nor
	// does one with a call of what gives the next trials.
	Done func(t *record.Trial, err error)
}

// Once gives the trials the first time, and none after that: a plan that does not depend on results.
func Once(trials []Trial) (next func() []Trial) {
	return func() []Trial {
		out := trials
		trials = nil
		return out
	}
}

// Run asks next for trials and carries them out, so many at a time, each in a lab of its own, and asks again when all of
// them have ended, until there are none. When soft ends, no further one is started, and those under way end as
// interrupted; when hard ends, everything is dropped at once.
func Run(soft, hard context.Context, jobs int, next func() []Trial) {
	for soft.Err() == nil {
		batch := next()
		if len(batch) == 0 {
			return
		}
		run(soft, hard, jobs, batch)
	}
}

func run(soft, hard context.Context, jobs int, batch []Trial) {
	list := make([]Job, len(batch))
	for i, one := range batch {
		list[i] = one.Job()
	}
	Carry(soft, hard, jobs, list)
}
