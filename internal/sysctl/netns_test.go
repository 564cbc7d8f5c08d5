package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// hostNS is taken before any test moves a thread.
var hostNS, _ = os.Readlink("/proc/thread-self/ns/net")

// onHost runs f on a thread that is proven to be in the host's namespace.
func onHost[T any](t *testing.T, f func() (T, error)) T {
	t.Helper()
	var value T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		now, linkErr := os.Readlink("/proc/thread-self/ns/net")
		if linkErr != nil || now != hostNS {
			err = errors.Join(linkErr, fmt.Errorf("not in the host's namespace but in %s", now))
			return
		}
		value, err = f()
	}()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func hostSnapshot(t *testing.T) map[string]string {
	t.Helper()
	return onHost(t, func() (map[string]string, error) { return Snapshot(DefaultRoot) })
}

func TestNetNSApply(t *testing.T) {
	before := hostSnapshot(t)
	nstest.Require(t)
	fresh, err := Snapshot(DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	changed, refused := Apply(DefaultRoot, []Setting{
		{Key: "net.ipv4.tcp_fin_timeout", Value: "17"},
		{Key: "net.ipv4.ip_local_port_range", Value: "1024\t65001"},
		{Key: "net.ipv4.tcp_tw_reuse", Value: "1"},
		{Key: "net.ipv4.tcp_sack", Value: fresh["net.ipv4.tcp_sack"]},
		{Key: "net.ipv4.tcp_tw_recycle", Value: "1"},
		{Key: "net.ipv4.tcp_mem", Value: "1 2 3"},
	})
	want := []record.SysctlChange{
		{Key: "net.ipv4.tcp_fin_timeout", Default: "60", Asked: "17", Value: "17"},
		{Key: "net.ipv4.ip_local_port_range", Default: "32768 60999", Asked: "1024 65001", Value: "1024 65001"},
		{Key: "net.ipv4.tcp_tw_reuse", Default: "2", Asked: "1", Value: "1"},
	}
	if d := cmp.Diff(want, changed); d != "" {
		t.Error(d)
	}
	if len(refused) != 2 || refused[0].Key != "net.ipv4.tcp_tw_recycle" ||
		!strings.Contains(refused[0].Reason, "4.12") || refused[1].Reason != hostWideReason {
		t.Errorf("refused: %+v", refused)
	}
	now, err := Snapshot(DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	if got := Diff(fresh, now); len(got) != 3 || got[1].Value != "17" {
		t.Errorf("the snapshot shows %+v", got)
	}
	if d := cmp.Diff(before, hostSnapshot(t)); d != "" {
		t.Errorf("the host's settings changed: %s", d)
	}
}

func TestNetNSRefusals(t *testing.T) {
	nstest.Require(t)
	for _, c := range []struct{ key, value, reason string }{
		{"net.ipv4.tcp_tw_reuse", "7", "a whole number from 0 to 2"},
		{"net.ipv4.ip_local_port_range", "100 65000", "not below net.ipv4.ip_unprivileged_port_start (1024)"},
		{"net.ipv4.ip_local_port_range", "60000 1024", "the lower first"},
		{"net.ipv4.ip_unprivileged_port_start", "40000", "not above the low end"},
		{"net.ipv4.tcp_fin_timeout", "soon", "a whole number"},
		{"net.ipv4.tcp_congestion_control", "nosuch", "it has "},
		{"net.core.rmem_max", "1", "not writable"},
		{"net.netfilter.nf_conntrack_max", "1", ""}, // read-only, or not there without the module
		{"net.ipv4.tcp_fin_timeout", "30 40", `reads back as "30"`},
		{"net.ipv4.tcp_rmem", "5000 sixty", `reads back as "5000`},
	} {
		changed, refused := Apply(DefaultRoot, []Setting{{Key: c.key, Value: c.value}})
		if len(refused) != 1 || !strings.Contains(refused[0].Reason, c.reason) {
			t.Errorf("%s = %s: refused %+v, want %q", c.key, c.value, refused, c.reason)
		}
		if partly := strings.Contains(c.reason, "reads back"); (len(changed) == 1) != partly {
			t.Errorf("%s = %s: changed %+v", c.key, c.value, changed)
		}
	}
}

// Each limit that a refusal names is what this kernel does: the ends are taken, one beyond is not.
func TestNetNSLimits(t *testing.T) {
	nstest.Require(t)
	for key, l := range limits {
		old, err := Read(DefaultRoot, key)
		if err != nil {
			t.Logf("%s: not on this kernel", key)
			continue
		}
		most := l.most
		if key == unprivilegedStart {
			most = freshLow // its other limit
		}
		for value, want := range map[int64]bool{l.least: true, most: true, l.least - 1: false, most + 1: false} {
			_, refused := Apply(DefaultRoot, []Setting{{Key: key, Value: fmt.Sprint(value)}})
			if (refused == nil) != want {
				t.Errorf("%s = %d: taken %v, want %v (%+v)", key, value, refused == nil, want, refused)
			}
		}
		Apply(DefaultRoot, []Setting{{Key: key, Value: old}})
	}
}

// A lab that is given the host's settings has them: nothing but the host-wide ones differs afterwards.
func TestNetNSFromHost(t *testing.T) {
	nstest.Require(t)
	lab, err := Snapshot(DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	tuned := maps.Clone(lab)
	maps.Copy(tuned, map[string]string{
		"net.ipv4.tcp_fin_timeout": "21", portRange: "500 64000", unprivilegedStart: "400", "net.core.somaxconn": "77",
		"net.ipv4.tcp_mem": "1 2 3",
	})
	host := fakeRoot(t, tuned)
	settings, refused := FromHost(host, lab)
	if len(settings) != 4 || len(refused) != 1 {
		t.Fatalf("settings %+v, refused %+v", settings, refused)
	}
	if _, refused := Apply(DefaultRoot, settings); refused != nil {
		t.Errorf("refused %+v", refused)
	}
	now, err := Snapshot(DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	if d := Diff(tuned, now); len(d) != 0 {
		t.Errorf("host and lab still differ: %+v", d)
	}
}

func TestNetNSFromThisHost(t *testing.T) {
	nstest.Require(t)
	lab, err := Snapshot(DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	type both struct {
		settings []Setting
		refused  []record.SysctlRefusal
	}
	got := onHost(t, func() (both, error) {
		s, r := FromHost(DefaultRoot, lab)
		return both{s, r}, nil
	})
	if len(got.refused) == 0 || len(got.refused) > 10 {
		t.Errorf("want a handful of host-wide settings, got %+v", got.refused)
	}
	if _, refused := Apply(DefaultRoot, got.settings); refused != nil {
		t.Errorf("this host's settings do not fit a lab: %+v", refused)
	}
}

// A snapshot is cheap enough to take around every trial.
func BenchmarkSnapshot(b *testing.B) {
	for b.Loop() {
		if _, err := Snapshot(DefaultRoot); err != nil {
			b.Fatal(err)
		}
	}
}

// modes are the settings that may be written here, true, and those that are only shown, false.
func modes() (map[string]bool, error) {
	m := map[string]bool{}
	for _, folder := range []string{"net", "net/core", "net/ipv4", "net/ipv4/route", "net/ipv6", "net/netfilter"} {
		entries, err := os.ReadDir(DefaultRoot + "/" + folder)
		if err != nil && folder == "net/ipv4" {
			return nil, err
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && !e.IsDir() {
				m[canonical(folder+"/"+e.Name())] = info.Mode()&0o222 != 0
			}
		}
	}
	return m, nil
}

// What is listed as host-wide cannot be had in a new namespace, and what the host can set and a new namespace cannot is
// listed.
func TestNetNSHostWide(t *testing.T) {
	host := onHost(t, modes)
	nstest.Require(t)
	own, err := modes()
	if err != nil {
		t.Fatal(err)
	}
	for key := range hostWide {
		if own[key] {
			t.Errorf("%s can be set in a namespace", key)
		}
	}
	if _, first := host["net.ipv4.tcp_mem"]; !first {
		t.Skip("this is not the machine's first namespace: what that one has cannot be seen")
	}
	for key, settable := range host {
		if settable && !own[key] && !isHostWide(key) {
			t.Errorf("%s is the host's alone, and is not listed", key)
		}
	}
}

func TestNetNSCarry(t *testing.T) {
	nstest.Require(t)
	defaults, err := Snapshot(DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	got := Carry(DefaultRoot, []Setting{{Key: portRange, Value: "40000 40999"}}, []Setting{
		{Key: "net.ipv4.tcp_fin_timeout", Value: "0x1e"},
		{Key: portRange, Value: "1024\t65000"},
		{Key: "net.ipv4.tcp_tw_reuse", Value: "02"},
		{Key: "net.ipv4.tcp_tw_reuse_delay", Value: "0"},
		{Key: "net.ipv4.tcp_max_orphans", Value: "5"},
		{Key: reservedPorts, Value: "9000,8080,8081"},
		{Key: "net.ipv4.tcp_tw_recycle", Value: "1"},
		{Key: "net.ipv4.conf.lo.forwarding", Value: "1"},
		{Key: "net.core.rmem_max", Value: "1"},
	}, defaults)
	want := []told{
		{record.SysctlChanged, "60", "60", "30", ""},
		{record.SysctlChanged, "32768 60999", "40000 40999", "1024 65000", ""},
		{record.SysctlAlreadySet, "2", "2", "2", ""},
		{record.SysctlRefused, "1000", "1000", "1000", `the kernel does not take "0" (EINVAL): a whole number from 1 to 60000`},
		{record.SysctlHostWide, "-", "-", "-", hostWideReason},
		{record.SysctlChanged, "", "", "8080-8081,9000", ""},
		{record.SysctlMissing, "-", "-", "-", gone["net.ipv4.tcp_tw_recycle"].String()},
		{record.SysctlChanged, "0", "0", "1", ""},
		{record.SysctlHostWide, defaults["net.core.rmem_max"], defaults["net.core.rmem_max"], defaults["net.core.rmem_max"], hostWideReason},
	}
	for i, q := range got.Asked {
		if d := cmp.Diff(want[i], tell(q), cmp.AllowUnexported(told{})); d != "" {
			t.Errorf("%s: %s", q.Key, d)
		}
	}
	wantChanged := []record.SysctlChange{
		{Key: portRange, Default: "32768 60999", Asked: "1024 65000", Value: "1024 65000"},
		{Key: "net.ipv4.tcp_fin_timeout", Default: "60", Asked: "30", Value: "30"},
		{Key: reservedPorts, Asked: "8080-8081,9000", Value: "8080-8081,9000"},
		{Key: "net.ipv4.conf.lo.forwarding", Default: "0", Asked: "1", Value: "1"},
	}
	if d := cmp.Diff(wantChanged, got.Changed); d != "" {
		t.Error(d)
	}
}

// everything below net that can be read.
func everything(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(DefaultRoot+"/net", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "nf_conntrack_count" {
			if text, err := os.ReadFile(path); err == nil {
				all[path] = string(text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A host's settings come back whole, also those that the kernel takes in one order only, and one that was empty.
func TestNetNSLend(t *testing.T) {
	nstest.Require(t)
	before := everything(t)
	settings := []Setting{
		{Key: unprivilegedStart, Value: "500"},
		{Key: portRange, Value: "600 65000"},
		{Key: reservedPorts, Value: "8080"},
		{Key: "net.ipv4.tcp_rmem", Value: "5000 sixty"},
		{Key: "net.ipv4.tcp_tw_reuse_delay", Value: "0"},
		{Key: "net.ipv4.tcp_fastopen", Value: "3"},
		{Key: "net.ipv6.bindv6only", Value: "1"},
		{Key: "net.ipv4.ip_forward", Value: "1"},
	}
	for _, crash := range []bool{false, true} {
		h := Host{Journal: filepath.Join(t.TempDir(), "journal")}
		l, asked, err := h.Lend(settings)
		if err != nil {
			t.Fatal(err)
		}
		var outcomes []string
		for _, q := range asked {
			outcomes = append(outcomes, q.Outcome)
		}
		want := []string{"changed", "changed", "changed", "refused", "refused", "changed", "changed", "refused"}
		if !slices.Equal(outcomes, want) {
			t.Errorf("%q", outcomes)
		}
		if !crash {
			_, err = l.Return()
		} else {
			l.crash()
			_, err = h.Restore(false)
		}
		if err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(before, everything(t)); d != "" {
			t.Errorf("crash %v: %s", crash, d)
		}
	}
}

// Where the journal's order is not one in which the kernel takes the values back, a second pass puts back the rest.
func TestNetNSPutBackInTwoPasses(t *testing.T) {
	nstest.Require(t)
	before := everything(t)
	if _, refused := Apply(DefaultRoot, []Setting{
		{Key: unprivilegedStart, Value: "500"},
		{Key: portRange, Value: "600 700"},
	}); refused != nil {
		t.Fatal(refused)
	}
	start, ports := "500", "600 700"
	got := Host{}.putBack(journal{Settings: []journaled{
		{Key: portRange, Before: "32768 60999", Asked: ports, Applied: &ports},
		{Key: unprivilegedStart, Before: "1024", Asked: start, Applied: &start}, // first in reverse, and refused: 1024 > 600
	}}, false)
	if len(got.Back) != 2 || got.Failed != nil || got.Left != nil {
		t.Errorf("%+v", got)
	}
	if d := cmp.Diff(before, everything(t)); d != "" {
		t.Error(d)
	}
}
