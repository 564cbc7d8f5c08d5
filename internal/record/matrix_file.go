package record

import (
	"fmt"
	"os"
	"slices"
)

// WriteMatrix keeps m as DIR/ID.json and returns that path, in all as Write does.
func WriteMatrix(dir string, m *Matrix) (path string, err error) {
	return write(dir, m.ID, EncodeMatrix, m)
}

// EncodeMatrix gives the JSON that WriteMatrix keeps. It leaves m as it is.
func EncodeMatrix(m *Matrix) ([]byte, error) {
	n := normalMatrix(m)
	if n.Schema == "" {
		n.Schema = MatrixSchema
	}
	return encode(n)
}

// ReadMatrix gives the matrix in the file at path.
func ReadMatrix(path string) (*Matrix, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read record: %w", err)
	}
	return DecodeMatrix(path, data)
}

// DecodeMatrix gives the matrix that data holds, with the promises of Decode.
func DecodeMatrix(name string, data []byte) (*Matrix, error) {
	return decode(name, data, MatrixSchema, normalMatrix)
}

// normalMatrix gives a copy of m in which the lists that are always known are never nil.
func normalMatrix(m *Matrix) *Matrix {
	n := *m
	n.Rows = list(slices.Clone(n.Rows))
	for i := range n.Rows {
		r := &n.Rows[i]
		r.Options, r.Contradictions = list(r.Options), list(r.Contradictions)
		r.Declared, r.Warnings = normalDeclared(r.Declared), normalWarnings(r.Warnings)
	}
	if n.Environment.Unmeasured == nil {
		n.Environment.Unmeasured = map[string]string{}
	}
	return &n
}
