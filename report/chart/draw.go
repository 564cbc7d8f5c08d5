package chart

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	inset  = vg.Length(10) // around everything
	gutter = vg.Length(24) // between panels
)

// height is how high the picture must be.
func (p *pen) height(c *Chart) vg.Length {
	h := 2 * inset
	if c.Title != "" {
		h += p.row() + 4
	}
	if _, rows := p.legend(c, p.inner()); rows > 0 {
		h += vg.Length(rows)*p.row() + 6
	}
	rows := vg.Length(1)
	if !p.size.Abreast {
		rows = vg.Length(max(1, len(c.Panels)))
	}
	return h + rows*p.panelHeight(c) + (rows-1)*gutter/2
}

// panelWidth is the same for all panels.
func (p *pen) panelWidth(c *Chart) vg.Length {
	if n := vg.Length(len(c.Panels)); p.size.Abreast && n > 0 {
		return (p.inner() - (n-1)*gutter) / n
	}
	return p.inner()
}

// panelHeight is that of the highest panel: moments come on top, and notes have room beside the data.
func (p *pen) panelHeight(c *Chart) vg.Length {
	most := vg.Length(p.size.Height)
	for i := range c.Panels {
		n := &c.Panels[i]
		x, y := n.X.sound(), n.Y.sound()
		notes := p.notes(n, y)
		data := p.panelWidth(c) - p.margin(notes, p.panelWidth(c))
		_, rows := p.moments(n.Moments, func(v float64) vg.Length { return vg.Length(x.at(v)) * data * 0.85 }, data*0.85)
		frame := vg.Length(5+rows) * p.row() // title, moments, axis, its name
		most = max(most, vg.Length(p.size.Height)+vg.Length(max(0, rows-1))*p.row(), frame+vg.Length(len(notes))*p.noteGap())
	}
	return most
}

// noteGap is from one note in the margin to the next.
func (p *pen) noteGap() vg.Length { return vg.Length(p.size.Letters) * 1.25 }

func (p *pen) inner() vg.Length { return vg.Length(p.size.Width) - 2*inset }

// draw draws the whole picture.
func (p *pen) draw(c *Chart, to draw.Canvas) {
	to.SetColor(p.ground)
	to.Fill(to.Rectangle.Path())
	room := draw.Crop(to, inset, -inset, inset, -inset)
	if c.Title != "" {
		room.FillText(p.bold(), vg.Point{X: room.Min.X, Y: room.Max.Y - p.row()}, fit(c.Title, p.bold(), p.inner()))
		room = draw.Crop(room, 0, 0, 0, -p.row()-4)
	}
	entries, rows := p.legend(c, p.inner())
	for _, e := range entries {
		p.drawEntry(room, e)
	}
	if rows > 0 {
		room = draw.Crop(room, 0, 0, 0, -vg.Length(rows)*p.row()-6)
	}
	width, height := p.panelWidth(c), p.panelHeight(c)
	for i := range c.Panels {
		one := room
		if p.size.Abreast {
			one.Min.X += vg.Length(i) * (width + gutter)
			one.Max.X = one.Min.X + width
		} else {
			one.Max.Y -= vg.Length(i) * (height + gutter/2)
			one.Min.Y = one.Max.Y - height
		}
		p.drawPanel(one, &c.Panels[i])
	}
}

func (p *pen) drawEntry(room draw.Canvas, e entry) {
	base := room.Max.Y - vg.Length(e.row+1)*p.row()
	x, middle := room.Min.X+e.x, base+vg.Length(p.size.Letters)*0.38
	swatch := p.swatch(e.band)
	if e.band {
		room.FillPolygon(p.fill(e.hue), []vg.Point{
			{X: x, Y: middle - swatch/2},
			{X: x + swatch, Y: middle - swatch/2},
			{X: x + swatch, Y: middle + swatch/2},
			{X: x, Y: middle + swatch/2},
		})
	} else {
		room.StrokeLine2(p.line(e.series), x, middle, x+swatch, middle)
	}
	if e.dots {
		room.DrawGlyphNoClip(p.dot(e.series), vg.Point{X: x + swatch/2, Y: middle})
	}
	room.FillText(p.plain, vg.Point{X: x + swatch + 6, Y: base}, e.name)
}

func (p *pen) dot(series int) draw.GlyphStyle {
	return draw.GlyphStyle{Color: p.line(series).Color, Radius: 3.2, Shape: draw.CircleGlyph{}}
}

// drawPanel draws one pair of axes: its title, the rows of moments, the data, and the margin.
func (p *pen) drawPanel(room draw.Canvas, n *Panel) {
	x, y := n.X.sound(), n.Y.sound()
	if n.Title != "" {
		room.FillText(p.bold(), vg.Point{X: room.Min.X, Y: room.Max.Y - p.row()}, fit(n.Title, p.bold(), room.Max.X-room.Min.X))
		room = draw.Crop(room, 0, 0, 0, -p.row())
	}
	notes := p.notes(n, y)
	margin := p.margin(notes, room.Max.X-room.Min.X)
	room.Max.X -= margin

	pl := p.plot(n, x, y, room)
	data := pl.DataCanvas(room)
	labels, rows := p.moments(n.Moments, func(v float64) vg.Length { return vg.Length(x.at(v)) * (data.Max.X - data.Min.X) }, data.Max.X-data.Min.X)
	top := room.Max.Y
	room.Max.Y -= vg.Length(rows)*p.row() + vg.Length(p.size.Letters)*0.5
	pl.Draw(room)
	data = pl.DataCanvas(room)
	for i, l := range labels {
		p.drawMoment(data, x, n.Moments[i], l, top)
	}
	p.drawNotes(data, y, notes, margin)
}

// plot sets up the library's plot: grid, bands, levels, lines, in this order.
func (p *pen) plot(n *Panel, x, y Axis, room draw.Canvas) *plot.Plot {
	pl := plot.New()
	pl.BackgroundColor = nil // drawn already
	size := room.Rectangle.Size()
	p.dress(&pl.Y, y, size.Y*0.8, true)
	p.dress(&pl.X, x, size.X*0.85, false)
	data := pl.DataCanvas(room) // what the labels beside it leave
	p.dress(&pl.X, x, data.Max.X-data.Min.X, false)
	for _, t := range pl.Y.Tick.Marker.Ticks(y.Least, y.Most) {
		p.across(pl, x, t.Value, draw.LineStyle{Color: p.grid, Width: 1})
	}
	p.bands(pl, n.Bands, int(size.X)/5)
	for _, l := range n.Levels {
		style := draw.LineStyle{Color: p.faint, Width: 1.2, Dashes: []vg.Length{1.5, 3}}
		if l.Firm {
			style = draw.LineStyle{Color: p.text, Width: 1.4}
		}
		if at := y.at(l.At); at >= 0 && at <= 1 {
			p.across(pl, x, l.At, style)
		}
	}
	for _, l := range n.Lines {
		p.addLine(pl, l, y, int(size.X)/6)
	}
	// What was added may have moved the ends.
	pl.X.Min, pl.X.Max, pl.Y.Min, pl.Y.Max = x.Least, x.Most, y.Least, y.Most
	return pl
}

func (p *pen) across(pl *plot.Plot, x Axis, y float64, style draw.LineStyle) {
	pl.Add(&plotter.Line{XYs: plotter.XYs{{X: x.Least, Y: y}, {X: x.Most, Y: y}}, LineStyle: style})
}

func (p *pen) addLine(pl *plot.Plot, l Line, y Axis, columns int) {
	for _, run := range runs(l.Points) {
		xys := make(plotter.XYs, 0, len(run))
		for _, at := range thin(run, columns) {
			if y.Log {
				at.Y = max(at.Y, y.Least) // a logarithm has no place for 0
			}
			xys = append(xys, plotter.XY(at))
		}
		line := &plotter.Line{XYs: xys, LineStyle: p.line(l.Series)}
		pl.Add(line)
		if l.Dots || len(xys) == 1 {
			pl.Add(&plotter.Scatter{XYs: xys, GlyphStyle: p.dot(l.Series)})
		}
	}
}

// bands stacks layers; a moment at which one of them has no height is left out of all.
func (p *pen) bands(pl *plot.Plot, list []Band, columns int) {
	if len(list) == 0 {
		return
	}
	n := len(list[0].Points)
	for _, b := range list {
		n = min(n, len(b.Points))
	}
	floor := make([]float64, n)
	step := max(1, n/max(1, columns))
	for _, b := range list {
		var low, high plotter.XYs
		for i := 0; i < n; i += step {
			at := b.Points[i]
			if !drawable(at.X) || !drawable(at.Y) || !drawable(floor[i]+at.Y) {
				continue
			}
			low = append(low, plotter.XY{X: at.X, Y: floor[i]})
			floor[i] += max(0, at.Y)
			high = append(high, plotter.XY{X: at.X, Y: floor[i]})
		}
		if len(low) < 2 {
			continue
		}
		for i := len(low) - 1; i >= 0; i-- {
			high = append(high, low[i])
		}
		pl.Add(&plotter.Polygon{XYs: []plotter.XYs{high}, Color: p.fill(b.Hue), LineStyle: draw.LineStyle{Color: p.ground, Width: 0.5}})
	}
}

// drawMoment draws the line of a moment and its label.
func (p *pen) drawMoment(data draw.Canvas, x Axis, m Moment, l placed, top vg.Length) {
	at := x.at(m.At)
	if !(at >= 0 && at <= 1) {
		return
	}
	cx := data.Min.X + vg.Length(at)*(data.Max.X-data.Min.X)
	base := top - vg.Length(l.row+1)*p.row()
	style := draw.LineStyle{Color: p.line(m.Series).Color, Width: 1.3, Dashes: []vg.Length{3, 2}}
	data.StrokeLine2(style, cx, data.Min.Y, cx, base-2)
	data.FillText(p.small(), vg.Point{X: data.Min.X + l.left, Y: base}, l.label)
}

// notes are what the margin says of levels, of the ends of lines and of bands. What lies beyond the axis is told at its end.
func (p *pen) notes(n *Panel, y Axis) []note {
	var list []note
	add := func(v float64, label string, series int) {
		if label != "" && drawable(v) {
			list = append(list, note{at: vg.Length(min(max(y.at(v), 0), 1)), label: label, series: series})
		}
	}
	for _, l := range n.Levels {
		add(l.At, l.Label, -1)
	}
	for _, l := range n.Lines {
		if all := runs(l.Points); len(all) > 0 {
			last := all[len(all)-1]
			add(last[len(last)-1].Y, l.End, l.Series)
		}
	}
	floor := 0.0
	for _, b := range n.Bands {
		if k := len(b.Points); k > 0 && drawable(b.Points[k-1].Y) {
			add(floor+b.Points[k-1].Y/2, b.End, -1)
			floor += b.Points[k-1].Y
		}
	}
	return list
}

const leader = vg.Length(12) // from the data to a note

// margin is how wide the notes are, and what ticks at the end of the axis need at least.
func (p *pen) margin(notes []note, width vg.Length) vg.Length {
	style, most := p.small(), vg.Length(0)
	for _, n := range notes {
		most = max(most, style.Width(legible(n.label)))
	}
	if most == 0 {
		return 4
	}
	return min(most+leader+4, width*0.42)
}

func (p *pen) drawNotes(data draw.Canvas, y Axis, notes []note, margin vg.Length) {
	style := p.small()
	style.YAlign = text.YCenter
	for i := range notes {
		notes[i].at = data.Min.Y + notes[i].at*(data.Max.Y-data.Min.Y)
	}
	spread(notes, p.noteGap(), data.Min.Y, data.Max.Y)
	for _, n := range notes {
		line := draw.LineStyle{Color: p.axis, Width: 0.8}
		if n.series >= 0 {
			line = draw.LineStyle{Color: p.line(n.series).Color, Width: 1.6}
		}
		left := data.Max.X
		data.StrokeLines(line, []vg.Point{{X: left + 1, Y: n.at}, {X: left + 3, Y: n.at}, {X: left + leader - 3, Y: n.y}, {X: left + leader, Y: n.y}})
		data.FillText(style, vg.Point{X: left + leader + 2, Y: n.y + 0.1*style.Font.Size}, fit(n.label, style, margin-leader-3)) // a point to spare for what rounding took
	}
}
