package sysctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"twomsl/internal/record"

	"github.com/google/go-cmp/cmp"
)

// fakeRoot is a /proc/sys of plain files, as the kernel prints them.
func fakeRoot(t *testing.T, values map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for key, v := range values {
		file, err := path(root, key)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(v+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestApplyTellsChangesAndRefusals(t *testing.T) {
	root := fakeRoot(t, map[string]string{
		"net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.tcp_fin_timeout": "60", "net.ipv4.tcp_sack": "1",
		"kernel.panic": "0", "net.netfilter.nf_conntrack_max": "5",
	})
	changed, refused := Apply(root, []Setting{
		{Key: "net.ipv4.tcp_fin_timeout", Value: "30"},
		{Key: "net/ipv4/ip_local_port_range", Value: "1024\t65000"},
		{Key: "net.ipv4.tcp_sack", Value: "1"},
		{Key: "net.ipv4.tcp_fin_timeout", Value: "20"},
		{Key: "kernel.panic", Value: "9"},
		{Key: "net.ipv4.tcp_tw_recycle", Value: "1"},
		{Key: "net.ipv4.netfilter.ip_conntrack_max", Value: "9"},
		{Key: "net.ipv4.ip_conntrack_max", Value: "9", Optional: true},
		{Key: "net.ipv4.tcp_mem", Value: "1 2 3"},
		{Key: "net.ipv4.tcp_fin_timeuot", Value: "1"},
		{Key: "net.ipv4", Value: "1"},
		{Key: "net.//.kernel.panic", Value: "1"},
	})
	wantChanged := []record.SysctlChange{
		{Key: "net.ipv4.tcp_fin_timeout", Default: "60", Asked: "20", Value: "20"},
		{Key: "net.ipv4.ip_local_port_range", Default: "32768 60999", Asked: "1024 65000", Value: "1024 65000"},
	}
	if d := cmp.Diff(wantChanged, changed); d != "" {
		t.Error(d)
	}
	want := []struct{ key, reason string }{
		{"kernel.panic", "host-wide: only settings below net"},
		{"net.ipv4.tcp_tw_recycle", "gone since Linux 4.12"},
		{"net.ipv4.netfilter.ip_conntrack_max", "now net.netfilter.nf_conntrack_max"},
		{"net.ipv4.ip_conntrack_max", "now net.netfilter.nf_conntrack_max (marked with -: to be ignored)"},
		{"net.ipv4.tcp_mem", hostWideReason},
		{"net.ipv4.tcp_fin_timeuot", "did you mean net.ipv4.tcp_fin_timeout?"},
		{"net.ipv4", "a folder of settings"},
		{"net.//.kernel.panic", "never leaves its place"},
	}
	if len(refused) != len(want) {
		t.Fatalf("refused: %+v", refused)
	}
	for i, w := range want {
		if refused[i].Key != w.key || !strings.Contains(refused[i].Reason, w.reason) {
			t.Errorf("refused %+v, want %+v", refused[i], w)
		}
	}
	if v, err := Read(root, "kernel.panic"); err != nil || v != "0" {
		t.Errorf("a key of the whole host was written: %q, %v", v, err)
	}
	if _, err := os.Stat(filepath.Join(root, "net/ipv4/tcp_mem")); err == nil {
		t.Error("Apply made a file")
	}
}

func TestApplyPutBackIsNoChange(t *testing.T) {
	root := fakeRoot(t, map[string]string{"net.core.somaxconn": "4096"})
	const key = "net.core.somaxconn"
	changed, refused := Apply(root, []Setting{{Key: key, Value: "5"}, {Key: key, Value: "4096"}})
	if changed != nil || refused != nil {
		t.Errorf("%v, %v", changed, refused)
	}
}

func TestConntrackMissingSaysModule(t *testing.T) {
	_, refused := Apply(fakeRoot(t, map[string]string{"net.ipv4.tcp_sack": "1"}),
		[]Setting{{Key: "net.netfilter.nf_conntrack_tcp_timeout_time_wait", Value: "1"}})
	if len(refused) != 1 || !strings.Contains(refused[0].Reason, "module nf_conntrack") {
		t.Errorf("%+v", refused)
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"1", "1", true},
		{"0x403", "1027", true},
		{"010", "8", true},
		{"-0x1", "-1", true},
		{"30", "31", false},
		{"30 40", "30", false},
		{"cubic", "cubic", true},
		{"cubic", "bbr", false},
		{"", "", true},
		{"1_0", "10", false},
	} {
		if got := same(c.a, c.b); got != c.want {
			t.Errorf("same(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

func TestSnapshotLeavesOutWhatIsNoSetting(t *testing.T) {
	root := fakeRoot(t, map[string]string{
		"net.ipv4.tcp_rmem": "4096\t131072\t6291456", "net.ipv4.tcp_fastopen_key": "secret", "net.ipv4.conf.all.x": "1",
		"net.core.somaxconn": "4096", "net.core.netdev_rss_key": "secret", "net.netfilter.nf_conntrack_count": "7",
		"net.netfilter.nf_conntrack_max": "5", "net.netfilter.nf_log_all_netns": "0", "net.ipv6.bindv6only": "0",
		"net.ipv4.flush": "never",
	})
	if err := os.Chmod(filepath.Join(root, "net/ipv4/flush"), 0o200); err != nil {
		t.Fatal(err)
	}
	got, err := Snapshot(root)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"net.ipv4.tcp_rmem": "4096 131072 6291456", "net.core.somaxconn": "4096",
		"net.netfilter.nf_conntrack_max": "5", "net.ipv6.bindv6only": "0",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := Snapshot(t.TempDir()); err == nil {
		t.Error("an empty root gave a snapshot")
	}
}

func TestDiff(t *testing.T) {
	got := Diff(map[string]string{"b": "1", "a": "1", "same": "1", "left": "1"},
		map[string]string{"b": "2", "a": "3", "same": "1", "new": "1"})
	want := []record.SysctlChange{{Key: "a", Default: "1", Value: "3"}, {Key: "b", Default: "1", Value: "2"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFromHost(t *testing.T) {
	host := fakeRoot(t, map[string]string{
		"net.ipv4.tcp_fin_timeout": "15", "net.ipv4.tcp_sack": "1", "net.ipv4.tcp_ehash_entries": "64",
		"net.ipv4.tcp_mem": "1 2 3", "net.ipv4.inet_peer_threshold": "5", "net.ipv4.tcp_tw_recycle": "1",
		portRange: "80 90", unprivilegedStart: "80",
	})
	if err := os.Chmod(filepath.Join(host, "net/ipv4/tcp_ehash_entries"), 0o444); err != nil {
		t.Fatal(err)
	}
	settings, refused := FromHost(host, map[string]string{
		"net.ipv4.tcp_fin_timeout": "60", "net.ipv4.tcp_sack": "1", "net.ipv4.tcp_ehash_entries": "-64",
		portRange: "32768 60999", unprivilegedStart: "1024",
	})
	want := []Setting{
		{Key: unprivilegedStart, Value: "80"},
		{Key: portRange, Value: "80 90"},
		{Key: "net.ipv4.tcp_fin_timeout", Value: "15"},
	}
	sortByKey := func(s []Setting) map[string]string {
		m := map[string]string{}
		for _, v := range s {
			m[v.Key] = v.Value
		}
		return m
	}
	if d := cmp.Diff(sortByKey(want), sortByKey(settings)); d != "" || len(settings) != len(want) {
		t.Error(d, settings)
	}
	if len(refused) != 1 || refused[0].Key != "net.ipv4.tcp_mem" || refused[0].Asked != "1 2 3" {
		t.Errorf("%+v", refused)
	}
	if _, refused := FromHost(t.TempDir(), nil); len(refused) != 1 || refused[0].Reason == "" {
		t.Errorf("an unreadable host is not said: %+v", refused)
	}
}
