//go:build linux

package linux

import (
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls here wait, as an ordinary program's do, and so tell the scheduler.

// SetBlocking makes a socket one that waits in its calls.
func SetBlocking(fd int) Errno {
	if err := unix.SetNonblock(fd, false); err != nil {
		return errnoOf(err)
	}
	return 0
}

// SetReceiveTimeout sets SO_RCVTIMEO: how long a waiting read lasts at most.
func SetReceiveTimeout(fd int, d time.Duration) Errno {
	return setTimeout(fd, unix.SO_RCVTIMEO, d)
}

// SetSendTimeout sets SO_SNDTIMEO: how long a waiting write lasts at most.
func SetSendTimeout(fd int, d time.Duration) Errno { return setTimeout(fd, unix.SO_SNDTIMEO, d) }

func setTimeout(fd, option int, d time.Duration) Errno {
	t := unix.NsecToTimeval(d.Nanoseconds())
	_, _, e := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, uintptr(option),
		uintptr(unsafe.Pointer(&t)), unsafe.Sizeof(t), 0)
	return e
}

// ReadWaiting is Read on a socket that waits.
func ReadWaiting(fd int, p []byte) (int, Errno) {
	n, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// WriteWaiting is Write on a socket that waits.
func WriteWaiting(fd int, p []byte) (int, Errno) {
	n, _, e := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// SocketSCTP makes a non-blocking one-to-one socket of SCTP; EPROTONOSUPPORT is a kernel without it.
func SocketSCTP() (int, Errno) { return socketOf(unix.SOCK_STREAM, unix.IPPROTO_SCTP) }

// SocketUDP makes a non-blocking UDP socket of IPv4.
func SocketUDP() (int, Errno) { return socketOf(unix.SOCK_DGRAM, 0) }

func socketOf(kind, protocol int) (int, Errno) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, errnoOf(err)
	}
	return fd, 0
}

// KernelLog is a place in the kernel's log from which on it is read.
type KernelLog struct{ fd int }

// OpenKernelLog begins at the log's end. It takes root, or kernel.dmesg_restrict=0.
func OpenKernelLog() (*KernelLog, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/dev/kmsg", Err: err}
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		_ = unix.Close(fd)
		return nil, &os.PathError{Op: "seek", Path: "/dev/kmsg", Err: err}
	}
	return &KernelLog{fd}, nil
}

// Lines gives what was logged since the last call.
func (k *KernelLog) Lines() (out []string, err error) {
	buffer := make([]byte, 8<<10) // one record a read (Documentation/ABI/testing/dev-kmsg)
	for {
		n, err := unix.Read(k.fd, buffer)
		switch {
		case err == unix.EAGAIN:
			return out, nil
		case err == unix.EPIPE || err == unix.EINTR: // some were overwritten
			continue
		case err != nil:
			return out, &os.PathError{Op: "read", Path: "/dev/kmsg", Err: err}
		}
		_, text, _ := strings.Cut(string(buffer[:n]), ";")
		first, _, _ := strings.Cut(text, "\n")
		out = append(out, first)
	}
}

// Close gives the log back.
func (k *KernelLog) Close() error { return unix.Close(k.fd) }

func errnoOf(err error) Errno {
	if e, ok := err.(unix.Errno); ok {
		return e
	}
	return unix.EIO
}

// ReadFrom is recvfrom(2) with the sender's address. p must not be empty.
func ReadFrom(fd int, p []byte, from *Sockaddr) (int, Errno) {
	from.len = unix.SizeofSockaddrInet6
	n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0,
		uintptr(unsafe.Pointer(&from.raw)), uintptr(unsafe.Pointer(&from.len)))
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// Disconnect undoes the connect() of a UDP socket (AF_UNSPEC).
func Disconnect(fd int) Errno {
	unspecified := Sockaddr{len: unix.SizeofSockaddrInet4} // AF_UNSPEC is 0
	return Connect(fd, &unspecified)
}
