// Package machine reads what a record says of the machine it was made on, and checks before a run what the machine can
// do. It only looks: nothing is written, set or started.
//
// Every reader takes a root, the folder under which proc and sys are; "" is this machine. What cannot be read is left
// out with the reason in Environment.Unmeasured, under the field's JSON name, and becomes null in the record.
package machine

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// Options tells Read where to look.
type Options struct {
	// Root is the folder under which proc and sys are; "" is this machine.
	Root string
	// Link is the link whose offloads are read, in the calling thread's network namespace; "" leaves them out.
	Link string
}

// reader collects the gaps while it reads.
type reader struct {
	root string
	gaps map[string]string
}

func (r reader) file(name string) (string, error) {
	data, err := os.ReadFile(filepath.Join(r.root, "/", name))
	return strings.TrimSpace(string(data)), err
}

// text is the whole of a file, for the field named.
func (r reader) text(field, name string) string {
	s, err := r.file(name)
	r.gap(field, err)
	return s
}

func (r reader) gap(field string, err error) {
	if err != nil {
		r.gaps[field] = err.Error()
	}
}

// Read looks at the machine. Pinned and StealSeconds are the trial's to fill.
func Read(opt Options) record.Environment {
	r := reader{root: opt.Root, gaps: make(map[string]string)}
	e := record.Environment{
		Kernel:      r.text("kernel", "proc/sys/kernel/osrelease"),
		Build:       r.text("build", "proc/version"),
		BootID:      r.text("boot_id", "proc/sys/kernel/random/boot_id"),
		CommandLine: r.text("command_line", "proc/cmdline"),
		Arch:        runtime.GOARCH,
		Go:          runtime.Version(),
		Mitigations: r.mitigations(),
		Unmeasured:  r.gaps,
	}
	var err error
	e.CPUModel, err = r.cpuModel()
	r.gap("cpu_model", err)
	e.CPUs, err = r.cpus()
	r.gap("cpus", err)
	e.CPUsAllowed, err = r.field("proc/self/status", "Cpus_allowed_list")
	r.gap("cpus_allowed", err)
	e.CgroupQuota, err = r.cpuQuota()
	r.gap("cgroup_quota_cpus", err)
	e.MemoryBytes, err = r.memory()
	r.gap("memory_bytes", err)
	e.LoadAverage, err = r.loadAverage()
	r.gap("load_average", err)
	e.HZ, err = linux.TickHZ()
	r.gap("hz", err)
	e.EHashBuckets, err = r.ehash()
	r.gap("ehash_buckets", err)
	e.Root, err = r.realRoot()
	r.gap("root", err)
	e.NoFileLimit, err = hardNoFile()
	r.gap("no_file_limit", err)
	if _, ok := Steal(opt.Root); !ok {
		r.gaps["steal_seconds"] = "/proc/stat has no steal column"
	}
	if opt.Link == "" {
		r.gaps["offloads"] = "no link was looked at"
	} else {
		e.Offloads, err = linux.Offloads(opt.Link)
		r.gap("offloads", err)
	}
	return e
}

// field is the value behind "NAME:" in a file of such lines.
func (r reader) field(file, name string) (string, error) {
	data, err := r.file(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(data) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("/%s has no %q", file, name)
}

// cpuModel takes x86's name of the model, else what arm64 has instead of one.
func (r reader) cpuModel() (string, error) {
	for _, name := range []string{"model name", "cpu model", "cpu"} { // x86; mips and loongarch; powerpc
		if model, err := r.field("proc/cpuinfo", name); err == nil && model != "" {
			return model, nil
		}
	}
	implementer, err := r.field("proc/cpuinfo", "CPU implementer")
	if err != nil {
		return "", errors.New("/proc/cpuinfo names no model")
	}
	part, err := r.field("proc/cpuinfo", "CPU part")
	return "implementer " + implementer + " part " + part, err
}

func (r reader) cpus() (int, error) {
	list, err := r.file("sys/devices/system/cpu/online")
	if err != nil {
		return 0, err
	}
	return countList(list)
}

// countList counts what a list in the kernel's form (0-3,8,10-11) names.
func countList(list string) (int, error) {
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		low, errLow := strconv.Atoi(first)
		high, errHigh := strconv.Atoi(last)
		if errLow != nil || errHigh != nil || low < 0 || high < low {
			return 0, fmt.Errorf("%q is no list of processors", list)
		}
		n += high - low + 1
	}
	return n, nil
}

// mitigations has one row for each file in the kernel's folder of processor vulnerabilities.
func (r reader) mitigations() map[string]string {
	const folder = "sys/devices/system/cpu/vulnerabilities"
	entries, err := os.ReadDir(filepath.Join(r.root, "/", folder))
	if err != nil {
		r.gap("mitigations", err)
		return nil
	}
	all := make(map[string]string, len(entries))
	for _, e := range entries {
		if text, err := r.file(filepath.Join(folder, e.Name())); err == nil {
			all[e.Name()] = text
		}
	}
	return all
}

// memory is all that the kernel manages, in bytes (MemTotal counts in KiB, whatever it says).
func (r reader) memory() (int64, error) {
	text, err := r.field("proc/meminfo", "MemTotal")
	if err != nil {
		return 0, err
	}
	kib, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/meminfo: MemTotal is %q", text)
	}
	return kib * 1024, nil
}

// loadAverage is the three averages, over 1, 5 and 15 minutes.
func (r reader) loadAverage() (string, error) {
	text, err := r.file("proc/loadavg")
	if err != nil {
		return "", err
	}
	f := strings.Fields(text)
	if len(f) < 3 {
		return "", fmt.Errorf("/proc/loadavg is %q", text)
	}
	return strings.Join(f[:3], " "), nil
}

// ehash is the number of buckets of the hash of established and TIME_WAIT sockets that the calling thread's namespace
// uses. A namespace that shares the host's shows its size as a negative number (Documentation/networking/ip-sysctl).
func (r reader) ehash() (*int64, error) {
	text, err := r.file("proc/sys/net/ipv4/tcp_ehash_entries")
	if err != nil {
		return nil, fmt.Errorf("%w (net.ipv4.tcp_ehash_entries came with Linux 6.1)", err)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("net.ipv4.tcp_ehash_entries is %q", text)
	}
	n = max(n, -n)
	return &n, nil
}

// realRoot tells root of the machine from root of a user namespace, where user 0 is mapped to somebody else.
func (r reader) realRoot() (bool, error) {
	text, err := r.file("proc/self/uid_map")
	if err != nil {
		return false, err
	}
	everybody := strings.Join(strings.Fields(text), " ") == "0 0 4294967295"
	return everybody && os.Geteuid() == 0, nil
}

// hardNoFile is the most descriptors that a process of this user may have.
func hardNoFile() (int64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("getrlimit: %w", err)
	}
	return int64(min(uint64(limit.Max), math.MaxInt64)), nil
}

// userHZ is the unit of /proc/stat: a hundredth of a second, whatever the kernel's tick (USER_HZ).
const userHZ = 100

// Steal is the time since boot, in seconds, that a hypervisor gave to others while this machine had work to do, all
// processors added. A trial takes the difference of two. It is false where the kernel does not show it.
func Steal(root string) (seconds float64, ok bool) {
	f, err := os.Open(filepath.Join(root, "/", "proc/stat"))
	if err != nil {
		return 0, false
	}
	defer f.Close()
	first, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return 0, false
	}
	const steal = 8 // cpu user nice system idle iowait irq softirq steal
	columns := strings.Fields(first)
	if len(columns) <= steal || columns[0] != "cpu" {
		return 0, false
	}
	ticks, err := strconv.ParseUint(columns[steal], 10, 64)
	return float64(ticks) / userHZ, err == nil
}
