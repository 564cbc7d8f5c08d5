package main

import (
	"github.com/spf13/cobra"

	"twomsl/internal/record"
)

func newReport() *cobra.Command {
	var out outputs
	var side string
	c := &cobra.Command{
		Use: "report RESULT", GroupID: "main", Args: oneArgument("record", "a file that `twomsl run` wrote"),
		Short: "Tell again what a recorded trial showed, in any format",
		Long:  `Reads a trial's record and makes its report from it alone: nothing is run, on whatever machine.`,
		Example: `  twomsl run port-exhaustion-small -o json=trial.json && twomsl report trial.json
  twomsl report trial.json -o states --side server
  twomsl report trial.json -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if side != "" && side != "client" && side != "server" {
				return usage("--side %q: the sides are client and server", side)
			}
			if err := out.check(); err != nil {
				return err
			}
			t, err := record.Read(args[0])
			if err != nil {
				return usage("%w", err)
			}
			// What was asked for and nothing else: the terminal's report only where no format was named.
			if len(out.list) == 0 {
				out.list = []output{{format: "terminal"}}
			}
			if err := out.only(t, side, args[0], cmd.OutOrStdout()); err != nil {
				return failed(err)
			}
			return nil
		},
	}
	out.flags(c.Flags())
	c.Flags().StringVar(&side, "side", "", "whose states -o states prints: `client|server` (default: who holds more TIME_WAIT)")
	return c
}
