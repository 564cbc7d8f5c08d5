//go:build linux

package trial

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"twomsl/internal/lab"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

const (
	conntrackMax      = "net.netfilter.nf_conntrack_max"
	conntrackTimeWait = "net.netfilter.nf_conntrack_tcp_timeout_time_wait"
	// fastestFill is a rate of connections that no machine is known to pass here with tracking on.
	fastestFill = 20_000
)

// track has the hosts track that are to; where the load is meant to fill the table, it says before what keeps it from that.
func (r *run) track() error {
	for _, s := range []*side{r.client, r.server} {
		if !r.scenario.Track.By(scenario.Side(s.name)) {
			continue
		}
		if err := r.canFill(s); err != nil {
			return err
		}
		if err := s.remote.Track(r.hard); err != nil {
			return err
		}
	}
	return nil
}

// canFill holds the table's size, which is the host's and cannot be had smaller in a lab, against what the load can do.
func (r *run) canFill(s *side) error {
	if !r.scenario.Track.Fill.IsOn() {
		return nil
	}
	limit, err := strconv.ParseInt(s.setting(conntrackMax), 10, 64)
	if err != nil {
		return &lab.UnavailableError{
			What: "the connection-tracking table cannot be filled here", Err: errors.New("this kernel tells no " + conntrackMax),
			Remedy: "load the module (as root: modprobe nf_conntrack), or leave out track.fill",
		}
	}
	lives := 120 * time.Second
	if n, err := strconv.Atoi(s.setting(conntrackTimeWait)); err == nil {
		lives = time.Duration(n) * time.Second
	}
	if why, remedy := unfillable(r.scenario, limit, lives); why != "" {
		return &lab.UnavailableError{
			What: "the connection-tracking table cannot be filled by this load", Err: errors.New(why), Remedy: remedy,
		}
	}
	return nil
}

// setting is a side's as it is now, before it is prepared.
func (s *side) setting(key string) string {
	for _, c := range s.sysctls.Changed {
		if c.Key == key {
			return c.Value
		}
	}
	return s.hello.Defaults[key]
}

// unfillable says why a load cannot fill a table of so many entries, each of which lives so long after its connection, and
// what it would take; "" where it can.
func unfillable(s scenario.Scenario, limit int64, lives time.Duration) (why, remedy string) {
	const hosts = "; or lower the limit on the host itself (" + conntrackMax + ", which no lab can)"
	table := fmt.Sprintf("%s is %d on this host, for every network namespace", conntrackMax, limit)
	if limit == 0 {
		return table + ": there is no limit", "set one on the host itself (" + conntrackMax + ", which no lab can)"
	}
	needed := limit + limit/100 + 1 // beyond it
	ports, tuples := s.FreshPorts(), int64(s.Client.Addresses)*int64(s.Server.Addresses)*int64(s.Server.Ports)
	if have := ports * tuples; have < needed {
		addresses := (needed + ports*tuples/int64(s.Client.Addresses) - 1) / (ports * tuples / int64(s.Client.Addresses))
		return fmt.Sprintf("%s, and the load has %d combinations of addresses and ports", table, have),
			fmt.Sprintf("give it more with --set client.addresses=%d", addresses) + hosts
	}
	if n := s.Load.Stop.Connections; n > 0 && n < needed {
		return fmt.Sprintf("%s, and the load stops after %d connections", table, n),
			fmt.Sprintf("let it go on with --set load.stop.connections=%d", needed) + hosts
	}
	rate, said := float64(s.Load.Rate), "at "+s.Load.Rate.String()
	if s.Load.Rate == scenario.Max {
		rate, said = fastestFill, fmt.Sprintf("even at %d/s", fastestFill)
	}
	takes := time.Duration(float64(needed) / rate * float64(time.Second)).Round(time.Second)
	switch {
	case takes > lives:
		return fmt.Sprintf("%s: %s that takes %s, and entries go after %s", table, said, takes, lives),
			fmt.Sprintf("let them live longer with --set sysctl.%s.%s=%d", s.Track.Side, conntrackTimeWait, 2*int(takes.Seconds())) + hosts
	case takes > s.Load.Stop.After.Std():
		return fmt.Sprintf("%s: %s that takes %s, and the load stops after %s", table, said, takes, s.Load.Stop.After),
			fmt.Sprintf("give it longer with --set load.stop.after=%s", 2*takes) + hosts
	}
	return "", ""
}

// limits adds what a side's host had only so much of.
func (r *run) limits(out *record.Side, s *side) {
	seen := &s.result.Limits
	out.Conntrack, out.Descriptors, out.Listeners = seen.Conntrack, seen.Descriptors, seen.Listeners
	if out.Descriptors != nil {
		out.Descriptors.Program = s.name
	}
	for i := range out.Listeners {
		out.Listeners[i].Program = fmt.Sprintf("%s[%d]", s.name, s.hello.PID)
	}
}

// unmeasuredLimits tells which of them could not be read.
func (r *run) unmeasuredLimits(into map[string]string) {
	for _, s := range []*side{r.client, r.server} {
		if s.result == nil {
			continue
		}
		for what, why := range s.result.Limits.Unmeasured {
			into["sides."+s.name+"."+what] = why
		}
	}
}

// tableNotFilled says that a load that was to fill the connection-tracking table did not.
func (r *run) tableNotFilled(t *record.Trial) *record.Warning {
	if !r.scenario.Track.Fill.IsOn() || t.Status != record.Complete {
		return nil
	}
	for _, s := range []*record.Side{&t.Sides.Client, &t.Sides.Server} {
		if c := s.Conntrack; c != nil && c.Dropped != nil && *c.Dropped > 0 {
			return nil
		}
	}
	text := "the connection-tracking table could not be read: whether it was full is not known"
	for _, s := range []*record.Side{&t.Sides.Client, &t.Sides.Server} {
		if c := s.Conntrack; c != nil {
			text = fmt.Sprintf("the connection-tracking table was not full: %d of %d entries at the most", c.Entries, c.Limit)
		}
	}
	return &record.Warning{
		Code: "table-not-filled", Text: text,
		Advice: "give the load more time with --set load.stop.after, or more speed with --set client.workers",
		Spoils: []string{"failed"},
	}
}
