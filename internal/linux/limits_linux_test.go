package linux

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childOfLimit tells the process that may have few descriptors.
const childOfLimit = "TWOMSL_TEST_LIMIT_DESCRIPTORS"

// From the limit on a call that would make a descriptor fails with EMFILE; the hard limit stays. In a process of its own.
func TestLimitDescriptors(t *testing.T) {
	if os.Getenv(childOfLimit) == "" {
		c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=1m")
		c.Env = append(os.Environ(), childOfLimit+"=1")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	_, hard, err := NoFile()
	if err != nil {
		t.Fatal(err)
	}
	const limit = 64
	if err := LimitDescriptors(limit); err != nil {
		t.Fatal(err)
	}
	last, e := -1, Errno(0)
	for range limit + 1 {
		var fd int
		if fd, e = Socket(false); e != 0 {
			break
		}
		last = max(last, fd)
	}
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	if e != EMFILE || last != limit-1 || r.Max != hard {
		t.Errorf("the last descriptor was %d, then %v; the hard limit is %d, was %d", last, e, r.Max, hard)
	}
	if err := LimitDescriptors(hard + 1); err != nil {
		t.Errorf("more than the hard limit: %v", err)
	}
}

// A descriptor that is removed wakes nobody any more.
func TestPollerRemove(t *testing.T) {
	p, e := OpenPoller()
	if e != 0 {
		t.Fatal(e)
	}
	defer p.Close()
	ends, err := SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer Close(ends[0])
	defer Close(ends[1])
	if e := p.AddListener(ends[0], 7); e != 0 {
		t.Fatal(e)
	}
	if _, e := Write(ends[1], []byte("x")); e != 0 {
		t.Fatal(e)
	}
	if n, e := p.Wait(time.Second); n != 1 || e != 0 || p.Event(0).Data != 7 {
		t.Errorf("%d events, %v: one was expected", n, e)
	}
	if e := p.Remove(ends[0]); e != 0 {
		t.Fatal(e)
	}
	if n, e := p.Wait(0); n != 0 || e != 0 {
		t.Errorf("%d events, %v: none was expected", n, e)
	}
	if e := p.Remove(ends[0]); e != Errno(syscall.ENOENT) {
		t.Errorf("removed twice: %v", e)
	}
}
