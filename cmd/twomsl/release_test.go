//go:build linux

package main

import (
	"bytes"
	"context"
	"debug/elf"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"twomsl/internal/image"
)

// copyOfTheTree is a repository of its own with the files as they are here, committed by nobody at a fixed time: what is
// built in two of them must be the same.
func copyOfTheTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	c := exec.Command("bash", "-ec", `
		git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$0"
		cd "$0"
		export GIT_AUTHOR_DATE=2000-01-01T00:00:00Z GIT_COMMITTER_DATE=2000-01-01T00:00:00Z
		git init -q -b main && git add -A && git -c user.name=nobody -c user.email=nobody@localhost commit -q -m copy`, dir)
	c.Dir = top(t)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// lastLine runs a script of a copy and gives its last line on standard output.
func lastLine(t *testing.T, dir, script string, arguments ...string) string {
	t.Helper()
	c := exec.Command(filepath.Join(dir, script), arguments...)
	c.Dir = dir
	var errors bytes.Buffer
	c.Stderr = &errors
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, out, errors.Bytes())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// TestRelease builds what is released in two directories, and the images of both: the same bytes, static programs, and
// images that this program can take apart and run.
func TestRelease(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: apt-get install git")
	}
	one, other := copyOfTheTree(t), copyOfTheTree(t)
	into := filepath.Join(t.TempDir(), "elsewhere")
	digest := lastLine(t, one, "scripts/image")
	if again := lastLine(t, other, "scripts/image", into); again != digest || !strings.Contains(digest, "@sha256:") {
		t.Errorf("the images of one commit are %s and %s", digest, again)
	}
	dist := filepath.Join(one, "dist")
	if status, err := exec.Command("git", "-C", one, "status", "--porcelain").Output(); err != nil || len(status) > 0 {
		t.Errorf("it leaves files in the repository: %v\n%s", err, status)
	}
	// the sums of either, over the binaries of the other
	for sums, binaries := range map[string]string{dist: into, into: dist} {
		c := exec.Command("sha256sum", "-c", filepath.Join(sums, "SHA256SUMS"))
		c.Dir = binaries
		if out, err := c.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != 2 {
			t.Errorf("%v\n%s", err, out)
		}
	}
	version := lastLine(t, one, "scripts/release", "--version")
	if len(version) != 12 {
		t.Errorf("version %q is no commit", version)
	}
	static(t, filepath.Join(dist, "twomsl-linux-amd64"), elf.EM_X86_64, one)
	static(t, filepath.Join(dist, "twomsl-linux-arm64"), elf.EM_AARCH64, one)
	runs(t, exec.Command(filepath.Join(dist, "twomsl-linux-"+runtime.GOARCH)), version)
	for _, ref := range []string{filepath.Join(dist, "image"), filepath.Join(dist, "twomsl-image-"+runtime.GOARCH+".tar")} {
		unpacks(t, ref, version)
	}
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer s.Close()
	ref := strings.TrimPrefix(s.URL, "http://") + "/tools/twomsl:1"
	if pushed := lastLine(t, one, "scripts/image", dist, ref, "--push"); pushed[strings.Index(pushed, "@"):] != digest[strings.Index(digest, "@"):] {
		t.Errorf("pushed %s, and the layout has %s", pushed, digest)
	}
	unpacks(t, ref, version)
}

// static wants a program of that machine that asks for no loader and no library, and knows no directory of its builder.
func static(t *testing.T, file string, machine elf.Machine, builder string) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	if f.Machine != machine || f.Type != elf.ET_EXEC {
		t.Errorf("%s is %s, %s", file, f.Machine, f.Type)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s is not static: it has a %s", file, p.Type)
		}
	}
	if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte(builder)) {
		t.Errorf("%s tells where it was built, %v", file, err)
	}
}

func runs(t *testing.T, c *exec.Cmd, version string) {
	t.Helper()
	c.Args = append(c.Args, "--version")
	if out, err := c.CombinedOutput(); err != nil || string(out) != "twomsl "+version+"\n" {
		t.Errorf("%s: %v, %q, want version %s", c.Path, err, out, version)
	}
}

// unpacks wants an image that runs as a user without rights who may write in his directory.
func unpacks(t *testing.T, ref, version string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	img, err := image.Unpack(context.Background(), ref, dir)
	if err != nil {
		t.Fatal(err)
	}
	if img.User != "65532:65532" || len(img.Entrypoint) != 1 || img.Entrypoint[0] != "/twomsl" || img.WorkingDir != "/records" {
		t.Errorf("%s: %+v", ref, img)
	}
	root := filepath.Join(dir, "rootfs")
	there, err := os.ReadDir(root)
	if err != nil || len(there) != 3 {
		t.Errorf("%s: %v, %v, want the program, records and tmp", ref, there, err)
	}
	if os.Geteuid() != 0 {
		runs(t, exec.Command(filepath.Join(root, "twomsl")), version)
		return
	}
	c := exec.Command("/twomsl")
	c.Dir, c.SysProcAttr = "/records", &syscall.SysProcAttr{
		Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532},
	}
	runs(t, c, version)
	info, err := os.Stat(filepath.Join(root, "records"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != 65532 {
		t.Errorf("%s: /records is not the user's: %+v, %v", ref, info, err)
	}
}
