package report

import (
	"bytes"

	"twomsl/internal/record"
)

func init() { registerIncident("terminal", writeIncidentTerminal) }

// writeIncidentTerminal draws the screen of `twomsl incident`: the answer, then the acts, then what to do.
func writeIncidentTerminal(b *bytes.Buffer, i *record.Incident, opt Options) error {
	s := newScreen(b, opt)
	var on []string
	for _, t := range i.Trials()[:min(1, len(i.Trials()))] {
		on = []string{kernel(&t.Environment), incidentEngines(i), incidentRuns(i)}
	}
	heading(s, "incident", incidentTitle(i), on...)
	for _, p := range incidentParts {
		s.section()
		w := newWording()
		p.tell(w, i)
		s.layApart(w.said)
	}
	s.section()
	found(s, opt)
	repeat(s, "repeat", i.Command)
	return nil
}
