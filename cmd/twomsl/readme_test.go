//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// longRunning commands of the README take too long for a test: a script runs the shortened twin.
var longRunning = map[string]string{
	"twomsl run port-exhaustion": "twomsl run port-exhaustion --set client.local_port_range=40000-41999",
	"twomsl run port-exhaustion --set client.local_port_range=off": "twomsl run port-exhaustion " +
		"--set client.local_port_range=off --for 1s",
	"twomsl run port-exhaustion-small --set close.side=server": "twomsl run port-exhaustion-small " +
		"--set close.side=server --for 300ms -q -o terminal",
	"twomsl run incident-18000 --sysctl-from host": "twomsl run incident-18000 " +
		"--set load.stop.time_wait.count=300 --set load.hold=0s --sysctl-from host",
	"twomsl run steady-200": "twomsl run steady-200 --for 200ms --records kept",
}

// Every twomsl command that the README shows in an sh block is run by a script, as it stands or as its twin.
func TestReadmeCommandsAreRun(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	run := scriptedCommands(t)
	shown := commandsIn(string(readme))
	if len(shown) == 0 {
		t.Error("README.md shows no twomsl command in a block of sh")
	}
	for _, c := range shown {
		if slices.Contains(run, c) {
			continue
		}
		twin, long := longRunning[c]
		switch {
		case !long:
			t.Errorf("README.md shows %q, and no script in cmd/twomsl/testdata/script runs it: add it to one, "+
				"or to longRunning with a twin", c)
		case !slices.Contains(run, twin):
			t.Errorf("README.md shows %q, and no script runs its twin %q", c, twin)
		}
	}
}

var (
	shBlock    = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")
	scriptLine = regexp.MustCompile(
		`(?m)^!? ?(?:exec|exits \d+) (?:asnobody |playhost |sh -c '(?:exec )?)?(twomsl [^\n]*?)'?$`)
)

// commandsIn gives the commands of the sh blocks, with go run and comments taken away; a line may hold several.
func commandsIn(markdown string) (out []string) {
	for _, block := range shBlock.FindAllStringSubmatch(markdown, -1) {
		text := strings.ReplaceAll(block[1], "\\\n", " ")
		for line := range strings.Lines(text) {
			out = append(out, splitCommands(line)...)
		}
	}
	return out
}

func splitCommands(line string) (out []string) {
	line, _, _ = strings.Cut(line, " #")
	for _, c := range regexp.MustCompile(`&&|;|\|`).Split(line, -1) {
		c = strings.Join(strings.Fields(strings.ReplaceAll(c, "go run ./cmd/twomsl", "twomsl")), " ")
		c = strings.TrimPrefix(c, "sudo ")
		if strings.HasPrefix(c, "twomsl ") {
			out = append(out, c)
		}
	}
	return out
}

func scriptedCommands(t *testing.T) (out []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/script/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range scriptLine.FindAllStringSubmatch(string(text), -1) {
			out = append(out, splitCommands(m[1])...)
		}
	}
	return out
}

func TestCommandsInMarkdown(t *testing.T) {
	const text = "```sh\ngo run ./cmd/twomsl run incident-18000   # a comment\n" +
		"twomsl scenarios x > f; sudo twomsl run f \\\n  --for 1s && make\n```\n```text\ntwomsl states\n```\n```sh\nls\n```\n"
	want := []string{"twomsl run incident-18000", "twomsl scenarios x > f", "twomsl run f --for 1s"}
	if got := commandsIn(text); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
