package report

import (
	"bytes"
	"math"
	"strconv"

	"twomsl/internal/record"
)

func init() {
	benchFormats["csv"] = writeBenchCSV
	benchFormats["csv-curve"] = writeBenchCurveCSV
}

// benchRowMetric is a metric of a row, or a row that has none.
type benchRowMetric struct {
	row    *record.BenchRow
	metric *record.BenchMetric // nil where there is no figure
	figure benchFigure
	held   *benchHeld
}

func (r *benchRowMetric) number(v float64) string {
	if r.metric == nil || math.IsNaN(v) {
		return ""
	}
	return csvNumber(&v)
}

// judged gives what f makes of the verdict; "" where the row is held against none.
func (r *benchRowMetric) judged(f func(*benchHeld) string) string {
	if r.held == nil {
		return ""
	}
	return f(r.held)
}

// benchFields are the columns of the format csv of a benchmark: one row for each metric of each row. docs/CSV.md lists them.
var benchFields = []field[*benchRowMetric]{
	{"row", "its name, as benchfmt has it", func(r *benchRowMetric) string { return csvText(r.row.Name) }},
	{"against", "the other program that did it, by its version", func(r *benchRowMetric) string { return csvText(r.row.Against) }},
	{"engine", "what drove the connections", func(r *benchRowMetric) string { return csvText(r.row.Engine) }},
	{"metric", "its name in records", func(r *benchRowMetric) string {
		return benchText(r, func(m *record.BenchMetric) string { return m.Name })
	}},
	{"unit", "as benchfmt has it", func(r *benchRowMetric) string {
		return benchText(r, func(m *record.BenchMetric) string { return m.Unit })
	}},
	{"better", "the direction that is: lower or higher", func(r *benchRowMetric) string {
		return benchText(r, func(m *record.BenchMetric) string { return m.Better })
	}},
	{"rounds", "in which it was measured", func(r *benchRowMetric) string { return strconv.Itoa(len(r.figure.values)) }},
	{"median", "over the rounds", func(r *benchRowMetric) string { return r.number(r.figure.median) }},
	{"least", "of the rounds", func(r *benchRowMetric) string { return r.number(r.figure.least) }},
	{"most", "of the rounds", func(r *benchRowMetric) string { return r.number(r.figure.most) }},
	{"values", "of each round, with spaces between them", func(r *benchRowMetric) string { return csvNumbers(r.figure.values) }},
	{"ratio", "of the medians: this program by the other, a variant by the first", func(r *benchRowMetric) string {
		return r.judged(func(h *benchHeld) string { return r.number(h.Ratio) })
	}},
	{"interval_low", "of the ratio, 95 of 100 times", func(r *benchRowMetric) string {
		return r.judged(func(h *benchHeld) string { return csvNumber(lowOf(h.Interval)) })
	}},
	{"interval_high", "of the ratio", func(r *benchRowMetric) string {
		return r.judged(func(h *benchHeld) string { return csvNumber(highOf(h.Interval)) })
	}},
	{"p", "of the Mann-Whitney test, after Holm's correction", func(r *benchRowMetric) string {
		return r.judged(func(h *benchHeld) string { return r.number(h.P) })
	}},
	{"verdict", "better, worse, no-difference, inconclusive", func(r *benchRowMetric) string {
		return r.judged(func(h *benchHeld) string { return csvText(h.Verdict) })
	}},
	{"unsupported", "what this machine lacks", func(r *benchRowMetric) string { return csvText(r.row.Unsupported) }},
	{"failure", "why figures are missing", func(r *benchRowMetric) string { return csvText(r.row.Failure) }},
	{"command", "what repeats the row alone", func(r *benchRowMetric) string { return csvText(r.row.Command) }},
}

func benchText(r *benchRowMetric, of func(*record.BenchMetric) string) string {
	if r.metric == nil {
		return ""
	}
	return csvText(of(r.metric))
}

func writeBenchCSV(b *bytes.Buffer, r *record.Bench, _ Options) error {
	s := newBenchSheet(r)
	held := s.held()
	var rows []*benchRowMetric
	for i := range r.Rows {
		row := &r.Rows[i]
		if len(row.Metrics) == 0 {
			rows = append(rows, &benchRowMetric{row: row})
		}
		for k := range row.Metrics {
			one := &benchRowMetric{row: row, metric: &row.Metrics[k]}
			one.figure, _ = s.figure(row, one.metric.Name)
			for j := range held {
				if h := &held[j]; h.metric.Name == one.metric.Name && (h.that == row && row.Against != "" || h.this == row && h.that.Against == "") {
					one.held = h
				}
			}
			rows = append(rows, one)
		}
	}
	return writeCSV(b, benchFields, rows)
}

// benchCurvePoint is a point of a row's curve.
type benchCurvePoint struct {
	row   *record.BenchRow
	point *record.BenchPoint
}

// benchCurveFields are the columns of the format csv-curve.
var benchCurveFields = []field[benchCurvePoint]{
	{"row", "its name, as benchfmt has it", func(p benchCurvePoint) string { return csvText(p.row.Name) }},
	{"full_percent", "ports taken, of all, in the middle of this part of the range", func(p benchCurvePoint) string { return csvNumber(&p.point.FullPercent) }},
	{"calls", "that were made in this part", func(p benchCurvePoint) string { return strconv.FormatInt(p.point.Calls, 10) }},
	{"p50_us", "what a call took", func(p benchCurvePoint) string { return csvNumber(&p.point.P50US) }},
	{"p99_us", "the same, of the slowest hundredth", func(p benchCurvePoint) string { return csvNumber(&p.point.P99US) }},
	{"max_us", "the slowest call", func(p benchCurvePoint) string { return csvNumber(&p.point.MaxUS) }},
	{"cpu_us", "processor time of a call, on average", func(p benchCurvePoint) string { return csvNumber(&p.point.CPUUS) }},
	{"failed", "calls", func(p benchCurvePoint) string { return strconv.FormatInt(p.point.Failed, 10) }},
	{"errno", "of those that failed", func(p benchCurvePoint) string { return csvText(p.point.Errno) }},
}

func writeBenchCurveCSV(b *bytes.Buffer, r *record.Bench, _ Options) error {
	var rows []benchCurvePoint
	for i := range r.Rows {
		for k := range r.Rows[i].Curve {
			rows = append(rows, benchCurvePoint{&r.Rows[i], &r.Rows[i].Curve[k]})
		}
	}
	return writeCSV(b, benchCurveFields, rows)
}
