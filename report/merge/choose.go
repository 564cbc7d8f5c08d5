package merge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"twomsl/internal/record"
)

// worth orders how trials end: of a shard that ran twice the one that came to its end is taken.
var worth = map[record.Status]int{record.Complete: 0, record.Interrupted: 1, record.Failed: 2}

// choose takes one record for each shard. A shard that ran more than once has done its share of the run once all the same: what
// came to its end goes before what was cut short, and of those that did the one that began first, which is the one that ran
// beside the others.
func (m *merging) choose(in []Input) {
	all := make([]part, 0, len(in))
	for _, one := range in {
		all = append(all, part{Input: one, Shard: one.Trial.Shard, t: one.Trial})
	}
	slices.SortStableFunc(all, func(a, b part) int {
		return cmp.Or(
			cmp.Compare(a.Number, b.Number), cmp.Compare(worth[a.t.Status], worth[b.t.Status]),
			a.t.StartedAt.Compare(b.t.StartedAt), strings.Compare(a.t.ID, b.t.ID),
		)
	})
	all = slices.CompactFunc(all, func(a, b part) bool { return a.t.ID == b.t.ID }) // one record, named twice
	m.leftOut = []record.LeftOut{}
	for _, p := range all {
		if n := len(m.parts); n > 0 && m.parts[n-1].Number == p.Number {
			m.doubled = append(m.doubled, p)
			m.leftOut = append(m.leftOut, record.LeftOut{
				ID: p.t.ID, Number: p.Number, Status: p.t.Status, Why: whyNot(&m.parts[n-1], &p),
			})
			continue
		}
		m.parts = append(m.parts, p)
	}
}

// whyNot says why a record gave way to another one of its shard.
func whyNot(taken, left *part) string {
	switch {
	case taken.t.Status != left.t.Status:
		return fmt.Sprintf("it is %s, and %s is %s", left.t.Status, taken.t.ID, taken.t.Status)
	case !taken.t.StartedAt.Equal(left.t.StartedAt):
		return fmt.Sprintf("it began %v after %s", left.t.StartedAt.Sub(taken.t.StartedAt).Round(time.Second), taken.t.ID)
	}
	return "it began in the same moment as " + taken.t.ID
}

// align finds how far each load began behind the moment that it was given: that moment is the start of the run. Where none was
// given, as to a shard that was run again, its own start is taken for that.
func (m *merging) align() {
	for i := range m.parts {
		p := &m.parts[i]
		if p.StartAt != nil && p.LoadBegan != nil {
			p.offsetMS = max(0, float64(p.LoadBegan.Sub(*p.StartAt))/float64(time.Millisecond))
		}
	}
}

// common is the moment at which all were to begin; nil where they were given none, or several.
func (m *merging) common() *time.Time {
	at := m.parts[0].StartAt
	for _, p := range m.parts {
		if at == nil || p.StartAt == nil || !p.StartAt.Equal(*at) {
			return nil
		}
	}
	return at
}
