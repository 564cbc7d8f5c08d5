package record

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/RECORD.md anew")

// docs/RECORD.md is this package's comments, so that the schema that people read is the one that is written.
func TestTheSchemaIsDocumented(t *testing.T) {
	const file = "../../docs/RECORD.md"
	want := schemaPage(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/RECORD.md is not what the comments say; go test ./internal/record -update:\n%s", diff)
	}
}

const schemaIntro = `# The records of the program

Made from the comments of internal/record by its test; ` + "`go test ./internal/record -update`" + ` writes it anew.

One JSON file per trial, schema ` + "`" + Schema + "`" + `, one per matrix of trials, schema ` + "`" + MatrixSchema + "`" + `,
one per comparison of variants, schema ` + "`" + ComparisonSchema + "`" + `, one per reproduction of a pasted table, schema
` + "`" + ReproductionSchema + "`" + `, one per set of tested claims, schema ` + "`" + ClaimsSchema + "`" + `, one per incident,
schema ` + "`" + IncidentSchema + "`" + `, one per diagnosis, schema ` + "`" + DiagnosisSchema + "`" + `, with the host that it is of,
schema ` + "`" + HostSchema + "`" + `, one per benchmark, schema ` + "`" + BenchSchema + "`" + `, one per gate, schema
` + "`" + GateSchema + "`" + `, one per baseline that gates are held against, schema ` + "`" + BaselineSchema + "`" + `. A history
of gates is a file of lines, each a [GatePoint](#gatepoint). Fields may be added; those below keep their names and are always there. A type that several have is told once.
What was not measured is null, and a warning or ` + "`environment.unmeasured`" + ` says why. Units stand in the names.
`

func schemaPage(t *testing.T) string {
	t.Helper()
	types := structs(t)
	var b strings.Builder
	b.WriteString(schemaIntro)
	written := map[string]bool{}
	for _, root := range []reflect.Type{
		reflect.TypeFor[Trial](), reflect.TypeFor[Matrix](), reflect.TypeFor[Comparison](), reflect.TypeFor[Reproduction](),
		reflect.TypeFor[Claims](), reflect.TypeFor[Incident](), reflect.TypeFor[Diagnosis](), reflect.TypeFor[Bench](),
		reflect.TypeFor[Gate](), reflect.TypeFor[Baseline](),
	} {
		for queue := []reflect.Type{root}; len(queue) > 0; queue = queue[1:] {
			if typ := queue[0]; !written[typ.Name()] {
				written[typ.Name()] = true
				queue = append(queue, section(t, &b, typ, types[typ.Name()])...)
			}
		}
	}
	return b.String()
}

// section writes one type's fields, and gives the types that they have.
func section(t *testing.T, b *strings.Builder, typ reflect.Type, info structDoc) []reflect.Type {
	t.Helper()
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n| field | type | meaning |\n| --- | --- | --- |\n", typ.Name(), oneLine(info.doc))
	return fields(t, b, typ, info)
}

// fields writes the rows of a type's fields; those of an embedded one stand among them.
func fields(t *testing.T, b *strings.Builder, typ reflect.Type, info structDoc) []reflect.Type {
	t.Helper()
	var inside []reflect.Type
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Anonymous {
			inside = append(inside, fields(t, b, f.Type, structs(t)[f.Type.Name()])...)
			continue
		}
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "-" { // not in the file
			continue
		}
		if tag == "" {
			t.Errorf("%s.%s has no name in JSON", typ.Name(), f.Name)
		}
		kind, inner := jsonType(f.Type)
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", tag, kind, oneLine(info.fields[f.Name]))
		if inner != nil {
			inside = append(inside, inner)
		}
	}
	return inside
}

// jsonType names a field's type as JSON has it, and the struct behind it, if any.
func jsonType(t reflect.Type) (string, reflect.Type) {
	switch {
	case t.PkgPath() == "time":
		return "time (RFC 3339)", nil
	case t.PkgPath() == "encoding/json":
		return "object", nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		name, inner := jsonType(t.Elem())
		return name + " or null", inner
	case reflect.Slice:
		name, inner := jsonType(t.Elem())
		return "list of " + name, inner
	case reflect.Map:
		name, inner := jsonType(t.Elem())
		return "name -> " + name, inner
	case reflect.Struct:
		if strings.HasPrefix(t.Name(), "SidePair[") {
			name, inner := jsonType(t.Field(0).Type)
			return "client, server: " + name, inner
		}
		return "[" + t.Name() + "](#" + strings.ToLower(t.Name()) + ")", t
	case reflect.String:
		return "text", nil
	case reflect.Bool:
		return "true or false", nil
	}
	return "number", nil
}

type structDoc struct {
	doc    string
	fields map[string]string
}

// structs reads the comments of this package's types and fields.
func structs(t *testing.T) map[string]structDoc {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range []string{
		"record.go", "environment.go", "close.go", "matrix.go", "comparison.go", "reproduction.go", "claims.go", "incident.go", "diagnosis.go", "host.go",
		"canary.go", "relay.go", "state.go", "cause.go", "kept.go", "bench.go", "gate.go", "command.go",
	} {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, "twomsl/internal/record", doc.PreserveAST)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]structDoc{}
	for _, typ := range p.Types {
		s := structDoc{doc: typ.Doc, fields: map[string]string{}}
		if st, ok := typ.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType); ok {
			for _, f := range st.Fields.List {
				for _, n := range f.Names {
					s.fields[n.Name] = f.Doc.Text() + " " + f.Comment.Text()
				}
			}
		}
		out[typ.Name] = s
	}
	return out
}

func oneLine(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}
