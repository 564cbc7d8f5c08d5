package main

import (
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/pflag"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/trial"
)

// settingsSource gives, for a fresh lab's settings, what --sysctl-from wants written there.
type settingsSource = func(lab map[string]string) ([]sysctl.Setting, []record.SysctlRefusal)

// settingsFrom reads --sysctl-from: "" for none, host for this host's own settings (only read), else a file.
func settingsFrom(from string, topology scenario.Topology) (settingsSource, error) {
	switch {
	case from == "":
		return nil, nil
	case topology == scenario.Host, topology == scenario.Hosts:
		return nil, usage("--sysctl-from needs a lab: with topology host this host's settings hold as they are; --sysctl-file changes them for a run")
	case from == "host":
		return hostSettings, nil
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

// hostSettings is what to write into a lab so that it has this host's own values.
func hostSettings(lab map[string]string) ([]sysctl.Setting, []record.SysctlRefusal) {
	return sysctl.FromHost(sysctl.DefaultRoot, lab)
}

// journalFlag names the file in which it stands what a run has changed on this host.
func journalFlag(fs *pflag.FlagSet, to *string) {
	fs.StringVar(to, "journal", sysctl.DefaultJournal, "with settings of this host itself: keep what is to be put back in `FILE`")
}

// host is how this host's own settings are lent to a run; nil where that was not accepted.
func (f *runFlags) host() *sysctl.Host { return lends(f.accept, f.journal) }

func lends(accept []string, journal string) *sysctl.Host {
	if !slices.Contains(accept, riskHostSysctl) {
		return nil
	}
	return &sysctl.Host{Journal: journal, Command: commandLine()}
}

// outlivePipes keeps a reader that has gone away (tee, ended by the same Ctrl-C) from ending a run that has this host's
// settings to put back: the write fails, and that is all. It returns what undoes it.
func (f *runFlags) outlivePipes() func() {
	if f.host() == nil {
		return func() {}
	}
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGPIPE)
	return func() { signal.Stop(ignored) }
}

// lends holds a recipe against the rules for what may be touched: this host's own settings only with the risk accepted.
func (f *runFlags) lends(s scenario.Scenario, recipe trial.Recipe) error {
	if err := trial.CheckRecipe(s.Topology, recipe); err != nil {
		return usage("%w", err)
	}
	mine := len(recipe.Client)
	if s.Topology != scenario.Hosts { // there the server's are its owner's to accept
		mine += len(recipe.Server)
	}
	if !onHost(s) || mine == 0 || f.host() != nil {
		return nil
	}
	return refused("this run changes this host's own settings for the time of the run, for every program on it; accept it "+
		"with --accept-risk=%s, or run it in a lab (--topology veth)", riskHostSysctl)
}

// onHost tells that no lab is made: the run takes this host's own network.
func onHost(s scenario.Scenario) bool {
	return s.Topology == scenario.Host || s.Topology == scenario.Hosts
}
