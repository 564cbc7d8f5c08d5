//go:build linux

package linux

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The socket options here are one setsockopt each. ENOPROTOOPT is a kernel that does not have the option.

func setInt(fd, level, option int, v int32) Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&v)), 4, 0)
	return e
}

// SockOpt is a socket option with its value, as setsockopt takes them: for calls that are made elsewhere, see Ring.
type SockOpt struct {
	level, name, size uint32
	value             [2]int32
}

func intOpt(level, name int, v int32) SockOpt {
	return SockOpt{uint32(level), uint32(name), 4, [2]int32{v}}
}

// ReuseAddressOpt is what SetReuseAddress sets.
func ReuseAddressOpt() SockOpt { return intOpt(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }

// ReusePortOpt is what SetReusePort sets.
func ReusePortOpt() SockOpt { return intOpt(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }

// BindAddressNoPortOpt is what SetBindAddressNoPort sets.
func BindAddressNoPortOpt() SockOpt { return intOpt(unix.SOL_IP, ipBindAddressNoPort, 1) }

// LocalPortRangeOpt is what SetLocalPortRange sets.
func LocalPortRangeOpt(low, high int) SockOpt {
	return intOpt(unix.SOL_IP, ipLocalPortRange, int32(uint32(high)<<16|uint32(low)))
}

// NoDelayOpt is what SetNoDelay sets.
func NoDelayOpt() SockOpt { return intOpt(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }

// LingerOpt is what SetLinger sets.
func LingerOpt(seconds int) SockOpt {
	o := SockOpt{unix.SOL_SOCKET, unix.SO_LINGER, 8, [2]int32{1, int32(seconds)}}
	if seconds < 0 {
		o.value = [2]int32{}
	}
	return o
}

// SetReuseAddress sets SO_REUSEADDR: a listener may stand where TIME_WAIT still do, and a client may bind to such a port.
func SetReuseAddress(fd int) Errno { return setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }

// SetReusePort sets SO_REUSEPORT: several sockets of one user at the same address and port.
func SetReusePort(fd int) Errno { return setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }

// SetReuse sets both: a listener over TIME_WAIT, and one listener per worker.
func SetReuse(fd int) Errno {
	if e := SetReuseAddress(fd); e != 0 {
		return e
	}
	return SetReusePort(fd)
}

// SetIPv6Only keeps an IPv6 listener from taking IPv4 too.
func SetIPv6Only(fd int) Errno { return setInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1) }

// SetBindAddressNoPort makes bind() with port 0 leave the port to connect() (IP_BIND_ADDRESS_NO_PORT, Linux 4.2).
func SetBindAddressNoPort(fd int) Errno { return setInt(fd, unix.SOL_IP, ipBindAddressNoPort, 1) }

// SetLocalPortRange sets IP_LOCAL_PORT_RANGE (Linux 6.3): low 16 bits the low end, high 16 bits the high end.
func SetLocalPortRange(fd, low, high int) Errno {
	return setInt(fd, unix.SOL_IP, ipLocalPortRange, int32(uint32(high)<<16|uint32(low)))
}

const (
	ipBindAddressNoPort = 24 // include/uapi/linux/in.h
	ipLocalPortRange    = 51
)

// SetNoDelay sets TCP_NODELAY: small segments are not held back (Nagle).
func SetNoDelay(fd int) Errno { return setInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }

// SetFastOpenConnect sets TCP_FASTOPEN_CONNECT (Linux 4.11): with a cookie at hand, connect() returns at once and the
// first write goes out with the SYN.
func SetFastOpenConnect(fd int) Errno {
	return setInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1)
}

// SetFastOpen sets TCP_FASTOPEN on a listener, with room for so many that have not ended their handshake.
func SetFastOpen(fd, queue int) Errno {
	return setInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, int32(queue))
}

// SetKeepAlive sets SO_KEEPALIVE with TCP_KEEPIDLE, and where they are not 0 TCP_KEEPINTVL and TCP_KEEPCNT.
func SetKeepAlive(fd int, idle, interval time.Duration, probes int) Errno {
	if e := setInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1); e != 0 {
		return e
	}
	for _, o := range []struct{ option, v int }{
		{unix.TCP_KEEPIDLE, int(idle / time.Second)}, {unix.TCP_KEEPINTVL, int(interval / time.Second)}, {unix.TCP_KEEPCNT, probes},
	} {
		if o.v == 0 {
			continue
		}
		if e := setInt(fd, unix.IPPROTO_TCP, o.option, int32(o.v)); e != 0 {
			return e
		}
	}
	return 0
}

// SetLinger sets SO_LINGER to {1, seconds}; 0 makes close() reset the connection. Below 0 it is {0, 0}, the default.
func SetLinger(fd, seconds int) Errno {
	l := unix.Linger{Onoff: 1, Linger: int32(seconds)}
	if seconds < 0 {
		l = unix.Linger{}
	}
	_, _, e := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER,
		uintptr(unsafe.Pointer(&l)), unsafe.Sizeof(l), 0)
	return e
}

// SetLinger2 sets TCP_LINGER2: how many seconds this socket may stand in FIN_WAIT2 once it is closed; below 0 it resets
// instead.
func SetLinger2(fd, seconds int) Errno {
	return setInt(fd, unix.IPPROTO_TCP, unix.TCP_LINGER2, int32(seconds))
}

// UnsupportedError is a socket option that this kernel refused when it was tried.
type UnsupportedError struct {
	Option string
	Since  string // the first Linux that has it
	Err    Errno
}

func (e *UnsupportedError) Error() string {
	why := "this kernel refuses " + e.Option + " (" + ErrnoName(e.Err) + ")"
	switch e.Err {
	case unix.ENOPROTOOPT:
		why = "this kernel has no " + e.Option + " (" + ErrnoName(e.Err) + "): it came with Linux " + e.Since
	case unix.EOPNOTSUPP:
		why += ": it came with Linux " + e.Since + ", and a setting may forbid it (for fast open net.ipv4.tcp_fastopen)"
	}
	return why + "; leave the option out"
}

func (e *UnsupportedError) Unwrap() error { return e.Err }

// SetUserTimeout sets TCP_USER_TIMEOUT (RFC 5482): how long data may stay unacknowledged before the kernel gives the
// connection up.
func SetUserTimeout(fd int, d time.Duration) Errno {
	return setInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int32(d.Milliseconds()))
}

// SetLingerNegative sets SO_LINGER to {1, -1}, as an application does that takes -1 for the system's default.
func SetLingerNegative(fd int) Errno {
	l := unix.Linger{Onoff: 1, Linger: -1}
	_, _, e := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER,
		uintptr(unsafe.Pointer(&l)), unsafe.Sizeof(l), 0)
	return e
}
