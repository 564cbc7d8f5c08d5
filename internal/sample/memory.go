package sample

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Resident is how much memory the process of the directory proc holds, in bytes: the second number of its statm, in
// pages (fs/proc/array.c).
func Resident(proc string) (int64, error) {
	text, err := os.ReadFile(proc + "/statm")
	if err != nil {
		return 0, err
	}
	pages, err := residentPages(string(text))
	if err != nil {
		return 0, fmt.Errorf("%s/statm: %w", proc, err)
	}
	return pages * int64(os.Getpagesize()), nil
}

func residentPages(text string) (int64, error) {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("%q has no second number", text)
	}
	n, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no number of pages", fields[1])
	}
	return n, nil
}

// Slab is how much memory the kernel's small objects take on the whole host, in bytes: sockets, their files and inodes
// are among them. From the line Slab of /proc/meminfo.
func Slab() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	n, err := slabOf(string(text))
	if err != nil {
		return 0, fmt.Errorf("/proc/meminfo: %w", err)
	}
	return n, nil
}

func slabOf(text string) (int64, error) {
	for line := range strings.Lines(text) {
		value, is := strings.CutPrefix(line, "Slab:")
		if !is {
			continue
		}
		kb, inKB := strings.CutSuffix(strings.TrimSpace(value), " kB")
		n, err := strconv.ParseInt(strings.TrimSpace(kb), 10, 64)
		if !inKB || err != nil || n < 0 {
			return 0, fmt.Errorf("%q is no size in kB", strings.TrimSpace(value))
		}
		return n << 10, nil
	}
	return 0, errors.New("no line Slab")
}
