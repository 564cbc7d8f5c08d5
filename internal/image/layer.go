package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
)

// limits bound what an image comes to: bytes over all layers, replaced ones too, and entries.
type limits struct{ bytes, entries int64 }

// tree is the root file system as it grows.
type tree struct {
	root  *os.Root
	most  limits
	owner bool // this user may give files away

	bytes, entries int64
	skipped        int
	fresh          map[string]bool // what the layer that is being laid has brought itself
}

// How a layer takes away what lower ones have (opencontainers/image-spec, layer.md, "Whiteouts").
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// apply lays one layer over the tree.
func (t *tree) apply(in io.Reader) error {
	t.fresh = map[string]bool{}
	times := map[string]time.Time{} // of directories: what is put into one changes it
	for archive := tar.NewReader(in); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return damaged(err)
		}
		if err := t.count(h); err != nil {
			return err
		}
		if err := t.entry(h, archive); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
		if h.Typeflag == tar.TypeDir {
			times[h.Name] = h.ModTime
		}
	}
	for name, at := range times {
		if where, err := t.place(name); err == nil {
			_ = t.root.Chtimes(where, at, at) // it may be gone again; nothing rests on it
		}
	}
	return nil
}

func (t *tree) count(h *tar.Header) error {
	t.entries++
	if t.entries > t.most.entries {
		return fmt.Errorf("more than %d files: that is no image of a server", t.most.entries)
	}
	if h.Size < 0 || h.Size > t.most.bytes-t.bytes {
		return fmt.Errorf("%q: the image unpacks to more than %d bytes, the most that is taken", h.Name, t.most.bytes)
	}
	if isFile(h) {
		t.bytes += h.Size
	}
	return nil
}

// isFile tells of a file's contents, with holes or without: the reader fills those.
func isFile(h *tar.Header) bool { return h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse }

// entry does what one entry of a layer asks for.
func (t *tree) entry(h *tar.Header, in io.Reader) error {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeDir, tar.TypeLink, tar.TypeSymlink:
	case tar.TypeXGlobalHeader: // about the archive
		return nil
	default: // devices have no place outside a container's /dev, and a pipe needs its other end
		t.skipped++
		return nil
	}
	where, err := t.place(h.Name)
	if err != nil {
		return err
	}
	dir, base := path.Split(where)
	if strings.HasPrefix(base, whiteout) {
		return t.whiteOut(path.Clean("./"+dir), base)
	}
	if where == "." {
		if h.Typeflag != tar.TypeDir {
			return damaged(errors.New("the root is not a directory"))
		}
		return t.mode(where, h)
	}
	if err := t.root.MkdirAll(path.Clean("./"+dir), 0o755); err != nil {
		return err
	}
	if err := t.makeRoom(where, h.Typeflag); err != nil {
		return err
	}
	for p := where; p != "."; p = path.Dir(p) {
		t.fresh[p] = true
	}
	return t.put(where, h, in)
}

// makeRoom takes away what stands where something is to come; a directory that comes once more is still the same one.
func (t *tree) makeRoom(where string, kind byte) error {
	info, err := t.root.Lstat(where)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case kind == tar.TypeDir && info.IsDir():
		return nil
	}
	return t.root.RemoveAll(where)
}

func (t *tree) put(where string, h *tar.Header, in io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		if err := t.root.Mkdir(where, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case tar.TypeSymlink: // may say what it likes: whoever follows it does so below the root
		if err := t.root.Symlink(h.Linkname, where); err != nil {
			return err
		}
		return t.give(where, h)
	case tar.TypeLink:
		from, err := t.place(h.Linkname)
		if err != nil {
			return fmt.Errorf("a link to %q: %w", h.Linkname, err)
		}
		if info, err := t.root.Lstat(from); err == nil && info.IsDir() {
			return damaged(fmt.Errorf("a hard link to the directory %q", h.Linkname))
		}
		return t.root.Link(from, where)
	default:
		if err := t.file(where, h, in); err != nil {
			return err
		}
	}
	return t.mode(where, h)
}

// file is made new: O_EXCL follows no link.
func (t *tree) file(where string, h *tar.Header, in io.Reader) error {
	f, err := t.root.OpenFile(where, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, in, h.Size)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = damaged(io.ErrUnexpectedEOF)
	}
	return errors.Join(err, f.Close())
}

// mode gives a file or a directory its owner, rights and time. The set-user-ID and set-group-ID bits are left out: they
// serve nobody who is root in the lab already, and outside of it they would be a stranger's programs with root's rights.
// So are capabilities of files (capabilities(7)). An ordinary user must be able to take directories away again.
func (t *tree) mode(where string, h *tar.Header) error {
	m := h.FileInfo().Mode()
	rights := m.Perm() | m&fs.ModeSticky
	if h.Typeflag == tar.TypeDir && !t.owner {
		rights |= 0o700
	}
	if err := t.give(where, h); err != nil {
		return err
	}
	if err := t.root.Chmod(where, rights); err != nil {
		return err
	}
	return t.root.Chtimes(where, h.ModTime, h.ModTime)
}

// give hands a file over to its owner where this user may do that, for the number that it has.
func (t *tree) give(where string, h *tar.Header) error {
	if !t.owner {
		return nil
	}
	err := t.root.Lchown(where, h.Uid, h.Gid)
	// Root of a user namespace knows few numbers (user_namespaces(7)), and some file systems no owners.
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// whiteOut takes away what lower layers have brought: one name, or all that is in a directory.
func (t *tree) whiteOut(dir, base string) error {
	if base != opaque {
		gone := strings.TrimPrefix(base, whiteout)
		if gone == "" || gone == "." || gone == ".." {
			return damaged(errors.New("it takes nothing away"))
		}
		gone = path.Join(dir, gone)
		if !t.fresh[gone] {
			return t.root.RemoveAll(gone)
		}
		dir = gone // the layer has brought one of that name, which stays
	}
	return t.empty(dir)
}

// empty takes away what is in a directory, but for what its own layer has brought.
func (t *tree) empty(dir string) error {
	info, err := t.root.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	there, err := fs.ReadDir(t.root.FS(), dir)
	if err != nil {
		return err
	}
	for _, e := range there {
		at := path.Join(dir, e.Name())
		switch {
		case !t.fresh[at]:
			err = t.root.RemoveAll(at)
		case e.IsDir():
			err = t.empty(at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// place is where a name of a layer stands, from the root, with no link before its last part.
func (t *tree) place(name string) (string, error) {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", damaged(errors.New("the name leaves the image"))
	}
	dir, base := path.Split(clean)
	if dir != "" && len(clean) <= longestName {
		var err error
		if dir, err = resolve(t.root, dir); err != nil {
			return "", err
		}
	}
	where := path.Join(dir, base)
	if len(where) > longestName {
		return "", damaged(fmt.Errorf("a name of %d bytes", len(where)))
	}
	return where, nil
}

// longestName is what the kernel takes for one (PATH_MAX): what is deeper nobody could get at.
const longestName = 4095

// mostLinks is how many links one name may go through, as in the kernel (MAXSYMLINKS).
const mostLinks = 40

// resolve follows the links in a name as a process whose root this is would: an absolute one begins at the root, and
// nothing is above it. os.Root refuses both, which images have.
func resolve(root *os.Root, name string) (string, error) {
	at, rest := ".", strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		info, err := root.Lstat(next)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			at = next // what is not there yet will be a directory
			continue
		}
		if links++; links > mostLinks {
			return "", damaged(fmt.Errorf("%s: %w", name, syscall.ELOOP))
		}
		to, err := root.Readlink(next)
		if err != nil {
			return "", err
		}
		if path.IsAbs(to) {
			at = "."
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return at, nil
}
