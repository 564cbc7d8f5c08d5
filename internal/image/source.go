package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// source is an image before it is unpacked.
type source struct {
	image  v1.Image
	digest string
	close  func() error
}

func nothing() error { return nil }

// damagedError says that an image contradicts itself, or the format.
type damagedError struct{ err error }

func (e *damagedError) Error() string {
	return "it is damaged, or no image: " + e.err.Error() + "; get it once more (docker save, docker pull)"
}
func (e *damagedError) Unwrap() error { return e.err }

// damaged says so of an error, unless it is known for another one already.
func damaged(err error) error {
	var known *damagedError
	var answer *transport.Error
	var line *url.Error
	if err == nil || errors.As(err, &known) || errors.As(err, &answer) || errors.As(err, &line) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &damagedError{err}
}

// open finds out what ref is. A temporary copy is made below dir.
func open(ctx context.Context, ref, dir string, most limits) (source, error) {
	info, err := os.Stat(ref)
	switch {
	case err == nil && info.IsDir():
		return fromLayout(ref)
	case err == nil && info.Mode().IsRegular():
		return fromFile(ctx, ref, dir, most)
	case err == nil:
		return source{}, errors.New("neither a file nor a directory")
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid):
		return source{}, err
	}
	if looksLikeFile(ref) {
		return source{}, fmt.Errorf("%w: name a file made by docker save, a directory with an OCI layout, or an image of a registry", err)
	}
	return fromRegistry(ctx, ref)
}

// looksLikeFile tells of what nobody would mean for the name of an image.
func looksLikeFile(ref string) bool {
	for _, p := range []string{"/", "./", "../", "~"} {
		if strings.HasPrefix(ref, p) {
			return true
		}
	}
	for _, s := range []string{".tar", ".tar.gz", ".tgz", ".oci"} {
		if strings.HasSuffix(ref, s) {
			return true
		}
	}
	return false
}

// platform is this machine's.
func platform() v1.Platform { return v1.Platform{OS: "linux", Architecture: runtime.GOARCH} }

// fits refuses what this machine could not run.
func fits(c *v1.ConfigFile) error {
	if (c.OS != "" && c.OS != "linux") || (c.Architecture != "" && c.Architecture != runtime.GOARCH) {
		return fmt.Errorf("it is for %s/%s, and this machine is linux/%s: get the one for that (docker pull --platform linux/%[3]s)",
			c.OS, c.Architecture, runtime.GOARCH)
	}
	return nil
}

func fromRegistry(ctx context.Context, ref string) (source, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return source{}, fmt.Errorf("there is no such file, and it is no name of an image: %w", err)
	}
	img, err := remote.Image(r, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithPlatform(platform()))
	if err != nil {
		return source{}, registryError(ctx, r, err)
	}
	d, err := img.Digest()
	if err != nil {
		return source{}, damaged(err)
	}
	return source{img, d.String(), nothing}, nil
}

// registryError says what to do next: what a registry answers is for programs.
func registryError(ctx context.Context, r name.Reference, err error) error {
	host := r.Context().RegistryStr()
	var answer *transport.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return fmt.Errorf("%s does not give it out, or has no such image: check the name, or log in (docker login %[1]s): %w", host, err)
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s has no such image: check its name and tag; one that only this machine's docker has is to be saved first "+
			"(docker save -o image.tar %s) and named as that file: %w", host, r, err)
	case errors.As(err, &answer) && answer.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("%s has been asked too often from here: log in (docker login %[1]s), or name a mirror's image: %w", host, err)
	case strings.Contains(err.Error(), "credential"): // of a helper that docker's configuration names
		return fmt.Errorf("this user's login to %s cannot be read: see credHelpers and credsStore in ~/.docker/config.json: %w", host, err)
	case strings.Contains(err.Error(), "no child with platform"): // the library has no type for it
		return fmt.Errorf("it is not there for linux/%s, which this machine is: %w", runtime.GOARCH, err)
	}
	return fmt.Errorf("%s cannot be asked: check the network and the proxy (HTTPS_PROXY), or save the image where there is one "+
		"(docker save -o image.tar %s) and name that file: %w", host, r, err)
}

func fromLayout(dir string) (source, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return source{}, fmt.Errorf("no OCI layout, which has index.json and blobs: %w", damaged(err))
	}
	return choose(index, 0)
}

// mostDeep bounds how an index may be in an index: buildx makes two of them.
const mostDeep = 4

// choose takes the one image of an index that this machine runs.
func choose(index v1.ImageIndex, depth int) (source, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return source{}, damaged(err)
	}
	var fit []v1.Descriptor
	var others []string
	for _, d := range m.Manifests {
		switch p := d.Platform; {
		case !d.MediaType.IsIndex() && !d.MediaType.IsImage():
		case p == nil || p.Satisfies(platform()):
			fit = append(fit, d)
		default:
			others = append(others, p.String())
		}
	}
	switch {
	case len(fit) == 0 && len(others) > 0:
		return source{}, fmt.Errorf("it is there for %s only, and this machine is linux/%s: get the one for that",
			strings.Join(others, ", "), runtime.GOARCH)
	case len(fit) == 0:
		return source{}, damaged(errors.New("no image is in it"))
	case len(fit) > 1:
		return source{}, fmt.Errorf("%d images are in it: save one alone", len(fit))
	case depth == mostDeep:
		return source{}, damaged(errors.New("its indexes have no end"))
	}
	if fit[0].MediaType.IsIndex() {
		inner, err := index.ImageIndex(fit[0].Digest)
		if err != nil {
			return source{}, damaged(err)
		}
		return choose(inner, depth+1)
	}
	img, err := index.Image(fit[0].Digest)
	if err != nil {
		return source{}, damaged(err)
	}
	return source{img, fit[0].Digest.String(), nothing}, nil
}

// fromFile reads an archive: with manifest.json as docker save makes it, or else with an OCI layout.
func fromFile(ctx context.Context, file, dir string, most limits) (source, error) {
	opener := func() (io.ReadCloser, error) { return plain(file) }
	manifest, err := tarball.LoadManifest(opener)
	switch {
	case err == nil && len(manifest) != 1:
		return source{}, fmt.Errorf("%d images are in it: save one alone", len(manifest))
	case err == nil:
		img, err := tarball.Image(opener, nil)
		if err != nil {
			return source{}, damaged(err)
		}
		id, err := img.ConfigName()
		if err != nil {
			return source{}, damaged(err)
		}
		return source{img, id.String(), nothing}, nil
	case errors.Is(err, fs.ErrPermission):
		return source{}, err
	}
	at := filepath.Join(dir, "oci")
	src, err := fromArchive(ctx, opener, at, most)
	if err != nil {
		return source{}, errors.Join(err, os.RemoveAll(at))
	}
	src.close = func() error { return os.RemoveAll(at) }
	return src, nil
}

// fromArchive unpacks an OCI layout first: the library reads its blobs in any order.
func fromArchive(ctx context.Context, opener tarball.Opener, at string, most limits) (source, error) {
	if err := os.Mkdir(at, 0o700); err != nil {
		return source{}, err
	}
	in, err := opener()
	if err != nil {
		return source{}, err
	}
	defer in.Close() //nolint:errcheck // only read from
	root, err := os.OpenRoot(at)
	if err != nil {
		return source{}, err
	}
	defer root.Close() //nolint:errcheck // only a directory
	t := tree{root: root, most: most, fresh: map[string]bool{}}
	if err := t.blobs(tar.NewReader(&reader{ctx: ctx, in: in})); err != nil {
		return source{}, err
	}
	if _, err := root.Lstat("index.json"); err != nil {
		return source{}, damaged(errors.New("neither manifest.json, as docker save writes it, nor index.json, as in an OCI archive, is in it"))
	}
	return fromLayout(at)
}

// blobs takes the files of a layout, which has no links.
func (t *tree) blobs(in *tar.Reader) error {
	for {
		h, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		if err := t.count(h); err != nil {
			return err
		}
		where := path.Clean(h.Name)
		if !isFile(h) || where != "index.json" && where != "oci-layout" && !strings.HasPrefix(where, "blobs/") {
			continue
		}
		if err := t.root.MkdirAll(path.Dir(where), 0o700); err != nil {
			return err
		}
		if err := t.file(where, h, in); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
	}
}

// plain opens a file, and what gzip has made of one.
func plain(file string) (io.ReadCloser, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	var magic [2]byte
	n, _ := io.ReadFull(f, magic[:])
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !bytes.Equal(magic[:n], []byte{0x1f, 0x8b}) { // RFC 1952, 2.3.1
		return f, nil
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(damaged(err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}
