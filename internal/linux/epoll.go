//go:build linux

package linux

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poller is one epoll instance for one worker; it is not safe for use by several goroutines.
type Poller struct {
	fd     int
	events [256]unix.EpollEvent
}

// Event is one descriptor that is ready; Data is what Add was given.
type Event struct {
	Data uint64
	Bits uint32
}

// OpenPoller makes an epoll instance.
func OpenPoller() (*Poller, Errno) {
	fd, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_CREATE1, unix.EPOLL_CLOEXEC, 0, 0, 0, 0, 0)
	if e != 0 {
		return nil, e
	}
	return &Poller{fd: int(fd)}, 0
}

// FD is the instance itself, which is readable when a descriptor is ready.
func (p *Poller) FD() int { return p.fd }

// Close frees the instance.
func (p *Poller) Close() { Close(p.fd) }

// AddConnection watches a connection edge-triggered, both ways: one call for its whole life.
func (p *Poller) AddConnection(fd int, data uint64) Errno {
	return p.add(fd, data, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET&0xffffffff)
}

// AddListener watches a listener level-triggered: it stays ready while connections wait.
func (p *Poller) AddListener(fd int, data uint64) Errno { return p.add(fd, data, unix.EPOLLIN) }

// Remove watches a descriptor no longer.
func (p *Poller) Remove(fd int) Errno {
	var ev unix.EpollEvent // before Linux 2.6.9 it had to be there
	_, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), unix.EPOLL_CTL_DEL, uintptr(fd),
		uintptr(unsafe.Pointer(&ev)), 0, 0)
	return e
}

func (p *Poller) add(fd int, data uint64, bits uint32) Errno {
	ev := unix.EpollEvent{Events: bits}
	*(*uint64)(unsafe.Pointer(&ev.Fd)) = data // the kernel's epoll_data_t; Go's struct splits it into Fd and Pad
	_, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), unix.EPOLL_CTL_ADD, uintptr(fd),
		uintptr(unsafe.Pointer(&ev)), 0, 0)
	return e
}

// Wait gives how many descriptors are ready, waiting at most the time given. It looks once without waiting, which needs
// no word to the scheduler; only a real wait tells it, so that a stop of the world is never held up.
func (p *Poller) Wait(limit time.Duration) (int, Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)),
		uintptr(len(p.events)), 0, 0, 0)
	if e != 0 || n > 0 || limit <= 0 {
		return count(n, e)
	}
	ts := unix.NsecToTimespec(int64(limit))
	n, _, e = syscall.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)),
		uintptr(len(p.events)), uintptr(unsafe.Pointer(&ts)), 0, 0)
	if e == unix.ENOSYS { // before Linux 5.11: milliseconds, rounded up
		ms := (limit + time.Millisecond - 1) / time.Millisecond
		n, _, e = syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)),
			uintptr(len(p.events)), uintptr(ms), 0, 0)
	}
	return count(n, e)
}

func count(n uintptr, e Errno) (int, Errno) {
	if e == unix.EINTR {
		return 0, 0
	}
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// Event gives the i-th of the descriptors that Wait counted.
func (p *Poller) Event(i int) Event {
	ev := &p.events[i]
	return Event{Data: *(*uint64)(unsafe.Pointer(&ev.Fd)), Bits: ev.Events}
}

// Readable tells whether a read would give bytes, the peer's FIN or an error.
func (e Event) Readable() bool {
	return e.Bits&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
}

// Ended tells whether the peer has ended the connection, by FIN or by RST.
func (e Event) Ended() bool {
	return e.Bits&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
}
