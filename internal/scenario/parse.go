package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A scenario is a page of text. The bounds keep a hostile file from costing the YAML parser more than that.
const (
	largestFile = 16 << 10 // bytes; the parser's time can grow with the square
	deepest     = 8        // braces within braces
)

// Parse reads one scenario in YAML. The name of the file is only used to say where a problem stands. The error is a
// Problems with everything that can be found wrong with the text at once; whether the values go together is for Check.
func Parse(file string, data []byte) (Scenario, error) {
	var s Scenario
	d := document{}
	if body := d.body(data); body != nil {
		d.value("", line(body), reflect.ValueOf(&s).Elem(), body)
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

// body is the document's mapping; nil where there is none, and then a problem says why.
func (d *document) body(data []byte) (body ast.Node) {
	defer func() { // the YAML parser is not ours, and what people paste into a file is nobody's
		if p := recover(); p != nil {
			d.add(0, "", "cannot be read as YAML (%v): look for unbalanced quotes and brackets", p)
			body = nil
		}
	}()
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case len(data) > largestFile:
		d.add(0, "", "is %d bytes long: a scenario has at most %d", len(data), largestFile)
		return nil
	case !utf8.Valid(data):
		d.add(0, "", "is not UTF-8 text: save it as UTF-8")
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if d.refuse(tokens); len(d.problems) > 0 {
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return nil
	}
	return d.only(f)
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

func (d *document) refuse(tokens token.Tokens) {
	depth, said := 0, map[token.Type]bool{}
	for _, t := range tokens {
		if why := noUse[t.Type]; why != "" && !said[t.Type] {
			said[t.Type] = true // once for each kind: a list of a hundred lines is one mistake
			d.add(t.Position.Line, "", "%s", why)
		}
		switch t.Type {
		case token.MappingStartType:
			if depth++; depth == deepest+1 {
				d.add(t.Position.Line, "", "braces are nested more than %d deep", deepest)
			}
		case token.MappingEndType:
			depth--
		}
	}
}

// syntax passes on what the YAML parser found; it stops at the first error.
func (d *document) syntax(err error) {
	var at interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &at) || at.GetToken() == nil || at.GetToken().Position == nil {
		d.add(0, "", "is not YAML: %v", err)
		return
	}
	d.add(at.GetToken().Position.Line, "", "is not YAML: %s", at.GetMessage())
}

// only is the body of the file's one document.
func (d *document) only(f *ast.File) ast.Node {
	var bodies []ast.Node
	for _, doc := range f.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch {
	case len(bodies) == 0 || len(bodies) == 1 && bodies[0].Type() == ast.NullType:
		d.add(0, "", "is empty: a scenario needs at least a name; the field names are %s",
			strings.Join(fieldNames(reflect.TypeFor[Scenario]()), ", "))
		return nil
	case len(bodies) > 1:
		d.add(line(bodies[1]), "", "a second document begins here: a file holds one scenario, without --- between")
		return nil
	}
	return bodies[0]
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
	text, ok := scalar(n)
	if !ok {
		d.add(at, path, "is one value, not a group of fields")
		return
	}
	if err := assign(path, v, text); err != nil {
		d.add(at, path, "%v", err)
	}
}

func (d *document) optional(path string, at int, v reflect.Value, n ast.Node) {
	if text, ok := scalar(n); ok && text == "off" {
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
		key, at := it.Key().GetToken().Value, line(it.Key())
		if l, twice := first[key]; twice {
			d.add(at, join(path, key), "is here twice, first on line %d: keep one", l)
			continue
		}
		first[key] = at
		f(key, at, it.Value())
	}
}

// scalar is the text of a single value just as it was written: 1 is "1", and 0x10 stays a word that no number reads.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case ast.ScalarNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// line is where a node begins.
func line(n ast.Node) int {
	if m, ok := n.(ast.MapNode); ok {
		if it := m.MapRange(); it.Next() {
			n = it.Key()
		}
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
