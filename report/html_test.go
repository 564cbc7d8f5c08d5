package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"twomsl/internal/record"
)

func pageOf(t *testing.T, c *record.Comparison) string {
	t.Helper()
	return renderComparison(t, "html", c, comparisonOptions(c, 0))
}

var dataURI = regexp.MustCompile(`data:image/svg(\+|&#43;)xml;base64,[A-Za-z0-9+/=&#;]+`)

// The pages as they are, but for their pictures, which have tests of their own.
func TestPageGoldens(t *testing.T) {
	for _, c := range []*record.Comparison{exhaustedPage(), emptyPage()} {
		golden(t, filepath.Join("pages", stemOf(c.ID)+".html"), dataURI.ReplaceAllString(pageOf(t, c), "data:PICTURE"))
	}
}

// A page holds all that it shows: what it points to is inside it, and nothing in it runs.
func TestPagesStandAlone(t *testing.T) {
	for _, c := range append(append(pages(), hostilePage()), comparisons()...) {
		standsAlone(t, c.ID, pageOf(t, c))
	}
}

func standsAlone(t *testing.T, id, page string) {
	t.Helper()
	tag := regexp.MustCompile(`<([a-zA-Z!/][a-zA-Z0-9]*)([^>]*)>`)
	attribute := regexp.MustCompile(`([a-zA-Z-]+)="([^"]*)"`)
	known := strings.Fields(`!DOCTYPE html head meta link title style body header main footer section h1 h2 h3 p ul li strong div
		table caption thead tbody tr th td small span code pre figure picture source img figcaption dl dt dd details summary`)
	for _, m := range tag.FindAllStringSubmatch(page, -1) {
		if !slices.Contains(known, strings.TrimPrefix(m[1], "/")) {
			t.Fatalf("%s: an element that is not ours: %.200s", id, m[0])
		}
		for _, a := range attribute.FindAllStringSubmatch(m[2], -1) {
			points := slices.Contains([]string{"src", "srcset", "href", "poster", "action", "data"}, a[1])
			if points && !strings.HasPrefix(a[2], "data:") || strings.HasPrefix(strings.ToLower(a[1]), "on") || a[1] == "style" {
				t.Fatalf("%s: points elsewhere or runs: %.200s", id, m[0])
			}
		}
	}
	style := page[strings.Index(page, "<style>"):strings.Index(page, "</style>")]
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") || len(style) < 1000 {
		t.Errorf("%s: the style points elsewhere or is not there", id)
	}
	if i := strings.IndexFunc(page, func(r rune) bool { return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Cf, r) }); i >= 0 {
		t.Errorf("%s: a character that steers the reader's screen: %q", id, page[i:i+10])
	}
}

// Every record gives the same bytes each time, whatever the order of maps.
func TestPagesSameBytes(t *testing.T) {
	for _, c := range append(pages(), hostilePage()) {
		first := pageOf(t, c)
		for range 3 {
			if pageOf(t, c) != first {
				t.Fatalf("%s: other bytes the second time", c.ID)
			}
		}
	}
}

// The answer is at the top, in words and figures, before anything that has to be looked for.
func TestPageAnswersFirst(t *testing.T) {
	page := pageOf(t, exhaustedPage())
	at := 0
	for _, want := range []string{
		`<h1>port-exhaustion-small</h1>`, `<p class="verdict good"><strong>Better: connections go on where they failed`,
		`One line did it: net.ipv4.tcp_tw_reuse on the client.`, `kernel defaults`, `Linux 6.18`,
		`<h2>What changed</h2>`, `>failed connections<`, `>1,000<`, `>0<`, `>better<`, `>1,501 TIME_WAIT ended by reuse`,
		`Not applied: net.ipv4.tcp_tw_recycle: gone since Linux 4.12`,
		`<h2>Charts</h2>`, `<h2>Line by line</h2>`, `Enough on its own: net.ipv4.tcp_tw_reuse = 1, on the client.`,
		`net.ipv4.tcp_tw_reuse = 1`, `four-lines.conf:2`, `>no effect<`, `>missing<`,
		`<h2>All metrics</h2>`, `first_exhaustion_seconds`, `would have seen 0.2 s`, `<h2>Settings</h2>`, `net.ipv4.tcp_fin_timeout`,
		`In force on the client`, `<h2>Trials</h2>`, `seed`, `<h2>Environment</h2>`, `AMD EPYC 7763`, `<h2>Repeat it</h2>`,
		`twomsl compare port-exhaustion-small --after four-lines.conf --by-line`, `twomsl report compare-`,
	} {
		page := strings.NewReplacer(nbsp, " ", "&#43;", "+").Replace(page)
		i := strings.Index(page[at:], want)
		if i < 0 {
			t.Errorf("%q is not there, or not after what comes before it", want)
			continue
		}
		at += i
	}
}

// Every metric of the record has its row.
func TestPageHasEveryMetric(t *testing.T) {
	for _, c := range comparisons() {
		page := pageOf(t, c)
		for i := range c.Metrics {
			if m := &c.Metrics[i]; strings.Count(page, "<small>"+m.Name+"<")+strings.Count(page, "<small>"+m.Name+" ·") == 0 {
				t.Errorf("%s: no row for %s", c.ID, m.Name)
			}
		}
		for i := range c.Trials {
			if !strings.Contains(page, c.Trials[i].ID) {
				t.Errorf("%s: no row for trial %s", c.ID, c.Trials[i].ID)
			}
		}
	}
}

// Each picture of a page is a whole SVG for its ground, and is told in words with figures.
func TestPagePictures(t *testing.T) {
	for _, c := range []*record.Comparison{exhaustedPage(), noisyPage(), hostilePage()} {
		figures, err := pageFigures(figuresOf(c))
		if err != nil {
			t.Fatal(err)
		}
		if len(figures) < 6 {
			t.Errorf("%s: only %d charts", c.ID, len(figures))
		}
		for _, f := range figures {
			if len(f.Alt) < 20 || !strings.ContainsAny(f.Alt, "0123456789") {
				t.Errorf("%s: the chart says %q", f.Title, f.Alt)
			}
			seen := map[string]bool{}
			for _, uri := range []string{string(f.Light), string(f.Dark), string(f.Narrow), string(f.NarrowDark)} {
				if !dataURI.MatchString(uri) || seen[uri] {
					t.Fatalf("%s: no picture, or the same twice: %.80s", f.Title, uri)
				}
				seen[uri] = true
				svg, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(uri, "data:image/svg+xml;base64,"))
				if err != nil {
					t.Fatal(err)
				}
				plainSVG(t, f.Title, svg)
			}
		}
	}
}

// plainSVG holds a picture to shapes and text.
func plainSVG(t *testing.T, name string, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%s is no XML: %v", name, err)
		}
		if e, ok := token.(xml.StartElement); ok && !slices.Contains([]string{"svg", "g", "path", "text"}, e.Name.Local) {
			t.Fatalf("%s has an element %s", name, e.Name.Local)
		}
	}
}

// A chart marks the limit, the cliff, the plateau and the moment of exhaustion, by line on common axes for before and after.
func TestPortsChart(t *testing.T) {
	list := figuresOf(exhaustedPage())
	at := slices.IndexFunc(list, func(f pictured) bool { return f.name == "ports" })
	p := list[at].chart.Panels[0]
	var got []string
	for _, l := range p.Lines {
		got = append(got, fmt.Sprint(l.Name, l.Series, " ", l.End))
	}
	for _, l := range p.Levels {
		got = append(got, fmt.Sprint(l.Label, l.Firm))
	}
	for _, m := range p.Moments {
		got = append(got, m.Label)
	}
	want := []string{
		"before0 before: 1,000", "after1 after: 499", "all 1,000 portstrue", "half-range cliff 500false",
		"↑ before: forecast 12,410false", "after: forecast 200false", "before: no port left at 5.0" + nbsp + "s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if p.Y.Most < 1000 || p.Y.Most > 1200 {
		t.Errorf("the forecast that is out of reach sets the scale: %v", p.Y.Most)
	}
}

// More variants than colours are not drawn on top of each other.
func TestAtMostSixCourses(t *testing.T) {
	c := noisyPage()
	for len(c.Variants) < 9 {
		v := c.Variants[0]
		v.Name = fmt.Sprintf("v%d", len(c.Variants))
		c.Variants = append(c.Variants, v)
	}
	if n := len(coursesOf(c)); n != mostCourses {
		t.Errorf("%d courses", n)
	}
	lines := exhaustedPage()
	for i := range lines.Variants {
		lines.Variants[i].Curves = lines.Variants[0].Curves
	}
	if n := len(coursesOf(lines)); n != 2 {
		t.Errorf("line by line %d courses are drawn", n)
	}
}

func TestPictures(t *testing.T) {
	for _, c := range []*record.Comparison{exhaustedPage(), hostilePage()} {
		for _, kind := range PictureKinds() {
			list, err := Pictures(c, kind)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, p := range list {
				if seen[strings.ToLower(p.Name)] || !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{2,70}\.`+kind+`$`).MatchString(p.Name) {
					t.Errorf("%s: the name is taken or no good: %q", c.ID, p.Name)
				}
				seen[strings.ToLower(p.Name)] = true
				if kind == "png" {
					if _, err := png.Decode(bytes.NewReader(p.Data)); err != nil {
						t.Errorf("%s: %v", p.Name, err)
					}
				} else {
					plainSVG(t, p.Name, p.Data)
				}
			}
			for _, name := range []string{"time-wait", "time-wait-dark", "ports", "latency", "connections-dark"} {
				if !seen[name+"."+kind] {
					t.Errorf("%s: no %s.%s", c.ID, name, kind)
				}
			}
		}
	}
	if _, err := Pictures(exhaustedPage(), "gif"); err == nil || !strings.Contains(err.Error(), "png, svg") {
		t.Errorf("gif: %v", err)
	}
	for _, c := range []*record.Comparison{emptyPage(), nothingPage(), {}} {
		if list, err := Pictures(c, "svg"); err != nil || len(list) != 0 {
			t.Errorf("%s: %d pictures of nothing, %v", c.ID, len(list), err)
		}
	}
}

// FuzzPage makes pages of what no run would record, and says what their charts would show; drawing them has a target of
// its own.
func FuzzPage(f *testing.F) {
	for _, c := range append(pages(), hostilePage()) {
		for i := range c.Variants {
			if v := c.Variants[i].Curves; v != nil {
				v.Samples, v.States = v.Samples[:min(3, len(v.Samples))], v.States[:min(2, len(v.States))]
			}
		}
		c.Metrics, c.Trials = c.Metrics[:min(2, len(c.Metrics))], c.Trials[:min(2, len(c.Trials))]
		data, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c record.Comparison
		if len(data) > 1<<16 || json.Unmarshal(data, &c) != nil {
			return
		}
		var figures []pageFigure
		for _, f := range figuresOf(&c) {
			figures = append(figures, pageFigure{ID: f.name, Title: f.title, Alt: strings.Join(f.words, " ")})
		}
		var b bytes.Buffer
		if err := comparisonPage(&c, Options{RecordPath: string(data[:min(len(data), 100)])}, figures).write(&b); err != nil {
			t.Fatal(err)
		}
		if page := b.String(); strings.Contains(page, "<script") || !strings.HasSuffix(page, "</html>\n") {
			t.Fatalf("markup came through, or the page is cut: %.300s", page)
		}
	})
}
