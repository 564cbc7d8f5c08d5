//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// helpers are programs that the tests run beside twomsl; the test binary plays them, by the name it is called with.
var helpers = map[string]func(args []string) int{
	"playhost": playHost, "insidehost": insideHost, "nouserns": noUserNS, "insidenouserns": insideNoUserNS,
	"asnobody": asNobody,
}

// bin holds the program and the helpers for the time of the tests. Its name does not begin with the program's: what is
// left over under that name is looked for.
var bin string

func TestMain(m *testing.M) {
	if play, ok := helpers[filepath.Base(os.Args[0])]; ok {
		os.Exit(play(os.Args[1:]))
	}
	code, err := withPrograms(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withPrograms builds twomsl as a user does and puts it first in PATH.
func withPrograms(m *testing.M) (code int, err error) {
	root, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(root) //nolint:errcheck // a temporary directory
	bin = filepath.Join(root, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return 0, err
	}
	if err := os.Chmod(root, 0o755); err != nil { // another user must get at it
		return 0, err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "twomsl"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	const copied = "helper" // go test's own directory is closed to other users
	if out, err := exec.Command("cp", self, filepath.Join(bin, copied)).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	for name := range helpers {
		if err := os.Symlink(copied, filepath.Join(bin, name)); err != nil {
			return 0, err
		}
	}
	os.Setenv("PATH", bin+":/usr/sbin:/sbin:"+os.Getenv("PATH"))
	return m.Run(), nil
}

// twomsl is a command with a clean environment in a directory of its own.
func twomsl(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(filepath.Join(bin, "twomsl"), args...)
	c.Dir = t.TempDir()
	return c
}

// exitCode is a command's, with 128 and the number of the signal that ended it, as a shell has it.
func exitCode(t *testing.T, c *exec.Cmd) int {
	t.Helper()
	if c.ProcessState == nil {
		t.Fatalf("%s has not ended", strings.Join(c.Args, " "))
	}
	return codeOf(c.ProcessState)
}

// openToAll lets another user get at a directory of the tests, which is closed down the whole way.
func openToAll(t *testing.T, dir string) {
	t.Helper()
	for top := filepath.Clean(os.TempDir()); dir != top && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
