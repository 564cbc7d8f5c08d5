//go:build linux

package linux

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// AttachByCPU has a group of SO_REUSEPORT listeners, of which fd is one, give each connection to the listener of the
// processor that its SYN came in on: the i-th that called listen() is that of cpus[i]. Another processor's SYN goes where a
// hash sends it (reuseport_select_sock). Linux 4.5.
func AttachByCPU(fd int, cpus []int) Errno {
	p := byCPU(cpus)
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	_, _, e := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		uintptr(unsafe.Pointer(&prog)), unsafe.Sizeof(prog), 0)
	return e
}

// The addresses of a classic filter at which the kernel keeps what is no part of the packet (include/uapi/linux/filter.h).
const (
	skfAdOff = 1<<32 - 0x1000
	skfAdCPU = 36
)

// byCPU is the processor's number itself where the i-th listener is that of processor i, else looked up in a table. A number
// that no listener has leaves the choice to the hash.
func byCPU(cpus []int) []unix.SockFilter {
	p := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: skfAdOff + skfAdCPU}}
	same := true
	for i, cpu := range cpus {
		same = same && cpu == i
	}
	if same {
		return append(p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_A})
	}
	for i, cpu := range cpus {
		p = append(p,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(cpu)},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: uint32(i)},
		)
	}
	return append(p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: uint32(len(cpus))})
}

// Yield lets whatever else wants this processor have it for a moment (sched_yield), and tells the scheduler.
func Yield() { unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) } //nolint:errcheck // it never fails

// Sleep keeps the calling thread off its processor, and tells the scheduler. A signal ends it early. It allocates nothing
// and needs no timer of the runtime.
func Sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	t := unix.NsecToTimespec(d.Nanoseconds())
	unix.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0) //nolint:errcheck // early is well
}
