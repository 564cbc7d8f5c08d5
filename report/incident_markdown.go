package report

import (
	"bytes"
	"fmt"
	"strings"

	"twomsl/internal/record"
)

func init() { registerIncident("markdown", writeIncidentMarkdown) }

// writeIncidentMarkdown tells the story for a ticket or a pull request.
func writeIncidentMarkdown(b *bytes.Buffer, i *record.Incident, _ Options) error {
	fmt.Fprintf(b, "## incident: %s\n\n", incidentTitle(i))
	for _, part := range incidentParts {
		w := newWording()
		part.tell(w, i)
		if len(w.said) == 0 {
			continue
		}
		if part.title != "" {
			fmt.Fprintf(b, "### %s\n\n", part.title)
		}
		for _, said := range w.said {
			markdownSaying(b, said)
		}
	}
	if engines := incidentEngines(i); engines != "" {
		fmt.Fprintf(b, "Engine: %s\n\n", escaped(engines))
	}
	fmt.Fprintf(b, "Run it again: `%s`\n", strings.ReplaceAll(clean(i.Command), "`", "'"))
	return nil
}

// markdownSaying writes one thing that is said.
func markdownSaying(b *bytes.Buffer, said saying) {
	text := strings.ReplaceAll(strings.Join(said.chunks, " "), nbsp, " ")
	switch said.kind {
	case aTable:
		markdownRows(b, said.table)
	case aNote:
		fmt.Fprintf(b, "> %s %s\n\n", said.note.text, said.note.advice)
	case aRow:
		if said.label != "" {
			text = "**" + said.label + "**: " + text
		}
		fmt.Fprintf(b, "%s\n\n", text)
	default:
		fmt.Fprintf(b, "%s\n\n", text)
	}
}

// markdownRows writes a table with its remarks in a last column.
func markdownRows(b *bytes.Buffer, tb *table) {
	line := func(cells []string, note string) {
		fmt.Fprintf(b, "| %s | %s |\n", strings.ReplaceAll(strings.Join(cells, " | "), nbsp, " "), strings.ReplaceAll(note, nbsp, " "))
	}
	for _, head := range tb.heads {
		line(head, "")
	}
	line(slicesOf("---", len(tb.heads[0])), "---")
	for n, row := range tb.rows {
		line(row, tb.notes[n])
	}
	b.WriteString("\n")
}

func slicesOf(word string, n int) []string {
	return strings.Split(strings.Repeat(word+" ", n), " ")[:n]
}
