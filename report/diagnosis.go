package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
	"twomsl/report/diagnose"
)

// diagnosisFormats are those of one diagnosis or of several, one after the other.
var diagnosisFormats = map[string]renderer[[]*record.Diagnosis]{
	"terminal": writeDiagnosisTerminal, "markdown": writeDiagnosisMarkdown, "html": writeDiagnosisHTML, "json": writeDiagnosisJSON,
}

// DiagnosisFormats lists the names that WriteDiagnoses takes, sorted.
func DiagnosisFormats() []string { return slices.Sorted(maps.Keys(diagnosisFormats)) }

// WriteDiagnoses tells diagnoses as Write tells a trial, in their order.
func WriteDiagnoses(format string, w io.Writer, list []*record.Diagnosis, opt Options) error {
	id := ""
	if len(list) > 0 {
		id = clean(list[0].Of)
	}
	return write(diagnosisFormats, " for a diagnosis", format, w, list, id, opt)
}

// writeDiagnosisJSON writes one document for each diagnosis.
func writeDiagnosisJSON(b *bytes.Buffer, list []*record.Diagnosis, _ Options) error {
	for _, d := range list {
		data, err := record.EncodeDiagnosis(d)
		if err != nil {
			return err
		}
		b.Write(data)
	}
	return nil
}

// diagnosisPart is a part of what a diagnosis says, under a title where that is wanted.
type diagnosisPart struct {
	id, title string
	tell      func(*wording, *record.Diagnosis)
}

// diagnosisParts are in the order in which they are told: the answer, what helps, and then what else was looked at.
var diagnosisParts = []diagnosisPart{
	{"causes", "What it is", tellCauses},
	{"remedies", "What helps", tellRemedies},
	{"seen", "What was looked at", tellSeen},
	{"ruled-out", "Ruled out", tellRuledOut},
	{"not-visible", "Not visible", tellNotVisible},
}

// looked says where a diagnosis comes from.
func looked(d *record.Diagnosis) string {
	where := map[string]string{
		record.FromLive: "live, read-only", record.FromPasted: "from what was pasted", record.FromTrial: "from a trial's record",
	}[d.Source]
	if h := d.Host; h != nil && h.WatchedSeconds != nil && *h.WatchedSeconds > 0 {
		return joined("watched for "+seconds(*h.WatchedSeconds), where)
	}
	return joined("one look", where)
}

// causeMood is how loud a cause is.
func causeMood(c *record.DiagnosedCause) style {
	switch {
	case c.ID == record.Healthy && c.Confidence != record.Possible:
		return green
	case c.ID == record.Healthy, c.ID == record.IdleKeepalive, c.Confidence == record.Possible:
		return yellow
	}
	return red
}

func tellCauses(w *wording, d *record.Diagnosis) {
	for i := range d.Causes {
		c := &d.Causes[i]
		w.para(causeMood(c), sentence(clean(c.Says)))
		w.row("cause", clean(c.ID)+", "+clean(c.Confidence))
		for j, line := range c.Evidence {
			w.row(labelOnce("evidence", j), words(clean(line))...)
		}
		w.row("proof", "twomsl run "+clean(c.Scenario))
	}
}

func labelOnce(label string, i int) string {
	if i > 0 {
		return ""
	}
	return label
}

// tellRemedies tells what helps against the first cause, or what would if a healthy host grew.
func tellRemedies(w *wording, d *record.Diagnosis) {
	if len(d.Causes) == 0 {
		return
	}
	label := ""
	if d.Causes[0].ID == record.Healthy && len(d.Causes[0].Remedy) > 0 {
		w.para(plain, "If it grows:")
	}
	for _, r := range d.Causes[0].Remedy {
		next := clean(r.When)
		if next == label {
			next = ""
		} else {
			label = next
		}
		w.row(next, words(clean(r.Kind)+": "+strings.TrimSuffix(clean(r.Do), ".")+".")...)
		w.styledRow(faint, "", words(remedyPrice(&r))...)
	}
}

func remedyPrice(r *record.Remedy) string {
	text := ""
	if r.Risk != "" {
		text = "Risk: " + clean(r.Risk) + ". "
	}
	if r.Undo != "" {
		text += "Undo: " + clean(r.Undo) + "."
	}
	return strings.TrimSpace(text)
}

func tellSeen(w *wording, d *record.Diagnosis) {
	said := len(d.Causes) > 0 && d.Causes[0].ID == record.Healthy // among its evidence
	if n := d.TimeWaitIn + d.TimeWaitOut; n > 0 && !said {
		w.row("TIME_WAIT", count(n)+":", count(d.TimeWaitIn)+" of connections made to it,", count(d.TimeWaitOut)+" of those it made")
	}
	const most = 5
	for i := range d.Tuples[:min(len(d.Tuples), most)] {
		w.row(labelOnce("ports", i), outlookWords(&d.Tuples[i])...)
	}
	if n := len(d.Tuples) - most; n > 0 {
		w.row("", fmt.Sprintf("and %d more, less full", n))
	}
	for i, m := range d.Moved {
		w.row(labelOnce("counters", i), clean(m.Name)+" "+count(m.Change)+":", clean(m.Meaning))
	}
}

// outlookWords says how full a tuple is and where its rate leads, as the screen of a trial does.
func outlookWords(o *record.TupleOutlook) []string {
	p := record.Tuple{Destination: o.Destination, Port: o.Port}
	out := []string{clean(o.Source) + " -> " + endpoint(&p) + ":"}
	if n := int64(o.Range.Size()); o.Range.Low > 0 {
		out = append(out, count(o.InUse)+" of "+count(n)+" ports, "+share(float64(o.InUse), float64(n)))
	} else {
		out = append(out, counted(o.InUse, "port", "ports")+" in use")
	}
	if o.RatePerSecond == nil || o.FullPerSecond == nil {
		return out
	}
	now := *o.RatePerSecond
	out[len(out)-1] += ";"
	if now == 0 {
		out[len(out)-1] = strings.TrimSuffix(out[len(out)-1], ";")
		return append(out, "(none made meanwhile)")
	}
	text := rate(now)
	if o.Plateau != nil && *o.RatePerSecond < *o.FullPerSecond {
		text += ", plateau up to " + count(int64(math.Ceil(*o.Plateau)))
	}
	out = append(out, text+";")
	at := func(name string, limit *float64) {
		switch {
		case limit == nil:
		case now > 0 && *limit > now:
			out = append(out, name+" at "+rate(*limit)+" "+headroom(now, *limit)+",")
		default:
			out = append(out, name+" at "+rate(*limit)+" (passed),")
		}
	}
	at("slows", o.CliffPerSecond)
	at("full", o.FullPerSecond)
	out[len(out)-1] = strings.TrimSuffix(out[len(out)-1], ",")
	return out
}

func tellRuledOut(w *wording, d *record.Diagnosis) {
	for i, line := range d.RuledOut {
		w.row(labelOnce("ruled out", i), words(clean(line))...)
	}
}

func tellNotVisible(w *wording, d *record.Diagnosis) {
	for i, line := range d.NotVisible {
		w.row(labelOnce("not visible", i), words(clean(line))...)
	}
}

// diagnosis is the line of a trial's report that says what its struck host has. A trial that broke has none: it would be of
// the trial, not of the host.
func diagnosis(w *wording, t *record.Trial) {
	if t.Status == record.Failed {
		return
	}
	side := diagnose.Struck(t)
	d := diagnose.Diagnose(diagnose.FromTrial(t, side))
	w.row("diagnosis", words("of the "+side+": "+strings.TrimSuffix(clean(diagnose.Summary(&d)), ".")+".")...)
}
