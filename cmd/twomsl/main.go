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

// The groups of commands: what people come for, what they need then, and what few do.
const (
	firstGroup = "first"
	thenGroup  = "then"
	moreGroup  = "more"
)

// newRoot builds the whole command tree.
func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "twomsl",
		Short: "Reproduce TIME_WAIT and port trouble in a private lab, and see in figures what happens",
		Long: `twomsl reproduces TIME_WAIT and ephemeral-port trouble on the kernel it runs on: a client and a server flood each
other with short connections in a pair of private network namespaces, while socket states, counters and ports are
sampled on both sides. The host stays as it was.`,
		Example: `  twomsl incident                       # 18,122 TIME_WAIT rebuilt, diagnosed and treated, in a minute
  twomsl diagnose --live                # is anything wrong with this host
  twomsl run port-exhaustion-small      # a client that runs out of ports, in ten seconds
  twomsl compare four-lines --by-line   # which of four lines of sysctl helps, and where
  twomsl claims                         # what the guides say, tried on this kernel
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
	cobra.EnableCommandSorting = false // the order is that in which people want them
	root.AddGroup(
		&cobra.Group{ID: firstGroup, Title: "Commands:"}, &cobra.Group{ID: thenGroup, Title: "Also:"},
		&cobra.Group{ID: moreGroup, Title: "Advanced:"},
	)
	root.SetHelpCommandGroupID(moreGroup)
	root.SetCompletionCommandGroupID(moreGroup)
	root.AddCommand(
		newDiagnose(), newIncident(), newRun(), newCompare(), newClaims(), newGate(),
		newReproduce(), newBench(), newReport(), newStates(), newPreflight(),
		newScenarios(), newServer(), newSysctl(), newSnapshot(),
		newLabInit(), newPeer(), newAssay(), newServerRoot(),
	)
	return root
}
