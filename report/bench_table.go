package report

import "twomsl/internal/record"

// told are the metrics worth a column: one that is 0 wherever it was counted is none.
func (s *benchSheet) told() (out []record.BenchMetric) {
	for i, m := range s.metrics {
		zero := true
		for k := range s.b.Rows {
			if f, ok := s.figure(&s.b.Rows[k], m.Name); ok && (f.least != 0 || f.most != 0) {
				zero = false
			}
		}
		if i == 0 || !zero {
			out = append(out, m)
		}
	}
	return out
}

// table is the sheet in cells: settings, the program where there are several, the first metric with its spread and ratio,
// then the median of each other one.
func (s *benchSheet) table(metrics []record.BenchMetric) (heads []string, rows [][]string) {
	for _, key := range s.keys {
		heads = append(heads, clean(key))
	}
	if s.others {
		heads = append(heads, "program")
	}
	for i, m := range metrics {
		heads = append(heads, clean(m.Unit))
		if i == 0 {
			heads = append(heads, "least to most", "x")
		}
	}
	for i := range s.b.Rows {
		r := &s.b.Rows[i]
		row := s.cells(r)
		if s.others {
			program := clean(r.Against)
			if program == "" {
				program = "this one"
			}
			row = append(row, program)
		}
		for j, m := range metrics {
			f, ok := s.figure(r, m.Name)
			middle, spread := gap, ""
			if ok {
				middle, spread = f.middle(), f.spread()
			}
			row = append(row, middle)
			if j == 0 {
				row = append(row, spread, s.ratio(r))
			}
		}
		rows = append(rows, row)
	}
	return heads, rows
}

// left is how many columns of a table are names.
func (s *benchSheet) left() int {
	if s.others {
		return len(s.keys) + 1
	}
	return len(s.keys)
}

// wide is the table where there is room: every metric with its spread.
func (s *benchSheet) wide() (heads []string, rows [][]string) {
	heads, rows = s.table(nil)
	for i, m := range s.metrics {
		if heads = append(heads, clean(m.Unit)); i == 0 {
			heads = append(heads, "x")
		}
	}
	for k := range rows {
		r := &s.b.Rows[k]
		for i, m := range s.metrics {
			text := gap
			if f, ok := s.figure(r, m.Name); ok {
				text = f.both()
			}
			if rows[k] = append(rows[k], text); i == 0 {
				rows[k] = append(rows[k], s.ratio(r))
			}
		}
	}
	return heads, rows
}
