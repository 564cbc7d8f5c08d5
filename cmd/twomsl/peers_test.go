//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"twomsl/internal/linux/nstest"
)

// peersScript is scripts/peers with this program, which keeps its files in a directory of the test's own.
func peersScript(t *testing.T, arguments ...string) (*exec.Cmd, string) {
	t.Helper()
	nstest.Require(t)
	if os.Geteuid() != 0 {
		t.Skip("scripts/peers needs root")
	}
	nstest.Program(t, "ab", "apache2-utils")
	nstest.Program(t, "nginx", "nginx-light")
	twomsl, err := exec.LookPath("twomsl") // TestMain put it there
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := exec.Command("../../scripts/peers", arguments...)
	c.Env = append(os.Environ(), "TWOMSL="+twomsl, "TMPDIR="+dir)
	return c, dir
}

// peersTables reads the tables of the script's Markdown, each row by the name of its program.
func peersTables(t *testing.T, text string) (all []map[string][]string) {
	t.Helper()
	columns := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells[0] == "program" {
			all, columns = append(all, map[string][]string{}), len(cells)
		}
		if len(cells) != columns {
			t.Errorf("%d cells under %d heads: %s", len(cells), columns, line)
			continue
		}
		all[len(all)-1][cells[0]] = cells
	}
	return all
}

// TestNetNSPeers holds the shape of the tables of scripts/peers and what the kernel says of who closes; no speed is judged.
func TestNetNSPeers(t *testing.T) {
	t.Parallel()
	c, dir := peersScript(t, "1", "--for", "1", "--only", "ab,twomsl-epoll-fin,twomsl-epoll-rst", "--markdown")
	var errors bytes.Buffer
	c.Stderr = &errors
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errors.Bytes())
	}
	tables := peersTables(t, string(out))
	if len(tables) != 2 {
		t.Fatalf("%d tables, want the speeds and what becomes of few ports:\n%s%s", len(tables), out, errors.Bytes())
	}
	speeds, endings := tables[0], tables[1]
	for name, closes := range map[string]string{
		"ab": "server, FIN", "twomsl-epoll-fin": "client, FIN", "twomsl-epoll-rst": "with RST",
	} {
		row := speeds[name]
		if row == nil || row[1] != closes || peersNumber(row[2]) <= 0 {
			t.Errorf("%s closes %q at %q, want %s\n%s", name, row, row, closes, errors.Bytes())
		}
		if row := endings[name]; row == nil || peersNumber(row[2]) <= 0 {
			t.Errorf("%s met few ports with %q", name, row)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	for name, want := range map[string][]string{"ab": {"server, FIN", "never gets there"}, "twomsl-epoll-rst": {"client, RST", "never gets there"}} {
		if row := endings[name]; row[1] != want[0] || row[6] != want[1] {
			t.Errorf("%s: %q, want %q", name, row, want)
		}
	}
	fin := endings["twomsl-epoll-fin"]
	if opened := peersNumber(fin[2]); fin[1] != "client, FIN" || opened > 1000 || peersNumber(fin[3]) != opened || fin[5] != "0" {
		t.Errorf("of 1,000 ports: %q", fin)
	}
	if failed := peersNumber(fin[4]); (failed > 0) != strings.HasPrefix(fin[6], "counts failures") && fin[6] != "did not get there in time" {
		t.Errorf("%d failed, and it is said to: %s", failed, fin[6])
	}
	for _, said := range []string{"- ab: `ab -q ", "--set close.how=linger=0", "- machine: Linux ", "nginx "} {
		if !strings.Contains(string(out), said) {
			t.Errorf("nothing says %q:\n%s", said, out)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// peersNumber reads 12,345; -1 where there is none.
func peersNumber(text string) int {
	n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	if err != nil {
		return -1
	}
	return n
}

// TestNetNSPeersLeavesNothing kills the script in the middle of a run: all that it has started must end.
func TestNetNSPeersLeavesNothing(t *testing.T) {
	t.Parallel()
	c, dir := peersScript(t, "1", "--for", "60", "--only", "ab", "--exhaustion", "no")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	started := becomes(20*time.Second, func() bool { return len(peersProcesses(dir, "nginx")) > 0 })
	if err := c.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = c.Wait()
	if !started {
		t.Fatal("no server was started within 20 s")
	}
	if !becomes(20*time.Second, func() bool { return len(peersProcesses(dir, "")) == 0 }) {
		t.Errorf("still there: %q", peersProcesses(dir, ""))
	}
}

func becomes(within time.Duration, is func() bool) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if is() {
			return true
		}
	}
	return false
}

// peersProcesses are the command lines that name a file in dir and begin with a word, by which a run of one test is known.
func peersProcesses(dir, program string) (lines []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		text, err := os.ReadFile(path)
		if line := strings.ReplaceAll(string(text), "\x00", " "); err == nil && strings.Contains(line, dir) && strings.HasPrefix(line, program) {
			lines = append(lines, line)
		}
	}
	return lines
}
