//go:build linux

package nstest

import (
	"os"
	"os/exec"
	"testing"
)

// Program gives the path of a program that nobody here wrote, and the Debian package that has it. Where it is missing the
// test is skipped, and with TWOMSL_REQUIRE_NETNS=1 fails.
func Program(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/"} { // not in every user's PATH
		if _, err := os.Stat(dir + name); err == nil {
			return dir + name
		}
	}
	text := name + " is not installed: apt-get install " + debian
	if os.Getenv("TWOMSL_REQUIRE_NETNS") == "1" {
		t.Fatal(text)
	}
	t.Skip(text)
	return ""
}
