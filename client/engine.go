//go:build linux

package client

import (
	"fmt"
	"strings"
)

// Engine is what drives the opening side of one run. Its methods are safe for use by several goroutines.
type Engine interface {
	// Start lets the load go; epoch is when the first connection is meant to start (CLOCK_MONOTONIC, ns).
	Start(epoch int64)
	// SetLimit allows connections numbered below n to start, SetGate lets those pass teardown.Gate.
	SetLimit(n int64)
	SetGate(n int64)
	// Stop ends the starting of connections, Abort also those in flight.
	Stop(reason string)
	Abort(reason string)
	// Done is closed when nothing runs any more; Err and Result may be asked for then, and Release closes what the steps
	// left open.
	Done() <-chan struct{}
	Err() error
	Progress() Progress
	Result() (Result, error)
	Release()
	// Drop is Release for a host that is to be gone: nothing of the connections stays, and nothing is said.
	Drop()
}

// Engines are the names of those that Open knows.
var Engines = []string{"split", "net"}

// Open makes the engine that the plan names; nothing is opened before Start.
func Open(plan Plan) (Engine, error) {
	if name, io, whole := strings.Cut(plan.Engine, "/"); whole { // as records name it
		plan.Engine, plan.IO = name, io
	}
	switch plan.Engine {
	case "", "split":
		return opened(New(plan))
	case "net":
		return opened(newNetEngine(plan))
	}
	return nil, fmt.Errorf("client plan: no engine is called %q", plan.Engine)
}

// opened gives no engine with an error: a nil pointer in an interface would be one.
func opened[E Engine](e E, err error) (Engine, error) {
	if err != nil {
		return nil, err
	}
	return e, nil
}
