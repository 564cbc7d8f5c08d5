// Package image turns a container image into a directory that a command can have for its root: from a file that docker or
// podman saved, an OCI layout, or a registry. It runs nothing of it.
//
// An image is somebody else's: nothing of it gets out of its directory, whatever its names and links say, and it cannot
// fill the disk.
package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/sys/user"

	"twomsl/internal/bundle"
)

// Image is one that was unpacked.
type Image struct {
	// Root is what server.root takes: a bundle, see internal/bundle. The image's files are in RootFS below it.
	Root       string
	Entrypoint []string
	Cmd        []string
	Env        []string
	WorkingDir string
	User       string // as the image says it, by name or number
	Ports      []int  // where it says that it listens (EXPOSE), TCP only, lowest first
	// Digest is that of the manifest, which a registry knows the image by. What docker save wrote has none: it is then that of
	// the config, which docker calls the image's ID.
	Digest string
	// Skipped is how many entries were left out: device nodes and pipes.
	Skipped int
}

// The most that an image may come to on disk. The largest in use (CUDA, machine learning) are some 20 GB.
const (
	mostBytes   = 32 << 30
	mostEntries = 4 << 20
)

// Unpack brings the image that ref names into dir, which must be empty or not be there. ref is a file made by docker save
// or podman save or an OCI archive, compressed by gzip or not; or a directory with an OCI layout; or else a name in a
// registry, which is asked with the user's login. Where it fails, or ctx ends, nothing of it stays.
func Unpack(ctx context.Context, ref, dir string) (Image, error) {
	img, err := unpack(ctx, ref, dir, limits{mostBytes, mostEntries})
	if err != nil {
		return Image{}, fmt.Errorf("image %s: %w", ref, explain(ctx, err, dir))
	}
	return img, nil
}

func unpack(ctx context.Context, ref, dir string, most limits) (_ Image, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return Image{}, err
	}
	made, err := claim(dir)
	if err != nil {
		return Image{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, clear(dir, made))
		}
	}()
	src, err := open(ctx, ref, dir, most)
	if err != nil {
		return Image{}, err
	}
	defer src.close() //nolint:errcheck // a temporary copy below dir; what is left of it is seen below
	config, err := src.image.ConfigFile()
	if err != nil {
		return Image{}, damaged(err)
	}
	if err := fits(config); err != nil {
		return Image{}, err
	}
	rootfs := filepath.Join(dir, bundle.RootFS)
	skipped, err := layers(ctx, src.image, config, rootfs, most)
	if err != nil {
		return Image{}, err
	}
	if err := src.close(); err != nil {
		return Image{}, err
	}
	out := Image{
		Root: dir, Entrypoint: config.Config.Entrypoint, Cmd: config.Config.Cmd, Env: config.Config.Env,
		WorkingDir: config.Config.WorkingDir, User: config.Config.User, Ports: ports(config.Config.ExposedPorts),
		Digest: src.digest, Skipped: skipped,
	}
	p, err := out.process(rootfs)
	if err != nil {
		return Image{}, err
	}
	return out, bundle.Write(dir, p)
}

// claim makes dir, which only its owner gets into: others have no business with programs of an image. made is the first
// directory that was not there.
func claim(dir string) (made string, err error) {
	switch there, err := os.ReadDir(dir); {
	case err == nil && len(there) > 0:
		return "", fmt.Errorf("%s is not empty: name another directory, or remove what is in it", dir)
	case err == nil:
		return "", nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	for made = filepath.Clean(dir); ; made = filepath.Dir(made) {
		if _, err := os.Lstat(filepath.Dir(made)); err == nil || filepath.Dir(made) == made {
			break
		}
	}
	return made, os.MkdirAll(dir, 0o700)
}

// clear takes away what a failure has left.
func clear(dir, made string) error {
	if made != "" {
		return os.RemoveAll(made)
	}
	there, err := os.ReadDir(dir)
	for _, e := range there {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// layers lays them over each other from the lowest up. The library flattens an image from the top down (mutate.Extract),
// which gives a hard link the wrong content where a higher layer has replaced what it links to (its issues 977 and 2002).
func layers(ctx context.Context, img v1.Image, config *v1.ConfigFile, rootfs string, most limits) (skipped int, err error) {
	if err := os.Mkdir(rootfs, 0o755); err != nil {
		return 0, err
	}
	if err := os.Chmod(rootfs, 0o755); err != nil { // whatever the umask: its command may run as another user
		return 0, err
	}
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return 0, err
	}
	defer root.Close() //nolint:errcheck // only a directory
	all, err := img.Layers()
	if err != nil {
		return 0, damaged(err)
	}
	if len(all) != len(config.RootFS.DiffIDs) {
		return 0, damaged(fmt.Errorf("%d layers, and its config names %d", len(all), len(config.RootFS.DiffIDs)))
	}
	t := tree{root: root, most: most, owner: os.Geteuid() == 0}
	for i, l := range all {
		if err := oneLayer(ctx, &t, l, config.RootFS.DiffIDs[i]); err != nil {
			return 0, fmt.Errorf("layer %d of %d: %w", i+1, len(all), err)
		}
	}
	return t.skipped, nil
}

// oneLayer reads a layer to its end, and holds it against its digest: some sources do not.
func oneLayer(ctx context.Context, t *tree, l v1.Layer, want v1.Hash) error {
	in, err := l.Uncompressed()
	if err != nil {
		return damaged(err)
	}
	defer in.Close() //nolint:errcheck // only read from
	sum, err := v1.Hasher(want.Algorithm)
	if err != nil {
		return damaged(err)
	}
	r := io.TeeReader(&reader{ctx: ctx, in: in}, sum)
	if err := t.apply(r); err != nil {
		return err
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(r, mostPadding+1)); err != nil {
		return damaged(err)
	} else if n > mostPadding {
		return damaged(fmt.Errorf("more than %d bytes behind its end", mostPadding))
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); got != want.Hex {
		return damaged(fmt.Errorf("its digest is %s and should be %s", got, want.Hex))
	}
	return nil
}

// mostPadding bounds what follows the end of an archive: tar fills its last record up, mostly to 10 kB.
const mostPadding = 64 << 20

// reader ends with its context.
type reader struct {
	ctx context.Context
	in  io.Reader
}

func (r *reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.in.Read(b)
	if err != nil && err != io.EOF {
		err = damaged(err)
	}
	return n, err
}

// process is how the image's command runs, with names of users looked up in its own files (docker does the same).
func (i Image) process(rootfs string) (bundle.Process, error) {
	p := bundle.Plain()
	home := "HOME=/root"
	p.Args = append(append([]string{}, i.Entrypoint...), i.Cmd...)
	if i.WorkingDir != "" {
		p.Dir = path.Clean("/" + i.WorkingDir)
	}
	if i.User != "" {
		root, err := os.OpenRoot(rootfs)
		if err != nil {
			return p, err
		}
		defer root.Close() //nolint:errcheck // only a directory
		who, err := lookup(root, i.User)
		if err != nil {
			return p, fmt.Errorf("its user %q: %w", i.User, err)
		}
		p.User = bundle.User{UID: who.Uid, GID: who.Gid, Groups: who.Sgids}
		home = "HOME=" + who.Home
	}
	p.Env = environment(i.Env, p.Env[0], home)
	return p, nil
}

// lookup reads the image's users and groups; an image of one program may have neither.
func lookup(root *os.Root, name string) (*user.ExecUser, error) {
	file := func(name string) io.Reader {
		at, err := resolve(root, name)
		if err != nil {
			return nil
		}
		info, err := root.Stat(at)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 16<<20 {
			return nil
		}
		f, err := root.Open(at)
		if err != nil {
			return nil
		}
		return f
	}
	passwd, group := file("etc/passwd"), file("etc/group")
	for _, f := range []io.Reader{passwd, group} {
		if c, ok := f.(io.Closer); ok {
			defer c.Close() //nolint:errcheck // only read from
		}
	}
	return user.GetExecUser(name, &user.ExecUser{Home: "/"}, passwd, group)
}

// explain adds what to do next.
func explain(ctx context.Context, err error, dir string) error {
	var line *url.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &line) && !strings.Contains(err.Error(), "cannot be asked"):
		return fmt.Errorf("%w: the registry has broken off: try again", err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: there is no room for it in %s: free some, or set TMPDIR to a larger file system", err, dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: it takes the right to read the one and to write %s", err, dir)
	}
	return err
}
