//go:build linux

package linux

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"

	"golang.org/x/sys/unix"
)

// ErrNotNetNS says that a path is not a network namespace.
var ErrNotNetNS = errors.New("not a network namespace")

// errUnfinished is what InNetNS returns where its function ended its goroutine instead of returning.
var errUnfinished = errors.New("the function ended its goroutine (runtime.Goexit) and never returned")

// InNetNS runs f on a thread of its own that has entered the network namespace at path (/proc/PID/ns/net,
// /run/netns/NAME), and waits for it. The thread ends with f: it is never used for anything else.
//
// Entering takes CAP_SYS_ADMIN in the user namespace that owns the target and in the caller's own: root for a namespace
// of the host. Goroutines that f starts run elsewhere; sockets and files that it opens stay in the namespace.
// Errors wrap fs.ErrPermission, fs.ErrNotExist or ErrNotNetNS.
func InNetNS(path string, f func() error) error {
	// Never waits, also where the path turns out to be a pipe or a terminal.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return explainNetNS(path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err != nil || kind != unix.CLONE_NEWNET {
		return fmt.Errorf("entering %s: %w", path, ErrNotNetNS)
	}
	return onThrowawayThread(func() error {
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return explainNetNS(path, err)
		}
		return f()
	})
}

// onThrowawayThread runs f on a thread that ends afterwards: a goroutine that ends while it is locked takes its thread
// along. The main thread cannot end, and what it entered would show as the process's own under /proc/PID, so it is
// held back while another thread is found.
func onThrowawayThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- onThrowawayThread(f)
			runtime.UnlockOSThread()
			return
		}
		err := errUnfinished
		defer func() { done <- err }()
		err = f()
	}()
	return <-done
}

// NetNSCookie is the number of the calling process's network namespace, which no other has until the machine starts anew
// (SO_NETNS_COOKIE, Linux 5.14).
func NetNSCookie() (uint64, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return 0, fmt.Errorf("SO_NETNS_COOKIE: %w", err)
	}
	return cookie, nil
}

var procNetNS = regexp.MustCompile(`^/proc/([0-9]+)/`)

func explainNetNS(path string, err error) error {
	if m := procNetNS.FindStringSubmatch(path); m != nil && errors.Is(err, os.ErrNotExist) {
		if _, gone := os.Stat("/proc/" + m[1]); errors.Is(gone, os.ErrNotExist) {
			return fmt.Errorf("entering %s: there is no process %s: %w", path, m[1], err)
		}
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("entering %s takes root, or a process in the user namespace that owns it: %w", path, err)
	}
	return fmt.Errorf("entering %s: %w", path, err)
}
