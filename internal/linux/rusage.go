//go:build linux

package linux

import (
	"time"

	"golang.org/x/sys/unix"
)

// ThreadCPU is the processor time of the calling thread since it began (getrusage(2), RUSAGE_THREAD). It means
// something only on a locked thread. The kernel knows the sum to the nanosecond and splits it into user and system by
// what its ticks happened to hit, so short spans are to be judged by the sum.
func ThreadCPU() (user, sys time.Duration) { return cpuOf(unix.RUSAGE_THREAD) }

// ThreadTime is the same sum to the nanosecond (CLOCK_THREAD_CPUTIME_ID), for short spans.
func ThreadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic("CLOCK_THREAD_CPUTIME_ID cannot be read: " + err.Error()) // the kernel always has it
	}
	return time.Duration(ts.Nano())
}

// ProcessCPU is the processor time of all threads of this process, those that ended included (RUSAGE_SELF).
func ProcessCPU() (user, sys time.Duration) { return cpuOf(unix.RUSAGE_SELF) }

// ChildrenCPU is the processor time of the children that were waited for, and of those that they had waited for
// (RUSAGE_CHILDREN).
func ChildrenCPU() (user, sys time.Duration) { return cpuOf(unix.RUSAGE_CHILDREN) }

func cpuOf(who int) (user, sys time.Duration) {
	var usage unix.Rusage
	if err := unix.Getrusage(who, &usage); err != nil {
		panic("getrusage cannot fail with a valid target: " + err.Error())
	}
	return time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano())
}
