//go:build linux

package linux

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// CloneNewNS gives a process mounts of its own.
const CloneNewNS = unix.CLONE_NEWNS

// Apart keeps what is mounted from now on in this mount namespace from others, while what the host takes away goes here too
// (mount_namespaces(7), MS_SLAVE).
func Apart() error {
	return mountError("making / a slave", unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""))
}

// HoldDirectory opens a directory for nothing but its place; the path given stands for it, whatever is mounted over the
// one that it was opened by.
func HoldDirectory(dir string) (path string, release func(), err error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), func() { _ = unix.Close(fd) }, nil
}

// MountTmpfs mounts an empty file system in memory.
func MountTmpfs(at, options string) error {
	return mountError("tmpfs on "+at, unix.Mount("tmpfs", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options))
}

// MountOverlay mounts what is in lower with all that is written going to upper. In a user namespace that takes Linux 5.11,
// and there the attributes by which it remembers what is gone have another name (overlayfs.rst, "userxattr"). Memory keeps
// those since 6.6; before, directories of lower cannot be made anew once they were removed.
func MountOverlay(at, lower, upper, work string) error {
	options := "lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work
	if userNamespace() {
		options += ",userxattr"
	}
	return mountError("overlay on "+at, unix.Mount("overlay", at, "overlay", unix.MS_NOSUID|unix.MS_NODEV, options))
}

// userNamespace tells whether this is another than the first, which maps every number to itself (user_namespaces(7)).
func userNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(text)), " ") != "0 0 4294967295"
}

// MountReadOnly shows a directory or a file, and what is mounted below it, at another place, where nobody writes to it. Flags
// that a mount has from outside a user namespace are locked there, and must be said again (mount_namespaces(7)).
func MountReadOnly(from, at string) error {
	if err := MountBind(from, at); err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		return mountError("statfs "+at, err)
	}
	const kept = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME
	flags := uintptr(st.Flags)&kept | unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY
	return mountError("read-only on "+at, unix.Mount("", at, "", flags, ""))
}

// MountBind shows a directory or a file, and what is mounted below it, at another place.
func MountBind(from, at string) error {
	return mountError("bind of "+from+" on "+at, unix.Mount(from, at, "", unix.MS_BIND|unix.MS_REC, ""))
}

// MountProc mounts /proc of this PID namespace. Where the one that there is has parts covered up, as in a container, the
// kernel allows none anew to a user namespace (mount_too_revealing).
func MountProc(at string) error {
	return mountError("proc on "+at, unix.Mount("proc", at, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""))
}

// MountSys mounts /sys of this network namespace, read-only.
func MountSys(at string) error {
	return mountError("sysfs on "+at, unix.Mount("sysfs", at, "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, ""))
}

// ChangeRoot makes a mount the root of this mount namespace, and lets go of all that was mounted outside of it. Where the
// root cannot be exchanged, as on an initramfs (pivot_root(2)) or under docker's seccomp profile, which allows mounts to
// CAP_SYS_ADMIN and that to nobody, it is this process's root alone.
func ChangeRoot(to string) error {
	if err := unix.Chdir(to); err != nil {
		return &os.PathError{Op: "chdir", Path: to, Err: err}
	}
	var err error
	if unix.PivotRoot(".", ".") == nil { // the old root is then mounted over the new one, at the same place
		err = mountError("umount of the old root", unix.Unmount(".", unix.MNT_DETACH))
	} else {
		err = mountError("chroot to "+to, unix.Chroot("."))
	}
	if err != nil {
		return err
	}
	return os.Chdir("/")
}

// GiveFD hands the file behind a descriptor over to a user.
func GiveFD(fd, uid, gid int) error { return os.NewSyscallError("fchown", unix.Fchown(fd, uid, gid)) }

func mountError(what string, err error) error {
	if err == nil {
		return nil
	}
	return &MountError{what, err}
}

// MountError is a mount that this machine does not allow, or cannot do.
type MountError struct {
	What string
	Err  error
}

func (e *MountError) Error() string { return e.What + ": " + e.Err.Error() }
func (e *MountError) Unwrap() error { return e.Err }
