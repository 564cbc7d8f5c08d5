package sample

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Process is one process and the most memory that it has held (VmHWM of its status), in bytes.
type Process struct {
	PID  int
	Args []string
	Peak int64
}

// Family lists a process and all that come from it, by number. One that ends meanwhile is left out.
func Family(proc string, pid int) ([]Process, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if text, err := os.ReadFile(filepath.Join(proc, e.Name(), "status")); err == nil {
			if parent, err := statusNumber(string(text), "PPid"); err == nil {
				children[int(parent)] = append(children[int(parent)], n)
			}
		}
	}
	var out []Process
	for next := []int{pid}; len(next) > 0; next = next[1:] {
		p, err := readProcess(proc, next[0])
		if err != nil && next[0] == pid {
			return nil, err
		}
		if err == nil {
			out = append(out, p)
		}
		next = append(next, children[next[0]]...)
	}
	slices.SortFunc(out, func(a, b Process) int { return a.PID - b.PID })
	return out, nil
}

func readProcess(proc string, pid int) (Process, error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	text, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return Process{}, err
	}
	kib, err := statusNumber(string(text), "VmHWM")
	if err != nil {
		return Process{}, fmt.Errorf("%s/status: %w", dir, err)
	}
	args, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return Process{}, err
	}
	return Process{PID: pid, Peak: kib << 10, Args: strings.Split(strings.TrimRight(string(args), "\x00"), "\x00")}, nil
}

// statusNumber finds a number of /proc/PID/status, in kB where the kernel writes a unit.
func statusNumber(text, key string) (int64, error) {
	for line := range strings.Lines(text) {
		value, is := strings.CutPrefix(line, key+":")
		if !is {
			continue
		}
		value = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB"))
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("%s is %q", key, value)
		}
		return n, nil
	}
	return 0, fmt.Errorf("no line %s", key)
}
