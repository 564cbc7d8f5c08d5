package sysctl

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
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
