package report

import (
	"math"

	"twomsl/internal/record"
	"twomsl/report/chart"
)

// canaryPictures are the charts of canaries: what others call, and what new connections meet.
var canaryPictures = []struct {
	name, title string
	canaries    []string
}{
	{"canaries", "SSH and names over time", []string{sshCanary, dnsCanary}},
	{"canaries-tuple", "New connections over time", []string{tupleCanary, secondCanary}},
}

// drawCanaries shows how long each call of a canary took over time, a panel for each name, and along the top those that
// were not answered. All have the same axes.
func drawCanaries(t *record.Trial) (out []pictured) {
	least, most, from, to := canaryBounds(t)
	if to <= from {
		return nil
	}
	x := chart.Axis{Label: "seconds from the start of the load", Least: from, Most: to, Write: significant}
	for _, picture := range canaryPictures {
		f := pictured{name: picture.name, title: picture.title, chart: &chart.Chart{}}
		for _, name := range picture.canaries {
			panel := chart.Panel{Title: name, X: x, Y: answerAxis(least, most)}
			for _, c := range canariesOf(t, name) {
				addCanary(&panel, t, c)
				f.words = append(f.words, canaryWords(t, c))
			}
			if len(panel.Lines) > 0 {
				f.chart.Panels = append(f.chart.Panels, panel)
			}
		}
		if len(f.chart.Panels) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// addCanary draws one canary into its name's panel.
func addCanary(panel *chart.Panel, t *record.Trial, c *record.Canary) {
	series := 0
	if c.From == fromHost {
		series = 1
	}
	line, lost := canaryLines(c, panel.Y.Most)
	line.Name, line.Series = "from "+calledFrom(t, c), series
	panel.Lines = append(panel.Lines, line)
	if lost == nil {
		return
	}
	panel.Lines = append(panel.Lines, *lost)
	if at := c.FirstFailureSeconds; at != nil {
		panel.Moments = append(panel.Moments, chart.Moment{At: *at, Label: "fails at " + seconds(math.Max(0, *at)), Series: lostSeries})
	}
}

// lostSeries is the colour of what was not answered.
const lostSeries = 3

// answerAxis leaves room at the top for the calls that were not answered.
func answerAxis(least, most float64) chart.Axis {
	if most == 0 {
		least, most = 100, 1000
	}
	a := latencyAxis(least, most)
	a.Label = "answered after"
	if a.Most <= a.Least {
		a.Most = 10 * a.Least
	}
	a.Most *= 1.6
	return a
}

// canaryBounds are the fastest and the slowest answer, and the first and the last call.
func canaryBounds(t *record.Trial) (least, most, from, to float64) {
	least = math.Inf(1)
	for i := range t.Canaries {
		for _, p := range t.Canaries[i].Points {
			from, to = math.Min(from, p.AtMS/1e3), math.Max(to, p.AtMS/1e3)
			if us := p.LatencyUS; us != nil && *us > 0 {
				least, most = math.Min(least, *us), math.Max(most, *us)
			}
		}
	}
	return least, most, from, to
}

// canaryLines are the course of the answers, broken where there was none, and the calls without one; nil where all were
// answered.
func canaryLines(c *record.Canary, top float64) (answered chart.Line, lost *chart.Line) {
	answered.Dots = len(c.Points) <= fewPoints
	missing := chart.Line{Name: "not answered", Series: lostSeries, Dots: true}
	for _, p := range c.Points {
		at, us, none := p.AtMS/1e3, math.NaN(), top
		if p.LatencyUS != nil {
			us, none = *p.LatencyUS, math.NaN()
		} else {
			lost = &missing
		}
		answered.Points = append(answered.Points, chart.Point{X: at, Y: us})
		missing.Points = append(missing.Points, chart.Point{X: at, Y: none})
	}
	if q := c.Latency; q != nil {
		answered.End = "p50 " + micros(q.P50US)
	}
	return answered, lost
}

// canaryWords tell a canary's course in a sentence.
func canaryWords(t *record.Trial, c *record.Canary) string {
	text := clean(c.Name) + " from " + calledFrom(t, c) + ": " + count(c.Answered) + " of " + counted(c.Calls, "call", "calls") + " answered"
	if q := c.Latency; q != nil {
		text += ", p50 " + micros(q.P50US) + ", p99 " + micros(q.P99US)
	}
	if how := canaryFailures(c); how != "" {
		text += "; " + how
	}
	return text + "."
}
