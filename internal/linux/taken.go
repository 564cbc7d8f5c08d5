//go:build linux

package linux

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls here are on sockets of another process's, see Take.

// IsTCP tells a TCP socket, one of Multipath TCP included.
func IsTCP(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_STREAM {
		return false
	}
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	return err == nil && (protocol == unix.IPPROTO_TCP || protocol == unix.IPPROTO_MPTCP)
}

// Unconnected tells a TCP socket on which connect() would begin something: one that is closed (tcp_poll: POLLHUP) and has no
// error left to tell (POLLERR), which connect() would tell instead.
func Unconnected(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd)}}
	for {
		_, err := unix.Poll(fds, 0)
		if err == unix.EINTR {
			continue
		}
		return err == nil && fds[0].Revents&unix.POLLHUP != 0 && fds[0].Revents&unix.POLLERR == 0
	}
}

// CallsWait tells whether a socket's calls wait.
func CallsWait(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_NONBLOCK == 0
}

// ConnectWithin is connect(2) on a socket whose calls wait, for so long at the most, or for the socket's own SO_SNDTIMEO
// where that is less. ours tells that it was given up for our limit, or a signal: the connection goes on, and a second
// connect() would wait for it (inet_stream_connect, SS_CONNECTING).
func ConnectWithin(fd int, s *Sockaddr, most time.Duration) (e Errno, ours bool) {
	own, err := unix.GetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO)
	if err != nil {
		return errnoOf(err), false
	}
	limit := own.Nano() == 0 || own.Nano() > most.Nanoseconds()
	if limit {
		tv := unix.NsecToTimeval(most.Nanoseconds())
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv); err != nil {
			return errnoOf(err), false
		}
	}
	e = ConnectTold(fd, s)
	if limit {
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, own) //nolint:errcheck // what was there was allowed
	}
	return e, e == unix.EINTR || limit && e == unix.EINPROGRESS
}

// ConnectTold is Connect with a word to the scheduler: a search for a port may take milliseconds (__inet_hash_connect).
func ConnectTold(fd int, s *Sockaddr) Errno {
	_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)), uintptr(s.len))
	return e
}
