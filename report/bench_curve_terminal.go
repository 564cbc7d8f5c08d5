package report

// benchCurves draws the table of each order on the screen: a way in two lines, its median and its 99th percentile, place by
// place.
func benchCurves(s *screen, sheet *benchSheet) {
	for _, g := range sheet.curves().grids() {
		s.section()
		s.para(bold, g.title+":")
		var rows [][]string
		for _, r := range g.rows {
			rows = append(rows, append([]string{r.way, "p50"}, r.p50...), append([]string{"", "p99"}, r.p99...))
		}
		if len(rows) > 0 {
			drawCells(s, 2, append([]string{"taken", ""}, g.places...), rows, func(int) (string, style) { return "", plain })
		}
		for i := range sheet.b.Rows {
			r := &sheet.b.Rows[i]
			if text, mood := gone(r); text != "" && rowKey(r, "order") == g.order {
				s.hang(mood, "    ! ", words(sentence(clean(rowKey(r, "way"))+": "+text))...)
			}
		}
	}
}
