package gate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"twomsl/internal/scenario"
)

// mostEntries bounds a list.
const mostEntries = 100

// page is a plan's: lists are of use in it, what stands for something written elsewhere is not.
var page = scenario.Page{
	Kind: "a plan", Largest: 64 << 10, Needs: "scenarios and budgets",
	NoUse: map[token.Type]string{
		token.MergeKeyType:  "merge keys are not read: write the fields out",
		token.AnchorType:    "anchors are not read: write the value out (put text that begins with & in quotes)",
		token.AliasType:     "aliases are not read: write the value out (put text that begins with * in quotes)",
		token.TagType:       "tags are not read: leave it out (put text that begins with ! in quotes)",
		token.DirectiveType: "directives are not read: leave it out (put text that begins with % in quotes)",
	},
}

// Parse reads a plan. The error is a scenario.Problems with everything that is wrong with it, by file and line; budgets are
// read against the metrics that are known.
func Parse(file string, data []byte, known []Metric) (Plan, error) {
	r := &reader{file: file, known: known}
	var p Plan
	body, problems := page.Body(data)
	for _, one := range problems {
		r.add(one.Line, one.Path, "%s", one.Text)
	}
	if body != nil {
		r.plan(&p, body)
	}
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b scenario.Problem) int { return a.Line - b.Line })
		return Plan{}, r.problems
	}
	return p, nil
}

// reader collects what is wrong with one text.
type reader struct {
	file     string
	known    []Metric
	problems scenario.Problems
}

func (r *reader) add(line int, path, format string, args ...any) {
	r.problems = append(r.problems, scenario.Problem{File: r.file, Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
}

// A field reads what stands at its name.
type field struct {
	name string
	read func(line int, n ast.Node)
}

// group reads a mapping by its fields, each at most once.
func (r *reader) group(path string, n ast.Node, fields []field) {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].name
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		r.add(scenario.LineOf(n), path, "is a group of fields, each on a line of its own: %s", strings.Join(names, ", "))
		return
	}
	first := map[string]int{}
	for it := m.MapRange(); it.Next(); {
		name, at := it.Key().GetToken().Value, scenario.LineOf(it.Key())
		i := slices.Index(names, name)
		switch l, twice := first[name]; {
		case twice:
			r.add(at, join(path, name), "is here twice, first on line %d: keep one", l)
		case i < 0:
			guess := scenario.DidYouMean(name, names)
			r.add(at, join(path, name), "is not known here%s there are: %s", orSemicolon(guess), strings.Join(names, ", "))
		case it.Value() == nil || it.Value().Type() == ast.NullType:
			r.add(at, join(path, name), "has no value: write one or leave it out")
		default:
			fields[i].read(at, it.Value())
		}
		first[name] = at
	}
}

func orSemicolon(guess string) string {
	if guess == "" {
		return ";"
	}
	return guess
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

func (r *reader) plan(p *Plan, body ast.Node) {
	r.group("", body, []field{
		{"name", r.text("name", &p.Name)},
		{"scenarios", func(_ int, n ast.Node) { p.Scenarios = r.scenarios(n) }},
		{"budgets", func(_ int, n ast.Node) { p.Budgets = r.budgets("budgets", n) }},
		{"trials", r.whole("trials", &p.Trials, 2, 1000)},
		{"again", r.whole("again", &p.Again, 2, 1000)},
		{"level", r.share("level", &p.Level)},
		{"power", r.share("power", &p.Power)},
		{"max-duration", r.duration("max-duration", &p.Longest)},
		{"seed", func(line int, n ast.Node) {
			var seed int
			r.whole("seed", &seed, 1, 1<<31-1)(line, n)
			p.Seed = int64(seed)
		}},
		{"baseline", r.text("baseline", &p.Baseline)},
		{"against", func(line int, n ast.Node) { p.Against = r.against(line, n) }},
		{"set", r.texts("set", &p.Tested.Set)},
		{"command", r.command("command", &p.Tested)},
		{"image", r.text("image", &p.Tested.Image)},
		{"binary", r.text("binary", &p.Tested.Binary)},
		{"commit", r.text("commit", &p.Tested.Commit)},
		{"build", r.text("build", &p.Tested.Build)},
	})
	if len(r.problems) > 0 {
		return
	}
	if len(p.Scenarios) == 0 {
		r.add(0, "scenarios", `is missing: name one scenario or more, like "scenarios: [port-exhaustion-small]"`)
	}
	budgets := len(p.Budgets)
	for _, s := range p.Scenarios {
		budgets += len(s.Budgets)
		if len(p.Budgets)+len(s.Budgets) == 0 {
			r.add(s.Line, "scenarios", "%s has no budget, and neither has the plan: %s", s.Name, grammar)
		}
	}
	if budgets == 0 && len(r.problems) == 0 {
		r.add(0, "budgets", "is missing: %s", grammar)
	}
}

func (r *reader) against(line int, n ast.Node) *Subject {
	s := &Subject{Line: line}
	switch n.(type) {
	case ast.MapNode:
		r.group("against", n, []field{
			{"set", r.texts("against.set", &s.Set)},
			{"command", r.command("against.command", s)},
			{"image", r.text("against.image", &s.Image)},
			{"binary", r.text("against.binary", &s.Binary)},
			{"commit", r.text("against.commit", &s.Commit)},
			{"build", r.text("against.build", &s.Build)},
		})
	default:
		r.texts("against", &s.Set)(line, n)
	}
	return s
}

// command is a server's line, or a group of a server's and a client's.
func (r *reader) command(path string, s *Subject) func(int, ast.Node) {
	return func(line int, n ast.Node) {
		if _, ok := n.(ast.MapNode); !ok {
			r.text(path, &s.Server)(line, n)
			return
		}
		r.group(path, n, []field{
			{"server", r.text(path+".server", &s.Server)},
			{"client", r.text(path+".client", &s.Client)},
			{"requests", r.whole(path+".requests", &s.Requests, 1, 1_000_000_000)},
		})
	}
}

func (r *reader) scenarios(n ast.Node) (out []Scenario) {
	for i, one := range r.list("scenarios", n) {
		path := fmt.Sprintf("scenarios[%d]", i)
		s := Scenario{Line: scenario.LineOf(one)}
		if _, ok := one.(ast.MapNode); ok {
			r.group(path, one, []field{
				{"name", r.text(path+".name", &s.Name)},
				{"scenario", r.text(path+".scenario", &s.Ref)},
				{"set", r.texts(path+".set", &s.Set)},
				{"budgets", func(_ int, n ast.Node) { s.Budgets = r.budgets(path+".budgets", n) }},
			})
		} else {
			r.text(path, &s.Ref)(s.Line, one)
		}
		if s.Ref == "" {
			s.Ref = s.Name
		}
		if s.Ref == "" {
			r.add(s.Line, path, "names no scenario: write its name or its file at scenario")
		}
		if s.Name == "" {
			s.Name = strings.TrimSuffix(strings.TrimSuffix(s.Ref, ".yaml"), ".yml")
			s.Name = s.Name[strings.LastIndex(s.Name, "/")+1:]
		}
		for _, other := range out {
			if other.Name == s.Name {
				r.add(s.Line, path, "%s is here twice: give one of them another name", s.Name)
			}
		}
		out = append(out, s)
	}
	return out
}

func (r *reader) budgets(path string, n ast.Node) (out []Budget) {
	for i, one := range r.list(path, n) {
		at := fmt.Sprintf("%s[%d]", path, i)
		text, ok := scenario.Scalar(one)
		if m, isMap := one.(ast.MapNode); isMap { // "connects_per_second: drop <= 10%" without quotes
			text, ok = pair(m)
		}
		if !ok {
			r.add(scenario.LineOf(one), at, "is no budget: %s", grammar)
			continue
		}
		b, err := ParseBudget(text, r.known)
		if err != nil {
			r.add(scenario.LineOf(one), at, "%v", err)
			continue
		}
		out = append(out, Budget{Text: b.Text, Line: scenario.LineOf(one), GateBudget: b})
	}
	return out
}

// pair is the text of a mapping with one key.
func pair(m ast.MapNode) (string, bool) {
	var texts []string
	for it := m.MapRange(); it.Next(); {
		if it.Value() == nil {
			return "", false
		}
		v, ok := scenario.Scalar(it.Value())
		if !ok {
			return "", false
		}
		texts = append(texts, it.Key().GetToken().Value+": "+v)
	}
	return strings.Join(texts, ""), len(texts) == 1
}

// list is a sequence, or one thing that stands for a list of one.
func (r *reader) list(path string, n ast.Node) []ast.Node {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		return []ast.Node{n}
	}
	if len(s.Values) > mostEntries {
		r.add(scenario.LineOf(n), path, "has %d entries: %d at most", len(s.Values), mostEntries)
		return nil
	}
	var out []ast.Node
	for i, v := range s.Values {
		if v == nil || v.Type() == ast.NullType {
			r.add(scenario.LineOf(n), fmt.Sprintf("%s[%d]", path, i), "is empty: leave it out")
			continue
		}
		out = append(out, v)
	}
	return out
}

func (r *reader) text(path string, to *string) func(int, ast.Node) {
	return func(line int, n ast.Node) {
		text, ok := scenario.Scalar(n)
		switch text = strings.TrimSpace(text); {
		case !ok:
			r.add(line, path, "is one text, neither a list nor a group")
		case text == "":
			r.add(line, path, "is empty: write something or leave it out")
		case strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\t' }):
			r.add(line, path, "is not one line of text: put what is longer into a script")
		}
		*to = text
	}
}

func (r *reader) texts(path string, to *[]string) func(int, ast.Node) {
	return func(line int, n ast.Node) {
		for i, one := range r.list(path, n) {
			var text string
			r.text(fmt.Sprintf("%s[%d]", path, i), &text)(line, one)
			*to = append(*to, text)
		}
	}
}

func (r *reader) whole(path string, to *int, least, most int) func(int, ast.Node) {
	return func(line int, n ast.Node) {
		text, _ := scenario.Scalar(n)
		v, err := strconv.Atoi(text)
		if err != nil || v < least || v > most {
			r.add(line, path, "is %q: a whole number from %d to %d is needed", text, least, most)
		}
		*to = v
	}
}

func (r *reader) share(path string, to *float64) func(int, ast.Node) {
	return func(line int, n ast.Node) {
		text, _ := scenario.Scalar(n)
		part, percent := strings.CutSuffix(text, "%")
		v, err := number(part)
		if percent {
			v /= 100
		}
		if err != nil || !(v > 0 && v < 1) {
			r.add(line, path, "is %q: a share between 0 and 1 is needed, like 0.05 or 5%%", text)
		}
		*to = v
	}
}

func (r *reader) duration(path string, to *time.Duration) func(int, ast.Node) {
	return func(line int, n ast.Node) {
		text, _ := scenario.Scalar(n)
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			r.add(line, path, "is %q: a time is needed, like 90s or 5m", text)
		}
		*to = d
	}
}
