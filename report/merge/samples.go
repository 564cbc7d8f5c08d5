package merge

import (
	"cmp"
	"slices"

	"twomsl/internal/record"
)

// mostSamples is how many moments a merged record has before it is thinned, and thinned how many slices of time there then
// are.
const (
	mostSamples = 4000
	slicesOfIt  = 1000
)

// A look is one sample of one shard, by the time since the run began.
type lookAt struct {
	at    float64
	shard int
	*record.Sample
}

// A counted is what a sample may have: in how many of a shard's looks it is, the last of them, and for how long that one
// stands.
type counted struct {
	has    func(*record.Sample) bool
	last   []*lookAt
	stands []float64 // the longest time between two looks of a shard that have it
}

// samples lays the looks of all shards beside each other. A look stands until the same shard's next one that counted the same
// thing, and the last one for as long as the longest time between two: sums are made where a look of every shard stands, and
// nowhere else. Running totals stay what they were at the end.
func (m *merging) samples(of sideOf, layout [][]int) []record.Sample {
	var all []lookAt
	for i, p := range m.parts {
		samples := of(p.t).Samples
		for n := range samples {
			all = append(all, lookAt{samples[n].AtMS + p.offsetMS, i, &samples[n]})
		}
	}
	slices.SortStableFunc(all, func(a, b lookAt) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.shard, b.shard)) })
	w := m.newWeave(all)
	out := make([]record.Sample, 0, len(all))
	for i := range all {
		w.take(&all[i])
		out = append(out, w.sample(&all[i], layout))
	}
	return thin(out)
}

// weave goes through the looks of all shards in the order of time.
type weave struct {
	m        *merging
	total    int       // tuples
	latest   []*lookAt // of each shard
	timeWait counted
	orphans  counted
	states   counted
	stalled  counted
	ports    counted
}

func (m *merging) newWeave(all []lookAt) *weave {
	w := &weave{m: m, total: len(m.out.Ports), latest: make([]*lookAt, len(m.parts))}
	w.timeWait.has = func(s *record.Sample) bool { return s.TimeWait != nil }
	w.orphans.has = func(s *record.Sample) bool { return s.Orphans != nil }
	w.states.has = func(s *record.Sample) bool { return s.States != nil }
	w.stalled.has = func(s *record.Sample) bool { return s.Stalled != nil }
	w.ports.has = func(s *record.Sample) bool { return s.PortsInUse != nil }
	for _, c := range w.all() {
		c.last, c.stands = make([]*lookAt, len(m.parts)), make([]float64, len(m.parts))
		for i := range all {
			if c.has(all[i].Sample) {
				if before := c.last[all[i].shard]; before != nil {
					c.stands[all[i].shard] = max(c.stands[all[i].shard], all[i].at-before.at)
				}
				c.last[all[i].shard] = &all[i]
			}
		}
		clear(c.last)
	}
	return w
}

func (w *weave) all() []*counted {
	return []*counted{&w.timeWait, &w.orphans, &w.states, &w.stalled, &w.ports}
}

func (w *weave) take(l *lookAt) {
	w.latest[l.shard] = l
	for _, c := range w.all() {
		if c.has(l.Sample) {
			c.last[l.shard] = l
		}
	}
}

// standing gives each shard's look that stands in a moment which itself counted the thing; nil where one has none. A shard that
// was cut short is not waited for.
func (w *weave) standing(c *counted, now *lookAt) []*lookAt {
	if !c.has(now.Sample) {
		return nil
	}
	out := make([]*lookAt, 0, len(c.last))
	for i, l := range c.last {
		switch {
		case l != nil && now.at-l.at <= c.stands[i]:
			out = append(out, l)
		case !w.m.parts[i].cut():
			return nil
		}
	}
	return out
}

func (w *weave) sample(now *lookAt, layout [][]int) record.Sample {
	s := record.Sample{AtMS: now.at, CostUS: now.CostUS}
	for _, l := range w.latest {
		if l != nil {
			s.Opened, s.OK, s.Failed = plus(s.Opened, l.Opened), plus(s.OK, l.OK), plus(s.Failed, l.Failed)
		}
	}
	s.TimeWait = summed(w.standing(&w.timeWait, now), func(l *lookAt) int64 { return *l.TimeWait })
	s.Orphans = summed(w.standing(&w.orphans, now), func(l *lookAt) int64 { return *l.Orphans })
	for _, l := range w.standing(&w.states, now) {
		if s.States == nil {
			s.States = record.Counts{}
		}
		for state, n := range l.States {
			s.States[state] = plus(s.States[state], n)
		}
	}
	for _, l := range w.standing(&w.stalled, now) {
		if s.Stalled == nil {
			s.Stalled = &record.Stalled{}
		}
		s.Stalled.Retransmitting = plus(s.Stalled.Retransmitting, l.Stalled.Retransmitting)
		s.Stalled.KeptAlive = plus(s.Stalled.KeptAlive, l.Stalled.KeptAlive)
		s.Stalled.Unanswered = plus(s.Stalled.Unanswered, l.Stalled.Unanswered)
	}
	if looks := w.standing(&w.ports, now); looks != nil {
		s.PortsInUse = make([]int64, w.total)
		for _, l := range looks {
			for n, inUse := range l.PortsInUse {
				s.PortsInUse[layout[l.shard][n]] = inUse
			}
		}
	}
	return s
}

func summed(looks []*lookAt, get func(*lookAt) int64) *int64 {
	if looks == nil {
		return nil
	}
	sum := int64(0)
	for _, l := range looks {
		sum = plus(sum, get(l))
	}
	return &sum
}

// thin keeps, of each slice of time, the look with the most TIME_WAIT, and the last one that has the states, the ports, and
// any.
func thin(all []record.Sample) []record.Sample {
	if len(all) <= mostSamples {
		return all
	}
	first, last := all[0].AtMS, all[len(all)-1].AtMS
	slice := (last - first) / slicesOfIt
	var out []record.Sample
	for i := 0; i < len(all); {
		end := i + 1
		for slice > 0 && end < len(all) && int((all[end].AtMS-first)/slice) == int((all[i].AtMS-first)/slice) {
			end++
		}
		out = append(out, telling(all[i:end])...)
		i = end
	}
	return out
}

func telling(of []record.Sample) []record.Sample {
	keep := map[int]bool{len(of) - 1: true}
	highest, states, ports := -1, -1, -1
	for i := range of {
		if n := of[i].TimeWait; n != nil && (highest < 0 || *n >= *of[highest].TimeWait) {
			highest = i
		}
		if of[i].States != nil {
			states = i
		}
		if of[i].PortsInUse != nil {
			ports = i
		}
	}
	keep[highest], keep[states], keep[ports] = true, true, true
	var out []record.Sample
	for i := range of {
		if keep[i] {
			out = append(out, of[i])
		}
	}
	return out
}
