package sample

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Descriptors counts the descriptors that a process holds, by its directory: /proc/self or /proc/PID. It needs none of
// its own from Linux 6.2 on, where the size of PROC/fd is their number (proc_fd_getattr).
func Descriptors(proc string) (int64, error) {
	dir, err := os.Stat(proc + "/fd")
	if err != nil {
		return 0, err
	}
	if n := dir.Size(); n > 0 {
		return n, nil
	}
	names, err := os.ReadDir(proc + "/fd")
	n := int64(len(names))
	if proc == "/proc/self" && n > 0 {
		n-- // that of the directory itself
	}
	return n, err
}

// DescriptorLimit is how many descriptors a process may hold (RLIMIT_NOFILE, soft).
func DescriptorLimit(proc string) (int64, error) {
	text, err := os.ReadFile(proc + "/limits")
	if err != nil {
		return 0, err
	}
	n, err := parseDescriptorLimit(string(text))
	if err != nil {
		return 0, fmt.Errorf("%s/limits: %w", proc, err)
	}
	return n, nil
}

// parseDescriptorLimit finds the soft limit in /proc/PID/limits (fs/proc/base.c, proc_pid_limits).
func parseDescriptorLimit(text string) (int64, error) {
	const name = "Max open files"
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(line, name)
		if !found {
			continue
		}
		words := strings.Fields(rest)
		if len(words) == 0 {
			break
		}
		n, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("%s: %q is no number of descriptors", name, words[0])
		}
		return n, nil
	}
	return 0, errors.New("no line " + name)
}
