package linux

import "time"

// The kernel's timer wheel (kernel/time/timer.c): levels of 64 slots, each level eight times as coarse as the one
// below. A timer is put into the level whose reach its length falls into and runs when that slot is due.
const (
	levelSlots = 64 // LVL_SIZE = 1 << LVL_BITS
	levelShift = 3  // LVL_CLK_SHIFT
)

// TimerWheelStep is the granularity to which the kernel rounds up a timer of length d, with hz ticks a second: such a
// timer runs up to one step late. 60 s at 250 Hz: 2.048 s. Zero for a frequency or a length that cannot be.
func TimerWheelStep(hz int, d time.Duration) time.Duration {
	if hz <= 0 || d < 0 {
		return 0
	}
	deepest := 7 // LVL_DEPTH - 1
	if hz > 100 {
		deepest = 8
	}
	level := 0
	for level < deepest && wheelTicks(hz, d) >= int64(levelSlots-1)<<(level*levelShift) { // LVL_START(level+1)
		level++
	}
	step := int64(1) << (level * levelShift) // LVL_GRAN(level), in ticks
	return time.Duration(step * int64(time.Second) / int64(hz))
}

// wheelTicks rounds up, as nsecs_to_jiffies' callers have it: a timer never runs early.
func wheelTicks(hz int, d time.Duration) int64 {
	whole, rest := int64(d/time.Second), int64(d%time.Second)
	return whole*int64(hz) + (rest*int64(hz)+int64(time.Second)-1)/int64(time.Second)
}
