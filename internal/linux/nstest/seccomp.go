//go:build linux

package nstest

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbidden tells a process that io_uring_setup gives it EPERM.
const forbidden = "TWOMSL_TEST_NO_IO_URING"

// WithoutIOUring runs the calling test in a process of its own that may not use io_uring, by a seccomp filter as container
// runtimes have it, and nor may any process that it starts. It is used as Inside is.
func WithoutIOUring(t *testing.T) bool {
	t.Helper()
	if os.Getenv(forbidden) != "" {
		forbidIOUring(t)
		return true
	}
	ctx, cancel := context.WithTimeout(t.Context(), insideLimit)
	defer cancel()
	c := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.v",
		"-test.timeout="+insideLimit.String())
	c.Env = append(os.Environ(), forbidden+"=1")
	out, err := c.CombinedOutput()
	text := string(out)
	if err == nil && strings.Contains(text, "--- SKIP: "+t.Name()+" ") {
		t.Skip(text)
	}
	if err != nil || !strings.Contains(text, "--- PASS: "+t.Name()+" ") {
		t.Fatalf("without io_uring: %v\n%s", err, text)
	}
	t.Log(text)
	return false
}

// forbidIOUring has io_uring_setup fail with EPERM on every thread, for good.
func forbidIOUring(t *testing.T) {
	t.Helper()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // struct seccomp_data begins with the call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_IO_URING_SETUP, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatalf("PR_SET_NO_NEW_PRIVS: %v", err)
	}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)))
	if e != 0 {
		t.Skipf("seccomp: %v", e)
	}
}
