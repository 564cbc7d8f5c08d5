//go:build linux

package nstest

import (
	"net"
	"os"
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
