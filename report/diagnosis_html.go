package report

import (
	"bytes"
	"fmt"
	"strings"

	"twomsl/internal/record"
)

// writeDiagnosisHTML writes one page: the answers at the top, and for each diagnosis its parts.
func writeDiagnosisHTML(b *bytes.Buffer, list []*record.Diagnosis, _ Options) error {
	p := &page{Title: "diagnosis", Kind: "twomsl · diagnosis", Name: "Diagnosis"}
	if len(list) == 1 {
		p.Name = clean(list[0].Of)
		p.Title = joined(p.Name, "diagnosis")
		p.Facts = []string{looked(list[0])}
		if k := list[0].Host; k != nil && k.Kernel != "" {
			p.Facts = append(p.Facts, "Linux "+clean(k.Kernel))
		}
	}
	for i, d := range list {
		of := ""
		if len(list) > 1 {
			of = clean(d.Of)
		}
		diagnosisSections(p, d, i, of)
	}
	return p.write(b)
}

// diagnosisSections adds what one diagnosis says; of names it where the page has several.
func diagnosisSections(p *page, d *record.Diagnosis, i int, of string) {
	for j := range d.Causes {
		c := &d.Causes[j]
		text := sentence(clean(c.Says))
		if of != "" {
			text = of + ": " + text
		}
		v := newPageVerdict(text, causeMood(c))
		v.Rest = strings.TrimSpace(v.Rest + " " + clean(c.ID) + ", " + clean(c.Confidence) + ".")
		p.Verdicts = append(p.Verdicts, v)
	}
	for _, part := range diagnosisParts {
		s := &pageSection{ID: fmt.Sprintf("%s-%d", part.id, i+1), Title: joined(part.title, of)}
		switch part.id {
		case "remedies":
			s.Tables = remedyTable(d)
			if len(d.Causes) > 0 && d.Causes[0].ID == record.Healthy {
				s.Title = joined("If it grows", of)
			}
		default:
			w := newWording()
			part.tell(w, d)
			for _, one := range w.said {
				if one.kind == aPara { // it stands at the top already
					continue
				}
				s.say([]saying{one})
			}
		}
		p.add(s)
	}
}

func remedyTable(d *record.Diagnosis) []pageTable {
	if len(d.Causes) == 0 || len(d.Causes[0].Remedy) == 0 {
		return nil
	}
	t := newPageTable("", "when", "where", "do", "risk", "undo")
	t.Cards = true
	for _, r := range d.Causes[0].Remedy {
		t.row(cell(clean(r.When)), cell(clean(r.Kind)), cell(clean(r.Do)), cell(clean(r.Risk)), cell(clean(r.Undo)))
	}
	return []pageTable{t}
}
