package report

import (
	"bytes"
	"fmt"
	"strings"

	"twomsl/internal/record"
)

func init() { registerMatrix("markdown", writeMatrixMarkdown) }

// markdown are the columns of the table that people paste into issues: all of them, since nothing bounds its width.
var markdown = []*matrixColumn{
	columnSide, columnHow, columnOpened, columnClient, columnServer, columnStanding, columnResets, columnLost,
	columnReused, columnPorts, columnCPU,
}

// writeMatrixMarkdown writes the matrix in the Markdown of GitHub and others: one table for each group of rows.
func writeMatrixMarkdown(b *bytes.Buffer, m *record.Matrix, opt Options) error {
	text, _ := verdict(m)
	ranOn := joined(strings.TrimSpace("Linux "+clean(m.Environment.Kernel)), strings.Join(engines(m), ", "),
		strings.Join(families(m), ", "))
	fmt.Fprintf(b, "### Ways to take connections down, declared and seen: %s\n\n", escaped(ranOn))
	if m.Status == record.Interrupted {
		b.WriteString("Interrupted. ")
	}
	fmt.Fprintf(b, "%s %s\n", escaped(text), escaped(ran(m)))
	notes := &footnotes{}
	for _, g := range groups(m) {
		fmt.Fprintf(b, "\n**%s**\n\n", escaped(g.title))
		markdownTable(b, g, notes)
	}
	if list := markdownNotes(m, *notes); len(list) > 0 {
		fmt.Fprintf(b, "\n- %s\n", strings.Join(list, "\n- "))
	}
	b.WriteString("\n<details><summary>What the columns mean</summary>\n\n")
	for _, c := range markdown {
		if c.means != "" {
			fmt.Fprintf(b, "- %s: %s\n", c.name, c.means)
		}
	}
	fmt.Fprintf(b, "- ok: %s\n\n</details>\n", whatOkMeans)
	markdownRepeat(b, m, opt)
	return nil
}

func markdownTable(b *bytes.Buffer, g matrixGroup, notes *footnotes) {
	rule := "|"
	b.WriteByte('|')
	for _, c := range markdown {
		head := strings.TrimSpace(c.heads[0] + " " + c.heads[1])
		if c == columnServer {
			head = columnClient.heads[0] + " " + head // there it stands over both
		}
		fmt.Fprintf(b, " %s |", head)
		if c.left {
			rule += " --- |"
		} else {
			rule += " ---: |"
		}
	}
	fmt.Fprintf(b, " result |\n%s --- |\n", rule)
	var below []string
	for _, r := range g.rows {
		markdownRow(b, r, notes)
		name := escaped(clean(r.Side) + " " + clean(r.How))
		for _, c := range r.Contradictions {
			below = append(below, "**"+name+"**: "+escaped(sentence(clean(c))))
		}
		for _, text := range remarks(r) {
			below = append(below, name+": "+escaped(text))
		}
	}
	if len(below) > 0 {
		fmt.Fprintf(b, "\n- %s\n", strings.Join(below, "\n- "))
	}
}

func markdownRow(b *bytes.Buffer, r *record.MatrixRow, notes *footnotes) {
	b.WriteByte('|')
	for _, c := range markdown {
		fmt.Fprintf(b, " %s |", escaped(strings.Join(c.of(r), ", ")))
	}
	mark, mood := notes.result(r)
	mark = escaped(mark)
	if mood == red {
		mark = "**" + mark + "**"
	}
	fmt.Fprintf(b, " %s |\n", mark)
}

// markdownNotes are the reasons that the tables refer to, and the warnings.
func markdownNotes(m *record.Matrix, notes footnotes) []string {
	var out []string
	for i, why := range notes {
		out = append(out, fmt.Sprintf("(%d) %s", i+1, escaped(why)))
	}
	for _, why := range gapReasons(m, markdown) {
		out = append(out, "not measured: "+escaped(why))
	}
	if text := otherEngines(engines(m)); text != "" {
		out = append(out, "Warning "+escaped(text))
	}
	for _, w := range rowWarnings(m) {
		text := "Warning " + w.in() + sentence(clean(w.Text))
		out = append(out, strings.TrimSpace(escaped(text+" "+sentence(clean(w.Advice)))))
	}
	return out
}

// markdownRepeat gives the commands in a block of code, where nothing needs escaping but the end of the block.
func markdownRepeat(b *bytes.Buffer, m *record.Matrix, opt Options) {
	var lines []string
	if path := clean(opt.RecordPath); path != "" {
		lines = append(lines, "twomsl report "+path)
	}
	if r := exampleRow(m); r != nil {
		lines = append(lines, clean(r.Command))
	}
	if command := clean(m.Command); command != "" {
		lines = append(lines, command)
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.Join(lines, "\n"), "```", "'''"))
	}
}

var escapes = strings.NewReplacer(
	nbsp, " ", `\`, `\\`, "`", "\\`", "*", `\*`, "<", "&lt;", "&", "&amp;", "|", `\|`, "[", `\[`, "]", `\]`, "~", `\~`,
)

// escaped makes text safe to stand in a table's cell or a line: nothing in it is markup.
func escaped(text string) string { return escapes.Replace(text) }
