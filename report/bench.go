package report

import (
	"bytes"
	"io"
	"maps"
	"slices"

	"twomsl/internal/record"
)

var benchFormats = map[string]renderer[*record.Bench]{}

func init() {
	benchFormats["json"] = writeBenchJSON
	benchFormats["terminal"] = writeBenchTerminal
}

// BenchFormats lists the names that WriteBench takes, sorted.
func BenchFormats() []string { return slices.Sorted(maps.Keys(benchFormats)) }

// WriteBench tells b as Write tells a trial.
func WriteBench(format string, w io.Writer, b *record.Bench, opt Options) error {
	return write(benchFormats, " for a benchmark", format, w, b, b.ID, opt)
}

func writeBenchJSON(b *bytes.Buffer, r *record.Bench, _ Options) error {
	data, err := record.EncodeBench(r)
	if err != nil {
		return err
	}
	b.Write(data)
	return nil
}
