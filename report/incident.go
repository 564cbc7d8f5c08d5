package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"twomsl/internal/record"
	"twomsl/report/compare"
	"twomsl/report/diagnose"
)

var incidentFormats = map[string]renderer[*record.Incident]{}

func registerIncident(name string, r renderer[*record.Incident]) { incidentFormats[name] = r }

// IncidentFormats lists the names that WriteIncident takes, sorted.
func IncidentFormats() []string { return slices.Sorted(maps.Keys(incidentFormats)) }

// WriteIncident tells i as Write tells a trial.
func WriteIncident(format string, w io.Writer, i *record.Incident, opt Options) error {
	return write(incidentFormats, " for an incident", format, w, i, i.ID, opt)
}

func init() { registerIncident("json", writeIncidentJSON) }

// writeIncidentJSON gives the record itself, as it stands in its file.
func writeIncidentJSON(b *bytes.Buffer, i *record.Incident, _ Options) error {
	data, err := record.EncodeIncident(i)
	if err != nil {
		return err
	}
	b.Write(data)
	return nil
}

// The two times that an act is played.
const (
	asFound    = "as found"
	withRecipe = "with the recipe"
)

// incidentPart is a part of the story.
type incidentPart struct {
	id, title string
	tell      func(*wording, *record.Incident)
}

// incidentParts are the story, in order; the first is its answer.
var incidentParts = []incidentPart{
	{"answer", "", incidentAnswer},
	{"found", "The host as it was found", foundStates},
	{"canaries", "SSH, names and new connections", foundCanaries},
	{"outgoing", "Its own connections", outgoingTable},
	{"diagnosis", "What is wrong, and what helps", incidentDiagnosis},
	{"recipe", "The recipe, line by line", copiedLines},
	{"notes", "Warnings", incidentWarnings},
}

// incidentTitle says what was rebuilt.
func incidentTitle(i *record.Incident) string {
	return "the table " + clean(i.Table) + " rebuilt, and treated with " + clean(i.Recipe)
}

// incidentAnswer tells in three sentences what was wrong, what the recipe did to the picture, and what it did where ports
// were short.
func incidentAnswer(w *wording, i *record.Incident) {
	if i.Status != record.Complete {
		text := "Not all of the story was played"
		for _, act := range i.Acts() {
			if why := clean(act.Failure); why != "" {
				text += "; " + why
			}
		}
		w.para(yellow, text+".")
	}
	if t := i.Found.Before; t != nil {
		text, mood := foundAnswer(t)
		w.para(mood, text)
	}
	if i.Found.Before != nil && i.Found.After != nil {
		text, mood := treatedAnswer(i.Found.Before, i.Found.After)
		w.para(mood, text)
	}
	if i.Outgoing.Before != nil && i.Outgoing.After != nil {
		text, mood := outgoingAnswer(i.Outgoing.Before, i.Outgoing.After)
		w.para(mood, text)
	}
}

// foundAnswer says what stands on the host, and who suffers from it.
func foundAnswer(t *record.Trial) (string, style) {
	if t.Stand == nil {
		return "", plain
	}
	tw := t.Stand.Standing[record.TimeWait]
	text := "As found: " + counted(t.Stand.Standing.Total()-t.Stand.Standing[record.Listen], "socket", "sockets") + ", " +
		counted(tw, "of them TIME_WAIT", "of them TIME_WAIT")
	if each := t.Sides.Server.TimeWait.BytesEach; each != nil {
		text += ", which take " + size(float64(tw**each)) + " of memory"
	}
	text += ". " + answeredWords(t)
	if unanswered(t) > 0 {
		return text, yellow
	}
	return text + " They hurt nobody.", green
}

// answeredWords says how many calls of all canaries were answered.
func answeredWords(t *record.Trial) string {
	var calls, answered int64
	for i := range t.Canaries {
		calls, answered = calls+t.Canaries[i].Calls, answered+t.Canaries[i].Answered
	}
	switch {
	case calls == 0:
		return "Nobody was called meanwhile."
	case calls == answered:
		return "SSH, names and new connections were tried " + counted(calls, "time", "times") + ", and answered every time."
	}
	return "SSH, names and new connections were tried " + counted(calls, "time", "times") + ", and " +
		count(calls-answered) + " got no answer."
}

// unanswered is how many calls of canaries failed.
func unanswered(t *record.Trial) (n int64) {
	for i := range t.Canaries {
		n += t.Canaries[i].Calls - t.Canaries[i].Answered
	}
	return n
}

// treatedAnswer says what the recipe did to the same host.
func treatedAnswer(before, after *record.Trial) (string, style) {
	if before.Stand == nil || after.Stand == nil {
		return "", plain
	}
	was, is := before.Stand.Standing[record.TimeWait], after.Stand.Standing[record.TimeWait]
	text := "With the recipe: TIME_WAIT " + count(was) + " -> " + count(is)
	over := after.Sides.Server.Counters["TcpExt.TCPTimeWaitOverflow"]
	if over > 0 {
		text += ", since " + counted(over, "connection was", "connections were") + " closed without one (tcp_max_tw_buckets), " +
			"and so without its protection"
	}
	text += ". "
	mood := plain
	switch {
	case unanswered(after) > unanswered(before):
		text, mood = text+answeredWords(after)+" That is worse.", red
	case unanswered(after) < unanswered(before):
		text, mood = text+answeredWords(after)+" That is better.", green
	case unanswered(after) == 0:
		text, mood = text+"What was answered before is answered still: nothing got better.", yellow
	default:
		text += answeredWords(after)
	}
	return text, mood
}

// outgoingAnswer says what the recipe did where the host opens connections itself.
func outgoingAnswer(before, after *record.Trial) (string, style) {
	text := "The connections that such a host makes itself are another matter: "
	failed := func(t *record.Trial) string {
		return count(t.Connections.Failed) + " of " + count(t.Connections.Attempted)
	}
	was, is := before.Connections.Failed, after.Connections.Failed
	switch {
	case was == 0:
		return text + "none failed, with the recipe or without.", plain
	case is == 0:
		return text + failed(before) + " failed where " + portsOf(before) + " were all it had, and with the recipe " + failed(after) +
			": better.", green
	case float64(is)/float64(max(1, after.Connections.Attempted)) < float64(was)/float64(max(1, before.Connections.Attempted)):
		return text + failed(before) + " failed, and with the recipe " + failed(after) + ": better, not cured.", yellow
	}
	return text + failed(before) + " failed, and with the recipe " + failed(after) + ": no better.", red
}

// portsOf says how many ports the relay could choose from.
func portsOf(t *record.Trial) string {
	if t.Relay == nil || len(t.Relay.Ports) == 0 {
		return "its ports"
	}
	n := 0
	for _, p := range t.Relay.Ports {
		n += p.Range.Size()
	}
	return counted(int64(n), "port", "ports")
}

// foundStates sets the table that was pasted against what stood without the recipe and with it.
func foundStates(w *wording, i *record.Incident) {
	b, a := i.Found.Before, i.Found.After
	if b == nil || b.Stand == nil {
		return
	}
	tb := table{heads: [][]string{{"state", "asked", asFound, withRecipe}}}
	for _, state := range record.States {
		asked, stands := b.Stand.Asked[state], b.Stand.Standing[state]
		if asked == 0 && stands == 0 || state == record.Listen {
			continue
		}
		row, note := []string{state.Netstat(), count(asked), count(stands), "-"}, ""
		if a != nil && a.Stand != nil {
			row[3] = count(a.Stand.Standing[state])
			if state == record.TimeWait {
				note = bucketNote(a)
			}
		}
		tb.rows, tb.notes = append(tb.rows, row), append(tb.notes, note)
	}
	w.table(&tb)
}

// bucketNote says why TIME_WAIT are fewer where the kernel gave them no room.
func bucketNote(t *record.Trial) string {
	if over := t.Sides.Server.Counters["TcpExt.TCPTimeWaitOverflow"]; over > 0 {
		return count(over) + " closed without one: no room in tcp_max_tw_buckets = " +
			clean(t.Sides.Server.Sysctls.Effective["net.ipv4.tcp_max_tw_buckets"])
	}
	return ""
}

// foundCanaries sets the answers of both times side by side.
func foundCanaries(w *wording, i *record.Incident) {
	b := i.Found.Before
	if b == nil || len(b.Canaries) == 0 {
		return
	}
	tb := table{heads: [][]string{{"canaries", "from", asFound, "p50", withRecipe, "p50"}}}
	for n := range b.Canaries {
		c := &b.Canaries[n]
		row := append([]string{clean(c.Name), shortFrom(b, c)}, canaryFigures(c)...)
		other := twinOf(i.Found.After, c)
		row = append(row, canaryFigures(other)...)
		note := canaryFailures(c)
		if other != nil && note == "" {
			note = canaryFailures(other)
		}
		tb.rows, tb.notes = append(tb.rows, row), append(tb.notes, note)
	}
	w.table(&tb)
}

func canaryFigures(c *record.Canary) []string {
	if c == nil {
		return []string{"-", "-"}
	}
	out := []string{count(c.Answered) + " of " + count(c.Calls), "-"}
	if c.Latency != nil {
		out[1] = micros(c.Latency.P50US)
	}
	return out
}

// twinOf is the same canary of another trial; nil where it has none.
func twinOf(t *record.Trial, c *record.Canary) *record.Canary {
	if t == nil {
		return nil
	}
	for n := range t.Canaries {
		if other := &t.Canaries[n]; other.Name == c.Name && other.From == c.From {
			return other
		}
	}
	return nil
}

// outgoingTable sets what the host's own connections came to without the recipe and with it.
func outgoingTable(w *wording, i *record.Incident) {
	b, a := i.Outgoing.Before, i.Outgoing.After
	if b == nil || b.Relay == nil {
		return
	}
	tb := table{heads: [][]string{{"client -> relay -> server", "without", withRecipe}}}
	add := func(label, note string, figure func(t *record.Trial) string) {
		row := []string{label, figure(b), "-"}
		if a != nil && a.Relay != nil {
			row[2] = figure(a)
		}
		tb.rows, tb.notes = append(tb.rows, row), append(tb.notes, note)
	}
	add("connections", "by the client", func(t *record.Trial) string { return count(t.Connections.Attempted) })
	add("failed", "as the client sees them", func(t *record.Trial) string { return count(t.Connections.Failed) })
	add("first without a port", "of the relay, towards the server", func(t *record.Trial) string { return firstExhaustion(t.Relay.Ports) })
	add("ports to choose from", "", func(t *record.Trial) string { return strings.TrimSuffix(strings.TrimSuffix(portsOf(t), "ports"), nbsp) })
	add("TIME_WAIT at the peak", "of the relay, towards the server", func(t *record.Trial) string {
		if n := t.Relay.Server.TimeWait.Peak; n != nil {
			return count(*n)
		}
		return "not measured"
	})
	add("closed without one", "TcpExt.TCPTimeWaitOverflow: no room in tcp_max_tw_buckets, the price", func(t *record.Trial) string {
		return count(t.Relay.Counters["TcpExt.TCPTimeWaitOverflow"])
	})
	add("taken over by reuse", "TcpExt.TWRecycled", func(t *record.Trial) string { return count(t.Relay.Counters["TcpExt.TWRecycled"]) })
	w.table(&tb)
}

// firstExhaustion is when the first connection found no port; "never" where none did.
func firstExhaustion(ports []record.Tuple) string {
	var first *float64
	for n := range ports {
		if at := ports[n].FirstExhaustionSeconds; at != nil && (first == nil || *at < *first) {
			first = at
		}
	}
	if first == nil {
		return "never"
	}
	return seconds(*first)
}

// incidentDiagnosis tells what each act's host has, as it was found, with what helps.
func incidentDiagnosis(w *wording, i *record.Incident) {
	for n, t := range []*record.Trial{i.Found.Before, i.Outgoing.Before} {
		if t == nil || t.Status == record.Failed {
			continue
		}
		d := diagnose.Diagnose(diagnose.FromTrial(t, diagnose.Struck(t)))
		label := [2]string{"as found", "its way out"}[n]
		w.row(label, words(clean(diagnose.Summary(&d)))...)
		if d.Causes[0].ID == record.Healthy {
			continue
		}
		for _, r := range d.Causes[0].Remedy {
			w.row("", words(clean(r.When)+", "+clean(r.Kind)+": "+sentence(clean(r.Do)))...)
		}
	}
}

// copiedLines tells what became of each line, on the host as found, where the host is a server.
func copiedLines(w *wording, i *record.Incident) {
	t := i.Found.After
	if t == nil {
		return
	}
	tb := table{heads: [][]string{{"setting", "was", "asked for", "now"}}}
	for _, s := range t.Sides.Server.Sysctls.Asked {
		now := value(s.Value)
		note := clean(s.Does)
		switch s.Outcome {
		case record.SysctlMissing:
			now, note = "missing", clean(s.Reason)
		case record.SysctlRefused, record.SysctlHostWide:
			now, note = s.Outcome, clean(s.Reason)
		case record.SysctlAlreadySet:
			note = "already set: " + note
		}
		tb.rows = append(tb.rows, []string{clean(s.Key), value(s.Before), clean(s.Asked), now})
		tb.notes = append(tb.notes, note)
	}
	w.table(&tb)
}

// value writes a setting's value; one that could not be read is a dash.
func value(v *string) string {
	if v == nil {
		return "-"
	}
	return clean(*v)
}

// incidentWarnings are those of the labs, one of a kind. That the recipe leaves the picture incomplete, and what that costs,
// is what the story is about.
func incidentWarnings(w *wording, i *record.Incident) {
	if text := otherEngines(compare.Engines(i.Trials())); text != "" {
		w.note(noted{mood: yellow, text: clean(text)})
	}
	told := map[string]bool{"bucket-overflow": true}
	for _, t := range i.Trials() {
		for _, warning := range t.Warnings {
			if told[warning.Code] || t == i.Found.After && warning.Code == "stand-not-reached" {
				continue
			}
			told[warning.Code] = true
			w.note(noted{mood: yellow, text: sentence(clean(t.Scenario.Name) + ": " + clean(warning.Text)), advice: sentence(clean(warning.Advice))})
		}
	}
}

// incidentRuns says in short how it was run.
func incidentRuns(i *record.Incident) string {
	return fmt.Sprintf("%s side by side, %s in all", counted(int64(len(i.Trials())), "lab", "labs"), seconds(i.Seconds))
}
