//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// hostRun is `twomsl run` on a host that a private network namespace plays, with settings of that host changed.
type hostRun struct {
	t      *testing.T
	dir    string
	mark   string
	before map[string]string // all that can be read below /proc/sys/net
	cmd    *exec.Cmd
	out    bytes.Buffer
	pipe   *os.File // standard output and error, instead of out
}

// hostRecipe changes settings of every kind: a word, a pair that has an order, a list that was empty, one that is not there.
var hostRecipe = []string{
	"--sysctl", "net.ipv4.tcp_tw_reuse=1", "--sysctl", "net.ipv4.tcp_tw_recycle=1",
	"--sysctl", "net.ipv4.ip_unprivileged_port_start=500", "--sysctl", "net.ipv4.ip_local_port_range=600 50001",
	"--sysctl", "net.ipv4.ip_local_reserved_ports=8081,8082", "--sysctl", "client:net.ipv4.tcp_fin_timeout=30",
	"--sysctl", "server:net.core.somaxconn=512", "--sysctl", "net.ipv4.tcp_max_tw_buckets=5000",
}

// onPlayedHost makes the namespace. The calling goroutine stays in it.
func onPlayedHost(t *testing.T) *hostRun {
	t.Helper()
	nstest.Require(t)
	r := &hostRun{t: t, dir: t.TempDir(), mark: fmt.Sprintf("%s%d-%d", markKey, os.Getpid(), rand.Uint64())}
	r.before = r.settings()
	return r
}

// settings are all of this namespace.
func (r *hostRun) settings() map[string]string {
	r.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir("/proc/sys/net", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "nf_conntrack_count" { // a count, which moves by itself
			if text, err := os.ReadFile(path); err == nil {
				all[path] = string(text)
			}
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r *hostRun) journal() string { return filepath.Join(r.dir, "state", "journal") }

func (r *hostRun) hasJournal() bool {
	_, err := os.Stat(r.journal())
	return err == nil
}

// twomsl is a command on the played host.
func (r *hostRun) twomsl(args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(bin, "twomsl"), args...)
	c.Dir = r.dir
	c.Env = append(os.Environ(), r.mark)
	return c
}

// start begins a run; args come after what every such run has.
func (r *hostRun) start(args ...string) {
	r.t.Helper()
	line := append([]string{
		"run", "port-exhaustion-small", "--topology", "host", "--accept-risk=host-ports", "--accept-risk=host-sysctl",
		"--journal", r.journal(), "--records", "rec", "-q", "-o", "json=" + filepath.Join(r.dir, "trial.json"), "--force",
	}, hostRecipe...)
	r.cmd = r.twomsl(append(line, args...)...)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if r.pipe != nil {
		r.cmd.Stdout, r.cmd.Stderr = r.pipe, r.pipe
	}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		r.cmd.Process.Kill() //nolint:errcheck // it may have ended
		r.cmd.Wait()         //nolint:errcheck // as it did
	})
}

// wait gives the exit code of the run.
func (r *hostRun) wait() int {
	r.cmd.Wait() //nolint:errcheck // the code is looked at
	return codeOf(r.cmd.ProcessState)
}

// kill ends the run as the out-of-memory killer does.
func (r *hostRun) kill() {
	r.cmd.Process.Kill() //nolint:errcheck // it may have ended by itself
	r.cmd.Wait()         //nolint:errcheck // as it did
}

func (r *hostRun) restore(args ...string) (code int, said string) {
	c := r.twomsl(append([]string{"sysctl", "restore", "--journal", r.journal()}, args...)...)
	out, _ := c.CombinedOutput()
	return codeOf(c.ProcessState), string(out)
}

// asBefore wants every setting to be as it was, no journal and nothing beside it, and no process of the run.
func (r *hostRun) asBefore() {
	r.t.Helper()
	if d := cmp.Diff(r.before, r.settings()); d != "" {
		r.t.Errorf("settings (- before, + now): %s", d)
	}
	left, err := os.ReadDir(filepath.Dir(r.journal()))
	if len(left) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Errorf("beside the journal: %v, %v", left, err)
	}
	o := outing{t: r.t, mark: r.mark}
	if left := eventuallyNone(func() (out []string) {
		for _, pid := range o.marked() {
			out = append(out, strconv.Itoa(pid))
		}
		return out
	}); len(left) > 0 {
		r.t.Errorf("processes are left: %v", left)
	}
}

func (r *hostRun) until(what string, f func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(200 * time.Microsecond) {
		if time.Now().After(end) {
			r.t.Fatalf("no %s in %v\n%s", what, patience, r.out.String())
		}
	}
}

// changed tells whether the run has the host's settings by now.
func (r *hostRun) changed() bool {
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_tw_reuse")
	return err == nil && string(text) == "1\n"
}

// A run that ends by itself has told what became of each line, and leaves the host as it was.
func TestNetNSHostSettings(t *testing.T) {
	t.Parallel()
	r := onPlayedHost(t)
	r.start("--for", "500ms")
	if code := r.wait(); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, r.out.String())
	}
	r.asBefore()
	rec, err := record.Read(filepath.Join(r.dir, "trial.json"))
	if err != nil {
		t.Fatal(err)
	}
	outcomes := func(s record.Side) string {
		var words []string
		for _, q := range s.Sysctls.Asked {
			words = append(words, strings.TrimPrefix(strings.TrimPrefix(q.Key, "net.ipv4."), "net.core.")+" "+q.Outcome)
		}
		return strings.Join(words, ", ")
	}
	const client = "tcp_tw_reuse changed, tcp_tw_recycle missing, ip_unprivileged_port_start changed, " +
		"ip_local_port_range changed, ip_local_reserved_ports changed, tcp_fin_timeout changed, tcp_max_tw_buckets changed"
	const server = "tcp_tw_reuse changed, tcp_tw_recycle missing, ip_unprivileged_port_start changed, " +
		"ip_local_port_range changed, ip_local_reserved_ports changed, somaxconn changed, tcp_max_tw_buckets changed"
	if got := outcomes(rec.Sides.Client); got != client {
		t.Errorf("client: %s", got)
	}
	if got := outcomes(rec.Sides.Server); got != server {
		t.Errorf("server: %s", got)
	}
	for _, s := range []record.Side{rec.Sides.Client, rec.Sides.Server} {
		if e := s.Sysctls.Effective; e["net.ipv4.ip_local_port_range"] != "600 50001" || e["net.core.somaxconn"] != "512" {
			t.Errorf("in force: %s, %s", e["net.ipv4.ip_local_port_range"], e["net.core.somaxconn"])
		}
		if len(s.Sysctls.Changed) != 7 {
			t.Errorf("changed: %+v", s.Sysctls.Changed)
		}
		for _, q := range s.Sysctls.Refused {
			if q.Key == "net.ipv4.ip_local_port_range" {
				t.Errorf("the recipe has that: %+v", q)
			}
		}
	}
	if low := rec.Ports[0].Range.Low; low != 600 {
		t.Errorf("the forecast is of a range from %d on", low)
	}
}

// kills is how many moments TestNetNSHostSettingsSurviveKills tries.
func kills(t *testing.T) int {
	text := os.Getenv("TWOMSL_KILLS")
	if text == "" {
		return 12
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal("TWOMSL_KILLS: ", err)
	}
	return n
}

// SIGKILL at any moment of a run: `sysctl restore` then leaves the host as it was.
func TestNetNSHostSettingsSurviveKills(t *testing.T) {
	t.Parallel()
	undisturbed := onPlayedHost(t)
	began := time.Now()
	undisturbed.start("--for", "500ms")
	undisturbed.wait()
	whole := time.Since(began)
	n := kills(t)
	seen := make([]string, n)
	t.Run("at", func(t *testing.T) {
		for i := range n {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				r := onPlayedHost(t)
				r.start("--for", "500ms")
				moment := (time.Duration(i)*whole + upTo(random(300+i), whole)) / time.Duration(n)
				time.Sleep(moment)
				r.kill()
				seen[i] = fmt.Sprintf("%v: %s", moment.Round(time.Millisecond), r.killedWhere())
				code, said := r.restore()
				if code != exitDone {
					t.Errorf("restore: exit code %d\n%s", code, said)
				}
				r.asBefore()
			})
		}
	})
	t.Logf("of a run of %v, killed after\n%s", whole.Round(time.Millisecond), strings.Join(seen, "\n"))
}

// killedWhere says how far the run had come.
func (r *hostRun) killedWhere() string {
	switch now := cmp.Equal(r.before, r.settings()); {
	case r.hasJournal() && now:
		return "journal, nothing changed"
	case r.hasJournal():
		return "journal, settings changed"
	case now:
		return "no journal, nothing changed"
	}
	return "NO JOURNAL, SETTINGS CHANGED"
}

// The moments that matter most are around the first write and the last: those are tried with the journal in sight. A
// restore that is killed, too, is no worse.
func TestNetNSHostSettingsSurviveKillsAtTheEdges(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for i := range 9 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			r := onPlayedHost(t)
			source := random(400 + i)
			r.start("--for", "100ms")
			r.until("journal", r.hasJournal)
			if i%3 == 1 {
				r.until("change", r.changed)
			}
			if i%3 == 2 {
				r.until("putting back", func() bool { return !r.changed() })
			}
			time.Sleep(upTo(source, time.Millisecond))
			r.kill()
			first := r.twomsl("sysctl", "restore", "--journal", r.journal())
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(upTo(source, 15*time.Millisecond))
			first.Process.Kill() //nolint:errcheck // it may have ended
			first.Wait()         //nolint:errcheck // as it did
			if code, said := r.restore(); code != exitDone {
				t.Errorf("restore: exit code %d\n%s", code, said)
			}
			r.asBefore()
		})
	}
}

// Under load the settings are in force; a run that is alive keeps restore and a second run out; killed, it keeps a
// second run out until restore has been run.
func TestNetNSHostSettingsAreHeld(t *testing.T) {
	t.Parallel()
	r := onPlayedHost(t)
	r.start("--for", "1m")
	r.until("change", r.changed)
	pid := strconv.Itoa(r.cmd.Process.Pid)
	if code, said := r.restore(); code != exitRefused || !strings.Contains(said, "process "+pid) {
		t.Errorf("restore under a run that is alive: exit code %d\n%s", code, said)
	}
	second := &hostRun{t: t, dir: r.dir, mark: r.mark, before: r.before}
	second.start("--set", "server.port=9090", "--for", "100ms")
	if code := second.wait(); code != exitRefused || !strings.Contains(second.out.String(), "process "+pid) {
		t.Errorf("a second run: exit code %d\n%s", code, second.out.String())
	}
	if !r.changed() {
		t.Error("the settings are gone under the run")
	}
	r.kill()
	if !r.changed() || !r.hasJournal() {
		t.Error("SIGKILL has put something back?")
	}
	third := &hostRun{t: t, dir: r.dir, mark: r.mark, before: r.before}
	third.start("--set", "server.port=9091", "--for", "100ms")
	if code := third.wait(); code != exitRefused || !strings.Contains(third.out.String(), "twomsl sysctl restore --journal") {
		t.Errorf("a run after that: exit code %d\n%s", code, third.out.String())
	}
	if code, said := r.restore(); code != exitDone || !strings.Contains(said, "net.ipv4.tcp_tw_reuse = 2  put back, it was 1") {
		t.Errorf("restore: exit code %d\n%s", code, said)
	}
	r.asBefore()
	if code, said := r.restore(); code != exitDone || !strings.Contains(said, "Nothing to put back") {
		t.Errorf("once more: exit code %d\n%s", code, said)
	}
}

// Ctrl-C, once and twice, puts the host's settings back.
func TestNetNSHostSettingsSurviveSignals(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for name, signals := range map[string][]syscall.Signal{
		"once": {syscall.SIGINT}, "twice": {syscall.SIGINT, syscall.SIGINT}, "terminated": {syscall.SIGTERM},
		"hung up": {syscall.SIGHUP},
	} {
		t.Run(name, func(t *testing.T) {
			r := onPlayedHost(t)
			r.start("--for", "1m")
			r.until("change", r.changed)
			for _, s := range signals {
				r.cmd.Process.Signal(s) //nolint:errcheck // it may have ended
				time.Sleep(20 * time.Millisecond)
			}
			if code := r.wait(); code != exitInterrupted {
				t.Errorf("exit code %d\n%s", code, r.out.String())
			}
			r.asBefore()
		})
	}
}

// `twomsl run ... 2>&1 | tee log`, and Ctrl-C, which ends tee, too: what is written to the pipe then must not end the run
// before the host's settings are put back.
func TestNetNSHostSettingsSurviveAClosedPipe(t *testing.T) {
	t.Parallel()
	r := onPlayedHost(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.pipe = writer
	r.start("--for", "1m")
	if err := errors.Join(writer.Close(), reader.Close()); err != nil {
		t.Fatal(err)
	}
	r.until("change", r.changed)
	r.cmd.Process.Signal(syscall.SIGINT) //nolint:errcheck // it goes on for a minute
	r.wait()
	r.asBefore()
}

// A side that dies fails the run, and the host's settings are put back.
func TestNetNSHostSettingsSurviveAFailure(t *testing.T) {
	t.Parallel()
	r := onPlayedHost(t)
	r.start("--for", "1m")
	r.until("change", r.changed)
	var peers []int
	r.until("the peers", func() bool { peers = descendants(r.cmd.Process.Pid); return len(peers) == 3 })
	syscall.Kill(peers[len(peers)-1], syscall.SIGKILL) //nolint:errcheck // the test sees whether the run fails
	if code := r.wait(); code != exitFailed {
		t.Errorf("exit code %d\n%s", code, r.out.String())
	}
	r.asBefore()
}

// What somebody changes during the run is theirs: it is left alone and named, and --force puts it back.
func TestNetNSHostSettingsChangedByOthers(t *testing.T) {
	t.Parallel()
	r := onPlayedHost(t)
	r.start("--for", "1m")
	r.until("journal that says what was applied", func() bool {
		text, err := os.ReadFile(r.journal())
		return err == nil && strings.Contains(string(text), `"applied": "5000"`)
	})
	nstest.Sysctl(t, "ipv4/tcp_max_tw_buckets", "777")
	r.cmd.Process.Signal(syscall.SIGINT) //nolint:errcheck // it goes on for a minute
	if code := r.wait(); code != exitFailed || !strings.Contains(r.out.String(), `net.ipv4.tcp_max_tw_buckets was left at "777"`) {
		t.Errorf("exit code %d\n%s", code, r.out.String())
	}
	if _, err := record.Read(filepath.Join(r.dir, "trial.json")); err != nil {
		t.Errorf("the record is lost: %v", err)
	}
	if code, said := r.restore(); code != exitFailed || !strings.Contains(said, "--force") {
		t.Errorf("restore: exit code %d\n%s", code, said)
	}
	if code, said := r.restore("--force"); code != exitDone {
		t.Errorf("forced: exit code %d\n%s", code, said)
	}
	r.asBefore()
}
