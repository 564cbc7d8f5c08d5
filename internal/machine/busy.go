package machine

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"twomsl/internal/record"
)

// Times is how this machine's processors have spent their time since boot, and how much of it was ours, in seconds.
type Times struct {
	All, Idle, Steal float64
	// Interrupts are of interrupts and of what follows them: those of our own connections, too, and nobody can tell them apart.
	Interrupts float64
	// Ours is that of this process and of its children that have ended.
	Ours float64
	// Load is the average of runnable tasks over the last minute.
	Load float64
}

// ReadTimes looks at /proc/stat under root. It is false where the kernel does not show it.
func ReadTimes(root string) (t Times, ok bool) {
	f, err := os.Open(filepath.Join(root, "/", "proc/stat"))
	if err != nil {
		return t, false
	}
	defer f.Close()
	first, err := bufio.NewReader(f).ReadString('\n')
	columns := strings.Fields(first)
	const idle, iowait, irq, softirq, steal = 4, 5, 6, 7, 8 // cpu user nice system idle iowait irq softirq steal guest guest_nice
	if err != nil || len(columns) <= steal || columns[0] != "cpu" {
		return t, false
	}
	for i, text := range columns[1 : steal+1] { // guest time is in user time already
		ticks, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return t, false
		}
		seconds := float64(ticks) / userHZ
		t.All += seconds
		switch i + 1 {
		case idle, iowait:
			t.Idle += seconds
		case irq, softirq:
			t.Interrupts += seconds
		case steal:
			t.Steal += seconds
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if err := syscall.Getrusage(who, &used); err != nil {
			return t, false
		}
		for _, v := range []syscall.Timeval{used.Utime, used.Stime} {
			t.Ours += float64(v.Sec) + float64(v.Usec)/1e6
		}
	}
	data, _ := os.ReadFile(filepath.Join(root, "/", "proc/loadavg"))
	if f := strings.Fields(string(data)); len(f) > 0 {
		t.Load, _ = strconv.ParseFloat(f[0], 64)
	}
	return t, true
}

// Busy is how busy the machine was with other things from one moment to another.
func Busy(from, to Times) (h record.GateHost) {
	load := from.Load
	h.LoadBefore = &load
	all := to.All - from.All
	if !(all > 0) {
		return h
	}
	share := func(seconds float64) *float64 {
		v := min(1, max(0, seconds/all))
		return &v
	}
	h.StealShare = share(to.Steal - from.Steal)
	h.OthersShare = share(all - (to.Idle - from.Idle) - (to.Steal - from.Steal) - (to.Interrupts - from.Interrupts) - (to.Ours - from.Ours))
	return h
}
