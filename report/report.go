// Package report is what is told: it turns records into text, one file per format. It never runs anything, and every
// byte follows from the record and the options alone, so a report can be made later, elsewhere and again: no clock, no
// locale, no environment, no map order has a say in it.
//
// A format is one file that registers itself; see json.go for the shortest one.
package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// Options are the reader's wishes. The zero value is good.
type Options struct {
	// Width is the most columns that a line of the terminal screen takes; 0 means 100, and less than 60 counts as 60.
	// Only a word that cannot be broken sensibly, such as a path, is cut at it.
	Width int
	// Color lets the terminal screen use ANSI colours. Whether that is wanted (NO_COLOR, pipes) is the caller's matter.
	Color bool
	// Side picks the side whose states the format "states" prints: client or server; "" is the side that held the most
	// TIME_WAIT, and the server where sockets were asked to stand.
	Side string
	// RecordPath is where the record lies, for the reader to find it again; "" leaves that line out.
	RecordPath string
}

// renderer writes one record in one format.
type renderer[T any] func(b *bytes.Buffer, record T, opt Options) error

// The tables of formats, by kind of record; each file of a format adds its own.
var (
	formats           = map[string]renderer[*record.Trial]{}
	matrixFormats     = map[string]renderer[*record.Matrix]{}
	comparisonFormats = map[string]renderer[*record.Comparison]{}
)

func register(name string, r renderer[*record.Trial]) { formats[name] = r }

func registerMatrix(name string, r renderer[*record.Matrix]) { matrixFormats[name] = r }

func registerComparison(name string, r renderer[*record.Comparison]) { comparisonFormats[name] = r }

// Formats lists the names that Write takes, sorted. Those that are several files are PictureKinds.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// MatrixFormats lists the names that WriteMatrix takes, sorted.
func MatrixFormats() []string { return slices.Sorted(maps.Keys(matrixFormats)) }

// beside gives options for a page that is passed on: it speaks of the record by its name alone, wherever that lies, so
// that the page is the same whenever it is made.
func beside(id string, opt Options) Options {
	opt.RecordPath = id + ".json"
	return opt
}

// ComparisonFormats lists the names that WriteComparison takes, sorted. Those that are several files are PictureKinds.
func ComparisonFormats() []string { return slices.Sorted(maps.Keys(comparisonFormats)) }

// Write tells t in the format of that name. Nothing is written where it returns an error of its own.
func Write(format string, w io.Writer, t *record.Trial, opt Options) error {
	return write(formats, "", format, w, t, t.ID, opt)
}

// WriteMatrix tells m as Write tells a trial.
func WriteMatrix(format string, w io.Writer, m *record.Matrix, opt Options) error {
	return write(matrixFormats, " for a matrix", format, w, m, m.ID, opt)
}

// WriteComparison tells c as Write tells a trial.
func WriteComparison(format string, w io.Writer, c *record.Comparison, opt Options) error {
	return write(comparisonFormats, " for a comparison", format, w, c, c.ID, opt)
}

func write[T any](table map[string]renderer[T], kind, format string, w io.Writer, r T, id string, opt Options) error {
	render, ok := table[format]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(table)), ", ")
		return fmt.Errorf("unknown format %q%s: it is one of %s", format, kind, known)
	}
	var b bytes.Buffer
	if err := render(&b, r, opt); err != nil {
		return fmt.Errorf("cannot tell record %s as %s: %w", id, format, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}
