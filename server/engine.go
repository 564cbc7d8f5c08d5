//go:build linux

package server

import (
	"fmt"
	"strings"
)

// Engine is what drives the listening side of one run. Its methods are safe for use by several goroutines.
type Engine interface {
	// Start begins to accept; epoch is the start of the load (CLOCK_MONOTONIC, ns).
	Start(epoch int64)
	// Stop ends the serving: listeners and all that is open are closed.
	Stop()
	// Done is closed when nothing runs any more; Err, Result and Restart may be asked for then.
	Done() <-chan struct{}
	Err() error
	Progress() Progress
	Result(at int64) Result
	Restart() string
}

// Engines are the names of those that Open knows, but Spoken, which are for other clients than ours.
var Engines = []string{"split", "net"}

// Open makes the engine that the plan names and opens its listeners.
func Open(plan Plan) (Engine, error) {
	if name, io, whole := strings.Cut(plan.Engine, "/"); whole { // as records name it
		plan.Engine, plan.IO = name, io
	}
	switch plan.Engine {
	case "", "split":
		return opened(New(plan))
	case "net":
		return opened(newNetEngine(plan))
	case HTTP, Echo, Discard:
		return opened(newSpeaker(plan))
	}
	return nil, fmt.Errorf("server plan: no engine is called %q", plan.Engine)
}

// opened gives no engine with an error: a nil pointer in an interface would be one.
func opened[E Engine](e E, err error) (Engine, error) {
	if err != nil {
		return nil, err
	}
	return e, nil
}
