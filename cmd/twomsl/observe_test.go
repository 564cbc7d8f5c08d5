//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"twomsl/internal/record"
)

// lookedAt is the host that a command line with the flags of diagnose means.
func lookedAt(t *testing.T, stdin string, args ...string) (record.Host, error) {
	t.Helper()
	fs := pflag.NewFlagSet("diagnose", pflag.ContinueOnError)
	var f hostFlags
	f.add(fs, true)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return hostFrom(t.Context(), &f, fs.Args(), strings.NewReader(stdin))
}

func TestHostFrom(t *testing.T) {
	live, err := lookedAt(t, "", "--live", "--for", "0")
	if err != nil || live.Source != record.FromLive || live.Name == "" || live.States == nil || live.SinceBoot == nil {
		t.Fatalf("%v: %+v", err, live)
	}
	const pasted = "ESTAB 0 0 10.0.0.1:40000 10.0.0.9:3306\n"
	h, err := lookedAt(t, pasted, "-")
	if err != nil || h.Source != record.FromPasted || h.Flows[0].Port != 3306 {
		t.Fatalf("%v: %+v", err, h)
	}
	// The same as JSON.
	var out bytes.Buffer
	if err := writeJSON(&out, h); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "host.json")
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := lookedAt(t, "", file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h, again); diff != "" {
		t.Error(diff)
	}
	if h, err := lookedAt(t, pasted, "-", "--for", "30s"); err != nil || h.WatchedSeconds != nil {
		t.Errorf("one look was watched: %v, %v", h.WatchedSeconds, err)
	}
	const trial = "../../docs/records/incident-18000.json"
	if !isRecord(trial) || !isRecord("nonexistent.json") || isRecord(file) || isRecord("-") || isRecord("nonexistent") ||
		isRecord("observe_test.go") {
		t.Error("records and texts are taken for each other")
	}
	for want, args := range map[string][]string{
		"nothing to look at":          {},
		"one of them":                 {"--live", "x.txt"},
		"no such file":                {"nonexistent"},
		"there is no process":         {"--pid", "99999999"},
		`holds the record of a trial`: {trial},
	} {
		if _, err := lookedAt(t, "", args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, expected %q", args, err, want)
		}
	}
}
