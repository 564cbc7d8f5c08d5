//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hanging writes a program that starts another one, says so, and comes to no end; it gives its path and the other's number.
func hanging(t *testing.T) (path string, other func() int) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "hangs")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nsleep 1000 &\necho $! > "+dir+"/pid.tmp\nmv "+dir+"/pid.tmp "+dir+"/pid\nwait\n"), 0o700); err != nil { //nolint:gosec // a script
		t.Fatal(err)
	}
	return path, func() int {
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if text, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil {
				n, err := strconv.Atoi(strings.TrimSpace(string(text)))
				if err != nil {
					t.Error(err)
				}
				return n
			}
		}
		t.Error("the program never started")
		return 0
	}
}

// over waits until a process is gone, or no more than a zombie that waits for its parent.
func over(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Errorf("process %d is still there", pid)
}

// Another program that comes to no end is ended with all that it has started: at a first Ctrl-C, which it is told of, at a
// second, and after its time.
func TestAgainstAProgramThatHangs(t *testing.T) {
	t.Parallel()
	for _, second := range []bool{false, true} {
		path, other := hanging(t)
		soft, stop := context.WithCancel(context.Background())
		hard, end := context.WithCancel(context.Background())
		started := make(chan int, 1)
		go func() {
			started <- other()
			if stop(); second {
				end()
			}
		}()
		if _, err := askOther(soft, hard, patience, path, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("second %t: %v", second, err)
		}
		over(t, <-started)
		end()
	}
	path, _ := hanging(t)
	ctx := context.Background()
	if _, err := askOther(ctx, ctx, 100*time.Millisecond, path, nil); err == nil || !strings.Contains(err.Error(), "was not done after 100ms, and was ended") {
		t.Error(err)
	}
}
