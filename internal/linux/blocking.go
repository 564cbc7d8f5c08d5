//go:build linux

package linux

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls here are on sockets that wait, each for SO_RCVTIMEO or SO_SNDTIMEO at most. They are raw all the same: a
// signal ends such a wait with EINTR and never begins it anew (signal(7); net/core/sock.c, sock_intr_errno), and the
// runtime sends one (SIGURG) to every thread that a stop of the world waits for.

// The errnos of sockets that wait.
const (
	EINTR    = unix.EINTR
	EALREADY = unix.EALREADY
	EISCONN  = unix.EISCONN
)

// SocketBlocking makes a TCP socket whose calls wait.
func SocketBlocking(ipv6 bool) (int, Errno) {
	family := uintptr(unix.AF_INET)
	if ipv6 {
		family = unix.AF_INET6
	}
	fd, _, e := unix.RawSyscall(unix.SYS_SOCKET, family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return int(fd), e
}

// AcceptBlocking is accept4(2): a socket whose calls wait, and the peer's address. It waits itself for the listener's
// SO_RCVTIMEO at most, which the new socket has, too (sk_clone_lock).
func AcceptBlocking(fd int, from *Sockaddr) (int, Errno) {
	from.len = unix.SizeofSockaddrInet6
	n, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&from.raw)),
		uintptr(unsafe.Pointer(&from.len)), unix.SOCK_CLOEXEC, 0, 0)
	return int(n), e
}

// Pause is clock_nanosleep(2); it tells the scheduler, and may end early.
func Pause(d time.Duration) {
	if d <= 0 {
		return
	}
	ts := unix.NsecToTimespec(int64(d))
	unix.Syscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0) //nolint:errcheck // early is early
}
