//go:build linux

package nstest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outside names, for a process that was started in a private namespace, the one in which its parent began.
const outside = "TWOMSL_TEST_OUTSIDE"

// insideLimit bounds a test that runs in a process of its own.
const insideLimit = 2 * time.Minute

// Inside runs the calling test in a process of its own whose every thread is in a new network namespace: for code that
// opens sockets on threads of its own. It is true in that process; in the first process it has reported what the other
// came to, and the test is to return:
//
//	if !nstest.Inside(t) {
//		return
//	}
//
// It must be the first call of a test that is no subtest.
func Inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(outside) != "" {
		proveMoved(t)
		if err := linkUp("lo"); err != nil {
			t.Fatalf("bringing lo up in a new network namespace: %v", err)
		}
		return true
	}
	ctx, cancel := context.WithTimeout(t.Context(), insideLimit)
	defer cancel()
	c := insideCommand(ctx, "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.v", "-test.timeout="+insideLimit.String())
	out, err := c.CombinedOutput()
	if c.Process == nil {
		unavailable(t, err)
	}
	text := string(out)
	if err == nil && strings.Contains(text, "--- SKIP: "+t.Name()+" ") {
		t.Skip(text)
	}
	if err != nil || !strings.Contains(text, "--- PASS: "+t.Name()+" ") {
		t.Fatalf("in a namespace: %v\n%s", err, text)
	}
	t.Log(text)
	return false
}

// BenchInside, called by TestMain before all else, moves a process that is to run benchmarks into a new network
// namespace by starting it anew, where that can be done, and then ends with the other's exit code. Elsewhere it
// returns, and benchmarks use the loopback device that there is.
func BenchInside() {
	if os.Getenv(outside) != "" {
		if err := linkUp("lo"); err != nil {
			fmt.Fprintln(os.Stderr, "bringing lo up in a new network namespace:", err)
			os.Exit(1)
		}
		return
	}
	benches := false
	for _, a := range os.Args[1:] {
		benches = benches || strings.HasPrefix(strings.TrimLeft(a, "-"), "test.bench=")
	}
	if !benches {
		return
	}
	c := insideCommand(context.Background(), os.Args[1:]...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "no network namespace can be made here, benchmarks use this one's lo:", err)
		return
	}
	if err := c.Wait(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func insideCommand(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "/proc/self/exe", args...)
	c.Env = append(os.Environ(), outside+"="+initial)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	return c
}
