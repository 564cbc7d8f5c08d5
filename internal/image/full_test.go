//go:build linux

package image

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// A full disk is named, and nothing stays on it.
func TestUnpackOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a small file system takes root to mount")
	}
	at := t.TempDir()
	ref := laidOut(t, build(t, stacked(these(passwd, file("a", strings.Repeat("x", 1<<20)))), nil))
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread, and the mounts that it alone has, end with this
		if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
			t.Logf("no mounts can be made here: %v", err)
			return
		}
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Error(err)
			return
		}
		if err := syscall.Mount("tmpfs", at, "tmpfs", 0, "size=256k"); err != nil {
			t.Error(err)
			return
		}
		_, err := Unpack(t.Context(), ref, filepath.Join(at, "image"))
		if err == nil || !strings.Contains(err.Error(), "there is no room for it in "+at) {
			t.Error(err)
		}
		if left, err := os.ReadDir(at); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}()
	<-done
}
