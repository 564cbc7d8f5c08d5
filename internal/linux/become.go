//go:build linux

package linux

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Become makes the calling thread another user's, who keeps one right of root's: to take ports below
// ip_unprivileged_port_start, which containers of other runtimes may as well. The goroutine stays on the thread: it is to
// call exec next, which ends the others.
func Become(uid, gid int, groups []int) error {
	runtime.LockOSThread()
	list := make([]uint32, max(1, len(groups)))
	for i, g := range groups {
		list[i] = uint32(g)
	}
	// Raw calls: those of package syscall change all threads, and a user namespace's mappings may refuse.
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&list[0])), 0); e != 0 {
		return os.NewSyscallError("setgroups", e)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)); e != 0 {
		return fmt.Errorf("setresgid(%d): %w", gid, e)
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl(PR_SET_KEEPCAPS)", err)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
		return fmt.Errorf("setresuid(%d): %w", uid, e)
	}
	return keepOnly(unix.CAP_NET_BIND_SERVICE)
}

// keepOnly leaves one capability, which exec keeps (capabilities(7), "Ambient").
func keepOnly(which uintptr) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	sets[0] = unix.CapUserData{Effective: 1 << which, Permitted: 1 << which, Inheritable: 1 << which}
	if err := unix.Capset(&header, &sets[0]); err != nil {
		return os.NewSyscallError("capset", err)
	}
	return os.NewSyscallError("prctl(PR_CAP_AMBIENT)", unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, which, 0, 0))
}

// OnlyUser tells whether this user namespace knows no user but one: nobody in it can become another (user_namespaces(7)).
func OnlyUser() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	var inside, outside, length uint64
	n, _ := fmt.Sscan(string(text), &inside, &outside, &length)
	return n == 3 && length == 1
}

// pretended are the calls by which a server that was started as root becomes another user, or gives files away.
var pretended = append([]uint32{
	unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID, unix.SYS_SETRESGID,
	unix.SYS_SETGROUPS, unix.SYS_SETFSUID, unix.SYS_SETFSGID, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT,
}, chowns...)

// PretendOwners lets the calling thread, and what it starts, take it that those calls succeed, which do nothing: the kernel
// would refuse them all where there is no other user. The filter is asked for each system call of theirs (seccomp(2)); the
// kernel keeps by number what it always allows, since Linux 5.11.
func PretendOwners() error {
	runtime.LockOSThread()
	const number, arch = 0, 4 // offsets in struct seccomp_data
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	ret := func(what uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: what}
	}
	program := []unix.SockFilter{
		load(arch), {Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: auditArch, Jt: 1}, ret(unix.SECCOMP_RET_ALLOW), load(number),
	}
	for i, n := range pretended {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: n, Jt: uint8(len(pretended) - i)})
	}
	program = append(program, ret(unix.SECCOMP_RET_ALLOW), ret(unix.SECCOMP_RET_ERRNO)) // errno 0: it went well
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&p))); e != 0 {
		return os.NewSyscallError("seccomp", e)
	}
	return nil
}
