//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// patience is how long a test waits for what must come; nothing is decided by how long it takes.
const patience = 2 * time.Minute

// outing is one run on a played host, which is watched: what the run's processes are, which network namespaces they
// have had, and what the host looks like afterwards.
type outing struct {
	t      *testing.T
	host   *exec.Cmd // playhost; its child is the host's first process, whose child is the conductor
	dir    string
	mark   string // in the environment of every process of the run
	stdout said
	stderr said
	ended  chan struct{}

	mu         sync.Mutex
	namespaces map[string]bool
}

// said is what a command has written so far, which may be asked for while it writes.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// markKey is the variable by which the processes of a run are known, however they came to be.
const markKey = "E2E_MARK="

// goOut starts `twomsl run ARGS` on a played host.
func goOut(t *testing.T, args ...string) *outing {
	t.Helper()
	o := &outing{t: t, dir: t.TempDir(), ended: make(chan struct{}), namespaces: map[string]bool{}}
	o.mark = fmt.Sprintf("%s%d-%d", markKey, os.Getpid(), rand.Uint64())
	line := append([]string{"--watch", "changed", "twomsl", "run", "--records", "rec"}, args...)
	o.host = exec.Command("playhost", line...)
	o.host.Dir = o.dir
	o.host.Env = append(os.Environ(), o.mark)
	o.host.Stdout, o.host.Stderr = &o.stdout, &o.stderr
	if err := o.host.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		o.host.Wait() //nolint:errcheck // the state is read from it
		close(o.ended)
	}()
	go o.watch()
	t.Cleanup(func() { o.killAll() })
	return o
}

// watch takes note of every network namespace that a process of the run is in.
func (o *outing) watch() {
	for {
		select {
		case <-o.ended:
			return
		case <-time.After(5 * time.Millisecond):
		}
		for _, pid := range append(descendants(o.host.Process.Pid), o.host.Process.Pid) {
			ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
			if err == nil && ns != hostNetNS {
				o.mu.Lock()
				o.namespaces[ns] = true
				o.mu.Unlock()
			}
		}
	}
}

// hostNetNS is where these tests run: not a namespace of the run, though its first process begins there.
var hostNetNS, _ = os.Readlink("/proc/self/ns/net")

// children gives the processes whose parent is pid.
func children(pid int) (out []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range all {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // it has just ended
		}
		// The name may hold anything: what follows its last parenthesis is state, parent ...
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			if n, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

func descendants(pid int) (out []int) {
	for _, c := range children(pid) {
		out = append(append(out, c), descendants(c)...)
	}
	return out
}

// wait polls until found has something, or the run has ended.
func (o *outing) wait(what string, found func() (int, bool)) int {
	o.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if n, ok := found(); ok {
			return n
		}
		select {
		case <-o.ended:
			o.t.Fatalf("the run has ended before %s\n%s%s", what, o.stdout.String(), o.stderr.String())
		default:
		}
	}
	o.t.Fatalf("no %s in %v", what, patience)
	return 0
}

// find gives the process of the run that plays a part, by parentage: conductor, lab, client or server.
func (o *outing) find(part string) int {
	o.t.Helper()
	return o.wait(part, func() (int, bool) {
		at := []int{o.host.Process.Pid}
		for range depth[part] {
			var next []int
			for _, pid := range at {
				next = append(next, children(pid)...)
			}
			at = next
		}
		for _, pid := range at {
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			words := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
			if err == nil && (depth[part] < 4 && slices.Contains(words, says[part]) || words[len(words)-1] == part) {
				return pid, true
			}
		}
		return 0, false
	})
}

// depth is how many generations below playhost a part stands; says is a word of its command line.
var (
	depth = map[string]int{"conductor": 2, "lab": 3, "client": 4, "relay": 4, "server": 4}
	says  = map[string]string{"conductor": "run", "lab": initCommand}
)

// waitForLoad waits until the client holds that many TIME_WAIT: the load is under way.
func (o *outing) waitForLoad(least int) {
	o.t.Helper()
	client := o.find("client")
	o.wait("load", func() (int, bool) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/sockstat", client))
		if err != nil {
			return 0, false
		}
		_, rest, _ := strings.Cut(string(text), " tw ")
		n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
		return n, n >= least
	})
}

func (o *outing) signal(pid int, s syscall.Signal) {
	o.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		o.t.Errorf("kill -%d %d: %v", s, pid, err)
	}
}

// end waits for the run and gives its exit code as the played host saw it.
func (o *outing) end() int {
	o.t.Helper()
	select {
	case <-o.ended:
	case <-time.After(patience):
		o.t.Fatalf("the run does not end; its processes: %v", descendants(o.host.Process.Pid))
	}
	return exitCode(o.t, o.host)
}

// marked gives the processes that carry the run's mark.
func (o *outing) marked() (out []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range all {
		text, err := os.ReadFile(f)
		if err == nil && slices.Contains(strings.Split(string(text), "\x00"), o.mark) {
			if n, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// killAll ends what a failed test has left.
func (o *outing) killAll() {
	for _, pid := range o.marked() {
		syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck // it may be gone by now
	}
	<-o.ended
}

// nothingLeft wants every process of the run and every namespace that it had to be gone, and the host as it was.
func (o *outing) nothingLeft() {
	o.t.Helper()
	if left := eventuallyNone(func() []string {
		var out []string
		for _, pid := range o.marked() {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			out = append(out, fmt.Sprintf("%d %q", pid, line))
		}
		return out
	}); len(left) > 0 {
		o.t.Errorf("processes are left: %v", left)
	}
	if left := eventuallyNone(o.namespacesLeft); len(left) > 0 {
		o.t.Errorf("network namespaces are left: %v", left)
	}
	changed, err := os.ReadFile(filepath.Join(o.dir, "changed"))
	if err != nil || len(changed) > 0 {
		o.t.Errorf("the host has changed (- before, + after): %v\n%s", err, changed)
	}
}

func (o *outing) namespacesLeft() (out []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all, _ := filepath.Glob("/proc/[0-9]*/ns/net")
	for _, f := range all {
		if ns, err := os.Readlink(f); err == nil && o.namespaces[ns] {
			out = append(out, f+" "+ns)
		}
	}
	return out
}

func eventuallyNone(find func() []string) (left []string) {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if left = find(); len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

// records reads all that is in the directory of records: nothing but whole records may be there.
func (o *outing) records() (out []*record.Trial) {
	o.t.Helper()
	files, err := os.ReadDir(filepath.Join(o.dir, "rec"))
	if err != nil && !os.IsNotExist(err) {
		o.t.Fatal(err)
	}
	for _, f := range files {
		r, err := record.Read(filepath.Join(o.dir, "rec", f.Name()))
		if err != nil {
			o.t.Errorf("among the records: %v", err)
			continue
		}
		out = append(out, r)
	}
	return out
}

// record is the one that the run must have left.
func (o *outing) record() *record.Trial {
	o.t.Helper()
	rs := o.records()
	if len(rs) != 1 {
		o.t.Fatalf("%d records\n%s%s", len(rs), o.stdout.String(), o.stderr.String())
	}
	return rs[0]
}

func (o *outing) noPanic() {
	o.t.Helper()
	if s := o.stderr.String(); strings.Contains(s, "panic") || strings.Contains(s, "goroutine ") {
		o.t.Errorf("standard error:\n%s", s)
	}
}

// random is a seeded source: the moments differ from each other, and are the same in every run of the test.
func random(n int) *rand.Rand { return rand.New(rand.NewPCG(2, uint64(n))) }

// upTo gives a time below most.
func upTo(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(most)))
}

// A conductor that is killed at any moment takes everything along.
func TestNetNSConductorKilled(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for n := range 20 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			o := goOut(t, "steady-200", "--rate", "500/s", "--for", "1s")
			pid := o.find("conductor")
			time.Sleep(upTo(random(n), 1400*time.Millisecond))
			syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck // it may have ended by itself
			if code := o.end(); code != 128+9 && code != 0 {
				t.Errorf("exit code %d\n%s", code, o.stderr.String())
			}
			o.noPanic()
			o.nothingLeft()
			if rs := o.records(); len(rs) > 0 && rs[0].Status != record.Complete {
				t.Errorf("a record says %s", rs[0].Status)
			}
		})
	}
}

// In the middle of the load, with all three namespaces standing.
func TestNetNSConductorKilledUnderLoad(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	o := goOut(t, "steady-200", "--rate", "1000/s")
	o.waitForLoad(100)
	if n := len(descendants(o.find("conductor"))); n != 3 {
		t.Errorf("the conductor has %d descendants", n)
	}
	o.signal(o.find("conductor"), syscall.SIGKILL)
	if code := o.end(); code != 128+9 {
		t.Errorf("exit code %d", code)
	}
	if n := len(o.namespaces); n < 4 { // the played host's, the lab's, and either side's
		t.Errorf("%d namespaces were seen", n)
	}
	o.nothingLeft()
	o.records()
}

// A side that dies is named in the record, which has all that was seen until then.
func TestNetNSPeerKilled(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for n := range 3 {
		for i, part := range []string{"lab", "client", "server"} {
			t.Run(fmt.Sprint(part, n), func(t *testing.T) {
				t.Parallel()
				o := goOut(t, "steady-200", "-o", "json")
				o.waitForLoad(200) // a second's worth: several samples have been told
				time.Sleep(upTo(random(100+10*n+i), 300*time.Millisecond))
				o.signal(o.find(part), syscall.SIGKILL)
				if code := o.end(); code != exitFailed {
					t.Errorf("exit code %d\n%s", code, o.stderr.String())
				}
				o.noPanic()
				o.nothingLeft()
				r := o.record()
				if r.Status != record.Failed || r.Failure == nil || r.Failure.Side != part {
					t.Fatalf("status %s, failure %+v; the %s was killed", r.Status, r.Failure, part)
				}
				if !strings.Contains(r.Failure.Text, "killed") {
					t.Errorf("failure %+v does not say how it ended", *r.Failure)
				}
				if len(r.Sides.Client.Samples) == 0 || len(r.Sides.Server.Samples) == 0 || r.Connections.Attempted == 0 {
					t.Errorf("kept: %d and %d samples, %d connections", len(r.Sides.Client.Samples),
						len(r.Sides.Server.Samples), r.Connections.Attempted)
				}
				if r.Phases.StoppedBy != "failure" || !strings.Contains(o.stderr.String(), part) {
					t.Errorf("stopped by %s; told:\n%s", r.Phases.StoppedBy, o.stderr.String())
				}
			})
		}
	}
}

// A part that dies while the lab is being made: the run has failed, and says who.
func TestNetNSPeerKilledEarly(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for n := range 3 {
		for i, part := range []string{"lab", "client", "server"} {
			t.Run(fmt.Sprint(part, n), func(t *testing.T) {
				t.Parallel()
				o := goOut(t, "steady-200", "--for", "20s")
				pid := o.find(part)
				time.Sleep(upTo(random(200+10*n+i), 60*time.Millisecond))
				o.signal(pid, syscall.SIGKILL)
				if code := o.end(); code != exitFailed {
					t.Errorf("exit code %d\n%s", code, o.stderr.String())
				}
				o.noPanic()
				o.nothingLeft()
				if told := o.stdout.String() + o.stderr.String(); !strings.Contains(told, part) {
					t.Errorf("nobody is told that the %s has died:\n%s", part, told)
				}
				if rs := o.records(); len(rs) > 0 && rs[0].Status != record.Failed {
					t.Errorf("a record says %s", rs[0].Status)
				}
			})
		}
	}
}

// A side that stands still for a second slows the run and does not break it.
func TestNetNSPeerStopped(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for _, part := range []string{"client", "server"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			o := goOut(t, "steady-200", "--for", "3s", "--set", "client.timeout=1m")
			o.waitForLoad(30)
			pid := o.find(part)
			o.signal(pid, syscall.SIGSTOP)
			time.Sleep(time.Second)
			o.signal(pid, syscall.SIGCONT)
			if code := o.end(); code != exitDone {
				t.Errorf("exit code %d\n%s", code, o.stderr.String())
			}
			o.nothingLeft()
			if r := o.record(); r.Status != record.Complete || r.Connections.OK == 0 || r.Connections.Failed != 0 {
				t.Errorf("%s, %+v", r.Status, r.Connections)
			}
		})
	}
}

// One signal: what is in flight is finished, and the record says interrupted.
func TestNetNSInterruptedOnce(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			o := goOut(t, "steady-200", "-o", "json")
			o.waitForLoad(30)
			o.signal(o.find("conductor"), s)
			if code := o.end(); code != exitInterrupted {
				t.Errorf("exit code %d\n%s", code, o.stderr.String())
			}
			o.noPanic()
			o.nothingLeft()
			r := o.record()
			if r.Status != record.Interrupted || r.Phases.StoppedBy != "interrupt" || r.Failure != nil {
				t.Errorf("%s, stopped by %s, %+v", r.Status, r.Phases.StoppedBy, r.Failure)
			}
			if c := r.Connections; c.OK < 30 || c.Unfinished != 0 || c.Attempted != c.OK+c.Failed {
				t.Errorf("%+v: not drained", c)
			}
			if !strings.Contains(o.stderr.String(), "stopping; what is in flight is finished") {
				t.Errorf("told: %s", o.stderr.String())
			}
		})
	}
}

// Two signals: it leaves at once, although a side that stands still cannot be asked for anything.
func TestNetNSInterruptedTwice(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	o := goOut(t, "steady-200", "--set", "client.timeout=5m")
	o.waitForLoad(30)
	conductor := o.find("conductor")
	o.signal(o.find("server"), syscall.SIGSTOP)
	o.signal(conductor, syscall.SIGINT)
	o.wait("the first signal's answer", func() (int, bool) { return 0, strings.Contains(o.stderr.String(), "stopping") })
	o.signal(conductor, syscall.SIGINT)
	if code := o.end(); code != exitInterrupted {
		t.Errorf("exit code %d\n%s", code, o.stderr.String())
	}
	o.noPanic()
	o.nothingLeft()
	if r := o.record(); r.Status != record.Interrupted || r.Failure != nil {
		t.Errorf("%s, %+v", r.Status, r.Failure)
	}
}

// A terminal that goes away: standard error breaks while the run goes on.
func TestNetNSClosedPipes(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	c := twomsl(t, "run", "steady-200", "--for", "300ms", "-o", "json")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = nil
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 10)); err != nil {
		t.Error(err)
	}
	out.Close()
	c.Wait() //nolint:errcheck // the code is looked at
	if code := exitCode(t, c); code != 128+int(syscall.SIGPIPE) && code != exitDone {
		t.Errorf("exit code %d", code)
	}
	files, err := filepath.Glob(filepath.Join(c.Dir, "twomsl-results", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("records: %v, %v", files, err)
	}
	if _, err := record.Read(files[0]); err != nil {
		t.Error(err)
	}
}
