package report

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"twomsl/internal/record"
)

// sentenceOf is what the comparison comes to for one variant, in a sentence or two.
type sentenceOf struct {
	variant string
	text    string
	mood    style
}

// headlineOf is the verdict in a sentence; with more than two variants one for each but the first.
func headlineOf(c *record.Comparison) string {
	var texts []string
	for _, h := range headlines(c) {
		texts = append(texts, h.text)
	}
	return strings.Join(texts, " ")
}

// headlines gives the verdict on each variant that is told.
func headlines(c *record.Comparison) []sentenceOf {
	told := toldVariants(c)
	if len(told) == 0 {
		return []sentenceOf{{text: "There is nothing to compare: the record has no second variant.", mood: yellow}}
	}
	var out []sentenceOf
	for _, v := range told {
		b := newBalance(c, v.Name)
		text, mood := b.verdict()
		if len(told) > 1 {
			text = "With " + clean(v.Name) + ", " + lowered(text)
		} else if len(b.gains) > 0 {
			text += whichLine(c)
		} else if undone := undoneWords(c); undone != "" {
			text += " " + undone
		}
		out = append(out, sentenceOf{v.Name, text + b.price() + b.undecided(), mood})
	}
	if isEqual(c) && len(told) == 1 {
		out[0].text = "The variants are equal: what differs between them is chance. " + out[0].text
	}
	return out
}

// toldVariants are those that a reader asked about: all but the first; line by line, the one with all lines.
func toldVariants(c *record.Comparison) []*record.Variant {
	var after, all []*record.Variant
	for i := range c.Variants {
		v := &c.Variants[i]
		if i == 0 {
			continue
		}
		all = append(all, v)
		if v.Role == "" || v.Role == "after" {
			after = append(after, v)
		}
	}
	if len(after) > 0 {
		return after
	}
	return all
}

func isEqual(c *record.Comparison) bool {
	return slices.ContainsFunc(c.Warnings, func(w record.Warning) bool { return w.Code == "variants-equal" })
}

// metricsOf are a variant's metrics, in the record's order.
func metricsOf(c *record.Comparison, variant string) []*record.Metric {
	var out []*record.Metric
	for i := range c.Metrics {
		if c.Metrics[i].Variant == variant {
			out = append(out, &c.Metrics[i])
		}
	}
	return out
}

// balance sorts the metrics that decide by what they come to.
type balance struct {
	gains, losses, open []*record.Metric
	deciding            int
	// untouched tells that metrics of the connections themselves decide or count, and that none of them moved.
	untouched bool
}

// newBalance weighs the primary metrics, or all where none is named. What connections lose counts even where nobody
// asked about it, if it is counted and not timed.
func newBalance(c *record.Comparison, variant string) *balance {
	list := metricsOf(c, variant)
	named := slices.ContainsFunc(list, func(m *record.Metric) bool { return m.Primary })
	b, seen, moved := &balance{}, false, false
	for _, m := range list {
		decides := m.Primary || !named && (m.Exact || m.Verdict != record.Inconclusive)
		ours := wordsFor(m.Name).connections
		if strings.HasPrefix(m.Name, "failed.") && !decides && hasMetric(list, "failed") {
			continue // of which cause they fail is no loss: that more of them do is said by all of them
		}
		if decides && measured(m) {
			b.deciding++
		}
		switch {
		case m.Verdict == record.Better && decides:
			b.gains = append(b.gains, m)
		case m.Verdict == record.Worse && (decides || m.Exact && ours):
			b.losses = append(b.losses, m)
		case m.Verdict == record.Inconclusive && decides && measured(m):
			b.open = append(b.open, m)
		}
		if ours && (decides || m.Exact) {
			seen = seen || m.Verdict == record.NoDifference
			moved = moved || m.Verdict == record.Better || m.Verdict == record.Worse || m.Verdict == record.Inconclusive && decides
		}
	}
	b.untouched = seen && !moved
	return b
}

// measured tells whether a metric has a value on both sides of the arrow.
func measured(m *record.Metric) bool {
	return clean(m.Details.Before.Unmeasured) == "" && clean(m.Details.After.Unmeasured) == ""
}

// verdict is the sentence that says it, without the price and what is left open.
func (b *balance) verdict() (string, style) {
	bought := b.price() != ""
	switch {
	case b.deciding == 0:
		return "There is no verdict yet: no trial has figures that decide.", yellow
	case len(b.gains) > 0 && len(b.losses) > 0 && bought:
		return "Better for " + labelled(b.gains) + ", at a price; worse for " + labelled(b.losses) + ".", yellow
	case len(b.gains) > 0 && len(b.losses) > 0:
		return "Better for " + labelled(b.gains) + ", worse for " + labelled(b.losses) + ".", yellow
	case len(b.losses) > 0:
		return "Worse: " + clauses(b.losses) + ".", red
	case len(b.gains) > 0 && b.untouched && bought:
		return "Nothing changed for the connections; " + clauses(b.gains) + ", at a price.", yellow
	case len(b.gains) > 0 && b.untouched:
		return "Nothing changed for the connections; " + clauses(b.gains) + ".", yellow
	case len(b.gains) > 0 && bought:
		return "Better, at a price: " + clauses(b.gains) + ".", yellow
	case len(b.gains) > 0:
		return "Better: " + clauses(b.gains) + ".", green
	case len(b.open) > 0:
		return "Inconclusive. " + b.missing(), yellow
	case b.untouched:
		return "Nothing changed for the connections.", plain
	}
	return "No difference shown in anything that decides.", plain
}

// price is a sentence with what the gains were bought with; "" where nothing was found.
func (b *balance) price() string {
	var prices []string
	for _, m := range b.gains {
		if !m.Bought {
			continue // what must be known stands beside the figures
		}
		for _, p := range strings.Split(strings.TrimRight(clean(m.Price), "."), "; ") {
			if p != "" && !slices.Contains(prices, p) {
				prices = append(prices, p)
			}
		}
	}
	if len(prices) == 0 {
		return ""
	}
	return " The price: " + strings.Join(prices, "; ") + "."
}

// undecided names what is left open beside what moved.
func (b *balance) undecided() string {
	if len(b.open) == 0 || len(b.gains)+len(b.losses) == 0 {
		return ""
	}
	return " Inconclusive for " + labelled(b.open) + "."
}

// missing says what kept the verdicts open, each reason once.
func (b *balance) missing() string {
	var reasons []string
	for _, m := range b.open {
		if why := sentence(spoken(m.Why)); why != "" && !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	if len(reasons) == 0 {
		return "Open is " + labelled(b.open) + "."
	}
	return strings.Join(reasons, " ")
}

// mostNamed is how many things a sentence names before it counts the rest.
const mostNamed = 2

// clauses says what moved, each thing once. What the connections feel goes before everything else.
func clauses(list []*record.Metric) string {
	var felt, other []string
	for _, m := range list {
		text := clause(m)
		switch {
		case slices.Contains(felt, text), slices.Contains(other, text):
		case strings.HasPrefix(m.Name, "failed.") && hasMetric(list, "failed"): // said, whatever its causes
		case wordsFor(m.Name).connections:
			felt = append(felt, text)
		default:
			other = append(other, text)
		}
	}
	if len(felt) == 0 {
		felt = other
	}
	return few(felt)
}

func hasMetric(list []*record.Metric, name string) bool {
	return slices.ContainsFunc(list, func(m *record.Metric) bool { return m.Name == name })
}

// few names the first things and counts the rest.
func few(said []string) string {
	if rest := len(said) - mostNamed; rest > 1 {
		said = append(said[:mostNamed:mostNamed], count(int64(rest))+" more")
	}
	return enumerate(said)
}

// clause is one thing that moved, as a part of a sentence.
func clause(m *record.Metric) string {
	w := wordsFor(m.Name)
	before, after := valueOr(m.Before, -1), valueOr(m.After, -1)
	gain := m.Verdict == record.Better
	switch {
	case m.Name == "failed" && gain && after == 0:
		return "connections go on where they failed before"
	case m.Name == "failed" && !gain && before == 0:
		return "connections fail that went through before"
	case m.Name == "first_exhaustion_seconds" && gain && tellValue(m, false) == "never":
		return "the ports no longer run out"
	case m.Name == "first_exhaustion_seconds" && !gain && tellValue(m, true) == "never":
		return "the ports run out"
	case gain && w.better != "":
		return w.better
	case !gain && w.worse != "":
		return w.worse
	}
	return inText(m.Name) + " " + tellMoved(m)
}

// labelled enumerates metrics by their labels.
func labelled(list []*record.Metric) string {
	var said []string
	for _, m := range list {
		if l := inText(m.Name); !slices.Contains(said, l) {
			said = append(said, l)
		}
	}
	return few(said)
}

// whichLine is a sentence that names the lines that did it, where the comparison went line by line.
func whichLine(c *record.Comparison) string {
	switch n := len(c.Enough); {
	case n == 0:
		return ""
	case n == 1:
		return " One line did it: " + clean(c.Enough[0].Key) + " " + onSide(c.Enough[0].Side) + "."
	default:
		return " " + count(int64(n)) + " lines did it together: " + enumerate(refsOf(c)) + "."
	}
}

func refsOf(c *record.Comparison) []string {
	var out []string
	for _, r := range c.Enough {
		out = append(out, clean(r.Key)+" "+onSide(r.Side))
	}
	return out
}

// onSide names a side where something stands.
func onSide(side string) string {
	if side == "both" {
		return "on both sides"
	}
	return "on the " + clean(side)
}

// lowered makes a sentence a part of another one, unless it begins with a name.
func lowered(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	second, _ := utf8.DecodeRuneInString(text[n:])
	if unicode.IsUpper(second) {
		return text
	}
	return string(unicode.ToLower(first)) + text[n:]
}
