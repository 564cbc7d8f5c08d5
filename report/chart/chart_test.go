package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html"
	"image/png"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// exhausted is what a chart of ports looks like: two lines, a limit, moments.
func exhausted() *Chart {
	var before, after []Point
	for i := range 101 {
		x := float64(i) / 10
		before = append(before, Point{x, math.Min(1000, 200*x)})
		after = append(after, Point{x, math.Min(499, 200*x)})
	}
	p := Panel{
		Title: "client", X: Axis{Label: "seconds from the start of the load", Most: 10}, Y: Axis{Label: "ports", Most: 1060},
		Lines:   []Line{{Name: "before", Points: before, End: "before: 1,000"}, {Name: "after", Series: 1, Points: after, End: "after: 499"}},
		Levels:  []Level{{1000, "all 1,000 ports", true}, {500, "half: 500", false}, {12410, "forecast 12,410", false}},
		Moments: []Moment{{5, "before: no port left at 5.0 s", 0}},
	}
	return &Chart{Title: "Ports", Panels: []Panel{p}}
}

// crowded has more than any chart of ours: six lines that end together, moments on top of each other, names without end.
func crowded() *Chart {
	c := exhausted()
	p := c.Panels[0]
	for i := range 6 {
		name := fmt.Sprintf("variant %d %s", i, strings.Repeat("long ", i*12))
		p.Lines = append(p.Lines, Line{Name: name, Series: i, Points: []Point{{0, 1}, {10, 500 + float64(i)}}, End: name, Dots: true})
		p.Moments = append(p.Moments, Moment{9.9, name + " happened", i}, Moment{0, name, i})
		p.Levels = append(p.Levels, Level{At: 500, Label: "level " + name})
	}
	c.Panels = []Panel{p, p}
	return c
}

func stacked() *Chart {
	var bands []Band
	for hue := range 10 {
		b := Band{Name: fmt.Sprintf("STATE_%d", hue), Hue: hue, End: fmt.Sprintf("STATE_%d 100", hue)}
		for i := range 50 {
			b.Points = append(b.Points, Point{float64(i), float64(10 * hue)})
		}
		bands = append(bands, b)
	}
	p := Panel{Title: "server", X: Axis{Most: 50}, Y: Axis{Most: 500}, Bands: bands}
	return &Chart{Panels: []Panel{p, p}}
}

func latencies() *Chart {
	return &Chart{Title: "latency", Panels: []Panel{{
		X:     Axis{Least: 0, Most: 4, Ticks: []Tick{{0.3, "p50"}, {1, "p90"}, {1.3, "p95"}, {2, "p99"}, {3, "p99.9"}, {4, "max"}}},
		Y:     Axis{Least: 10, Most: 1e5, Log: true, Ticks: []Tick{{10, "10 us"}, {100, "100 us"}, {1000, "1 ms"}, {1e4, "10 ms"}, {1e5, "100 ms"}}},
		Lines: []Line{{Name: "before", Points: []Point{{0.3, 40}, {2, 400}, {4, 4e4}}, Dots: true, End: "before: 40 ms"}},
	}}}
}

var charts = map[string]func() *Chart{
	"exhausted": exhausted, "crowded": crowded, "stacked": stacked, "latencies": latencies, "empty": func() *Chart { return &Chart{} },
	"no data": func() *Chart { return &Chart{Panels: make([]Panel, 2)} },
}

var sizes = map[string]Size{"wide": Wide, "narrow": Narrow}

func svg(t *testing.T, c *Chart, s Size) string {
	t.Helper()
	out, err := c.SVG(Light, s)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func wellFormed(t *testing.T, name, doc string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(doc)); ; {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%s is no XML: %v", name, err)
		}
	}
}

func TestSameBytesAndWellFormed(t *testing.T) {
	for name, make := range charts {
		for sizeName, size := range sizes {
			first := svg(t, make(), size)
			wellFormed(t, name+" "+sizeName, first)
			again, err := make().SVG(Light, size)
			if err != nil || string(again) != first {
				t.Errorf("%s %s: other bytes the second time (%v)", name, sizeName, err)
			}
			a, err := make().PNG(Dark, size)
			if err != nil {
				t.Fatal(err)
			}
			if b, _ := make().PNG(Dark, size); !bytes.Equal(a, b) {
				t.Errorf("%s %s: other pixels the second time", name, sizeName)
			}
			img, err := png.Decode(bytes.NewReader(a))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := img.Bounds().Dx(), 2*int(size.Width); got != want {
				t.Errorf("%s %s is %d dots wide, want %d", name, sizeName, got, want)
			}
		}
	}
}

// written is a text with its box, upright, in points.
type written struct {
	text                     string
	left, right, low, height float64
}

var textTag = regexp.MustCompile(`<text x="([^"]*)" y="([^"]*)"[^>]*font-size:([0-9.]+)px[^>]*textLength="([^"]*)"[^>]*>([^<]*)</text>`)

// texts finds the texts of a picture, but for those that stand upright beside an axis.
func textsOf(t *testing.T, doc string) []written {
	t.Helper()
	upright := regexp.MustCompile(`(?s)<g transform="rotate\(90\)">.*?</g>`)
	doc = upright.ReplaceAllString(doc, "")
	var out []written
	for _, m := range textTag.FindAllStringSubmatch(doc, -1) {
		var v [4]float64
		for i := range v {
			var err error
			if v[i], err = strconv.ParseFloat(m[i+1], 64); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, written{html.UnescapeString(m[5]), v[0], v[0] + v[3], -v[1], 0.7 * v[2]})
	}
	return out
}

// Marks of an axis have room between them, also where the labels beside the plot leave little of the picture.
func TestMarksKeepApart(t *testing.T) {
	var list []Tick
	for i, label := range []string{"0", "p50", "p90", "p99", "p99.9", "p99.99"} {
		list = append(list, Tick{float64(i), label})
	}
	line := Line{Name: "before", Points: []Point{{0, 1}, {5, 80}}, End: "before: a value of 84 ms"}
	write := func(v float64) string { return fmt.Sprintf("%g thousand us", v) }
	for width := 240; width <= 400; width += 4 {
		c := &Chart{Panels: []Panel{{X: Axis{Most: 5, Ticks: list}, Y: Axis{Most: 100, Write: write}, Lines: []Line{line}}}}
		var marks []written
		for _, w := range textsOf(t, svg(t, c, Size{Width: float64(width), Height: 240, Letters: Narrow.Letters})) {
			if w.text == "0" || strings.HasPrefix(w.text, "p") {
				marks = append(marks, w)
			}
		}
		for i := 1; i < len(marks); i++ {
			if gap := marks[i].left - marks[i-1].right; gap < 4 {
				t.Errorf("%d wide: %.1f between %q and %q", width, gap, marks[i-1].text, marks[i].text)
			}
		}
	}
}

// No text runs into another one or out of the picture, however much is asked for.
func TestTextsKeepApart(t *testing.T) {
	for name, make := range charts {
		for sizeName, size := range sizes {
			c := make()
			list := textsOf(t, svg(t, c, size))
			if len(list) == 0 && len(c.Panels) > 0 {
				t.Errorf("%s %s: no text found", name, sizeName)
			}
			for i, a := range list {
				if a.left < 0 || a.right > size.Width || a.low < 0 {
					t.Errorf("%s %s: %q leaves the picture: %.0f to %.0f of %.0f", name, sizeName, a.text, a.left, a.right, size.Width)
				}
				for _, b := range list[i+1:] {
					if math.Min(a.right, b.right)-math.Max(a.left, b.left) > 0.5 &&
						math.Min(a.low+a.height, b.low+b.height)-math.Max(a.low, b.low) > 0.5 {
						t.Errorf("%s %s: %q and %q overlap", name, sizeName, a.text, b.text)
					}
				}
			}
		}
	}
}

func TestWhatTheEyeNeedsIsThere(t *testing.T) {
	for _, size := range sizes {
		doc := svg(t, exhausted(), size)
		for _, want := range []string{
			">Ports<", ">client<", ">before<", ">after<", ">before: 1,000<", ">after: 499<", ">all 1,000 ports<", ">half: 500<",
			">forecast 12,410<", ">before: no port left at 5.0 s<", ">seconds from the start of the load<", ">ports<",
		} {
			if !strings.Contains(doc, want) {
				t.Errorf("%v: %s is not there", size, want)
			}
		}
	}
}

// Series differ by more than their colour.
func TestSeriesDifferByDashes(t *testing.T) {
	seen := map[string]bool{}
	p := newPen(Light, Wide)
	for i := range p.series {
		seen[fmt.Sprint(p.line(i).Dashes)] = true
	}
	if len(seen) != len(Light.series) || len(Dark.series) != len(Light.series) || len(Dark.hues) != len(Light.hues) {
		t.Errorf("%d kinds of dashes for %d series", len(seen), len(Light.series))
	}
	p.line(-1)
	p.fill(-7)
	p.fill(1 << 40)
}

func TestRound(t *testing.T) {
	for _, c := range []struct {
		axis Axis
		n    int
		want string
	}{
		{Axis{Most: 10}, 5, "0 2 4 6 8 10"},
		{Axis{Most: 1060}, 6, "0 200 400 600 800 1000"},
		{Axis{Most: 0.3}, 3, "0 0.1 0.2 0.3"},
		{Axis{Most: 24819}, 4, "0 10000 20000"},
		{Axis{Least: 3, Most: 5}, 4, "3 3.5 4 4.5 5"},
	} {
		var got []string
		for _, tick := range c.axis.round(c.n) {
			got = append(got, tick.Label)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%v in %d: %s, want %s", c.axis, c.n, s, c.want)
		}
	}
}

func TestRunsBreakWhereNothingIsKnown(t *testing.T) {
	nan := math.NaN()
	got := runs([]Point{{0, nan}, {1, 1}, {2, 2}, {3, nan}, {4, math.Inf(1)}, {5, 5}, {nan, 6}})
	if fmt.Sprint(got) != "[[{1 1} {2 2}] [{5 5}]]" {
		t.Error(got)
	}
}

func TestThinKeepsPeaks(t *testing.T) {
	var run []Point
	for i := range 10_000 {
		run = append(run, Point{float64(i), 10})
	}
	run[7777].Y, run[1234].Y = 1e6, -5
	got := thin(run, 50)
	if len(got) > 200 {
		t.Errorf("%d points are left", len(got))
	}
	high, low := 0.0, 0.0
	for i, p := range got {
		high, low = math.Max(high, p.Y), math.Min(low, p.Y)
		if i > 0 && p.X <= got[i-1].X {
			t.Fatalf("out of order at %v", p)
		}
	}
	if high != 1e6 || low != -5 || got[0] != run[0] || got[len(got)-1] != run[9999] {
		t.Errorf("peaks or ends are gone: %v %v", high, low)
	}
}

func TestLegible(t *testing.T) {
	if got := legible("a\x00\x1b[31m\u202eb\ufffe\xff\u00a0c"); got != "a??[31m?b?? c" {
		t.Errorf("%q", got)
	}
}

// FuzzDraw draws what no record would hold.
func FuzzDraw(f *testing.F) {
	f.Add("before", 0.0, 10.0, 0.0, 1000.0, 5.0, 500.0, false, int16(3))
	f.Add("x\x00<", math.NaN(), math.Inf(1), -1.0, -1.0, 1e300, -1e300, true, int16(-3))
	f.Add("", 1e14, 1e14, 1e-300, 1e-300, 0.0, 0.0, true, int16(2000))
	f.Add("log", 1e-9, 1e9, 1e-9, 1e14, 1e-9, 0.0, true, int16(50))
	f.Fuzz(func(t *testing.T, name string, least, most, low, high, x, y float64, log bool, n int16) {
		name = name[:min(len(name), 200)]
		var points []Point
		for i := range min(max(int(n), 0), 30) {
			points = append(points, Point{x * float64(i), y / float64(i)})
		}
		points = append(points, Point{x, y}, Point{y, x}, Point{least, high})
		p := Panel{
			Title: name, X: Axis{Label: name, Least: least, Most: most, Log: log}, Y: Axis{Label: name, Least: low, Most: high, Log: !log},
			Lines:   []Line{{Name: name, Series: int(n), Points: points, End: name, Dots: log}},
			Bands:   []Band{{Name: name, Hue: int(n), Points: points, End: name}, {Name: "b", Points: points[:len(points)/2], End: name}},
			Levels:  []Level{{At: y, Label: name, Firm: log}},
			Moments: []Moment{{At: x, Label: name, Series: int(n)}, {At: least, Label: name}},
		}
		doc := svg(t, &Chart{Title: name, Panels: []Panel{p}}, Narrow)
		wellFormed(t, name, doc)
		if strings.ContainsFunc(doc, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			t.Errorf("a control character came through from %q", name)
		}
	})
}

func BenchmarkSVG(b *testing.B) {
	for b.Loop() {
		if _, err := exhausted().SVG(Light, Narrow); err != nil {
			b.Fatal(err)
		}
	}
}
