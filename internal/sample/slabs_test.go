package sample

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const slabCachesText = `slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>
TCP                   79    130   2368   13    8 : tunables    0    0    0 : slabdata     10     10      0
eventpoll_epi        412    512    128   32    1 : tunables    0    0    0 : slabdata     16     17      0
`

func TestSlabCaches(t *testing.T) {
	got, err := slabCaches(fstest.MapFS{"proc/slabinfo": file(slabCachesText)}, 4096)
	if err != nil {
		t.Fatal(err)
	}
	nameMerged(got, map[string]string{
		"eventpoll_epi": ":A-0000128", "tcp_bind_bucket": ":A-0000128", "fib6_node": ":A-0000128", "files_cache": ":A-0000704",
	})
	want := map[string]SlabCache{
		"TCP":           {Name: "TCP", Also: []string{}, ObjectBytes: 2368, Objects: 79, Bytes: 10 * 8 * 4096},
		"eventpoll_epi": {Name: "eventpoll_epi", Also: []string{"fib6_node", "tcp_bind_bucket"}, ObjectBytes: 128, Objects: 412, Bytes: 17 * 4096},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestSlabCachesSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"hello": "not in format 2",
		strings.Replace(slabCachesText, "slabdata", "data", 2):               "no line of a cache",
		strings.Replace(slabCachesText, "     79    130   2368", " 79 x", 1): "no line of a cache",
		strings.Replace(slabCachesText, "2368", "-368", 1):                   `TCP: "-368" is no count`,
	} {
		if _, err := parseSlabCaches(text, 4096); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func FuzzSlabCaches(f *testing.F) {
	f.Add(slabCachesText)
	f.Add(slabinfoText)
	f.Fuzz(func(t *testing.T, text string) {
		caches, err := parseSlabCaches(text, 4096)
		if err != nil {
			return
		}
		for name, c := range caches {
			if c.Name != name || name == "" || c.Objects < 0 || c.ObjectBytes < 0 {
				t.Errorf("%q: %+v", name, c)
			}
		}
	})
}

func TestFamily(t *testing.T) {
	proc := t.TempDir()
	write := func(pid, status, args string) {
		t.Helper()
		if err := os.Mkdir(proc+"/"+pid, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"status": status, "cmdline": args} {
			if err := os.WriteFile(proc+"/"+pid+"/"+name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("10", "Name:\ttwomsl\nPPid:\t1\nVmHWM:\t   17520 kB\n", "twomsl\x00run\x00x\x00")
	write("12", "Name:\ttwomsl\nPPid:\t10\nVmHWM:\t   1 kB\n", "twomsl\x00lab-init\x00")
	write("11", "Name:\ttwomsl\nPPid:\t12\nVmHWM:\t   2 kB\n", "twomsl\x00peer\x00client\x00")
	write("13", "Name:\tkthread\nPPid:\t10\n", "") // has ended, and its memory with it
	write("99", "Name:\tother\nPPid:\t1\nVmHWM:\t3 kB\n", "other\x00")
	got, err := Family(proc, 10)
	want := []Process{
		{10, []string{"twomsl", "run", "x"}, 17520 << 10},
		{11, []string{"twomsl", "peer", "client"}, 2 << 10},
		{12, []string{"twomsl", "lab-init"}, 1 << 10},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Family(proc, 7); err == nil {
		t.Error("a family without its first")
	}
	own, err := Family("/proc", os.Getpid())
	if err != nil || len(own) == 0 || !slices.ContainsFunc(own, func(p Process) bool { return p.PID == os.Getpid() && p.Peak > 1<<20 }) {
		t.Errorf("%+v, %v", own, err)
	}
}

func TestSlabCachesOfThisHost(t *testing.T) {
	caches, err := SlabCaches()
	if err != nil {
		if os.Getuid() == 0 {
			t.Fatal(err)
		}
		t.Skip(err) // only root may read them
	}
	names := slices.Collect(maps.Keys(caches))
	for _, want := range []string{"dentry", "filp"} {
		merged := slices.ContainsFunc(slices.Collect(maps.Values(caches)), func(c SlabCache) bool { return slices.Contains(c.Also, want) })
		if !merged && !slices.Contains(names, want) {
			t.Errorf("no %s among %d", want, len(names))
		}
	}
}
