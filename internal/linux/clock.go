package linux

import (
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// TickHZ is how often a second the kernel's tick counts (CONFIG_HZ). The coarse clocks advance once a tick, so their
// resolution tells (kernel/time/posix-timers.c, posix_get_coarse_res).
func TickHZ() (int, error) {
	var res unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &res); err != nil {
		return 0, fmt.Errorf("clock_getres: %w", err)
	}
	if res.Nano() <= 0 {
		return 0, fmt.Errorf("clock_getres: a tick of %d ns", res.Nano())
	}
	return int(math.Round(float64(time.Second) / float64(res.Nano()))), nil
}
