//go:build linux

package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"twomsl/internal/pairing"
	"twomsl/internal/record"
	"twomsl/internal/teardown"
)

// absent is a side that is not ours: it is asked nothing, and the record says why there is nothing of it.
func absent(name, why string) *side {
	return &side{name: name, absent: why, err: errors.New(why)}
}

// present leaves out who is absent.
func present(all ...*side) (out []*side) {
	for _, s := range all {
		if s.absent == "" {
			out = append(out, s)
		}
	}
	return out
}

// Orphaned is the record that a server's host keeps of a session whose conductor has gone without a word.
func Orphaned(e pairing.Ended, opt Options) (*record.Trial, error) {
	r := &run{scenario: e.Scenario, opt: opt, hard: context.Background(), started: e.Started}
	var err error
	if r.strategy, err = teardown.For(e.Scenario.Close); err != nil {
		return nil, err
	}
	if r.life, err = lifeOfTimeWait(); err != nil {
		return nil, err
	}
	r.client = absent("client", fmt.Sprintf("the client at %s has gone without a word, and what it measured went with it", e.From))
	r.server = &side{
		name: "server", hello: e.Hello, ready: e.Ready, sysctls: e.Sysctls, progress: e.Progress, samples: e.Samples, result: e.Result,
		addresses: []string{e.Listen.Addr().String()},
	}
	text := "it has gone without a word; this is the server's side of the run"
	if e.Why != "" {
		text += ", up to where its process could still tell: " + e.Why
	}
	r.failure = &record.Failure{Side: "client", Text: text, LastWords: e.Words}
	if n := len(e.Samples); n > 0 {
		r.loadSeconds = max(0, e.Samples[n-1].AtMS/1e3)
	} else {
		r.loadSeconds = time.Since(e.Started).Seconds()
	}
	r.loadOpened = e.Progress.Opened
	return r.record()
}
