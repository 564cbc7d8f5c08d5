package report

import (
	"bytes"
	"strings"

	"twomsl/internal/record"
)

// writeDiagnosisTerminal draws the screen of `twomsl diagnose`: the answer first, what helps, then what was looked at.
func writeDiagnosisTerminal(b *bytes.Buffer, list []*record.Diagnosis, opt Options) error {
	s := newScreen(b, opt)
	for i, d := range list {
		if i > 0 {
			s.section()
			s.line(s.paint(faint, strings.Repeat("-", min(s.width, 100))))
			s.section()
		}
		heading(s, clean(d.Of), "", looked(d))
		for _, p := range diagnosisParts {
			s.section()
			w := newWording()
			p.tell(w, d)
			s.layApart(w.said)
		}
	}
	return nil
}

// layApart sets an empty line before each answer but the first.
func (s *screen) layApart(said []saying) {
	for i, one := range said {
		if i > 0 && one.kind == aPara {
			s.section()
		}
		s.lay([]saying{one})
	}
}
