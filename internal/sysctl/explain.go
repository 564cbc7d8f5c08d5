package sysctl

import "strings"

// Topic is what is known of a setting. What it says of the kernel stands in docs/FACTS.md with its test.
type Topic struct {
	Key    string // one that ends in * stands for all that begin so
	Does   string // in sentences
	Clause string // the same in a few words, for a table
	Side   string // on which side it acts
	Unit   string
	Not    string // what it does not do, where it is often said to
	Costs  string // in a sentence; "" where no cost is known
	// price is the cost in a few words, costly whether a change from one value to another has it.
	price  string
	costly func(before, after string) bool
}

// The sides on which a setting acts.
const (
	opens   = "the side that opens connections"
	listens = "the side that listens"
	closes  = "the side that closes first"
	either  = "either side"
)

// About finds what is known of a key in its dotted form.
func About(key string) (Topic, bool) {
	for _, t := range topics {
		begin, family := strings.CutSuffix(t.Key, "*")
		if key == t.Key || family && strings.HasPrefix(key, begin) {
			return t, true
		}
	}
	return Topic{}, false
}

// Does is a clause that says what a setting does; "" where that is not known.
func Does(key string) string {
	t, _ := About(key)
	return t.Clause
}

// Price is what a change costs, in a clause; "" where nothing is known.
func Price(key, before, after string) string {
	t, _ := About(key)
	if t.costly == nil || !t.costly(normalise(before), normalise(after)) {
		return ""
	}
	return t.price
}

// Gone tells of a key that the kernel had once: the first Linux without it, what took its place, and the whole in words.
func Gone(key string) (since, by, why string, was bool) {
	r, was := wasThere(key)
	if !was {
		return "", "", "", false
	}
	return r.since, r.by, r.String(), true
}

// Takes is what the kernel takes as a value of a key, as far as it is known here; "" where it is not.
func Takes(root, key string) string { return strings.TrimPrefix(limitsOf(root, key), ": ") }

// Namespaced tells whether a network namespace has a setting of its own.
func Namespaced(key string) bool { return !isHostWide(key) }

func becomes(value string) func(before, after string) bool {
	return func(_, after string) bool { return same(after, value) }
}

// falls tells whether a number gets smaller.
func falls(before, after string) bool {
	b, errB := kernelInt(before)
	a, errA := kernelInt(after)
	return errA == nil && errB == nil && a < b
}

// reachesDown tells whether a range of ports comes to begin below those that are handed out by default.
func reachesDown(before, after string) bool {
	low := func(r string) string { first, _, _ := strings.Cut(r, " "); return first }
	n, err := kernelInt(low(after))
	return err == nil && n < freshLow && falls(low(before), low(after))
}

func notEmpty(_, after string) bool { return after != "" }
