package report

import (
	"strings"

	"twomsl/internal/record"
)

// verdictMark is a verdict in a word or two. A gain that was bought is never just better.
func verdictMark(m *record.Metric) string {
	switch m.Verdict {
	case record.Better:
		if m.Bought {
			return "better, at a price"
		}
		return "better"
	case record.NoDifference:
		return "no difference shown"
	}
	return clean(m.Verdict)
}

// verdictWords is a verdict with what makes it worth something: what would have been seen, or what is missing.
func verdictWords(m *record.Metric) string {
	text := verdictMark(m)
	switch {
	case m.Verdict == record.NoDifference && wouldHaveSeen(m) != "":
		text += " (" + wouldHaveSeen(m) + ")"
	case m.Verdict == record.Inconclusive && clean(m.Why) != "":
		text += ": " + spoken(m.Why)
	}
	return text
}

// wouldHaveSeen writes the smallest difference that would have been called one, in seconds beside seconds; ""
// where the record has none.
func wouldHaveSeen(m *record.Metric) string {
	v := valueOr(m.WouldHaveSeen, 0)
	if v <= 0 {
		return ""
	}
	text := tellNumber(m.Unit, v)
	for decimals := 1; !strings.ContainsAny(text, "123456789") && decimals <= 6; decimals++ {
		text = tellFiner(m.Unit, v, decimals)
	}
	if m.Unit == "s" && v >= 0.01 && v < 1 && valueOr(m.Before, 0) >= 1 {
		text = bare0(figure(v, 2)) + nbsp + "s"
	}
	return "would have seen " + text
}

// verdictMood is the colour of a verdict.
func verdictMood(m *record.Metric) style {
	switch m.Verdict {
	case record.Better:
		if m.Bought {
			return yellow
		}
		return green
	case record.Worse:
		return red
	case record.Inconclusive:
		return yellow
	}
	return plain
}

// tellMetric writes a metric in a line: "failed connections 1,000 of 2,000 -> 0: better".
func tellMetric(m *record.Metric) string {
	text := wordsFor(m.Name).label + " " + tellMoved(m) + ": " + verdictWords(m)
	if price := clean(m.Price); price != "" {
		text += ": " + price
	}
	return text
}

// tellMoved writes both values of a metric: "1,000 of 2,000 -> 0".
func tellMoved(m *record.Metric) string {
	b, a := tellValue(m, true), tellValue(m, false)
	bo, ao := m.Details.Before.Of, m.Details.After.Of
	if bo != nil && b != gap {
		b += " of " + tellNumber(m.Unit, *bo)
	}
	if ao != nil && a != gap && (bo == nil || *ao != *bo) {
		a += " of " + tellNumber(m.Unit, *ao)
	}
	return b + " -> " + a
}

// lineVerdictWords is what a line of a recipe comes to, in a word or two.
func lineVerdictWords(l *record.Line) string {
	switch l.Verdict {
	case record.Helps:
		if l.Bought {
			return "helps, at a price"
		}
		return "helps"
	case record.NoEffect:
		return "no effect"
	case record.AlreadySet:
		return "already set"
	}
	return clean(l.Verdict)
}

// lineMood is the colour of a line's verdict.
func lineMood(l *record.Line) style {
	switch l.Verdict {
	case record.Helps:
		if l.Bought {
			return yellow
		}
		return green
	case record.Harmful:
		return red
	case record.Missing, record.Inconclusive:
		return yellow
	}
	return plain
}
