package scenario

import (
	"fmt"
	"strings"
)

// near finds the name that was most likely meant: one that differs by about a third of its letters at most, or one that
// begins with what was written.
func near(word string, names []string) (string, bool) {
	word = strings.ToLower(word)
	if word == "" || len(word) > 64 {
		return "", false // nobody mistyped that, and the distance below takes the product of the lengths
	}
	best, least := "", max(1, len(word)/3)+1
	for _, name := range names {
		d := distance(word, strings.ToLower(name))
		if len(word) >= 3 && strings.HasPrefix(name, word) {
			d = min(d, 1)
		}
		if d < least {
			best, least = name, d
		}
	}
	return best, best != ""
}

// DidYouMean is "; did you mean X?", or nothing where no name is near.
func DidYouMean(word string, names []string) string {
	if name, ok := near(word, names); ok {
		return fmt.Sprintf("; did you mean %s?", name)
	}
	return ""
}

// notOneOf says that a word is none of those allowed.
func notOneOf(word string, allowed []string) string {
	guess := DidYouMean(word, allowed)
	if guess == "" {
		guess = ";"
	}
	return fmt.Sprintf("%q is not known here%s allowed: %s", word, guess, strings.Join(allowed, ", "))
}

// distance counts the letters to insert, drop, replace or swap with their neighbour to turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
