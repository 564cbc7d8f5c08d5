package report

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"

	"twomsl/internal/record"
)

func init() {
	registerComparison("csv", writeComparisonCSV)
	registerComparison("csv-lines", writeLinesCSV)
}

// field is a column of a CSV file: its name in the header, what it holds, and how to get it.
type field[T any] struct {
	name, means string
	of          func(T) string
}

// metricFields are the columns of the format csv: one row for each metric of each variant. Figures are those of the
// record, in the metric's unit; an empty cell was not measured or does not apply. docs/CSV.md lists them.
var metricFields = []field[*record.Metric]{
	{"variant", "the variant that is held against the first", func(m *record.Metric) string { return csvText(m.Variant) }},
	{"metric", "its name in records and budgets", func(m *record.Metric) string { return csvText(m.Name) }},
	{"label", "its name for people", func(m *record.Metric) string { return csvText(wordsFor(m.Name).label) }},
	{"unit", "of the values: connections, 1/s, s, us, sockets, bytes, share", func(m *record.Metric) string { return csvText(m.Unit) }},
	{"better", "the direction that is: lower or higher", func(m *record.Metric) string { return csvText(m.Better) }},
	{"exact", "true: counted; false: timed, and judged by its spread", func(m *record.Metric) string { return strconv.FormatBool(m.Exact) }},
	{"primary", "true: it decides", func(m *record.Metric) string { return strconv.FormatBool(m.Primary) }},
	{"before", "median of the first variant", func(m *record.Metric) string { return csvNumber(m.Before) }},
	{"after", "median of this variant", func(m *record.Metric) string { return csvNumber(m.After) }},
	{"ratio", "after / before", func(m *record.Metric) string { return csvNumber(m.Ratio) }},
	{"ratio_bound", "at-least or at-most where a value was cut off", func(m *record.Metric) string { return csvText(m.RatioBound) }},
	{"interval_low", "of the ratio, with the confidence 1 - level", func(m *record.Metric) string { return csvNumber(lowOf(m.Interval)) }},
	{"interval_high", "of the ratio", func(m *record.Metric) string { return csvNumber(highOf(m.Interval)) }},
	{"p", "of the Mann-Whitney test", func(m *record.Metric) string { return csvNumber(m.P) }},
	{"p_adjusted", "after Holm's correction", func(m *record.Metric) string { return csvNumber(m.Adjusted) }},
	{"verdict", "better, worse, no-difference, inconclusive", func(m *record.Metric) string { return csvText(m.Verdict) }},
	{"price", "what a gain was bought with", func(m *record.Metric) string { return csvText(m.Price) }},
	{"would_have_seen", "the smallest difference that would have been called one", func(m *record.Metric) string { return csvNumber(m.WouldHaveSeen) }},
	{"why", "what is missing for a verdict, or what to know of it", func(m *record.Metric) string { return csvText(m.Why) }},
	{"before_values", "of each trial of the first variant, with spaces between them", func(m *record.Metric) string { return csvNumbers(m.Details.Before.Values) }},
	{"after_values", "of each trial of this variant", func(m *record.Metric) string { return csvNumbers(m.Details.After.Values) }},
	{"before_never", "trials of the first variant in which it did not happen", func(m *record.Metric) string { return strconv.Itoa(m.Details.Before.Never) }},
	{"after_never", "trials of this variant in which it did not happen", func(m *record.Metric) string { return strconv.Itoa(m.Details.After.Never) }},
	{"before_bound", "at-least or never, where the value was cut off", func(m *record.Metric) string { return csvText(m.Details.Before.Bound) }},
	{"after_bound", "the same for this variant", func(m *record.Metric) string { return csvText(m.Details.After.Bound) }},
	{"before_computed", "true: it follows from settings and was not seen", func(m *record.Metric) string { return strconv.FormatBool(m.Details.Before.Computed) }},
	{"after_computed", "the same for this variant", func(m *record.Metric) string { return strconv.FormatBool(m.Details.After.Computed) }},
	{"before_of", "the whole that a count is a part of", func(m *record.Metric) string { return csvNumber(m.Details.Before.Of) }},
	{"after_of", "the same for this variant", func(m *record.Metric) string { return csvNumber(m.Details.After.Of) }},
	{"before_unmeasured", "why the first variant has no value", func(m *record.Metric) string { return csvText(m.Details.Before.Unmeasured) }},
	{"after_unmeasured", "why this variant has none", func(m *record.Metric) string { return csvText(m.Details.After.Unmeasured) }},
}

// lineFields are the columns of the format csv-lines: one row for each line of the recipe on each side.
var lineFields = []field[*record.Line]{
	{"key", "the setting", func(l *record.Line) string { return csvText(l.Key) }},
	{"value", "what the line sets it to", func(l *record.Line) string { return csvText(l.Value) }},
	{"side", "client, server, or both where they share their settings", func(l *record.Line) string { return csvText(l.Side) }},
	{"file", "where the line stands", func(l *record.Line) string { return csvText(l.File) }},
	{"line", "its number there", func(l *record.Line) string { return strconv.Itoa(l.LineNo) }},
	{"verdict", "helps, no-effect, harmful, already-set, missing, inconclusive", func(l *record.Line) string { return csvText(l.Verdict) }},
	{"metric", "the one that shows it best", func(l *record.Line) string { return csvText(l.Metric) }},
	{"before", "that metric without the line", func(l *record.Line) string { return csvNumber(l.Before) }},
	{"after", "that metric with the line alone", func(l *record.Line) string { return csvNumber(l.After) }},
	{"ratio", "after / before", func(l *record.Line) string { return csvNumber(l.Ratio) }},
	{"alone", "verdict of the line on its own against none", func(l *record.Line) string { return csvText(l.Alone) }},
	{"left_out", "verdict of all lines but this one against all", func(l *record.Line) string { return csvText(l.LeftOut) }},
	{"price", "what its gain was bought with", func(l *record.Line) string { return csvText(l.Price) }},
	{"why", "why it has this verdict", func(l *record.Line) string { return csvText(l.Why) }},
}

// enoughField tells whether a line belongs to the smallest set that gives the whole effect.
func enoughField(c *record.Comparison) field[*record.Line] {
	return field[*record.Line]{"enough", "true: belongs to the smallest set of lines that gives the whole effect", func(l *record.Line) string {
		return strconv.FormatBool(slices.Contains(c.Enough, l.LineRef))
	}}
}

func writeComparisonCSV(b *bytes.Buffer, c *record.Comparison, _ Options) error {
	rows := make([]*record.Metric, len(c.Metrics))
	for i := range c.Metrics {
		rows[i] = &c.Metrics[i]
	}
	return writeCSV(b, slices.Concat(metricFields, engineFields(c)), rows)
}

func writeLinesCSV(b *bytes.Buffer, c *record.Comparison, _ Options) error {
	rows := make([]*record.Line, len(c.Lines))
	for i := range c.Lines {
		rows[i] = &c.Lines[i]
	}
	return writeCSV(b, append(slices.Clone(lineFields), enoughField(c)), rows)
}

func writeCSV[T any](b *bytes.Buffer, fields []field[T], rows []T) error {
	w := csv.NewWriter(b)
	cells := make([]string, len(fields))
	for i, f := range fields {
		cells[i] = f.name
	}
	if err := w.Write(cells); err != nil {
		return err
	}
	for _, row := range rows {
		for i, f := range fields {
			cells[i] = f.of(row)
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// csvText is text from a record that no spreadsheet takes for a formula.
func csvText(text string) string {
	text = clean(text)
	if text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
		return "'" + text
	}
	return text
}

func csvNumber(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

func csvNumbers(list []float64) string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = csvNumber(&list[i])
	}
	return strings.Join(out, " ")
}

func lowOf(i *record.Interval) *float64 {
	if i == nil {
		return nil
	}
	return &i.Low
}

func highOf(i *record.Interval) *float64 {
	if i == nil {
		return nil
	}
	return &i.High
}
