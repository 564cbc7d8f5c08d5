package record

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
)

// WriteGate keeps g as DIR/ID.json and returns that path, in all as Write does.
func WriteGate(dir string, g *Gate) (path string, err error) {
	return write(dir, g.ID, EncodeGate, g)
}

// KeepGate keeps g as DIR/ID.json like WriteGate, and takes the place of what it kept there before.
func KeepGate(dir string, g *Gate) (path string, err error) {
	return keep(dir, g.ID, EncodeGate, g)
}

// EncodeGate gives the JSON that WriteGate keeps. It leaves g as it is.
func EncodeGate(g *Gate) ([]byte, error) {
	n := normalGate(g)
	if n.Schema == "" {
		n.Schema = GateSchema
	}
	return encode(n)
}

// ReadGate gives the gate in the file at path.
func ReadGate(path string) (*Gate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read record: %w", err)
	}
	return DecodeGate(path, data)
}

// DecodeGate gives the gate that data holds, with the promises of Decode.
func DecodeGate(name string, data []byte) (*Gate, error) {
	return decode(name, data, GateSchema, normalGate)
}

// normalGate gives a copy of g in which the lists that are always known are never nil.
func normalGate(g *Gate) *Gate {
	n := *g
	n.Budgets, n.Scenarios = list(slices.Clone(n.Budgets)), list(slices.Clone(n.Scenarios))
	n.Noise, n.Warnings = list(n.Noise), normalWarnings(n.Warnings)
	for i := range n.Budgets {
		b := &n.Budgets[i]
		b.First = normalLook(b.First)
		if b.Again != nil {
			again := normalLook(*b.Again)
			b.Again = &again
		}
	}
	for i := range n.Scenarios {
		s := &n.Scenarios[i]
		s.Scenario.Spec = bare(s.Scenario.Spec)
		s.Noise, s.First, s.Again = normalInner(s.Noise), normalInner(s.First), normalInner(s.Again)
	}
	if n.Baseline != nil {
		b := *n.Baseline
		b.Differs = list(b.Differs)
		n.Baseline = &b
	}
	if n.Environment.Unmeasured == nil {
		n.Environment.Unmeasured = map[string]string{}
	}
	return &n
}

func normalLook(l GateLook) GateLook {
	l.Reference.Values, l.Tested.Values = list(l.Reference.Values), list(l.Tested.Values)
	return l
}

// normalInner is a comparison inside another record: it names its schema like one of its own.
func normalInner(c *Comparison) *Comparison {
	if c == nil {
		return nil
	}
	n := normalComparison(c)
	if n.Schema == "" {
		n.Schema = ComparisonSchema
	}
	return n
}

// EncodeBaseline gives the JSON that WriteBaseline keeps. It leaves b as it is.
func EncodeBaseline(b *Baseline) ([]byte, error) {
	n := normalBaseline(b)
	if n.Schema == "" {
		n.Schema = BaselineSchema
	}
	return encode(n)
}

// ReadBaseline gives the baseline in the file at path.
func ReadBaseline(path string) (*Baseline, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read baseline: %w", err)
	}
	return DecodeBaseline(path, data)
}

// DecodeBaseline gives the baseline that data holds, with the promises of Decode.
func DecodeBaseline(name string, data []byte) (*Baseline, error) {
	return decode(name, data, BaselineSchema, normalBaseline)
}

// WriteBaseline keeps b in the file at path, whose directory must be there, and takes the place of what was there. The file
// is whole and synced, or what was there before is untouched; a link keeps pointing to it, and its mode stays. A baseline
// that Check finds fault with is refused: later gates could not be held against it.
func WriteBaseline(path string, b *Baseline) error {
	data, err := EncodeBaseline(b)
	if bad := b.Check(); bad != nil {
		return fmt.Errorf("baseline %s is not written: it contradicts itself: %w", path, bad)
	}
	if err == nil {
		err = replace(path, data)
	}
	if err != nil {
		return fmt.Errorf("cannot write baseline %s: %w", path, err)
	}
	return nil
}

// replace puts data in the place of the file at path, or of the one that path is a link to.
func replace(path string, data []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	// A rename would take the place of a device or a pipe as well.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("it is no regular file (%s)", info.Mode().Type())
	}
	dir := filepath.Dir(path)
	err := renameio.WriteFile(path, data, 0o644, renameio.WithTempDir(dir), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// normalBaseline gives a copy of b in which the lists that are always known are never nil.
func normalBaseline(b *Baseline) *Baseline {
	n := *b
	n.Fingerprint = object(n.Fingerprint)
	n.Sessions = list(slices.Clone(n.Sessions))
	for i := range n.Sessions {
		s := &n.Sessions[i]
		s.Scenarios = list(slices.Clone(s.Scenarios))
		for j := range s.Scenarios {
			metrics := list(slices.Clone(s.Scenarios[j].Metrics))
			for k := range metrics {
				m := &metrics[k]
				m.Value.Values, m.Each = list(m.Value.Values), list(m.Each)
			}
			s.Scenarios[j].Metrics = metrics
		}
	}
	return &n
}
