//go:build linux

package linux

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// SQE is a submission: struct io_uring_sqe.
type SQE struct {
	opcode, flags uint8
	ioprio        uint16
	fd            int32
	off, addr     uint64
	len, opFlags  uint32
	// Tag comes back with the completion.
	Tag         uint64
	bufIndex    uint16
	personality uint16
	fileIndex   uint32 // a direct descriptor plus 1; the length of an option's value
	addr3       uint64
	_           uint64
}

// CQE is a completion: struct io_uring_cqe.
type CQE struct {
	Tag   uint64
	Res   int32
	Flags uint32
}

// Errno is what a completion failed with, 0 where it did not.
func (c CQE) Errno() Errno {
	if c.Res < 0 {
		return Errno(-c.Res)
	}
	return 0
}

// ECANCELED is a request that was canceled, or whose chain broke before its turn came.
const ECANCELED = unix.ECANCELED

const (
	opNop         = 0
	opPollAdd     = 6
	opAccept      = 13
	opAsyncCancel = 14
	opConnect     = 16
	opClose       = 19
	opSend        = 26
	opRecv        = 27
	opSocket      = 45
	opURingCmd    = 46
	opFDInstall   = 54
	opBind        = 56

	sqeFixedFile   = 1 << 0
	sqeLink        = 1 << 2
	sqeSkipSuccess = 1 << 6

	pollAddMulti = 1 << 0

	cancelAll     = 1 << 0
	cancelFD      = 1 << 1
	cancelAny     = 1 << 2
	cancelFDFixed = 1 << 3

	cqeMore = 1 << 1

	socketSetsockopt = 3
)

// More tells that the same submission has further completions to come.
func (c CQE) More() bool { return c.Flags&cqeMore != 0 }

// Linked has the next submission wait until this one has succeeded. Where it fails, all that is linked behind it is
// dropped. It gives the submission back.
func (s *SQE) Linked() *SQE {
	s.flags |= sqeLink
	return s
}

// Quiet asks for a completion only where the submission fails; what is linked behind it is then dropped without one.
func (s *SQE) Quiet() *SQE {
	s.flags |= sqeSkipSuccess
	return s
}

func (r *Ring) op(opcode uint8, slot int, tag uint64) *SQE {
	s := r.queue.entry()
	s.opcode, s.fd, s.flags, s.Tag = opcode, int32(slot), sqeFixedFile, tag
	return s
}

// Nop does nothing, and completes.
func (r *Ring) Nop(tag uint64) *SQE {
	s := r.op(opNop, 0, tag)
	s.flags = 0
	return s
}

// Socket makes a TCP socket under a direct descriptor, which must be free. It blocks, for those who would wait; a ring
// does not.
func (r *Ring) Socket(slot int, ipv6 bool, tag uint64) *SQE {
	s := r.op(opSocket, unix.AF_INET, tag)
	if ipv6 {
		s.fd = unix.AF_INET6
	}
	s.flags, s.off, s.fileIndex = 0, unix.SOCK_STREAM, uint32(slot)+1
	return s
}

// Option sets a socket option. o must not move until the submission completes.
func (r *Ring) Option(slot int, o *SockOpt, tag uint64) *SQE {
	s := r.op(opURingCmd, slot, tag)
	s.off = socketSetsockopt
	s.addr = uint64(o.level) | uint64(o.name)<<32
	s.fileIndex, s.addr3 = o.size, uint64(uintptr(unsafe.Pointer(&o.value)))
	return s
}

// Bind binds to an address, which is read before Enter returns (Linux 6.11).
func (r *Ring) Bind(slot int, to *Sockaddr, tag uint64) *SQE {
	s := r.op(opBind, slot, tag)
	s.addr, s.off = uint64(uintptr(unsafe.Pointer(&to.raw))), uint64(to.len)
	return s
}

// Connect connects to an address, which is read before Enter returns, and completes when the handshake is over.
func (r *Ring) Connect(slot int, to *Sockaddr, tag uint64) *SQE {
	s := r.op(opConnect, slot, tag)
	s.addr, s.off = uint64(uintptr(unsafe.Pointer(&to.raw))), uint64(to.len)
	return s
}

// Send writes all of p, which must not be empty, nor move until the submission completes.
func (r *Ring) Send(slot int, p []byte, tag uint64) *SQE {
	s := r.op(opSend, slot, tag)
	s.addr, s.len, s.opFlags = uint64(uintptr(unsafe.Pointer(&p[0]))), uint32(len(p)), unix.MSG_NOSIGNAL|unix.MSG_WAITALL
	return s
}

// Recv reads what comes, up to all of p, which must not be empty, nor move until the submission completes.
func (r *Ring) Recv(slot int, p []byte, tag uint64) *SQE {
	s := r.op(opRecv, slot, tag)
	s.addr, s.len = uint64(uintptr(unsafe.Pointer(&p[0]))), uint32(len(p))
	return s
}

// Accept takes one connection from a listener, which is an ordinary descriptor, under a direct descriptor that must be
// free. from is filled in, and must not move until the submission completes.
func (r *Ring) Accept(listener, slot int, from *Sockaddr, tag uint64) *SQE {
	s := r.op(opAccept, listener, tag)
	from.len = unix.SizeofSockaddrInet6
	s.flags, s.fileIndex = 0, uint32(slot)+1
	s.addr, s.off = uint64(uintptr(unsafe.Pointer(&from.raw))), uint64(uintptr(unsafe.Pointer(&from.len)))
	return s
}

// CloseSlot frees a direct descriptor at once. close() itself comes when the thread leaves the kernel or waits there.
func (r *Ring) CloseSlot(slot int, tag uint64) *SQE {
	s := r.op(opClose, 0, tag)
	s.flags, s.fileIndex = 0, uint32(slot)+1
	return s
}

// Poll completes whenever an ordinary descriptor becomes readable, again and again.
func (r *Ring) Poll(fd int, tag uint64) *SQE {
	s := r.op(opPollAdd, fd, tag)
	s.flags, s.len, s.opFlags = 0, pollAddMulti, unix.POLLIN
	return s
}

// Install gives a direct descriptor's socket an ordinary descriptor, too, which the completion names (Linux 6.8).
func (r *Ring) Install(slot int, tag uint64) *SQE { return r.op(opFDInstall, slot, tag) }

// CancelSlot cancels what is under way on a direct descriptor.
func (r *Ring) CancelSlot(slot int, tag uint64) *SQE {
	s := r.op(opAsyncCancel, slot, tag)
	s.flags, s.opFlags = 0, cancelAll|cancelFD|cancelFDFixed
	return s
}

// CancelAll cancels all that is under way.
func (r *Ring) CancelAll(tag uint64) *SQE {
	s := r.op(opAsyncCancel, 0, tag)
	s.flags, s.opFlags = 0, cancelAll|cancelAny
	return s
}
