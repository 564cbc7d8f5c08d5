package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"twomsl/internal/lab"
	"twomsl/internal/machine"
	"twomsl/internal/peer"
	"twomsl/internal/scenario"
)

func newPreflight() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "preflight", GroupID: thenGroup, Args: cobra.NoArgs,
		Short: "Tell what this machine can do, item by item, each found out by trying",
		Example: `  twomsl preflight
  twomsl preflight -o json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "terminal" && format != "json" {
				return usage("-o %q: the formats here are terminal and json", format)
			}
			checks := append(tryLab(cmd.Context()), machine.Preflight("")...)
			return showChecks(cmd.OutOrStdout(), checks, format)
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "terminal", "`FORMAT`: terminal or json")
	return c
}

// tryLab makes a lab, tries in it what some scenarios ask of it, and takes it down.
func tryLab(ctx context.Context) []machine.Check {
	c := machine.Check{Name: "a private pair of hosts", Needed: true}
	l, err := lab.Start(scenario.Veth, program())
	if err != nil {
		c.Finding, c.Remedy = err.Error(), "see the items below that are missing"
		return []machine.Check{c}
	}
	defer l.Close()
	c.OK, c.Finding = true, "made and taken down"
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	r := peer.NewRemote("client", l.Client.Control)
	return []machine.Check{
		c,
		tried("packet holds (nf_tables)", r.Holds(ctx, []lab.Hold{{Segment: lab.SYN}, {Segment: lab.FIN}, {Segment: lab.ACK}}),
			"scenarios with stand, and close.how=simultaneous, cannot run"),
		tried("a link's bandwidth (sch_tbf)", r.Network(ctx, peer.Network{Link: scenario.Link{Rate: 1e6, Queue: 64 << 10}}),
			"scenarios with link.rate cannot run"),
	}
}

// tryLimit bounds how long a lab may take to answer.
const tryLimit = 20 * time.Second

// tried is something that only some scenarios need. An error names its own remedy.
func tried(name string, err error, without string) machine.Check {
	if err != nil {
		return machine.Check{Name: name, Finding: err.Error(), Remedy: without}
	}
	return machine.Check{Name: name, OK: true, Finding: "works"}
}

// showChecks prints them; what is needed and missing ends with exit code 6.
func showChecks(w io.Writer, checks []machine.Check, format string) error {
	var missing []string
	for _, c := range checks {
		if c.Needed && !c.OK {
			missing = append(missing, c.Name)
		}
	}
	if format == "json" {
		if err := writeJSON(w, map[string]any{"checks": checks, "can_run": len(missing) == 0}); err != nil {
			return failed(err)
		}
	} else {
		for _, c := range checks {
			printCheck(w, c)
		}
	}
	if len(missing) > 0 {
		return &exitError{code: exitCannot, err: fmt.Errorf("this machine cannot run a scenario: %q missing", missing)}
	}
	return nil
}

func printCheck(w io.Writer, c machine.Check) {
	mark := "ok"
	switch {
	case !c.OK && c.Needed:
		mark = "MISSING"
	case !c.OK:
		mark = "no"
	}
	fmt.Fprintf(w, "%-8s %-52s %s\n", mark, c.Name, c.Finding)
	if c.Remedy != "" {
		fmt.Fprintf(w, "%-8s %s\n", "", c.Remedy)
	}
}
