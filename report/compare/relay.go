package compare

import (
	"slices"

	"twomsl/internal/record"
)

// portsOf are those that a report speaks of: with a relay its ports towards the server, which all clients share.
func portsOf(t *record.Trial) []record.Tuple {
	if t.Relay != nil {
		return t.Relay.Ports
	}
	return t.Ports
}

// outcomesOf are those of all hosts.
func outcomesOf(t *record.Trial) []record.Outcome {
	if t.Relay != nil {
		return slices.Concat(t.Outcomes, t.Relay.Outcomes)
	}
	return t.Outcomes
}

// byProxy tells that the ports that count are those of a proxy of somebody else's.
func byProxy(t *record.Trial) bool { return t.Relay != nil && t.Scenario.RelayCommand != "" }

// unwatched tells that nobody knows whether connect() of such a proxy found a port.
func unwatched(t *record.Trial) bool { return byProxy(t) && t.Relay.Unwatched != "" }

// reused counts on the host that opens connections to the server.
func reused(t *record.Trial) reading {
	opener := client
	if r := t.Relay; r != nil {
		opener = func(*record.Trial) *record.Side { return &record.Side{Counters: r.Counters} }
	}
	return counter(opener, "TcpExt.TWRecycled")(t)
}
