//go:build linux

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// onlyFile reads the one file that a pattern must match.
func onlyFile(t *testing.T, pattern string) []byte {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: %v, %v", pattern, files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A server that collects has the same record as its client, by run. The start is so far ahead that a control connection
// which stood until then without a word would be closed.
func TestNetNSHandIn(t *testing.T) {
	t.Parallel()
	p := twoHosts(t)
	w := p.serve(t, "--collect")
	start := time.Now().Add(28 * time.Second).UTC().Format(time.RFC3339)
	c := p.run(t, w, "steady-200", "--for", "1s", "--shard", "index:1/2", "--run-id", "r1", "--start-at", start, "--hand-in")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mine, there := onlyFile(t, filepath.Join(p.dir, "records", "*.json")), onlyFile(t, filepath.Join(p.dir, "server-records", "r1", "*.json"))
	if !bytes.Equal(mine, there) {
		t.Error("the server has another record than the client")
	}
	if said := w.stderr.String(); !strings.Contains(said, "shard 2/2 of r1 handed in: twomsl report server-records/r1/steady-200-") {
		t.Errorf("the server has said:\n%s", said)
	}
}

// What is not to be collected is refused, and the client keeps its record.
func TestNetNSHandInIsRefused(t *testing.T) {
	t.Parallel()
	p := twoHosts(t)
	w := p.serve(t)
	var exit *exec.ExitError
	out, err := p.run(t, w, "steady-200", "--for", "200ms", "--hand-in").CombinedOutput()
	if !errors.As(err, &exit) || exit.ExitCode() != exitUsage || !strings.Contains(string(out), "--shard K/N") {
		t.Errorf("of a whole run: %v\n%s", err, out)
	}
	out, err = p.run(t, w, "steady-200", "--for", "200ms", "--shard", "1/2", "--hand-in").CombinedOutput()
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed || !strings.Contains(string(out), "start it with --collect") {
		t.Errorf("to a server that does not collect: %v\n%s", err, out)
	}
	onlyFile(t, filepath.Join(p.dir, "records", "*.json"))
	if _, err := os.Stat(filepath.Join(p.dir, "server-records", "r1")); err == nil {
		t.Error("the server has it all the same")
	}
}

// What is handed in comes from whoever has the token: it is a shard's record, and gets into no other directory.
func TestHandedInIsARecord(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile("../../report/testdata/share.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f := serverFlags{records: filepath.Join(dir, "records")}
	var said []string
	say := func(text string) { said = append(said, text) }
	id := regexp.MustCompile(`"run_id": "([^"]*)"`).FindSubmatch(good)
	if id == nil {
		t.Fatal("the golden record is no shard's")
	}
	for range 2 { // the second time it is there
		if err := f.take(good, say); err != nil {
			t.Fatal(err)
		}
	}
	onlyFile(t, filepath.Join(dir, "records", string(id[1]), "*.json"))
	if len(said) != 1 || !strings.Contains(said[0], "handed in: twomsl report ") {
		t.Errorf("said %q", said)
	}
	whole, err := os.ReadFile("../../docs/records/incident-18000.json")
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string][]byte{
		"nothing":         nil,
		"garbage":         []byte(`{"schema": 7}`),
		"cut short":       good[:len(good)/2],
		"no shard's":      whole,
		"a way out":       bytes.ReplaceAll(good, id[0], []byte(`"run_id": "../out"`)),
		"an absolute way": bytes.ReplaceAll(good, id[0], []byte(`"run_id": "`+dir+`/out"`)),
	} {
		if err := f.take(bad, say); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	if there, err := os.ReadDir(dir); err != nil || len(there) != 1 || len(said) != 1 {
		t.Errorf("%v, %v, %q", there, err, said)
	}
}
