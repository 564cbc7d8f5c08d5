package machine

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plain is a machine with version 2 cgroups and no limits.
var plain = map[string]string{
	"proc/sys/kernel/osrelease":                     "6.18.1\n",
	"proc/version":                                  "Linux version 6.18.1 (a@b) #1 SMP\n",
	"proc/sys/kernel/random/boot_id":                "6b0f-1\n",
	"proc/cmdline":                                  "quiet mitigations=off\n",
	"proc/cpuinfo":                                  "processor\t: 0\nmodel\t\t: 17\nmodel name\t: Some CPU\n",
	"proc/self/status":                              "Name:\tx\nCapEff:\t000001ffffffffff\nCpus_allowed_list:\t0-2,5\n",
	"proc/self/cgroup":                              "0::/user/a.slice\n",
	"proc/self/mountinfo":                           "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
	"proc/self/uid_map":                             "         0          0 4294967295\n",
	"proc/self/ns/net":                              "",
	"proc/self/ns/user":                             "",
	"proc/meminfo":                                  "MemTotal:       2000 kB\nMemFree: 5 kB\n",
	"proc/loadavg":                                  "0.04 0.03 0.00 1/87 5082\n",
	"proc/stat":                                     "cpu  2364 0 1452 270369 118 0 21 1250 0 0\ncpu0 1\n",
	"proc/slabinfo":                                 "slabinfo - version: 2.1\ntw_sock_TCP 0 0 256\n",
	"proc/sys/net/ipv4/tcp_ehash_entries":           "-262144\n",
	"proc/sys/user/max_net_namespaces":              "100\n",
	"proc/sys/user/max_user_namespaces":             "100\n",
	"sys/devices/system/cpu/online":                 "0-3,8\n",
	"sys/devices/system/cpu/vulnerabilities/l1tf":   "Not affected\n",
	"sys/devices/system/cpu/vulnerabilities/srbds":  "Mitigation: x\n",
	"sys/fs/cgroup/user/a.slice/cpu.max":            "max 100000\n",
	"sys/fs/cgroup/user/a.slice/memory.max":         "max\n",
	"sys/fs/cgroup/user/pids.max":                   "max\n",
	"sys/fs/cgroup/user/memory.max":                 "1073741824\n",
	"proc/sys/kernel/unprivileged_userns_clone":     "1\n",
	"proc/sys/kernel/io_uring_disabled":             "0\n",
	"sys/fs/cgroup/cpu/elsewhere/cpu.cfs_quota_us":  "1\n",
	"sys/fs/cgroup/cpu/elsewhere/cpu.cfs_period_us": "100000\n",
}

// fakeRoot is plain with some files changed; "-" leaves one out.
func fakeRoot(t *testing.T, changes map[string]string) string {
	t.Helper()
	root := t.TempDir()
	files := maps.Clone(plain)
	maps.Copy(files, changes)
	for name, text := range files {
		if text == "-" {
			continue
		}
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestReadOfAPlainMachine(t *testing.T) {
	e := Read(Options{Root: fakeRoot(t, nil)})
	if e.Kernel != "6.18.1" || e.Build != "Linux version 6.18.1 (a@b) #1 SMP" || e.CommandLine != "quiet mitigations=off" || e.BootID != "6b0f-1" {
		t.Errorf("kernel: %q, %q, %q, boot %q", e.Kernel, e.Build, e.CommandLine, e.BootID)
	}
	if e.CPUModel != "Some CPU" || e.CPUs != 5 || e.CPUsAllowed != "0-2,5" || e.MemoryBytes != 2_048_000 {
		t.Errorf("processors and memory: %q, %d, %q, %d", e.CPUModel, e.CPUs, e.CPUsAllowed, e.MemoryBytes)
	}
	if e.CgroupQuota != nil || e.LoadAverage != "0.04 0.03 0.00" || e.EHashBuckets == nil || *e.EHashBuckets != 262144 {
		t.Errorf("quota %v, load %q, buckets %v", e.CgroupQuota, e.LoadAverage, e.EHashBuckets)
	}
	want := map[string]string{"l1tf": "Not affected", "srbds": "Mitigation: x"}
	if d := cmp.Diff(want, e.Mitigations); d != "" {
		t.Error(d)
	}
	if e.Root != (os.Geteuid() == 0) || e.HZ < 24 || e.NoFileLimit <= 0 || e.Arch == "" || e.Go == "" {
		t.Errorf("root %v, hz %d, descriptors %d, %q, %q", e.Root, e.HZ, e.NoFileLimit, e.Arch, e.Go)
	}
	if d := cmp.Diff(map[string]string{"offloads": "no link was looked at"}, e.Unmeasured); d != "" {
		t.Error(d)
	}
}

func TestReadOfNothingHasAReasonForEachGap(t *testing.T) {
	e := Read(Options{Root: t.TempDir(), Link: "no-such-link"})
	for _, field := range []string{
		"kernel", "build", "boot_id", "command_line", "cpu_model", "cpus", "cpus_allowed", "mitigations", "cgroup_quota_cpus",
		"memory_bytes", "load_average", "ehash_buckets", "root", "steal_seconds", "offloads",
	} {
		if e.Unmeasured[field] == "" {
			t.Errorf("%s is missing without a reason", field)
		}
	}
	if len(e.Unmeasured) != 15 {
		t.Errorf("reasons for what could be read: %v", e.Unmeasured)
	}
}

func TestReadOfOddFiles(t *testing.T) {
	for name, c := range map[string]struct {
		file, text, field string
	}{
		"no steal column":     {"proc/stat", "cpu 1 2 3 4 5 6 7\n", "steal_seconds"},
		"an empty online":     {"sys/devices/system/cpu/online", "\n", "cpus"},
		"online backwards":    {"sys/devices/system/cpu/online", "3-0\n", "cpus"},
		"memory in words":     {"proc/meminfo", "MemTotal: lots\n", "memory_bytes"},
		"half a load average": {"proc/loadavg", "0.04\n", "load_average"},
		"no hash":             {"proc/sys/net/ipv4/tcp_ehash_entries", "0\n", "ehash_buckets"},
		"no model":            {"proc/cpuinfo", "processor : 0\n", "cpu_model"},
	} {
		e := Read(Options{Root: fakeRoot(t, map[string]string{c.file: c.text})})
		if e.Unmeasured[c.field] == "" {
			t.Errorf("%s: %s has no gap", name, c.field)
		}
	}
	arm := fakeRoot(t, map[string]string{"proc/cpuinfo": "processor : 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"})
	if e := Read(Options{Root: arm}); e.CPUModel != "implementer 0x41 part 0xd0c" {
		t.Errorf("arm64's model: %q", e.CPUModel)
	}
	mapped := fakeRoot(t, map[string]string{"proc/self/uid_map": "0 1000 1\n"})
	if e := Read(Options{Root: mapped}); e.Root {
		t.Error("root of a user namespace passes for root of the machine")
	}
}

func TestCPUQuota(t *testing.T) {
	const (
		v2     = "sys/fs/cgroup/"
		v1     = "sys/fs/cgroup/cpu,cpuacct/"
		v1Info = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
	)
	own := map[string]string{v2 + "user/a.slice/cpu.max": "150000 100000\n"}
	for name, c := range map[string]struct {
		files map[string]string
		want  float64 // 0: no quota
	}{
		"none":              {nil, 0},
		"own group":         {own, 1.5},
		"the group above":   {map[string]string{v2 + "user/cpu.max": "50000 100000"}, 0.5},
		"the top":           {map[string]string{v2 + "cpu.max": "300000 100000"}, 3},
		"the tightest wins": {map[string]string{v2 + "user/a.slice/cpu.max": "20 10", v2 + "user/cpu.max": "5 10"}, 0.5},
		"version 1": {map[string]string{
			"proc/self/cgroup": "4:cpu,cpuacct:/x/y\n3:cpuset:/z\n0::/\n", "proc/self/mountinfo": v1Info,
			v1 + "x/y/cpu.cfs_quota_us": "-1", v1 + "x/y/cpu.cfs_period_us": "100000",
			v1 + "x/cpu.cfs_quota_us": "250000", v1 + "x/cpu.cfs_period_us": "100000",
		}, 2.5},
		"version 1 in a container": {map[string]string{ // the mount starts at the process's own group
			"proc/self/cgroup":          "4:cpu:/docker/1\n",
			"proc/self/mountinfo":       "32 31 0:29 /docker/1 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
			v2 + "cpu/cpu.cfs_quota_us": "70000", v2 + "cpu/cpu.cfs_period_us": "100000",
		}, 0.7},
		"a mount that starts elsewhere": {map[string]string{
			"proc/self/cgroup":          "4:cpu:/docker/1\n",
			"proc/self/mountinfo":       "32 31 0:29 /docker/2 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
			v2 + "cpu/cpu.cfs_quota_us": "70000", v2 + "cpu/cpu.cfs_period_us": "100000",
		}, 0.7},
		"nonsense": {map[string]string{v2 + "user/a.slice/cpu.max": "0 0\n"}, 0},
	} {
		e := Read(Options{Root: fakeRoot(t, c.files)})
		if reason := e.Unmeasured["cgroup_quota_cpus"]; reason != "" {
			t.Errorf("%s: %s", name, reason)
		}
		if got := e.CgroupQuota; got == nil && c.want != 0 || got != nil && *got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestSteal(t *testing.T) {
	if s, ok := Steal(fakeRoot(t, nil)); !ok || s != 12.5 {
		t.Errorf("%v, %v", s, ok)
	}
	for _, text := range []string{"-", "", "cpu 1 2 3\n", "intr 1 2 3 4 5 6 7 8 9\n", "cpu 1 2 3 4 5 6 7 x 9\n"} {
		if s, ok := Steal(fakeRoot(t, map[string]string{"proc/stat": text})); ok {
			t.Errorf("%q gave %v", text, s)
		}
	}
}

func TestReadOfThisMachine(t *testing.T) {
	e := Read(Options{Link: "lo"})
	for field, reason := range e.Unmeasured {
		t.Logf("%s: %s", field, reason)
	}
	if !e.Measured("kernel") || !strings.Contains(e.Build, e.Kernel) {
		t.Errorf("kernel %q is not in %q", e.Kernel, e.Build)
	}
	if n, err := countList(e.CPUsAllowed); err != nil || n < 1 || e.CPUs < n {
		t.Errorf("%d processors, allowed %q: %v", e.CPUs, e.CPUsAllowed, err)
	}
	if e.Measured("offloads") && len(e.Offloads) == 0 {
		t.Error("lo shows no feature")
	}
}
