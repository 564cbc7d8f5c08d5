//go:build linux

package foreign

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/bundle"
	"twomsl/internal/linux/nstest"
)

const again = "server-root"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == again {
		if err := Enter(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// built is the test's server, without a library outside of it.
var built = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "server-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	at := filepath.Join(dir, "server")
	c := exec.Command("go", "build", "-o", at, "./testdata/server")
	c.Env = append(c.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(at)
})

// image lays a root out: the server alone, and directories that it writes to.
func image(t *testing.T, p bundle.Process) string {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root := filepath.Join(dir, bundle.RootFS)
	for _, d := range []string{"bin", "etc", "srv/data/deep", "var/log/app", "var/cache"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(root, "var/log/app"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(root, "bin/server"), program, 0o755),
		os.WriteFile(filepath.Join(root, "srv/data/kept"), []byte("kept"), 0o644),
		os.Symlink("../run/nowhere", filepath.Join(root, "etc/resolv.conf")),
		os.Symlink("/etc", filepath.Join(root, "dev")), // as a hostile one might have it
		bundle.Write(dir, p),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// listed is all that there is below a directory, with rights, sizes and times.
func listed(t *testing.T, dir string) (out []string) {
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

func mounts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var plain = bundle.Process{Env: []string{"PATH=/nowhere:/bin", "SAY=a b"}, Dir: "/made/dir"}

func start(t *testing.T, dir, line string, port uint16) (*Server, error) {
	t.Helper()
	s, err := Start(Options{Line: line, Listen: netip.AddrPortFrom(loopback, port), Root: dir, Program: []string{"/proc/self/exe", again}})
	if err != nil {
		return nil, err
	}
	t.Cleanup(s.Stop)
	return s, s.AwaitListening(t.Context())
}

// told asks the server how it found things.
func told(t *testing.T, port uint16) (out map[string]any) {
	t.Helper()
	// The connection is this thread's: it has moved into the test's namespace, which others have not.
	c, err := net.Dial("tcp", netip.AddrPortFrom(loopback, port).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tr := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
	resp, err := (&http.Client{Transport: tr}).Get("http://server/facts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNetNSCommandInARoot(t *testing.T) {
	nstest.Require(t)
	dir := image(t, plain)
	before, beforeMounts := listed(t, dir), mounts(t)
	// Two at a time, on the same directory.
	for _, port := range []uint16{8081, 8082} {
		if _, err := start(t, dir, `server "$SAY" ${TWOMSL_PORT} 'it''s'`, port); err != nil {
			t.Fatal(err)
		}
	}
	for _, port := range []string{"8081", "8082"} {
		var n uint16
		fmt.Sscan(port, &n) //nolint:errcheck // it is a number
		got := told(t, n)
		for key, want := range map[string]any{
			"uid": 0., "gid": 0., "dir": "/made/dir", "args": []any{"a b", port, "its"}, "remove": "",
			"env":    []any{"PATH=/nowhere:/bin", "SAY=a b", "TWOMSL_ADDRESS=127.0.0.1", "TWOMSL_PORT=" + port},
			"hosts":  "127.0.0.1 localhost\n::1 localhost\n",
			"root":   []any{"bin", "dev", "etc", "made", "proc", "run", "srv", "sys", "tmp", "var"},
			"self":   fmt.Sprint(got["pid"]),
			"writes": allWritten(),
		} {
			if d := cmp.Diff(want, got[key]); d != "" {
				t.Errorf("%s: %s", key, d)
			}
		}
	}
	if d := cmp.Diff(before, listed(t, dir)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(beforeMounts, mounts(t)); d != "" {
		t.Error(d)
	}
	if _, err := os.Lstat("/etc/null"); err == nil {
		t.Error("a link in the root has led out of it")
	}
}

func allWritten() map[string]any {
	out := map[string]any{}
	for _, name := range []string{"/etc/new", "/tmp/new", "/run/new", "/var/log/app/new", "/dev/shm/new", "/dev/null", "/dev/stderr"} {
		out[name] = "written"
	}
	return out
}

// Where the kernel has no overlay the root is only read, but for what servers write to.
func TestNetNSRootWithoutOverlay(t *testing.T) {
	nstest.Require(t)
	noOverlay = true
	defer func() { noOverlay = false }()
	p := plain
	p.Dir = "/srv"
	dir := image(t, p)
	before, beforeMounts := listed(t, dir), mounts(t)
	if _, err := start(t, dir, "server", 8081); err != nil {
		t.Fatal(err)
	}
	want := allWritten()
	want["/etc/new"] = "open /etc/new: read-only file system"
	got := told(t, 8081)
	if d := cmp.Diff(any(want), got["writes"]); d != "" {
		t.Error(d)
	}
	if text := fmt.Sprint(got["remove"]); !strings.Contains(text, "read-only") {
		t.Errorf("removed: %s", text)
	}
	if d := cmp.Diff(before, listed(t, dir)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(beforeMounts, mounts(t)); d != "" {
		t.Error(d)
	}
}

// A user of the image's own may take port 80, and write to what is its standard error.
func TestNetNSRootAsAUser(t *testing.T) {
	nstest.Require(t)
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	p := plain
	p.User = bundle.User{UID: 101, GID: 102, Groups: []int{103}}
	if _, err := start(t, image(t, p), "server", 80); err != nil {
		t.Fatal(err)
	}
	got := told(t, 80)
	for key, want := range map[string]any{
		"uid": 101., "gid": 102., "groups": []any{103.}, "caps": fmt.Sprintf("%016x", 1<<10), // CAP_NET_BIND_SERVICE
		"chown": "chown /tmp: operation not permitted",
	} {
		if d := cmp.Diff(want, got[key]); d != "" {
			t.Errorf("%s: %s", key, d)
		}
	}
	want := allWritten()
	for _, name := range []string{"/etc/new", "/run/new"} {
		want[name] = "open " + name + ": permission denied"
	}
	writes := got["writes"].(map[string]any)
	delete(writes, "/dev/stderr") // go test's is a file or a pipe of its own
	delete(want, "/dev/stderr")
	if d := cmp.Diff(any(want), any(writes)); d != "" {
		t.Error(d)
	}
}

// In an ordinary user's lab there is one user: becoming another, and giving files away, goes unheard.
func TestNetNSRootOfAnOrdinaryUser(t *testing.T) {
	const inner = "TWOMSL_TEST_ONE_USER"
	if os.Getenv(inner) == "" {
		c := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		c.Env = append(c.Environ(), inner+"=1")
		c.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		out, err := c.CombinedOutput()
		if c.Process == nil {
			t.Skipf("user namespaces cannot be made here: %v", err)
		}
		if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	nstest.Require(t)
	p := plain
	p.User = bundle.User{UID: 101, GID: 102}
	dir := image(t, p)
	before := listed(t, dir)
	if _, err := start(t, dir, "server", 80); err != nil {
		t.Fatal(err)
	}
	got := told(t, 80)
	for key, want := range map[string]any{"uid": 0., "gid": 0., "chown": "", "remove": "", "writes": allWritten()} {
		if d := cmp.Diff(want, got[key]); d != "" {
			t.Errorf("%s: %s", key, d)
		}
	}
	if d := cmp.Diff(before, listed(t, dir)); d != "" {
		t.Error(d)
	}
}

func TestNetNSRootSaysWhatIsWrong(t *testing.T) {
	nstest.Require(t)
	sound := image(t, plain)
	half := image(t, plain)
	os.Remove(filepath.Join(half, bundle.ConfigFile))
	for what, c := range map[string]struct{ dir, line, want string }{
		"no directory":       {"/nonexistent", "server", "no such file or directory"},
		"a file":             {filepath.Join(sound, bundle.ConfigFile), "server", "not a directory"},
		"half unpacked":      {half, "server", "not unpacked to its end"},
		"not in PATH":        {sound, "servant", "there is no servant in this root's PATH, /nowhere:/bin"},
		"not there":          {sound, "/bin/servant", "/bin/servant: no such file"},
		"more than a word":   {sound, "server | server", "there is no /bin/sh in this root"},
		"another command":    {sound, "server; server", "there is no /bin/sh in this root"},
		"asks for a command": {sound, "server $(id)", "there is no /bin/sh in this root"},
		"nothing left":       {sound, "$NOTHING", "comes to no words"},
		"ends":               {sound, "server fail", "exit status 3"},
		"no program":         {sound, "/srv/data/kept", "permission denied"},
		"a directory":        {sound, "/srv", "is a directory"},
	} {
		if _, err := start(t, c.dir, c.line, 8081); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
