package report

import (
	"bytes"
	"regexp"
	"strings"

	"twomsl/internal/record"
)

func init() { register("terminal", writeTerminal) }

// loadParts are the screen of a load, in their order.
var loadParts = []screenPart{
	headline, put(ending), put(answer, canaryMeaning), put(diagnosis), // what came out
	put(stateTable), put(accounts, behind, closed, loadTime, shards, command), put(vanishing), put(failures, limits), put(latency), put(ports), put(canaryTable), charts, // the evidence
	put(counters), put(settings), put(memory, bytesLine, processorTimes, callCosts, engineRow, machineRow, hostsRow), put(unmeasured),
	put(warnings),
}

// screenPart draws a part of a trial's screen, or nothing where the record has nothing to say about it.
type screenPart func(s *screen, w *wording, t *record.Trial)

// put draws what some parts say.
func put(parts ...func(*wording, *record.Trial)) screenPart {
	return func(s *screen, w *wording, t *record.Trial) { s.lay(w.words(t, parts...)) }
}

// writeTerminal draws the screen of `twomsl run`: the answer first, then the evidence, then how to repeat it.
func writeTerminal(b *bytes.Buffer, t *record.Trial, opt Options) error {
	s, w := newScreen(b, opt), newWording()
	parts := loadParts
	if t.Stand != nil {
		parts = standParts
	}
	for _, part := range parts {
		part(s, w, t)
		s.section()
	}
	found(s, opt)
	if path := clean(opt.RecordPath); path != "" && t.Status != record.Failed {
		s.row("evidence", words("twomsl diagnose "+path)...)
	}
	repeat(s, "repeat", t.Command)
	return nil
}

func newScreen(b *bytes.Buffer, opt Options) *screen {
	width := opt.Width
	if width == 0 {
		width = 100
	}
	return &screen{b: b, width: max(60, width), color: opt.Color}
}

// headline names the scenario, and to the right what it ran on.
func headline(s *screen, _ *wording, t *record.Trial) {
	heading(s, trialName(t), clean(t.Scenario.Title), ranOn(t)...)
}

// trialName is what a trial is called.
func trialName(t *record.Trial) string {
	if name := clean(t.Scenario.Name); name != "" {
		return name
	}
	return clean(t.ID)
}

// ranOn says in short what a trial ran on.
func ranOn(t *record.Trial) []string {
	on := []string{kernel(&t.Environment), clean(t.Engine), place(t)}
	if program := foreignClient(t); program != "" {
		on = append(on, "client: "+program)
	}
	if program := foreignProgram(t.Scenario.RelayCommand); program != "" {
		on = append(on, "relay: "+program)
	}
	if program := foreignProgram(t.Scenario.ServerCommand); program != "" {
		on = append(on, "server: "+program)
	}
	return on
}

// foreignProgram is the program of a command of somebody else's; "" where there was none. What begins with @ is a program
// with a configuration of ours.
func foreignProgram(command string) string {
	program, _, _ := strings.Cut(strings.TrimSpace(clean(command)), " ")
	return strings.TrimPrefix(program[strings.LastIndexByte(program, '/')+1:], "@")
}

// heading writes the first line: a name in bold with what it stands for, and to the right what it ran on.
func heading(s *screen, name, title string, ranOn ...string) {
	where := joined(ranOn...)
	left := name
	if title != "" {
		left += "  " + title
	}
	if gap := s.width - columns(left) - columns(where); gap >= 2 {
		s.line(s.paint(bold, name) + strings.TrimPrefix(left, name) + strings.Repeat(" ", gap) + s.paint(faint, where))
		return
	}
	at := columns(name) + 2
	if at > s.width/2 {
		at = indent
	}
	for i, l := range wrap(words(left), s.width-at) {
		switch {
		case i > 0:
			l = strings.Repeat(" ", at) + l
		case strings.HasPrefix(l, name):
			l = s.paint(bold, name) + l[len(name):]
		}
		s.line(l)
	}
	s.hang(faint, strings.Repeat(" ", indent), where)
}

var release = regexp.MustCompile(`^\d+\.\d+`)

// kernel is the version by which people call a kernel; the whole release stands further down.
func kernel(e *record.Environment) string {
	if v := release.FindString(e.Kernel); v != "" {
		return "Linux " + v
	}
	return strings.TrimSpace("Linux " + clean(e.Kernel))
}

// place says where the pair lived and with whose settings.
func place(t *record.Trial) string {
	where := map[string]string{"veth": "lab", "loopback": "loopback", "host": "host", "hosts": "two hosts"}[t.Scenario.Topology]
	if where == "" {
		where = clean(t.Scenario.Topology)
	}
	changed := map[string]bool{}
	for _, side := range hosts(t) {
		for _, c := range sideOf(t, side).Sysctls.Changed {
			changed[c.Key] = true
		}
	}
	switch n := len(changed); {
	case n > 0:
		return where + ", " + counted(int64(n), "setting", "settings") + " changed"
	case t.Scenario.Topology == "host", t.Scenario.Topology == "hosts":
		return where + ", its own settings"
	default:
		return where + ", kernel defaults"
	}
}

// ending speaks up where the trial did not end as it should.
func ending(w *wording, t *record.Trial) {
	kept := "What was measured until then is below."
	if t.Connections.Attempted > 0 {
		kept = "Kept is what was measured until then: " +
			counted(t.Connections.Attempted, "connection", "connections") + " in " + seconds(t.Phases.LoadSeconds) + "."
	}
	switch t.Status {
	case record.Interrupted:
		w.para(yellow, "Interrupted. "+kept)
	case record.Failed:
		who, text, last := "trial", "", ""
		if f := t.Failure; f != nil {
			text, last = clean(f.Text), strings.TrimSpace(f.LastWords)
			if f.Side != "" {
				who = clean(f.Side)
			}
		}
		w.para(red, sentence(strings.TrimSuffix("The "+who+" failed: "+text, ": ")))
		w.para(yellow, kept)
		if last != "" {
			w.quote("Its last words:", last)
		}
	}
}

// found says where the record is and how to tell it again.
func found(s *screen, opt Options) {
	path := clean(opt.RecordPath)
	if path == "" {
		return
	}
	again := "twomsl report " + path
	if columns(path)+gutter+columns(again) <= s.width-indent-labels {
		s.row("record", path+strings.Repeat(nbsp, gutter)+again)
		return
	}
	s.row("record", path)
	s.row("tell again", words(again)...)
}

// repeat says what to type to have all this again.
func repeat(s *screen, label, command string) {
	if command = clean(command); command != "" {
		continued(s, label, command)
	}
}

// continued writes a command so that it can be copied: a line that goes on ends in a backslash.
func continued(s *screen, label, command string) {
	if columns(command) <= s.width-indent-labels {
		s.row(label, command)
		return
	}
	room := s.width - indent - labels - 2
	chunks := arguments(command)
	for i := range chunks {
		if columns(chunks[i]) > room && strings.HasPrefix(chunks[i], "-") { // better apart than with the value cut in two
			chunks[i] = strings.Replace(chunks[i], nbsp, " ", 1)
		}
	}
	lines := wrap(chunks, room)
	for i, l := range lines {
		if i < len(lines)-1 {
			l += " \\"
		}
		s.row(label, l)
		label = ""
	}
}

// quotedWords splits a command at the spaces that no quote holds: one in quotes cannot go on in the next line.
func quotedWords(command string) (out []string) {
	open := false
	for _, word := range words(command) {
		if open {
			out[len(out)-1] += nbsp + word
		} else {
			out = append(out, word)
		}
		quotes := strings.Count(strings.ReplaceAll(word, `'\''`, ""), "'") // less the one that stands for itself in quotes
		open = open != (quotes%2 == 1)
	}
	return out
}

// arguments splits a command, and keeps a flag together with the value that follows it, and a value in quotes whole.
func arguments(command string) []string {
	var out []string
	flag := false
	for _, word := range quotedWords(command) {
		isFlag := strings.HasPrefix(word, "-")
		if flag && !isFlag {
			out[len(out)-1] += nbsp + word
			flag = false
			continue
		}
		out = append(out, word)
		flag = isFlag && !strings.Contains(word, "=")
	}
	return out
}
