package report

import (
	"bytes"
	"fmt"
	"strings"

	"twomsl/internal/record"
)

func init() { registerComparison("markdown", writeComparisonMarkdown) }

// writeComparisonMarkdown writes the comparison as a comment to a pull request: the answer, what moved, the lines of the
// recipe; all metrics, settings and the machine are folded away below.
func writeComparisonMarkdown(b *bytes.Buffer, c *record.Comparison, opt Options) error {
	opt = beside(c.ID, opt)
	title := joined(clean(c.Scenario.Name), clean(c.Scenario.Title))
	if title == "" {
		title = clean(c.ID)
	}
	fmt.Fprintf(b, "### Before and after: %s\n\n", escaped(title))
	if text := endingWords(c); text != "" {
		fmt.Fprintf(b, "%s\n\n", escaped(text))
	}
	for _, h := range headlines(c) {
		fmt.Fprintf(b, "**%s**\n\n", escaped(h.text))
	}
	b.WriteString(escaped(markdownRan(c)) + "\n")
	for _, v := range toldVariants(c) {
		d := divide(metricsOf(c, v.Name))
		if len(d.shown) > 0 {
			markdownAgainst(b, c, v)
			changedTable(b, c.Variants[0].Name, v.Name, d.shown)
		}
	}
	markdownList(b, lackingWords(c))
	markdownLines(b, c)
	markdownList(b, comparisonNotes(c))
	allMetrics(b, c)
	background(b, c)
	markdownCommands(b, c, opt)
	return nil
}

func markdownRan(c *record.Comparison) string {
	var parts []string
	for _, v := range append(firstVariant(c), toldVariants(c)...) {
		parts = append(parts, variantWords(v))
	}
	if c.Plan.Interleaved {
		parts = append(parts, kernel(&c.Environment))
	}
	return joined(append(parts, trialWords(c))...)
}

// markdownAgainst is the title over a variant's table where there are several.
func markdownAgainst(b *bytes.Buffer, c *record.Comparison, v *record.Variant) {
	if len(toldVariants(c)) > 1 {
		fmt.Fprintf(b, "\n**%s** against %s\n", escaped(clean(v.Name)), escaped(clean(c.Variants[0].Name)))
	}
}

// markdownCells writes cells that are safe already.
func markdownCells(b *bytes.Buffer, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// changedTable has what moved or decides, each with its price in the same row.
func changedTable(b *bytes.Buffer, before, after string, list []*record.Metric) {
	b.WriteByte('\n')
	markdownCells(b, "metric", escaped(clean(before)), escaped(clean(after)), "change", "verdict")
	markdownCells(b, "---", "---:", "---:", "---", "---")
	for i, m := range list {
		verdict := verdictMark(m)
		if m.Verdict == record.NoDifference {
			verdict = verdictWords(m)
		}
		verdict = escaped(verdict)
		if m.Verdict == record.Better || m.Verdict == record.Worse {
			verdict = "**" + verdict + "**"
		}
		if price := clean(m.Price); price != "" && !knownAbove(list, i) {
			verdict += ": " + escaped(price)
		}
		if why := spoken(m.Why); why != "" {
			verdict += " (" + escaped(why) + ")"
		}
		markdownCells(b, escaped(wordsFor(m.Name).label), escaped(tellValue(m, true)), escaped(tellValue(m, false)),
			escaped(tellChange(m)), verdict)
	}
}

func lackingWords(c *record.Comparison) []string {
	var out []string
	for _, one := range settingsOf(c) {
		if why := one.lacking(); why != "" {
			out = append(out, escaped("not applied: "+one.key()+one.where(c)+": "+why))
		}
	}
	return out
}

func markdownList(b *bytes.Buffer, items []string) {
	if len(items) > 0 {
		fmt.Fprintf(b, "\n- %s\n", strings.Join(items, "\n- "))
	}
}

// markdownLines is the table of the recipe's lines.
func markdownLines(b *bytes.Buffer, c *record.Comparison) {
	lines := recipeLines(c)
	if len(lines) == 0 {
		return
	}
	shown := sidesOf(lines)
	heads, rule := []string{"line"}, []string{"---"}
	for _, side := range shown {
		if side == "both" {
			side = "both sides"
		}
		heads, rule = append(heads, side), append(rule, "---")
	}
	b.WriteByte('\n')
	markdownCells(b, append(heads, "why")...)
	markdownCells(b, append(rule, "---")...)
	for _, l := range lines {
		cells := []string{escaped(l.key + " = " + l.value)}
		for _, side := range shown {
			text := ""
			if one := l.at[side]; one != nil {
				text = escaped(lineVerdictWords(one))
				if one.Verdict == record.Helps || one.Verdict == record.Harmful {
					text = "**" + text + "**"
				}
			}
			cells = append(cells, text)
		}
		why := []string{l.why()}
		for _, price := range l.prices() {
			why = append(why, "price: "+price)
		}
		markdownCells(b, append(cells, escaped(joined(why...)))...)
	}
	if text := enoughWords(c); text != "" {
		fmt.Fprintf(b, "\n**%s**\n", escaped(text))
	}
}

// comparisonNotes are the warnings and the trials that have no figures.
func comparisonNotes(c *record.Comparison) []string {
	var out []string
	for i := range c.Warnings {
		w := &c.Warnings[i]
		text := sentence(clean(w.Text))
		if text == "" {
			text = sentence(clean(w.Code))
		}
		if !isInfo(w) {
			text = "Warning: " + text
		}
		if len(w.Spoils) > 0 {
			text += " Not to be relied on: " + spoiledWords(w) + "."
		}
		out = append(out, escaped(strings.TrimSpace(text+" "+sentence(clean(w.Advice)))))
	}
	for _, text := range failedTrials(c) {
		out = append(out, escaped("Failed: "+text))
	}
	return out
}

// allMetrics has every metric of the variants that are told, folded away.
func allMetrics(b *bytes.Buffer, c *record.Comparison) {
	if len(c.Metrics) == 0 {
		return
	}
	b.WriteString("\n<details><summary>All metrics</summary>\n")
	for _, v := range toldVariants(c) {
		list := metricsOf(c, v.Name)
		if len(list) == 0 {
			continue
		}
		markdownAgainst(b, c, v)
		b.WriteByte('\n')
		markdownCells(b, "metric", "name", escaped(clean(c.Variants[0].Name)), escaped(clean(v.Name)), "change", "p", "verdict")
		markdownCells(b, "---", "---", "---:", "---:", "---", "---:", "---")
		for _, m := range list {
			verdict := verdictWords(m)
			if !measured(m) {
				verdict = "not measured: " + unmeasuredWhy(m)
			}
			change := strings.TrimSuffix(strings.TrimSuffix(tellChange(m), tellP(m)), ", ")
			markdownCells(b, escaped(wordsFor(m.Name).label), escaped(clean(m.Name)), escaped(tellValue(m, true)),
				escaped(tellValue(m, false)), escaped(change), escaped(strings.TrimPrefix(tellP(m), "p"+nbsp)), escaped(verdict))
		}
	}
	b.WriteString("\n</details>\n")
}

// background is what the figures rest on: settings, trials, machine.
func background(b *bytes.Buffer, c *record.Comparison) {
	b.WriteString("\n<details><summary>Settings, trials and machine</summary>\n")
	if list := settingsOf(c); len(list) > 0 {
		b.WriteByte('\n')
		markdownCells(b, "variant", "setting", "side", "default", "before", "asked", "read back", "outcome")
		markdownCells(b, "---", "---", "---", "---", "---", "---", "---", "---")
		for _, one := range list {
			markdownCells(b, escaped(clean(one.Variant)), escaped(one.key()), escaped(one.side), escaped(one.value(one.Default)),
				escaped(one.value(one.Before)), escaped(clean(one.Asked)), escaped(one.value(one.Value)), escaped(one.outcome()))
		}
	}
	var items []string
	for i, text := range planWords(c) {
		items = append(items, escaped([]string{"trials: ", "judged ", ""}[min(i, 2)]+text))
	}
	if engines := comparedEngines(c); engines != "" {
		items = append(items, escaped("engine: "+engines))
	}
	if ranOn := machineParts(&c.Environment); len(ranOn) > 0 {
		items = append(items, escaped("machine: "+joined(ranOn...)))
	}
	if tool := clean(c.Tool); tool != "" {
		items = append(items, escaped("told from a record of "+tool))
	}
	markdownList(b, items)
	b.WriteString("\n</details>\n")
}

// markdownCommands are in a block of code, where nothing needs escaping but the end of the block.
func markdownCommands(b *bytes.Buffer, c *record.Comparison, opt Options) {
	var lines []string
	if path := clean(opt.RecordPath); path != "" {
		lines = append(lines, "twomsl report "+path)
	}
	for _, command := range []string{resume(c, opt), clean(c.Command)} {
		if command != "" {
			lines = append(lines, command)
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.Join(lines, "\n"), "```", "'''"))
	}
}
