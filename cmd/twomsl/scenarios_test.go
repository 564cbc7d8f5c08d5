//go:build linux

package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"twomsl/internal/scenario"
)

// What `twomsl scenarios NAME` prints is read back as the same scenario, field by field.
func TestExplainedScenariosAreRead(t *testing.T) {
	for _, name := range scenario.Names() {
		s, err := scenario.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		want := s.Resolve()
		var b bytes.Buffer
		if err := explainScenario(&b, want, "terminal"); err != nil {
			t.Fatal(err)
		}
		got, err := scenario.Parse(name+".yaml", b.Bytes())
		if err != nil {
			t.Errorf("%v\n%s", err, b.String())
			continue
		}
		want.About = trimmedNewline(want.About)
		if d := cmp.Diff(want, got.Resolve(), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (- explained, + read):\n%s", name, d)
		}
	}
}

// trimmedNewline: a YAML block's last line end is not part of the text.
func trimmedNewline(s string) string { return string(bytes.TrimRight([]byte(s), "\n")) }
