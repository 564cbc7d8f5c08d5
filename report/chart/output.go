package chart

import (
	"bytes"
	"fmt"
	"html"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// SVG draws c as a vector image. Its text stays text.
func (c *Chart) SVG(t Theme, s Size) ([]byte, error) {
	p := newPen(t, s)
	canvas := vgsvg.New(vg.Length(s.Width), p.height(c))
	p.draw(c, draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("cannot draw chart %q as SVG: %w", c.Title, err)
	}
	return p.tidy(b.String()), nil
}

// everywhere are swaps that make the library's output smaller, and name typefaces beside its own that machines have.
var everywhere = strings.NewReplacer(
	"font-family:Liberation Sans;font-variant:normal;", "",
	"font-weight:normal;font-style:normal;", "",
	"font-style:normal;", "",
	`xmlns="http://www.w3.org/2000/svg"`, `xmlns="http://www.w3.org/2000/svg" font-family="'Liberation Sans',Arimo,Helvetica,Arial,sans-serif"`,
)

// tidy makes the library's output the same to the eye everywhere: each text is as wide as it was laid out, whatever its
// typeface. Places are cut to a tenth of a point.
func (p *pen) tidy(svg string) []byte {
	var b strings.Builder
	for line := range strings.Lines(svg) {
		switch {
		case strings.HasPrefix(line, "<path d="):
			cutTenths(&b, line)
		case strings.HasSuffix(line, "</text>\n"):
			b.WriteString(p.widened(line))
		default:
			b.WriteString(line)
		}
	}
	return []byte(everywhere.Replace(b.String()))
}

// widened adds a text's width to the line that ends its tag: style="...">TEXT</text>.
func (p *pen) widened(line string) string {
	head, rest, ok := strings.Cut(line, `">`)
	text, _, whole := strings.Cut(rest, "</text>")
	_, after, sized := strings.Cut(head, "font-size:")
	size, _, _ := strings.Cut(after, "px")
	points, err := strconv.ParseFloat(size, 64)
	if !ok || !whole || !sized || err != nil {
		return line
	}
	style := p.plain
	if strings.Contains(head, "font-weight:bold") {
		style = p.bold()
	}
	style.Font.Size = vg.Length(points)
	return fmt.Sprintf("%s\" textLength=\"%.1f\" lengthAdjust=\"spacingAndGlyphs\">%s", head, float64(style.Width(html.UnescapeString(text))), rest)
}

// cutTenths writes a path without what follows the first decimal of its numbers.
func cutTenths(b *strings.Builder, line string) {
	decimals := -1 // how many were written of the number; -1 before its point
	for i := range len(line) {
		switch c := line[i]; {
		case c == '.':
			decimals = 0
		case c < '0' || c > '9':
			decimals = -1
		case decimals >= 0:
			decimals++
		}
		if decimals <= 1 {
			b.WriteByte(line[i])
		}
	}
}

// dotsPerInch doubles a common screen's.
const dotsPerInch = 144

// PNG draws c as a raster image, two dots for each point.
func (c *Chart) PNG(t Theme, s Size) ([]byte, error) {
	p := newPen(t, s)
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(vg.Length(s.Width), p.height(c)), vgimg.UseDPI(dotsPerInch))}
	p.draw(c, draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("cannot draw chart %q as PNG: %w", c.Title, err)
	}
	return b.Bytes(), nil
}
