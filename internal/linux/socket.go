//go:build linux

package linux

// The socket calls here are one system call each and return the kernel's errno as it came: Go's own net package retries
// EADDRNOTAVAIL and sets options nobody asked for, which would hide the very thing that this program counts. They are
// raw (the scheduler is not told), so each must return without waiting: every socket is non-blocking.

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Errno is the kernel's error number; 0 is success.
type Errno = unix.Errno

// The errnos that engines steer by.
const (
	EAGAIN        = unix.EAGAIN
	EINPROGRESS   = unix.EINPROGRESS
	EADDRNOTAVAIL = unix.EADDRNOTAVAIL
	ECONNABORTED  = unix.ECONNABORTED
	ECONNRESET    = unix.ECONNRESET
	ETIMEDOUT     = unix.ETIMEDOUT
	EPIPE         = unix.EPIPE
	EMFILE        = unix.EMFILE
	ENFILE        = unix.ENFILE
	EPERM         = unix.EPERM
)

// MaxErrno is the highest errno that the kernel gives to programs (EFTYPE); tables by errno have MaxErrno+1 rows.
const MaxErrno = 134

// ErrnoName gives the constant's name, such as EADDRNOTAVAIL; "" for 0.
func ErrnoName(e Errno) string {
	if e == 0 {
		return ""
	}
	if n := unix.ErrnoName(e); n != "" {
		return n
	}
	return "E" + itoa(int(e))
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// Sockaddr is a struct sockaddr_in or sockaddr_in6, laid out once and handed to the kernel as it is.
type Sockaddr struct {
	raw [unix.SizeofSockaddrInet6]byte
	len uint32
}

// NewSockaddr lays out an address and port.
func NewSockaddr(ap netip.AddrPort) Sockaddr {
	var s Sockaddr
	binary.BigEndian.PutUint16(s.raw[2:], ap.Port())
	if ap.Addr().Is4() {
		binary.NativeEndian.PutUint16(s.raw[:], unix.AF_INET)
		a := ap.Addr().As4()
		copy(s.raw[4:], a[:])
		s.len = unix.SizeofSockaddrInet4
		return s
	}
	binary.NativeEndian.PutUint16(s.raw[:], unix.AF_INET6)
	a := ap.Addr().As16()
	copy(s.raw[8:], a[:])
	s.len = unix.SizeofSockaddrInet6
	return s
}

// AddrPort reads the address and port back; the zero value where the kernel filled in no internet address.
func (s *Sockaddr) AddrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(s.raw[2:])
	switch binary.NativeEndian.Uint16(s.raw[:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s.raw[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(s.raw[8:24])), port)
	}
	return netip.AddrPort{}
}

// Socket makes a non-blocking TCP socket.
func Socket(ipv6 bool) (int, Errno) {
	family := uintptr(unix.AF_INET)
	if ipv6 {
		family = unix.AF_INET6
	}
	fd, _, e := unix.RawSyscall(unix.SYS_SOCKET, family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	return int(fd), e
}

// Bind is bind(2).
func Bind(fd int, s *Sockaddr) Errno {
	_, _, e := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)), uintptr(s.len))
	return e
}

// Connect is connect(2): EINPROGRESS means that the SYN is on its way.
func Connect(fd int, s *Sockaddr) Errno {
	_, _, e := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)), uintptr(s.len))
	return e
}

// Listen is listen(2).
func Listen(fd, backlog int) Errno {
	_, _, e := unix.RawSyscall(unix.SYS_LISTEN, uintptr(fd), uintptr(backlog), 0)
	return e
}

// Accept is accept4(2): a non-blocking socket and the peer's address.
func Accept(fd int, from *Sockaddr) (int, Errno) {
	from.len = unix.SizeofSockaddrInet6
	n, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&from.raw)),
		uintptr(unsafe.Pointer(&from.len)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(n), e
}

// Read is recvfrom(2) without an address: 0 bytes without an errno is the peer's FIN. p must not be empty.
func Read(fd int, p []byte) (int, Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// Write is sendto(2) without an address and without SIGPIPE. p must not be empty.
func Write(fd int, p []byte) (int, Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// Close is close(2).
func Close(fd int) Errno {
	_, _, e := unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return e
}

// CloseLingering is close(2) on a socket with SO_LINGER {1, n>0}: it waits up to n seconds, also on a non-blocking
// socket (inet_release), so the scheduler is told.
func CloseLingering(fd int) Errno {
	_, _, e := unix.Syscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return e
}

func setInt(fd, level, option int, v int32) Errno {
	_, _, e := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&v)), 4, 0)
	return e
}

// SetReuse sets SO_REUSEADDR and SO_REUSEPORT: a listener over TIME_WAIT, and one listener per worker.
func SetReuse(fd int) Errno {
	if e := setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); e != 0 {
		return e
	}
	return setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
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

// SetLinger sets SO_LINGER to {1, seconds}; 0 makes close() reset the connection.
func SetLinger(fd, seconds int) Errno {
	l := unix.Linger{Onoff: 1, Linger: int32(seconds)}
	_, _, e := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER,
		uintptr(unsafe.Pointer(&l)), unsafe.Sizeof(l), 0)
	return e
}

// ShutdownWrite is shutdown(SHUT_WR): a FIN, and the reading half stays.
func ShutdownWrite(fd int) Errno {
	_, _, e := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
	return e
}

// SocketError is getsockopt(SO_ERROR): what became of a connect() that was in progress.
func SocketError(fd int) Errno {
	var v int32
	size := uint32(4)
	_, _, e := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		return e
	}
	return Errno(v)
}

// LocalAddr is getsockname(2).
func LocalAddr(fd int, s *Sockaddr) Errno {
	s.len = unix.SizeofSockaddrInet6
	_, _, e := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)),
		uintptr(unsafe.Pointer(&s.len)))
	return e
}
