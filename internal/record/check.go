package record

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Check tells everything by which t contradicts itself or the documented ranges, each with its field's path; nil where
// nothing does. It looks only at what a reader must be able to rely on: sums that do not add up are not an error here
// but a finding, which reports show.
func (t *Trial) Check() error {
	var c checker
	if t.Schema != "" && t.Schema != Schema {
		c.add("schema", "is %q, not %s", t.Schema, Schema)
	}
	if err := checkID(t.ID); err != nil {
		c.add("id", "%v", err)
	}
	c.status(t)
	c.seconds("phases.load_seconds", t.Phases.LoadSeconds)
	c.seconds("phases.hold_seconds", t.Phases.HoldSeconds)
	if g := t.Scenario.Goal; g != nil {
		c.side("scenario.goal.side", g.Side)
		c.count("scenario.goal.time_wait", g.TimeWait)
		c.secondsPtr("scenario.goal.reached_seconds", g.ReachedSeconds)
	}
	c.sideSeen("sides.client", &t.Sides.Client, len(t.Ports))
	c.sideSeen("sides.server", &t.Sides.Server, len(t.Ports))
	c.connections(t)
	c.latency("latency.connect", t.Latency.Connect)
	c.latency("latency.connect_from_intended", t.Latency.FromIntended)
	for i := range t.Ports {
		c.tuple(fmt.Sprintf("ports[%d]", i), &t.Ports[i])
	}
	c.ledger("ledger.client", &t.Ledger.Client)
	c.ledger("ledger.server", &t.Ledger.Server)
	c.bytes(&t.Bytes)
	c.closing(&t.Close)
	c.stand(t.Stand)
	c.canaries("canaries", t.Canaries)
	c.relay(t.Relay)
	c.kept(t.Kept)
	if cmd := t.ClientCommand; cmd != nil {
		c.seconds("client_command.seconds", cmd.Seconds)
		c.count("client_command.unseen", cmd.Unseen)
	}
	c.callCosts("call_costs", t.CallCosts)
	c.shard(t.Shard)
	c.merged(t.Merged)
	return c.err()
}

// CheckID tells why a text cannot name a record, or a run; nil where it can.
func CheckID(id string) error { return checkID(id) }

// checkID holds an ID to what a file's name can be on every system.
func checkID(id string) error {
	bad := func(r rune) bool { return r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) || r == 0x7f }
	switch {
	case id == "":
		return errors.New("the id is empty")
	case strings.HasPrefix(id, ".") || strings.ContainsFunc(id, bad):
		return fmt.Errorf("the id %q is no plain file name", id)
	case len(id) > 200:
		return fmt.Errorf("the id has %d bytes, more than a file name takes", len(id))
	}
	return nil
}

// checker collects problems, so that one look tells them all.
type checker struct{ problems []error }

func (c *checker) err() error { return errors.Join(c.problems...) }

func (c *checker) add(path, format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf("%s %s", path, fmt.Sprintf(format, args...)))
}

func (c *checker) count(path string, n int64) {
	if n < 0 {
		c.add(path, "is a count and cannot be %d", n)
	}
}

func (c *checker) countPtr(path string, n *int64) {
	if n != nil {
		c.count(path, *n)
	}
}

// seconds checks any quantity that is finite and not below zero: times, rates, processor time.
func (c *checker) seconds(path string, v float64) {
	if !(v >= 0) || math.IsInf(v, 0) {
		c.add(path, "cannot be %v", v)
	}
}

func (c *checker) secondsPtr(path string, v *float64) {
	if v != nil {
		c.seconds(path, *v)
	}
}

func (c *checker) side(path, side string) {
	if side != "client" && side != "server" {
		c.add(path, "is %q, neither client nor server", side)
	}
}

func (c *checker) statusName(s Status) {
	if !slices.Contains([]Status{Complete, Interrupted, Failed}, s) {
		c.add("status", "is %q, not one of complete, interrupted, failed", s)
	}
}

func (c *checker) status(t *Trial) {
	c.statusName(t.Status)
	if t.Failure != nil && t.Status != Failed {
		c.add("failure", "is there although status is %q", t.Status)
	}
	if t.Failure == nil && t.Status == Failed {
		c.add("failure", "is missing although status is failed")
	}
}

func (c *checker) counts(path string, counts Counts) {
	for _, s := range States {
		c.count(path+"."+string(s), counts[s])
	}
	var unknown []string
	for s := range counts {
		if !slices.Contains(States, s) {
			unknown = append(unknown, string(s))
		}
	}
	slices.Sort(unknown) // a map has no order, an error needs one
	for _, s := range unknown {
		c.add(path, "has %q, which is no state", s)
	}
}

func (c *checker) sideSeen(path string, s *Side, tuples int) {
	c.counts(path+".states.peak", s.States.Peak)
	c.counts(path+".states.end", s.States.End)
	c.countPtr(path+".time_wait.peak", s.TimeWait.Peak)
	c.countPtr(path+".time_wait.plateau", s.TimeWait.Plateau)
	c.secondsPtr(path+".time_wait.lifetime_seconds", s.TimeWait.LifetimeSeconds)
	c.secondsPtr(path+".time_wait.fin_wait_2_seconds", s.TimeWait.FinWait2Seconds)
	c.countPtr(path+".time_wait.bytes_each", s.TimeWait.BytesEach)
	for i := range s.Sysctls.Asked {
		c.oneOf(fmt.Sprintf("%s.sysctls.asked[%d].outcome", path, i), s.Sysctls.Asked[i].Outcome, asked)
	}
	c.seconds(path+".cpu.user_seconds", s.CPU.UserSeconds)
	c.seconds(path+".cpu.system_seconds", s.CPU.SystemSeconds)
	c.seconds(path+".sampler.user_seconds", s.Sampler.UserSeconds)
	c.seconds(path+".sampler.system_seconds", s.Sampler.SystemSeconds)
	c.sampling(path+".sampling", s.Sampling)
	c.limits(path, s)
	last := math.Inf(-1)
	for i := range s.Samples {
		p := fmt.Sprintf("%s.samples[%d]", path, i)
		if at := s.Samples[i].AtMS; at < last {
			c.add(p+".at_ms", "is %v, before the sample ahead of it at %v", at, last)
		} else {
			last = at
		}
		c.sample(p, &s.Samples[i], tuples)
		c.stalled(p+".stalled", s.Samples[i].Stalled)
	}
	c.memory(path+".memory", s.Memory)
}

// asked are what can become of a setting that was asked for.
var asked = []string{SysctlChanged, SysctlAlreadySet, SysctlMissing, SysctlHostWide, SysctlRefused}

func (c *checker) sample(path string, s *Sample, tuples int) {
	if math.IsNaN(s.AtMS) || math.IsInf(s.AtMS, 0) {
		c.add(path+".at_ms", "cannot be %v", s.AtMS)
	}
	c.countPtr(path+".time_wait", s.TimeWait)
	c.countPtr(path+".orphans", s.Orphans)
	c.counts(path+".states", s.States)
	if s.PortsInUse != nil && len(s.PortsInUse) != tuples {
		c.add(path+".ports_in_use", "has %d entries for %d ports", len(s.PortsInUse), tuples)
	}
	for i, n := range s.PortsInUse {
		c.count(fmt.Sprintf("%s.ports_in_use[%d]", path, i), n)
	}
	c.count(path+".opened", s.Opened)
	c.count(path+".ok", s.OK)
	c.count(path+".failed", s.Failed)
	c.seconds(path+".cost_us", s.CostUS)
}

func (c *checker) connections(t *Trial) {
	n := &t.Connections
	c.count("connections.attempted", n.Attempted)
	c.count("connections.ok", n.OK)
	c.count("connections.failed", n.Failed)
	c.count("connections.unfinished", n.Unfinished)
	c.count("connections.not_started", n.NotStarted)
	c.count("connections.late", n.Late)
	c.countPtr("connections.replaced", n.Replaced)
	c.countPtr("connections.hidden_retries", n.HiddenRetries)
	for i, o := range t.Outcomes {
		p := fmt.Sprintf("outcomes[%d]", i)
		c.side(p+".side", o.Side)
		c.count(p+".count", o.Count)
		if o.Cause == "" {
			c.add(p+".cause", "is empty")
		}
	}
	c.secondsPtr("rate.asked_per_second", t.Rate.AskedPerSecond)
	c.seconds("rate.reached_per_second", t.Rate.ReachedPerSecond)
}

func (c *checker) latency(path string, q *Quantiles) {
	if q == nil {
		return
	}
	c.count(path+".count", q.Count)
	c.seconds(path+".p50_us", q.P50US)
	c.seconds(path+".p90_us", q.P90US)
	c.seconds(path+".p99_us", q.P99US)
	c.seconds(path+".p999_us", q.P999US)
	c.seconds(path+".max_us", q.MaxUS)
}

func (c *checker) tuple(path string, t *Tuple) {
	if t.Port < 0 || t.Port > 65535 {
		c.add(path+".port", "cannot be %d", t.Port)
	}
	if r := t.Range; r.Low < 1 || r.High > 65535 || r.Low > r.High {
		c.add(path+".range", "cannot be %d to %d", r.Low, r.High)
	}
	c.countPtr(path+".peak_in_use", t.PeakInUse)
	c.countPtr(path+".peak_even", t.PeakEven)
	c.countPtr(path+".peak_odd", t.PeakOdd)
	c.count(path+".successes", t.Successes)
	c.countPtr(path+".ok_before_first_exhaustion", t.OKBeforeFirstExhaustion)
	c.secondsPtr(path+".first_exhaustion_seconds", t.FirstExhaustionSeconds)
	f := &t.Forecast
	path += ".forecast"
	c.seconds(path+".taken_least_seconds", f.TakenLeastSeconds)
	c.seconds(path+".taken_most_seconds", f.TakenMostSeconds)
	c.secondsPtr(path+".rate_per_second", f.RatePerSecond)
	c.secondsPtr(path+".plateau", f.Plateau)
	c.secondsPtr(path+".cliff_per_second", f.CliffPerSecond)
	c.secondsPtr(path+".full_per_second", f.FullPerSecond)
	c.secondsPtr(path+".rate_that_lasts", f.RateThatLasts)
	c.countPtr(path+".exhausted_after", f.ExhaustedAfter)
	c.secondsPtr(path+".exhausted_seconds", f.ExhaustedSeconds)
	if h := f.PastHalf; h != nil {
		path += ".past_half"
		c.count(path+".after", h.After)
		c.seconds(path+".after_seconds", h.AfterSeconds)
		c.seconds(path+".connect_us", h.ConnectUS)
		c.seconds(path+".per_second", h.PerSecond)
		c.seconds(path+".full_seconds", h.FullSeconds)
		c.oneOf(path+".fills", h.Fills, []string{"yes", "no", "maybe"})
	}
}

// ledger leaves Unexplained alone: it is a difference and may be below zero.
func (c *checker) ledger(path string, l *LedgerSide) {
	c.countPtr(path+".entered", l.Entered)
	c.countPtr(path+".first_closes", l.FirstCloses)
	c.countPtr(path+".standing", l.Standing)
	c.countPtr(path+".replaced", l.Replaced)
	c.countPtr(path+".reused", l.Reused)
	c.countPtr(path+".fin_wait_2", l.FinWait2)
	c.countPtr(path+".expired", l.Expired)
	c.countPtr(path+".expired_most", l.ExpiredMost)
	c.countPtr(path+".given_up", l.GivenUp)
}
