package merge

import (
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// notQuiet is the code of the warning that a host had other connections than the run's.
const notQuiet = "host-not-quiet"

// twoHosts tells of servers on other hosts what the shards that met them tell.
func (m *merging) twoHosts() {
	var all []*record.Hosts
	for i := range m.parts {
		switch h := m.parts[i].t.Hosts; {
		case h != nil:
			all = append(all, h)
		case !m.parts[i].cut():
			return
		}
	}
	if len(all) == 0 {
		return
	}
	out := *all[0]
	var controls, servers []string
	for _, h := range all {
		controls, servers = distinct(controls, h.Control), distinct(servers, h.Server)
		c := &out.Clock
		c.UncertaintyUS, c.RoundTripUS = max(c.UncertaintyUS, h.Clock.UncertaintyUS), max(c.RoundTripUS, h.Clock.RoundTripUS)
		c.RoundTrips, c.DriftUS = min(c.RoundTrips, h.Clock.RoundTrips), nil
		if math.Abs(h.Clock.WallApartSeconds) > math.Abs(c.WallApartSeconds) {
			c.WallApartSeconds = h.Clock.WallApartSeconds
		}
	}
	out.Control, out.Server, out.Session = strings.Join(controls, ", "), strings.Join(servers, ", "), 0
	out.Others.Client = m.others(clientOf, func(h *record.Hosts) *int64 { return h.Others.Client })
	out.Others.Server = m.others(serverOf, func(h *record.Hosts) *int64 { return h.Others.Server })
	m.out.Hosts = &out
}

func distinct(list []string, one string) []string {
	if slices.Contains(list, one) {
		return list
	}
	return append(list, one)
}

// others are the connections on a side's hosts that were of no shard. What one shard takes for others' is the other shards',
// where they share a host: each tells what its host moved by and how much of that was not its own.
func (m *merging) others(of sideOf, get func(*record.Hosts) *int64) *int64 {
	sum := int64(0)
	byHost := map[string][]*part{}
	var order []string
	for i := range m.parts {
		p := &m.parts[i]
		if p.t.Hosts == nil || get(p.t.Hosts) == nil {
			if p.cut() {
				continue
			}
			return nil
		}
		host := hostOf(of(p.t), i)
		if byHost[host] == nil {
			order = append(order, host)
		}
		byHost[host] = append(byHost[host], p)
	}
	for _, host := range order {
		var sides []*record.Side
		left := int64(0)
		for _, p := range byHost[host] {
			sides = append(sides, of(p.t))
			left = plus(left, *get(p.t.Hosts)-connectionsIn(of(p.t).Counters))
		}
		for _, moved := range hostMoved(sides) {
			left = plus(left, connectionsIn(moved))
		}
		sum = plus(sum, max(0, left))
	}
	return &sum
}

// connectionsIn are those of which a host's counters tell.
func connectionsIn(counters map[string]int64) int64 {
	return plus(counters["Tcp.ActiveOpens"], counters["Tcp.PassiveOpens"])
}

// quiet tells that the hosts had no connections but the shards'.
func (m *merging) quiet() bool {
	h := m.out.Hosts
	return h != nil && h.Others.Client != nil && h.Others.Server != nil && *h.Others.Client == 0 && *h.Others.Server == 0
}
