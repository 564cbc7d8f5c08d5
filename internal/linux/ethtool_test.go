package linux

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ownNetNS moves the test's thread into a network namespace of its own. The thread stays locked, so the runtime ends
// it, and with it the namespace, together with the test.
func ownNetNS(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	before, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		if os.Getenv("TWOMSL_REQUIRE_NETNS") == "1" {
			t.Fatalf("no network namespace: %v", err)
		}
		t.Skipf("no network namespace: %v; run as root, or with unshare -Urn", err)
	}
	if now, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || now == before {
		t.Fatalf("still in %s (%v)", before, err)
	}
}

// A command starts in the namespace of the thread that forks it.
func runCommand(t *testing.T, words string) {
	t.Helper()
	w := strings.Fields(words)
	if out, err := exec.Command(w[0], w[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", words, err, out)
	}
}

func TestNetNSOffloads(t *testing.T) {
	ownNetNS(t)
	runCommand(t, "ip link add left type veth peer name right")
	before, err := Offloads("left")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tcp-segmentation-offload", "generic-segmentation-offload", "tx-checksumming"} {
		if !before[name] {
			t.Errorf("%s is off on a new veth: %v", name, before)
		}
	}
	if _, err := ethtool("left", unix.ETHTOOL_STSO, 0); err != nil {
		t.Fatal(err)
	}
	after, err := Offloads("left")
	if err != nil {
		t.Fatal(err)
	}
	if after["tcp-segmentation-offload"] || !after["tx-checksumming"] {
		t.Errorf("only tcp-segmentation-offload was turned off: %v", after)
	}
	if other, err := Offloads("right"); err != nil || !other["tcp-segmentation-offload"] {
		t.Errorf("the other end changed: %v, %v", other, err)
	}
}

func TestNetNSOffloadsOfNoLink(t *testing.T) {
	ownNetNS(t)
	if on, err := Offloads("nosuch"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("%v, %v", on, err)
	}
	for _, name := range []string{"", "a-name-that-is-too-long"} {
		if _, err := Offloads(name); err == nil {
			t.Errorf("%q passed for a link", name)
		}
	}
}
