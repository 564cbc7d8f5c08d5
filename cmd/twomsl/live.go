package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"twomsl/internal/trial"
)

// live is the line of progress on standard error; it is silent where that is no terminal.
type live struct {
	w     io.Writer
	shown bool
}

func newLive(w io.Writer, quiet bool) *live {
	if f, ok := w.(*os.File); quiet || !ok || !term.IsTerminal(int(f.Fd())) {
		return &live{}
	}
	return &live{w: w}
}

// clearLine goes to the line's start and empties it (ECMA-48 CR, EL).
const clearLine = "\r\x1b[K"

func (l *live) show(m trial.Moment) {
	if l.w == nil {
		return
	}
	l.shown = true
	fmt.Fprintf(l.w, clearLine+"%s %.0f s  %d opened  %d failed  TIME_WAIT client %d server %d  (look: twomsl states --pid %d)",
		m.Phase, m.Elapsed.Seconds(), m.Opened, m.Failed, m.TimeWait.Client, m.TimeWait.Server, m.PID.Server)
}

// clear takes the line away before the report.
func (l *live) clear() {
	if l.shown {
		fmt.Fprint(l.w, clearLine)
	}
}
