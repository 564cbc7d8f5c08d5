package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

// small is a trial with one of everything that Check looks at.
func small() *Trial {
	tw := func(n int64) Counts { return Counts{TimeWait: n} }
	return &Trial{
		Schema: Schema, ID: "small-20261121-101500-ab12", Tool: "twomsl 1.2.3", Status: Complete,
		Scenario: Scenario{
			Name: "small", Goal: &Goal{Side: "client", TimeWait: 3, ReachedSeconds: ptr(0.5)},
			Spec: json.RawMessage(`{"name":"small"}`),
		},
		Phases: Phases{LoadSeconds: 1, HoldSeconds: 2, StoppedBy: "time_wait"},
		Sides: Sides{
			Client: Side{
				Addresses: []string{"10.0.0.1"},
				States:    SideStates{Peak: tw(3), End: tw(3)},
				Counters:  map[string]int64{"TcpExt.TW": 3},
				Samples: []Sample{
					{AtMS: -5, TimeWait: ptr(int64(0))},
					{AtMS: 100, TimeWait: ptr(int64(3)), States: tw(3), PortsInUse: []int64{3}},
				},
			},
		},
		Connections: Connections{Attempted: 3, OK: 3},
		Outcomes:    []Outcome{{Side: "client", Cause: string(OK), Count: 3}},
		Rate:        Rate{ReachedPerSecond: 3},
		Latency:     Latency{Connect: &Quantiles{Count: 3, P50US: 40, MaxUS: 90}},
		Ports: []Tuple{{
			Source: "10.0.0.1", Destination: "10.0.0.2", Port: 80, Range: PortRange{Low: 1024, High: 2047},
		}},
		Ledger: Ledger{Client: LedgerSide{Entered: ptr(int64(3)), Standing: ptr(int64(3)), Unexplained: ptr(int64(0))}},
		Bytes: Bytes{
			Written: 300, Read: 298, Lost: ptr(int64(2)), ToServer: &Direction{Written: 300, Read: 298, Lost: 2},
			ByConnection: &PerConnection{Metered: 3, WithLoss: 1, MostLost: 2},
		},
		Close: Close{
			Side: "client", How: "fin", Agrees: ptr(true),
			Declared: SidePair[Declared]{Client: Declared{States: map[State]Share{TimeWait: All}, EOF: All, Reset: None}},
			Seen: SidePair[CloseSeen]{
				Client: CloseSeen{States: tw(3), Peak: tw(3), EOF: 3},
				Server: CloseSeen{States: Counts{}, Counters: map[string]int64{"TCPAbortOnData": 0}, EOF: 3},
			},
		},
		Stand: &Stand{
			Asked: Counts{SynRecv: 3}, Standing: Counts{SynRecv: 3}, Least: Counts{SynRecv: 2}, Most: Counts{SynRecv: 3},
			Looks: 4, WorstDeviation: 1, HeldSeconds: 2,
		},
		Restart:  &Restart{Errno: "EADDRINUSE"},
		Warnings: []Warning{{Code: "odd", Text: "a -> b & c"}},
	}
}

func TestWriteReadRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	in := small()
	path, err := Write(dir, in)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, in.ID+".json"); path != want {
		t.Errorf("path is %s, want %s", path, want)
	}
	out, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	want := normalised(in)
	want.Scenario.Spec, out.Scenario.Spec = nil, nil // indented on the way
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("what was read differs (-written +read):\n%s", diff)
	}
	onlyFile(t, dir, in.ID+".json")
}

func TestWriteBytes(t *testing.T) {
	dir := t.TempDir()
	in := small()
	in.Outcomes, in.Ports, in.Warnings[0].Spoils = nil, nil, nil
	in.Sides.Client.Samples = nil
	path, err := Write(dir, in)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(data, []byte("\n}\n")) {
		t.Error("the file does not end in a newline")
	}
	for _, want := range []string{
		"\n  \"outcomes\": []", "\n  \"ports\": []", "\"samples\": []", "\"spoils\": []", "\"addresses\": []",
		"\"changed\": []", "\"refused\": []", "\"unmeasured\": {}", `"a -> b & c"`, "\"histogram\": \"\"",
	} {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("the file lacks %s", want)
		}
	}
	// What the server's side did not measure stays null.
	for _, want := range []string{`"counters": null`, `"peak": null`, `"end": null`, `"entered": null`} {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("the file lacks %s", want)
		}
	}
	if in.Outcomes != nil || in.Warnings[0].Spoils != nil {
		t.Error("Write changed the trial that it was given")
	}
}

func TestWriteMode(t *testing.T) {
	path, err := Write(t.TempDir(), small())
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got|0o066 != 0o666 || got&0o600 != 0o600 || got&0o033 != 0 {
		t.Errorf("mode is %v, want 0644 less the umask", got)
	}
}

func TestWriteNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, small().ID+".json")
	if err := os.WriteFile(path, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Write(dir, small())
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("error is %v, want one that is fs.ErrExist", err)
	}
	if err != nil && !strings.Contains(err.Error(), path) {
		t.Errorf("error %q does not name %s", err, path)
	}
	if data, _ := os.ReadFile(path); string(data) != "precious" {
		t.Errorf("the file holds %q now", data)
	}
	onlyFile(t, dir, filepath.Base(path))
}

func TestWriteUnderAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if path, err := Write(file, small()); err == nil || path != "" {
		t.Errorf("got %q, %v; want an error, since DIR is a file", path, err)
	}
}

func TestWriteNames(t *testing.T) {
	for _, id := range []string{"", ".hidden", "../up", "a/b", `a\b`, "a\nb", "nul\x00", strings.Repeat("x", 300)} {
		in := small()
		in.ID = id
		dir := t.TempDir()
		if path, err := Write(dir, in); err == nil {
			t.Errorf("id %q was written to %s", id, path)
		}
		onlyFile(t, dir)
	}
}

func TestWriteUnencodable(t *testing.T) {
	in := small()
	in.Rate.ReachedPerSecond = math.NaN()
	dir := t.TempDir()
	_, err := Write(dir, in)
	if err == nil || !strings.Contains(err.Error(), "rate.reached_per_second") {
		t.Errorf("error is %v, want one that names rate.reached_per_second", err)
	}
	onlyFile(t, dir)
}

func TestWriteKeepsAContradiction(t *testing.T) {
	in := small()
	in.Status = "done"
	path, err := Write(t.TempDir(), in)
	if err == nil || path == "" {
		t.Fatalf("got %q, %v; want both the path and the error", path, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("Read takes what Write complained about")
	}
}

// onlyFile fails where dir holds anything but the names given.
func onlyFile(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(append([]string{}, names...), got); diff != "" {
		t.Errorf("the directory holds something else (-want +got):\n%s", diff)
	}
}
