//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// fiveHosts are all this machine: the processes and directories are of five, the network is one private namespace.
const fiveHosts = `all: {vars: {ansible_connection: local, ansible_python_interpreter: /usr/bin/python3}}
server: {hosts: {srv: {ansible_host: 127.0.0.1}}}
clients: {hosts: {c1: {}, c2: {}, c3: {}, c4: {}}}
`

// ansible is a run of the playbook, with directories of the test's own.
type ansible struct{ inventory, dist, hosts, into string }

func newAnsible(t *testing.T) *ansible {
	t.Helper()
	nstest.Require(t)
	nstest.Program(t, "ansible-playbook", "ansible-core")
	dir := t.TempDir()
	a := &ansible{
		inventory: filepath.Join(dir, "inventory.yaml"), dist: filepath.Join(dir, "dist"),
		hosts: filepath.Join(dir, "hosts"), into: filepath.Join(dir, "into"),
	}
	for _, d := range []string{a.dist, a.hosts} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(a.inventory, []byte(fiveHosts), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"twomsl-linux-amd64", "twomsl-linux-arm64"} { // what it copies; of this machine in either case
		if err := os.Symlink(filepath.Join(bin, "twomsl"), filepath.Join(a.dist, name)); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// play runs it in a network namespace of its own.
func (a *ansible) play(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	unshare := []string{"--net"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--user", "--map-root-user")
	}
	c := exec.Command("unshare", append(append(unshare, "sh", "-c", `ip link set lo up && exec ansible-playbook "$@"`, "sh",
		"-i", a.inventory, "scripts/ansible/run.yaml", "-e", "twomsl_dist="+a.dist, "-e", "twomsl_into="+a.into, "-e", "twomsl_listen=127.0.0.1",
		"-e", "twomsl_dir="+a.hosts+"/{{ inventory_hostname }}"), arguments...)...)
	c.Dir = top(t)
	c.Env = append(os.Environ(), "HOME="+t.TempDir(), "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1", "ANSIBLE_NOCOWS=1", "ANSIBLE_FORKS=5", "ANSIBLE_PIPELINING=1")
	out, err := c.CombinedOutput()
	return string(out), err
}

// gone wants nothing to be left on the hosts.
func (a *ansible) gone(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(a.hosts); err != nil || len(left) > 0 {
		t.Errorf("files stay on the hosts: %v, %v", left, err)
	}
	all, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, p := range all {
		if at, err := os.Readlink(p); err == nil && strings.HasPrefix(at, a.hosts) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(p), "cmdline"))
			t.Errorf("a process stays: %s", strings.ReplaceAll(string(line), "\x00", " "))
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(p))); err == nil {
				syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck // it may end by itself
			}
		}
	}
}

// TestNetNSAnsible runs four shards by scripts/ansible; and four of which one host has something wrong.
func TestNetNSAnsible(t *testing.T) {
	t.Parallel()
	a := newAnsible(t)
	if out, err := a.play(t, "--syntax-check"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	load := `{"twomsl_flags": ["--set", "load.rate=200/s", "--set", "load.stop.connections=400", "--set", "load.stop.after=2m"]}`
	out, err := a.play(t, "-e", "twomsl_lead=10", "-e", load)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	a.gone(t)
	merged, err := record.Read(filepath.Join(a.into, "merged.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := merged.Connections; len(merged.Merged.Shards) != 4 || n.Attempted != 400 || n.OK != 400 || !strings.Contains(out, "400 opened") {
		t.Errorf("%d shards, %+v\n%s", len(merged.Merged.Shards), n, out)
	}
	if said, err := os.ReadFile(filepath.Join(a.into, "server", "server.log")); err != nil || strings.Count(string(said), "done, 100 connections") != 4 {
		t.Errorf("the server has said: %v\n%s", err, said)
	}
	a.broken(t, load)
}

// broken has one host that fails: the rest goes on, the report says what is missing, and nothing stays there either.
func (a *ansible) broken(t *testing.T, load string) {
	t.Helper()
	wrong := strings.Replace(fiveHosts, "c3: {}", "c3: {twomsl_port: 1}", 1)
	if err := os.WriteFile(a.inventory, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	a.into += "-broken"
	out, err := a.play(t, "-e", "twomsl_lead=10", "-e", load)
	if err == nil || !strings.Contains(out, "no record of shard 3") {
		t.Errorf("a host failed, and the playbook says %v\n%s", err, out)
	}
	a.gone(t)
	merged, err := record.Read(filepath.Join(a.into, "merged.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := merged.Connections; len(merged.Merged.Shards) != 3 || n.OK != 300 {
		t.Errorf("%d shards, %+v\n%s", len(merged.Merged.Shards), n, out)
	}
}
