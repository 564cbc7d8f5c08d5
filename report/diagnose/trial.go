package diagnose

import (
	"fmt"
	"slices"

	"twomsl/internal/record"
)

// The sides of a trial.
const (
	client = "client"
	server = "server"
	relay  = "relay"
)

// Struck names the side whose trouble a trial is. Records from before that was noted say it by who held the most TIME_WAIT.
func Struck(t *record.Trial) string {
	switch t.Scenario.Struck {
	case client, server:
		return t.Scenario.Struck
	case relay:
		if t.Relay != nil {
			return relay
		}
	}
	if t.Stand == nil && value(t.Sides.Client.TimeWait.Peak) > value(t.Sides.Server.TimeWait.Peak) {
		return client
	}
	return server
}

// FromTrial is the host of a side as its own tools and programs would show it, without what the scenario says of it. A side
// that the trial does not have comes back with nothing seen.
func FromTrial(t *record.Trial, side string) record.Host {
	watched := t.Phases.LoadSeconds + t.Phases.HoldSeconds
	h := record.Host{
		Schema: record.HostSchema, Name: "the " + side + " of " + t.ID, Kernel: t.Environment.Kernel, Source: record.FromTrial,
		WatchedSeconds: &watched, Flows: []record.Flow{}, Listeners: []record.Listener{}, Errors: []record.Outcome{},
		Gaps: []record.Gap{},
	}
	if !t.StartedAt.IsZero() {
		at := t.StartedAt
		h.TakenAt = &at
	}
	if side == Struck(t) { // the canaries stand there
		h.Canaries = t.Canaries
	}
	if side == relay && t.Relay != nil {
		fromRelay(&h, t)
		return h
	}
	s, other := &t.Sides.Client, &t.Sides.Server
	if side == server {
		s, other = other, s
	}
	if t.Relay == nil && t.Stand == nil { // where packets are held back, the two sides differ without anybody having gone
		h.Peer = other.States.End
	}
	fromSide(&h, t, s, side)
	return h
}

func fromSide(h *record.Host, t *record.Trial, s *record.Side, side string) {
	h.States, h.Peak, h.Stayed = s.States.End, s.States.Peak, stayed(s.Samples)
	h.Counters, h.Sysctls = s.Counters, s.Sysctls.Effective
	h.Listeners = append(h.Listeners, s.Listeners...)
	h.Conntrack, h.TimeWaitBytesEach = s.Conntrack, s.TimeWait.BytesEach
	descriptorsOf(h, s, side)
	h.Errors = append(h.Errors, failures(t.Outcomes, side)...)
	if s.States.End == nil && s.Counters == nil {
		h.Errors = nil // its process has died, and told nothing
		h.Gaps = append(h.Gaps, record.Gap{What: "the " + side, Why: "it has told nothing"})
		return
	}
	port := 0
	if len(t.Ports) > 0 {
		port = t.Ports[0].Port
	}
	if side == client {
		h.Connect = t.Latency.Connect
		h.TimeWaitSeconds = longestTaken(t.Ports)
		h.Flows = outFlows(t, t.Ports, s.States.End)
	} else {
		h.Flows = []record.Flow{{Direction: record.Inbound, Local: first(s.Addresses), Port: port, States: s.States.End}}
	}
	if len(h.Flows) > 0 {
		stall(&h.Flows[len(h.Flows)-1], s.Samples)
	}
}

// descriptorsOf tells of a side's descriptors, unless its connections are held by other processes than the one that counted
// its own. What waits for accept() is nobody's yet.
func descriptorsOf(h *record.Host, s *record.Side, side string) {
	d := s.Descriptors
	if d == nil {
		return
	}
	held := s.States.End[record.Established] + s.States.End[record.CloseWait]
	for i := range s.Listeners {
		held -= s.Listeners[i].Queue
	}
	if held > d.InUse && d.InUse < d.Limit {
		h.Gaps = append(h.Gaps, record.Gap{
			What: "descriptors", Why: "the " + side + " is several processes, and those of the ones that hold the connections were not counted",
		})
		return
	}
	h.Descriptors = []record.Descriptors{*d}
}

// fromRelay puts the relay's two faces together: connections came in on one, and went out on the other.
func fromRelay(h *record.Host, t *record.Trial) {
	r := t.Relay
	in, out := &r.Client, &r.Server
	h.States, h.Peak = sum(in.States.End, out.States.End), sum(in.States.Peak, out.States.Peak)
	h.Stayed = sum(stayed(in.Samples), stayed(out.Samples))
	h.Counters, h.Sysctls = r.Counters, r.Sysctls.Effective
	h.TimeWaitBytesEach, h.TimeWaitSeconds = out.TimeWait.BytesEach, longestTaken(r.Ports)
	h.Errors = append(h.Errors, failures(r.Outcomes, relay)...)
	if r.Unwatched != "" { // only its own log tells
		h.Errors = nil
	}
	h.Flows = append([]record.Flow{{Direction: record.Inbound, Local: first(r.Addresses), States: in.States.End}},
		outFlows(t, r.Ports, out.States.End)...)
	stall(&h.Flows[0], in.Samples)
	stall(&h.Flows[len(h.Flows)-1], out.Samples)
}

// outFlows are the tuples of a side that opens. Its states are known by tuple only where there is one; of several the last
// flow is all of them together, without ports.
func outFlows(t *record.Trial, ports []record.Tuple, states record.Counts) (out []record.Flow) {
	for i := range ports {
		p := &ports[i]
		f := record.Flow{
			Direction: record.Outbound, Local: p.Source, Remote: p.Destination, Port: p.Port,
			PortsInUse: p.PeakInUse, Even: p.PeakEven, Odd: p.PeakOdd, Range: &p.Range,
		}
		if t.Phases.LoadSeconds >= 1 { // a rate over less says nothing of what lasts
			r := float64(p.Successes) / t.Phases.LoadSeconds
			f.RatePerSecond = &r
		}
		out = append(out, f)
	}
	if len(out) == 1 {
		out[0].States = states
		return out
	}
	return append(out, record.Flow{Direction: record.Outbound, States: states})
}

// stall adds what the timers of the sockets showed at the worst look.
func stall(f *record.Flow, samples []record.Sample) {
	for i := range samples {
		if st := samples[i].Stalled; st != nil {
			f.Retransmitting = max(f.Retransmitting, st.Retransmitting)
			f.KeptAlive = max(f.KeptAlive, st.KeptAlive)
			f.Unanswered = max(f.Unanswered, st.Unanswered)
		}
	}
}

// stayed is the fewest sockets of each state at any look of a trial's last half; nil with less than two looks there.
func stayed(samples []record.Sample) record.Counts {
	if len(samples) == 0 {
		return nil
	}
	begin, end := samples[0].AtMS, samples[len(samples)-1].AtMS
	var least record.Counts
	looks := 0
	for i := range samples {
		n := samples[i].States
		if n == nil || samples[i].AtMS < begin+(end-begin)/2 {
			continue
		}
		looks++
		next := record.Counts{}
		for _, state := range record.States {
			if next[state] = n[state]; least != nil {
				next[state] = min(n[state], least[state])
			}
		}
		least = next
	}
	if looks < 2 {
		return nil
	}
	return least
}

// failures are the outcomes of a side that are none.
func failures(all []record.Outcome, side string) (out []record.Outcome) {
	for _, o := range all {
		if o.Side == side && o.Cause != string(record.OK) && o.Count > 0 {
			out = append(out, o)
		}
	}
	return out
}

// longestTaken is how long a TIME_WAIT stands at most, where the forecast was made from that; nil else.
func longestTaken(ports []record.Tuple) *float64 {
	for i := range ports {
		if s := ports[i].Forecast.TakenMostSeconds; s >= 60 {
			return &s
		}
	}
	return nil
}

// sum adds two tables; nil where neither was taken.
func sum(a, b record.Counts) record.Counts {
	if a == nil && b == nil {
		return nil
	}
	out := record.Counts{}
	for _, state := range record.States {
		if n := a[state] + b[state]; n > 0 {
			out[state] = n
		}
	}
	return out
}

func first(list []string) string {
	if i := slices.IndexFunc(list, func(s string) bool { return s != "" }); i >= 0 {
		return list[i]
	}
	return ""
}

// Summary is a diagnosis in a line: what it is most likely, and how sure that is.
func Summary(d *record.Diagnosis) string {
	if len(d.Causes) == 0 {
		return ""
	}
	c := &d.Causes[0]
	return fmt.Sprintf("%s, %s: %s", c.ID, c.Confidence, c.Says)
}
