package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"twomsl/internal/scenario"
)

func newScenarios() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "scenarios [NAME]", GroupID: moreGroup, Args: cobra.MaximumNArgs(1),
		Short: "List the scenarios, or explain one with every field that --set can change",
		Example: `  twomsl scenarios
  twomsl scenarios port-exhaustion
  twomsl scenarios port-exhaustion > mine.yaml; twomsl run ./mine.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "terminal" && format != "json" {
				return usage("-o %q: the formats here are terminal and json", format)
			}
			if len(args) == 0 {
				return listScenarios(cmd.OutOrStdout(), format)
			}
			s, err := scenario.Find(args[0])
			if err != nil {
				return usage("%w", err)
			}
			return explainScenario(cmd.OutOrStdout(), s.Resolve(), format)
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "terminal", "`FORMAT`: terminal or json")
	return c
}

func listScenarios(w io.Writer, format string) error {
	var all []scenario.Scenario
	for _, name := range scenario.Names() {
		s, err := scenario.Find(name)
		if err != nil {
			return failed(err)
		}
		all = append(all, s.Resolve())
	}
	if format == "json" {
		return failedUnless(writeJSON(w, all))
	}
	for _, s := range all {
		fmt.Fprintf(w, "%-24s %s\n", s.Name, s.Title)
	}
	fmt.Fprintln(w, "\ntwomsl scenarios NAME explains one; twomsl run NAME runs it.")
	return nil
}

// explainScenario prints a scenario as YAML that `run` accepts as a file; every default is filled in.
func explainScenario(w io.Writer, s scenario.Scenario, format string) error {
	if format == "json" {
		return failedUnless(writeJSON(w, s))
	}
	text, err := yaml.Marshal(s)
	if err != nil {
		return failed(err)
	}
	var fields yaml.MapSlice // keeps the order of the struct
	if err := yaml.UnmarshalWithOptions(text, &fields, yaml.UseOrderedMap()); err != nil {
		return failed(err)
	}
	text, err = yaml.MarshalWithOptions(asWritten(fields), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return failed(err)
	}
	_, err = w.Write(text)
	return failedUnless(err)
}

// asWritten says what is absent as a person does: a group that is not there is off, and an empty text is left out.
func asWritten(fields yaml.MapSlice) (out yaml.MapSlice) {
	for _, f := range fields {
		switch v := f.Value.(type) {
		case nil:
			f.Value = "off"
		case yaml.MapSlice:
			f.Value = asWritten(v)
			if len(v) == 0 {
				f.Value = yaml.MapSlice{}
			}
		case string:
			if v == "" {
				continue
			}
		}
		out = append(out, f)
	}
	return out
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// failedUnless is failed for an error that may be nil.
func failedUnless(err error) error {
	if err == nil {
		return nil
	}
	return failed(err)
}
