//go:build linux

package foreign

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"twomsl/internal/linux"
)

// enterRoot makes the directory this process's root, in its own mount namespace. What is written below it goes to memory: the
// directory itself may serve several labs side by side, and is the same afterwards.
func (o order) enterRoot() error {
	if err := linux.Apart(); err != nil {
		return err
	}
	lower, release, err := linux.HoldDirectory(o.Root)
	if err != nil {
		return err
	}
	defer release()
	// From here on the directory's own path leads to memory. It is the one place that is sure to be there and to be nobody's.
	if err := linux.MountTmpfs(o.Root, "mode=0755"); err != nil {
		return err
	}
	at := filepath.Join(o.Root, "merged")
	if err := os.Mkdir(at, 0o755); err != nil {
		return err
	}
	if err := o.overlay(at, lower); err != nil {
		if err := patchwork(at, lower); err != nil {
			return err
		}
	}
	if err := furnish(at); err != nil {
		return err
	}
	return linux.ChangeRoot(at)
}

var errNoOverlay = errors.New("no overlay was wanted")

// overlay lays memory over the directory; the root's own rights are those of the upper layer.
func (o order) overlay(at, lower string) error {
	if o.NoOverlay {
		return errNoOverlay
	}
	upper, work := filepath.Join(o.Root, "upper"), filepath.Join(o.Root, "work")
	info, err := os.Stat(lower)
	if err != nil {
		return err
	}
	for _, dir := range []string{upper, work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(upper, info.Mode().Perm()); err != nil {
		return err
	}
	return linux.MountOverlay(at, lower, upper, work)
}

// written are the directories that servers write to; where there is no overlay these are in memory, and all else is only
// read.
var written = []string{"tmp", "run", "var/tmp", "var/run", "var/cache", "var/log", "var/lib/nginx", "var/lib/haproxy"}

// patchwork is the root without an overlay (before Linux 5.11 in a user namespace, or where a module is missing): each of
// the directory's entries in its place, read-only.
func patchwork(at, lower string) error {
	entries, err := os.ReadDir(lower)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := patch(filepath.Join(lower, e.Name()), filepath.Join(at, e.Name()), e.Type()); err != nil {
			return err
		}
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // only a directory
	for _, dir := range written {
		// A link on the way, or at its end, leads to another of them, or out.
		if info, err := root.Lstat(dir); err != nil || !info.IsDir() || !within(root, dir) {
			continue
		}
		if err := linux.MountTmpfs(filepath.Join(at, dir), "mode=1777"); err != nil {
			return err
		}
		if err := skeleton(filepath.Join(lower, dir), filepath.Join(at, dir)); err != nil {
			return err
		}
	}
	return nil
}

// within tells whether a name has no link on its way.
func within(root *os.Root, name string) bool {
	for ; name != "."; name = filepath.Dir(name) {
		if info, err := root.Lstat(name); err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return false
		}
	}
	return true
}

// patch puts one entry in its place.
func patch(from, to string, kind fs.FileMode) error {
	switch {
	case kind&fs.ModeSymlink != 0:
		text, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(text, to)
	case kind.IsDir():
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
	case kind.IsRegular():
		if err := touch(to); err != nil {
			return err
		}
	default:
		return nil
	}
	return linux.MountReadOnly(from, to)
}

// skeleton makes the directories and links of one directory in another: /var/log/nginx must be there to be written to.
func skeleton(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(from, path)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil || relErr != nil:
			return errors.Join(err, relErr)
		case rel == ".":
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			text, err := os.Readlink(path)
			return errors.Join(err, os.Symlink(text, filepath.Join(to, rel)))
		case d.IsDir():
			info, err := d.Info()
			if err != nil {
				return err
			}
			return errors.Join(os.Mkdir(filepath.Join(to, rel), 0o755), likewise(filepath.Join(to, rel), info))
		}
		return nil
	})
}

// furnish mounts what every program expects to find. The names in the directory are somebody else's and may be links: what
// is no directory makes room, in memory.
func furnish(at string) error {
	root, err := os.OpenRoot(at)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // only a directory
	for _, dir := range []string{"proc", "sys", "dev", "tmp", "run"} {
		if dir == "run" {
			if _, err := root.Lstat(dir); err == nil {
				continue // a link to elsewhere does as well
			}
		}
		if info, err := root.Lstat(dir); err == nil && info.IsDir() {
			continue
		}
		if err := errors.Join(root.RemoveAll(dir), root.Mkdir(dir, 0o755)); err != nil {
			return err
		}
	}
	if err := root.Chmod("tmp", 0o777|fs.ModeSticky); err != nil {
		return err
	}
	proc, sys := filepath.Join(at, "proc"), filepath.Join(at, "sys")
	// The lab's own /proc, in which a process finds itself under the number that it knows; else that of the peers, the host's.
	if err := linux.MountProc(proc); err != nil {
		if err := linux.MountBind("/proc", proc); err != nil {
			return err
		}
	}
	if err := linux.MountSys(sys); err != nil {
		_ = linux.MountReadOnly("/sys", sys) // most do without
	}
	// How many processors a program may use stands there: Go and Java ask.
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		_ = linux.MountReadOnly("/sys/fs/cgroup", filepath.Join(sys, "fs/cgroup"))
	}
	return devices(filepath.Join(at, "dev"))
}

// devices fills /dev. Nodes cannot be made in a user namespace, so the host's are shown.
func devices(dev string) error {
	if err := linux.MountTmpfs(dev, "mode=0755"); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		from, to := filepath.Join("/dev", name), filepath.Join(dev, name)
		if _, err := os.Stat(from); err != nil {
			continue
		}
		if err := touch(to); err != nil {
			return err
		}
		if err := linux.MountBind(from, to); err != nil {
			return err
		}
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(to, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	shm := filepath.Join(dev, "shm")
	if err := os.Mkdir(shm, 0o755); err != nil {
		return err
	}
	return linux.MountTmpfs(shm, "mode=1777")
}

func touch(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("a place for a mount: %w", err)
	}
	return f.Close()
}
