package sample

import (
	"testing"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// Each row counts for the one thing that its timer says, in the two states in which somebody waits.
func TestStalled(t *testing.T) {
	for _, c := range []struct {
		state, timer, retrans uint8
		want                  record.Stalled
	}{
		{linux.DiagEstablished, 0, 0, record.Stalled{}},
		{linux.DiagEstablished, linux.DiagTimerRetransmit, 0, record.Stalled{}},
		{linux.DiagEstablished, linux.DiagTimerRetransmit, 1, record.Stalled{}}, // an everyday loss
		{linux.DiagEstablished, linux.DiagTimerRetransmit, 2, record.Stalled{Retransmitting: 1}},
		{linux.DiagCloseWait, linux.DiagTimerProbe, 5, record.Stalled{Retransmitting: 1}},
		{linux.DiagEstablished, linux.DiagTimerKeepAlive, 0, record.Stalled{KeptAlive: 1}},
		{linux.DiagCloseWait, linux.DiagTimerKeepAlive, 1, record.Stalled{KeptAlive: 1, Unanswered: 1}},
		{linux.DiagFinWait1, linux.DiagTimerRetransmit, 9, record.Stalled{}},
		{linux.DiagFinWait2, linux.DiagTimerKeepAlive, 9, record.Stalled{}},
		{linux.DiagSynSent, linux.DiagTimerRetransmit, 9, record.Stalled{}},
	} {
		var s Split
		s.begin(true, false)
		s.add(&linux.DiagRow{State: c.state, Timer: c.timer, Retrans: c.retrans})
		if s.Stalled != c.want {
			t.Errorf("state %d, timer %d, %d retries: %+v, want %+v", c.state, c.timer, c.retrans, s.Stalled, c.want)
		}
		if s.begin(true, false); s.Stalled != (record.Stalled{}) {
			t.Errorf("the next look begins with %+v", s.Stalled)
		}
	}
}

func TestMemoryIsRead(t *testing.T) {
	if n, err := residentPages("6001 1462 917 1 0 881 0\n"); n != 1462 || err != nil {
		t.Errorf("statm: %d, %v", n, err)
	}
	if n, err := slabOf("MemTotal:  24684232 kB\nSlab:            381772 kB\nSReclaimable:     12 kB\n"); n != 381772<<10 || err != nil {
		t.Errorf("meminfo: %d, %v", n, err)
	}
	for _, text := range []string{"", "1", "1 x", "1 -1"} {
		if _, err := residentPages(text); err == nil {
			t.Errorf("statm %q was taken", text)
		}
	}
	for _, text := range []string{"", "Slab: 1", "Slab: x kB", "Slab: -1 kB", "SlabX: 1 kB"} {
		if _, err := slabOf(text); err == nil {
			t.Errorf("meminfo %q was taken", text)
		}
	}
}

// What this machine tells is plausible: a process of Go's holds more than a megabyte, and a socket less than one.
func TestMemoryOfThisMachine(t *testing.T) {
	if n, err := Resident("/proc/self"); err != nil || n < 1<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := Slab(); err != nil || n < 1<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := SocketBytes(false); err == nil && (n < 512 || n > 1<<16) {
		t.Errorf("a socket of %d bytes", n)
	}
}
