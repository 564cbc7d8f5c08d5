package merge

import (
	"fmt"
	"math"

	"twomsl/internal/record"
)

// connections adds up the clients' counts, and both sides' outcomes by kind.
func (m *merging) connections() {
	c := &m.out.Connections
	for _, p := range m.parts {
		o := &p.t.Connections
		c.Attempted, c.OK, c.Failed = plus(c.Attempted, o.Attempted), plus(c.OK, o.OK), plus(c.Failed, o.Failed)
		c.Unfinished, c.NotStarted = plus(c.Unfinished, o.Unfinished), plus(c.NotStarted, o.NotStarted)
		c.Late = plus(c.Late, o.Late)
		for _, outcome := range p.t.Outcomes {
			m.outcome(outcome)
		}
	}
	c.Replaced = m.sum(func(t *record.Trial) *int64 { return t.Connections.Replaced })
	c.HiddenRetries = m.sum(func(t *record.Trial) *int64 { return t.Connections.HiddenRetries })
}

func (m *merging) outcome(o record.Outcome) {
	for i := range m.out.Outcomes {
		same := &m.out.Outcomes[i]
		if same.Side == o.Side && same.Phase == o.Phase && same.Cause == o.Cause && same.Errno == o.Errno {
			same.Count = plus(same.Count, o.Count)
			return
		}
	}
	m.out.Outcomes = append(m.out.Outcomes, o)
}

// phases: the run lasts from the first load's start to the end of the last one, and all that was opened was opened in that
// time.
func (m *merging) phases() {
	t := m.out
	opened := 0.0
	reached := true
	for _, p := range m.parts {
		ph := &p.t.Phases
		behind := p.offsetMS / 1e3
		t.Phases.LoadSeconds = max(t.Phases.LoadSeconds, ph.LoadSeconds+behind)
		t.Phases.HoldSeconds = max(t.Phases.HoldSeconds, ph.HoldSeconds)
		if t.Phases.StoppedBy == "" || t.Phases.StoppedBy == "connections" { // one that had not opened all of its own speaks for the whole
			t.Phases.StoppedBy = ph.StoppedBy
		}
		opened += math.Round(p.t.Rate.ReachedPerSecond * ph.LoadSeconds)
		reached = reached && p.t.Scenario.Goal != nil && p.t.Scenario.Goal.ReachedSeconds != nil
	}
	t.Rate.AskedPerSecond = m.parts[0].Whole.AskedPerSecond
	if t.Phases.LoadSeconds > 0 {
		t.Rate.ReachedPerSecond = opened / t.Phases.LoadSeconds
	}
	m.limitedBy()
	if g := m.parts[0].Whole.Scenario.Goal; g != nil {
		goal := *g
		goal.ReachedSeconds = nil
		if reached {
			goal.ReachedSeconds = new(0.0)
			for _, p := range m.parts {
				*goal.ReachedSeconds = max(*goal.ReachedSeconds, *p.t.Scenario.Goal.ReachedSeconds+p.offsetMS/1e3)
			}
		}
		t.Scenario.Goal = &goal
	}
}

// limitedBy is told where it is the same for all.
func (m *merging) limitedBy() {
	by, why := m.parts[0].t.Rate.LimitedBy, m.parts[0].t.Rate.LimitedWhy
	for _, p := range m.parts {
		if p.t.Rate.LimitedBy != by {
			return
		}
		if p.t.Rate.LimitedWhy != why {
			why = "in every shard"
		}
	}
	m.out.Rate.LimitedBy, m.out.Rate.LimitedWhy = by, why
}

func (m *merging) bytes() {
	b := &m.out.Bytes
	for _, p := range m.parts {
		b.Written, b.Read = plus(b.Written, p.t.Bytes.Written), plus(b.Read, p.t.Bytes.Read)
	}
	b.Lost = m.sum(func(t *record.Trial) *int64 { return t.Bytes.Lost })
	b.ToServer = m.direction(func(b *record.Bytes) *record.Direction { return b.ToServer })
	b.ToClient = m.direction(func(b *record.Bytes) *record.Direction { return b.ToClient })
	for i := range m.parts {
		p := &m.parts[i]
		switch by := p.t.Bytes.ByConnection; {
		case by == nil && !p.cut():
			b.ByConnection = nil
			return
		case by != nil:
			b.ByConnection = byConnection(b.ByConnection, by)
		}
	}
}

func byConnection(sum, o *record.PerConnection) *record.PerConnection {
	if sum == nil {
		return new(*o)
	}
	return &record.PerConnection{
		Metered: plus(sum.Metered, o.Metered), Unmatched: plus(sum.Unmatched, o.Unmatched),
		NotMetered: plus(sum.NotMetered, o.NotMetered), WithLoss: plus(sum.WithLoss, o.WithLoss),
		MostLost: max(sum.MostLost, o.MostLost),
	}
}

func (m *merging) direction(get func(*record.Bytes) *record.Direction) *record.Direction {
	field := func(f func(*record.Direction) *int64) *int64 {
		return m.sum(func(t *record.Trial) *int64 {
			if d := get(&t.Bytes); d != nil {
				return f(d)
			}
			return nil
		})
	}
	written := field(func(d *record.Direction) *int64 { return &d.Written })
	read := field(func(d *record.Direction) *int64 { return &d.Read })
	lost := field(func(d *record.Direction) *int64 { return &d.Lost })
	if written == nil || read == nil || lost == nil {
		return nil
	}
	return &record.Direction{Written: *written, Read: *read, Lost: *lost}
}

// ledgers adds up the accounts. Of a host that several shards share the account cannot be added: its counters know of no
// shard, and what each of them left over was of all.
func (m *merging) ledgers() {
	l := &m.out.Ledger
	l.Client = m.ledger(func(t *record.Trial) *record.LedgerSide { return &t.Ledger.Client })
	l.Server = m.ledger(func(t *record.Trial) *record.LedgerSide { return &t.Ledger.Server })
	if m.shared.Client {
		m.together(&l.Client, &m.out.Sides.Client)
	}
	if m.shared.Server {
		m.together(&l.Server, &m.out.Sides.Server)
	}
}

func (m *merging) ledger(side func(*record.Trial) *record.LedgerSide) record.LedgerSide {
	field := func(get func(*record.LedgerSide) *int64) *int64 {
		return m.sum(func(t *record.Trial) *int64 { return get(side(t)) })
	}
	return record.LedgerSide{
		Entered:     field(func(l *record.LedgerSide) *int64 { return l.Entered }),
		FirstCloses: field(func(l *record.LedgerSide) *int64 { return l.FirstCloses }),
		Standing:    field(func(l *record.LedgerSide) *int64 { return l.Standing }),
		Replaced:    field(func(l *record.LedgerSide) *int64 { return l.Replaced }),
		Reused:      field(func(l *record.LedgerSide) *int64 { return l.Reused }),
		FinWait2:    field(func(l *record.LedgerSide) *int64 { return l.FinWait2 }),
		Expired:     field(func(l *record.LedgerSide) *int64 { return l.Expired }),
		ExpiredMost: field(func(l *record.LedgerSide) *int64 { return l.ExpiredMost }),
		GivenUp:     field(func(l *record.LedgerSide) *int64 { return l.GivenUp }),
		Unexplained: field(func(l *record.LedgerSide) *int64 { return l.Unexplained }),
	}
}

// together makes the account of a host that several shards share, as far as there is one: what its counters say once, and what
// stood. Where the shards' own accounts add up to that, nothing came between them, and they stay.
func (m *merging) together(l *record.LedgerSide, s *record.Side) {
	entered := plus(s.Counters["TcpExt.TW"], s.Counters["TcpExt.TWKilled"])
	if l.Entered != nil && *l.Entered == entered || l.Entered == nil && !m.quiet() || s.States.End == nil {
		return
	}
	*l = record.LedgerSide{
		Entered: &entered, Reused: new(s.Counters["TcpExt.TWRecycled"]), Standing: new(s.States.End[record.TimeWait]),
		FirstCloses: l.FirstCloses,
	}
}

// close: the whole agrees where every shard does.
func (m *merging) close() {
	c := &m.out.Close
	first := m.parts[0].t.Close
	c.Side, c.How, c.Declared, c.Contradictions = first.Side, first.How, first.Declared, []string{}
	agrees := true
	judged := true
	for i := range m.parts {
		p := &m.parts[i]
		one := p.t.Close
		for _, text := range one.Contradictions {
			c.Contradictions = append(c.Contradictions, fmt.Sprintf("shard %d: %s", p.Number, text))
		}
		if one.Agrees == nil {
			if judged {
				c.NotJudged = fmt.Sprintf("shard %d was not: %s", p.Number, one.NotJudged)
			}
			judged = false
			continue
		}
		agrees = agrees && *one.Agrees
	}
	switch {
	case len(c.Contradictions) > 0:
		agrees, c.NotJudged = false, ""
		c.Agrees = &agrees
	case judged:
		c.Agrees = &agrees
	}
	c.Seen.Client = m.seen(func(t *record.Trial) *record.CloseSeen { return &t.Close.Seen.Client }, m.out.Sides.Client.Counters)
	c.Seen.Server = m.seen(func(t *record.Trial) *record.CloseSeen { return &t.Close.Seen.Server }, m.out.Sides.Server.Counters)
	c.Seen.Client.Peak, c.Seen.Server.Peak = m.out.Sides.Client.States.Peak, m.out.Sides.Server.States.Peak
}

func (m *merging) seen(side func(*record.Trial) *record.CloseSeen, counters map[string]int64) (out record.CloseSeen) {
	for _, p := range m.parts {
		one := side(p.t)
		out.EOF, out.Reset, out.Lost = plus(out.EOF, one.EOF), plus(out.Reset, one.Reset), plus(out.Lost, one.Lost)
		for name := range one.Counters {
			if n, known := counters[name]; known {
				if out.Counters == nil {
					out.Counters = map[string]int64{}
				}
				out.Counters[name] = n
			}
		}
	}
	out.States = m.counts(func(t *record.Trial) record.Counts { return side(t).States }, plus)
	return out
}

// counts puts tables of states together, each state's numbers by the rule given; nil where a shard that came to its end has
// none.
func (m *merging) counts(get func(*record.Trial) record.Counts, rule func(a, b int64) int64) record.Counts {
	var out record.Counts
	for i := range m.parts {
		one := get(m.parts[i].t)
		if one == nil && !m.parts[i].cut() {
			return nil
		}
		if one != nil && out == nil {
			out = record.Counts{}
		}
		for state, n := range one {
			out[state] = rule(out[state], n)
		}
	}
	return out
}

// kept adds up what became of connections that nobody closed.
func (m *merging) kept() {
	var all []*record.Kept
	for i := range m.parts {
		switch k := m.parts[i].t.Kept; {
		case k != nil:
			all = append(all, k)
		case !m.parts[i].cut():
			return
		}
	}
	if len(all) == 0 {
		return
	}
	out := *all[0]
	field := func(get func(*record.Kept) *int64) *int64 {
		return m.sum(func(t *record.Trial) *int64 {
			if t.Kept == nil {
				return nil
			}
			return get(t.Kept)
		})
	}
	out.StoodThen = field(func(k *record.Kept) *int64 { return k.StoodThen })
	out.Ended = field(func(k *record.Kept) *int64 { return k.Ended })
	out.SlabBytes = nil // of a machine, whatever ran there
	out.VanishedSeconds, out.FoundFirstSeconds, out.FoundLastSeconds = nil, nil, nil
	if h := out.Heartbeat; h != nil {
		beat := *h
		for _, k := range all[1:] {
			if k.Heartbeat != nil {
				beat.Sent, beat.Answered = plus(beat.Sent, k.Heartbeat.Sent), plus(beat.Answered, k.Heartbeat.Answered)
			}
		}
		out.Heartbeat = &beat
	}
	for _, k := range all {
		if v := k.FoundFirstSeconds; v != nil && (out.FoundFirstSeconds == nil || *v < *out.FoundFirstSeconds) {
			out.FoundFirstSeconds = new(*v)
		}
		if v := k.FoundLastSeconds; v != nil && (out.FoundLastSeconds == nil || *v > *out.FoundLastSeconds) {
			out.FoundLastSeconds = new(*v)
		}
	}
	m.out.Kept = &out
}

// restart is the first shard's that could not listen once more, if one could not.
func (m *merging) restart() {
	for _, p := range m.parts {
		if r := p.t.Restart; r != nil && (m.out.Restart == nil || m.out.Restart.Errno == "") {
			m.out.Restart = new(*r)
		}
	}
}
