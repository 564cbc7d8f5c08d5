//go:build linux

// Package nstest gives a test a private network namespace. It is the one place that knows when such a test is skipped.
//
// A test that uses it begins with TestNetNS. Where namespaces cannot be made it is skipped with the reason and the
// remedy; with TWOMSL_REQUIRE_NETNS=1 in the environment that is a failure instead.
package nstest

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// initial is the namespace in which this process started, or the one where Inside was called. It is read, and the main
// goroutine is kept on the main thread, before any test runs: no test may move that thread, since /proc/PID/net shows
// the process through it.
var initial = func() string {
	runtime.LockOSThread()
	if link := os.Getenv(outside); link != "" {
		return link
	}
	link, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return ""
	}
	return link
}()

// Namespace is a private network namespace, alive until the test ends.
type Namespace struct {
	handle netns.NsHandle
}

// Require moves the calling goroutine, on a thread of its own, into a new network namespace whose lo is up, and proves
// that this is not the namespace in which the process started, nor that of process 1.
//
// The goroutine stays there: its thread is thrown away with it when the test ends. Other goroutines, those of t.Run
// included, are outside until they call Enter. Programs that the goroutine starts are inside.
func Require(t testing.TB) *Namespace {
	t.Helper()
	runtime.LockOSThread() // never unlocked: a thread that has moved must not be used for anything else
	handle, err := netns.New()
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() { _ = handle.Close() })
	proveMoved(t)
	if err := linkUp("lo"); err != nil {
		t.Fatalf("bringing lo up in a new network namespace: %v", err)
	}
	return &Namespace{handle: handle}
}

// Enter moves the calling goroutine, on a thread of its own, into the namespace; its thread is thrown away with it.
func (n *Namespace) Enter(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	if err := netns.Set(n.handle); err != nil {
		t.Fatalf("entering the test's network namespace: %v", err)
	}
	proveMoved(t)
}

// Path names the namespace for this process, as long as the test runs.
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/self/fd/%d", int(n.handle)) }

func unavailable(t testing.TB, reason error) {
	t.Helper()
	text := fmt.Sprintf("no network namespace can be made here (%v): run the tests as root, or under "+
		"`unshare --user --map-root-user --net`", reason)
	if os.Getenv("TWOMSL_REQUIRE_NETNS") == "1" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// proveMoved fails unless the calling thread is elsewhere than where the process began and where process 1 is. The
// latter is readable to root only; an ordinary user has nothing that could touch the host.
func proveMoved(t testing.TB) {
	t.Helper()
	here, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil || initial == "" {
		t.Fatalf("cannot tell which network namespace this is (now %q, first %q): %v", here, initial, err)
	}
	if here == initial {
		t.Fatal("still in the network namespace in which the process started")
	}
	if host, err := os.Readlink("/proc/1/ns/net"); err == nil && here == host {
		t.Fatal("in the host's network namespace")
	}
}

// Sysctl writes a setting, given as a path below /proc/sys/net, in the calling thread's namespace, which it proves to
// be a private one before.
func Sysctl(t testing.TB, path, value string) {
	t.Helper()
	proveMoved(t)
	if err := os.WriteFile("/proc/sys/net/"+path, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

func linkUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}
