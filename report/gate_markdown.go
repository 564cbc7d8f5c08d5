package report

import (
	"bytes"
	"fmt"
	"strings"

	"twomsl/internal/record"
)

func init() { registerGate("markdown", writeGateMarkdown) }

// writeGateMarkdown writes the gate as a job's summary or a comment: the verdict, the budgets; looks, noise, machine and
// plan are folded away below.
func writeGateMarkdown(b *bytes.Buffer, g *record.Gate, opt Options) error {
	opt = beside(g.ID, opt)
	verdict, _ := gateVerdict(g)
	fmt.Fprintf(b, "### twomsl gate %s: %s\n\n", escaped(gateName(g)), escaped(verdict))
	text, quoted, _ := gateHeadline(g)
	fmt.Fprintf(b, "**%s**\n", escaped(text))
	if len(quoted) > 0 {
		b.WriteByte('\n')
		fenced(b, "", strings.Join(quoted, "\n"))
	}
	if about := joined(append([]string{gateAgainst(g)}, gateRanOn(g)...)...); about != "" {
		fmt.Fprintf(b, "\n%s\n", escaped(about))
	}
	markdownBudgets(b, g)
	markdownList(b, gateNotes(g))
	markdownLooks(b, g)
	markdownBackground(b, g)
	if text := strings.TrimSpace(g.Plan.Text); text != "" && len(text) <= mostPlan {
		b.WriteString("\n<details><summary>The plan</summary>\n\n")
		fenced(b, "yaml", cleanLines(text))
		b.WriteString("\n</details>\n")
	}
	var lines []string
	if g.Status != record.Invalid { // of that no record is kept
		lines = append(lines, "twomsl report "+clean(opt.RecordPath))
	}
	if command := clean(g.Command); command != "" {
		lines = append(lines, command)
	}
	b.WriteByte('\n')
	fenced(b, "sh", strings.Join(lines, "\n"))
	return nil
}

// mostPlan is how long a plan may be to stand in a comment, in bytes: those have a limit.
const mostPlan = 8 << 10

// fenced writes a block of code, in which nothing is markup but its own end.
func fenced(b *bytes.Buffer, language, text string) {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	fmt.Fprintf(b, "%s%s\n%s\n%s\n", fence, language, text, fence)
}

// cleanLines cleans a text line by line; what lines are indented by stays.
func cleanLines(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		body := strings.TrimLeft(line, " ")
		out = append(out, strings.Repeat(" ", len(line)-len(body))+clean(body))
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n ")
}

func markdownBudgets(b *bytes.Buffer, g *record.Gate) {
	if len(g.Budgets) == 0 {
		return
	}
	b.WriteByte('\n')
	markdownCells(b, "scenario", "budget", "reference", "tested", "change", "verdict")
	markdownCells(b, "---", "---", "---:", "---:", "---", "---")
	for _, name := range scenarioNames(g) {
		for _, one := range budgetsOf(g, name) {
			mark, mood := budgetMark(one.Verdict)
			if mark = escaped(mark); mood == red || mood == yellow {
				mark = "**" + mark + "**"
			}
			row := budgetRow(g, one)
			if one.Verdict == record.Inconclusive {
				mark += ": " + escaped(budgetReason(one))
			}
			markdownCells(b, escaped(clean(name)), escaped(row.cells[0]), escaped(row.cells[1]), escaped(row.cells[2]), escaped(row.cells[3]), mark)
		}
	}
}

// gateNotes are the warnings, what to know of the baseline, and what to do next.
func gateNotes(g *record.Gate) (out []string) {
	for i := range g.Warnings {
		n := noteOf(&g.Warnings[i], spoiledNames(&g.Warnings[i]))
		text := n.text
		if n.mood != plain {
			text = "Warning: " + text
		}
		if n.spoils != "" {
			text += " Not to be relied on: " + n.spoils + "."
		}
		out = append(out, escaped(strings.TrimSpace(text+" "+n.advice)))
	}
	if is, differs := baselineWords(g); differs != "" {
		out = append(out, escaped("Baseline "+is+": "+differs))
	}
	if text := nextWords(g); text != "" {
		out = append(out, escaped("Next: "+text))
	}
	return out
}

// markdownLooks has every look at every budget, folded away.
func markdownLooks(b *bytes.Buffer, g *record.Gate) {
	var rows bytes.Buffer
	for _, name := range scenarioNames(g) {
		for _, one := range budgetsOf(g, name) {
			for _, l := range looksOf(one) {
				reference, tested := lookValues(one, l.GateLook)
				verdict := lookMark(l.GateLook)
				if why := lookWhy(l.GateLook); why != "" {
					verdict += ": " + why
				}
				markdownCells(&rows, escaped(clean(name)), escaped(budgetName(one)), l.name, escaped(lookTrials(one, l.GateLook)), escaped(reference),
					escaped(tested), escaped(lookChange(one, l.GateLook)), escaped(lookP(g, l.GateLook)), escaped(verdict))
			}
		}
	}
	if rows.Len() == 0 {
		return
	}
	b.WriteString("\n<details><summary>Every look</summary>\n\n")
	markdownCells(b, "scenario", "budget", "look", "trials", "reference", "tested", "change", "p", "shows")
	markdownCells(b, "---", "---", "---", "---", "---:", "---:", "---", "---", "---")
	b.Write(rows.Bytes())
	b.WriteString("\n</details>\n")
}

// markdownBackground is what the verdicts rest on, folded away.
func markdownBackground(b *bytes.Buffer, g *record.Gate) {
	if !begun(g) {
		return
	}
	var items []string
	add := func(label, text string) {
		if text != "" {
			items = append(items, escaped(label+": "+text))
		}
	}
	for _, text := range noiseWords(g) {
		add("noise", text)
	}
	add("would catch", smallestWords(g))
	is, _ := baselineWords(g)
	add("baseline", is)
	add("trials", planWordsOf(g))
	add("other load", hostWords(g))
	add("machine", joined(machineParts(&g.Environment)...))
	add("told from a record of", clean(g.Tool))
	if len(items) > 0 {
		b.WriteString("\n<details><summary>Noise, trials and machine</summary>\n")
		markdownList(b, items)
		b.WriteString("\n</details>\n")
	}
}
