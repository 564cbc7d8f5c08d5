package record

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckTellsOfLimits(t *testing.T) {
	below := int64(-1)
	var c checker
	c.limits("sides.server", &Side{
		Conntrack:   &Conntrack{Entries: -1, Limit: -2, Dropped: &below, EarlyDropped: &below},
		Descriptors: &Descriptors{InUse: -3, Limit: -4},
		Listeners:   []Listener{{Port: 80}, {Port: 0, Queue: -5, Backlog: -6, SynRecv: -7}},
	})
	want := `sides.server.conntrack.entries is a count and cannot be -1
sides.server.conntrack.limit is a count and cannot be -2
sides.server.conntrack.dropped is a count and cannot be -1
sides.server.conntrack.early_dropped is a count and cannot be -1
sides.server.descriptors.in_use is a count and cannot be -3
sides.server.descriptors.limit is a count and cannot be -4
sides.server.listeners[1].queue is a count and cannot be -5
sides.server.listeners[1].backlog is a count and cannot be -6
sides.server.listeners[1].syn_recv is a count and cannot be -7
sides.server.listeners[1].port cannot be 0`
	if diff := cmp.Diff(want, c.err().Error()); diff != "" {
		t.Error(diff)
	}
	c = checker{}
	if c.limits("sides.client", &Side{}); c.err() != nil {
		t.Error(c.err())
	}
}
