package image

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// environment is the image's own, with PATH and HOME where it names none.
func environment(own []string, fallbacks ...string) []string {
	out := slices.Clone(own)
	for _, f := range fallbacks {
		key, _, _ := strings.Cut(f, "=")
		if !slices.ContainsFunc(own, func(e string) bool { return strings.HasPrefix(e, key+"=") }) {
			out = append(out, f)
		}
	}
	return out
}

// Command is what the image runs where nobody says otherwise, its entrypoint and its arguments, as one line for a shell:
// what server.command takes.
func (i Image) Command() (string, error) {
	words := slices.Concat(i.Entrypoint, i.Cmd)
	if len(words) == 0 {
		return "", errors.New("the image has no command of its own: name one")
	}
	line := make([]string, len(words))
	for n, w := range words {
		if strings.ContainsFunc(w, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
			return "", errors.New("the image's own command is not one line: name one")
		}
		line[n] = quote(w)
	}
	return strings.Join(line, " "), nil
}

// ports reads 80/tcp, or 80, which is the same. What is a range, or no number, says nothing that could be used.
func ports(exposed map[string]struct{}) (out []int) {
	for text := range exposed {
		number, protocol, _ := strings.Cut(text, "/")
		if n, err := strconv.ParseUint(number, 10, 16); err == nil && n > 0 && (protocol == "" || protocol == "tcp") {
			out = append(out, int(n))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// quote makes one word of a text, whatever is in it (POSIX.1-2017, Shell Command Language, 2.2.2).
func quote(w string) string {
	plain := func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_./:=,+@%", r)
	}
	// A word with = in it would be an assignment where it comes first.
	if w != "" && !strings.ContainsFunc(w, func(r rune) bool { return !plain(r) }) && !strings.Contains(w, "=") {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
