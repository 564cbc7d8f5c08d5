package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// processorTimes tells what either side took of the machine.
func processorTimes(w *wording, t *record.Trial) {
	for i, side := range hosts(t) {
		label := ""
		if i == 0 {
			label = "processor"
		}
		one, text := sideOf(t, side), side+" "
		load, sampling := one.CPU.Total(), one.Sampler.Total()
		switch {
		case load == 0: // a tick that was never charged is not a load that cost nothing
			text += w.missing(t, "sides."+side+".cpu", side+".cpu_us_per_connection")
		case t.Connections.Attempted > 0:
			text += micros(load/float64(t.Connections.Attempted)*1e6) + " a connection"
		default:
			text += seconds(load)
		}
		if noted := samplings(t, side); len(noted) > 0 {
			w.row(label, text)
			for _, s := range noted {
				w.row("", samplingWords(s)...)
			}
			continue
		}
		if whole := t.Phases.LoadSeconds + t.Phases.HoldSeconds; sampling > 0 && whole > 0 {
			text += "; sampling took " + share(sampling, whole) + " of one processor"
		}
		w.row(label, text)
	}
}

func machineRow(w *wording, t *record.Trial) {
	if parts := dotted(machineParts(&t.Environment)); len(parts) > 0 {
		w.row("machine", parts...)
	}
}

func machine(s *screen, e *record.Environment) {
	if parts := dotted(machineParts(e)); len(parts) > 0 {
		s.row("machine", parts...)
	}
}

// dotted sets a dot before all chunks but the first.
func dotted(chunks []string) []string {
	for i := 1; i < len(chunks); i++ {
		chunks[i] = "· " + chunks[i]
	}
	return chunks
}

// machineParts say what the trial ran on.
func machineParts(e *record.Environment) []string {
	var parts []string
	if e.Kernel != "" {
		parts = append(parts, "Linux "+clean(e.Kernel))
	}
	if e.Arch != "" {
		parts = append(parts, clean(e.Arch))
	}
	if e.CPUModel != "" {
		parts = append(parts, clean(e.CPUModel))
	}
	if e.CPUs > 0 {
		parts = append(parts, counted(int64(e.CPUs), "processor", "processors"))
	}
	if e.CgroupQuota != nil {
		parts = append(parts, "limited to "+figure(*e.CgroupQuota, 1))
	}
	if e.HZ > 0 {
		parts = append(parts, fmt.Sprintf("HZ%s%d", nbsp, e.HZ))
	}
	if len(parts) > 0 && !e.Root {
		parts = append(parts, "without root")
	}
	return parts
}

// missed is what could not be measured for one reason.
type missed struct{ what, why string }

// unmeasured lists what else the record says it could not measure.
func unmeasured(w *wording, t *record.Trial) {
	label := "not measured"
	for _, one := range w.missed(t) {
		text := one.what
		if one.why != "" {
			text += ": " + one.why
		}
		w.row(label, words(text)...)
		label = ""
	}
}

// missed gathers, by its reason, what was not measured and has not been told yet.
func (w *wording) missed(t *record.Trial) (out []missed) {
	fields := map[string][]string{}
	for _, field := range slices.Sorted(maps.Keys(t.Environment.Unmeasured)) {
		if w.told[field] {
			continue
		}
		why := clean(t.Environment.Unmeasured[field])
		fields[why] = append(fields[why], plainName(clean(field)))
	}
	for _, why := range slices.SortedFunc(maps.Keys(fields), func(a, b string) int {
		return strings.Compare(fields[a][0], fields[b][0])
	}) {
		out = append(out, missed{strings.Join(fields[why], ", "), why})
	}
	return out
}

// plainName turns a field's path into words: "sides.server.time_wait.peak" into "server TIME_WAIT peak".
func plainName(path string) string {
	path = strings.TrimPrefix(index.ReplaceAllString(path, ""), "sides.")
	return strings.NewReplacer("*", "either side's", "time_wait", "TIME_WAIT", ".", " ", "_", " ").Replace(path)
}

// isInfo tells a remark from a warning: it spoils no figure and asks for nothing.
func isInfo(w *record.Warning) bool { return len(w.Spoils) == 0 && w.Advice == "" }

// spoiling counts the warnings, remarks left out.
func spoiling(t *record.Trial) int {
	n := 0
	for i := range t.Warnings {
		if !isInfo(&t.Warnings[i]) {
			n++
		}
	}
	return n
}

// warnings tells each with what it spoils and what to do about it, then the remarks.
func warnings(w *wording, t *record.Trial) {
	for i := range t.Warnings {
		if one := &t.Warnings[i]; !isInfo(one) {
			w.note(noteOf(one, clean(strings.Join(one.Spoils, ", "))))
		}
	}
	for i := range t.Warnings {
		if one := &t.Warnings[i]; isInfo(one) && clean(one.Text) != "" {
			w.note(noteOf(one, ""))
		}
	}
	oneAddress(w, t)
	overBudget(w, t)
}

// oneAddress says why it takes several client addresses to fill a server with TIME_WAIT.
func oneAddress(w *wording, t *record.Trial) {
	g := t.Scenario.Goal
	if g == nil || g.Side != server || len(t.Ports) == 0 || t.Scenario.CloseSide != server {
		return
	}
	if half := int64(t.Ports[0].Range.Size() / 2); g.TimeWait > half && len(t.Ports) > 1 {
		w.note(noted{text: "One client address alone would stop near " + count(half) +
			": connect() keeps to one parity of its range."})
	}
}
