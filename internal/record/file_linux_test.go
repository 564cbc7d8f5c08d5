package record

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestNetNSFullDisk mounts a file system of 64 KiB in a mount namespace of its own, and sees that a record that does
// not fit leaves nothing behind, and that a read-only mount refuses it. It runs itself again in that namespace, so that
// no mount is ever made where others can see it.
func TestNetNSFullDisk(t *testing.T) {
	const key = "TWOMSL_TEST_FULL_DISK"
	if dir := os.Getenv(key); dir != "" {
		fullDisk(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNetNSFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), key+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		if os.Getenv("TWOMSL_REQUIRE_NETNS") == "1" {
			t.Fatalf("namespaces cannot be made here: %v", err)
		}
		t.Skipf("namespaces cannot be made here (%v): allow unprivileged user namespaces, or run as root", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestNetNSFullDisk") {
		t.Errorf("in the namespace: %v\n%s", err, out)
	}
}

func fullDisk(t *testing.T, dir string) {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("cannot make the mounts private: %v", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("cannot mount a tmpfs: %v", err)
	}
	big := small()
	big.Environment.Build = strings.Repeat("x", 128<<10)
	if path, err := Write(dir, big); !errors.Is(err, syscall.ENOSPC) || path != "" {
		t.Errorf("got %q, %v; want ENOSPC", path, err)
	}
	onlyFile(t, dir)

	path, err := Write(dir, small()) // the room is free again
	if err != nil {
		t.Fatal(err)
	}
	onlyFile(t, dir, filepath.Base(path))

	if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatalf("cannot remount read-only: %v", err)
	}
	other := small()
	other.ID = "other"
	if path, err := Write(dir, other); !errors.Is(err, syscall.EROFS) || path != "" {
		t.Errorf("got %q, %v; want EROFS", path, err)
	}
	onlyFile(t, dir, filepath.Base(path))
}

// Root may write anywhere, so the writing thread first takes the file rights of an ordinary user: setfsuid(2) is of one
// thread, which stays locked and ends with its goroutine.
func TestWriteIntoReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o555)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	var path string
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Getuid() == 0 {
			const nobody = 65534
			runtime.LockOSThread()
			syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
		}
		path, err = Write(dir, small())
	}()
	<-done
	if !errors.Is(err, fs.ErrPermission) || path != "" {
		t.Errorf("got %q, %v; want a permission error", path, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}
