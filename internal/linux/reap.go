//go:build linux

package linux

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Adopt makes this process the parent of what its descendants leave behind (PR_SET_CHILD_SUBREAPER): their processor time comes
// to it, and Reap must be called.
func Adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl(PR_SET_CHILD_SUBREAPER): %w", err)
	}
	return nil
}

// Reap waits for the children of a process group that have ended, but for the one whose number is the group's, which somebody
// else waits for. It does not wait for those that run, and tells whether there are any.
func Reap(group int) (running bool) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PGID, group, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil: // ECHILD
			return false
		}
		pid := pidOf(&info)
		if pid == 0 {
			return true
		}
		if pid == group {
			return false // its waiter is about to take it, and those behind it come next time
		}
		unix.Wait4(pid, nil, unix.WNOHANG, nil) //nolint:errcheck // it has ended: it is there
	}
}

// pidOf is si_pid: it follows three ints, aligned as a pointer is (struct siginfo).
func pidOf(info *unix.Siginfo) int {
	const at = (12 + unsafe.Alignof(uintptr(0)) - 1) &^ (unsafe.Alignof(uintptr(0)) - 1)
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), at)))
}
