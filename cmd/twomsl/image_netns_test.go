//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"twomsl/internal/image"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// layer packs files, by name.
func layer(t *testing.T, files map[string][]byte) v1.Layer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, text := range files {
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(text)), ModTime: time.Unix(1e9, 0)}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// savedImage is an image of one program without a shell, as docker save writes it. The program's name is the test's own, so
// that its processes are known.
func savedImage(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	built, at := filepath.Join(dir, "built"), filepath.Join(dir, "image.tar")
	c := exec.Command("go", "build", "-o", built, "../../internal/foreign/testdata/server")
	c.Env = append(c.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer(t, map[string][]byte{"bin/" + program: text, "srv/data/kept": []byte("kept")}))
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH, RootFS: must(img.ConfigFile()).RootFS,
		Config: v1.Config{Entrypoint: []string{program}, Cmd: []string{"--say", "$TWOMSL_PORT"}, WorkingDir: "/srv"},
	})
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("example.com/server:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(at, tag, img); err != nil {
		t.Fatal(err)
	}
	return at
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// unpacked is an image on disk, outside /tmp, which a played host covers up, and given to a user.
func unpacked(t *testing.T, program string, uid int) image.Image {
	t.Helper()
	base, err := os.MkdirTemp("/var/tmp", "e2e-image-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	img, err := image.Unpack(t.Context(), savedImage(t, program), filepath.Join(base, "image"))
	if err != nil {
		t.Fatal(err)
	}
	if uid != os.Getuid() {
		handOver(t, base, uid)
	}
	return img
}

func handOver(t *testing.T, dir string, uid int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(path, uid, uid)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// onDisk is all that there is below a directory.
func onDisk(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info fs.FileInfo, err error) error {
		if err == nil {
			out = append(out, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// mounted is what is mounted for this process, and so on the host, of a directory.
func mounted(t *testing.T, dir string) (out []string) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(text), "\n") {
		if strings.Contains(l, dir) || strings.Contains(l, "overlay") {
			out = append(out, l)
		}
	}
	return out
}

// named gives the processes of a program.
func named(program string) (out []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range all {
		text, err := os.ReadFile(f)
		if first, _, _ := strings.Cut(string(text), "\x00"); err == nil && filepath.Base(first) == program {
			out = append(out, filepath.Dir(f))
		}
	}
	return out
}

// An image's own command serves two runs side by side, as root and as an ordinary user.
func TestNetNSImageRoot(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for who, prefix := range map[string][]string{"root": nil, "user": {"asnobody"}} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			uid := os.Getuid()
			if who == "user" {
				if ok, err := condition("userns"); err != nil || !ok {
					t.Skipf("ordinary users may not make user namespaces here (%v)", err)
				}
				uid = nobody
			} else if uid != 0 {
				t.Skip("this is not root")
			}
			program := fmt.Sprintf("served-%s-%d", who, os.Getpid())
			img := unpacked(t, program, uid)
			before, mountsBefore := onDisk(t, img.Root), mounted(t, img.Root)
			line, err := img.Command()
			if err != nil {
				t.Fatal(err)
			}
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() { serveFromImage(t, prefix, line, img.Root) })
			}
			both.Wait()
			if d := cmp.Diff(before, onDisk(t, img.Root)); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(mountsBefore, mounted(t, img.Root)); d != "" {
				t.Error(d)
			}
			if left := eventuallyNone(func() []string { return named(program) }); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// serveFromImage makes one run against it.
func serveFromImage(t *testing.T, prefix []string, line, root string) {
	dir := t.TempDir()
	openToAll(t, dir)
	args := append(append([]string{}, prefix...), "twomsl", "run", "steady-200", "--server-command", line, "--set", "server.root="+root,
		"--set", "load.stop.connections=100", "--set", "close.side=server", "-q", "-o", "json=out.json")
	c := exec.Command(args[0], args[1:]...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
		return
	}
	text, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil {
		t.Error(err)
		return
	}
	var r record.Trial
	if err := json.Unmarshal(text, &r); err != nil {
		t.Error(err)
		return
	}
	if r.Connections.OK != 100 || r.Scenario.ServerCommand != line || !strings.Contains(string(r.Scenario.Spec), fmt.Sprintf("%q", root)) {
		t.Errorf("%d connections; %s", r.Connections.OK, r.Scenario.Spec)
	}
}

// A conductor that is killed takes the image's command and its mounts along.
func TestNetNSConductorKilledOverAnImage(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	program := fmt.Sprintf("killed-%d", os.Getpid())
	img := unpacked(t, program, os.Getuid())
	before, mountsBefore := onDisk(t, img.Root), mounted(t, img.Root)
	o := goOut(t, "steady-200", "--server-command", program, "--set", "server.root="+img.Root, "--set", "close.side=client")
	o.waitForLoad(30)
	if there := named(program); len(there) != 1 {
		t.Errorf("the command runs as %v", there)
	}
	o.signal(o.find("conductor"), syscall.SIGKILL)
	if code := o.end(); code != 128+9 {
		t.Errorf("exit code %d\n%s", code, o.stderr.String())
	}
	o.nothingLeft()
	if left := eventuallyNone(func() []string { return named(program) }); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if d := cmp.Diff(before, onDisk(t, img.Root)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(mountsBefore, mounted(t, img.Root)); d != "" {
		t.Error(d)
	}
}

// copied puts a program of this machine into a root, with what it is linked to.
func copied(t *testing.T, root, program string) {
	t.Helper()
	linked, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := []string{program}
	for _, f := range strings.Fields(string(linked)) {
		if strings.HasPrefix(f, "/") {
			files = append(files, f)
		}
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		putFile(t, filepath.Join(root, f), text, 0o755)
	}
}

func putFile(t *testing.T, name string, text []byte, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, mode); err != nil {
		t.Fatal(err)
	}
}

// nginxRoot is as the image of nginx is: a shell, logs that go to the standard streams, a user for the workers, port 80.
func nginxRoot(t *testing.T) string {
	t.Helper()
	base, err := os.MkdirTemp("/var/tmp", "e2e-nginx-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	root := filepath.Join(base, "root")
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed: apt-get install nginx-light")
	}
	copied(t, root, nginx)
	copied(t, root, "/bin/sh")
	for name, text := range map[string]string{
		"etc/passwd":         "root:x:0:0::/root:/bin/sh\nnginx:x:101:102::/nonexistent:/bin/false\n",
		"etc/group":          "root:x:0:\nnginx:x:102:\n",
		"srv/index.html":     strings.Repeat("x", 1000),
		"var/lib/nginx/keep": "", "var/cache/nginx/keep": "", "run/keep": "",
		"etc/nginx/nginx.conf": "user nginx;\nworker_processes 2;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\n" +
			"events { worker_connections 512; }\n" +
			"http { access_log /var/log/nginx/access.log; client_body_temp_path /var/cache/nginx/client; server { listen 80; root /srv; } }\n",
	} {
		putFile(t, filepath.Join(root, name), []byte(text), 0o644)
	}
	for name, to := range map[string]string{"error.log": "/dev/stderr", "access.log": "/dev/stdout"} {
		if err := os.MkdirAll(filepath.Join(root, "var/log/nginx"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(root, "var/log/nginx", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

// A server that begins as root and hands its work to another user, as most do.
func TestNetNSNginxInARoot(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	root := nginxRoot(t)
	for _, prefix := range [][]string{nil, {"asnobody"}} {
		if ok, err := condition("userns"); prefix != nil && (err != nil || !ok) {
			continue
		}
		if prefix != nil && os.Getuid() == 0 {
			handOver(t, root, nobody)
		}
		before := onDisk(t, root)
		dir := t.TempDir()
		openToAll(t, dir)
		args := append(append([]string{}, prefix...), "twomsl", "run", "steady-200", "--server-command", "nginx -g 'daemon off;'",
			"--set", "server.root="+root, "--set", "server.port=80", "--set", "load.stop.connections=100", "--set", "close.side=server", "-q",
			"-o", "json=out.json")
		c := exec.Command(args[0], args[1:]...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", prefix, err, out)
			continue
		}
		r, err := record.Read(filepath.Join(dir, "out.json"))
		if err != nil || r.Connections.OK != 100 || r.Sides.Server.States.End[record.TimeWait] < 90 {
			t.Errorf("%v: %v, %+v", prefix, err, r.Connections)
		}
		if d := cmp.Diff(before, onDisk(t, root)); d != "" {
			t.Error(d)
		}
	}
}
