package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

// What a line of a file would come to on this host, beside record's outcomes.
const (
	wouldChange = "would-change"
	setAgain    = "set-again" // a later line sets the same key
)

// diffLine is one line of a file, held against this host.
type diffLine struct {
	File   string  `json:"file"`
	Line   int     `json:"line"`
	Key    string  `json:"key"`
	Asked  string  `json:"asked"`
	Here   *string `json:"here"` // nil where it cannot be read
	Would  string  `json:"outcome"`
	Reason string  `json:"reason"`
	// GoneSince and ReplacedBy are of settings that Linux had once.
	GoneSince  string `json:"gone_since"`
	ReplacedBy string `json:"replaced_by"`
	Namespaced bool   `json:"namespaced"`
	Optional   bool   `json:"optional"`
	Does       string `json:"does"`
	Price      string `json:"price"`
}

func newDiff() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "diff FILE...", Args: cobra.MinimumNArgs(1),
		Short: "Hold sysctl.conf text against this host: what it would change, line by line",
		Long: `Holds the lines of sysctl.conf text against this host's settings. Nothing is written. With - the text is read from
standard input. Of a setting that is there more than once the last line counts.`,
		Example: `  twomsl sysctl diff /etc/sysctl.conf
  twomsl sysctl diff /etc/sysctl.d/*.conf
  sysctl -a | twomsl sysctl diff -`,
		RunE: func(cmd *cobra.Command, args []string) error { return diff(cmd.OutOrStdout(), args, format) },
	}
	c.Flags().StringVarP(&format, "output", "o", "terminal", "`FORMAT`: terminal or json")
	return c
}

func diff(w io.Writer, files []string, format string) error {
	var wrong []error
	if known := []string{"terminal", "json"}; format != known[0] && format != known[1] {
		guess := cmp.Or(scenario.DidYouMean(format, known), ";")
		wrong = append(wrong, fmt.Errorf("-o %s: no such format%s known: terminal, json", format, guess))
	}
	var lines []sysctl.Setting
	for _, name := range files {
		found, err := sysctlFile(name)
		if err != nil {
			wrong = append(wrong, err)
		}
		lines = append(lines, found...)
	}
	if wrong != nil {
		return usage("%w", errors.Join(wrong...))
	}
	told := diffLines(lines)
	if format == "json" {
		if err := writeJSON(w, map[string]any{"lines": told}); err != nil {
			return failed(err)
		}
		return nil
	}
	return showDiff(newPage(w), told, files)
}

func diffLines(lines []sysctl.Setting) []diffLine {
	out := make([]diffLine, len(lines))
	last := map[string]int{}
	for i, s := range lines {
		q := sysctl.Look(sysctl.DefaultRoot, s)
		out[i] = diffLine{
			File: s.File, Line: s.LineNo, Key: q.Key, Asked: q.Asked, Here: q.Before, Would: cmp.Or(q.Outcome, wouldChange),
			Reason: q.Reason, GoneSince: q.GoneSince, ReplacedBy: q.ReplacedBy, Namespaced: q.Namespaced, Optional: s.Optional,
			Does: q.Does, Price: q.Price,
		}
		if before, again := last[q.Key]; again {
			out[before].Would, out[before].Price = setAgain, ""
			out[before].Reason = fmt.Sprintf("line %d sets it again, and that counts", s.LineNo)
			if s.File != out[before].File {
				out[before].Reason = fmt.Sprintf("line %d of %s sets it again, and that counts", s.LineNo, s.File)
			}
		}
		last[q.Key] = i
	}
	return out
}

// saidOutcome is an outcome in words, and how it is set in colour.
var saidOutcome = map[string]struct{ text, style string }{
	wouldChange:             {"would change", boldText},
	setAgain:                {"not used", faintText},
	record.SysctlAlreadySet: {"already set", greenText},
	record.SysctlMissing:    {"missing", yellowText},
	record.SysctlHostWide:   {"host-wide", yellowText},
	record.SysctlRefused:    {"refused", yellowText},
}

// showDiff writes a row for each line, and what is to be said of it below.
func showDiff(p *page, lines []diffLine, files []string) error {
	names := slices.Clone(files)
	for i := range names {
		if names[i] == "-" {
			names[i] = stdinName
		}
	}
	changes := 0
	for i := range lines {
		if lines[i].Would == wouldChange {
			changes++
		}
	}
	p.para(fmt.Sprintf("%s against this host: %d of %s would change something. Nothing was written.",
		strings.Join(names, ", "), changes, countOf(len(lines), "line", "lines")))
	t := diffTable{page: p, lines: lines}
	t.measure()
	for i := range lines {
		if i == 0 || lines[i].File != lines[i-1].File {
			p.line("")
			if len(files) > 1 {
				p.title(lines[i].File)
			}
			t.head()
		}
		t.row(&lines[i])
	}
	return p.end()
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// diffTable has the columns line, setting, here, asked and outcome. Where they do not fit beside each other, the values
// are told below.
type diffTable struct {
	*page
	lines            []diffLine
	key, here, asked int // widths
	narrow           bool
}

const (
	lineColumn    = 6  // the line's number and two columns before it
	outcomeColumn = 12 // the longest outcome
	columnGap     = 2
)

func (t *diffTable) measure() {
	t.key, t.here, t.asked = len("setting"), len("here"), len("asked")
	for i := range t.lines {
		l := &t.lines[i]
		t.key = max(t.key, len(l.Key))
		t.here, t.asked = max(t.here, len(l.shownHere())), max(t.asked, len(l.Asked))
	}
	t.narrow = lineColumn+t.key+t.here+t.asked+outcomeColumn+4*columnGap > t.width
}

func (l *diffLine) shownHere() string {
	switch {
	case l.Here == nil:
		return "-"
	case *l.Here == "":
		return "empty"
	}
	return *l.Here
}

func (t *diffTable) head() {
	text := fmt.Sprintf("%*s  %-*s", lineColumn, "line", t.key, "setting")
	if !t.narrow {
		text += fmt.Sprintf("  %*s  %*s", t.here, "here", t.asked, "asked")
	}
	t.line(t.paint(faintText, strings.TrimRight(text, " ")))
}

func (t *diffTable) row(l *diffLine) {
	said := saidOutcome[l.Would]
	indent := strings.Repeat(" ", lineColumn+columnGap)
	key, rest := l.Key, ""
	if most := t.width - len(indent); len(key) > most {
		key, rest = key[:most], key[most:]
	}
	text := fmt.Sprintf("%*d  %-*s", lineColumn, l.Line, min(t.key, t.width-len(indent)), key)
	if !t.narrow {
		text += fmt.Sprintf("  %*s  %*s", t.here, l.shownHere(), t.asked, l.Asked)
	}
	if wide := text + "  " + said.text; len(wide) <= t.width {
		t.line(text + "  " + t.paint(said.style, said.text))
	} else { // a key that leaves no room
		t.line(text)
		t.hang("", indent, rest)
		t.hang(said.style, indent, said.text)
	}
	if t.narrow {
		t.hang("", indent, "here "+l.shownHere()+", asked "+cmp.Or(l.Asked, "empty"))
	}
	t.hang(faintText, indent, l.note())
}

// note is what a reader should know of a line.
func (l *diffLine) note() string {
	var parts []string
	if l.Reason != "" {
		parts = append(parts, l.Reason)
	}
	if l.Would == wouldChange && l.Does != "" {
		parts = append(parts, l.Does)
	}
	if l.Price != "" {
		parts = append(parts, "price: "+l.Price)
	}
	if l.Would == wouldChange && !l.Namespaced {
		parts = append(parts, "host-wide: a lab cannot have its own")
	}
	if l.Optional && l.Reason != "" && l.Would != setAgain {
		parts = append(parts, "marked with -, so sysctl -p goes on")
	}
	return strings.Join(parts, "; ")
}
