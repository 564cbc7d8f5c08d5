package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// costs tells what the trial took of the machine, and what the machine was.
func costs(s *screen, t *record.Trial) {
	bytesLine(s, t)
	for i, side := range sides {
		label := ""
		if i == 0 {
			label = "processor"
		}
		one, text := sideOf(t, side), side+" "
		load, sampling := one.CPU.Total(), one.Sampler.Total()
		switch {
		case load == 0: // a tick that was never charged is not a load that cost nothing
			text += s.missing(t, "sides."+side+".cpu", side+".cpu_us_per_connection")
		case t.Connections.Attempted > 0:
			text += micros(load/float64(t.Connections.Attempted)*1e6) + " a connection"
		default:
			text += seconds(load)
		}
		if whole := t.Phases.LoadSeconds + t.Phases.HoldSeconds; sampling > 0 && whole > 0 {
			text += "; sampling took " + share(sampling, whole) + " of one processor"
		}
		s.row(label, text)
	}
	machine(s, &t.Environment)
}

func machine(s *screen, e *record.Environment) {
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
	if len(parts) == 0 {
		return
	}
	if !e.Root {
		parts = append(parts, "without root")
	}
	for i := range parts[1:] {
		parts[i+1] = "· " + parts[i+1]
	}
	s.row("machine", parts...)
}

// unmeasured lists what else the record says it could not measure, and why; fields with one reason share a line.
func unmeasured(s *screen, t *record.Trial) {
	fields := map[string][]string{}
	for _, field := range slices.Sorted(maps.Keys(t.Environment.Unmeasured)) {
		if s.told[field] {
			continue
		}
		why := clean(t.Environment.Unmeasured[field])
		fields[why] = append(fields[why], plainName(clean(field)))
	}
	label := "not measured"
	for _, why := range slices.SortedFunc(maps.Keys(fields), func(a, b string) int {
		return strings.Compare(fields[a][0], fields[b][0])
	}) {
		text := strings.Join(fields[why], ", ")
		if why != "" {
			text += ": " + why
		}
		s.row(label, words(text)...)
		label = ""
	}
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
func warnings(s *screen, t *record.Trial) {
	for i := range t.Warnings {
		w := &t.Warnings[i]
		if isInfo(w) {
			continue
		}
		text := sentence(clean(w.Text))
		if text == "" {
			text = sentence(clean(w.Code))
		}
		s.hang(yellow, "  ! ", words(text)...)
		if len(w.Spoils) > 0 {
			s.hang(plain, "    ", words("Not to be relied on: "+clean(strings.Join(w.Spoils, ", "))+".")...)
		}
		if advice := sentence(clean(w.Advice)); advice != "" {
			s.hang(plain, "    ", words(advice)...)
		}
	}
	for i := range t.Warnings {
		if w := &t.Warnings[i]; isInfo(w) && clean(w.Text) != "" {
			s.hang(plain, "  i ", words(sentence(clean(w.Text)))...)
		}
	}
	oneAddress(s, t)
}

// oneAddress says why it takes several client addresses to fill a server with TIME_WAIT.
func oneAddress(s *screen, t *record.Trial) {
	g := t.Scenario.Goal
	if g == nil || g.Side != server || len(t.Ports) == 0 || t.Scenario.CloseSide != server {
		return
	}
	if half := int64(t.Ports[0].Range.Size() / 2); g.TimeWait > half && len(t.Ports) > 1 {
		s.hang(plain, "  i ", words("One client address alone would stop near "+count(half)+
			": connect() keeps to one parity of its range.")...)
	}
}
