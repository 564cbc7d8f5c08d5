package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"twomsl/internal/checkout"
	"twomsl/internal/gate"
	"twomsl/internal/image"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// What commands of a plan find in their environment.
const (
	buildVar  = "TWOMSL_BUILD"
	binaryVar = "TWOMSL_BINARY"
)

// gateSubject is one of the things that a gate runs its scenarios with.
type gateSubject struct {
	gate.Subject
	name    string // in messages
	variant string
	said    gate.Subject // without what it has from what is tested
	// what prepare has found: the tree of the commit, the image's files, the program
	build, root, program, line string
}

func newSubject(name string, s gate.Subject) *gateSubject {
	return &gateSubject{Subject: s, name: name, variant: name}
}

// check tells what cannot go together.
func (s *gateSubject) check() error {
	switch {
	case s == nil:
		return nil
	case s.Binary != "" && s.Image != "":
		return usage("%s: a binary and an image: an image has its own programs; leave one of them out", s.name)
	case s.Image != "" && s.Commit != "":
		return usage("%s: an image and a commit: leave one of them out", s.name)
	case s.Binary != "" && s.commands() && !strings.Contains(s.Server+s.Client, binaryVar):
		return usage("%s: binary: no command starts it: write $%s in command, or leave the command out to have another twomsl run", s.name, binaryVar)
	case s.Build != "" && s.Binary == "" && !strings.Contains(s.Server+s.Client, buildVar):
		return usage("%s: build: nothing uses what is built: name it by $%s in command or binary", s.name, buildVar)
	case s.Commit != "" && !strings.Contains(s.Server+s.Client+s.Binary, buildVar):
		return usage("%s: commit: nothing uses its files: name them by $%s in command or binary, like $%s/server", s.name, buildVar, buildVar)
	}
	return nil
}

func (s *gateSubject) commands() bool { return s.Server != "" || s.Client != "" }

// freed are the fields of a scenario that are a client command's own affair, as it wants them: any scenario can then be run
// with one, for its hosts and settings.
var freed = []string{"load.rate=max", "load.concurrency=64", "load.stop.connections=0", "load.stop.failures=0", "load.stop.time_wait=off", "load.half_open=0"}

// fields are those that the commands set in a scenario.
func (s *gateSubject) fields() (out []string) {
	if s.Server != "" || s.Image != "" {
		out = append(out, "server.command="+s.serverLine())
	}
	if s.Client != "" {
		out = append(out, freed...)
		out = append(out, "client.command="+s.Client, fmt.Sprintf("client.command_requests=%d", s.Requests))
	}
	return out
}

// serverLine is the command; an image's own where the plan has none, which is not known before it was unpacked.
func (s *gateSubject) serverLine() string {
	if s.Server == "" {
		return "image " + s.Image
	}
	return s.Server
}

// text says in a line what it is, beside what is tested.
func (s *gateSubject) text() string {
	var parts []string
	add := func(what, value string) {
		if value != "" {
			parts = append(parts, what+value)
		}
	}
	add("commit ", s.said.Commit)
	add("image ", s.said.Image)
	add("", s.said.Binary)
	add("", s.said.Server)
	add("client ", s.said.Client)
	add("", strings.Join(s.said.Set, ", "))
	return strings.Join(parts, ", ")
}

// prepare makes what the subject is: a commit's build, an image's files. What it leaves on disk goes with undo.
func (s *gateSubject) prepare(ctx context.Context, g *gating) error {
	if s == nil {
		return nil
	}
	if err := s.prepareBuild(ctx, g); err != nil {
		return err
	}
	if s.Binary != "" {
		path, err := exec.LookPath(os.Expand(s.Binary, s.variable))
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return usage("%s: binary %s: %w; name a program, with its path", s.name, s.Binary, err)
		}
		s.program = path
	}
	if s.Image == "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "twomsl-image-")
	if err != nil {
		return failed(err)
	}
	g.undo = append(g.undo, func() { os.RemoveAll(dir) }) //nolint:errcheck // a temporary directory
	g.say("unpacking image " + s.Image)
	unpacked, err := image.Unpack(ctx, s.Image, filepath.Join(dir, "image"))
	if err != nil {
		return failed(fmt.Errorf("%s: %w", s.name, err))
	}
	s.root, s.line = unpacked.Root, s.Server
	if s.line == "" {
		s.line, err = unpacked.Command()
	}
	if err != nil {
		return usage("%s: image %s: %w (command)", s.name, s.Image, err)
	}
	return nil
}

func (s *gateSubject) prepareBuild(ctx context.Context, g *gating) error {
	here, err := os.Getwd()
	if err != nil {
		return failed(err)
	}
	if s.Commit == "" {
		if s.build = here; s.Build == "" {
			return nil
		}
		g.say("building: " + s.Build)
		c := exec.CommandContext(ctx, "/bin/sh", "-c", s.Build)
		c.Env = append(os.Environ(), buildVar+"="+here)
		if out, err := c.CombinedOutput(); err != nil {
			return failed(fmt.Errorf("%s: build %q: %w\n%s", s.name, s.Build, err, lastLines(out)))
		}
		return nil
	}
	g.say("building commit " + s.Commit)
	line := s.Build
	if line != "" { // the tree is where it runs
		line = buildVar + `="$PWD"; export ` + buildVar + "; " + line
	}
	dir, _, remove, err := checkout.Build(ctx, here, s.Commit, line, io.Discard)
	if err != nil {
		return failed(fmt.Errorf("%s: %w", s.name, err))
	}
	g.undo = append(g.undo, func() { remove() }) //nolint:errcheck // a temporary directory
	s.build = dir
	return nil
}

// lastLines are the last 20 lines of what a command printed.
func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

func (s *gateSubject) variable(name string) string {
	switch name {
	case buildVar:
		return s.build
	case binaryVar:
		return s.program
	}
	return os.Getenv(name)
}

// foreign tells whether a twomsl of its own runs the subject's trials.
func (s *gateSubject) foreign() bool { return s.program != "" && !s.commands() }

// in gives a scenario as the subject runs it: with commands that find what was built.
func (s *gateSubject) in(sc scenario.Scenario) scenario.Scenario {
	var set []string
	for _, v := range []struct{ name, value string }{{buildVar, s.build}, {binaryVar, s.program}} {
		if v.value != "" && strings.Contains(s.Server+s.Client, v.name) {
			set = append(set, v.name+"="+quoted(v.value), "export "+v.name)
		}
	}
	prefix := strings.Join(append(set, ""), "; ")
	if sc.Server.Command != "" {
		sc.Server.Command = prefix + sc.Server.Command
	}
	if sc.Client.Command != "" {
		sc.Client.Command = prefix + sc.Client.Command
	}
	if s.root != "" {
		sc.Server.Root = s.root
		sc.Server.Command = s.line
	}
	return sc
}

// runArgs are what another twomsl is told to run the variant once.
func (s *gateSubject) runArgs(e *gateEntry, v *record.Variant) []string {
	args := []string{"run", e.Ref}
	for _, field := range v.Set {
		args = append(args, "--set", field)
	}
	for _, side := range []struct {
		name string
		list []record.VariantSetting
	}{{"client", v.Sysctl.Client}, {"server", v.Sysctl.Server}, {"relay", v.Relay}} {
		for _, one := range side.list {
			args = append(args, "--sysctl", side.name+":"+one.Key+"="+one.Value)
		}
	}
	return slices.Clip(args)
}
