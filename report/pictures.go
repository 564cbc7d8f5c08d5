package report

import (
	"fmt"
	"math"
	"strings"

	"twomsl/internal/record"
	"twomsl/report/chart"
)

// Picture is one chart in a file of its own.
type Picture struct {
	Name string // of the file
	Data []byte
}

// PictureKinds lists the formats of which a report has several files: one for each chart, for light and for dark ground.
func PictureKinds() []string { return []string{"png", "svg"} }

// Pictures draws every chart that c has data for, as PictureKinds names it.
func Pictures(c *record.Comparison, kind string) ([]Picture, error) {
	return drawn(figuresOf(c), clean(c.Scenario.Name), kind)
}

// TrialPictures draws t as Pictures draws a comparison.
func TrialPictures(t *record.Trial, kind string) ([]Picture, error) {
	return drawn(trialFigures(t), trialName(t), kind)
}

// drawn makes the files of charts, each with its title and whom it is of.
func drawn(list []pictured, of, kind string) ([]Picture, error) {
	draw := (*chart.Chart).SVG
	switch kind {
	case "svg":
	case "png":
		draw = (*chart.Chart).PNG
	default:
		return nil, fmt.Errorf("unknown kind of picture %q: it is one of %s", kind, strings.Join(PictureKinds(), ", "))
	}
	var out []Picture
	for _, f := range list {
		f.chart.Title = f.title + " · " + of
		for _, ground := range []struct {
			suffix string
			theme  chart.Theme
		}{{"", chart.Light}, {"-dark", chart.Dark}} {
			data, err := draw(f.chart, ground.theme, chart.Wide)
			if err != nil {
				return nil, err
			}
			out = append(out, Picture{f.name + ground.suffix + "." + kind, data})
		}
	}
	return out, nil
}

// pictured is a chart with what it shows in words.
type pictured struct {
	name, title string
	chart       *chart.Chart
	words       []string // sentences with the figures
}

// course is what a chart shows of a variant, or of the one trial, which needs no name there.
type course struct {
	name string
	*record.Curve
}

// said tells something of the course in a sentence.
func (v course) said(text string) string {
	if v.name == "" {
		return sentence(text)
	}
	return v.name + ": " + text
}

// label is said for what has little room.
func (v course) label(text string) string {
	if v.name == "" {
		return text
	}
	return shortName(v.name) + ": " + text
}

// mostCourses is how many variants one chart holds: as many as there are colours and dashes.
const mostCourses = 6

// coursesOf are the variants that are drawn on common axes: all, and line by line the first and the one with all lines.
func coursesOf(c *record.Comparison) []course {
	var out []course
	for i := range c.Variants {
		v := &c.Variants[i]
		if v.Curves == nil || c.Plan.ByLine && v.Role != "before" && v.Role != "after" || len(out) == mostCourses {
			continue
		}
		out = append(out, course{clean(v.Name), v.Curves})
	}
	return out
}

// figuresOf are the charts that c has data for, in the order in which they are shown.
func figuresOf(c *record.Comparison) []pictured {
	list := coursesOf(c)
	var out []pictured
	for _, make := range []func([]course) *pictured{drawTimeWait, drawPorts, drawLatency, drawConnections} {
		if f := make(list); f != nil {
			out = append(out, *f)
		}
	}
	return append(out, drawStates(list)...)
}

// shortName keeps a variant's name from filling a chart.
func shortName(name string) string {
	const most = 28
	if letters := []rune(name); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return name
}

// overTime is the axis that all courses share.
func overTime(list []course) chart.Axis {
	end := 0.0
	for _, v := range list {
		end = math.Max(end, v.LoadSeconds)
		if n := len(v.Samples); n > 0 {
			end = math.Max(end, v.Samples[n-1].AtSeconds)
		}
		if n := len(v.States); n > 0 {
			end = math.Max(end, v.States[n-1].AtSeconds)
		}
	}
	return chart.Axis{Label: "seconds from the start of the load", Most: end, Write: significant}
}

func countAxis(label string, most float64) chart.Axis {
	return chart.Axis{Label: label, Most: math.Max(most*1.06, 1), Write: significant}
}

// pointsOf gives a quantity over time, at the moments at which it was counted.
func pointsOf(v *record.Curve, value func(*record.CurvePoint) *int64) []chart.Point {
	var out []chart.Point
	for i := range v.Samples {
		if n := value(&v.Samples[i]); n != nil {
			out = append(out, chart.Point{X: v.Samples[i].AtSeconds, Y: float64(*n)})
		}
	}
	return out
}

// fewPoints are so few that each is shown: between them nobody looked.
const fewPoints = 40

// summary is what there is to say of a quantity over time.
type summary struct {
	most, last float64
	since, end float64 // when the most was first reached, all but a hundredth of it; of the last point
}

func summed(points []chart.Point) (s summary) {
	for _, p := range points {
		s.most, s.last, s.end = math.Max(s.most, p.Y), p.Y, p.X
	}
	for _, p := range points {
		if p.Y >= 0.99*s.most {
			s.since = p.X
			break
		}
	}
	return s
}

// words tells a course.
func (s summary) words() string {
	switch {
	case s.most == 0:
		return "none."
	case s.last >= 0.99*s.most && s.since > 0.95*s.end:
		return "rises to " + significant(s.most) + " until the end."
	case s.last >= 0.99*s.most:
		return fmt.Sprintf("%s at most, from %s on.", significant(s.most), seconds(math.Max(0, s.since)))
	}
	return fmt.Sprintf("%s at most, at %s; %s at the end.", significant(s.most), seconds(math.Max(0, s.since)), significant(s.last))
}

// lineOf makes the line of a quantity of one course; nil where it was never counted.
func lineOf(i int, v course, value func(*record.CurvePoint) *int64) (*chart.Line, summary) {
	points := pointsOf(v.Curve, value)
	s := summed(points)
	if len(points) == 0 {
		return nil, s
	}
	return &chart.Line{
		Name: shortName(v.name), Series: i, Points: points, End: v.label(significant(s.last)), Dots: len(points) <= fewPoints,
	}, s
}

// exhaustions marks when each course ran out of ports.
func exhaustions(list []course) (moments []chart.Moment, words []string) {
	for i, v := range list {
		if at := v.FirstExhaustionSeconds; at != nil {
			text := "no port left at " + seconds(*at)
			moments = append(moments, chart.Moment{At: *at, Label: v.label(text), Series: i})
			words = append(words, v.said(text+"."))
		}
	}
	return moments, words
}
