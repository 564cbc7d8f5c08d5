package record

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironmentWritesGapsAsNull(t *testing.T) {
	quota := 1.5
	e := Environment{
		Kernel: "6.18", Go: "go1.26", CPUs: 2, CgroupQuota: &quota,
		Pinned: SidePair[string]{Client: "0"},
		Unmeasured: map[string]string{
			"hz": "no clock", "arch": "unknown",
			"memory_bytes": "no meminfo", "go": "filled later",
		},
	}
	data, err := json.Marshal(struct{ E Environment }{e})
	if err != nil {
		t.Fatal(err)
	}
	var raw struct{ E map[string]any }
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"hz": nil, "arch": nil, "memory_bytes": nil, "kernel": "6.18", "go": "go1.26", "cpus": 2.0, "cgroup_quota_cpus": 1.5,
		"root": false, "ehash_buckets": nil, "no_file_limit": 0.0,
	} {
		if got, there := raw.E[field]; !there || got != want {
			t.Errorf("%s: got %v (there: %v), want %v", field, got, there, want)
		}
	}
	var back struct{ E Environment }
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(e, back.E); d != "" {
		t.Error(d)
	}
	if e.Measured("hz") || !e.Measured("kernel") {
		t.Error("Measured does not follow Unmeasured")
	}
}
