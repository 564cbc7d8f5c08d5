package scenario

import (
	"fmt"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a scenario, said so that it can be put right without looking elsewhere.
type Problem struct {
	File string // the file's name; empty where the scenario was not read from one
	Line int    // counted from 1; 0 where there is none
	Path string // the field, like load.stop.after, or the flag, like --set close.side; empty for the whole file
	Text string // what is wrong, and what is allowed
}

// String is one line: file:line: path: text, without the parts that are not known.
func (p Problem) String() string {
	var parts []string
	switch {
	case p.File != "" && p.Line > 0:
		parts = append(parts, p.File+":"+strconv.Itoa(p.Line))
	case p.File != "":
		parts = append(parts, p.File)
	case p.Line > 0:
		parts = append(parts, "line "+strconv.Itoa(p.Line))
	}
	if p.Path != "" {
		parts = append(parts, p.Path)
	}
	return strings.Join(append(parts, p.Text), ": ")
}

// Problems is everything that is wrong, as one error: whoever mistyped three fields hears of all three.
type Problems []Problem

// Error prints one problem per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// err is nil where there is no problem; a Problems in an error is never empty.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

func (ps *Problems) add(path, format string, args ...any) {
	*ps = append(*ps, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}
