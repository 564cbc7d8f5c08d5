package paste

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// remnants are words that awk '{print $6}' and its like leave of netstat's own headers.
var remnants = []string{"established)", "servers)", "foreign", "address", "state", "(state)", "local", "w/o"}

// counted reads a line with a state and a number, in either order. Other words may follow.
func (r *tableReader) counted(n int, line string) {
	words := countWords(line)
	if len(words) == 0 || len(words) == 2 && isRemnant(line) {
		return
	}
	if r.several(n, line, words) {
		return
	}
	state, at := findState(words)
	if at < 0 {
		r.noState(n, line, words)
		return
	}
	rest := slices.Delete(slices.Clone(words), at, at+1)
	if len(rest) == 0 {
		r.problems.add(n, "%s has no number", state)
		return
	}
	if at == 0 && len(rest) > 1 && !slices.ContainsFunc(rest, looksLikeNumber) { // a sentence that begins with such a word
		r.passOver(n, line)
		return
	}
	count, text := rest[0], ""
	if len(rest) > 1 && at == 0 {
		text = rest[1]
	}
	number, problem := readCount(count)
	switch {
	case problem != "":
		r.problems.add(n, "%s: %s", state, problem)
	case text != "" && plainNumber.MatchString(text):
		r.problems.add(n, "%s has two numbers, %s and %s: leave the one that counts", state, count, text)
	default:
		known, _ := stateOf(state)
		r.add(n, CountsTable, known, number)
	}
}

// several reads a line with more than one state in it, such as JSON without line breaks: {"TIME_WAIT": 5, "LAST_ACK": 1}.
func (r *tableReader) several(n int, line string, words []string) bool {
	pairs, alone, known := pairsOf(words)
	if known < 2 && !(known == 1 && len(pairs) > 1 && strings.Contains(line, `":`)) {
		return false
	}
	for _, p := range pairs {
		state, ok := stateOf(p.state)
		number, problem := readCount(p.number)
		switch {
		case !ok:
			r.problems.add(n, "%s", unknownState(p.state))
		case problem != "":
			r.problems.add(n, "%s: %s", p.state, problem)
		default:
			r.add(n, CountsTable, state, number)
		}
	}
	for _, number := range alone {
		r.problems.add(n, "%s has no state beside it", excerpt(number))
	}
	return true
}

// pair is a state and its number, as written.
type pair struct{ state, number string }

// pairsOf finds the pairs of a line, all in the order of the first; alone are numbers without a word, known counts states.
func pairsOf(words []string) (pairs []pair, alone []string, known int) {
	isState := func(w string) bool { _, ok := stateOf(w); return ok }
	first := slices.IndexFunc(words, func(w string) bool { return isState(w) || looksLikeNumber(w) })
	if first < 0 {
		return nil, nil, 0
	}
	turned := looksLikeNumber(words[first])
	for i := 0; i < len(words); i++ {
		if i+1 < len(words) && looksLikeNumber(words[i]) == turned && looksLikeNumber(words[i+1]) != turned {
			p := pair{words[i], words[i+1]}
			if turned {
				p = pair{p.number, p.state}
			}
			if pairs = append(pairs, p); isState(p.state) {
				known++
			}
			i++
		} else if looksLikeNumber(words[i]) {
			alone = append(alone, words[i])
		}
	}
	return pairs, alone, known
}

// countWords splits a line into its words, without the punctuation of tables, lists, JSON and CSV.
func countWords(line string) (words []string) {
	split := func(c rune) bool { return unicode.IsSpace(c) || strings.ContainsRune("|=:;\"", c) }
	for _, w := range strings.FieldsFunc(line, split) {
		for _, part := range splitAtComma(strings.Trim(w, ",'`*{}[]()")) {
			if part != "" {
				words = append(words, part)
			}
		}
	}
	return words
}

// splitAtComma takes STATE,N and N,STATE apart, and leaves 18,122 whole.
func splitAtComma(w string) []string {
	if i := strings.IndexByte(w, ','); i > 0 && !startsWithDigit(w) {
		return []string{w[:i], w[i+1:]}
	}
	if i := strings.LastIndexByte(w, ','); i > 0 && startsWithDigit(w) && !startsWithDigit(w[i+1:]) {
		return []string{w[:i], w[i+1:]}
	}
	return []string{w}
}

func startsWithDigit(w string) bool { return w != "" && w[0] >= '0' && w[0] <= '9' }

// findState looks where a row has its state: first, or after its number.
func findState(words []string) (state string, at int) {
	for i := range min(2, len(words)) {
		if _, ok := stateOf(words[i]); ok && (i == 0 || looksLikeNumber(words[0])) {
			return words[i], i
		}
	}
	return "", -1
}

// noState is a row whose word is no state, what is left of a header, or no row at all.
func (r *tableReader) noState(n int, line string, words []string) {
	if len(words) == 2 && (looksLikeNumber(words[0]) != looksLikeNumber(words[1])) {
		word := words[0]
		if looksLikeNumber(word) {
			word = words[1]
		}
		r.problems.add(n, "%s", unknownState(word))
		return
	}
	if len(words) >= 2 && nearState(words[0]) != "" && looksLikeNumber(words[1]) { // with words after the number
		r.problems.add(n, "%s", unknownState(words[0]))
		return
	}
	r.passOver(n, line)
}

// mostPassed bounds how many lines are kept that were passed over.
const mostPassed = 1000

func (r *tableReader) passOver(n int, line string) {
	if len(r.table.PassedOver) < mostPassed {
		r.table.PassedOver = append(r.table.PassedOver, Passed{n, excerpt(line)})
	}
}

// isRemnant tells a count of netstat's headers: "1 established)", "1 Foreign".
func isRemnant(line string) bool {
	for _, w := range strings.Fields(strings.ToLower(line)) {
		if slices.Contains(remnants, w) {
			return true
		}
	}
	return false
}

var (
	plainNumber = regexp.MustCompile(`^[0-9]+$`)
	thousands   = regexp.MustCompile(`^[0-9]{1,3}([,.'_’][0-9]{3})+$`)
)

// looksLikeNumber takes more than can be read: -5, 1e9, 0x10, 5.5.
func looksLikeNumber(w string) bool {
	w = strings.TrimLeft(w, "+-−")
	return startsWithDigit(w)
}

// readCount reads a number of sockets, with or without separators between thousands.
func readCount(w string) (n int64, problem string) {
	digits := w
	if thousands.MatchString(w) {
		digits = strings.NewReplacer(",", "", ".", "", "'", "", "_", "", "’", "").Replace(w)
	}
	switch {
	case strings.HasPrefix(w, "-") && looksLikeNumber(w), strings.HasPrefix(w, "−"):
		return 0, excerpt(w) + " is below zero: no host has so many sockets"
	case !plainNumber.MatchString(digits):
		return 0, strconv.Quote(excerpt(w)) + " is no number of sockets"
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > MostCount {
		return 0, excerpt(w) + " sockets are more than any host has: 100,000,000 at most"
	}
	return n, ""
}
