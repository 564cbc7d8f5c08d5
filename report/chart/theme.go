package chart

import (
	"image/color"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Theme is the colours of a picture.
type Theme struct {
	ground, text, faint, axis, grid color.Color
	series, hues                    []color.Color
}

// The series' colours are those of Okabe and Ito, which people with any kind of colour vision tell apart, darker or
// lighter where the ground wants it; dashes tell the series apart without colour.
var (
	// Light is for paper and light pages.
	Light = Theme{
		ground: rgb(0xffffff), text: rgb(0x1d2329), faint: rgb(0x59636e), axis: rgb(0x8b949e), grid: rgb(0xe7eaee),
		series: []color.Color{rgb(0xc24a00), rgb(0x0069b4), rgb(0x00805d), rgb(0xa8488a), rgb(0x8a6d00), rgb(0x3d3d3d)},
		hues: []color.Color{
			rgb(0x56b4e9), rgb(0xe69f00), rgb(0x009e73), rgb(0xf0e442), rgb(0x0072b2), rgb(0xd55e00), rgb(0xcc79a7),
			rgb(0x9aa4ae), rgb(0x5f6a75), rgb(0x8c6bb1), rgb(0x333333),
		},
	}
	// Dark is for dark pages.
	Dark = Theme{
		ground: rgb(0x161b22), text: rgb(0xe6edf3), faint: rgb(0xa3adb8), axis: rgb(0x6e7781), grid: rgb(0x2a313a),
		series: []color.Color{rgb(0xff9a52), rgb(0x5bb8f5), rgb(0x2ecc9b), rgb(0xe29ac4), rgb(0xe6c84a), rgb(0xd0d0d0)},
		hues: []color.Color{
			rgb(0x4aa3d8), rgb(0xd29200), rgb(0x009268), rgb(0xcfc43a), rgb(0x2a6fb0), rgb(0xc95a08), rgb(0xb96a97),
			rgb(0x8a949e), rgb(0x5a646e), rgb(0x7d5fa3), rgb(0xc0c0c0),
		},
	}
)

func rgb(v uint32) color.Color {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

// dashes tell series apart where colours do not: drawn through, dashed, dotted, both, and longer ones.
var dashes = [][]vg.Length{nil, {7, 4}, {2, 3}, {9, 3, 2, 3}, {14, 4}, {4, 2, 1, 2, 1, 2}}

// Size is how a picture is laid out. Lengths are points, which a page shows as its own pixels.
type Size struct {
	// Width is the picture's; Height is that of each row of panels with its axes.
	Width, Height float64
	// Letters is the height of the text.
	Letters float64
	// Abreast puts panels side by side; else they stand one over the other.
	Abreast bool
}

var (
	// Wide is for desktops and paper.
	Wide = Size{Width: 920, Height: 300, Letters: 13, Abreast: true}
	// Narrow is for phones.
	Narrow = Size{Width: 340, Height: 230, Letters: 11.5}
)

// pen is what a picture is drawn with.
type pen struct {
	Theme
	size  Size
	plain text.Style
}

func newPen(t Theme, s Size) *pen {
	return &pen{Theme: t, size: s, plain: text.Style{
		Color:   t.text,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(s.Letters)},
		XAlign:  draw.XLeft,
		YAlign:  draw.YBottom,
		Handler: plot.DefaultTextHandler,
	}}
}

func (p *pen) bold() text.Style {
	s := p.plain
	s.Font.Weight = xfont.WeightBold
	return s
}

func (p *pen) small() text.Style {
	s := p.plain
	s.Font.Size *= 0.92
	return s
}

// row is the height of a line of text with the air around it.
func (p *pen) row() vg.Length { return vg.Length(p.size.Letters * 1.45) }

func (p *pen) line(series int) draw.LineStyle {
	i := ring(series, len(p.series))
	width := vg.Length(2)
	if i == 0 {
		width = 2.6 // seen under a dashed line that runs over it
	}
	return draw.LineStyle{Color: p.series[i], Width: width, Dashes: dashes[i]}
}

func (p *pen) fill(hue int) color.Color { return p.hues[ring(hue, len(p.hues))] }

// ring counts i round n.
func ring(i, n int) int { return (i%n + n) % n }
