package report

import (
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// The canaries' names, and who calls them.
const (
	sshCanary    = "ssh"
	dnsCanary    = "dns"
	secondCanary = "second-destination"
	tupleCanary  = "same-tuple"
	fromHost     = "host"
)

// calledFrom says who calls, seen from the struck host.
func calledFrom(t *record.Trial, c *record.Canary) string {
	if c.From == fromHost {
		return itself(t)
	}
	return clean(c.From)
}

// shortFrom is calledFrom for what has little room.
func shortFrom(t *record.Trial, c *record.Canary) string {
	if s := clean(t.Scenario.Struck); c.From == fromHost && s != "" {
		return s
	}
	return clean(c.From)
}

// itself is the struck host.
func itself(t *record.Trial) string {
	if s := clean(t.Scenario.Struck); s != "" {
		return "the " + s + " itself"
	}
	return "the host itself"
}

// canaryTable shows each canary: how many calls were answered, how fast, and how the others failed.
func canaryTable(w *wording, t *record.Trial) {
	tb := table{heads: [][]string{{"canaries", "from", "answered", "p50", "p99"}}}
	for i := range t.Canaries {
		c := &t.Canaries[i]
		row := []string{clean(c.Name), shortFrom(t, c), count(c.Answered) + " of " + count(c.Calls), "-", "-"}
		if q := c.Latency; q != nil {
			row[3], row[4] = micros(q.P50US), micros(q.P99US)
		}
		tb.rows, tb.notes = append(tb.rows, row), append(tb.notes, canaryFailures(c))
	}
	w.table(&tb)
}

// canaryFailures says how calls failed, and since when.
func canaryFailures(c *record.Canary) string {
	var ways []string
	for _, f := range c.Failures {
		ways = append(ways, callFailure(f)+" "+counted(f.Count, "time", "times"))
	}
	if len(ways) == 0 {
		return ""
	}
	return enumerate(ways) + firstFailure(c)
}

func firstFailure(c *record.Canary) string {
	at := c.FirstFailureSeconds
	switch {
	case at == nil:
		return ""
	case *at < 0:
		return ", first before the load"
	}
	return ", first at " + seconds(*at)
}

// callFailure names one way of failing: the call and its errno, or what was wrong with the answer.
func callFailure(f record.CanaryFailure) string {
	phase, errno := clean(f.Phase), clean(f.Errno)
	switch {
	case phase == "answer":
		return "wrong answer"
	case errno == "ETIMEDOUT" && phase == "read":
		return "no answer (ETIMEDOUT)"
	case errno == "":
		return phase + "() failed"
	}
	return phase + "() " + errno
}

// canaryMeaning says what the canaries show, for those who ask whether SSH and names still work.
func canaryMeaning(w *wording, t *record.Trial) {
	if len(t.Canaries) == 0 {
		return
	}
	mood, said := green, services(t)
	for i := range t.Canaries {
		if len(t.Canaries[i].Failures) > 0 {
			mood = yellow
		}
	}
	said = append(said, newConnections(t)...)
	if len(said) > 0 {
		w.para(mood, strings.Join(said, " "))
	}
}

// services tells of SSH and names, by who calls them.
func services(t *record.Trial) (said []string) {
	var good []string
	var bad []*record.Canary
	for _, s := range []struct{ name, called string }{{sshCanary, "SSH"}, {dnsCanary, "names"}} {
		all := canariesOf(t, s.name)
		failing := slices.DeleteFunc(slices.Clone(all), func(c *record.Canary) bool { return len(c.Failures) == 0 })
		if len(all) > 0 && len(failing) == 0 {
			good = append(good, s.called)
		}
		bad = append(bad, failing...)
	}
	for _, c := range bad {
		said = append(said, serviceFails(t, c))
	}
	verb := " work"
	if len(good) == 1 && good[0] == "SSH" {
		verb = " works"
	}
	if len(good) > 0 {
		said = append(said, sentence(strings.Join(good, " and ")+verb+", from outside and on "+itself(t)))
	}
	return said
}

// serviceFails says how badly a service fails one of its callers.
func serviceFails(t *record.Trial, c *record.Canary) string {
	what := map[string]string{sshCanary: "SSH fails", dnsCanary: "Names fail"}[c.Name]
	from := " from outside"
	if c.From == fromHost {
		from = " on " + itself(t)
	}
	how := canaryFailures(c)
	if len(c.Failures) == 1 {
		how = callFailure(c.Failures[0]) + firstFailure(c)
	}
	return fmt.Sprintf("%s%s: %s of %s, %s.", what, from, count(c.Calls-c.Answered), counted(c.Calls, "call", "calls"), how)
}

// newConnections tells of the load's own tuple, which is what the next connection meets, and of another destination.
func newConnections(t *record.Trial) (said []string) {
	tuple, second := firstCanary(t, tupleCanary), firstCanary(t, secondCanary)
	if tuple != nil && len(tuple.Failures) > 0 {
		said = append(said, fmt.Sprintf("A new connection to %s fails: %s.", clean(tuple.Target), canaryFailures(tuple)))
	}
	switch {
	case second == nil:
	case len(second.Failures) > 0:
		said = append(said, fmt.Sprintf("So does one to another port there: %s.", canaryFailures(second)))
		if tuple == nil || len(tuple.Failures) == 0 {
			said[len(said)-1] = fmt.Sprintf("A connection to another port of the same host fails: %s.", canaryFailures(second))
		}
	case tuple != nil && len(tuple.Failures) > 0:
		said = append(said, "Another port of the same host is reached all the same.")
	}
	return said
}

func canariesOf(t *record.Trial, name string) (out []*record.Canary) {
	for i := range t.Canaries {
		if t.Canaries[i].Name == name {
			out = append(out, &t.Canaries[i])
		}
	}
	return out
}

func firstCanary(t *record.Trial, name string) *record.Canary {
	if all := canariesOf(t, name); len(all) > 0 {
		return all[0]
	}
	return nil
}
