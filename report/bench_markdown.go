package report

import (
	"bytes"
	"fmt"
	"strings"

	"twomsl/internal/record"
)

func init() { benchFormats["markdown"] = writeBenchMarkdown }

// writeBenchMarkdown writes the benchmark as tables, each figure with its least and most.
func writeBenchMarkdown(b *bytes.Buffer, r *record.Bench, opt Options) error {
	opt = beside(r.ID, opt)
	s := newBenchSheet(r)
	fmt.Fprintf(b, "### %s: %s\n\n", escaped(clean(r.Title)), escaped(joined(kernel(&r.Environment), strings.Join(s.engines(), ", "))))
	if text, _ := s.ended(); text != "" {
		fmt.Fprintf(b, "%s\n\n", escaped(text))
	}
	for _, one := range s.answers() {
		fmt.Fprintf(b, "**%s**\n\n", escaped(one.text))
	}
	fmt.Fprintf(b, "%s\n\n", escaped(strings.TrimSpace(s.ran()+" "+s.fixedWords())))
	if !s.hasCurves() {
		heads, rows := s.wide()
		markdownGrid(b, s.left(), heads, rows)
	}
	if held := s.held(); len(held) > 0 {
		rows := make([][]string, len(held))
		for i := range held {
			rows[i] = held[i].cells(s)
		}
		b.WriteByte('\n')
		markdownGrid(b, 3, heldHeads, rows)
	}
	s.curveMarkdown(func(title string, heads []string, rows [][]string) {
		fmt.Fprintf(b, "\n**%s**\n\n", escaped(title))
		markdownGrid(b, 2, heads, rows)
	})
	var list []string
	for i := range r.Rows {
		if text, _ := gone(&r.Rows[i]); text != "" {
			list = append(list, escaped(s.name(&r.Rows[i])+": "+text))
		}
	}
	for _, n := range s.notes() {
		list = append(list, escaped(n))
	}
	for i := range r.Warnings {
		list = append(list, escaped(warningWords(&r.Warnings[i])))
	}
	markdownList(b, list)
	lines := []string{"twomsl report " + clean(opt.RecordPath)}
	if command := clean(r.Command); command != "" {
		lines = append(lines, command)
	}
	fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.Join(lines, "\n"), "```", "'''"))
	return nil
}

// markdownGrid is a table, the first so many columns to the left.
func markdownGrid(b *bytes.Buffer, left int, heads []string, rows [][]string) {
	rule := make([]string, len(heads))
	for i := range rule {
		if rule[i] = "---:"; i < left {
			rule[i] = "---"
		}
	}
	cells := make([]string, len(heads))
	for i, h := range heads {
		cells[i] = escaped(h)
	}
	markdownCells(b, cells...)
	markdownCells(b, rule...)
	for _, row := range rows {
		for i, c := range row {
			cells[i] = escaped(c)
		}
		markdownCells(b, cells...)
	}
}

// warningWords is a warning in one text.
func warningWords(w *record.Warning) string {
	parts := []string{sentence(clean(w.Text))}
	if len(w.Spoils) > 0 {
		parts = append(parts, "Not to be relied on: "+clean(strings.Join(w.Spoils, ", "))+".")
	}
	return strings.TrimSpace(strings.Join(append(parts, sentence(clean(w.Advice))), " "))
}
