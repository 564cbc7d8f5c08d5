package record

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// smallMatrix has one row of each kind.
func smallMatrix() *Matrix {
	return &Matrix{
		Schema: MatrixSchema, ID: "matrix-20261121-101500-ab12", Tool: "twomsl 1.2.3", Status: Complete,
		Seconds: 2, Asked: 3, Jobs: 2,
		Rows: []MatrixRow{
			{
				Side: "client", How: "fin", Family: "ipv4", Engine: "split/epoll", Trial: "fin-1", Agrees: ptr(true),
				Declared:    SidePair[Declared]{Client: Declared{States: map[State]Share{TimeWait: All}}},
				Seen:        SidePair[CloseSeen]{Client: CloseSeen{States: Counts{TimeWait: 3}}},
				Connections: 3, OK: 3, BytesLost: ptr(int64(0)), ConnectionsLost: ptr(int64(0)), PortsPerConn: ptr(1.0),
				CPUUSPerConn: SidePair[*float64]{Client: ptr(40.0)}, RestartErrno: ptr(""),
			},
			{Side: "both", How: "linger=0", Agrees: ptr(false), Contradictions: []string{"declared a -> b"}},
			{Side: "server", How: "leak", Unsupported: "not here", Warnings: []Warning{{Code: "odd"}}},
		},
	}
}

func TestMatrixRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	in := smallMatrix()
	path, err := WriteMatrix(dir, in)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, in.ID+".json"); path != want {
		t.Errorf("path is %s, want %s", path, want)
	}
	out, err := ReadMatrix(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(normalMatrix(in), out); diff != "" {
		t.Errorf("what was read differs (-written +read):\n%s", diff)
	}
	if in.Rows[0].Options != nil || in.Rows[2].Warnings[0].Spoils != nil || in.Rows[1].Declared.Client.States != nil {
		t.Error("WriteMatrix changed the matrix that it was given")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"options": []`, `"contradictions": []`, `"spoils": []`, `"declared a -> b"`, `"bytes_lost": null`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the file lacks %s", want)
		}
	}
	if _, err := WriteMatrix(dir, in); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: error is %v", err)
	}
	onlyFile(t, dir, in.ID+".json")
}

func TestWriteMatrixRefusesAndKeeps(t *testing.T) {
	dir := t.TempDir()
	in := smallMatrix()
	in.ID = "../up"
	if path, err := WriteMatrix(dir, in); err == nil || path != "" {
		t.Errorf("got %q, %v", path, err)
	}
	in = smallMatrix()
	in.Rows[0].PortsPerConn = ptr(math.NaN())
	if _, err := WriteMatrix(dir, in); err == nil || !strings.Contains(err.Error(), "rows[0].ports_held_per_connection") {
		t.Errorf("error is %v, want one that names the field", err)
	}
	onlyFile(t, dir)
	in = smallMatrix()
	in.Asked = 4
	path, err := WriteMatrix(dir, in)
	if err == nil || path == "" {
		t.Errorf("a matrix that contradicts itself: got %q, %v; want both the path and the error", path, err)
	}
	onlyFile(t, dir, in.ID+".json")
}

func TestCheckMatrix(t *testing.T) {
	if err := smallMatrix().Check(); err != nil {
		t.Fatalf("a good matrix is refused: %v", err)
	}
	row := func(i int, spoil func(*MatrixRow)) func(*Matrix) {
		return func(m *Matrix) { spoil(&m.Rows[i]) }
	}
	refuses(t, map[string]func(*Matrix){
		`schema is "x"`:                       func(m *Matrix) { m.Schema = "x" },
		"the id is empty":                     func(m *Matrix) { m.ID = "" },
		`status is "done"`:                    func(m *Matrix) { m.Status = "done" },
		"status is complete, but 1 of 4 rows": func(m *Matrix) { m.Asked = 4 },
		"rows are 3, but only 2":              func(m *Matrix) { m.Asked = 2 },
		"seconds cannot be -1":                func(m *Matrix) { m.Seconds = -1 },
		"jobs is a count":                     func(m *Matrix) { m.Jobs = -1 },
		`rows[0].side is ""`:                  row(0, func(r *MatrixRow) { r.Side = "" }),
		"rows[1].how is empty":                row(1, func(r *MatrixRow) { r.How = "" }),
		"rows[2].failure is there although":   row(2, func(r *MatrixRow) { r.Failure = "x" }),
		"rows[2].agrees is true although":     row(2, func(r *MatrixRow) { r.Agrees = ptr(true) }),
		"rows[1].contradictions are missing":  row(1, func(r *MatrixRow) { r.Contradictions = nil }),
		"rows[0].not_judged is there":         row(0, func(r *MatrixRow) { r.NotJudged = "x" }),
		"rows[0].bytes_lost is a count":       row(0, func(r *MatrixRow) { *r.BytesLost = -1 }),
		"rows[0].connections is a count":      row(0, func(r *MatrixRow) { r.Connections = -1 }),
		"rows[0].resets_seen_by_peer is a":    row(0, func(r *MatrixRow) { r.ResetsSeenByPeer = -1 }),
		"rows[0].reused.server is a count":    row(0, func(r *MatrixRow) { r.Reused.Server = -1 }),
		"rows[0].cpu_us_per_connection.clien": row(0, func(r *MatrixRow) { *r.CPUUSPerConn.Client = -1 }),
		"rows[0].ports_held_per_connection c": row(0, func(r *MatrixRow) { *r.PortsPerConn = math.Inf(1) }),
		"rows[0].seen.client.states.TIME_WAI": row(0, func(r *MatrixRow) { r.Seen.Client.States[TimeWait] = -1 }),
		"rows[0].declared.client.states.TIME": row(0, func(r *MatrixRow) { r.Declared.Client.States[TimeWait] = "" }),
	}, smallMatrix)
}

// What is cut short is whole rows only, so an interrupted matrix may have fewer than were asked for.
func TestInterruptedMatrix(t *testing.T) {
	m := smallMatrix()
	m.Status, m.Rows = Interrupted, nil
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

func TestSchemaOf(t *testing.T) {
	for data, want := range map[string]string{
		`{"schema":"twomsl/trial/v1","id":7}`:      Schema,
		` {"schema":"twomsl/matrix/v1","rows":[]}`: MatrixSchema,
		`{"schema":"twomsl/trial/v9"}`:             "twomsl/trial/v9",
		`{"schema":"k6/v1"}`:                       "k6/v1",
	} {
		if got, err := SchemaOf("FILE", []byte(data)); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %s", data, got, err, want)
		}
	}
	for data, want := range map[string]string{
		"":                           "record FILE is damaged: the file is empty",
		"[]":                         "FILE is not a twomsl record: it holds a JSON array, not an object",
		"{}":                         "FILE is not a twomsl record: it has no schema",
		`{"schema":"twomsl/matrix/v`: "record FILE is damaged: ends early at byte 26",
		"hello":                      "FILE is not JSON: line 1, column 1",
	} {
		if got, err := SchemaOf("FILE", []byte(data)); err == nil || !strings.HasPrefix(err.Error(), want) || got != "" {
			t.Errorf("%q: got %q, %v; want %s", data, got, err, want)
		}
	}
}

func TestDecodeMatrixErrors(t *testing.T) {
	for data, want := range map[string]string{
		`{"schema":"twomsl/trial/v1"}`: "FILE holds the record of a trial (twomsl/trial/v1), not a matrix (twomsl/matrix/v1)",
		`{"schema":"twomsl/matrix/v2","tool":"twomsl 9"}`: "FILE was made by a newer twomsl (twomsl/matrix/v2, by twomsl 9): " +
			"this one reads twomsl/matrix/v1; use the newer program",
		`{"schema":"twomsl/matrix/v1","rows":[{"ok":"x"}]}`: "record FILE: line 1, column ",
		`{"schema":"twomsl/matrix/v1","id":"a"}`:            `record FILE contradicts itself: status is ""`,
		`{"schema":"twomsl/matrix/v1"`:                      "record FILE is damaged: ends early",
	} {
		if got, err := DecodeMatrix("FILE", []byte(data)); err == nil || !strings.HasPrefix(err.Error(), want) || got != nil {
			t.Errorf("%s: got %v, %v; want %s", data, got, err, want)
		}
	}
}

func FuzzDecodeMatrix(f *testing.F) {
	whole, err := EncodeMatrix(smallMatrix())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"schema":"twomsl/matrix/v1","id":"a","status":"interrupted"}`))
	fuzzDecode(f, whole, MatrixSchema, DecodeMatrix, EncodeMatrix)
}

// fuzzDecode holds a decoder to its promises: an error or a record, which can be written and reads back as the same.
func fuzzDecode[T any](f *testing.F, whole []byte, schema string,
	decode func(string, []byte) (*T, error), encode func(*T) ([]byte, error),
) {
	f.Add(whole)
	f.Add(whole[:len(whole)/3])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decode("FILE", data)
		if err != nil {
			if got != nil || err.Error() == "" {
				t.Fatalf("a record or nothing to read comes with the error %q", err)
			}
			return
		}
		if found, err := SchemaOf("FILE", data); err != nil || found != schema {
			t.Fatalf("what was read has the schema %q, %v", found, err)
		}
		again, err := encode(got)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		twice, err := decode("FILE", again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(got, twice); diff != "" {
			t.Fatalf("written and read again differs:\n%s", diff)
		}
	})
}
