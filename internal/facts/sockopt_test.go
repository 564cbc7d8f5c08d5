//go:build linux

package facts

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"twomsl/internal/linux"
)

// unread is how many bytes wait to be read (SIOCINQ).
func unread(t testing.TB, fd int) int {
	t.Helper()
	var n int32
	const siocinq = 0x541b
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), siocinq, uintptr(unsafe.Pointer(&n))); e != 0 {
		t.Fatalf("SIOCINQ: %v", e)
	}
	return int(n)
}

// sockopt sets an integer option.
func sockopt(level, name, value int) option {
	return func(fd int) linux.Errno {
		var e linux.Errno
		errors.As(syscall.SetsockoptInt(fd, level, name, value), &e)
		return e
	}
}

// Options of TCP that package syscall does not name (include/uapi/linux/tcp.h).
const (
	tcpFastOpen, tcpFastOpenConnect = 23, 30
	soReusePort                     = 15 // include/uapi/asm-generic/socket.h
)

func reuseAddr(fd int) linux.Errno { return sockopt(syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)(fd) }
func reusePort(fd int) linux.Errno { return sockopt(syscall.SOL_SOCKET, soReusePort, 1)(fd) }

// linger2 sets TCP_LINGER2.
func linger2(seconds int) option {
	return sockopt(syscall.IPPROTO_TCP, syscall.TCP_LINGER2, seconds)
}

func getLinger2(t testing.TB, fd int) int {
	t.Helper()
	v, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_LINGER2)
	must(t, err)
	return v
}

// tcpState is the state of a socket, as TCP_INFO begins with it; CLOSE, too, which no dump shows.
func tcpState(t testing.TB, fd int) uint8 {
	t.Helper()
	v, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_INFO)
	must(t, err)
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(int32(v)))
	return b[0]
}

// becomes waits until a socket is in a state.
func becomes(t testing.TB, fd int, state uint8) {
	t.Helper()
	if !until(func() bool { return tcpState(t, fd) == state }) {
		t.Fatalf("the socket is in state %d; expected %d", tcpState(t, fd), state)
	}
}

// writeFile writes to a file that must exist, and gives the kernel's errno.
func writeFile(path, value string) (e linux.Errno) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		defer func() { _ = f.Close() }()
		_, err = f.WriteString(value)
	}
	if err != nil && !errors.As(err, &e) {
		panic(err) // os gives the errno with every refusal
	}
	return e
}

// TCP_REPAIR and what goes with it (include/uapi/linux/tcp.h); it takes CAP_NET_ADMIN and CONFIG_CHECKPOINT_RESTORE.
const (
	tcpRepair, tcpRepairQueue, tcpQueueSeq = 19, 20, 21
	repairOn, repairOffSilently            = 1, -1 // the latter sends no window probe
	receiveQueue, sendQueue                = 1, 2
)

func setTCP(t testing.TB, fd, option, value int) {
	t.Helper()
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, option, value); err != nil {
		t.Fatalf("TCP option %d = %d: %v", option, value, err)
	}
}

// needRepair skips the test where TCP_REPAIR cannot be had.
func needRepair(t testing.TB, fd int) {
	t.Helper()
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, tcpRepair, repairOn); err != nil {
		t.Skipf("TCP_REPAIR cannot be had (CAP_NET_ADMIN, CONFIG_CHECKPOINT_RESTORE): %v", err)
	}
	setTCP(t, fd, tcpRepair, repairOffSilently)
}

// repairNumbers reads the sequence number that a connection sends next, and that which it expects next.
func repairNumbers(t testing.TB, fd int) (send, receive uint32) {
	t.Helper()
	setTCP(t, fd, tcpRepair, repairOn)
	for queue, into := range map[int]*uint32{sendQueue: &send, receiveQueue: &receive} {
		setTCP(t, fd, tcpRepairQueue, queue)
		n, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, tcpQueueSeq)
		must(t, err)
		*into = uint32(n)
	}
	setTCP(t, fd, tcpRepair, repairOffSilently)
	return send, receive
}

// repairBegin gives a new socket its numbers; its connect() then sends nothing.
func repairBegin(t testing.TB, fd int, send, receive uint32) {
	t.Helper()
	setTCP(t, fd, tcpRepair, repairOn)
	for queue, number := range map[int]uint32{sendQueue: send, receiveQueue: receive} {
		setTCP(t, fd, tcpRepairQueue, queue)
		setTCP(t, fd, tcpQueueSeq, int(int32(number)))
	}
}

func repairEnd(t testing.TB, fd int) {
	t.Helper()
	setTCP(t, fd, tcpRepair, repairOffSilently)
}
