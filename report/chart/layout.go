package chart

import (
	"slices"
	"strings"
	"unicode"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// legible keeps out what XML or a reader of SVG cannot take, and everything that turns the direction of writing.
func legible(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) && r != '\u00a0' {
			return '?'
		}
		if r == '\u00a0' {
			return ' '
		}
		return r
	}, s)
}

// fit cuts text that is wider than width and shows that it did.
func fit(s string, style text.Style, width vg.Length) string {
	s = legible(s)
	if style.Width(s) <= width {
		return s
	}
	letters := []rune(s)
	// A letter is never narrower than a tenth of its height, so longer text need not be measured.
	letters = letters[:max(0, min(len(letters), int(10*width/style.Font.Size)+1))]
	for len(letters) > 0 && style.Width(string(letters)+"…") > width {
		letters = letters[:len(letters)-1]
	}
	return strings.TrimRight(string(letters), " ") + "…"
}

// entry is one name in the legend.
type entry struct {
	name        string
	series, hue int
	band, dots  bool
	x           vg.Length
	row         int
}

// swatch is how wide a sample of a line or a band is.
func (p *pen) swatch(band bool) vg.Length {
	if band {
		return vg.Length(p.size.Letters) * 0.8
	}
	return 26
}

// legend sets the names of all lines and bands into rows.
func (p *pen) legend(c *Chart, width vg.Length) (list []entry, rows int) {
	style := p.plain
	seen := map[entry]bool{}
	x, row := vg.Length(0), 0
	add := func(e entry) {
		swatch := p.swatch(e.band)
		e.name = fit(e.name, style, width-swatch-6)
		if e.name == "" || seen[e] {
			return
		}
		seen[e] = true
		wide := swatch + 6 + style.Width(e.name)
		if x > 0 && x+wide > width {
			x, row = 0, row+1
		}
		e.x, e.row = x, row
		x += wide + 18
		list = append(list, e)
	}
	for i := range c.Panels {
		for _, l := range c.Panels[i].Lines {
			add(entry{name: l.Name, series: l.Series, dots: l.Dots})
		}
		for _, b := range c.Panels[i].Bands {
			add(entry{name: b.Name, hue: b.Hue, band: true})
		}
	}
	if len(list) == 0 {
		return nil, 0
	}
	return list, row + 1
}

// placed is a label of a moment, above the data.
type placed struct {
	label string
	left  vg.Length
	row   int
}

// moments places labels over their moments, in as few rows as they need without touching. at tells where each stands
// within width.
func (p *pen) moments(list []Moment, at func(float64) vg.Length, width vg.Length) (out []placed, rows int) {
	style := p.small()
	var taken [][][2]vg.Length
	for _, m := range list {
		label := fit(m.Label, style, width)
		wide := style.Width(label)
		left := min(max(at(m.At)-wide/2, 0), width-wide)
		row := slices.IndexFunc(taken, func(spans [][2]vg.Length) bool {
			return !slices.ContainsFunc(spans, func(s [2]vg.Length) bool { return left < s[1]+8 && s[0] < left+wide+8 })
		})
		if row < 0 {
			row = len(taken)
			taken = append(taken, nil)
		}
		taken[row] = append(taken[row], [2]vg.Length{left, left + wide})
		out = append(out, placed{label, left, row})
	}
	return out, len(taken)
}

// note is a text in the margin at the right.
type note struct {
	at, y  vg.Length // where it belongs, and where it stands
	label  string
	series int // of the line it ends; -1 for what has no colour of its own
}

// spread moves notes apart until none touches another, within low and high where there is room for them all.
func spread(notes []note, gap, low, high vg.Length) {
	slices.SortStableFunc(notes, func(a, b note) int {
		switch {
		case a.at > b.at:
			return -1
		case a.at < b.at:
			return 1
		}
		return 0
	})
	for i := range notes {
		notes[i].y = min(notes[i].at, high)
		if i > 0 {
			notes[i].y = min(notes[i].y, notes[i-1].y-gap)
		}
	}
	floor := low
	for i := len(notes) - 1; i >= 0; i-- {
		if notes[i].y >= floor {
			break
		}
		notes[i].y = floor
		floor += gap
	}
}
