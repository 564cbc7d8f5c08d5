package scenario

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Page is a kind of YAML text that people write by hand, and what keeps a hostile one from costing the parser more than a page:
// a scenario, a gate's plan.
type Page struct {
	Kind    string // in messages: "a scenario"
	Largest int    // bytes
	// NoUse names the parts of YAML that the page has no use for, with what to do instead. They are refused before the text is
	// parsed.
	NoUse map[token.Type]string
	Needs string // what an empty one lacks
}

// deepest bounds brackets within brackets.
const deepest = 8

// Body is the mapping of the page's one document; nil where there is none, and then a problem says why.
func (p Page) Body(data []byte) (body ast.Node, problems Problems) {
	d := document{}
	defer func() { // the YAML parser is not ours, and what people paste into a file is nobody's
		if r := recover(); r != nil {
			d.add(0, "", "cannot be read as YAML (%v): look for unbalanced quotes and brackets", r)
			body, problems = nil, d.problems
		}
	}()
	body = d.body(p, data)
	return body, d.problems
}

func (d *document) body(p Page, data []byte) ast.Node {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case len(data) > p.Largest:
		d.add(0, "", "is %d bytes long: %s has at most %d", len(data), p.Kind, p.Largest)
		return nil
	case !utf8.Valid(data):
		d.add(0, "", "is not UTF-8 text: save it as UTF-8")
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if d.refuse(tokens, p.NoUse); len(d.problems) > 0 {
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return nil
	}
	return d.only(p, f)
}

func (d *document) refuse(tokens token.Tokens, noUse map[token.Type]string) {
	depth, said := 0, map[token.Type]bool{}
	for _, t := range tokens {
		if why := noUse[t.Type]; why != "" && !said[t.Type] {
			said[t.Type] = true // once for each kind: a list of a hundred lines is one mistake
			d.add(t.Position.Line, "", "%s", why)
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			if depth++; depth == deepest+1 {
				d.add(t.Position.Line, "", "brackets are nested more than %d deep", deepest)
			}
		case token.MappingEndType, token.SequenceEndType:
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
func (d *document) only(p Page, f *ast.File) ast.Node {
	var bodies []ast.Node
	for _, doc := range f.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch {
	case len(bodies) == 0 || len(bodies) == 1 && bodies[0].Type() == ast.NullType:
		d.add(0, "", "is empty: %s needs %s", p.Kind, p.Needs)
		return nil
	case len(bodies) > 1:
		d.add(LineOf(bodies[1]), "", "a second document begins here: a file holds %s alone, without --- between", p.Kind)
		return nil
	}
	return bodies[0]
}

// Scalar is the text of a single value just as it was written: 1 is "1", and 0x10 stays a word that no number reads.
func Scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.NullNode:
		return "", false
	case ast.ScalarNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// LineOf is where a node begins, from 1; 0 where nobody knows.
func LineOf(n ast.Node) int {
	if m, ok := n.(ast.MapNode); ok {
		if it := m.MapRange(); it.Next() {
			n = it.Key()
		}
	}
	if n == nil {
		return 0
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
