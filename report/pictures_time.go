package report

import (
	"math"
	"strings"

	"twomsl/internal/record"
	"twomsl/report/chart"
)

// drawTimeWait shows either side's TIME_WAIT over time. A side that never held any is told and not drawn.
func drawTimeWait(list []course) *pictured {
	f := &pictured{name: "time-wait", title: "TIME_WAIT over time", chart: &chart.Chart{}}
	top := 0.0
	for _, side := range lots(list) {
		value := func(p *record.CurvePoint) *int64 { return timeWaitAt(p, side) }
		panel := chart.Panel{Title: timeWaitOn(side), X: overTime(list)}
		counted, most := false, 0.0
		var words []string
		for i, v := range list {
			line, s := lineOf(i, v, value)
			if line == nil {
				continue
			}
			panel.Lines = append(panel.Lines, *line)
			counted, most = true, math.Max(most, s.most)
			words = append(words, v.said(s.words()))
		}
		switch {
		case most > 0:
			top = math.Max(top, most)
			f.chart.Panels = append(f.chart.Panels, panel)
			if list[0].name == "" {
				f.words = append(f.words, timeWaitOn(side)+": "+strings.Join(words, " "))
			} else {
				f.words = append(append(f.words, timeWaitOn(side)+"."), words...)
			}
		case counted:
			f.words = append(f.words, heldNone(side, "none"))
		}
	}
	if len(f.chart.Panels) == 0 {
		return nil
	}
	moments, _ := exhaustions(list)
	for i := range f.chart.Panels {
		f.chart.Panels[i].Y = countAxis("sockets in TIME_WAIT", top)
		if f.chart.Panels[i].Title == timeWaitOn(opener(list)) {
			f.chart.Panels[i].Moments = moments
		}
	}
	return f
}

// drawPorts shows the ports in use against the range, with the forecast, the half-range cliff and the moment at which
// none was left.
func drawPorts(list []course) *pictured {
	panel := chart.Panel{X: overTime(list)}
	f := &pictured{name: "ports", title: "Ports in use against the range"}
	if opener(list) == relayServer {
		f.title = "The relay's ports towards the server in use against the range"
	}
	peak := 0.0
	for i, v := range list {
		line, s := lineOf(i, v, func(p *record.CurvePoint) *int64 { return p.PortsInUse })
		if line == nil {
			continue
		}
		panel.Lines = append(panel.Lines, *line)
		peak = math.Max(peak, s.most)
		f.words = append(f.words, v.said(s.words()))
	}
	if peak == 0 {
		return nil
	}
	usable := levelsOf(list, "all %s ports", "Usable ports", func(v *record.Curve) *float64 { return float(v.PortsUsable) })
	for i := range usable.list {
		usable.list[i].Firm = true
	}
	cliff := levelsOf(list, "half-range cliff %s", "Half-range cliff", func(v *record.Curve) *float64 { return float(v.PortsCliff) })
	forecast := levelsOf(list, "forecast %s", "Forecast plateau", func(v *record.Curve) *float64 { return v.PortsForecast })
	top := peak
	for _, l := range usable.list {
		if peak >= 0.05*l.At { // else the range would leave nothing to see of the ports
			top = math.Max(top, l.At)
		}
	}
	for _, l := range forecast.list {
		if l.At <= 1.3*top {
			top = math.Max(top, l.At)
		}
	}
	panel.Y = countAxis("local ports taken", top)
	for _, group := range []levels{usable, cliff, forecast} {
		if group.words != "" {
			f.words = append(f.words, group.words)
		}
		for _, l := range group.list {
			if l.At > panel.Y.Most {
				l.Label = "↑ " + l.Label
			}
			panel.Levels = append(panel.Levels, l)
		}
	}
	var words []string
	panel.Moments, words = exhaustions(list)
	f.words = append(f.words, words...)
	f.chart = &chart.Chart{Panels: []chart.Panel{panel}}
	return f
}

func float(n *int64) *float64 {
	if n == nil {
		return nil
	}
	v := float64(*n)
	return &v
}

// levels are the same limit of all courses, with a sentence that tells them.
type levels struct {
	list  []chart.Level
	words string
}

// levelsOf gives the level that each course has, one for all that have the same.
func levelsOf(list []course, text, said string, value func(*record.Curve) *float64) levels {
	var out levels
	names := map[float64][]string{}
	for _, v := range list {
		if at := value(v.Curve); at != nil && *at > 0 {
			if names[*at] == nil {
				out.list = append(out.list, chart.Level{At: *at})
			}
			names[*at] = append(names[*at], v.name)
		}
	}
	var words []string
	for i := range out.list {
		l := &out.list[i]
		n, who := count(whole(l.At)), names[l.At]
		l.Label = strings.Replace(text, "%s", n, 1)
		if len(who) == len(list) {
			words = append(words, n)
			continue
		}
		words = append(words, strings.Join(who, " and ")+" "+n)
		for k := range who {
			who[k] = shortName(who[k])
		}
		l.Label = strings.Join(who, ", ") + ": " + l.Label
	}
	if len(words) > 0 {
		out.words = said + ": " + strings.Join(words, ", ") + "."
	}
	return out
}

// drawConnections shows how many connections had gone through and had failed so far.
func drawConnections(list []course) *pictured {
	f := &pictured{name: "connections", title: "Connections over time", chart: &chart.Chart{}}
	top := 0.0
	for _, part := range []struct {
		title string
		value func(*record.CurvePoint) *int64
	}{
		{"went through", func(p *record.CurvePoint) *int64 { return &p.OK }},
		{"failed", func(p *record.CurvePoint) *int64 { return &p.Failed }},
	} {
		panel := chart.Panel{Title: part.title, X: overTime(list)}
		most := 0.0
		var words []string
		for i, v := range list {
			line, s := lineOf(i, v, part.value)
			if line == nil {
				continue
			}
			panel.Lines = append(panel.Lines, *line)
			most = math.Max(most, s.most)
			words = append(words, v.said(significant(s.last)+" "+part.title+"."))
		}
		if most > 0 {
			top = math.Max(top, most)
			f.chart.Panels = append(f.chart.Panels, panel)
			f.words = append(f.words, words...)
		} else if len(words) > 0 {
			f.words = append(f.words, "None "+part.title+".")
		}
	}
	if len(f.chart.Panels) == 0 {
		return nil
	}
	for i := range f.chart.Panels {
		f.chart.Panels[i].Y = countAxis("connections so far", top)
	}
	return f
}
