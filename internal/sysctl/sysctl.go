// Package sysctl reads, writes and compares the kernel's network settings.
//
// It parses what people paste (sysctl.conf text, the output of sysctl -a), writes it into the network namespace of the
// calling thread, reads every value back, and says of each setting that could not be had why not. Only settings below
// net/ are ever written: those are the ones that a network namespace has of its own, all others are the host's.
//
// /proc/sys/net shows the namespace of the thread that opens a file in it, so a caller that has moved a thread into a
// namespace must be locked to that thread (runtime.LockOSThread) while it calls Read, Apply or Snapshot.
//
// Keys have one form here, the dotted one of sysctl(8): net.ipv4.tcp_tw_reuse; a slash stands for a dot inside a
// name: net.ipv4.conf.eth0/100.rp_filter is the file net/ipv4/conf/eth0.100/rp_filter. In values each run of white
// space is one space.
package sysctl

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// DefaultRoot is where the kernel shows its settings.
const DefaultRoot = "/proc/sys"

// Setting is one value to write.
type Setting struct {
	Key, Value string
	// Optional is set by a leading "-" in sysctl.conf: that it cannot be had is no failure.
	Optional bool
	// File and LineNo are where it was read, for messages; "" and 0 where it was not read from a file.
	File   string
	LineNo int
}

// Place is "file:line: ", or nothing where the setting was not read from a file.
func (s Setting) Place() string {
	if s.File == "" {
		return ""
	}
	return s.File + ":" + strconv.Itoa(s.LineNo) + ": "
}

// Settings is what a list, such as the lines of files, comes to: of a key that is there more than once the last one
// counts, at its own place in the order. Keys and values come out in their one form.
func Settings(list []Setting) []Setting {
	last := make(map[string]int, len(list))
	for i, s := range list {
		last[canonical(s.Key)] = i
	}
	out := make([]Setting, 0, len(last))
	for i, s := range list {
		s.Key, s.Value = canonical(s.Key), normalise(s.Value)
		if last[s.Key] == i {
			out = append(out, s)
		}
	}
	return out
}

// The kernel wants ip_unprivileged_port_start <= the low end of ip_local_port_range at every moment
// (net/ipv4/sysctl_net_ipv4.c, ipv4_local_port_range and ipv4_privileged_ports).
const (
	portRange         = "net.ipv4.ip_local_port_range"
	unprivilegedStart = "net.ipv4.ip_unprivileged_port_start"
	freshLow          = 32768 // the low end in a new namespace
)

// Ordered turns a map, which has no order, into settings that a new namespace takes: sorted by key, and the two port
// settings that depend on each other in the order in which the kernel accepts both.
func Ordered(m map[string]string) []Setting {
	out := make([]Setting, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Setting{Key: canonical(k), Value: normalise(m[k])})
	}
	at := func(key string) int { return slices.IndexFunc(out, func(s Setting) bool { return s.Key == key }) }
	r, u := at(portRange), at(unprivilegedStart)
	if r < 0 || u < 0 {
		return out
	}
	if start, err := strconv.Atoi(out[u].Value); (err != nil || start <= freshLow) == (r < u) {
		out[r], out[u] = out[u], out[r]
	}
	return out
}

func normalise(value string) string { return strings.Join(strings.Fields(value), " ") }

// Same tells whether the kernel takes two values of a key for one.
func Same(key, a, b string) bool {
	if canonical(key) == reservedPorts {
		x, okX := ports(a)
		y, okY := ports(b)
		return okX && okY && x == y
	}
	return same(a, b)
}

// reservedPorts is a list that the kernel sorts and joins when it is read.
const reservedPorts = "net.ipv4.ip_local_reserved_ports"

// ports reads a list as proc_do_large_bitmap (kernel/sysctl.c) does: "8080,9000-9100". The empty list has none.
func ports(list string) (set [1 << 16]bool, ok bool) {
	if list == "" {
		return set, true
	}
	for part := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, errFrom := strconv.ParseUint(low, 10, 16)
		to, errTo := strconv.ParseUint(high, 10, 16)
		if errFrom != nil || errTo != nil || from > to {
			return set, false
		}
		for p := from; p <= to; p++ {
			set[p] = true
		}
	}
	return set, true
}

// same tells whether two values are equal, or equal number by number (0x403 reads back as 1027; lib/kstrtox.c: 0x is
// hexadecimal, a leading 0 octal).
func same(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	return slices.EqualFunc(x, y, func(v, w string) bool {
		if v == w {
			return true
		}
		n, errN := kernelInt(v)
		m, errM := kernelInt(w)
		return errN == nil && errM == nil && n == m
	})
}

func kernelInt(s string) (int64, error) {
	digits, negative := strings.CutPrefix(s, "-")
	base := 10
	switch {
	case strings.HasPrefix(digits, "0x"), strings.HasPrefix(digits, "0X"):
		digits, base = digits[2:], 16
	case len(digits) > 1 && digits[0] == '0':
		base = 8
	}
	n, err := strconv.ParseUint(digits, base, 63)
	if negative {
		return -int64(n), err
	}
	return int64(n), err
}
