package merge

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"twomsl/internal/record"
)

// sideOf gives a side of a trial.
type sideOf func(*record.Trial) *record.Side

func clientOf(t *record.Trial) *record.Side { return &t.Sides.Client }
func serverOf(t *record.Trial) *record.Side { return &t.Sides.Server }

func (m *merging) sides() {
	layout := m.layout()
	m.shared.Client = m.side(clientOf, layout)
	m.shared.Server = m.side(serverOf, layout)
}

// side puts one side of all shards together, and tells whether several of them are one host.
func (m *merging) side(of sideOf, layout [][]int) (shared bool) {
	out := of(m.out)
	out.Addresses = m.addresses(of)
	out.HostID, out.Absent = of(m.parts[0].t).HostID, of(m.parts[0].t).Absent
	for _, p := range m.parts {
		one := of(p.t)
		if one.HostID != out.HostID {
			out.HostID = "" // several
		}
		if one.Absent != out.Absent {
			out.Absent = ""
		}
		out.CPU.UserSeconds += one.CPU.UserSeconds
		out.CPU.SystemSeconds += one.CPU.SystemSeconds
		out.Sampler.UserSeconds += one.Sampler.UserSeconds
		out.Sampler.SystemSeconds += one.Sampler.SystemSeconds
	}
	out.Counters, shared = m.counters(of)
	out.Samples = m.samples(of, layout)
	out.States.End = m.counts(func(t *record.Trial) record.Counts { return of(t).States.End }, plus)
	out.States.Peak = m.peaks(of, out)
	m.timeWait(of, out)
	out.Sampling = m.sampling(of)
	out.Sysctls = m.sysctls(of)
	out.Memory = m.memory(of)
	out.Conntrack, out.Descriptors, out.Listeners = m.conntrack(of), m.descriptors(of), m.listeners(of)
	return shared
}

// addresses are in the order of the whole run: the first of each shard, then the second of each ...
func (m *merging) addresses(of sideOf) []string {
	out := []string{}
	for i, more := 0, true; more; i++ {
		more = false
		for _, p := range m.parts {
			if a := of(p.t).Addresses; i < len(a) {
				more = true
				if !slices.Contains(out, a[i]) {
					out = append(out, a[i])
				}
			}
		}
	}
	return out
}

// peaks are each state's highest counts in one moment, as far as the looks of all shards can be laid beside each other; what
// stood when each shard looked last is one moment.
func (m *merging) peaks(of sideOf, out *record.Side) record.Counts {
	peak := m.counts(func(t *record.Trial) record.Counts { return of(t).States.Peak }, func(a, b int64) int64 { return max(a, b) })
	if peak == nil {
		return nil
	}
	for state, n := range out.States.End {
		peak[state] = max(peak[state], n)
	}
	for i := range out.Samples {
		for state, n := range out.Samples[i].States {
			peak[state] = max(peak[state], n)
		}
	}
	return peak
}

func (m *merging) timeWait(of sideOf, out *record.Side) {
	tw := &out.TimeWait
	tw.Peak = most(m, func(t *record.Trial) *int64 { return of(t).TimeWait.Peak })
	for i := range m.parts {
		if of(m.parts[i].t).TimeWait.Peak == nil && !m.parts[i].cut() {
			tw.Peak = nil
		}
	}
	if tw.Peak != nil {
		*tw.Peak = max(*tw.Peak, out.States.End[record.TimeWait])
		for i := range out.Samples {
			if n := out.Samples[i].TimeWait; n != nil {
				*tw.Peak = max(*tw.Peak, *n)
			}
		}
	}
	tw.Plateau = m.plateau(of)
	tw.LifetimeSeconds = most(m, func(t *record.Trial) *float64 { return of(t).TimeWait.LifetimeSeconds })
	tw.FinWait2Seconds = most(m, func(t *record.Trial) *float64 { return of(t).TimeWait.FinWait2Seconds })
	tw.BytesEach = of(m.parts[0].t).TimeWait.BytesEach
	for _, p := range m.parts {
		if b := of(p.t).TimeWait.BytesEach; b == nil || tw.BytesEach == nil || *b != *tw.BytesEach {
			tw.BytesEach = nil
		}
	}
}

// plateau is the sum of the levels; nil where one shard's count had not levelled off. Who never had a TIME_WAIT is level at 0.
func (m *merging) plateau(of sideOf) *int64 {
	some := false
	sum := m.sum(func(t *record.Trial) *int64 {
		tw := of(t).TimeWait
		some = some || tw.Plateau != nil
		if tw.Plateau == nil && tw.Peak != nil && *tw.Peak == 0 {
			return new(int64(0))
		}
		return tw.Plateau
	})
	if !some {
		return nil
	}
	return sum
}

func (m *merging) sampling(of sideOf) *record.Sampling {
	var out *record.Sampling
	for _, p := range m.parts {
		one := of(p.t).Sampling
		if one == nil {
			continue
		}
		if out == nil {
			out = &record.Sampling{}
		}
		out.BudgetPercent = max(out.BudgetPercent, one.BudgetPercent)
		out.SharePercent = max(out.SharePercent, one.SharePercent)
		out.Totals, out.Splits, out.Full = looks(out.Totals, one.Totals), looks(out.Splits, one.Splits), looks(out.Full, one.Full)
	}
	return out
}

func looks(a, b record.LookCost) record.LookCost {
	out := record.LookCost{Looks: plus(a.Looks, b.Looks), MostUS: max(a.MostUS, b.MostUS)}
	if out.Looks > 0 {
		out.MeanUS = (a.MeanUS*float64(a.Looks) + b.MeanUS*float64(b.Looks)) / float64(out.Looks)
	}
	return out
}

// sysctls keeps the settings in which all hosts agree. What was written is the first shard's; where another's differ, a warning
// says so.
func (m *merging) sysctls(of sideOf) record.Sysctls {
	out := of(m.parts[0].t).Sysctls
	out.Effective = maps.Clone(out.Effective)
	for i := range m.parts {
		one := of(m.parts[i].t).Sysctls.Effective
		if one == nil && m.parts[i].cut() {
			continue
		}
		maps.DeleteFunc(out.Effective, func(key, value string) bool { other, there := one[key]; return !there || other != value })
	}
	return out
}

func (m *merging) memory(of sideOf) *record.Memory {
	var out *record.Memory
	for _, p := range m.parts {
		one := of(p.t).Memory
		if one == nil {
			continue
		}
		if out == nil {
			out = &record.Memory{SocketBytes: one.SocketBytes}
		}
		out.Processes += one.Processes
		if !reflect.DeepEqual(out.SocketBytes, one.SocketBytes) {
			out.SocketBytes = nil
		}
	}
	if out != nil {
		out.ResidentBefore = m.sum(func(t *record.Trial) *int64 {
			return resident(of(t), func(m *record.Memory) *int64 { return m.ResidentBefore })
		})
		out.ResidentBytes = m.sum(func(t *record.Trial) *int64 {
			return resident(of(t), func(m *record.Memory) *int64 { return m.ResidentBytes })
		})
	}
	return out
}

func resident(s *record.Side, get func(*record.Memory) *int64) *int64 {
	if s.Memory == nil {
		return nil
	}
	return get(s.Memory)
}

// conntrack is the fullest table. What found no room is added up over the hosts.
func (m *merging) conntrack(of sideOf) (out *record.Conntrack) {
	drops := map[string]record.Conntrack{}
	for i, p := range m.parts {
		c := of(p.t).Conntrack
		if c == nil {
			continue
		}
		if out == nil || fuller(c.Entries, c.Limit, out.Entries, out.Limit) {
			out = new(*c)
		}
		host := hostOf(of(p.t), i)
		had := drops[host]
		drops[host] = record.Conntrack{Dropped: larger(had.Dropped, c.Dropped), EarlyDropped: larger(had.EarlyDropped, c.EarlyDropped)}
	}
	if out == nil {
		return nil
	}
	out.Dropped, out.EarlyDropped = nil, nil
	for _, host := range slices.Sorted(maps.Keys(drops)) {
		out.Dropped, out.EarlyDropped = added(out.Dropped, drops[host].Dropped), added(out.EarlyDropped, drops[host].EarlyDropped)
	}
	return out
}

// fuller tells whether n of limit is a greater part than m of most.
func fuller(n, limit, m, most int64) bool {
	return float64(n)*float64(most) > float64(m)*float64(limit)
}

func larger(a, b *int64) *int64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}

func added(a, b *int64) *int64 {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return new(plus(*a, *b))
}

// descriptors are those of the process that was closest to its limit.
func (m *merging) descriptors(of sideOf) (out *record.Descriptors) {
	for _, p := range m.parts {
		d := of(p.t).Descriptors
		if d != nil && (out == nil || fuller(d.InUse, d.Limit, out.InUse, out.Limit)) {
			out = new(*d)
		}
	}
	return out
}

// listeners are those of all hosts; what several shards saw of one host is there once.
func (m *merging) listeners(of sideOf) (out []record.Listener) {
	at := map[string]int{}
	for i, p := range m.parts {
		side := of(p.t)
		if side.Listeners != nil && out == nil {
			out = []record.Listener{}
		}
		for _, l := range side.Listeners {
			name := fmt.Sprintf("%s %s %d %s", hostOf(side, i), l.Address, l.Port, l.Program)
			if n, seen := at[name]; seen && side.HostID != "" {
				out[n].Queue, out[n].SynRecv = max(out[n].Queue, l.Queue), max(out[n].SynRecv, l.SynRecv)
				continue
			}
			at[name] = len(out)
			out = append(out, l)
		}
	}
	return out
}
