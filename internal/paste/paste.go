// Package paste reads what people copy from a terminal: counts of socket states, listings, counters. It takes the text
// as it comes, with prompts, headers and other words around it, and says by its line what it cannot read. The package is
// pure.
package paste

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MostBytes bounds a text: the listing of a million sockets fits.
const MostBytes = 128 << 20

// mostProblems is how many are told; the rest is counted.
const mostProblems = 10

// Problem is what is wrong with a line. Line 0 is the text as a whole.
type Problem struct {
	Line int // from 1
	Text string
}

func (p Problem) Error() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Text)
}

// Problems are all that is wrong with a text.
type Problems []Problem

func (p Problems) Error() string {
	var lines []string
	for _, one := range p[:min(len(p), mostProblems)] {
		lines = append(lines, one.Error())
	}
	if more := len(p) - mostProblems; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more lines like these", more))
	}
	return strings.Join(lines, "\n")
}

func (p *Problems) add(line int, format string, args ...any) {
	*p = append(*p, Problem{line, fmt.Sprintf(format, args...)})
}

// Clean makes one kind of text of what was pasted: UTF-8 without a byte order mark and with plain line ends. What is not
// text is an error that says where.
func Clean(s string) (string, error) {
	if len(s) > MostBytes {
		return "", Problem{0, fmt.Sprintf("%d MiB is more than a paste: %d MiB at most", len(s)>>20, MostBytes>>20)}
	}
	switch {
	case strings.HasPrefix(s, "\xff\xfe"), strings.HasPrefix(s, "\xfe\xff"):
		s = fromUTF16(s)
	case strings.HasPrefix(s, "\ufeff"):
		s = s[len("\ufeff"):]
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	if at := strings.IndexFunc(s, notText); at >= 0 {
		r, _ := utf8.DecodeRuneInString(s[at:])
		what := fmt.Sprintf("control character %#02x", r)
		if r == utf8.RuneError {
			what = fmt.Sprintf("byte %#02x, which is no UTF-8", s[at])
		}
		return "", Problem{1 + strings.Count(s[:at], "\n"), "this is no text: " + what + "; paste what a terminal shows"}
	}
	if strings.TrimSpace(s) == "" {
		return "", errEmpty
	}
	return s, nil
}

var errEmpty = errors.New("the text is empty")

func notText(r rune) bool {
	return r == utf8.RuneError || r < ' ' && r != '\n' && r != '\t' && r != '\f' && r != '\v' && r != '\x1b' || r == 0x7f
}

// fromUTF16 reads what PowerShell writes to a file. Half a character at the end stays unreadable.
func fromUTF16(data string) string {
	high, low := 1, 0
	if data[0] == 0xfe {
		high, low = 0, 1
	}
	var units []uint16
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, uint16(data[i+high])<<8|uint16(data[i+low]))
	}
	return string(utf16.Decode(units))
}

// plainLine takes away what terminals add to a line: colours, and spaces that are none of ASCII's.
func plainLine(line string) string {
	for {
		at := strings.IndexByte(line, '\x1b')
		if at < 0 {
			break
		}
		end := at + 1
		if rest := line[end:]; strings.HasPrefix(rest, "[") { // ECMA-48 CSI: up to a byte from @ to ~
			end++
			for end < len(line) && (line[end] < '@' || line[end] > '~') {
				end++
			}
			end = min(end+1, len(line))
		}
		line = line[:at] + line[end:]
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '\u00a0', '\u2007', '\u2009', '\u202f':
			return ' '
		}
		return r
	}, line)
}

// excerpt is a line as an error shows it.
func excerpt(line string) string {
	line = strings.TrimSpace(line)
	if r := []rune(line); len(r) > 60 {
		line = string(r[:57]) + "..."
	}
	return line
}
