package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

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
	text := fmt.Sprintf("%s %.0f s  TIME_WAIT: client %s, server %s  %s opened, %s failed", m.Phase, m.Elapsed.Seconds(),
		grouped(m.TimeWait.Client), grouped(m.TimeWait.Server), grouped(m.Opened), grouped(m.Failed))
	pid := m.PID.Server
	if pid == 0 { // a server that is not looked at
		pid = m.PID.Client
		text = fmt.Sprintf("%s %.0f s  TIME_WAIT: client %s  %s opened, %s failed", m.Phase, m.Elapsed.Seconds(),
			grouped(m.TimeWait.Client), grouped(m.Opened), grouped(m.Failed))
	}
	if m.Relay != nil {
		pid = m.Relay.PID
		text = fmt.Sprintf("%s %.0f s  TIME_WAIT on the relay: %s to client, %s to server  %s opened, %s failed", m.Phase,
			m.Elapsed.Seconds(), grouped(m.Relay.TowardsClient), grouped(m.Relay.TowardsServer), grouped(m.Opened), grouped(m.Failed))
	}
	if m.Phase == "hold" {
		text += fmt.Sprintf("  look yourself: twomsl states --pid %d", pid)
	}
	l.say(text)
}

// say shows a line of its own.
func (l *live) say(text string) {
	if l.w != nil {
		l.shown = true
		fmt.Fprint(l.w, clearLine+clip(text, l.width()))
	}
}

// width is the terminal's, less one column: a full line would wrap, and could not be taken back.
func (l *live) width() int {
	if f, ok := l.w.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 1 {
			return w - 1
		}
	}
	return leastWidth - 1
}

func clip(text string, width int) string { return text[:min(len(text), width)] }

// grouped writes a count in thousands: 18,122.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// clear takes the line away before the report.
func (l *live) clear() {
	if l.shown {
		fmt.Fprint(l.w, clearLine)
	}
}
