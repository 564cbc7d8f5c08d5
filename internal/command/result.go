//go:build linux

package command

import (
	"fmt"
	"syscall"
	"time"

	"twomsl/client"
	"twomsl/internal/connects"
	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// What the shell says of a command that it could not start (POSIX.1-2017, 2.8.2).
const (
	notExecutable = 126
	notFound      = 127
)

// tell puts together what the command came to. by is what ended it, at the time at.
func (c *Command) tell(by string, at int64, before, after record.CPU) error {
	status := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if by == "command" && (status.ExitStatus() == notExecutable || status.ExitStatus() == notFound) {
		return c.said(fmt.Errorf("it could not be started: exit status %d", status.ExitStatus()))
	}
	seconds := max(0, time.Duration(at-c.epoch).Seconds())
	run := record.ClientCommand{Line: c.plan.Line, Seconds: seconds, Unwatched: c.unwatched}
	if status.Signaled() {
		run.Signal = linux.SignalName(status.Signal())
	} else {
		run.ExitCode = new(status.ExitStatus())
	}
	c.told = client.Result{
		Progress: c.Progress(), StoppedBy: by, LoadSeconds: seconds, Outcomes: []record.Outcome{}, Command: &run,
		Tuples: make([]client.TupleResult, len(c.plan.Sources)*len(c.plan.Destinations)),
		CPU: record.CPU{
			UserSeconds: max(0, after.UserSeconds-before.UserSeconds), SystemSeconds: max(0, after.SystemSeconds-before.SystemSeconds),
		},
	}
	if w := c.watch.Load(); w != nil {
		c.tellWatched(w, &run)
	}
	return nil
}

func (c *Command) tellWatched(w *connects.Watch, run *record.ClientCommand) {
	told := w.End("client", c.epoch)
	run.Unseen = told.Unseen
	c.told.Progress, c.told.Outcomes = progress(told.Counts), told.Outcomes
	for i, t := range told.Tuples {
		c.told.Tuples[i].Successes = t.Begun
		c.told.Tuples[i].OKBefore, c.told.Tuples[i].FirstExhaustionSeconds = t.BeforeFirstExhaustion, t.FirstExhaustionSeconds
	}
	c.told.CPU.SystemSeconds += told.SystemSeconds
}

// Progress counts what was watched so far: a connect() that was begun counts as gone through.
func (c *Command) Progress() client.Progress {
	w := c.watch.Load()
	if w == nil {
		return client.Progress{}
	}
	return progress(w.Counts())
}

func progress(n connects.Counts) client.Progress {
	return client.Progress{Opened: n.Attempted, OK: n.Begun, Failed: n.Failed, Exhausted: n.Exhausted}
}

// Result may be asked for once Done is closed.
func (c *Command) Result() (client.Result, error) { return c.told, nil }
