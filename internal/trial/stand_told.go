//go:build linux

package trial

import (
	"fmt"

	"twomsl/internal/record"
)

// note remembers how far the count is from what was asked for.
func (s *stand) note() {
	k := &s.record
	if k.Looks++; k.Looks == 1 {
		k.Least, k.Most = record.Counts{}, record.Counts{}
	}
	for _, state := range record.States {
		asked, named := k.Asked[state]
		if !named && (state == record.Listen || state == record.Closed) { // there must be a listener
			continue
		}
		n := k.Standing[state]
		if k.Looks == 1 {
			k.Least[state] = n
		}
		k.Least[state], k.Most[state] = min(k.Least[state], n), max(k.Most[state], n)
		k.WorstDeviation = max(k.WorstDeviation, n-asked, asked-n)
	}
}

// standRecord is nil where a load was run.
func (r *run) standRecord() *record.Stand {
	if r.scenario.Stand.Off() {
		return nil
	}
	k := r.stand.record
	k.Reached = r.goalReached
	k.Standing = everyState(k.Standing)
	for _, c := range []*record.Counts{&k.Least, &k.Most} {
		if *c == nil {
			*c = record.Counts{}
		}
	}
	return &k
}

// closedItself tells whether a server of somebody else's took connections down that were to stay ESTABLISHED: they are
// fewer than asked, and more than asked are half-closed by it.
func closedItself(k *record.Stand) bool {
	return k.Least[record.Established] < k.Asked[record.Established] &&
		k.Most[record.FinWait1]+k.Most[record.FinWait2] > k.Asked[record.FinWait1]+k.Asked[record.FinWait2]
}

// standNotReached says which states are not as they were asked to be.
func (r *run) standNotReached(t *record.Trial) *record.Warning {
	if t.Stand == nil || t.Status != record.Complete || r.goalReached != nil && t.Stand.WorstDeviation == 0 {
		return nil
	}
	text := fmt.Sprintf("the states were up to %d sockets off what was asked for during the hold", t.Stand.WorstDeviation)
	advice := "what expires is opened again a moment later: a shorter load.hold shows none of it"
	if r.goalReached == nil {
		text = fmt.Sprintf("not all of the sockets asked for ever stood at once within %s", r.scenario.Load.Stop.After)
		advice = "give it more time with --set load.stop.after, or ask for fewer"
	}
	if r.scenario.Server.Command != "" && closedItself(t.Stand) {
		text += "; the server closed connections that were to stay open, as its own configuration has it"
		advice = "give it a keep-alive and a client timeout (nginx: keepalive_timeout; HAProxy: timeout client, timeout http-keep-alive) " +
			"longer than the hold, or hold for less; a server that closes after each response cannot hold ESTABLISHED"
	}
	return &record.Warning{Code: "stand-not-reached", Text: text, Advice: advice, Spoils: []string{"stand"}}
}
