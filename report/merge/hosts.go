package merge

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// hostOf tells hosts apart; a side that does not say which it is on is on one of its own.
func hostOf(s *record.Side, number int) string {
	if s.HostID == "" {
		return fmt.Sprintf("#%d", number)
	}
	return s.HostID
}

// counters adds up those of a side's hosts. A host that several shards share has counted all of their load each time: of it
// the change from its earliest look to its latest is taken, once.
func (m *merging) counters(of sideOf) (sum map[string]int64, shared bool) {
	byHost := map[string][]*record.Side{}
	var order []string
	for i := range m.parts {
		side := of(m.parts[i].t)
		if side.Counters == nil {
			if !m.parts[i].cut() {
				return nil, false
			}
			continue
		}
		host := hostOf(side, i)
		if side.CountersAt == nil {
			host = fmt.Sprintf("#%d", i)
		}
		if byHost[host] == nil {
			order = append(order, host)
		}
		byHost[host] = append(byHost[host], side)
	}
	for _, host := range order {
		all := hostMoved(byHost[host])
		for _, moved := range all {
			sum = addCounters(sum, moved)
		}
		shared = shared || len(all) < len(byHost[host])
	}
	return sum, shared
}

// hostMoved is what a host's counters moved by, seen by several shards: of those that ran at the same time once, from the first
// look to the last; what went on between shards that did not is nobody's. Counters never go back: where they did, the looks are
// of several namespaces, each with its own.
func hostMoved(sides []*record.Side) (all []map[string]int64) {
	if len(sides) == 1 || !oneNamespace(sides) {
		for _, s := range sides {
			all = append(all, s.Counters)
		}
		return all
	}
	sides = slices.Clone(sides)
	slices.SortStableFunc(sides, func(a, b *record.Side) int {
		return cmp.Compare(a.CountersAt.Begin.MonotonicNS, b.CountersAt.Begin.MonotonicNS)
	})
	for i := 0; i < len(sides); {
		begin, end := &sides[i].CountersAt.Begin, &sides[i].CountersAt.End
		n := i + 1
		for ; n < len(sides) && sides[n].CountersAt.Begin.MonotonicNS < end.MonotonicNS; n++ {
			if other := &sides[n].CountersAt.End; other.MonotonicNS > end.MonotonicNS {
				end = other
			}
		}
		if n == i+1 {
			all = append(all, sides[i].Counters)
		} else {
			all = append(all, between(begin, end, sides[i].Counters))
		}
		i = n
	}
	return all
}

// between is what the counters named moved by from one look to another.
func between(begin, end *record.CountersMoment, named map[string]int64) map[string]int64 {
	moved := map[string]int64{}
	for name := range named {
		before, there := begin.Values[name]
		after, still := end.Values[name]
		if there && still {
			moved[name] = int64(after - before)
		}
	}
	return moved
}

// oneNamespace tells whether looks can be of one: nothing in them goes back with time.
func oneNamespace(sides []*record.Side) bool {
	var looks []*record.CountersMoment
	for _, s := range sides {
		if s.CountersAt == nil || s.CountersAt.End.MonotonicNS < s.CountersAt.Begin.MonotonicNS {
			return false
		}
		looks = append(looks, &s.CountersAt.Begin, &s.CountersAt.End)
	}
	slices.SortStableFunc(looks, func(a, b *record.CountersMoment) int { return cmp.Compare(a.MonotonicNS, b.MonotonicNS) })
	for i := 1; i < len(looks); i++ {
		for name, before := range looks[i-1].Values {
			if now, there := looks[i].Values[name]; there && now < before {
				return false
			}
		}
	}
	return true
}

// addCounters keeps the counters that both have: of another one the sum is not known.
func addCounters(sum, more map[string]int64) map[string]int64 {
	if sum == nil {
		return maps.Clone(more)
	}
	for name := range sum {
		if n, there := more[name]; there {
			sum[name] = plus(sum[name], n)
		} else {
			delete(sum, name)
		}
	}
	return sum
}

const seeHosts = "it differs from shard to shard: merged.hosts has each"

// environment has what is the same on all machines.
func (m *merging) environment() {
	e := &m.out.Environment
	*e = m.parts[0].t.Environment
	e.Unmeasured = map[string]string{}
	for _, p := range m.parts {
		maps.Copy(e.Unmeasured, p.t.Environment.Unmeasured)
	}
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name == "unmeasured" {
			continue
		}
		for _, p := range m.parts {
			if !reflect.DeepEqual(reflect.ValueOf(p.t.Environment).Field(i).Interface(), v.Field(i).Interface()) {
				v.Field(i).SetZero()
				e.Unmeasured[name] = seeHosts
				break
			}
		}
	}
	m.ledgersUnmeasured(e.Unmeasured)
}

// ledgersUnmeasured says why there is no whole account of a host that several shards share.
func (m *merging) ledgersUnmeasured(into map[string]string) {
	if m.quiet() {
		delete(into, "ledger") // the others of whom it speaks were the other shards
	}
	for _, side := range []struct {
		name   string
		shared bool
		ledger *record.LedgerSide
	}{{"client", m.shared.Client, &m.out.Ledger.Client}, {"server", m.shared.Server, &m.out.Ledger.Server}} {
		if side.shared && side.ledger.Entered != nil && side.ledger.Unexplained == nil {
			into["ledger."+side.name+".unexplained"] = "several shards share this host, and what they replaced and let expire is not known of each"
		}
	}
}

// hosts lists the machines, by the boot that they are of.
func (m *merging) hosts() []record.MergedHost {
	out := []record.MergedHost{}
	at := map[string]int{}
	for i, p := range m.parts {
		boot := p.t.Environment.BootID
		if boot == "" {
			boot = fmt.Sprintf("#%d", i)
		}
		n, known := at[boot]
		if !known {
			n = len(out)
			at[boot] = n
			out = append(out, record.MergedHost{Environment: p.t.Environment})
		}
		h := &out[n]
		h.Shards = append(h.Shards, p.Number)
		if !slices.Contains(h.Names, p.Host) {
			h.Names = append(h.Names, p.Host)
		}
	}
	return out
}
