package report

import (
	"fmt"
	"math"
	"slices"

	"twomsl/internal/record"
	"twomsl/report/chart"
)

// stacked are the states from the bottom of the stack upwards: TIME_WAIT first, which there is most of, then the others
// in the order of a connection's life. Listening sockets are no connections and are left out.
var stacked = append([]record.State{record.TimeWait}, slices.DeleteFunc(slices.Clone(record.States), func(s record.State) bool {
	return s == record.TimeWait || s == record.Closed || s == record.Listen
})...)

func countsOf(s *record.CurveStates, side string) record.Counts {
	switch {
	case side == client:
		return s.States.Client
	case side == server:
		return s.States.Server
	case s.Relay == nil:
		return nil
	case side == relayClient:
		return s.Relay.Client
	}
	return s.Relay.Server
}

// drawStates shows for each course how many sockets stood in which state on either side. A side has the same axis in
// all of them.
func drawStates(list []course) []pictured {
	shown, top := map[record.State]bool{}, map[string]float64{}
	for _, v := range list {
		for i := range v.States {
			for _, side := range lots(list) {
				counts := countsOf(&v.States[i], side)
				total := int64(0)
				for _, s := range stacked {
					total += max(0, counts[s])
					shown[s] = shown[s] || counts[s] > 0
				}
				top[side] = math.Max(top[side], float64(total))
			}
		}
	}
	names := map[string]int{}
	var out []pictured
	for _, v := range list {
		f := pictured{name: "states", title: "Sockets by state", chart: &chart.Chart{}}
		if v.name != "" {
			f.name, f.title = stateFile(v.name, names), f.title+", "+v.name
		}
		for _, side := range lots(list) {
			if top[side] == 0 {
				f.words = append(f.words, heldNone(side, "no connection when they were counted"))
				continue
			}
			panel, words := statePanel(v, side, shown, top[side])
			panel.X = overTime(list)
			if worthPanel(list, top, side) {
				f.chart.Panels = append(f.chart.Panels, panel)
			}
			f.words = append(f.words, words)
		}
		if len(v.States) > 0 && len(f.chart.Panels) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// stateFile makes a name for a file out of a variant's name, a new one each time.
func stateFile(name string, taken map[string]int) string {
	letters := []rune(name)
	for i, r := range letters {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' && i > 0 || r == '_') {
			letters[i] = '-'
		}
	}
	file := "states-" + string(letters[:min(len(letters), 40)])
	taken[file]++
	if n := taken[file]; n > 1 {
		file = fmt.Sprintf("%s.%d", file, n)
	}
	return file
}

func statePanel(v course, side string, shown map[record.State]bool, top float64) (chart.Panel, string) {
	panel := chart.Panel{Title: spelled(side), Y: countAxis("sockets", top)}
	words := ""
	for hue, s := range stacked {
		if !shown[s] {
			continue
		}
		band := chart.Band{Name: s.Netstat(), Hue: hue}
		most, last := int64(0), int64(0)
		for i := range v.States {
			counts := countsOf(&v.States[i], side)
			if counts == nil {
				continue // not counted at that moment
			}
			last = max(0, counts[s])
			band.Points = append(band.Points, chart.Point{X: v.States[i].AtSeconds, Y: float64(last)})
			most = max(most, last)
		}
		if float64(last) >= 0.03*top {
			band.End = s.Netstat() + " " + count(last)
		}
		if most > 0 {
			if words != "" {
				words += ", "
			}
			words += count(most) + nbsp + s.Netstat()
		}
		panel.Bands = append(panel.Bands, band)
	}
	if words == "" {
		return panel, heldNone(side, "no connection when they were counted")
	}
	return panel, "Most at one time on the " + spelled(side) + ": " + words + "."
}
