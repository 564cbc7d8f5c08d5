//go:build linux

package foreign

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"twomsl/internal/record"
)

// userHZ is the unit of times in /proc/PID/stat on every architecture that Linux shows to programs (USER_HZ).
const userHZ = 100

// CPU is what all processes of this network namespace but this one have used so far: a side's namespace has nobody in it
// but the side and what it started. In steps of 10 ms. Processes that have ended are in it through their parents.
func CPU() (record.CPU, error) {
	var sum record.CPU
	mine, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return sum, fmt.Errorf("processor time of a command: %w", err)
	}
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return sum, fmt.Errorf("processor time of a command: %w", err)
	}
	namespaces, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		return sum, fmt.Errorf("processor time of a command: %w", err)
	}
	for _, link := range namespaces {
		dir := filepath.Dir(filepath.Dir(link))
		if theirs, err := os.Readlink(link); err != nil || theirs != mine || filepath.Base(dir) == self {
			continue // gone, not ours to see, or not in this namespace
		}
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return sum, fmt.Errorf("processor time of a command: %w", err)
		}
		if err := addTimes(&sum, stat); err != nil {
			return sum, fmt.Errorf("processor time of a command: %s: %w", dir, err)
		}
	}
	return sum, nil
}

// addTimes adds utime, stime, cutime and cstime of a line of /proc/PID/stat, fields 14 to 17 (proc_pid_stat(5)). The
// second field, the name, may hold anything, and ends at the last parenthesis.
func addTimes(sum *record.CPU, stat []byte) error {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const utime = 14 - 3 // the third field is the first after the name
	if len(fields) < utime+4 {
		return fmt.Errorf("%d fields after the name, too few for a time", len(fields))
	}
	var ticks [4]float64
	for i := range ticks {
		n, err := strconv.ParseUint(string(fields[utime+i]), 10, 64)
		if err != nil {
			return err
		}
		ticks[i] = float64(n)
	}
	sum.UserSeconds += (ticks[0] + ticks[2]) / userHZ
	sum.SystemSeconds += (ticks[1] + ticks[3]) / userHZ
	return nil
}
