//go:build linux

package linux

import "golang.org/x/sys/unix"

// TCP_REPAIR (include/uapi/linux/tcp.h, Linux 3.5) takes CAP_NET_ADMIN over the network namespace and a kernel with
// CONFIG_CHECKPOINT_RESTORE.
const (
	repairOn  = 1 // TCP_REPAIR_ON: connect() and close() send nothing
	repairOff = 0 // TCP_REPAIR_OFF: the connection goes on, and tells its peer so with one bare ACK (a window probe)
)

// Probe sends a peer one bare ACK from an address and port at which no socket stands any more, as the end of a connection
// does that comes back (tcp_send_window_probe), and leaves nothing behind. A TIME_WAIT at the peer begins its minute anew
// with it (RFC 9293 section 3.10.7.4; tcp_timewait_state_process). call names what failed.
func Probe(local, remote *Sockaddr, ipv6 bool) (call string, e Errno) {
	fd, e := Socket(ipv6)
	if e != 0 {
		return "socket", e
	}
	defer Close(fd) // in repair: no segment
	if e := setInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, repairOn); e != 0 {
		return "setsockopt(TCP_REPAIR)", e
	}
	if e := Bind(fd, local); e != 0 {
		return "bind", e
	}
	if e := Connect(fd, remote); e != 0 {
		return "connect", e
	}
	if e := setInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, repairOff); e != 0 {
		return "setsockopt(TCP_REPAIR)", e
	}
	// The peer's answer may have ended the connection by now: then there is nothing to close silently.
	_ = setInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, repairOn)
	return "", 0
}

// Repairs tells whether Probe can be had here: the errno says why not.
func Repairs(ipv6 bool) Errno {
	fd, e := Socket(ipv6)
	if e != 0 {
		return e
	}
	defer Close(fd)
	return setInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, repairOn)
}
