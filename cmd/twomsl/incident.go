package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"twomsl/internal/experiment"
	"twomsl/internal/incident"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/trial"
	"twomsl/report"
)

// incidentFlags are what `twomsl incident` can be told.
type incidentFlags struct {
	mix     reproduceFlags // of the table
	table   string
	recipe  string
	outputs outputs
	records string
	quiet   bool
}

// What the incident was, and what was copied then.
const (
	incidentTable  = "squid-18122"
	incidentRecipe = "squid-eight.conf"
	// outgoingScenario is the other side of a host such as that one, which was a proxy.
	outgoingScenario = "proxy-exhaustion"
)

func newIncident() *cobra.Command {
	f := &incidentFlags{mix: reproduceFlags{scale: 1, closer: string(scenario.ServerSide), canaries: true}}
	f.outputs.formats = withPictures(report.IncidentFormats())
	c := &cobra.Command{
		Use: "incident", GroupID: firstGroup, Args: cobra.NoArgs,
		Short: "The whole story of 18,122 TIME_WAIT: rebuilt, diagnosed, and treated with the recipe of the day",
		Long: `Rebuilds the host of a well-known incident, a proxy with 18,122 TIME_WAIT, in private labs, four side by side: as it was
found, and with the eight lines of sysctl that were copied then; and, since a proxy opens connections as well, its way out
with few ports, without the lines and with them. SSH and names are called all along. Then it says what was wrong, what
the lines changed, and at what price. Nothing outside the labs is touched; it takes less than a minute.`,
		Example: `  twomsl incident
  twomsl incident -o html=incident.html
  twomsl incident --table pasted.txt --recipe mine.conf`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout(), cmd.ErrOrStderr()) },
	}
	fs := c.Flags()
	fs.StringVar(&f.table, "table", incidentTable, "the `TABLE` of states to rebuild: a file, - for standard input, or one of "+strings.Join(incident.Names(), ", "))
	fs.StringVar(&f.recipe, "recipe", incidentRecipe, "the settings to try: a `FILE` of sysctl.conf text, or a recipe that comes with the program")
	fs.DurationVar(&f.mix.hold, "hold", 15*time.Second, "keep the picture standing for `DURATION`")
	fs.Var(&f.mix.scale, "scale", "multiply every count of the table: `FACTOR` like 0.1 or 10%")
	f.outputs.flags(fs)
	fs.StringVar(&f.records, "records", "twomsl-results", "keep records in `DIR`")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	return c
}

// incidentTeller tells of an incident; its charts are those of its trials.
func incidentTeller(i *record.Incident) teller {
	return teller{
		write: func(format string, w io.Writer, o report.Options) error {
			return report.WriteIncident(format, w, i, o)
		},
		pictures: func(kind string) ([]report.Picture, error) { return report.IncidentPictures(i, kind) },
	}
}

func (f *incidentFlags) run(stdout, stderr io.Writer) error {
	f.mix.quiet = f.quiet
	table, source, tableErr := f.mix.read(f.table, stderr)
	settings, recipeErr := recipeText(f.recipe)
	if err := allOf(tableErr, recipeErr, f.mix.check(), f.outputs.check()); err != nil {
		return err
	}
	m, err := f.mix.mix(table, source)
	if err != nil {
		return err
	}
	m.scenario.Canaries.Every = scenario.Duration(250 * time.Millisecond)
	if err := keepIn(f.records); err != nil {
		return err
	}
	soft, hard, release := interrupts(stderr)
	defer release()
	story, lost, err := f.play(soft, hard, m.scenario, settings, stderr)
	if err != nil {
		return startError(err)
	}
	return f.tell(story, lost, stdout, stderr)
}

// recipeText reads a file of settings, or a recipe that comes with the program.
func recipeText(ref string) ([]sysctl.Setting, error) {
	read := reader{files: map[string][]sysctl.Setting{}, bad: map[string]error{}}
	found, err := fileOrRecipe(ref, &read)
	if err != nil {
		return nil, usage("--recipe: %w", err)
	}
	return sysctl.Settings(found), nil
}

// play runs both acts, each without the settings and with them, side by side. The error is that of a machine on which no
// lab can be made; lost is the first record that could not be kept.
func (f *incidentFlags) play(soft, hard context.Context, found scenario.Scenario, recipe []sysctl.Setting, stderr io.Writer) (
	story *record.Incident, lost, err error,
) {
	outgoing, err := scenario.Find(outgoingScenario)
	if err != nil {
		return nil, nil, err
	}
	started := time.Now()
	story = &record.Incident{
		Schema: record.IncidentSchema, ID: incidentID(started), Tool: "twomsl " + version(), Status: record.Complete,
		StartedAt: started.UTC(), Command: commandLine(), Table: f.table, Recipe: f.recipe,
	}
	live := newLive(stderr, f.quiet)
	trials := make([]experiment.Trial, 0, 4)
	var cannot error
	act := func(s scenario.Scenario, into **record.Trial, failure *string, opt trial.Options) {
		opt.Program, opt.Tool, opt.Command = program(), story.Tool, story.Command
		trials = append(trials, experiment.Trial{Scenario: s, Options: opt, Done: func(t *record.Trial, err error) {
			*into = t
			if err != nil && *failure == "" {
				*failure = err.Error()
			}
			cannot = errors.Join(cannot, cannotStart(err))
			if t != nil {
				if _, keepErr := record.Write(f.records, t); lost == nil {
					lost = keepErr
				}
			}
			live.say(fmt.Sprintf("%d of %d labs have played their part", ended(story), cap(trials)))
		}})
	}
	act(found, &story.Found.Before, &story.Found.Failure, trial.Options{})
	act(found, &story.Found.After, &story.Found.Failure, trial.Options{Recipe: trial.Recipe{Server: recipe}})
	act(outgoing.Resolve(), &story.Outgoing.Before, &story.Outgoing.Failure, trial.Options{})
	act(outgoing.Resolve(), &story.Outgoing.After, &story.Outgoing.Failure, trial.Options{Relay: recipe})
	live.say("four labs: the host as it was found and with the recipe, its way out without and with it")
	experiment.Run(soft, hard, cap(trials), experiment.Once(trials))
	live.clear()
	story.Seconds = time.Since(started).Seconds()
	story.Status = incidentStatus(story)
	if len(story.Trials()) == 0 {
		return nil, lost, cannot
	}
	return story, lost, nil
}

// ended is how many trials have come back.
func ended(i *record.Incident) int { return len(i.Trials()) }

// incidentStatus is the worst of the acts'.
func incidentStatus(i *record.Incident) record.Status {
	status := record.Complete
	for _, t := range i.Trials() {
		switch {
		case t.Status == record.Failed:
			return record.Failed
		case t.Status == record.Interrupted:
			status = record.Interrupted
		}
	}
	if status == record.Complete && len(i.Trials()) < 4 {
		return record.Failed
	}
	return status
}

func incidentID(at time.Time) string {
	var b [2]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return "incident-" + at.UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// tell keeps the record and reports; the report comes also where the record cannot be kept.
func (f *incidentFlags) tell(i *record.Incident, lost error, stdout, stderr io.Writer) error {
	path, keepErr := record.WriteIncident(f.records, i)
	keepErr = errors.Join(keepErr, lost)
	if err := f.outputs.write(incidentTeller(i), path, stdout, stderr); err != nil {
		return failed(errors.Join(err, keepErr))
	}
	switch {
	case keepErr != nil:
		return failed(fmt.Errorf("not every record could be kept: %w; free some room or name another --records", keepErr))
	case i.Status == record.Failed:
		return &exitError{code: exitFailed}
	case i.Status == record.Interrupted:
		return &exitError{code: exitInterrupted}
	}
	return nil
}
