package sysctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

// told is what a test looks at of a SysctlAsked; "-" stands for nil.
type told struct{ outcome, def, before, value, reason string }

func tell(q record.SysctlAsked) told {
	value := func(p *string) string {
		if p == nil {
			return "-"
		}
		return *p
	}
	return told{q.Outcome, value(q.Default), value(q.Before), value(q.Value), q.Reason}
}

func TestCarryTellsWhatBecameOfEachLine(t *testing.T) {
	root := fakeRoot(t, map[string]string{
		"net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.tcp_fin_timeout": "60", "net.ipv4.tcp_sack": "1",
		"net.ipv4.tcp_tw_reuse": "2", "net.ipv4.ip_local_reserved_ports": "", "net.ipv4.conf.all.x": "0",
		"net.netfilter.nf_conntrack_max": "100", "kernel.panic": "0", "net.ipv4.tcp_timestamps": "1",
	})
	defaults := map[string]string{
		"net.ipv4.ip_local_port_range": "32768 60999", "net.ipv4.tcp_fin_timeout": "60", "net.ipv4.tcp_tw_reuse": "2",
	}
	got := Carry(root,
		[]Setting{{Key: "net.ipv4.ip_local_port_range", Value: "40000 40999"}, {Key: "net.ipv4.tcp_tw_recycle", Value: "1"}},
		[]Setting{
			{Key: "net.ipv4.tcp_fin_timeout", Value: "15"}, // the last one counts
			{Key: "net/ipv4/ip_local_port_range", Value: " 1024\t 65000 "},
			{Key: "net.ipv4.tcp_fin_timeout", Value: "0x1e"},
			{Key: "net.ipv4.tcp_sack", Value: "01"},
			{Key: "net.ipv4.tcp_tw_reuse", Value: "2"},
			{Key: "net.ipv4.ip_local_reserved_ports", Value: "9000,8080-8081"},
			{Key: "net.ipv4.conf.all.x", Value: "1"},
			{Key: "net.netfilter.nf_conntrack_max", Value: "0100"},
			{Key: "net.netfilter.nf_conntrack_buckets", Value: "5"},
			{Key: "net.ipv4.tcp_mem", Value: "1 2 3"},
			{Key: "kernel.panic", Value: "9"},
			{Key: "net.ipv4.tcp_tw_recycle", Value: "1", Optional: true},
			{Key: "net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait", Value: "1"},
			{Key: "net.ipv4.tcp_timestmaps", Value: "1"},
			{Key: "net.ipv4.tcp_sack.x", Value: "1"},
			{Key: "net.ipv4", Value: "1"},
		}, defaults)
	gone := gone["net.ipv4.tcp_tw_recycle"].String()
	want := []told{
		{record.SysctlChanged, "32768 60999", "40000 40999", "1024 65000", ""},
		{record.SysctlChanged, "60", "60", "0x1e", ""}, // a plain file keeps what the kernel would print as 30
		{record.SysctlAlreadySet, "1", "1", "1", ""},
		{record.SysctlAlreadySet, "2", "2", "2", ""},
		{record.SysctlChanged, "", "", "9000,8080-8081", ""},
		{record.SysctlChanged, "0", "0", "1", ""},
		{record.SysctlHostWide, "100", "100", "100", hostWideReason},
		{record.SysctlHostWide, "-", "-", "-", hostWideReason},
		{record.SysctlHostWide, "-", "-", "-", hostWideReason},
		{record.SysctlHostWide, "-", "-", "-", "host-wide: only settings below net are a lab's own"},
		{record.SysctlMissing, "-", "-", "-", gone},
		{record.SysctlMissing, "-", "-", "-", "gone since Linux 4.9: now net.netfilter.nf_conntrack_tcp_timeout_time_wait"},
		{record.SysctlMissing, "-", "-", "-", "this kernel has no such setting here: did you mean net.ipv4.tcp_timestamps?"},
		{record.SysctlMissing, "-", "-", "-", "this kernel has no such setting here"},
		{record.SysctlRefused, "-", "-", "-", "a folder of settings, not one setting"},
	}
	if len(got.Asked) != len(want) {
		t.Fatalf("%d settings told of, want %d", len(got.Asked), len(want))
	}
	for i, q := range got.Asked {
		if d := cmp.Diff(want[i], tell(q), cmp.AllowUnexported(told{})); d != "" {
			t.Errorf("%s: %s", q.Key, d)
		}
	}
	byKey := map[string]record.SysctlAsked{}
	for _, q := range got.Asked {
		byKey[q.Key] = q
	}
	old := byKey["net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait"]
	if old.GoneSince != "4.9" || old.ReplacedBy != "net.netfilter.nf_conntrack_tcp_timeout_time_wait" || old.Exists || old.Namespaced {
		t.Errorf("%+v", old)
	}
	if q := byKey["net.ipv4.tcp_tw_recycle"]; q.GoneSince != "4.12" || !q.Optional || q.Exists {
		t.Errorf("%+v", q)
	}
	if q := byKey["net.ipv4.tcp_mem"]; !q.Exists || q.Namespaced {
		t.Errorf("%+v", q)
	}
	if q := byKey["net.ipv4.ip_local_port_range"]; !q.Exists || !q.Namespaced || !strings.Contains(q.Price, "port taken") || q.Does == "" {
		t.Errorf("%+v", q)
	}
	wantChanged := []record.SysctlChange{
		{Key: "net.ipv4.ip_local_port_range", Default: "32768 60999", Asked: "1024 65000", Value: "1024 65000"},
		{Key: "net.ipv4.tcp_fin_timeout", Default: "60", Asked: "0x1e", Value: "0x1e"},
		{Key: "net.ipv4.ip_local_reserved_ports", Asked: "9000,8080-8081", Value: "9000,8080-8081"},
		{Key: "net.ipv4.conf.all.x", Default: "0", Asked: "1", Value: "1"},
	}
	if d := cmp.Diff(wantChanged, got.Changed); d != "" {
		t.Error(d)
	}
	if len(got.Refused) != 1 || got.Refused[0].Key != "net.ipv4.tcp_tw_recycle" {
		t.Errorf("refused of the own settings: %+v", got.Refused)
	}
}

// A recipe that puts a scenario's setting back to the default has changed nothing in the end, and is told as it was.
func TestCarryBackToTheDefault(t *testing.T) {
	const key = "net.core.somaxconn"
	root := fakeRoot(t, map[string]string{key: "4096"})
	got := Carry(root, []Setting{{Key: key, Value: "5"}}, []Setting{{Key: key, Value: "4096"}}, nil)
	if got.Changed != nil || len(got.Asked) != 1 || tell(got.Asked[0]) != (told{record.SysctlChanged, "-", "5", "4096", ""}) {
		t.Errorf("%+v", got)
	}
}

func TestSameOfAKey(t *testing.T) {
	const reserved = reservedPorts
	for _, c := range []struct {
		key, a, b string
		want      bool
	}{
		{reserved, "8080,8081,8082", "8080-8082", true},
		{reserved, "9000,80", "80,9000", true},
		{reserved, "", "", true},
		{reserved, "80", "80-81", false},
		{reserved, "x", "x", false},
		{"net.ipv4.x", "1,2", "2,1", false},
		{"net.ipv4.x", "0x10", "16", true},
	} {
		if got := Same(c.key, c.a, c.b); got != c.want {
			t.Errorf("Same(%s, %q, %q) = %v", c.key, c.a, c.b, got)
		}
	}
}

func TestPrice(t *testing.T) {
	for _, c := range []struct {
		key, before, after string
		costs              bool
	}{
		{"net.ipv4.tcp_tw_reuse", "2", "1", true},
		{"net.ipv4.tcp_tw_reuse", "1", "0", false},
		{"net.ipv4.tcp_max_tw_buckets", "131072", "5000", true},
		{"net.ipv4.tcp_max_tw_buckets", "5000", "180000", false},
		{portRange, "32768\t60999", "1024\t65000", true},
		{portRange, "32768 60999", "32768 65535", false},
		{portRange, "1024 60999", "1024 65000", false},
		{portRange, "1024 60999", "40000 65000", false},
		{reservedPorts, "", "8080", true},
		{reservedPorts, "8080", "", false},
		{"net.ipv4.tcp_fin_timeout", "60", "30", true},
		{"net.ipv4.tcp_keepalive_time", "7200", "1200", false},
		{"net.ipv4.nothing", "1", "2", false},
	} {
		if got := Price(c.key, c.before, c.after); (got != "") != c.costs {
			t.Errorf("Price(%s, %q, %q) = %q", c.key, c.before, c.after, got)
		}
	}
}

// Whatever a topic has is fit to print: a clause in a table, sentences elsewhere.
func TestTopicsAreFitToPrint(t *testing.T) {
	seen := map[string]bool{}
	for _, topic := range topics {
		if seen[topic.Key] {
			t.Errorf("%s is there twice", topic.Key)
		}
		seen[topic.Key] = true
		key := strings.Replace(topic.Key, "*", "time_wait", 1)
		if got, ok := About(key); !ok || got.Key != topic.Key {
			t.Errorf("About(%s) = %+v", key, got)
		}
		if key != canonical(key) || Nearest(key) != "" {
			t.Errorf("%s: not a known key", key)
		}
		if topic.Does == "" || topic.Side == "" || topic.Clause == "" || len(topic.Clause) > 80 || strings.HasSuffix(topic.Clause, ".") {
			t.Errorf("%s: %+v", topic.Key, topic)
		}
		for _, sentence := range []string{topic.Does, topic.Not, topic.Costs} {
			if sentence != "" && !strings.HasSuffix(sentence, ".") {
				t.Errorf("%s: no sentence: %q", topic.Key, sentence)
			}
		}
		if (topic.price == "") != (topic.costly == nil) || topic.price != "" && topic.Costs == "" {
			t.Errorf("%s: a price needs all of its parts", topic.Key)
		}
	}
}

// Every line of every recipe is explained, but for the settings that are not of the network.
func TestTopicsCoverTheRecipes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := Parse(name, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if Does(l.Key) == "" {
				t.Errorf("%s%s is not explained", l.Place(), l.Key)
			}
		}
	}
}

// A host's settings are changed as a lab's are, but for what could not be put back whole.
func TestAskingOnAHost(t *testing.T) {
	root := fakeRoot(t, map[string]string{
		"net.ipv4.tcp_mem": "1 2 3", "net.ipv4.ip_forward": "0", "net.ipv4.conf.all.rp_filter": "0", "kernel.panic": "0",
		"net.ipv4.tcp_fastopen_key": "secret", "net.netfilter.nf_conntrack_max": "5", "net.ipv4.tcp_fin_timeout": "60",
	})
	ask := asking{root: root, host: true}
	for key, want := range map[string]string{
		"net.ipv4.tcp_mem": "", "net.netfilter.nf_conntrack_max": "", "net.ipv4.tcp_fin_timeout": "",
		"net.ipv4.ip_forward": record.SysctlRefused, "net.ipv4.conf.all.rp_filter": record.SysctlRefused,
		"kernel.panic": record.SysctlRefused, "net.ipv4.tcp_fastopen_key": record.SysctlRefused,
		"net.ipv4.tcp_tw_recycle": record.SysctlMissing,
	} {
		q := ask.look(Setting{Key: key, Value: "9"})
		if q.Outcome != want || (want == "") == (q.Reason != "") {
			t.Errorf("%s: %+v", key, q)
		}
		if q.Default != nil {
			t.Errorf("%s: a host's value is no default: %q", key, *q.Default)
		}
		if want == record.SysctlRefused && q.Before != nil {
			t.Errorf("%s: it was read: %q", key, *q.Before)
		}
	}
}
