package linux

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Each probe tries what it is about in the calling thread's namespace, changes nothing, and gives nil where it works.
// The error wraps the errno.

// ProbeSockDiag asks for the netlink family that socket states are read from.
func ProbeSockDiag() error {
	return probeSocket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_SOCK_DIAG, nil)
}

// ProbeIPv6 asks for a TCP socket of IP version 6.
func ProbeIPv6() error {
	return probeSocket(unix.AF_INET6, unix.SOCK_STREAM, 0, nil)
}

// ProbeLocalPortRange sets a range of ports for one socket, 1024 to 65000: the low end in the low 16 bits (Linux 6.3).
func ProbeLocalPortRange() error {
	return probeSocket(unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error {
		const low, high = 1024, 65000
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, high<<16|low)
	})
}

// ProbeBindAddressNoPort sets the option that lets bind() leave the choice of the port to connect() (Linux 4.2).
func ProbeBindAddressNoPort() error {
	return probeSocket(unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}

// ProbeFastOpen sets the option by which the first write goes out with the SYN (Linux 4.11).
func ProbeFastOpen() error {
	return probeSocket(unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1)
	})
}

func probeSocket(family, kind, protocol int, then func(fd int) error) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	if then == nil {
		return nil
	}
	if err := then(fd); err != nil {
		return fmt.Errorf("setsockopt: %w", err)
	}
	return nil
}
