package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

// recipeFlags are the settings that a command is to write on either side: --sysctl and --sysctl-file, in the order in
// which they were given, and whether all of them must be had.
type recipeFlags struct {
	given  []recipeFlag
	strict bool
	notes  []string         // what a person should know of what settings has read
	relay  []sysctl.Setting // what settings has read for a relay
}

// recipeFlag is one --sysctl or --sysctl-file.
type recipeFlag struct {
	flag string // sysctl or sysctl-file
	text string
}

const (
	sysctlFlag     = "sysctl"
	sysctlFileFlag = "sysctl-file"
)

func (f *recipeFlags) flags(fs *pflag.FlagSet) {
	fs.Var(&recipeValue{f, sysctlFlag}, sysctlFlag, "write a setting: `[SIDE:]KEY=VALUE`, repeatable; side client, server or relay, else all")
	fs.Var(&recipeValue{f, sysctlFileFlag}, sysctlFileFlag, "write the settings of `[SIDE:]FILE`, which is sysctl.conf text (- for standard input)")
	fs.BoolVar(&f.strict, "strict", false, "a setting that cannot be had is an error (exit code 6), unless it is marked with -")
}

// recipeValue is a pflag.Value that keeps what was given in one list with the other flag's.
type recipeValue struct {
	f    *recipeFlags
	flag string
}

// Set takes anything: settings tells of all that is wrong together with the rest of the command line.
func (v *recipeValue) Set(text string) error {
	v.f.given = append(v.f.given, recipeFlag{v.flag, text})
	return nil
}

func (v *recipeValue) Type() string { return "SETTING" }

func (v *recipeValue) String() string {
	var texts []string
	if v.f != nil { // pflag asks a zero value for its default
		for _, g := range v.f.given {
			if g.flag == v.flag {
				texts = append(texts, g.text)
			}
		}
	}
	return strings.Join(texts, ",")
}

// readsStdin tells whether a --sysctl-file is standard input.
func (f *recipeFlags) readsStdin() bool {
	return slices.ContainsFunc(f.given, func(g recipeFlag) bool {
		_, file, _ := splitSide(g.text)
		return g.flag == sysctlFileFlag && file == "-"
	})
}

// settings gives what is to be written on either side, in order; of a key that is there more than once the last one
// counts. The error has everything that is wrong.
func (f *recipeFlags) settings() (record.SidePair[[]sysctl.Setting], error) {
	var out record.SidePair[[]sysctl.Setting]
	var wrong []error
	read := reader{files: map[string][]sysctl.Setting{}, bad: map[string]error{}}
	for _, g := range f.given {
		side, text, err := splitSide(g.text)
		var found []sysctl.Setting
		switch {
		case err != nil:
		case g.flag == sysctlFlag:
			found, err = oneSetting(text, len(g.text)-len(text))
		default:
			found, err = read.file(text)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("--%s %s: %w", g.flag, g.text, err))
		}
		addSettings(side, found, &out, &f.relay)
	}
	f.notes = read.notes
	f.relay = sysctl.Settings(f.relay)
	out.Client, out.Server = sysctl.Settings(out.Client), sysctl.Settings(out.Server)
	if wrong != nil {
		return out, usage("%w", errors.Join(wrong...))
	}
	return out, nil
}

// addSettings adds what is for a side to the lists that it is for: what is for both is for a relay, too, where there is
// one.
func addSettings(side scenario.Side, found []sysctl.Setting, out *sides, relay *[]sysctl.Setting) {
	all := side == scenario.BothSides
	if all || side == scenario.ClientSide {
		out.Client = append(out.Client, found...)
	}
	if all || side == scenario.ServerSide {
		out.Server = append(out.Server, found...)
	}
	if all || side == scenario.RelaySide {
		*relay = append(*relay, found...)
	}
}

// forRelay tells of what is for a relay alone, where the scenario has none.
func (f *recipeFlags) forRelay(s scenario.Scenario) error {
	if s.Relay != nil {
		return nil
	}
	for _, g := range f.given {
		if side, _, err := splitSide(g.text); err == nil && side == scenario.RelaySide {
			return usage("--%s %s: %w", g.flag, g.text, errNoRelay)
		}
	}
	return nil
}

var errNoRelay = errors.New("the scenario has no relay; run one that has, such as proxy-exhaustion, or give it to the client or the server")

// splitSide reads SIDE: at the beginning; without it the setting is for both.
func splitSide(text string) (side scenario.Side, rest string, err error) {
	word, after, found := strings.Cut(text, ":")
	if !found || strings.ContainsAny(word, "./=-") { // a path or a key with a colon in it
		return scenario.BothSides, text, nil
	}
	sides := []string{string(scenario.ClientSide), string(scenario.ServerSide), string(scenario.RelaySide), string(scenario.BothSides)}
	for _, s := range sides {
		if word == s {
			return scenario.Side(s), after, nil
		}
	}
	guess := cmp.Or(scenario.DidYouMean(word, sides), ";")
	return "", "", fmt.Errorf("there is no side %q%s write client:, server:, relay: or both: before it, or nothing for all", word, guess)
}

// oneSetting reads KEY=VALUE, which begins after so many columns of the flag.
func oneSetting(text string, from int) ([]sysctl.Setting, error) {
	s, problem := sysctl.ParseSetting(text)
	if problem == nil {
		return []sysctl.Setting{s}, nil
	}
	guess := ""
	if problem.Nearest != "" {
		guess = fmt.Sprintf(" (did you mean %s?)", problem.Nearest)
	}
	return nil, fmt.Errorf("column %d: %s%s; write it like net.ipv4.tcp_tw_reuse=1", from+problem.Column, problem.What, guess)
}

// reader reads each file once, standard input too, and tells of a bad one once.
type reader struct {
	files map[string][]sysctl.Setting
	bad   map[string]error
	notes []string
}

func (r *reader) file(name string) ([]sysctl.Setting, error) {
	if lines, known := r.files[name]; known {
		return lines, nil
	}
	if err, known := r.bad[name]; known {
		return nil, err
	}
	lines, err := sysctlFile(name)
	if err == nil && len(lines) == 0 {
		err = errSetsNothing
	}
	if err != nil {
		r.bad[name] = errors.New("see above")
		return nil, err
	}
	r.files[name] = lines
	r.notes = append(r.notes, setTwice(lines)...)
	return lines, nil
}

var errSetsNothing = errors.New("the file sets nothing")

// setTwice tells of the lines that a later one makes useless.
func setTwice(lines []sysctl.Setting) (out []string) {
	last := map[string]int{}
	for _, s := range lines {
		last[s.Key] = s.LineNo
	}
	for _, s := range lines {
		if n := last[s.Key]; n != s.LineNo {
			out = append(out, fmt.Sprintf("%s%s is set again in line %d, and that counts", s.Place(), s.Key, n))
		}
	}
	return out
}

// stdinName is what lines of standard input are said to come from.
const stdinName = "standard input"

// mostSysctlFile bounds a file of settings: nobody has written a longer one.
const mostSysctlFile = 1 << 20

// sysctlFile reads sysctl.conf text from a file, or from standard input where the name is "-".
func sysctlFile(name string) ([]sysctl.Setting, error) {
	in := os.Stdin
	if name == "-" {
		name = stdinName
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("%w; name a file in sysctl.conf's form", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, mostSysctlFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > mostSysctlFile:
		return nil, fmt.Errorf("%s: more than %d bytes are no file of settings", name, mostSysctlFile)
	}
	return sysctl.Parse(name, data)
}
