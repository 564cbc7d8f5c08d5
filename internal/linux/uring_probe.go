//go:build linux

package linux

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ringOps are the operations that the engines ask of a ring, and the first Linux that has each.
var ringOps = []struct {
	op          uint8
	name, since string
}{
	{opPollAdd, "POLL_ADD", "5.1"},
	{opAccept, "ACCEPT", "5.5"},
	{opAsyncCancel, "ASYNC_CANCEL", "5.5"},
	{opConnect, "CONNECT", "5.5"},
	{opClose, "CLOSE", "5.6"},
	{opSend, "SEND", "5.6"},
	{opRecv, "RECV", "5.6"},
	{opSocket, "SOCKET", "5.19"},
	{opURingCmd, "URING_CMD", "5.19"},
}

// TryRing finds out whether this process may use io_uring as the engines do, by doing so: an instance is made, the
// kernel is asked for the operations, and one small chain runs. bind asks for IORING_OP_BIND, too. The error names the
// call that failed and its errno; it is a RingError.
func TryRing(bind bool) error {
	runtime.LockOSThread() // a ring belongs to a thread
	defer runtime.UnlockOSThread()
	r, err := OpenRing(8, 2)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.has(bind); err != nil {
		return err
	}
	if e := r.Enable(); e != 0 {
		return &RingError{"io_uring_register, enable", e}
	}
	return r.tryChain()
}

// has asks the kernel which operations it knows.
func (r *Ring) has(bind bool) error {
	const most = 256
	var probe struct {
		last, n uint8
		_       [14]byte
		ops     [most]struct {
			op, _ uint8
			flags uint16
			_     uint32
		}
	}
	if e := r.register(registerProbe, unsafe.Pointer(&probe), most); e != 0 {
		return &RingError{"io_uring_register, probe", e}
	}
	for _, o := range ringOps {
		if probe.ops[o.op].flags == 0 {
			return &RingError{"io_uring has no IORING_OP_" + o.name + ", which came with Linux " + o.since, unix.EOPNOTSUPP}
		}
	}
	if bind && probe.ops[opBind].flags == 0 {
		return &RingError{"io_uring has no IORING_OP_BIND, which came with Linux 6.11", unix.EOPNOTSUPP}
	}
	return nil
}

// tryLimit bounds how long the chain may take.
const tryLimit = time.Second

// tryLinger does not move: the kernel reads it when the chain comes to it.
var tryLinger = LingerOpt(0)

// tryChain makes a socket under a direct descriptor, sets an option on it, and closes it: one completion of three.
func (r *Ring) tryChain() error {
	const chain = 1
	r.Socket(0, false, chain).Linked().Quiet()
	r.Option(0, &tryLinger, chain).Linked().Quiet()
	r.CloseSlot(0, chain)
	for end := Nano() + int64(tryLimit); Nano() < end; {
		if e := r.Enter(tryLimit / 10); e != 0 {
			return &RingError{"io_uring_enter", e}
		}
		c, done := r.Next()
		switch {
		case !done:
		case c.Errno() == unix.EOPNOTSUPP:
			return &RingError{"io_uring, setsockopt on a direct descriptor, which came with Linux 6.7", c.Errno()}
		case c.Res != 0:
			return &RingError{"io_uring, a chain of socket, setsockopt and close", c.Errno()}
		default:
			return nil
		}
	}
	return &RingError{fmt.Sprintf("io_uring, a chain of socket, setsockopt and close, after %v", tryLimit), unix.ETIME}
}
