package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/trial"
)

// reproduceLive tells how far the mix has come, and once it stands how to look at it.
type reproduceLive struct {
	*live
	out    io.Writer
	quiet  bool
	asked  record.Counts
	hold   time.Duration
	begun  time.Duration // when the hold began
	stands bool
}

func (l *reproduceLive) show(m trial.Moment) {
	if m.Phase != "hold" {
		l.say(fmt.Sprintf("opening %.0f s  %s of %s stand", m.Elapsed.Seconds(), grouped(l.standing(m)), sockets(l.asked.Total())))
		return
	}
	if !l.stands {
		l.stands, l.begun = true, m.Elapsed
		l.invite(m)
	}
	text := "exact"
	if off := l.off(m); off != "" {
		text = off
	}
	l.say(fmt.Sprintf("holding %.0f s of %.0f s  %s", (m.Elapsed - l.begun).Seconds(), l.hold.Seconds(), text))
}

// invite says once, when the hold begins, where the mix can be looked at.
func (l *reproduceLive) invite(m trial.Moment) {
	if l.quiet {
		return
	}
	l.clear()
	user := ""
	if os.Getuid() != 0 {
		user = " -U --preserve-credentials"
	}
	fmt.Fprintf(l.out, "%s of %s stand after %.1f s. Holding for %v. Look at it yourself:\n", grouped(l.standing(m)),
		sockets(l.asked.Total()), m.Elapsed.Seconds(), l.hold)
	fmt.Fprintf(l.out, "  twomsl states --pid %d\n  nsenter -t %d%s -n ss -tan\n", m.PID.Server, m.PID.Server, user)
}

// standing counts the sockets that stand in states that were asked for.
func (l *reproduceLive) standing(m trial.Moment) (n int64) {
	for state, asked := range l.asked {
		n += min(asked, m.Standing[state])
	}
	return n
}

// off names the states that are not as asked.
func (l *reproduceLive) off(m trial.Moment) string {
	var parts []string
	for _, state := range record.States {
		if asked, named := l.asked[state]; named && m.Standing[state] != asked {
			parts = append(parts, fmt.Sprintf("%s %s of %s", state.Netstat(), grouped(m.Standing[state]), grouped(asked)))
		}
	}
	return strings.Join(parts, ", ")
}
