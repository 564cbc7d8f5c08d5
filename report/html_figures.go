package report

import (
	"encoding/base64"
	"html/template"
	"strings"

	"twomsl/report/chart"
)

// pageFigure is a chart in the four shapes from which the reader's screen picks one: for light and dark ground, for
// desktops and phones. Paper takes the light one.
type pageFigure struct {
	ID, Title, Alt           string
	Light                    template.URL
	Dark, Narrow, NarrowDark template.Srcset
}

// pageFigures draws charts into the page. They are images, not inline SVG: what is in them cannot reach the page.
func pageFigures(list []pictured) ([]pageFigure, error) {
	var out []pageFigure
	for _, f := range list {
		one := pageFigure{ID: "chart-" + f.name, Title: f.title, Alt: strings.Join(f.words, " ")}
		for _, shape := range []struct {
			theme chart.Theme
			size  chart.Size
			put   func(uri string)
		}{
			{chart.Light, chart.Wide, func(s string) { one.Light = template.URL(s) }},
			{chart.Dark, chart.Wide, func(s string) { one.Dark = template.Srcset(s) }},
			{chart.Light, chart.Narrow, func(s string) { one.Narrow = template.Srcset(s) }},
			{chart.Dark, chart.Narrow, func(s string) { one.NarrowDark = template.Srcset(s) }},
		} {
			svg, err := f.chart.SVG(shape.theme, shape.size)
			if err != nil {
				return nil, err
			}
			shape.put("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg))
		}
		out = append(out, one)
	}
	return out, nil
}
