package diagnose

import (
	"strings"
	"testing"

	"twomsl/internal/record"
)

// Each threshold lies where it is said to: at it there is a cause, one below there is none.
func TestThresholds(t *testing.T) {
	all := func(h *record.Host, state record.State, n int64) {
		for _, c := range []record.Counts{h.States, h.Peak, h.Stayed} {
			c[state] = n
		}
	}
	for _, c := range []struct {
		id    string
		least int64 // that is a cause
		set   func(h *record.Host, n int64)
	}{
		{record.CloseWaitLeak, 50, func(h *record.Host, n int64) { all(h, record.CloseWait, n) }},
		{record.FinWait2Pileup, 500, func(h *record.Host, n int64) { all(h, record.FinWait2, n) }},
		{record.FinWait2Pileup, 1_000, func(h *record.Host, n int64) { // one for twenty
			all(h, record.FinWait2, n)
			h.States[record.TimeWait] = 19_000
		}},
		{record.DeadPeer, 10, func(h *record.Host, n int64) { h.Flows[0].Unanswered = n }},
		{record.DeadPeer, 10, func(h *record.Host, n int64) { h.Flows[0].Retransmitting = n }},
		{record.DeadPeer, 90, func(h *record.Host, n int64) { // one in a hundred
			h.Counters["Tcp.PassiveOpens"], h.Counters["TcpExt.TCPAbortOnTimeout"] = 9_000, n
		}},
		{record.DeadPeer, 70, func(h *record.Host, n int64) { // those of connect() left out
			h.Counters["Tcp.AttemptFails"], h.Counters["TcpExt.TCPAbortOnTimeout"] = 60, n
		}},
		{record.PortTupleExhausted, 27_668, func(h *record.Host, n int64) { out(h, "10.1.2.9", (n+1)/2, n/2, 600) }},
		{record.HalfRangeCliff, 13_834, func(h *record.Host, n int64) { out(h, "10.1.2.9", n, 900, 230) }},
		{record.ConntrackFull, 249_037, func(h *record.Host, n int64) { h.Conntrack.Entries = n }},
		{record.DescriptorsExhausted, 19_600, func(h *record.Host, n int64) { h.Descriptors[0].InUse = n }},
		{record.AcceptBacklogFull, 1, func(h *record.Host, n int64) { h.Counters["TcpExt.ListenOverflows"] = n }},
		{record.AcceptBacklogFull, 512, func(h *record.Host, n int64) { h.Listeners[0].Queue = n }},
		{record.SynQueueFull, 768, func(h *record.Host, n int64) {
			h.Counters["TcpExt.ListenDrops"], h.Sysctls["net.ipv4.tcp_syncookies"] = 5, "0"
			h.Peak[record.SynRecv] = n
		}},
		{record.IdleKeepalive, 5_000, func(h *record.Host, n int64) {
			all(h, record.Established, n)
			h.Counters["Tcp.InSegs"], h.Counters["Tcp.OutSegs"] = 0, 0
		}},
	} {
		at := spoil(func(h *record.Host) { c.set(h, c.least) })
		below := spoil(func(h *record.Host) { c.set(h, c.least-1) })
		if got := told(at); !strings.HasPrefix(got, c.id+" ") {
			t.Errorf("%s at %d: %s", c.id, c.least, got)
		}
		if got := told(below); strings.Contains(got, c.id) {
			t.Errorf("%s at %d: %s", c.id, c.least-1, got)
		}
	}
}

// Busy and idle part at a segment in ten seconds for each connection, opening left out.
func TestIdleOrBusy(t *testing.T) {
	for segments, want := range map[int64]string{49_999: "idle-keepalive likely", 50_000: "healthy likely"} {
		h := spoil(func(h *record.Host) {
			for _, c := range []record.Counts{h.States, h.Peak, h.Stayed} {
				c[record.Established] = 50_000
			}
			h.Counters["Tcp.PassiveOpens"] = 7_000
			h.Counters["Tcp.InSegs"], h.Counters["Tcp.OutSegs"] = segments, 12*7_000
		})
		if got := told(h); got != want {
			t.Errorf("%d segments: %s, expected %s", segments, got, want)
		}
	}
}
