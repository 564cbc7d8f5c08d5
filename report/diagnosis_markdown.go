package report

import (
	"bytes"
	"fmt"
	"strings"

	"twomsl/internal/record"
)

// writeDiagnosisMarkdown writes diagnoses for a ticket: the answer with its evidence, what helps as a table, and the rest
// folded away.
func writeDiagnosisMarkdown(b *bytes.Buffer, list []*record.Diagnosis, _ Options) error {
	for i, d := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "### Diagnosis: %s\n\n%s\n", escaped(clean(d.Of)), escaped(looked(d)))
		for j := range d.Causes {
			markdownCause(b, &d.Causes[j])
		}
		markdownRemedies(b, d)
		markdownFold(b, "What was looked at", saidLines(d, tellSeen))
		markdownFold(b, "Ruled out", saidLines(d, tellRuledOut))
		markdownFold(b, "Not visible", saidLines(d, tellNotVisible))
	}
	return nil
}

func markdownCause(b *bytes.Buffer, c *record.DiagnosedCause) {
	fmt.Fprintf(b, "\n**%s** (%s, %s)\n", escaped(sentence(clean(c.Says))), escaped(clean(c.ID)), escaped(clean(c.Confidence)))
	var items []string
	for _, line := range c.Evidence {
		items = append(items, escaped(clean(line)))
	}
	markdownList(b, append(items, "proof: `twomsl run "+clean(c.Scenario)+"`"))
}

func markdownRemedies(b *bytes.Buffer, d *record.Diagnosis) {
	if len(d.Causes) == 0 || len(d.Causes[0].Remedy) == 0 {
		return
	}
	if d.Causes[0].ID == record.Healthy {
		b.WriteString("\nIf it grows:\n")
	}
	b.WriteByte('\n')
	markdownCells(b, "when", "what", "do", "risk", "undo")
	markdownCells(b, "---", "---", "---", "---", "---")
	for _, r := range d.Causes[0].Remedy {
		markdownCells(b, escaped(clean(r.When)), escaped(clean(r.Kind)), escaped(clean(r.Do)), escaped(clean(r.Risk)), escaped(clean(r.Undo)))
	}
}

// saidLines are what a part says, without its layout.
func saidLines(d *record.Diagnosis, tell func(*wording, *record.Diagnosis)) (out []string) {
	w := newWording()
	tell(w, d)
	for _, one := range w.said {
		out = append(out, escaped(strings.ReplaceAll(strings.Join(one.chunks, " "), nbsp, " ")))
	}
	return out
}

func markdownFold(b *bytes.Buffer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n<details><summary>%s</summary>\n", title)
	markdownList(b, lines)
	b.WriteString("\n</details>\n")
}
