//go:build linux

package observe

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
)

func TestAskingLoadsNoModule(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	release := file("6.1.0\n")
	for _, c := range []struct {
		name string
		root fstest.MapFS
		want bool
	}{
		{"a kernel without modules", fstest.MapFS{}, true},
		{"loaded", fstest.MapFS{"proc/modules": file("inet_diag 28672 1 tcp_diag, Live 0x0\ntcp_diag 16384 0 - Live 0x0\n")}, true},
		{"not loaded", fstest.MapFS{"proc/modules": file("inet_diag 28672 1 tcp_diag, Live 0x0\n"), "proc/sys/kernel/osrelease": release}, false},
		{"part of the kernel", fstest.MapFS{
			"proc/modules": file("x 1\n"), "proc/sys/kernel/osrelease": release,
			"lib/modules/6.1.0/modules.builtin": file("kernel/net/ipv4/tcp_diag.ko\n"),
		}, true},
		{"nothing may be loaded", fstest.MapFS{"proc/modules": file("x 1\n"), "proc/sys/kernel/modules_disabled": file("1\n")}, true},
	} {
		if got := diagIsThere(c.root); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestWhereThereIsNothing(t *testing.T) {
	for _, o := range []Options{{PID: 99999999}, {NetNS: "no-such-name"}, {NetNS: "/nonexistent"}} {
		if _, err := Live(t.Context(), o); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := Live(t.Context(), Options{For: -1}); err == nil {
		t.Error("a negative time was taken")
	}
}
