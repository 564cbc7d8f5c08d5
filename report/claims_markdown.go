package report

import (
	"bytes"
	"fmt"
	"strings"

	"twomsl/internal/record"
)

// writeClaimsMarkdown writes the claims as tables, with the evidence of each below.
func writeClaimsMarkdown(b *bytes.Buffer, c *record.Claims, opt Options) error {
	opt = beside(c.ID, opt)
	title := "What the guides say, put to a kernel"
	if c.Recipe != "" {
		title = clean(c.Recipe) + ", line by line"
	}
	fmt.Fprintf(b, "### %s: %s\n\n", escaped(title), escaped(joined(kernel(&c.Environment), claimedEngines(c))))
	if text := claimsEnding(c); text != "" {
		fmt.Fprintf(b, "%s\n\n", escaped(text))
	}
	answer, _ := claimsAnswer(c)
	fmt.Fprintf(b, "**%s** %s\n", escaped(answer), escaped(claimsRan(c)))
	markdownClaimedLines(b, c)
	for _, g := range claimGroups(c) {
		markdownClaims(b, g)
	}
	for _, g := range claimGroups(c) {
		markdownEvidence(b, g)
	}
	var short []string
	for _, text := range shortenedWords(c) {
		short = append(short, "shortened in the lab: "+escaped(text))
	}
	markdownList(b, short)
	lines := []string{"twomsl report " + clean(opt.RecordPath)}
	if command := clean(c.Command); command != "" {
		lines = append(lines, command)
	}
	fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.Join(lines, "\n"), "```", "'''"))
	return nil
}

func markdownClaims(b *bytes.Buffer, g claimGroup) {
	fmt.Fprintf(b, "\n**%s**\n\n", escaped(clean(g.source)))
	markdownCells(b, "#", "claim", "on this kernel", "measured")
	markdownCells(b, "---", "---", "---", "---")
	for _, c := range g.claims {
		mark, _ := claimMark(c.Verdict)
		verdict := "**" + escaped(mark) + "**" + escaped(strings.TrimPrefix(claimVerdict(c), mark))
		markdownCells(b, escaped(clean(c.ID)), escaped(clean(c.Claim)), verdict, escaped(claimFigure(c.Figure, c.Unit)))
	}
}

func markdownEvidence(b *bytes.Buffer, g claimGroup) {
	fmt.Fprintf(b, "\n<details><summary>Evidence: %s</summary>\n", escaped(clean(g.source)))
	for _, c := range g.claims {
		fmt.Fprintf(b, "\n**%s. %s**\n\n", escaped(clean(c.ID)), escaped(clean(c.Claim)))
		for _, e := range c.Evidence {
			fmt.Fprintf(b, "- %s\n", escaped(clean(e)))
		}
		fmt.Fprintf(b, "- why: %s\n", escaped(clean(c.Why)))
		if c.Account != "" {
			fmt.Fprintf(b, "- V. Bernat's account %s\n", escaped(sentence2(clean(c.Account))))
		}
		if c.Scenario != "" {
			fmt.Fprintf(b, "- see it: twomsl run %s\n", escaped(clean(c.Scenario)))
		}
	}
	b.WriteString("\n</details>\n")
}

func markdownClaimedLines(b *bytes.Buffer, c *record.Claims) {
	lines := claimedLines(c)
	if len(lines) == 0 {
		return
	}
	b.WriteByte('\n')
	markdownCells(b, "line", "client", "server", "why")
	markdownCells(b, "---", "---", "---", "---")
	for _, l := range lines {
		cells := []string{escaped(l.words())}
		for _, side := range []string{client, server} {
			mark, mood := claimedMark(l.on(side))
			mark = escaped(mark)
			if mood == green || mood == red {
				mark = "**" + mark + "**"
			}
			cells = append(cells, mark)
		}
		var why []string
		for _, one := range l.sides {
			text := lineWords(one)
			if one.Side != "both" {
				text = one.Side + ": " + text
			}
			why = append(why, escaped(text))
		}
		markdownCells(b, append(cells, strings.Join(why, "<br>"))...)
	}
}
