package main

import (
	"os"

	"github.com/spf13/cobra"

	"twomsl/internal/record"
	"twomsl/report"
)

func newReport() *cobra.Command {
	var out outputs
	var side string
	var shards mergeFlags
	c := &cobra.Command{
		Use: "report RESULT", GroupID: thenGroup, Args: shards.arguments(oneArgument("record", "a file that `twomsl run` wrote")),
		Short: "Tell again what a recorded trial, comparison or matrix showed, in any format",
		Long: `Reads the record of a trial, a comparison or a matrix and makes its report from it alone: nothing is run, on whatever
machine. With --merge the records are those of the shards of one run, and the report is of the whole run.`,
		Example: `  twomsl run port-exhaustion-small -o json=trial.json && twomsl report trial.json
  twomsl report trial.json -o states --side server
  twomsl report trial.json -o html=trial.html -o svg=charts
  twomsl report comparison.json -o html=report.html -o svg=charts
  twomsl report --merge shards -o json=whole.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if side != "" && side != "client" && side != "server" && side != "relay" {
				return usage("--side %q: the sides are client, server and, where there is one, relay", side)
			}
			if shards.merge {
				return shards.report(args, &out, side, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			tell, err := readRecord(args[0], &out)
			if err := allOf(err, shards.alone(), out.check()); err != nil {
				return err
			}
			// What was asked for and nothing else: the terminal's report only where no format was named.
			if len(out.list) == 0 {
				out.list = []output{{format: "terminal"}}
			}
			if err := out.only(tell, side, args[0], cmd.OutOrStdout()); err != nil {
				return failed(err)
			}
			return nil
		},
	}
	out.flags(c.Flags())
	shards.flags(c.Flags())
	c.Flags().StringVar(&side, "side", "", "whose states -o states prints: `client|server|relay` (default: who holds more TIME_WAIT)")
	return c
}

// readRecord reads a file that a command has written, and gives the formats that it can be told in.
func readRecord(path string, out *outputs) (teller, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return teller{}, usage("cannot read record: %w", err)
	}
	schema, err := record.SchemaOf(path, data)
	switch {
	case err == nil && schema == record.MatrixSchema:
		m, err := record.DecodeMatrix(path, data)
		if err != nil {
			return teller{}, usage("%w", err)
		}
		out.formats = report.MatrixFormats()
		return matrixTeller(m), nil
	case err == nil && schema == record.ComparisonSchema:
		c, err := record.DecodeComparison(path, data)
		if err != nil {
			return teller{}, usage("%w", err)
		}
		out.formats = comparisonFormats()
		return comparisonTeller(c), nil
	case err == nil && schema == record.ClaimsSchema:
		c, err := record.DecodeClaims(path, data)
		if err != nil {
			return teller{}, usage("%w", err)
		}
		out.formats = report.ClaimsFormats()
		return claimsTeller(c), nil
	case err == nil && schema == record.BenchSchema:
		b, err := record.DecodeBench(path, data)
		if err != nil {
			return teller{}, usage("%w", err)
		}
		t := benchTeller(b)
		if out.formats = report.BenchFormats(); t.pictures != nil {
			out.formats = withPictures(out.formats)
		}
		return t, nil
	case err == nil && schema == record.GateSchema:
		g, err := record.DecodeGate(path, data)
		if err != nil {
			return teller{}, usage("%w", err)
		}
		out.formats = withPictures(report.GateFormats())
		return gateTeller(g), nil
	case err == nil && schema == record.IncidentSchema:
		i, err := record.DecodeIncident(path, data)
		if err != nil {
			return teller{}, usage("%w", err)
		}
		out.formats = withPictures(report.IncidentFormats())
		return incidentTeller(i), nil
	case err == nil && schema == record.ReproductionSchema:
		r, err := record.DecodeReproduction(path, data)
		if err != nil {
			return teller{}, usage("%w", err)
		}
		out.formats = reproductionFormats()
		return reproductionTeller(r), nil
	}
	t, err := record.Decode(path, data)
	if err != nil {
		return teller{}, usage("%w", err)
	}
	return trialTeller(t), nil
}
