package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"twomsl/internal/bundle"
)

// entry is one of a layer: a file unless it says otherwise.
type entry struct {
	name, text, link string
	kind             byte
	mode             int64
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{
			Name: e.name, Linkname: e.link, Typeflag: e.kind, Mode: e.mode, Size: int64(len(e.text)),
			Uid: 101, Gid: 102, ModTime: time.Unix(1e9, 0),
		}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func dir(name string) entry           { return entry{name: name, kind: tar.TypeDir} }
func symlink(name, to string) entry   { return entry{name: name, link: to, kind: tar.TypeSymlink} }
func hardlink(name, to string) entry  { return entry{name: name, link: to, kind: tar.TypeLink} }
func file(name, text string) entry    { return entry{name: name, text: text} }
func device(name string) entry        { return entry{name: name, kind: tar.TypeChar} }
func gone(name string) entry          { return entry{name: name} }
func these(entries ...entry) []entry  { return entries }
func stacked(ls ...[]entry) [][]entry { return ls }

// build makes an image of layers, for this machine.
func build(t testing.TB, stack [][]entry, change func(*v1.ConfigFile)) v1.Image {
	t.Helper()
	img := v1.Image(empty.Image)
	for _, entries := range stack {
		text := archive(t, entries...)
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			t.Fatal(err)
		}
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c = c.DeepCopy()
	c.OS, c.Architecture = "linux", runtime.GOARCH
	c.Config = v1.Config{
		Entrypoint: []string{"/bin/server"}, Cmd: []string{"--say", "it's"}, Env: []string{"A=b"}, WorkingDir: "/srv", User: "web",
		ExposedPorts: map[string]struct{}{"8443/tcp": {}, "80": {}, "80/tcp": {}, "53/udp": {}, "99999": {}, "x/tcp": {}, "1-2/tcp": {}},
	}
	if change != nil {
		change(c)
	}
	if img, err = mutate.ConfigFile(img, c); err != nil {
		t.Fatal(err)
	}
	return img
}

var passwd = file("etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:101:102::/home/web:/bin/sh\n")

// saved writes an image as docker save does.
func saved(t testing.TB, img v1.Image) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "image.tar")
	tag, err := name.NewTag("example.com/server:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(at, tag, img); err != nil {
		t.Fatal(err)
	}
	return at
}

// laidOut writes an OCI layout.
func laidOut(t testing.TB, imgs ...v1.Image) string {
	t.Helper()
	at := t.TempDir()
	p, err := layout.Write(at, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range imgs {
		c, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.AppendImage(img, layout.WithPlatform(v1.Platform{OS: c.OS, Architecture: c.Architecture})); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

// packed makes one file of a directory.
func packed(t testing.TB, from string, zip bool) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.AddFS(os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text := out.Bytes()
	if zip {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(text) //nolint:errcheck // into memory
		w.Close()     //nolint:errcheck
		text = z.Bytes()
	}
	at := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(at, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// pushed puts an image into a registry of this test's and gives its name there.
func pushed(t testing.TB, img v1.Image) string {
	t.Helper()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	at := strings.TrimPrefix(s.URL, "http://") + "/server:1"
	ref, err := name.ParseReference(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return at
}

// tell lists what is below a directory: files with their text, links with where they go.
func tell(t testing.TB, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		switch {
		case d.IsDir():
			out[rel] = "/"
		case d.Type()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(path)
			out[rel] = "-> " + to
		default:
			text, _ := os.ReadFile(path)
			out[rel] = string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func rootfs(dir string) string { return filepath.Join(dir, bundle.RootFS) }

func TestUnpackFromEverySource(t *testing.T) {
	img := build(t, stacked(these(passwd, file("bin/server", "one")), these(file("bin/server", "two"), dir("srv"))), nil)
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	other := build(t, stacked(these(file("bin/server", "three"))), func(c *v1.ConfigFile) { c.Architecture = "s390x" })
	oci := laidOut(t, other, img)
	tarred := saved(t, img)
	for source, c := range map[string]struct {
		ref  string
		want v1.Hash
	}{
		"docker save":         {tarred, id},
		"docker save | gzip":  {zipped(t, tarred), id},
		"OCI layout":          {oci, digest},
		"OCI archive":         {packed(t, oci, false), digest},
		"OCI archive, zipped": {packed(t, oci, true), digest},
		"registry":            {pushed(t, img), digest},
	} {
		t.Run(source, func(t *testing.T) {
			at := filepath.Join(t.TempDir(), "deep", "down")
			got, err := Unpack(t.Context(), c.ref, at)
			if err != nil {
				t.Fatal(err)
			}
			want := Image{
				Root: at, Entrypoint: []string{"/bin/server"}, Cmd: []string{"--say", "it's"}, Env: []string{"A=b"},
				WorkingDir: "/srv", User: "web", Ports: []int{80, 8443}, Digest: c.want.String(),
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(map[string]string{
				"bin": "/", "bin/server": "two", "etc": "/", "etc/passwd": passwd.text, "srv": "/",
			}, tell(t, rootfs(at))); d != "" {
				t.Error(d)
			}
			if left := tell(t, at); len(left) != 7 {
				t.Errorf("beside it: %v", left)
			}
			how(t, at)
		})
	}
}

// how holds what a command is told against what the image says.
func how(t *testing.T, at string) {
	t.Helper()
	_, p, err := bundle.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(bundle.Process{
		User: bundle.User{UID: 101, GID: 102}, Args: []string{"/bin/server", "--say", "it's"}, Dir: "/srv",
		Env: []string{"A=b", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/web"},
	}, p); d != "" {
		t.Error(d)
	}
}

func zipped(t testing.TB, from string) string {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(text) //nolint:errcheck // into memory
	w.Close()     //nolint:errcheck
	at := filepath.Join(t.TempDir(), "image.tgz")
	if err := os.WriteFile(at, z.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

func TestLayersOverEachOther(t *testing.T) {
	for what, c := range map[string]struct {
		stack [][]entry
		want  map[string]string
	}{
		"whiteout": {
			stacked(these(file("a/x", "1"), file("a/y", "2"), dir("b"), file("b/z", "3")), these(gone("a/.wh.x"), gone(".wh.b"))),
			map[string]string{"a": "/", "a/y": "2"},
		},
		"a whiteout and the same name anew, in either order": {
			stacked(these(file("a/x", "1"), file("b/x", "1")), these(file("a/y", "2"), gone(".wh.a"), gone(".wh.b"), file("b/y", "2"))),
			map[string]string{"a": "/", "a/y": "2", "b": "/", "b/y": "2"},
		},
		"opaque": {
			stacked(these(file("a/x", "1"), file("a/sub/y", "2")), these(file("a/sub/n", "3"), gone("a/.wh..wh..opq"), file("a/z", "4"))),
			map[string]string{"a": "/", "a/z": "4", "a/sub": "/", "a/sub/n": "3"},
		},
		"a directory for a file and a file for a directory": {
			stacked(these(file("a", "1"), file("b/x", "2")), these(dir("a"), file("a/x", "3"), file("b", "4"))),
			map[string]string{"a": "/", "a/x": "3", "b": "4"},
		},
		"a hard link keeps what it had": { // go-containerregistry's issue 2002
			stacked(these(file("b", "old"), hardlink("a", "b"), hardlink("c", "b")), these(file("a", "new"))),
			map[string]string{"a": "new", "b": "old", "c": "old"},
		},
		"a hard link outlives its first name": { // and 977
			stacked(these(file("b", "old"), hardlink("c", "/b")), these(gone(".wh.b"))),
			map[string]string{"c": "old"},
		},
		"through a link as a process in there would": {
			stacked(these(dir("usr/lib"), symlink("lib", "/usr/lib"), symlink("up", "../../../usr")), these(file("lib/x", "1"), file("up/lib/y", "2"))),
			map[string]string{"usr": "/", "usr/lib": "/", "lib": "-> /usr/lib", "up": "-> ../../../usr", "usr/lib/x": "1", "usr/lib/y": "2"},
		},
		"absolute names": {stacked(these(file("/a", "1"))), map[string]string{"a": "1"}},
		"no layers":      {nil, map[string]string{}},
	} {
		t.Run(what, func(t *testing.T) {
			at := filepath.Join(t.TempDir(), "image")
			img := build(t, c.stack, func(c *v1.ConfigFile) { c.Config.User = "" })
			if _, err := Unpack(t.Context(), laidOut(t, img), at); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, tell(t, rootfs(at))); d != "" {
				t.Error(d)
			}
		})
	}
}

// hostile are layers that want out.
func hostile(outside string) map[string][]entry {
	return map[string][]entry{
		"dots":                          {file("../../evil", "x")},
		"dots behind a name":            {dir("a"), file("a/../../evil", "x")},
		"absolute link, file through":   {symlink("a", outside), file("a/evil", "x")},
		"relative link, file through":   {symlink("a", "../../../../../../.."+outside), file("a/evil", "x")},
		"link over link":                {symlink("a", "b"), symlink("b", outside), file("a/evil", "x")},
		"file over a link":              {symlink("a", outside+"/kept"), file("a", "x")},
		"hard link outside":             {hardlink("a", outside+"/kept"), file("b", "x")},
		"hard link up":                  {hardlink("a", "../../kept")},
		"hard link through a link":      {symlink("l", outside), hardlink("a", "l/kept")},
		"hard link to a link, then it":  {symlink("l", outside+"/kept"), hardlink("a", "l"), file("a", "x")},
		"directory over a link":         {symlink("a", outside), dir("a"), file("a/evil", "x")},
		"mode through a link":           {symlink("a", outside+"/kept"), {name: "a", kind: tar.TypeDir, mode: 0o777}},
		"whiteout through a link":       {symlink("a", outside), gone("a/.wh.kept")},
		"whiteout of dots":              {gone(".wh..."), gone("a/.wh.."), gone(".wh.")},
		"opaque through a link":         {symlink("a", outside), gone("a/.wh..wh..opq")},
		"links without end":             {symlink("a", "b"), symlink("b", "a"), file("a/x", "x")},
		"the root is a file":            {file(".", "x")},
		"the root is a link":            {symlink(".", outside)},
		"hard link to the root":         {hardlink("a", "/")},
		"device":                        {device("dev/mem"), {name: "pipe", kind: tar.TypeFifo}},
		"name without end":              {file(strings.Repeat("a/", 4000)+"x", "x")},
		"set-user-ID":                   {{name: "su", text: "x", mode: 0o6755}},
		"unreadable":                    {{name: "d", kind: tar.TypeDir, mode: 0o001}, file("d/x", "x")},
		"global header and odd entries": {{name: "odd", kind: 'Z'}},
	}
}

func TestHostileImagesStayInside(t *testing.T) {
	base := t.TempDir()
	outside := filepath.Join(base, "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "kept"), []byte("kept"), 0o640); err != nil {
		t.Fatal(err)
	}
	for what, entries := range hostile(outside) {
		t.Run(what, func(t *testing.T) {
			at := filepath.Join(base, "image")
			defer os.RemoveAll(at) //nolint:errcheck // seen by the next one
			img := build(t, stacked(entries), func(c *v1.ConfigFile) { c.Config.User = "" })
			_, err := Unpack(t.Context(), laidOut(t, img), at)
			t.Log(err)
			if d := cmp.Diff(map[string]string{"kept": "kept"}, tell(t, outside)); d != "" {
				t.Error(d)
			}
			info, statErr := os.Stat(filepath.Join(outside, "kept"))
			if statErr != nil || info.Mode() != 0o640 {
				t.Errorf("%v, %v", info.Mode(), statErr)
			}
			if there, _ := os.ReadDir(base); err != nil && len(there) != 1 || len(there) > 2 {
				t.Errorf("left: %v", there)
			}
			harmless(t, at)
		})
	}
}

// harmless wants nothing but files, directories and links, and no rights that a file brings along.
func harmless(t testing.TB, at string) {
	t.Helper()
	if _, err := os.Lstat(at); err != nil {
		return
	}
	err := filepath.Walk(at, func(path string, info fs.FileInfo, err error) error {
		if err == nil && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket|fs.ModeIrregular) != 0 {
			t.Errorf("%s: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestUnpackSaysWhatToDoNext(t *testing.T) {
	sound := build(t, stacked(these(passwd, file("a", "1"))), nil)
	foreign := build(t, nil, func(c *v1.ConfigFile) { c.Architecture = "s390x" })
	missing := strings.Replace(pushed(t, sound), "server:1", "server:2", 1)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ ref, dir, want string }{
		"no file":              {"./image.tar", "", "docker save"},
		"no name":              {"Not An Image", "", "no name of an image"},
		"not in the registry":  {missing, "", "docker save -o image.tar"},
		"no registry":          {"127.0.0.1:1/server:1", "", "cannot be asked"},
		"wrong platform, tar":  {saved(t, foreign), "", "it is for linux/s390x"},
		"wrong platform, OCI":  {laidOut(t, foreign), "", "linux/s390x"},
		"wrong platform, pull": {pushed(t, foreign), "", "linux/s390x"},
		"several":              {laidOut(t, sound, sound), "", "2 images"},
		"no layout":            {t.TempDir(), "", "no OCI layout"},
		"no archive":           {written(t, "not a tar at all"), "", "docker save"},
		"another archive":      {written(t, string(archive(t, file("x", "y")))), "", "neither manifest.json"},
		"cut off":              {cut(t, saved(t, sound)), "", "damaged"},
		"changed":              {changed(t, laidOut(t, sound)), "", "damaged"},
		"somebody's directory": {saved(t, sound), full, "is not empty"},
		"no such user":         {saved(t, build(t, nil, nil)), "", `its user "web"`},
	} {
		t.Run(what, func(t *testing.T) {
			at := c.dir
			if at == "" {
				at = filepath.Join(t.TempDir(), "image")
			}
			_, err := Unpack(t.Context(), c.ref, at)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.ref) {
				t.Errorf("%v; want %q", err, c.want)
			}
			if _, err := os.Lstat(at); c.dir == "" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s was left: %v", at, err)
			}
		})
	}
}

// What registries answer, and a login that cannot be read.
func TestRegistriesThatRefuse(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusUnauthorized: "log in (docker login 127.0.0.1", http.StatusForbidden: "log in (docker login 127.0.0.1",
		http.StatusTooManyRequests: "asked too often", http.StatusInternalServerError: "cannot be asked",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				w.WriteHeader(status)
			}
		}))
		at := filepath.Join(t.TempDir(), "image")
		_, err := Unpack(t.Context(), strings.TrimPrefix(s.URL, "http://")+"/server:1", at)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", status, err)
		}
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%d: left", status)
		}
		s.Close()
	}
	config := t.TempDir()
	t.Setenv("DOCKER_CONFIG", config)
	if err := os.WriteFile(filepath.Join(config, "config.json"), []byte(`{"credsStore": "missing"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ref := pushed(t, build(t, nil, nil)) // no login is needed there
	if _, err := Unpack(t.Context(), ref, filepath.Join(t.TempDir(), "image")); err == nil || !strings.Contains(err.Error(), "login to 127.0.0.1") {
		t.Error(err)
	}
}

func written(t testing.TB, text string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

func cut(t testing.TB, at string) string {
	t.Helper()
	info, err := os.Stat(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(at, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	return at
}

// changed puts another layer's bytes in the place of one.
func changed(t testing.TB, at string) string {
	t.Helper()
	blobs, err := filepath.Glob(filepath.Join(at, "blobs/sha256/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs {
		if text, err := os.ReadFile(b); err == nil && !json.Valid(text) {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			w.Write(archive(t, passwd, file("a", "2"))) //nolint:errcheck // into memory
			w.Close()                                   //nolint:errcheck
			if err := os.WriteFile(b, z.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return at
}

func TestUnpackIsBounded(t *testing.T) {
	big := build(t, stacked(these(file("a", strings.Repeat("x", 600))), these(file("a", strings.Repeat("x", 600)))), nil)
	many := build(t, stacked(these(dir("a"), dir("b"), dir("c"))), nil)
	// A header alone that promises more than any disk has.
	var giant bytes.Buffer
	if err := tar.NewWriter(&giant).WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 1 << 60, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(giant.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	promised, err := mutate.AppendLayers(build(t, nil, nil), l)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		img  v1.Image
		most limits
		want string
	}{
		"bytes":    {big, limits{1000, 100}, "more than 1000 bytes"},
		"entries":  {many, limits{1000, 2}, "more than 2 files"},
		"promised": {promised, limits{mostBytes, mostEntries}, "more than"},
	} {
		at := filepath.Join(t.TempDir(), "image")
		_, err := unpack(t.Context(), laidOut(t, c.img), at, c.most)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: left", what)
		}
	}
}

func TestUnpackEndsWithItsContext(t *testing.T) {
	img := build(t, stacked(these(file("a", strings.Repeat("x", 1<<20)))), nil)
	oci := laidOut(t, img)
	for _, ref := range []string{saved(t, img), oci, packed(t, oci, true), pushed(t, img)} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		at := filepath.Join(t.TempDir(), "image")
		if _, err := Unpack(ctx, ref, at); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", ref, err)
		}
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: left", ref)
		}
	}
}

func TestCommandIsOneLine(t *testing.T) {
	for want, words := range map[string][]string{
		`/docker-entrypoint.sh nginx -g 'daemon off;'`: {"/docker-entrypoint.sh", "nginx", "-g", "daemon off;"},
		`'A=b' 'it'\''s' '' '$x' a.b/c:d`:              {"A=b", "it's", "", "$x", "a.b/c:d"},
	} {
		for cut := range len(words) {
			got, err := Image{Entrypoint: words[:cut], Cmd: words[cut:]}.Command()
			if err != nil || got != want {
				t.Errorf("%q: %s, %v", words, got, err)
			}
		}
	}
	for _, words := range [][]string{nil, {"sh", "-c", "a\nb"}} {
		if got, err := (Image{Cmd: words}).Command(); err == nil {
			t.Errorf("%q: %s", words, got)
		}
	}
}

func TestOwnersAndRights(t *testing.T) {
	at := filepath.Join(t.TempDir(), "image")
	img := build(t, stacked(these(passwd, entry{name: "tmp", kind: tar.TypeDir, mode: 0o1777}, entry{name: "su", text: "x", mode: 0o4711})), nil)
	if _, err := Unpack(t.Context(), laidOut(t, img), at); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		"tmp": fs.ModeDir | fs.ModeSticky | 0o777, "su": 0o711, "etc/passwd": 0o755, "../rootfs": fs.ModeDir | 0o755, "..": fs.ModeDir | 0o700,
	} {
		info, err := os.Stat(filepath.Join(rootfs(at), name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		if name == "su" && !info.ModTime().Equal(time.Unix(1e9, 0)) {
			t.Errorf("%s is of %v", name, info.ModTime())
		}
	}
	if os.Geteuid() == 0 {
		info, _ := os.Stat(filepath.Join(rootfs(at), "su"))
		if got := fmt.Sprint(ownerOf(info)); got != "[101 102]" {
			t.Errorf("owned by %s", got)
		}
	}
}

// FuzzUnpack lays any two texts over each other as layers: nothing outside may change, and nothing be what it should not.
func FuzzUnpack(f *testing.F) {
	all := hostile("/outside")
	for _, what := range slices.Sorted(func(yield func(string) bool) {
		for k := range all {
			if !yield(k) {
				return
			}
		}
	}) {
		f.Add(archive(f, all[what]...), archive(f, file("a/b", "x"), gone(".wh.a")))
	}
	f.Add(archive(f, symlink("a", "../outside"), file("a/evil", "x")), archive(f, gone("a/.wh..wh..opq"), hardlink("x", "a/kept")))
	base := f.TempDir()
	outside := filepath.Join(base, "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "kept"), []byte("kept"), 0o640); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		at := filepath.Join(base, fmt.Sprint("image", os.Getpid()))
		if err := os.Mkdir(at, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(at) //nolint:errcheck // the next one fails
		root, err := os.OpenRoot(at)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close() //nolint:errcheck // only a directory
		tr := tree{root: root, most: limits{1 << 20, 1000}, owner: os.Geteuid() == 0}
		for _, layer := range [][]byte{lower, upper} {
			if err := tr.apply(bytes.NewReader(layer)); err != nil {
				break
			}
		}
		harmless(t, at)
		if d := cmp.Diff(map[string]string{"kept": "kept"}, tell(t, outside)); d != "" {
			t.Error(d)
		}
		if there, _ := os.ReadDir(base); len(there) != 2 {
			t.Errorf("beside it: %v", there)
		}
		if tr.bytes > tr.most.bytes {
			t.Errorf("%d bytes", tr.bytes)
		}
	})
}
