package report

import (
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// What claims say, before anything is laid out: the screen, the page and Markdown show the same words.

// claimMark is a verdict in a word, and the mood that it is set in.
func claimMark(verdict string) (string, style) {
	switch verdict {
	case record.ClaimTrue:
		return "true", green
	case record.ClaimFalse:
		return "false", red
	case record.ClaimConditional:
		return "in part", yellow
	case record.ClaimGone:
		return "gone", plain
	}
	return "not tested", plain
}

// claimVerdict is the mark with what must be known of it.
func claimVerdict(c *record.Claim) string {
	mark, _ := claimMark(c.Verdict)
	condition := clean(c.Condition)
	switch {
	case condition == "":
		return mark
	case c.Verdict == record.ClaimGone, c.Verdict == record.ClaimTrue:
		return mark + ", " + condition
	}
	return mark + ": " + condition
}

// claimFigure is what was measured with its unit.
func claimFigure(figure *float64, unit string) string {
	if figure == nil {
		return "-"
	}
	text := significant(*figure)
	if *figure == float64(int64(*figure)) {
		text = count(int64(*figure))
	}
	return strings.TrimSpace(text + nbsp + clean(unit))
}

// claimGroup is the claims of one source.
type claimGroup struct {
	source string
	claims []*record.Claim
}

func claimGroups(c *record.Claims) []claimGroup {
	var out []claimGroup
	for i := range c.Claims {
		one := &c.Claims[i]
		at := slices.IndexFunc(out, func(g claimGroup) bool { return g.source == one.Source })
		if at < 0 {
			out, at = append(out, claimGroup{source: one.Source}), len(out)
		}
		out[at].claims = append(out[at].claims, one)
	}
	return out
}

// claimsAnswer says how many claims came to what.
func claimsAnswer(c *record.Claims) (string, style) {
	if c.Recipe != "" {
		return linesAnswer(c)
	}
	tally := map[string]int64{}
	for i := range c.Claims {
		tally[c.Claims[i].Verdict]++
	}
	var parts []string
	for _, v := range record.ClaimVerdicts {
		if n := tally[v]; n > 0 {
			mark, _ := claimMark(v)
			parts = append(parts, count(n)+nbsp+strings.ReplaceAll(mark, " ", nbsp))
		}
	}
	if parts == nil {
		return "No claim was judged.", yellow
	}
	return "Of " + counted(int64(len(c.Claims)), "claim", "claims") + " on this kernel: " + strings.Join(parts, ", ") + ".", plain
}

// claimsEnding says where something is missing.
func claimsEnding(c *record.Claims) string {
	switch c.Status {
	case record.Interrupted:
		if c.Recipe != "" {
			return "Interrupted: not every line was judged."
		}
		return fmt.Sprintf("Interrupted: %s of %s were judged.", count(int64(len(c.Claims))), counted(int64(c.Asked), "claim", "claims"))
	case record.Failed:
		var broke []string
		for i := range c.Tests {
			if t := &c.Tests[i]; t.Failure != "" {
				broke = append(broke, clean(t.Name)+": "+clean(t.Failure))
			}
		}
		return "A test broke: " + strings.Join(broke, "; ") + "."
	}
	return ""
}

// claimsRan says how the tests were made.
func claimsRan(c *record.Claims) string {
	return fmt.Sprintf("%s, each in a lab of its own, %s side by side, took %s.", counted(int64(len(c.Tests)), "test", "tests"),
		count(int64(c.Jobs)), seconds(c.Seconds))
}

// shortenedWords are the timers that were shortened, by claim.
func shortenedWords(c *record.Claims) []string {
	var out []string
	for i := range c.Claims {
		if one := &c.Claims[i]; one.Shortened != "" {
			out = append(out, clean(one.ID)+": "+clean(one.Shortened))
		}
	}
	return out
}

// claimedLine is a line of a recipe with what it comes to on either side.
type claimedLine struct {
	key, value, place string
	sides             []*record.ClaimsLine
}

func (l *claimedLine) words() string { return l.key + " = " + l.value }

func claimedLines(c *record.Claims) []*claimedLine {
	var out []*claimedLine
	for i := range c.Lines {
		one := &c.Lines[i]
		last := len(out) - 1
		if last < 0 || out[last].key != clean(one.Key) {
			place := ""
			if one.File != "" {
				place = fmt.Sprintf("%s:%d", clean(one.File), one.Line)
			}
			out = append(out, &claimedLine{key: clean(one.Key), value: clean(one.Value), place: place})
			last++
		}
		out[last].sides = append(out[last].sides, one)
	}
	return out
}

// on is the line's record on a side; nil where there is none.
func (l *claimedLine) on(side string) *record.ClaimsLine {
	for _, one := range l.sides {
		if one.Side == side || one.Side == "both" {
			return one
		}
	}
	return nil
}

// claimedMark is a line's verdict in a word or two.
func claimedMark(l *record.ClaimsLine) (string, style) {
	if l == nil {
		return "-", plain
	}
	switch l.Verdict {
	case record.Helps:
		if l.Price != "" {
			return "helps, at a price", yellow
		}
		return "helps", green
	case record.NoEffect:
		return "no effect", plain
	case record.Harmful:
		return "harmful", red
	case record.AlreadySet:
		return "already set", plain
	case record.Missing:
		return "missing", yellow
	case record.NotCovered:
		return "no claim", plain
	}
	return "not tested", yellow
}

// linesAnswer says which lines do something.
func linesAnswer(c *record.Claims) (string, style) {
	lines := claimedLines(c)
	of := func(verdict string) (out []string) {
		for _, l := range lines {
			var sides []string
			for _, one := range l.sides {
				if one.Verdict == verdict {
					sides = append(sides, one.Side)
				}
			}
			if sides == nil {
				continue
			}
			text := l.key[strings.LastIndexByte(l.key, '.')+1:]
			if len(sides) == 1 && sides[0] != "both" {
				text += " on the " + sides[0]
			}
			out = append(out, text)
		}
		return out
	}
	helps, harms, missing := of(record.Helps), of(record.Harmful), of(record.Missing)
	text, mood := "No line of "+clean(c.Recipe)+" helps here.", yellow
	if helps != nil {
		text, mood = "Of "+counted(int64(len(lines)), "line", "lines")+" what helps is "+strings.Join(helps, ", ")+".", green
	}
	if harms != nil {
		text += " Harmful: " + strings.Join(harms, ", ") + "."
	}
	if missing != nil {
		text += " Not on this kernel: " + strings.Join(missing, ", ") + "."
	}
	return text, mood
}

// lineWords is what is told of a line on one side: by which claim, what was seen, what it costs.
func lineWords(l *record.ClaimsLine) string {
	text := ""
	if l.Claim != "" {
		text = "claim" + nbsp + clean(l.Claim) + ": "
	}
	text += clean(l.Why)
	if l.Price != "" {
		text += " Price: " + sentence(clean(l.Price))
	}
	return text
}
