package merge

import "twomsl/internal/record"

// layout tells where each shard's tuples stand among those of the whole run: source address n of the run is of shard n mod N,
// so that the first sources of all shards come first, then the second ones ...
func (m *merging) layout() [][]int {
	groups := make([][][]int, len(m.parts)) // by shard, by source, the tuples
	out := make([][]int, len(m.parts))
	for i, p := range m.parts {
		out[i] = make([]int, len(p.t.Ports))
		for n := range p.t.Ports {
			if n == 0 || p.t.Ports[n].Source != p.t.Ports[n-1].Source {
				groups[i] = append(groups[i], nil)
			}
			last := len(groups[i]) - 1
			groups[i][last] = append(groups[i][last], n)
		}
	}
	next := 0
	for source, more := 0, true; more; source++ {
		more = false
		for i := range groups {
			if source >= len(groups[i]) {
				continue
			}
			more = true
			for _, tuple := range groups[i][source] {
				out[i][tuple] = next
				next++
			}
		}
	}
	return out
}

// ports lists the tuples of all shards. None is of two: each has source addresses of its own.
func (m *merging) ports() {
	layout := m.layout()
	total := 0
	for _, p := range m.parts {
		total += len(p.t.Ports)
	}
	m.out.Ports = make([]record.Tuple, total)
	for i, p := range m.parts {
		for n, t := range p.t.Ports {
			if at := t.FirstExhaustionSeconds; at != nil {
				t.FirstExhaustionSeconds = new(*at + p.offsetMS/1e3)
			}
			m.out.Ports[layout[i][n]] = t
		}
	}
}
