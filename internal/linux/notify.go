//go:build linux

package linux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Notifier is told of every connect() and bind() of the processes that its filter came to, and answers in the kernel's place
// (seccomp_unotify(2)).
type Notifier struct {
	fd   int
	quit int // eventfd(2): readable once Quit was called
}

// Notice is one call that waits for an answer. TID is as this process's PID namespace has it.
type Notice struct {
	ID   uint64
	TID  int
	Bind bool // else connect()
	FD   int  // the caller's
	Addr uint64
	Len  int
}

// The kernel's struct seccomp_notif and seccomp_notif_resp.
type (
	seccompNotif struct {
		id         uint64
		pid, flags uint32
		nr         int32
		arch       uint32
		ip         uint64
		args       [6]uint64
	}
	seccompAnswer struct {
		id    uint64
		val   int64
		err   int32
		flags uint32
	}
)

// auditArchs are the system call tables that are watched; calls by another one of the same machine (32-bit programs) are not.
var auditArchs = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64, "riscv64": unix.AUDIT_ARCH_RISCV64,
}

// NotifyConnects puts a filter on the calling thread, and so on all that it starts from now on. The thread must be locked and
// must end with its goroutine: it could not call connect() itself any more. The error says what this machine lacks.
func NotifyConnects() (*Notifier, error) {
	arch, known := auditArchs[runtime.GOARCH]
	if !known {
		return nil, fmt.Errorf("system calls of %s are not known to the filter", runtime.GOARCH)
	}
	if err := probeDuplicate(); err != nil {
		return nil, err
	}
	quit, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	fd, err := installFilter(arch)
	if err != nil {
		unix.Close(quit) //nolint:errcheck // the first error is told
		return nil, err
	}
	return &Notifier{fd: fd, quit: quit}, nil
}

// probeDuplicate tries what each notice takes, on this process: pidfd_getfd(2) is Linux 5.6, and a container may refuse it.
func probeDuplicate() error {
	fd, err := unix.PidfdOpen(unix.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("pidfd_open: %w", err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	copied, err := unix.PidfdGetfd(fd, fd, 0)
	if err != nil {
		return fmt.Errorf("pidfd_getfd: %w", err)
	}
	return unix.Close(copied)
}

// installFilter asks without no_new_privs first, which would keep set-user-ID programs from working: in a lab this process has
// CAP_SYS_ADMIN. Without SPEC_ALLOW older kernels would slow the command down (ssbd).
func installFilter(arch uint32) (int, error) {
	const connect, bind = unix.SYS_CONNECT, unix.SYS_BIND
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	same := func(k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	give := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	program := []unix.SockFilter{
		load(4), same(arch, 0, 3), load(0), // struct seccomp_data: arch, then nr
		same(connect, 2, 0), same(bind, 1, 0),
		give(unix.SECCOMP_RET_ALLOW), give(unix.SECCOMP_RET_USER_NOTIF),
	}
	f := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	set := func() (int, Errno) {
		fd, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&f)))
		return int(fd), e
	}
	fd, e := set()
	if e == unix.EINVAL { // before Linux 5.19 a signal takes a call out of our hands
		flags &^= unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
		fd, e = set()
	}
	if e == unix.EACCES {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return 0, fmt.Errorf("prctl(PR_SET_NO_NEW_PRIVS): %w", err)
		}
		fd, e = set()
	}
	runtime.KeepAlive(program)
	if e != 0 {
		return 0, fmt.Errorf("seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER): %w", e)
	}
	unix.CloseOnExec(fd)
	return fd, nil
}

// Next waits for a notice; false when Quit was called, or when nobody is left that the filter came to.
func (n *Notifier) Next() (Notice, bool, error) {
	for {
		fds := []unix.PollFd{{Fd: int32(n.fd), Events: unix.POLLIN}, {Fd: int32(n.quit), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return Notice{}, false, fmt.Errorf("poll: %w", err)
		}
		switch {
		case fds[1].Revents != 0:
			return Notice{}, false, nil
		case fds[0].Revents&unix.POLLIN == 0 && fds[0].Revents&unix.POLLHUP != 0:
			return Notice{}, false, nil
		case fds[0].Revents&unix.POLLIN == 0:
			continue
		}
		var in seccompNotif
		switch e := n.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&in)); e {
		case 0:
			return Notice{
				ID: in.id, TID: int(in.pid), Bind: in.nr == unix.SYS_BIND, FD: int(int32(in.args[0])), Addr: in.args[1],
				Len: int(int32(in.args[2])),
			}, true, nil
		case unix.ENOENT, unix.EINTR: // its caller was killed meanwhile
		default:
			return Notice{}, false, fmt.Errorf("SECCOMP_IOCTL_NOTIF_RECV: %w", e)
		}
	}
}

func (n *Notifier) ioctl(request uintptr, arg unsafe.Pointer) Errno {
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(n.fd), request, uintptr(arg))
	return e
}

// Waits tells whether the caller still waits: its number may be another's by now if not.
func (n *Notifier) Waits(id uint64) bool {
	return n.ioctl(unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&id)) == 0
}

// Answer gives the caller its call's result. A caller that is gone needs none.
func (n *Notifier) Answer(id uint64, e Errno) {
	out := seccompAnswer{id: id, err: -int32(e)}
	n.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&out))
}

// LetGo has the kernel carry the caller's call out as if nobody watched.
func (n *Notifier) LetGo(id uint64) {
	out := seccompAnswer{id: id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	n.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&out))
}

// Quit has Next return. It may be called more than once.
func (n *Notifier) Quit() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(n.quit, one[:]) //nolint:errcheck // a counter that is full is not zero either
}

// Close ends it: from then on the calls that are watched fail with ENOSYS. Nobody may be in Next.
func (n *Notifier) Close() {
	unix.Close(n.fd)   //nolint:errcheck // nothing was written
	unix.Close(n.quit) //nolint:errcheck // nothing was written
}

// Take gives this process a descriptor of a thread's. A pidfd of a thread is Linux 6.9: before, its process's serves as well.
func Take(tid, fd int) (int, Errno) {
	const thread = unix.O_EXCL // PIDFD_THREAD
	pidfd, err := unix.PidfdOpen(tid, thread)
	if err != nil {
		pidfd, err = unix.PidfdOpen(leader(tid), 0)
	}
	if err != nil {
		return -1, errnoOf(err)
	}
	defer unix.Close(pidfd) //nolint:errcheck // nothing was written
	got, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return -1, errnoOf(err)
	}
	return got, 0
}

// leader finds a thread's process: /proc would give the host's numbers, and in a lab, whose own begin at 1, none is far below
// its threads'.
func leader(tid int) int {
	for pid := tid; pid > 0; pid-- {
		if unix.Tgkill(pid, tid, 0) == nil {
			return pid
		}
	}
	return tid
}

// SockaddrOf reads a call's address out of its caller's memory; false where that is no internet address.
func SockaddrOf(n Notice) (s Sockaddr, ok bool, e Errno) {
	if n.Len < 2 {
		return s, false, 0
	}
	s.len = uint32(min(n.Len, len(s.raw)))
	local := unix.Iovec{Base: &s.raw[0]}
	local.SetLen(int(s.len))
	remote := unix.RemoteIovec{Base: uintptr(n.Addr), Len: int(s.len)}
	got, err := unix.ProcessVMReadv(n.TID, []unix.Iovec{local}, []unix.RemoteIovec{remote}, 0)
	if err != nil {
		return s, false, errnoOf(err)
	}
	if got != int(s.len) { // it ends where the caller's memory does
		return s, false, 0
	}
	family := binary.NativeEndian.Uint16(s.raw[:])
	whole := family == unix.AF_INET && s.len >= unix.SizeofSockaddrInet4 || family == unix.AF_INET6 && s.len >= unix.SizeofSockaddrInet6-4
	return s, whole, 0
}
