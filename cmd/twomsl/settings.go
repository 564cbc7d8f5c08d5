package main

import (
	"os"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

// settingsSource gives, for a fresh lab's settings, what --sysctl-from wants written there.
type settingsSource = func(lab map[string]string) ([]sysctl.Setting, []record.SysctlRefusal)

// settingsFrom reads --sysctl-from: "" for none, host for this host's own settings (only read), else a file.
func settingsFrom(from string, topology scenario.Topology) (settingsSource, error) {
	switch {
	case from == "":
		return nil, nil
	case topology == scenario.Host:
		return nil, usage("--sysctl-from needs a lab: with topology host nothing is written, this host's settings hold as they are")
	case from == "host":
		return func(lab map[string]string) ([]sysctl.Setting, []record.SysctlRefusal) {
			return sysctl.FromHost(sysctl.DefaultRoot, lab)
		}, nil
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return nil, usage("--sysctl-from: %v; name a file in sysctl.conf's form, or host", err)
	}
	lines, err := sysctl.Parse(from, data)
	if err != nil {
		return nil, usage("--sysctl-from: %w", err)
	}
	if len(lines) == 0 {
		return nil, usage("--sysctl-from %s: the file sets nothing", from)
	}
	settings := sysctl.Settings(lines)
	return func(map[string]string) ([]sysctl.Setting, []record.SysctlRefusal) { return settings, nil }, nil
}
