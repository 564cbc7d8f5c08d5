package report

import (
	"bytes"
	"strings"

	"twomsl/internal/record"
)

func init() {
	registerReproduction("terminal", writeReproductionTerminal)
	registerReproduction("json", writeReproductionJSON)
	registerReproduction("states", writeReproductionStates)
}

// writeReproductionTerminal draws the screen of `twomsl reproduce`: whether the mix stood, the states one by one, what
// the table did not say.
func writeReproductionTerminal(b *bytes.Buffer, r *record.Reproduction, opt Options) error {
	s, w, t := newScreen(b, opt), newWording(), r.Trial
	heading(s, reproductionName(r), reproductionTitle(r), ranOn(t)...)
	s.section()
	s.lay(w.words(t, ending))
	text, mood := reproductionAnswer(r)
	s.para(mood, text)
	s.lay(w.words(t, canaryMeaning))
	s.section()
	reproductionTable(s, r)
	s.section()
	for _, one := range reproductionTaken(r) {
		s.row(one.label, words(one.text)...)
	}
	if r.Looks > 0 {
		s.row("held", words(heldWords(r)+".")...)
	}
	s.section()
	for _, part := range []screenPart{put(failures), put(canaryTable), put(settings), put(engineRow, machineRow), put(warnings)} {
		part(s, w, t)
		s.section()
	}
	found(s, opt)
	repeat(s, "repeat", r.Command)
	return nil
}

// verdictColumns are for the longest verdict on a state, with the gap behind it.
const verdictColumns = 10 + gutter

// reproductionTable sets what was asked for against what stood, state by state, with how it is held.
func reproductionTable(s *screen, r *record.Reproduction) {
	heads := []string{"state", "asked", "standing"}
	if scaled(r) {
		heads = []string{"state", "pasted", "asked", "standing"}
	}
	tb := table{}
	for i := range r.States {
		one := &r.States[i]
		row := []string{one.State.Netstat(), askedWords(one), standingWords(one)}
		if scaled(r) {
			row = []string{row[0], count(one.Pasted), row[1], row[2]}
		}
		text, over, _ := stateVerdict(one)
		note := stateHow(one)
		if over != "" {
			note = over + "; " + note
		}
		if text != "" {
			note = text + strings.Repeat(nbsp, verdictColumns-columns(text)) + note
		}
		tb.rows, tb.notes = append(tb.rows, row), append(tb.notes, note)
	}
	if len(tb.rows) == 0 {
		return
	}
	tb.heads = [][]string{heads}
	tb.draw(s, labels-gutter)
}

// writeReproductionJSON gives the record itself, as it stands in its file.
func writeReproductionJSON(b *bytes.Buffer, r *record.Reproduction, _ Options) error {
	data, err := record.EncodeReproduction(r)
	if err != nil {
		return err
	}
	b.Write(data)
	return nil
}

// writeReproductionStates prints what stood as the table was printed: states that the pasted table can be laid beside.
func writeReproductionStates(b *bytes.Buffer, r *record.Reproduction, opt Options) error {
	return writeStates(b, r.Trial, opt)
}
