package record

import (
	"fmt"
	"os"
	"slices"
)

// WriteBench keeps b as DIR/ID.json and returns that path, in all as Write does.
func WriteBench(dir string, b *Bench) (path string, err error) {
	return write(dir, b.ID, EncodeBench, b)
}

// EncodeBench gives the JSON that WriteBench keeps. It leaves b as it is.
func EncodeBench(b *Bench) ([]byte, error) {
	n := normalBench(b)
	if n.Schema == "" {
		n.Schema = BenchSchema
	}
	return encode(n)
}

// ReadBench gives the benchmark in the file at path.
func ReadBench(path string) (*Bench, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read record: %w", err)
	}
	return DecodeBench(path, data)
}

// DecodeBench gives the benchmark that data holds, with the promises of Decode.
func DecodeBench(name string, data []byte) (*Bench, error) {
	return decode(name, data, BenchSchema, normalBench)
}

// normalBench gives a copy of b in which the lists that are always known are never nil.
func normalBench(b *Bench) *Bench {
	n := *b
	n.Rows, n.Notes, n.Warnings = list(slices.Clone(n.Rows)), list(n.Notes), normalWarnings(n.Warnings)
	for i := range n.Rows {
		r := &n.Rows[i]
		r.Config, r.Trials, r.Metrics = list(r.Config), list(r.Trials), list(slices.Clone(r.Metrics))
		for j := range r.Metrics {
			r.Metrics[j].Values = list(r.Metrics[j].Values)
		}
	}
	if n.Environment.Unmeasured == nil {
		n.Environment.Unmeasured = map[string]string{}
	}
	return &n
}
