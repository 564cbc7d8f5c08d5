package record

import "fmt"

// limits checks what a side's host has only so much of.
func (c *checker) limits(path string, s *Side) {
	if t := s.Conntrack; t != nil {
		c.count(path+".conntrack.entries", t.Entries)
		c.count(path+".conntrack.limit", t.Limit)
		c.countPtr(path+".conntrack.dropped", t.Dropped)
		c.countPtr(path+".conntrack.early_dropped", t.EarlyDropped)
	}
	if d := s.Descriptors; d != nil {
		c.count(path+".descriptors.in_use", d.InUse)
		c.count(path+".descriptors.limit", d.Limit)
	}
	for i, l := range s.Listeners {
		p := fmt.Sprintf("%s.listeners[%d]", path, i)
		c.count(p+".queue", l.Queue)
		c.count(p+".backlog", l.Backlog)
		c.count(p+".syn_recv", l.SynRecv)
		if l.Port < 1 || l.Port > 65535 {
			c.add(p+".port", "cannot be %d", l.Port)
		}
	}
}
