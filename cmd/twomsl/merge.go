package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"twomsl/internal/record"
	"twomsl/report/merge"
)

// mergeFlags make a report that of a run's shards together.
type mergeFlags struct {
	merge   bool
	records string
}

func (f *mergeFlags) flags(fs *pflag.FlagSet) {
	fs.BoolVar(&f.merge, "merge", false, "join the records of a run's shards (run --shard K/N): files, or directories that they lie in")
	fs.StringVar(&f.records, "records", "", "with --merge: keep the joined record in `DIR`")
}

// arguments wants one record, or with --merge as many as there are.
func (f *mergeFlags) arguments(one cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case !f.merge:
			return one(cmd, args)
		case len(args) == 0:
			return usage("--merge takes the shards' records: files, or directories that they lie in")
		}
		return nil
	}
}

// alone refuses what has a meaning with --merge only.
func (f *mergeFlags) alone() error {
	if f.records != "" {
		return usage("--records is for a record that is made here: with --merge")
	}
	return nil
}

// report joins the shards' records and tells what they come to.
func (f *mergeFlags) report(paths []string, out *outputs, side string, stdout, stderr io.Writer) error {
	shards, skipped, readErr := readShards(paths)
	var keepErr error
	if f.records != "" {
		keepErr = keepIn(f.records)
	}
	if err := allOf(readErr, out.check(), keepErr); err != nil {
		return err
	}
	if skipped > 0 {
		fmt.Fprintf(stderr, "twomsl: passed over what is no shard's record: %d of the files\n", skipped)
	}
	t, err := merge.Merge(shards)
	if err != nil {
		return usage("%w", err)
	}
	tellGaps(t, stderr)
	path := ""
	if f.records != "" {
		if path, err = keepMerged(f.records, t); err != nil {
			return failed(err)
		}
	}
	if len(out.list) == 0 {
		out.list = []output{{format: "terminal"}}
	}
	if err := out.only(trialTeller(t), side, path, stdout); err != nil {
		return failed(err)
	}
	return nil
}

// gaps are the warnings that a run is not of all of its shards, once each.
var gaps = []string{"shard-missing", "shard-incomplete", "shard-doubled"}

// tellGaps says them whatever the format is: a script that gathers records sees them, too.
func tellGaps(t *record.Trial, stderr io.Writer) {
	for _, w := range t.Warnings {
		if slices.Contains(gaps, w.Code) {
			fmt.Fprintf(stderr, "twomsl: %s\n", w.Text)
		}
	}
}

// keepMerged keeps the record. Merging the same shards again makes the same file, which may be there.
func keepMerged(dir string, t *record.Trial) (string, error) {
	path, err := record.Write(dir, t)
	if !errors.Is(err, fs.ErrExist) {
		return path, err
	}
	path = filepath.Join(dir, t.ID+".json")
	is, readErr := os.ReadFile(path)
	if data, encodeErr := record.Encode(t); readErr == nil && encodeErr == nil && bytes.Equal(is, data) {
		return path, nil
	}
	return "", err
}

// readShards reads the records at the paths. Of a directory those files are taken that hold a shard's record, at any depth; a
// file that is damaged is an error there, too: it may be a shard's.
func readShards(paths []string) (in []merge.Input, skipped int, err error) {
	var wrong []error
	seen := map[string]bool{}
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("cannot read record: %w", err))
		case info.IsDir():
			more, others, err := shardsIn(path, seen)
			in, skipped = append(in, more...), skipped+others
			if err != nil {
				wrong = append(wrong, err)
			} else if len(more) == 0 {
				wrong = append(wrong, fmt.Errorf("%s: there is no record of a shard in it", path))
			}
		case !seen[filepath.Clean(path)]:
			seen[filepath.Clean(path)] = true
			t, err := record.Read(path)
			if err != nil {
				wrong = append(wrong, err)
				continue
			}
			in = append(in, merge.Input{Name: path, Trial: t})
		}
	}
	if len(wrong) > 0 {
		return nil, 0, usage("%w", errors.Join(wrong...))
	}
	return in, skipped, nil
}

func shardsIn(dir string, seen map[string]bool) (in []merge.Input, others int, err error) {
	var wrong []error
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("cannot read records: %w", err)
		}
		if d.IsDir() || !strings.HasSuffix(path, ".json") || seen[filepath.Clean(path)] {
			return nil
		}
		seen[filepath.Clean(path)] = true
		data, err := os.ReadFile(path)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("cannot read record: %w", err))
			return nil
		}
		schema, err := record.SchemaOf(path, data)
		if err == nil && !strings.HasPrefix(schema, "twomsl/trial/") || err != nil && json.Valid(data) { // a whole file of something else
			others++
			return nil
		}
		t, err := record.Decode(path, data)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case t.Shard == nil: // a whole run's, or one that was merged before
			others++
		default:
			in = append(in, merge.Input{Name: path, Trial: t})
		}
		return nil
	})
	return in, others, errors.Join(append(wrong, err)...)
}
