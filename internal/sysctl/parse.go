package sysctl

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LineError is one line that cannot be read.
type LineError struct {
	File           string
	LineNo, Column int // from 1; the column counts characters
	What           string
	Nearest        string // the known key that was probably meant; "" where none is near
}

// Error gives the place first, as compilers do.
func (e *LineError) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.LineNo, e.Column, e.What)
	if e.Nearest != "" {
		s += fmt.Sprintf(" (did you mean %s?)", e.Nearest)
	}
	return s
}

// ParseError holds every line of a file that cannot be read.
type ParseError struct {
	Problems []*LineError
}

// Error has one line for each problem.
func (e *ParseError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap lets errors.As find the first LineError.
func (e *ParseError) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}

// ParseSetting reads one KEY=VALUE, as a line of sysctl.conf has it. The problem's place is the column alone.
func ParseSetting(text string) (Setting, *LineError) {
	line, problem := parseLine(text)
	switch {
	case problem != nil:
		return Setting{}, problem
	case line == nil:
		return Setting{}, &LineError{Column: 1, What: "there is no KEY=VALUE"}
	}
	return *line, nil
}

const byteOrderMark = "\ufeff"

// Parse reads sysctl.conf text (sysctl.conf(5)), which is also what sysctl -a prints. File is the name that errors and
// lines carry. All lines that can be read are returned, also where others cannot: those are in the *ParseError.
func Parse(file string, data []byte) ([]Setting, error) {
	var lines []Setting
	var bad []*LineError
	no := 0
	for raw := range bytes.SplitSeq(bytes.TrimPrefix(data, []byte(byteOrderMark)), []byte("\n")) {
		no++
		line, problem := parseLine(strings.TrimSuffix(string(raw), "\r"))
		if problem != nil {
			problem.File, problem.LineNo = file, no
			bad = append(bad, problem)
		} else if line != nil {
			line.File, line.LineNo = file, no
			lines = append(lines, *line)
		}
	}
	if bad != nil {
		return lines, &ParseError{Problems: bad}
	}
	return lines, nil
}

// parseLine gives neither a line nor a problem for a comment and for a blank line.
func parseLine(s string) (*Setting, *LineError) {
	text := strings.TrimLeft(s, " \t")
	if strings.TrimSpace(text) == "" || text[0] == '#' || text[0] == ';' {
		return nil, nil
	}
	fail := func(at int, what, key string) (*Setting, *LineError) {
		near := Nearest(key)
		if words := strings.Fields(key); near == "" && len(words) > 1 { // "sysctl -w net.ipv4.tcp_tw_reuse"
			near = Nearest(words[len(words)-1])
		}
		return nil, &LineError{Column: utf8.RuneCountInString(s[:at]) + 1, What: what, Nearest: near}
	}
	from := len(s) - len(text)
	left, right, hasEquals := strings.Cut(text, "=")
	left, optional := strings.CutPrefix(left, "-")
	if optional {
		from++
	}
	from += len(left) - len(strings.TrimLeft(left, " \t"))
	key := strings.Trim(left, " \t")
	if !hasEquals {
		first, _, _ := strings.Cut(key, " ")
		return fail(len(s), "there is no = between key and value", first)
	}
	if at, what := checkKey(key); at >= 0 {
		return fail(from+at, what, key)
	}
	if at, what := checkValue(right); at >= 0 {
		return fail(len(s)-len(right)+at, what, "")
	}
	return &Setting{Key: canonical(key), Value: normalise(right), Optional: optional}, nil
}

// checkValue says what is wrong with a value and at which byte; -1 where nothing is.
func checkValue(s string) (at int, what string) {
	before := ' '
	first := len(s) - len(strings.TrimLeft(s, " \t"))
	for i, r := range s {
		switch {
		case r == utf8.RuneError:
			return i, "the value is not UTF-8 text"
		case r > '~' && (unicode.IsSpace(r) || !unicode.IsPrint(r)):
			return i, fmt.Sprintf("the character %U does not belong into a value (pasted from a web page?)", r)
		case unicode.IsControl(r) && r != '\t':
			return i, fmt.Sprintf("the character %q does not belong into a value", r)
		case i == first && len(s) > i+1 && s[i+1] != ' ' && s[i+1] != '\t': // kernel.version = #1 SMP ...
		case (r == '#' || r == ';') && (before == ' ' || before == '\t'):
			return i, "a comment needs a line of its own: sysctl(8) would write it as part of the value"
		}
		before = r
	}
	return -1, ""
}
