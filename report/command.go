package report

import (
	"regexp"
	"strings"

	"twomsl/internal/record"
)

// simpleProgram is what can stand for a command line: its first word where that is a program's name, and no shell's own word.
var simpleProgram = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

var shellWords = map[string]bool{"for": true, "while": true, "until": true, "if": true, "case": true, "set": true, "cd": true, "exec": true, "trap": true}

// commanded tells that the client was somebody else's.
func commanded(t *record.Trial) bool { return t.Scenario.ClientCommand != "" }

// foreignClient is the program of a client of somebody else's; "" where the client was ours, or is a line of several.
func foreignClient(t *record.Trial) string {
	program, _, _ := strings.Cut(strings.TrimSpace(clean(t.Scenario.ClientCommand)), " ")
	if !simpleProgram.MatchString(program) || shellWords[program] {
		return ""
	}
	return program[strings.LastIndexByte(program, '/')+1:]
}

// commandEnd says how the command ended, and how good that is.
func commandEnd(t *record.Trial) (string, style) {
	c := t.ClientCommand
	switch {
	case t.Phases.StoppedBy == "after":
		return "was ended when its time was up, after " + seconds(c.Seconds), yellow
	case t.Phases.StoppedBy == "interrupt":
		return "was interrupted after " + seconds(c.Seconds), yellow
	case c.Signal != "":
		return "was ended by " + clean(c.Signal) + " after " + seconds(c.Seconds), yellow
	case c.ExitCode == nil:
		return "ended after " + seconds(c.Seconds), plain
	}
	text := "ended with exit code " + count(int64(*c.ExitCode)) + " after " + seconds(c.Seconds)
	if *c.ExitCode != 0 {
		return text, yellow
	}
	return text, plain
}

// unwatched tells that nobody saw what connect() returned.
func unwatched(t *record.Trial) bool {
	return t.ClientCommand != nil && t.ClientCommand.Unwatched != ""
}

// commandFailed is the answer's word on a command that did not end well.
func commandFailed(w *wording, t *record.Trial) {
	if t.ClientCommand == nil || t.Status != record.Complete {
		return
	}
	if text, mood := commandEnd(t); mood != plain {
		w.para(mood, "The command "+text+".")
	}
}

// mostWords is how many of a command's last lines are told.
const mostWords = 5

// command tells how a client of somebody else's ended, and what it said last where that was not well.
func command(w *wording, t *record.Trial) {
	c := t.ClientCommand
	if c == nil {
		return
	}
	text, mood := commandEnd(t)
	w.styledRow(mood, "command", words(text)...)
	if c.Unwatched != "" {
		w.styledRow(yellow, "", words("its connect() calls were not watched: "+clean(c.Unwatched))...)
	}
	said := strings.Split(strings.TrimSpace(c.LastWords), "\n")
	if mood != plain && said[0] != "" {
		w.quote("Its last words:", strings.Join(said[max(0, len(said)-mostWords):], "\n"))
	}
}
