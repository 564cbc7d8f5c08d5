// Command twomsl reproduces TIME_WAIT and ephemeral-port trouble on the kernel it runs on, and says with figures what
// happened. This package is the command line: one file per command; it alone touches arguments, environment, signals
// and exit codes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run carries out one command line and gives its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return exitDone
	}
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{code: exitUsage, err: err} // cobra's own: unknown command, flag, argument
	}
	if e.err != nil {
		fmt.Fprintln(stderr, "twomsl:", e.err)
	}
	return e.code
}

// newRoot builds the whole command tree.
func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "twomsl",
		Short: "Reproduce TIME_WAIT and port trouble in a private lab, and see in figures what happens",
		Long: `twomsl reproduces TIME_WAIT and ephemeral-port trouble on the kernel it runs on: a client and a server flood each
other with short connections in a pair of private network namespaces, while socket states, counters and ports are
sampled on both sides. The host stays as it was.`,
		Example: `  twomsl run incident-18000             # the 18,000 TIME_WAIT incident, in front of you
  twomsl run port-exhaustion-small      # a client that runs out of ports, in ten seconds
  twomsl compare four-lines --by-line   # which of four lines of sysctl helps, and where
  twomsl states                         # this machine's sockets, counted by state`,
		Version:       version(),
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetVersionTemplate("twomsl {{.Version}}\n")
	root.SetHelpTemplate(helpTemplate)
	root.SetUsageTemplate(usageWithoutExamples(root.UsageTemplate()))
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(&cobra.Group{ID: "main", Title: "Commands:"}, &cobra.Group{ID: "more", Title: "More:"})
	root.SetHelpCommandGroupID("more")
	root.SetCompletionCommandGroupID("more")
	root.AddCommand(
		newRun(), newCompare(), newBench(), newReport(), newScenarios(), newStates(), newSysctl(), newPreflight(), newLabInit(),
		newPeer(),
	)
	return root
}
