//go:build linux

package linux

import "golang.org/x/sys/unix"

// SetMark sets SO_MARK: what a socket sends carries the mark inside this host, and so does what a listener accepts. It
// takes CAP_NET_ADMIN over the network namespace.
func SetMark(fd int, mark uint32) Errno {
	return setInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int32(mark))
}

// HoldHandshakeACK takes TCP_QUICKACK off before connect(): the ACK that ends the handshake is kept back, to go with the
// first data (tcp_rcv_synsent_state_process), for 40 ms at least.
func HoldHandshakeACK(fd int) Errno { return setInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0) }

// Datagram makes a non-blocking UDP socket.
func Datagram(ipv6 bool) (int, Errno) {
	family := uintptr(unix.AF_INET)
	if ipv6 {
		family = unix.AF_INET6
	}
	fd, _, e := unix.RawSyscall(unix.SYS_SOCKET, family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	return int(fd), e
}

// SegmentsOut is how many segments a TCP socket has sent, SYN and bare ACK included, each once (TCP_INFO, Linux 4.2).
func SegmentsOut(fd int) (int, Errno) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
	if err != nil {
		e, _ := err.(Errno)
		return 0, e
	}
	return int(info.Segs_out) - int(info.Total_retrans), 0
}
