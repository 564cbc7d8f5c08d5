package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"twomsl/internal/recipe"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/report/compare"
)

// directories tells `compare --records DIR DIR...`, which runs nothing, from a scenario whose records go to DIR: then
// the argument is no directory, or something says what to change. Nil where it is not meant.
func (f *compareFlags) directories(named bool, args []string) ([]string, error) {
	if !named || len(args) == 0 || f.before+f.after != "" || len(f.variants) > 0 {
		return nil, nil
	}
	var no []string
	for _, a := range args {
		if info, err := os.Stat(a); err != nil || !info.IsDir() {
			no = append(no, a)
		}
	}
	switch _, ready, _ := recipe.Find(args[0]); {
	case len(no) == 0:
		return append([]string{f.records}, args...), nil
	case len(args) > 1:
		return nil, usage("compare --records DIR DIR...: no directory: %s", strings.Join(no, ", "))
	case ready:
		return nil, nil
	}
	if _, err := loadScenario(args[0]); err != nil {
		return nil, usage("%s is no directory to compare with --records %s; as a scenario: %w", args[0], f.records, err)
	}
	return nil, nil
}

// fromRecords compares the trials that lie in directories, each of them a variant.
func (f *compareFlags) fromRecords(dirs []string, stdout, stderr io.Writer) error {
	if err := allOf(f.outputs.check(), f.numbers()); err != nil {
		return err
	}
	started := time.Now()
	head := record.Comparison{
		Tool: "twomsl " + version(), StartedAt: started.UTC(), Command: commandLine(), Status: record.Complete,
		Plan: record.Plan{Level: f.level, Seed: max(f.seed, 1), Jobs: 1},
	}
	var trials []*record.Trial
	for _, dir := range dirs {
		found, err := trialsIn(dir, stderr)
		if err != nil {
			return err
		}
		if err := heldAgainstThemselves(dir, found, trials); err != nil {
			return err
		}
		name := variantName(head.Variants, dir)
		head.Variants = append(head.Variants, record.Variant{Name: name, Source: dir, Spec: found[0].Scenario.Spec})
		for i, t := range found {
			head.Trials = append(head.Trials, record.ComparedTrial{Variant: name, ID: t.ID, Round: i})
		}
		head.Plan.Trials = max(head.Plan.Trials, len(found))
		trials = append(trials, found...)
	}
	if err := sameScenario(trials); err != nil {
		return err
	}
	head.Scenario = trials[0].Scenario
	head.ID = comparisonID(head.Scenario.Name, started)
	primary, err := f.primaryOf(head.Scenario.Spec)
	if err != nil {
		return err
	}
	head.Plan.Primary = primary
	const dir = "twomsl-results" // --records names what is read here
	if err := keepIn(dir); err != nil {
		return err
	}
	return f.tell(compare.Build(head, trials), dir, nil, stdout, stderr)
}

// primaryOf are the metrics that decide: those that were named, else the scenario's own.
func (f *compareFlags) primaryOf(spec []byte) ([]string, error) {
	s, err := scenario.FromJSON(spec)
	if err != nil { // of a newer program: its figures can be compared all the same
		s = scenario.Scenario{}
	}
	if f.primary != "" {
		if s, err = s.With([]string{"judge.primary=" + f.primary}); err != nil {
			return nil, usage("--primary: %w", err)
		}
		if problems := scenario.CheckPrimary(s.Judge.Primary.Items(), metricNames()); len(problems) > 0 {
			return nil, usage("--primary: %w", problems)
		}
	}
	return s.Resolve().Judge.Primary.Items(), nil
}

// variantName is a directory's last part, or all of it where that is taken.
func variantName(taken []record.Variant, dir string) string {
	name := filepath.Base(filepath.Clean(dir))
	for slices.ContainsFunc(taken, func(v record.Variant) bool { return v.Name == name }) {
		if name == dir {
			return dir + " (again)"
		}
		name = dir
	}
	return name
}

// trialsIn reads the trials in a directory, in the order in which they were started, each once. Files that hold something
// else are left out; one that is damaged is an error, since the comparison would be another one without it.
func trialsIn(dir string, stderr io.Writer) ([]*record.Trial, error) {
	files, err := filepath.Glob(filepath.Join(escaped(dir), "*.json"))
	if err != nil {
		return nil, usage("%s: %w", dir, err)
	}
	var out []*record.Trial
	var wrong []error
	from := map[string]string{}
	for _, file := range files {
		t, err := trialIn(file, stderr)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case t == nil:
		case from[t.ID] != "":
			fmt.Fprintf(stderr, "twomsl: %s holds the trial of %s once more: it counts once\n", file, from[t.ID])
		default:
			out, from[t.ID] = append(out, t), file
		}
	}
	wrong = append(wrong, ofOneKind(dir, out), anyWhole(dir, out))
	if err := allOf(wrong...); err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b *record.Trial) int { return a.StartedAt.Compare(b.StartedAt) })
	return out, nil
}

// trialIn reads the trial in a file; nil where it holds something else.
func trialIn(file string, stderr io.Writer) (*record.Trial, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("cannot read record: %w", err)
	}
	schema, err := record.SchemaOf(file, data)
	switch {
	case err != nil && json.Valid(data):
		fmt.Fprintf(stderr, "twomsl: %v: left out\n", err)
		return nil, nil
	case err == nil && schema != record.Schema:
		return nil, nil // a matrix, a comparison
	}
	t, err := record.Decode(file, data)
	if err != nil {
		return nil, usage("%w", err)
	}
	return t, nil
}

// anyWhole refuses a directory without a trial that has figures.
func anyWhole(dir string, trials []*record.Trial) error {
	switch {
	case len(trials) == 0:
		return usage("%s: no record of a trial is in it; twomsl run ... --records %s makes one", dir, dir)
	case !slices.ContainsFunc(trials, func(t *record.Trial) bool { return t.Status == record.Complete }):
		return usage("%s: none of its trials (%d) ran to its end", dir, len(trials))
	}
	return nil
}

// ofOneKind refuses a directory whose trials are not of one kind, as where a comparison kept those of all its variants:
// together they would stand for none.
func ofOneKind(dir string, trials []*record.Trial) error {
	kind := func(t *record.Trial) string {
		var all []string
		for _, s := range []record.Side{t.Sides.Client, t.Sides.Server} {
			for _, a := range s.Sysctls.Asked {
				all = append(all, a.Key+"="+a.Asked)
			}
			all = append(all, "")
		}
		return strings.Join(all, "\n") + string(t.Scenario.Spec)
	}
	for _, t := range trials[min(1, len(trials)):] {
		if kind(t) != kind(trials[0]) {
			return usage("%s: its trials are of different kinds: %s was run with other fields or settings than %s; keep each kind in a "+
				"directory of its own", dir, t.ID, trials[0].ID)
		}
	}
	return nil
}

// heldAgainstThemselves refuses trials that stand in two directories.
func heldAgainstThemselves(dir string, found, others []*record.Trial) error {
	for _, t := range found {
		if slices.ContainsFunc(others, func(o *record.Trial) bool { return o.ID == t.ID }) {
			return usage("%s: trial %s is in another of the directories, too: it cannot be held against itself", dir, t.ID)
		}
	}
	return nil
}

// escaped takes what a directory's name has of a pattern's signs as it is.
func escaped(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// sameScenario refuses to compare trials of different scenarios.
func sameScenario(trials []*record.Trial) error {
	var names []string
	for _, t := range trials {
		if !slices.Contains(names, t.Scenario.Name) {
			names = append(names, t.Scenario.Name)
		}
	}
	if len(names) > 1 {
		return usage("the directories hold trials of different scenarios (%s): keep each in directories of its own",
			strings.Join(names, ", "))
	}
	return nil
}
