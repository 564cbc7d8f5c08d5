package record

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"
)

// What package syscall does not name; include/uapi/asm-generic/fcntl.h and include/uapi/linux/fcntl.h.
const (
	oTmpfile        = 0o20000000 | syscall.O_DIRECTORY
	atFDCWD         = -100
	atSymlinkFollow = 0x400
)

// createUnnamed writes a file that has no name until it is whole and synced, so that not even SIGKILL leaves a part of
// it under any name. Where the file system or the mounts cannot do that, done is false and nothing has happened.
func createUnnamed(path string, data []byte) (done bool, err error) {
	f, err := os.OpenFile(filepath.Dir(path), os.O_WRONLY|oTmpfile, 0o644)
	if err != nil {
		return false, nil // the way with a temporary name meets the same error, or none
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return false, err
	}
	if err := f.Sync(); err != nil {
		return false, err
	}
	switch e := linkAt(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), path); e {
	case 0:
		return true, nil
	case syscall.EEXIST:
		return false, os.ErrExist
	}
	return false, nil
}

// linkAt is linkat(2) with AT_SYMLINK_FOLLOW, by which an open file gets a name.
func linkAt(from, to string) syscall.Errno {
	a, err := syscall.BytePtrFromString(from)
	if err != nil {
		return syscall.EINVAL
	}
	b, err := syscall.BytePtrFromString(to)
	if err != nil {
		return syscall.EINVAL
	}
	at := atFDCWD
	_, _, e := syscall.Syscall6(syscall.SYS_LINKAT, uintptr(at), uintptr(unsafe.Pointer(a)), uintptr(at),
		uintptr(unsafe.Pointer(b)), atSymlinkFollow, 0)
	return e
}
