//go:build linux

package linux

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// NetNS is a private network namespace that a descriptor of this process holds.
type NetNS struct {
	fd int
}

// NewNetNS makes a network namespace and moves the calling thread into it, to which its goroutine stays locked: the
// thread has left its namespace for good and must end with the goroutine. Use OnOwnThread.
func NewNetNS() (*NetNS, error) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("making a network namespace: %w", err)
	}
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("holding a new network namespace: %w", err)
	}
	return &NetNS{fd}, nil
}

// Enter moves the calling thread into the namespace; what NewNetNS says of the thread holds here, too.
func (n *NetNS) Enter() error {
	runtime.LockOSThread()
	if err := unix.Setns(n.fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering a network namespace: %w", err)
	}
	return nil
}

// FD is the descriptor that holds the namespace.
func (n *NetNS) FD() int { return n.fd }

// Close lets go of the namespace, which ends with its last socket and thread.
func (n *NetNS) Close() error { return os.NewSyscallError("close", unix.Close(n.fd)) }

// OnOwnThread runs f on a thread that is used for nothing else and ends with it, and waits for it: f may move that thread
// into other namespaces.
func OnOwnThread(f func() error) error { return onThrowawayThread(f) }
