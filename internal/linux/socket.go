//go:build linux

package linux

// The socket calls here are one system call each and return the kernel's errno as it came: Go's own net package retries
// EADDRNOTAVAIL and sets options nobody asked for, which would hide the very thing that this program counts. They are
// raw (the scheduler is not told), so each must return without waiting: every socket is non-blocking. They are package
// syscall's: those of x/sys/unix come to the same by way of two wrappers of the assembler's calling convention.

import (
	"encoding/binary"
	"net/netip"
	"syscall"
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
	EADDRINUSE    = unix.EADDRINUSE
	ECONNABORTED  = unix.ECONNABORTED
	ECONNREFUSED  = unix.ECONNREFUSED
	ECONNRESET    = unix.ECONNRESET
	ETIMEDOUT     = unix.ETIMEDOUT
	EPIPE         = unix.EPIPE
	ENOTCONN      = unix.ENOTCONN
	EMFILE        = unix.EMFILE
	ENFILE        = unix.ENFILE
	EPERM         = unix.EPERM
	EBADF         = unix.EBADF
)

// MaxErrno is the highest errno that the kernel gives to programs (EFTYPE); tables by errno have MaxErrno+1 rows.
const MaxErrno = 134

// ErrnoName gives the constant's name, such as EADDRNOTAVAIL; "" for 0.
func ErrnoName(e Errno) string {
	switch e {
	case 0:
		return ""
	case unix.EOPNOTSUPP: // on Linux also ENOTSUP, which the table has
		return "EOPNOTSUPP"
	}
	if n := unix.ErrnoName(e); n != "" {
		return n
	}
	return "E" + itoa(int(e))
}

// SignalName gives the constant's name, such as SIGKILL.
func SignalName(s syscall.Signal) string {
	if n := unix.SignalName(s); n != "" {
		return n
	}
	return "signal " + itoa(int(s))
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

// Port reads the port back.
func (s *Sockaddr) Port() uint16 { return binary.BigEndian.Uint16(s.raw[2:]) }

// Socket makes a non-blocking TCP socket.
func Socket(ipv6 bool) (int, Errno) {
	family := uintptr(unix.AF_INET)
	if ipv6 {
		family = unix.AF_INET6
	}
	fd, _, e := syscall.RawSyscall6(unix.SYS_SOCKET, family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0, 0, 0)
	return int(fd), e
}

// Bind is bind(2).
func Bind(fd int, s *Sockaddr) Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)), uintptr(s.len), 0, 0, 0)
	return e
}

// Connect is connect(2): EINPROGRESS means that the SYN is on its way.
func Connect(fd int, s *Sockaddr) Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)), uintptr(s.len), 0, 0, 0)
	return e
}

// Listen is listen(2).
func Listen(fd, backlog int) Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_LISTEN, uintptr(fd), uintptr(backlog), 0, 0, 0, 0)
	return e
}

// Accept is accept4(2): a non-blocking socket and the peer's address.
func Accept(fd int, from *Sockaddr) (int, Errno) {
	from.len = unix.SizeofSockaddrInet6
	n, _, e := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&from.raw)),
		uintptr(unsafe.Pointer(&from.len)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(n), e
}

// Read is recvfrom(2) without an address: 0 bytes without an errno is the peer's FIN. p must not be empty.
func Read(fd int, p []byte) (int, Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// Write is sendto(2) without an address and without SIGPIPE. p must not be empty.
func Write(fd int, p []byte) (int, Errno) { return write(fd, p, unix.MSG_NOSIGNAL) }

// WriteNow is Write that does not wait, also on a socket that would.
func WriteNow(fd int, p []byte) (int, Errno) {
	return write(fd, p, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}

func write(fd int, p []byte, flags uintptr) (int, Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		flags, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// Peek is Read that leaves the bytes where they are (MSG_PEEK).
func Peek(fd int, p []byte) (int, Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		unix.MSG_PEEK, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// Close is close(2).
func Close(fd int) Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0)
	return e
}

// CloseLingering is close(2) on a socket with SO_LINGER {1, n>0}: it waits up to n seconds, also on a non-blocking
// socket (inet_release), so the scheduler is told.
func CloseLingering(fd int) Errno {
	_, _, e := unix.Syscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return e
}

// ShutdownWrite is shutdown(SHUT_WR): a FIN, and the reading half stays.
func ShutdownWrite(fd int) Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0, 0, 0, 0)
	return e
}

// SocketError is getsockopt(SO_ERROR): what became of a connect() that was in progress.
func SocketError(fd int) Errno {
	var v int32
	size := uint32(4)
	_, _, e := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		return e
	}
	return Errno(v)
}

// WithPort gives the same address with another port.
func (s *Sockaddr) WithPort(port uint16) Sockaddr {
	out := *s
	binary.BigEndian.PutUint16(out.raw[2:], port)
	return out
}

// LocalAddr is getsockname(2).
func LocalAddr(fd int, s *Sockaddr) Errno {
	s.len = unix.SizeofSockaddrInet6
	_, _, e := syscall.RawSyscall6(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)),
		uintptr(unsafe.Pointer(&s.len)), 0, 0, 0)
	return e
}
