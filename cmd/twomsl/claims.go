package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"twomsl/internal/recipe"
	"twomsl/internal/record"
	"twomsl/internal/sysctl"
	"twomsl/report"
	"twomsl/report/claims"
)

// claimsFlags are what `twomsl claims` can be told.
type claimsFlags struct {
	only    []string
	list    bool
	jobs    int
	outputs outputs
	records string
	quiet   bool
}

func newClaims() *cobra.Command {
	f := &claimsFlags{outputs: outputs{formats: report.ClaimsFormats()}}
	c := &cobra.Command{
		Use: "claims [ID... | FILE.conf]", GroupID: firstGroup,
		Short: "Put what the guides say about TIME_WAIT to this kernel, or each line of a recipe",
		Long: `Tests what is said about TIME_WAIT and what goes with it, claim by claim, on the kernel that it runs on: true, false,
true only if something, gone, or not to be tested here, each with what was measured. Every test is made in a private lab
of its own, several side by side; all of them take about as long as one TIME_WAIT lives and a little more.

With a file of sysctl.conf text, or the name of a recipe that comes with the program, each of its lines is tested on
either side: does it help, do nothing, do harm, is it set already, is it missing on this kernel.`,
		Example: `  twomsl claims
  twomsl claims 6 7 9
  twomsl claims four-lines.conf
  twomsl claims -o html=claims.html -o markdown=claims.md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&f.only, "only", nil, "only these claims: `ID,...`, as arguments are")
	flags.BoolVar(&f.list, "list", false, "only list the claims, and what tests them")
	flags.IntVarP(&f.jobs, "jobs", "j", 0, "labs side by side: `N` (default: three for each processor, since most of them wait)")
	f.outputs.flags(flags)
	flags.StringVar(&f.records, "records", "twomsl-results", "keep records in `DIR`")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	return c
}

// claimed is what a command line asks for: claims, or the lines of a recipe.
type claimed struct {
	claims []claims.Claim
	recipe string // the file's name; "" where claims are asked for
	lines  []claims.Line
	notes  []string
}

func (c *claimed) tries() []record.Try {
	if c.recipe != "" {
		return claims.LineTries(c.lines)
	}
	return claims.Tries(c.claims)
}

func (f *claimsFlags) run(args []string, stdout, stderr io.Writer) error {
	asked, err := f.asked(args)
	var jobsErr error
	if f.jobs < 0 {
		jobsErr = usage("--jobs %d: at least one lab is needed", f.jobs)
	}
	if err := allOf(err, jobsErr, f.outputs.check()); err != nil {
		return err
	}
	if f.list {
		return listClaims(stdout, &asked)
	}
	if err := keepIn(f.records); err != nil {
		return err
	}
	for _, note := range asked.notes {
		fmt.Fprintln(stderr, "twomsl:", note)
	}
	if f.jobs == 0 {
		f.jobs = 3 * runtime.NumCPU()
	}
	soft, hard, release := interrupts(stderr)
	defer release()
	r := &claimsRun{flags: f, asked: asked, peers: program(), assays: assayProgram(), live: newLive(stderr, f.quiet)}
	c, err := r.carryOut(soft, hard)
	if err != nil {
		return startError(err)
	}
	path, keepErr := record.WriteClaims(f.records, c)
	if err := f.outputs.write(claimsTeller(c), path, stdout, stderr); err != nil {
		return failed(errors.Join(err, keepErr))
	}
	switch keepErr = errors.Join(keepErr, r.lost); {
	case keepErr != nil:
		return failed(fmt.Errorf("not every record could be kept: %w; free some room or name another --records", keepErr))
	case c.Status == record.Interrupted:
		return &exitError{code: exitInterrupted}
	case c.Status == record.Failed:
		return &exitError{code: exitFailed}
	}
	return nil
}

// asked reads the arguments: IDs of claims, or one recipe.
func (f *claimsFlags) asked(args []string) (out claimed, err error) {
	if len(args) == 1 && len(f.only) == 0 && isRecipe(args[0]) {
		return recipeLines(args[0])
	}
	ids := append([]string{}, f.only...)
	for _, a := range args {
		if isRecipe(a) {
			return out, usage("%s: one file of settings at a time, and no claims beside it", a)
		}
		ids = append(ids, strings.FieldsFunc(a, func(r rune) bool { return r == ',' })...)
	}
	if out.claims, err = claims.Find(ids); err != nil {
		return out, usage("%w; twomsl claims --list tells what they are, and a file of settings ends in .conf", err)
	}
	return out, nil
}

// isRecipe tells the name of a file of settings from a claim's ID.
func isRecipe(name string) bool {
	if _, err := claims.Find([]string{name}); err == nil {
		return false
	}
	_, embedded := recipe.Conf(name)
	return embedded || strings.ContainsAny(name, "./") || name == "-"
}

// recipeLines reads a file of settings, or a recipe that comes with the program; a file that is there comes first.
func recipeLines(name string) (out claimed, err error) {
	read := reader{files: map[string][]sysctl.Setting{}, bad: map[string]error{}}
	lines, err := read.file(name)
	if data, embedded := recipe.Conf(name); embedded && errors.Is(err, fs.ErrNotExist) {
		name = strings.TrimSuffix(name, ".conf") + ".conf"
		if lines, err = sysctl.Parse(name, data); err == nil {
			read.notes = setTwice(lines)
		}
	}
	if err != nil {
		return out, usage("%s: %w", name, err)
	}
	var settings []claims.Setting
	for _, s := range sysctl.Settings(lines) {
		settings = append(settings, claims.Setting{Key: s.Key, Value: s.Value, File: s.File, LineNo: s.LineNo})
	}
	return claimed{recipe: name, lines: claims.Lines(settings), notes: read.notes}, nil
}
