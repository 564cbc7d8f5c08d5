package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"twomsl/internal/record"
)

// input makes text this process's standard input.
func input(t *testing.T, text string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdin
	os.Stdin = f
	t.Cleanup(func() {
		os.Stdin = before
		f.Close()
	})
}

// Standard input can be read once; every variant that names it has what was in it.
func TestStandardInputInTwoVariants(t *testing.T) {
	input(t, "net.ipv4.tcp_tw_reuse = 1\n")
	f := compareFlags{before: "server:-", after: "-"}
	all, err := f.named()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"server:standard input", "standard input"} {
		v := all[i]
		if v.Source != want || len(v.settings.Server) != 1 || len(v.settings.Client) != i {
			t.Errorf("%s: %q, %+v", v.Name, v.Source, v.settings)
		}
	}
}

// A recipe that comes with the program may be named as often as one likes; what is wrong with a file names it.
func TestFilesOfVariants(t *testing.T) {
	f := compareFlags{before: "four-lines.conf", after: "four-lines.conf"}
	if all, err := f.named(); err != nil || len(all[1].settings.Client) != 4 {
		t.Errorf("%v, %v", all, err)
	}
	empty := filepath.Join(t.TempDir(), "empty.conf")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f = compareFlags{before: empty, after: "four-line.conf"}
	_, err := f.named()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{empty + ": the file sets nothing", "four-line.conf: no such file", "did you mean four-lines.conf?"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// Trials stand in the order in which they were started, those of before a resume first, whichever ended first.
func TestTrialsStandAsTheyWereStarted(t *testing.T) {
	c := comparing{
		head:   record.Comparison{Trials: []record.ComparedTrial{{ID: "old"}, {ID: "older"}}},
		trials: []*record.Trial{nil, nil},
	}
	for _, place := range []int{3, 1, 4, 2} {
		id := string(rune('0' + place))
		c.insert(place, record.ComparedTrial{ID: id}, &record.Trial{ID: id})
	}
	var got []string
	for i, ref := range c.head.Trials {
		got = append(got, ref.ID)
		if one := c.trials[i]; one != nil && one.ID != ref.ID {
			t.Errorf("%s has the record of %s", ref.ID, one.ID)
		}
	}
	if want := []string{"old", "older", "1", "2", "3", "4"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A Ctrl-C after the last trial interrupts nothing; a trial that broke is missing.
func TestNothingIsMissingAfterTheLastTrial(t *testing.T) {
	c := comparing{head: record.Comparison{Plan: record.Plan{Trials: 1, WarmUp: 1}, Variants: []record.Variant{{Name: "a"}, {Name: "b"}}}}
	for i, ref := range []record.ComparedTrial{
		{Variant: "a", WarmUp: true}, {Variant: "b", WarmUp: true}, {Variant: "b", Round: 1}, {Variant: "a", Round: 1},
	} {
		if !c.missing() {
			t.Errorf("nothing is missing after %d trials of 4", i)
		}
		c.insert(i+1, ref, &record.Trial{})
	}
	if c.missing() {
		t.Error("something is missing after the last one")
	}
	c.head.Trials[2].Failure = "interrupted"
	if !c.missing() {
		t.Error("a trial that broke counts")
	}
}
