package scenario

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A scenario is a page of text. The bounds keep a hostile file from costing the YAML parser more than that.
var page = Page{
	Kind: "a scenario", Largest: 16 << 10, // bytes; the parser's time can grow with the square
	NoUse: noUse, Needs: "at least a name; the field names are " + strings.Join(fieldNames(reflect.TypeFor[Scenario]()), ", "),
}

// Parse reads one scenario in YAML. The name of the file is only used to say where a problem stands. The error is a
// Problems with everything that can be found wrong with the text at once; whether the values go together is for Check.
func Parse(file string, data []byte) (Scenario, error) {
	var s Scenario
	body, problems := page.Body(data)
	d := document{problems}
	if body != nil {
		d.value("", LineOf(body), reflect.ValueOf(&s).Elem(), body)
	}
	if len(d.problems) == 0 {
		return s, nil
	}
	for i := range d.problems {
		d.problems[i].File = file
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	return Scenario{}, d.problems
}

// document collects what is wrong with one text.
type document struct{ problems Problems }

func (d *document) add(line int, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
}

// noUse names the parts of YAML that a scenario has no use for. They are refused before the text is parsed: it keeps
// the walk below to mappings and texts.
var noUse = map[token.Type]string{
	token.SequenceEntryType: "no field of a scenario is a list (put text that begins with - in quotes)",
	token.SequenceStartType: "no field of a scenario is a list (put text that begins with [ in quotes)",
	token.MappingKeyType:    "keys are plain names (put text that begins with ? in quotes)",
	token.MergeKeyType:      "merge keys are not read: write the fields out",
	token.AnchorType:        "anchors are not read: write the value out (put text that begins with & in quotes)",
	token.AliasType:         "aliases are not read: write the value out (put text that begins with * in quotes)",
	token.TagType:           "tags are not read: leave it out (put text that begins with ! in quotes)",
	token.DirectiveType:     "directives are not read: leave it out (put text that begins with % in quotes)",
}

// value reads a node into v. The line is that of the field's name, which is where people look.
func (d *document) value(path string, at int, v reflect.Value, n ast.Node) {
	switch shape := shapeOf(v.Type()); {
	case n == nil || n.Type() == ast.NullType:
		d.add(at, path, "has no value: write one or leave it out%s", defaultOf(path))
	case shape == leaf:
		d.leaf(path, at, v, n)
	case shape == table:
		d.table(path, at, v, n)
	case shape == optional:
		d.optional(path, at, v, n)
	default:
		d.group(path, at, v, n)
	}
}

func (d *document) leaf(path string, at int, v reflect.Value, n ast.Node) {
	text, ok := Scalar(n)
	if !ok {
		d.add(at, path, "is one value, not a group of fields")
		return
	}
	if err := assign(path, v, text); err != nil {
		d.add(at, path, "%v", err)
	}
}

func (d *document) optional(path string, at int, v reflect.Value, n ast.Node) {
	if text, ok := Scalar(n); ok && text == "off" {
		return
	}
	v.Set(reflect.New(v.Type().Elem()))
	d.group(path, at, v.Elem(), n)
}

func (d *document) group(path string, at int, v reflect.Value, n ast.Node) {
	d.entries(path, at, n, fieldNames(v.Type()), func(name string, at int, n ast.Node) {
		if field, ok := fieldOf(v, name); ok {
			d.value(join(path, name), at, field, n)
			return
		}
		d.add(at, join(path, name), "%s", unknownField(path, name, v.Type()))
	})
}

func (d *document) table(path string, at int, v reflect.Value, n ast.Node) {
	v.Set(reflect.MakeMap(v.Type()))
	names := []string{"net.ipv4.tcp_tw_reuse"} // any key will do; this one shows the shape
	d.entries(path, at, n, names, func(key string, at int, n ast.Node) {
		text := reflect.New(v.Type().Elem()).Elem()
		d.value(join(path, key), at, text, n)
		v.SetMapIndex(reflect.ValueOf(key), text)
	})
}

// entries calls f for each key of a mapping, with the key's line. A key that comes twice is a problem.
func (d *document) entries(path string, at int, n ast.Node, names []string, f func(string, int, ast.Node)) {
	m, ok := n.(ast.MapNode)
	if !ok {
		what := "is a group of fields, each on a line of its own and indented"
		if path == "" {
			what = "a scenario is a group of fields, each on a line of its own"
		}
		d.add(at, path, "%s: %s", what, strings.Join(names, ", "))
		return
	}
	first := map[string]int{}
	for it := m.MapRange(); it.Next(); {
		key, at := it.Key().GetToken().Value, LineOf(it.Key())
		if l, twice := first[key]; twice {
			d.add(at, join(path, key), "is here twice, first on line %d: keep one", l)
			continue
		}
		first[key] = at
		f(key, at, it.Value())
	}
}
