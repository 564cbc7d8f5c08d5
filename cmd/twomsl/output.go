package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/report"
)

// output is one -o FORMAT[=FILE]; without a file it goes to standard output.
type output struct{ format, file string }

// outputs are a command's -o flags. It is a pflag.Value.
type outputs struct {
	list  []output
	force bool
	// formats are what it can be; nil is a trial's.
	formats []string
}

// teller writes what was recorded, in one format.
type teller struct {
	write func(format string, w io.Writer, o report.Options) error
	// pictures draws the formats that are several files; nil where there are none.
	pictures func(kind string) ([]report.Picture, error)
}

// trialTeller tells of a trial, matrixTeller of a matrix, comparisonTeller of a comparison.
func trialTeller(t *record.Trial) teller {
	return teller{
		write:    func(format string, w io.Writer, o report.Options) error { return report.Write(format, w, t, o) },
		pictures: func(kind string) ([]report.Picture, error) { return report.TrialPictures(t, kind) },
	}
}

func matrixTeller(m *record.Matrix) teller {
	return teller{write: func(format string, w io.Writer, o report.Options) error { return report.WriteMatrix(format, w, m, o) }}
}

func comparisonTeller(c *record.Comparison) teller {
	return teller{
		write: func(format string, w io.Writer, o report.Options) error {
			return report.WriteComparison(format, w, c, o)
		},
		pictures: func(kind string) ([]report.Picture, error) { return report.Pictures(c, kind) },
	}
}

// known lists the formats.
func (o *outputs) known() []string {
	if o.formats == nil {
		return withPictures(report.Formats())
	}
	return o.formats
}

// help lists the formats for people.
func (o *outputs) help() string {
	text := strings.Join(o.known(), ", ")
	if slices.ContainsFunc(o.known(), isPictures) {
		text += "; " + strings.Join(report.PictureKinds(), " and ") + " want a directory"
	}
	return text
}

// Set takes anything: check tells of all that is wrong together with the rest of the command line.
func (o *outputs) Set(s string) error {
	format, file, named := strings.Cut(s, "=")
	if named && file == "" {
		return fmt.Errorf("%q: write a file after the =, or leave both out for standard output", s)
	}
	o.list = append(o.list, output{format, file})
	return nil
}

func (o *outputs) Type() string { return "FORMAT[=FILE]" }

func (o *outputs) String() string {
	words := make([]string, len(o.list))
	for i, one := range o.list {
		words[i] = one.format
		if one.file != "" {
			words[i] += "=" + one.file
		}
	}
	return strings.Join(words, ",")
}

func (o *outputs) flags(f *pflag.FlagSet) {
	f.VarP(o, "output", "o", "write the report as `FORMAT[=FILE]`, repeatable: "+o.help())
	f.BoolVar(&o.force, "force", false, "let -o replace a file that exists")
}

// check finds out before any load whether every format is known and every file can be written.
func (o *outputs) check() error {
	var wrong []error
	for i, one := range o.list {
		if err := o.checkOne(one); err != nil {
			wrong = append(wrong, err)
		}
		if slices.ContainsFunc(o.list[:i], func(p output) bool { return one.file != "" && p.file == one.file && !apart(p, one) }) {
			wrong = append(wrong, fmt.Errorf("-o %s=%s: another -o writes that file", one.format, one.file))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return usage("%w", errors.Join(wrong...))
}

func (o *outputs) checkOne(one output) error {
	if known := o.known(); !slices.Contains(known, one.format) {
		guess := cmp.Or(scenario.DidYouMean(one.format, known), ";")
		return fmt.Errorf("-o %s: no such format%s known: %s", one.format, guess, strings.Join(known, ", "))
	}
	if isPictures(one.format) {
		return o.checkPictures(one)
	}
	if one.file == "" || special(one.file) {
		return nil
	}
	if info, err := os.Stat(one.file); err == nil && info.IsDir() {
		return fmt.Errorf("-o %s=%s: that is a directory", one.format, one.file)
	}
	if _, err := os.Lstat(one.file); err == nil && !o.force {
		return fmt.Errorf("-o %s=%s: the file exists; choose another name, or --force", one.format, one.file)
	}
	if err := linux.TryWrite(filepath.Dir(one.file)); err != nil {
		return fmt.Errorf("-o %s=%s: %w", one.format, one.file, err)
	}
	return nil
}

// keepIn finds out before any load whether records can be kept in a directory.
func keepIn(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return usage("--records: %v", err)
	}
	if err := linux.TryWrite(dir); err != nil {
		return usage("--records %s: %v", dir, err)
	}
	return nil
}

// special tells a device or a pipe (/dev/stderr, >(command)), which is written to and never replaced.
func special(file string) bool {
	info, err := os.Stat(file)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// put writes a report whole or not at all, except where that makes no sense.
func put(file string, data []byte) error {
	if !special(file) {
		return renameio.WriteFile(file, data, 0o644)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// human tells where the report for people goes: standard output, unless a format for machines goes there.
func (o *outputs) human(stdout, stderr io.Writer) io.Writer {
	for _, one := range o.list {
		if one.file == "" {
			return stderr
		}
	}
	return stdout
}

// write renders the record in every format that was asked for, and for people always.
func (o *outputs) write(tell teller, path string, stdout, stderr io.Writer) error {
	if !slices.ContainsFunc(o.list, func(one output) bool { return one.format == "terminal" }) {
		w := o.human(stdout, stderr)
		if err := tell.write("terminal", w, look(w, "", path)); err != nil {
			return err
		}
	}
	return o.only(tell, "", path, stdout)
}

// only renders the record in the formats that were asked for.
func (o *outputs) only(tell teller, side, path string, stdout io.Writer) error {
	for _, one := range o.list {
		if isPictures(one.format) {
			if err := o.putPictures(tell, one); err != nil {
				return err
			}
			continue
		}
		if one.file == "" {
			if err := tell.write(one.format, stdout, look(stdout, side, path)); err != nil {
				return err
			}
			continue
		}
		var b bytes.Buffer
		if err := tell.write(one.format, &b, report.Options{Width: plainWidth, Side: side, RecordPath: path}); err != nil {
			return err
		}
		if err := put(one.file, b.Bytes()); err != nil {
			return fmt.Errorf("-o %s=%s: %w", one.format, one.file, err)
		}
	}
	return nil
}

const (
	plainWidth = 100 // of a file or a pipe
	leastWidth = 60
	mostWidth  = 120
)

// look fits the report to where it is read.
func look(w io.Writer, side, path string) report.Options {
	o := report.Options{Width: plainWidth, Side: side, RecordPath: path}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return o
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		o.Width = min(max(width, leastWidth), mostWidth)
	}
	o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return o
}
