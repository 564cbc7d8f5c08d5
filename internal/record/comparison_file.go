package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
)

// WriteComparison keeps c as DIR/ID.json and returns that path, in all as Write does.
func WriteComparison(dir string, c *Comparison) (path string, err error) {
	return write(dir, c.ID, EncodeComparison, c)
}

// EncodeComparison gives the JSON that WriteComparison keeps. It leaves c as it is.
func EncodeComparison(c *Comparison) ([]byte, error) {
	n := normalComparison(c)
	if n.Schema == "" {
		n.Schema = ComparisonSchema
	}
	return encode(n)
}

// ReadComparison gives the comparison in the file at path.
func ReadComparison(path string) (*Comparison, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read record: %w", err)
	}
	return DecodeComparison(path, data)
}

// DecodeComparison gives the comparison that data holds, with the promises of Decode.
func DecodeComparison(name string, data []byte) (*Comparison, error) {
	return decode(name, data, ComparisonSchema, normalComparison)
}

// normalComparison gives a copy of c in which the lists that are always known are never nil.
func normalComparison(c *Comparison) *Comparison {
	n := *c
	n.Scenario.Spec = bare(n.Scenario.Spec)
	n.Plan.Primary = list(n.Plan.Primary)
	n.Trials, n.Settings, n.Warnings = list(n.Trials), list(n.Settings), normalWarnings(n.Warnings)
	n.Variants, n.Metrics = list(slices.Clone(n.Variants)), list(slices.Clone(n.Metrics))
	for i := range n.Variants {
		v := &n.Variants[i]
		v.Spec = bare(v.Spec)
		v.Set, v.NotCopied = list(v.Set), list(v.NotCopied)
		v.Sysctl.Client, v.Sysctl.Server = list(v.Sysctl.Client), list(v.Sysctl.Server)
		v.Relay = list(v.Relay)
		if v.Curves != nil {
			curve := *v.Curves
			curve.Samples, curve.States = list(curve.Samples), list(curve.States)
			v.Curves = &curve
		}
	}
	for i := range n.Metrics {
		d := &n.Metrics[i].Details
		d.Before.Values, d.After.Values = list(d.Before.Values), list(d.After.Values)
	}
	if n.Plan.ByLine {
		n.Lines, n.Enough = list(n.Lines), list(n.Enough)
	}
	if n.Environment.Unmeasured == nil {
		n.Environment.Unmeasured = map[string]string{}
	}
	return &n
}

// bare is a JSON text without the white space that a file has around it, and null where there is none: what is read is
// what was written.
func bare(text json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if text == nil || json.Compact(&b, text) != nil {
		return json.RawMessage("null")
	}
	return b.Bytes()
}

// KeepComparison keeps c as DIR/ID.json like WriteComparison, and takes the place of what it kept there before: a
// comparison is kept after each of its trials, and what breaks in between leaves the last whole one.
func KeepComparison(dir string, c *Comparison) (path string, err error) {
	return keep(dir, c.ID, EncodeComparison, c)
}

func keep[T any](dir, id string, encode func(T) ([]byte, error), r T) (path string, err error) {
	if err := checkID(id); err != nil {
		return "", fmt.Errorf("cannot name the record: %w", err)
	}
	path = filepath.Join(dir, id+".json")
	data, err := encode(r)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = renameio.WriteFile(path, data, 0o644, renameio.WithTempDir(dir))
	}
	if err != nil {
		return "", fmt.Errorf("cannot write record %s: %w", path, err)
	}
	return path, nil
}
