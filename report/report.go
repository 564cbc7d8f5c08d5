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
	// TIME_WAIT.
	Side string
	// RecordPath is where the record lies, for the reader to find it again; "" leaves that line out.
	RecordPath string
}

// renderer writes one record in one format.
type renderer func(b *bytes.Buffer, t *record.Trial, opt Options) error

// formats is the one table of formats; each file of a format adds its own.
var formats = map[string]renderer{}

func register(name string, r renderer) { formats[name] = r }

// Formats lists the names that Write takes, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Write tells t in the format of that name. Nothing is written where it returns an error of its own.
func Write(format string, w io.Writer, t *record.Trial, opt Options) error {
	render, ok := formats[format]
	if !ok {
		return fmt.Errorf("unknown format %q: it is one of %s", format, strings.Join(Formats(), ", "))
	}
	var b bytes.Buffer
	if err := render(&b, t, opt); err != nil {
		return fmt.Errorf("cannot tell record %s as %s: %w", t.ID, format, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}
