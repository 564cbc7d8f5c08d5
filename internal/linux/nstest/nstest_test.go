//go:build linux

package nstest

import (
	"net"
	"os"
	"runtime"
	"testing"
)

func link(t *testing.T) string {
	t.Helper()
	l, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestNetNSRequire(t *testing.T) {
	ns := Require(t)
	inside := link(t)
	if inside == initial {
		t.Fatal("still where the process began")
	}
	if named, err := os.Readlink(ns.Path()); err != nil || named != inside {
		t.Errorf("%s is %s, %v; expected %s", ns.Path(), named, err, inside)
	}
	if lo, err := net.InterfaceByName("lo"); err != nil || lo.Flags&net.FlagUp == 0 {
		t.Errorf("lo: %+v, %v", lo, err)
	}
	if main, err := os.Readlink("/proc/self/ns/net"); err != nil || main != initial {
		t.Errorf("the process now shows as being in %s, %v; it began in %s", main, err, initial)
	}
	t.Run("subtests are outside until they enter", func(t *testing.T) {
		if l := link(t); l != initial {
			t.Errorf("in %s", l)
		}
		ns.Enter(t)
		if l := link(t); l != inside {
			t.Errorf("entered %s, expected %s", l, inside)
		}
	})
	Require(t)
	if again := link(t); again == inside || again == initial {
		t.Errorf("the second namespace is %s, the first %s", again, inside)
	}
}

func TestNetNSInside(t *testing.T) {
	if !Inside(t) {
		return
	}
	// Goroutines of their own threads are inside, too.
	links := make(chan string)
	for range 4 {
		go func() {
			runtime.LockOSThread()
			l, err := os.Readlink("/proc/thread-self/ns/net")
			links <- l
			if err != nil {
				t.Error(err)
			}
		}()
	}
	for range 4 {
		if l := <-links; l == initial || l != link(t) {
			t.Errorf("a thread is in %s, this one in %s, the test was called in %s", l, link(t), initial)
		}
	}
	Sysctl(t, "ipv4/tcp_fin_timeout", "7")
	if b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_fin_timeout"); err != nil || string(b) != "7\n" {
		t.Errorf("%q, %v", b, err)
	}
}
