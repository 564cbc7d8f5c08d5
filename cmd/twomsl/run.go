package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/sysctl"
	"twomsl/internal/trial"
)

// runFlags are what `twomsl run` can be told.
type runFlags struct {
	scenarioFlags
	shardFlags
	recipe  recipeFlags
	outputs outputs
	records string
	from    string
	journal string
	cpus    cpuFlag
	quiet   bool
	profile string
}

func newRun() *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use: "run SCENARIO", GroupID: firstGroup, Args: oneArgument("scenario", "twomsl scenarios lists them"),
		Short: "Run a scenario once, in a private pair of hosts, and report what happened",
		Long: `Runs a scenario once: a name that "twomsl scenarios" lists, or a YAML file. Client and server run in two private
network namespaces joined by a veth link; nothing outside them is touched. The trial's record is written as one JSON
file, and the report made from it.`,
		Example: `  twomsl run incident-18000
  twomsl run port-exhaustion-small --set close.side=server
  twomsl run port-exhaustion-small --sysctl client:net.ipv4.tcp_tw_reuse=1
  twomsl run proxy-exhaustion --sysctl relay:net.ipv4.tcp_tw_reuse=1
  twomsl run steady-200 --for 30s -o json=trial.json -o html=trial.html
  twomsl run incident-18000 -o states
  twomsl run steady-200 --shard 1/4 --start-at 2026-05-01T12:00:00Z`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.scenarioFlags.flags(c.Flags())
	f.remote.flags(c.Flags())
	f.shardFlags.flags(c.Flags())
	f.recipe.flags(c.Flags())
	f.outputs.flags(c.Flags())
	c.Flags().StringVar(&f.records, "records", "twomsl-results", "keep records in `DIR`")
	c.Flags().StringVar(&f.from, "sysctl-from", "", "copy settings into the lab: `host|FILE` (this host's own, or sysctl.conf text)")
	journalFlag(c.Flags(), &f.journal)
	c.Flags().Var(&f.cpus, "cpus", "pin the peers to processors: `client=0,server=1` (ranges like 0-3, lists like 0+2)")
	profileFlag(c.Flags(), &f.profile)
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	return c
}

func (f *runFlags) run(ref string, stdout, stderr io.Writer) error {
	s, scenarioErr := f.resolve(ref)
	settings, settingsErr := settingsFrom(f.from, s.Topology)
	recipe, recipeErr := f.recipe.settings()
	from, dial, remoteErr := f.remote.read()
	var shard *trial.Shard
	var shardErr error
	if scenarioErr == nil {
		shard, shardErr = f.shardFlags.of(s, time.Now())
	}
	if shard == nil && shardErr == nil && f.remote.handIn {
		shardErr = usage("--hand-in is for a run in shares, whose records are to be joined: say which it is with --shard K/N")
	}
	if err := allOf(scenarioErr, shardErr, settingsErr, recipeErr, remoteErr, f.recipe.forRelay(s), f.lends(s, recipe), f.outputs.check(), f.cpus.check(), f.cpus.suits(s.Engine)); err != nil {
		return err
	}
	if err := keepIn(f.records); err != nil {
		return err
	}
	for _, note := range f.recipe.notes {
		fmt.Fprintln(stderr, "twomsl:", note)
	}
	sayShard(shard, stderr)
	soft, hard, release := interrupts(stderr)
	defer release()
	defer f.outlivePipes()()
	if err := shard.GetReady(soft); err != nil {
		return startError(err)
	}
	live := newLive(stderr, f.quiet)
	t, err := trial.Run(soft, hard, s, trial.Options{
		Program: program(), Tool: "twomsl " + version(), Command: commandLine(), Settings: settings,
		Recipe: recipe, Relay: f.recipe.relay, Strict: f.recipe.strict, Host: f.host(),
		Shard: shard, Profile: profileInto(f.profile), CPUs: f.cpus.sides, Search: searchFor(s), Dial: dial, From: from, Watch: live.show,
		Say: func(text string) { fmt.Fprintln(stderr, "twomsl:", text) },
	})
	live.clear()
	if t == nil {
		return startError(err)
	}
	return alsoFailed(f.tell(t, stdout, stderr), errors.Join(err, f.remote.deliver(hard, t)))
}

// alsoFailed adds what went wrong after a record had been made: settings of this host that could not be put back.
func alsoFailed(told, err error) error {
	if err == nil {
		return told
	}
	var e *exitError
	if errors.As(told, &e) && e.err != nil {
		err = errors.Join(e.err, err)
	}
	return failed(err)
}

// tell keeps the record and reports; the report comes also where the record cannot be kept.
func (f *runFlags) tell(t *record.Trial, stdout, stderr io.Writer) error {
	path, keepErr := record.Write(f.records, t)
	if err := f.outputs.write(trialTeller(t), path, stdout, stderr); err != nil {
		return failed(errors.Join(err, keepErr))
	}
	switch {
	case keepErr != nil:
		return failed(fmt.Errorf("the record could not be kept: %w; free some room or name another --records", keepErr))
	case t.Status == record.Failed:
		return &exitError{code: exitFailed}
	case t.Status == record.Interrupted:
		return &exitError{code: exitInterrupted}
	}
	return nil
}

// startError tells a machine that cannot from a run that failed before its load.
func startError(err error) error {
	var u *lab.UnavailableError
	var option *peer.CannotError
	var strict *trial.StrictError
	var held *sysctl.HeldError
	var kept *sysctl.NotRestoredError
	var told *exitError
	switch {
	case errors.As(err, &told): // of a server that was to be reached
		return told
	case errors.As(err, &kept):
		return failed(err)
	case errors.As(err, &u), errors.As(err, &option), errors.As(err, &strict):
		return &exitError{code: exitCannot, err: err}
	case errors.As(err, &held):
		return &exitError{code: exitRefused, err: err}
	}
	if errors.Is(err, context.Canceled) {
		return &exitError{code: exitInterrupted, err: errors.New("interrupted before the load started")}
	}
	return failed(err)
}

// interrupts gives two contexts: the first signal ends soft, the second hard.
func interrupts(stderr io.Writer) (soft, hard context.Context, release func()) {
	soft, endSoft := context.WithCancel(context.Background())
	hard, endHard := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-signals:
			}
			if n > 0 {
				endHard()
				return
			}
			fmt.Fprintln(stderr, "\ntwomsl: stopping; what is in flight is finished and reported. Once more to leave at once.")
			endSoft()
		}
	}()
	return soft, hard, func() { signal.Stop(signals); close(done); endSoft(); endHard() }
}

// commandLine is what to type to run this again.
func commandLine() string {
	words := []string{"twomsl"}
	for _, a := range os.Args[1:] {
		words = append(words, quoted(a))
	}
	return strings.Join(words, " ")
}

// quoted writes a word so that a shell reads it as one.
func quoted(word string) string {
	if strings.ContainsAny(word, " \t'\"$`\\*?&|;<>()") || word == "" {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
