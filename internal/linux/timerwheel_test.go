package linux

import (
	"testing"
	"time"
)

func TestTimerWheelStep(t *testing.T) {
	tick := func(hz, n int) time.Duration { return time.Duration(n) * time.Second / time.Duration(hz) }
	for _, c := range []struct {
		hz   int
		d    time.Duration
		want time.Duration
	}{
		{250, time.Minute, 2048 * time.Millisecond},
		{1000, time.Minute, 4096 * time.Millisecond},
		{100, time.Minute, 5120 * time.Millisecond},
		{250, 0, tick(250, 1)},
		{250, tick(250, 62), tick(250, 1)}, // LVL_START(1) is 63 ticks
		{250, tick(250, 63), tick(250, 8)},
		{250, tick(250, 62) + 1, tick(250, 8)}, // a part of a tick counts as one
		{250, tick(250, 503), tick(250, 8)},
		{250, tick(250, 504), tick(250, 64)},
		{250, tick(250, 4031), tick(250, 64)},
		{250, tick(250, 4032), tick(250, 512)},
		{1000, tick(1000, 32255), tick(1000, 512)},
		{1000, tick(1000, 32256), tick(1000, 4096)},
		{1000, 1 << 62, tick(1000, 1<<24)}, // beyond the wheel: its last level, of nine
		{100, 1 << 62, tick(100, 1<<21)},   // of eight
		{0, time.Second, 0},
		{250, -1, 0},
	} {
		if got := TimerWheelStep(c.hz, c.d); got != c.want {
			t.Errorf("TimerWheelStep(%d, %v) = %v, want %v", c.hz, c.d, got, c.want)
		}
	}
}

func TestTickHZ(t *testing.T) {
	hz, err := TickHZ()
	if err != nil {
		t.Fatal(err)
	}
	switch hz {
	case 24, 48, 64, 100, 128, 200, 250, 256, 300, 1000, 1024, 1200:
	default:
		t.Errorf("no kernel is built with HZ=%d", hz)
	}
}
