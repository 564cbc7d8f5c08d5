package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"twomsl/internal/incident"
	"twomsl/internal/paste"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
	"twomsl/report"
)

// reproduceFlags are what `twomsl reproduce` can be told.
type reproduceFlags struct {
	hold     time.Duration
	scale    scaleFlag
	clients  int
	closer   string
	ipv6     bool
	canaries bool
	budget   scenario.Percent
	command  string // of a server of somebody else's
	recipe   recipeFlags
	ownPorts int64 // of the struck host, with the recipe
	outputs  outputs
	records  string
	quiet    bool
}

func newReproduce() *cobra.Command {
	f := &reproduceFlags{scale: 1}
	f.outputs.formats = reproductionFormats()
	c := &cobra.Command{
		Use: "reproduce TABLE", GroupID: thenGroup, Args: oneArgument("table", "a FILE, - for standard input, or one of "+
			strings.Join(incident.Names(), ", ")),
		Short: "Rebuild a pasted table of socket states in a lab, socket by socket, and hold it there",
		Long: `Reads a table of socket states as it was pasted: counts (netstat -n | awk, sort | uniq -c), a listing of netstat or ss,
or /proc/net/tcp. The same mix is then made on one host of a private lab, by real handshakes with remote hosts, and held
still, for you to look at with whatever tools you like. Nothing outside the lab is touched. TABLE is a file, - for standard
input, or a table that comes with the program: ` + strings.Join(incident.Names(), ", ") + `.

TIME_WAIT stands where a connection was closed first, so on the struck host; whether that was its server or its client, the
table does not say: the server, unless --closer client says that the host opened them itself. Nor does it say how many
remote hosts there were: one for each 5,000 TIME_WAIT, unless --clients does.`,
		Example: `  twomsl reproduce squid-18122
  ss -Htan | twomsl reproduce - --hold 2m
  twomsl reproduce pasted.txt --scale 10% -o html=mix.html`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.DurationVar(&f.hold, "hold", 30*time.Second, "keep the mix standing for `DURATION`")
	fs.Var(&f.scale, "scale", "multiply every count: `FACTOR` like 0.1 or 10%; a state that was there keeps one socket")
	fs.IntVar(&f.clients, "clients", 0, "how many remote hosts the TIME_WAIT were with: `N` (0: one for each 5,000)")
	fs.StringVar(&f.closer, "closer", "server", "which end closed first what is in TIME_WAIT, and is the struck host: `server|client`, "+
		"that accepted or opened it")
	fs.BoolVar(&f.ipv6, "ipv6", false, "IPv6 instead of IPv4")
	fs.BoolVar(&f.canaries, "canaries", true, "call SSH and DNS services on the struck host beside it, every 5 s; --canaries=false leaves its ports 22, 53 and 9 free")
	fs.StringVar(&f.command, "serve-with", "", "start a server of somebody else's on the struck host: `COMMAND|@NAME`, which listens at port 8080; "+
		strings.Join(trial.Known.Servers, ", ")+" come with a configuration")
	fs.StringVar(&f.command, "server-command", "", "another spelling of --serve-with: `COMMAND`")
	fs.TextVar(&f.budget, "sample-budget", scenario.Percent(1), "what counting sockets may take of a processor beside it, on each side: `SHARE` or 0")
	f.recipe.flags(fs)
	f.outputs.flags(fs)
	fs.StringVar(&f.records, "records", "twomsl-results", "keep records in `DIR`")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	return c
}

// reproductionFormats are what -o can be for a reproduction.
func reproductionFormats() []string { return withPictures(report.ReproductionFormats()) }

// reproductionTeller tells of a reproduction; its charts are its trial's.
func reproductionTeller(r *record.Reproduction) teller {
	return teller{
		write: func(format string, w io.Writer, o report.Options) error {
			return report.WriteReproduction(format, w, r, o)
		},
		pictures: func(kind string) ([]report.Picture, error) { return report.TrialPictures(r.Trial, kind) },
	}
}

func (f *reproduceFlags) run(ref string, stdout, stderr io.Writer) error {
	if ref == "-" && f.recipe.readsStdin() {
		return usage("standard input cannot be the table and a --sysctl-file: put one of the two into a file")
	}
	table, source, tableErr := f.read(ref, stderr)
	recipe, recipeErr := f.recipe.settings()
	if err := allOf(tableErr, f.check(), recipeErr, f.outputs.check()); err != nil {
		return err
	}
	f.ownPorts = ownPorts(recipe.Server)
	m, err := f.mix(table, source)
	if err != nil {
		return err
	}
	if err := keepIn(f.records); err != nil {
		return err
	}
	for _, note := range append(passedOver(table), f.recipe.notes...) {
		fmt.Fprintln(stderr, "twomsl:", note)
	}
	soft, hard, release := interrupts(stderr)
	defer release()
	live := &reproduceLive{live: newLive(stderr, f.quiet), out: stderr, quiet: f.quiet, asked: m.asked, hold: f.hold}
	t, err := trial.Run(soft, hard, m.scenario, trial.Options{
		Program: program(), Tool: "twomsl " + version(), Command: commandLine(), Recipe: recipe, Strict: f.recipe.strict,
		Watch: live.show, Say: func(text string) { fmt.Fprintln(stderr, "twomsl:", text) },
	})
	live.clear()
	if t == nil {
		return startError(err)
	}
	return alsoFailed(f.tell(m.record(t), stdout, stderr), err)
}

// check finds out what is wrong with the flags.
func (f *reproduceFlags) check() error {
	var wrong []error
	if f.hold < leastHold || f.hold > mostHold {
		wrong = append(wrong, fmt.Errorf("--hold %v: %v to %v", f.hold, leastHold, mostHold))
	}
	if f.closer != string(scenario.ServerSide) && f.closer != string(scenario.ClientSide) {
		wrong = append(wrong, fmt.Errorf("--closer %q: server or client, the end of a connection that the struck host was", f.closer))
	}
	if f.clients < 0 || f.clients > mostClients {
		wrong = append(wrong, fmt.Errorf("--clients %d: 1 to %d, or 0 for as many as it takes", f.clients, mostClients))
	}
	if len(wrong) == 0 {
		return nil
	}
	return usage("%w", errors.Join(wrong...))
}

const (
	leastHold   = time.Second
	mostHold    = time.Hour
	mostClients = 900
)

// tell keeps the record and reports; the report comes also where the record cannot be kept.
func (f *reproduceFlags) tell(r *record.Reproduction, stdout, stderr io.Writer) error {
	path, keepErr := record.WriteReproduction(f.records, r)
	if err := f.outputs.write(reproductionTeller(r), path, stdout, stderr); err != nil {
		return failed(errors.Join(err, keepErr))
	}
	switch {
	case keepErr != nil:
		return failed(fmt.Errorf("the record could not be kept: %w; free some room or name another --records", keepErr))
	case r.Status == record.Failed:
		return &exitError{code: exitFailed}
	case r.Status == record.Interrupted:
		return &exitError{code: exitInterrupted}
	case r.Holds == nil || !*r.Holds:
		return &exitError{code: exitContradicts}
	}
	return nil
}

// read finds the table and reads it.
func (f *reproduceFlags) read(ref string, stderr io.Writer) (paste.StateTable, record.Pasted, error) {
	source := record.Pasted{Name: ref}
	data, err := f.text(ref, &source, stderr)
	if err != nil {
		return paste.StateTable{}, source, err
	}
	table, err := paste.Table(string(data))
	if err != nil {
		where := ref
		if ref == "-" {
			where = "standard input"
		}
		return table, source, usage("%s: %w", where, err)
	}
	source.Kind, source.Counts = table.Kind.String(), table.Counts
	source.Closed, source.PassedOver = table.Closed, len(table.PassedOver)
	return table, source, nil
}

// text gives what is to be read: standard input, a file, or a table that comes with the program.
func (f *reproduceFlags) text(ref string, source *record.Pasted, stderr io.Writer) ([]byte, error) {
	if ref == "-" {
		if term.IsTerminal(int(os.Stdin.Fd())) && !f.quiet {
			fmt.Fprintln(stderr, "twomsl: paste the table, then Ctrl-D")
		}
		return readAll(os.Stdin, "standard input")
	}
	file, err := os.Open(ref)
	if err == nil {
		defer file.Close()
		return readAll(file, ref)
	}
	if i, ok := incident.Find(filepath.Base(ref)); ok && !strings.Contains(ref, "/") {
		source.Name, source.Title = i.Name, i.Title
		return []byte(i.Text), nil
	}
	if !strings.ContainsAny(ref, "/.") {
		return nil, usage("there is no table %q%s it is a file, - for standard input, or one of %s", ref,
			guessOr(ref, incident.Names()), strings.Join(incident.Names(), ", "))
	}
	return nil, usage("table: %w", err)
}

// guessOr is a guess at what was meant, or what stands in its place.
func guessOr(word string, names []string) string {
	if guess := scenario.DidYouMean(word, names); guess != "" {
		return guess
	}
	return ":"
}

func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, paste.MostBytes+1))
	if err != nil {
		return nil, usage("table: %s: %w", name, err)
	}
	return data, nil
}

// passedOver tells of lines that were no rows, and of sockets that are left out.
func passedOver(t paste.StateTable) (notes []string) {
	if n := len(t.PassedOver); n > 0 {
		first := t.PassedOver[0]
		text := fmt.Sprintf("line %d is no row and was passed over: %q", first.Line, first.Text)
		if n > 1 {
			text += fmt.Sprintf(" (and %d more)", n-1)
		}
		notes = append(notes, text)
	}
	if t.Closed > 0 {
		notes = append(notes, fmt.Sprintf("line %d: %s in no state of a connection (CLOSED, UNCONN, UNKNOWN) left out",
			t.ClosedLine, sockets(t.Closed)))
	}
	return notes
}

func sockets(n int64) string {
	if n == 1 {
		return "1 socket"
	}
	return grouped(n) + " sockets"
}

var noName = regexp.MustCompile(`[^a-z0-9]+`)

// nameOf is what the scenario of a table is called.
func nameOf(source record.Pasted) string {
	base := filepath.Base(source.Name)
	base = strings.Trim(noName.ReplaceAllString(strings.ToLower(strings.TrimSuffix(base, filepath.Ext(base))), "-"), "-")
	if base == "" {
		base = "pasted"
	}
	return "reproduce-" + base[:min(len(base), 40)]
}
