//go:build linux

package linux

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The processes of a run share one CLOCK_MONOTONIC. time.Since reads it without a system call; base ties it to the
// kernel's own zero.
var (
	base     = time.Now()
	baseNano = monotonic()
)

func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("CLOCK_MONOTONIC cannot be read: " + err.Error()) // the kernel always has it
	}
	return ts.Nano()
}

// Nano is CLOCK_MONOTONIC in nanoseconds: the same clock in every process of this host.
func Nano() int64 { return baseNano + int64(time.Since(base)) }

// PinThread keeps the calling thread on the processors given; an empty list leaves it where it was.
func PinThread(cpus []int) error {
	if len(cpus) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, c := range cpus {
		set.Set(c)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("processors %v cannot be had (%w): name some of those in Cpus_allowed_list of /proc/self/status",
			cpus, err)
	}
	return nil
}

// AllowedCPUs lists the processors that the calling thread may run on.
func AllowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var out []int
	for c := 0; len(out) < set.Count(); c++ {
		if set.IsSet(c) {
			out = append(out, c)
		}
	}
	return out, nil
}

// NoFile gives the soft and hard limits on descriptors after raising the soft one to the hard one.
func NoFile() (soft, hard uint64, err error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, 0, fmt.Errorf("getrlimit(RLIMIT_NOFILE): %w", err)
	}
	if r.Cur < r.Max {
		r.Cur = r.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
			return 0, 0, fmt.Errorf("setrlimit(RLIMIT_NOFILE, %d): %w", r.Max, err)
		}
	}
	return r.Cur, r.Max, nil
}

// LimitDescriptors lowers this process's soft limit on descriptors: from then on a call that would make one numbered n or
// higher fails with EMFILE. Those that are open stay.
func LimitDescriptors(n uint64) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return fmt.Errorf("getrlimit(RLIMIT_NOFILE): %w", err)
	}
	r.Cur = min(n, r.Max)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return fmt.Errorf("setrlimit(RLIMIT_NOFILE): %w", err)
	}
	return nil
}

// LimitNoFile raises the soft limit on this process's descriptors as far as it goes, or sets it to n where that is above 0
// and less.
func LimitNoFile(n int) error {
	soft, hard, err := NoFile()
	if err != nil || n <= 0 || uint64(n) >= soft {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(n), Max: hard}); err != nil {
		return fmt.Errorf("setrlimit(RLIMIT_NOFILE, %d): %w", n, err)
	}
	return nil
}

// TryWrite tries whether a file can be made in a directory. The file never has a name, so that nothing of it can stay
// behind; where the file system knows no such files it has one for a moment.
func TryWrite(dir string) error {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return unix.Close(fd)
	}
	f, err := os.CreateTemp(dir, ".try-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// SocketPair makes two connected stream sockets, closed on exec.
func SocketPair() ([2]int, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fds, fmt.Errorf("socketpair: %w", err)
	}
	return fds, nil
}

// CloseOnExec marks an inherited descriptor so that no child inherits it in turn.
func CloseOnExec(fd int) { unix.CloseOnExec(fd) }

// HasSysAdmin tells whether this thread has CAP_SYS_ADMIN, which namespaces need outside a user namespace.
func HasSysAdmin() bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// The clone flags of a lab.
const (
	CloneNewUser = unix.CLONE_NEWUSER
	CloneNewPID  = unix.CLONE_NEWPID
	CloneNewNet  = unix.CLONE_NEWNET
)
