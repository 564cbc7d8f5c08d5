package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
)

// Write keeps t as DIR/ID.json and returns that path. It makes DIR, never overwrites a file (the error is then
// fs.ErrExist), and the file appears whole and synced or not at all: a full disk leaves neither a part nor a temporary
// file behind. Its mode is 0644 less the umask.
//
// A trial that Check finds fault with is written all the same, since its figures exist nowhere else; then both the
// path and the error are returned, because Read will refuse the file for the same reason.
func Write(dir string, t *Trial) (path string, err error) { return write(dir, t.ID, Encode, t) }

// checked is what records have in common.
type checked interface{ Check() error }

func write[T checked](dir, id string, encode func(T) ([]byte, error), r T) (path string, err error) {
	if err := checkID(id); err != nil {
		return "", fmt.Errorf("cannot name the record: %w", err)
	}
	path = filepath.Join(dir, id+".json")
	data, err := encode(r)
	if err != nil {
		// encoding/json says which value it cannot write, but not where; Check knows the field.
		return "", fmt.Errorf("cannot write record %s: %w", path, errors.Join(err, r.Check()))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("cannot write record %s: %w", path, err)
	}
	if err := create(path, data); err != nil {
		return "", fmt.Errorf("cannot write record %s: %w", path, err)
	}
	if err := r.Check(); err != nil {
		return path, fmt.Errorf("record %s is written but contradicts itself: %w", path, err)
	}
	return path, nil
}

// create makes the file at path with data, synced; it fails where path exists.
func create(path string, data []byte) error {
	dir := filepath.Dir(path)
	switch done, err := createUnnamed(path, data); {
	case err != nil:
		return err
	case done:
		return syncDir(dir)
	}
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer f.Cleanup() //nolint:errcheck // the file is in place or the error is already told
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := place(f, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// place gives the finished file its name. A hard link, unlike rename, fails where the name is taken, so two writers
// cannot overwrite each other; only a file system without links falls back to looking first.
func place(f *renameio.PendingFile, path string) error {
	err := os.Link(f.Name(), path)
	if err == nil {
		return nil // the temporary name goes with Cleanup
	}
	if _, statErr := os.Lstat(path); statErr == nil || errors.Is(err, fs.ErrExist) {
		return fs.ErrExist
	}
	return f.CloseAtomicallyReplace()
}

// syncDir makes the new name survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems cannot sync a directory; the file itself is synced, and that is all that can be had there.
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// Encode gives the JSON that Write keeps: indented, ending in a newline, with [] for every list that is empty. It
// leaves t as it is.
func Encode(t *Trial) ([]byte, error) {
	n := normalised(t)
	if n.Schema == "" {
		n.Schema = Schema
	}
	return encode(n)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // people read these files: "->" stays "->"
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Read gives the record in the file at path.
func Read(path string) (*Trial, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read record: %w", err)
	}
	return Decode(path, data)
}

// Decode gives the record that data holds; name is what errors call it. What it accepts has passed Check, and its lists
// are empty rather than nil wherever nil does not mean "not measured". Unknown fields are ignored: newer programs may
// add them.
func Decode(name string, data []byte) (*Trial, error) {
	return decode(name, data, Schema, normalised)
}

func decode[T any, P interface {
	*T
	checked
}](name string, data []byte, schema string, normal func(P) P) (P, error) {
	if err := sniff(name, data, schema); err != nil {
		return nil, err
	}
	r := P(new(T))
	if err := json.Unmarshal(data, r); err != nil {
		return nil, explain(name, data, err)
	}
	r = normal(r)
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("record %s contradicts itself: %w", name, err)
	}
	return r, nil
}

// kinds are the things that twomsl writes, by the middle word of their schema.
var kinds = map[string]string{
	"trial": "the record of a trial", "comparison": "a comparison", "matrix": "a matrix",
	"reproduction": "a reproduction", "claims": "tested claims", "diagnosis": "a diagnosis", "snapshot": "a snapshot",
	"host": "a host", "bench": "a benchmark", "gate": "a gate", "baseline": "a baseline",
}

// head is what every record begins with.
type head struct{ schema, tool string }

// SchemaOf tells which schema the record in data has, without reading more of it: Schema, MatrixSchema, or one that
// this program does not read, as the decoder then says. The error, in which name is what data is called, is for what is
// no record at all.
func SchemaOf(name string, data []byte) (string, error) {
	h, err := headOf(name, data)
	return h.schema, err
}

func headOf(name string, data []byte) (head, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return head{}, fmt.Errorf("record %s is damaged: the file is empty", name)
	}
	var raw struct {
		Schema json.RawMessage `json:"schema"`
		Tool   json.RawMessage `json:"tool"`
	}
	err := json.Unmarshal(data, &raw)
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
		return head{}, fmt.Errorf("%s is not a twomsl record: it holds a JSON %s, not an object", name, wrong.Value)
	}
	if err != nil {
		return head{}, explain(name, data, err)
	}
	var h head
	if json.Unmarshal(raw.Schema, &h.schema) != nil || h.schema == "" {
		return head{}, fmt.Errorf("%s is not a twomsl record: it has no schema", name)
	}
	_ = json.Unmarshal(raw.Tool, &h.tool) // only decoration: an odd tool leaves it empty
	return h, nil
}

// sniff looks at the schema alone, so that a file of another kind or a newer version is named as what it is instead of
// failing over its first unfamiliar field.
func sniff(name string, data []byte, want string) error {
	h, err := headOf(name, data)
	if err != nil || h.schema == want {
		return err
	}
	return foreign(name, h, want)
}

// foreign says what a schema other than the one that is wanted is.
func foreign(name string, h head, want string) error {
	schema := h.schema
	parts := strings.Split(schema, "/")
	if len(parts) != 3 || parts[0] != "twomsl" {
		return fmt.Errorf("%s is not a twomsl record: its schema is %q", name, schema)
	}
	kind := strings.Split(want, "/")[1]
	if what, ok := kinds[parts[1]]; ok && parts[1] != kind {
		return fmt.Errorf("%s holds %s (%s), not %s (%s)", name, what, schema, kinds[kind], want)
	}
	version, err := strconv.Atoi(strings.TrimPrefix(parts[2], "v"))
	if parts[1] != kind || err != nil || version < 1 || !strings.HasPrefix(parts[2], "v") {
		return fmt.Errorf("%s has the schema %q, which this twomsl does not know; it reads %s", name, schema, want)
	}
	if h.tool != "" {
		schema += ", by " + h.tool
	}
	return fmt.Errorf("%s was made by a newer twomsl (%s): this one reads %s; use the newer program", name, schema, want)
}

// explain turns an error of encoding/json into a place in the file.
func explain(name string, data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		if cutOff(data) {
			line, _ := position(data, int64(len(data)))
			return fmt.Errorf("record %s is damaged: ends early at byte %d (line %d), so its rest was never written or "+
				"got lost in copying", name, len(data), line)
		}
		line, column := position(data, syntax.Offset-1)
		return fmt.Errorf("%s is not JSON: line %d, column %d: %w", name, line, column, err)
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		line, column := position(data, wrong.Offset-1)
		return fmt.Errorf("record %s: line %d, column %d: %s cannot be a JSON %s",
			name, line, column, wrong.Field, wrong.Value)
	}
	return fmt.Errorf("record %s: %w", name, err)
}

// cutOff tells whether data is the beginning of something valid. Only a Decoder says so for every cut: in the middle of
// a word, json.Unmarshal complains about the character that is not there.
func cutOff(data []byte) bool {
	var v json.RawMessage
	return errors.Is(json.NewDecoder(bytes.NewReader(data)).Decode(&v), io.ErrUnexpectedEOF)
}

// position gives the line and column, both from 1, of the byte at offset.
func position(data []byte, offset int64) (line, column int) {
	before := data[:max(0, min(offset, int64(len(data))))]
	return bytes.Count(before, []byte{'\n'}) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// normalised gives a copy of t in which the lists that are always known are never nil. Left alone is what may be
// unmeasured: counts, counters, effective settings, a sample's ports, mitigations, offloads.
func normalised(t *Trial) *Trial {
	n := *t
	n.Outcomes, n.Ports = list(n.Outcomes), list(n.Ports)
	n.Sides.Client, n.Sides.Server = normalSide(n.Sides.Client), normalSide(n.Sides.Server)
	n.Close.Declared = normalDeclared(n.Close.Declared)
	n.Close.Contradictions = list(n.Close.Contradictions)
	n.Warnings = normalWarnings(n.Warnings)
	n.Relay = normalRelay(n.Relay)
	n.Merged = normalMerged(n.Merged)
	if n.Environment.Unmeasured == nil {
		n.Environment.Unmeasured = map[string]string{}
	}
	return &n
}

func normalRelay(r *Relay) *Relay {
	if r == nil {
		return nil
	}
	n := *r
	n.Addresses, n.Ports, n.Outcomes = list(n.Addresses), list(n.Ports), list(n.Outcomes)
	n.Client.Samples, n.Server.Samples = list(n.Client.Samples), list(n.Server.Samples)
	n.Sysctls = normalSysctls(n.Sysctls)
	return &n
}

func normalMerged(m *Merged) *Merged {
	if m == nil {
		return nil
	}
	n := *m
	n.Shards, n.Missing, n.LeftOut, n.Hosts = list(n.Shards), list(n.Missing), list(n.LeftOut), list(slices.Clone(n.Hosts))
	for i := range n.Hosts {
		h := &n.Hosts[i]
		h.Names, h.Shards = list(h.Names), list(h.Shards)
		if h.Environment.Unmeasured == nil {
			h.Environment.Unmeasured = map[string]string{}
		}
	}
	return &n
}

func normalSide(s Side) Side {
	s.Addresses, s.Samples = list(s.Addresses), list(s.Samples)
	s.Sysctls = normalSysctls(s.Sysctls)
	return s
}

func normalSysctls(s Sysctls) Sysctls {
	s.Changed, s.Refused, s.Asked = list(s.Changed), list(s.Refused), list(s.Asked)
	return s
}

func normalWarnings(in []Warning) []Warning {
	out := list(slices.Clone(in))
	for i := range out {
		out[i].Spoils = list(out[i].Spoils)
	}
	return out
}

// normalDeclared writes what is not declared as an empty list: a declaration is always known.
func normalDeclared(d SidePair[Declared]) SidePair[Declared] {
	for _, one := range []*Declared{&d.Client, &d.Server} {
		one.States, one.Passing, one.Counters = object(one.States), object(one.Passing), object(one.Counters)
	}
	return d
}

func object[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
