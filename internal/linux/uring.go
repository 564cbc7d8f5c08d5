//go:build linux

package linux

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The numbers of include/uapi/linux/io_uring.h that a Ring is set up with.
const (
	setupCQSize       = 1 << 3
	setupClamp        = 1 << 4
	setupRDisabled    = 1 << 6
	setupSubmitAll    = 1 << 7
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13

	featureSingleMmap = 1 << 0
	featureNoDrop     = 1 << 1
	featureExtArg     = 1 << 8
	featureCQESkip    = 1 << 11

	offsetRing = 0
	offsetSQEs = 0x10000000

	enterGetEvents = 1 << 0
	enterExtArg    = 1 << 3

	registerProbe       = 8
	registerEnableRings = 12
	registerFiles2      = 13
	registerSparse      = 1 << 0
)

// ringParams is struct io_uring_params.
type ringParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

// ringWait is struct io_uring_getevents_arg.
type ringWait struct {
	sigmask   uint64
	sigmaskSz uint32
	minWaitUS uint32
	ts        uint64
}

// Ring is one io_uring instance for one worker's thread, with a table of direct descriptors. It is not safe for use by
// several goroutines.
//
// What the kernel keeps an address of lies outside Go's heap (see MapMemory) or in the Ring itself, which its worker
// holds: Go's collector does not move what is on the heap, and stacks, which move, are never handed over.
type Ring struct {
	fd        int
	queue     queue
	submitted uint32 // entries that the kernel has taken
	rings     []byte
	sqes      []byte
	wait      ringWait
	limit     unix.Timespec
}

// RingError is an io_uring that could not be had here: the call that failed, and its errno.
type RingError struct {
	Call string
	Err  Errno
}

func (e *RingError) Error() string { return e.Call + ": " + ErrnoName(e.Err) }

func (e *RingError) Unwrap() error { return e.Err }

// OpenRing makes an instance with room for so many submissions at once, four times as many completions, and so many
// direct descriptors. Its requests complete on the thread that calls Enable, while that is in Enter. The error is a
// RingError.
func OpenRing(entries, files int) (*Ring, error) {
	p := ringParams{
		cqEntries: uint32(4 * entries),
		flags: setupCQSize | setupClamp | setupRDisabled | setupSubmitAll | setupSingleIssuer |
			setupDeferTaskrun,
	}
	fd, _, e := syscall.RawSyscall6(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0, 0, 0, 0)
	if e != 0 {
		return nil, &RingError{"io_uring_setup", e}
	}
	r := &Ring{fd: int(fd)}
	const needed = featureSingleMmap | featureNoDrop | featureExtArg | featureCQESkip
	if p.features&needed != needed {
		r.Close()
		return nil, &RingError{fmt.Sprintf("io_uring_setup, features %#x", p.features), unix.EOPNOTSUPP}
	}
	if err := r.mmap(&p); err != nil {
		r.Close()
		return nil, err
	}
	if err := r.registerTable(files); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Ring) mmap(p *ringParams) error {
	size := max(int(p.sq.array)+4*int(p.sqEntries), int(p.cq.cqes)+int(unsafe.Sizeof(CQE{}))*int(p.cqEntries))
	var err error
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if r.rings, err = unix.Mmap(r.fd, offsetRing, size, prot, flags); err != nil {
		return &RingError{"mmap of io_uring's queues", errnoOf(err)}
	}
	size = int(unsafe.Sizeof(SQE{})) * int(p.sqEntries)
	if r.sqes, err = unix.Mmap(r.fd, offsetSQEs, size, prot, flags); err != nil {
		return &RingError{"mmap of io_uring's entries", errnoOf(err)}
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.rings[offset])) }
	r.queue = queue{
		sqTail: at(p.sq.tail), cqHead: at(p.cq.head), cqTail: at(p.cq.tail),
		sqes: unsafe.Slice((*SQE)(unsafe.Pointer(&r.sqes[0])), p.sqEntries),
		cqes: unsafe.Slice((*CQE)(unsafe.Pointer(&r.rings[p.cq.cqes])), p.cqEntries),
	}
	for i, slots := 0, unsafe.Slice(at(p.sq.array), p.sqEntries); i < len(slots); i++ {
		slots[i] = uint32(i) // the n-th submission is the n-th entry, always
	}
	return nil
}

// registerTable makes the table of direct descriptors, all of them free.
func (r *Ring) registerTable(files int) error {
	table := struct {
		nr, flags         uint32
		resv, data, _tags uint64
	}{nr: uint32(files), flags: registerSparse}
	e := r.register(registerFiles2, unsafe.Pointer(&table), unsafe.Sizeof(table))
	if e != 0 {
		return &RingError{fmt.Sprintf("io_uring_register, %d direct descriptors", files), e}
	}
	return nil
}

func (r *Ring) register(what int, arg unsafe.Pointer, n uintptr) Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), uintptr(what), uintptr(arg), n, 0, 0)
	return e
}

// Enable lets the ring go; from now on it belongs to the calling thread.
func (r *Ring) Enable() Errno { return r.register(registerEnableRings, nil, 0) }

// Close gives the instance back. Whoever has requests under way in it waits for them first: what is left ends at some
// later time.
func (r *Ring) Close() {
	for _, m := range [][]byte{r.rings, r.sqes} {
		if m != nil {
			_ = unix.Munmap(m) // fails for memory that is none of ours alone
		}
	}
	r.rings, r.sqes, r.queue = nil, nil, queue{}
	Close(r.fd)
}

// Enter hands over what was written, lets requests that can go on do so, and waits for a completion, at most for the
// time given. The scheduler is told even where nobody waits: a batch of connect() can take long (a range that is half
// full). EBUSY and EAGAIN are told by nothing but what is left to hand over: completions must be taken first.
func (r *Ring) Enter(limit time.Duration) Errno {
	n := r.queue.publish() - r.submitted
	var done uintptr
	var e Errno
	if limit <= 0 {
		done, _, e = syscall.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), 0, enterGetEvents, 0, 0)
	} else {
		r.limit = unix.NsecToTimespec(int64(limit))
		r.wait = ringWait{sigmaskSz: 8, ts: uint64(uintptr(unsafe.Pointer(&r.limit)))}
		done, _, e = syscall.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), 1, enterGetEvents|enterExtArg,
			uintptr(unsafe.Pointer(&r.wait)), unsafe.Sizeof(r.wait))
	}
	switch e {
	case 0:
		r.submitted += uint32(done)
		return 0
	case unix.ETIME, unix.EINTR, unix.EBUSY, unix.EAGAIN:
		return 0
	}
	return e
}

// Room is how many submissions can still be written before Enter.
func (r *Ring) Room() int { return len(r.queue.sqes) - int(r.queue.tail-r.submitted) }

// Pending tells whether something was written that the kernel has not taken.
func (r *Ring) Pending() bool { return r.queue.tail != r.submitted }

// Next takes the oldest completion, if there is one.
func (r *Ring) Next() (CQE, bool) { return r.queue.next() }

// queue is the memory that a ring shares with the kernel: submissions written here and read there, completions the other
// way. Heads and tails count on for ever and wrap around at 2^32.
type queue struct {
	sqTail, cqHead, cqTail *uint32
	sqes                   []SQE
	cqes                   []CQE
	tail                   uint32 // of the submissions that are written
	head                   uint32 // of the completions that are taken
}

// entry is the next submission, empty. There must be room.
func (q *queue) entry() *SQE {
	s := &q.sqes[q.tail&uint32(len(q.sqes)-1)]
	*s = SQE{}
	q.tail++
	return s
}

// publish shows the kernel what was written and what was taken.
func (q *queue) publish() (tail uint32) {
	atomic.StoreUint32(q.cqHead, q.head)
	atomic.StoreUint32(q.sqTail, q.tail)
	return q.tail
}

func (q *queue) next() (CQE, bool) {
	if q.head == atomic.LoadUint32(q.cqTail) {
		return CQE{}, false
	}
	c := q.cqes[q.head&uint32(len(q.cqes)-1)]
	q.head++
	return c, true
}

// MapMemory gives zeroed memory outside Go's heap, page by page when it is first touched; the kernel may keep addresses
// of it for as long as it is not unmapped.
func MapMemory(size int) ([]byte, error) {
	m, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("mmap of %d bytes: %w", size, err)
	}
	return m, nil
}

// UnmapMemory gives it back.
func UnmapMemory(m []byte) {
	if m != nil {
		_ = unix.Munmap(m) // fails for memory that is none of ours alone
	}
}
