package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"twomsl/internal/scenario"
)

// helpTemplate begins with what can be typed as it stands; the reading comes after.
const helpTemplate = `{{with .Example}}{{. | trimTrailingWhitespaces}}

{{end}}{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}`

// usageWithoutExamples takes the examples out of cobra's usage, since the help begins with them.
func usageWithoutExamples(template string) string {
	const begin, end = "{{if .HasExample}}", "{{end}}"
	before, rest, found := strings.Cut(template, begin)
	if !found {
		return template
	}
	_, after, _ := strings.Cut(rest, end)
	return strings.ReplaceAll(before+after, "Flags.FlagUsages ", "Flags.FlagUsagesWrapped 100 ")
}

// flagError names the flag that was most likely meant.
func flagError(c *cobra.Command, err error) error {
	unknown, ok := err.(*pflag.NotExistError)
	if !ok {
		return usage("%w; %s --help shows the flags", err, c.CommandPath())
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	guess := scenario.DidYouMean(unknown.GetSpecifiedName(), names)
	if guess == "" {
		guess = "; " + c.CommandPath() + " --help shows the flags"
	}
	return usage("%w%s", err, strings.Replace(guess, "mean ", "mean --", 1))
}

// oneArgument wants exactly one argument and says which, and where to find one.
func oneArgument(what, where string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return usage("%s takes one %s, not %d: %s", c.CommandPath(), what, len(args), where)
	}
}
