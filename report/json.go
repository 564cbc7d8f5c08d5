package report

import (
	"bytes"

	"twomsl/internal/record"
)

func init() {
	register("json", writeJSON)
	registerMatrix("json", writeMatrixJSON)
	registerComparison("json", writeComparisonJSON)
}

// writeJSON gives the record itself, as it stands in its file.
func writeJSON(b *bytes.Buffer, t *record.Trial, _ Options) error {
	data, err := record.Encode(t)
	if err != nil {
		return err
	}
	b.Write(data)
	return nil
}

func writeMatrixJSON(b *bytes.Buffer, m *record.Matrix, _ Options) error {
	data, err := record.EncodeMatrix(m)
	if err != nil {
		return err
	}
	b.Write(data)
	return nil
}

func writeComparisonJSON(b *bytes.Buffer, c *record.Comparison, _ Options) error {
	data, err := record.EncodeComparison(c)
	if err != nil {
		return err
	}
	b.Write(data)
	return nil
}
