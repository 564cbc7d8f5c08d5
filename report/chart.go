package report

import (
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

const (
	chartColumns = 64 // the most that a chart is worth
	tickColumns  = 12 // the least between the labels of its axis
)

var bars = []rune("▁▂▃▄▅▆▇█")

// series is one quantity over the trial.
type series struct {
	label string
	value func(*record.Sample) *int64
	from  []record.Sample
	top   int64  // what a full bar stands for
	text  string // what the most was
}

// charts draws how the TIME_WAIT of the sides that had them and the ports in use went, over one axis of time.
func charts(s *screen, _ *wording, t *record.Trial) {
	list := append(append(troubleSeries(t), timeWaitSeries(t)...), relaySeries(t)...)
	if t.Relay == nil {
		list = append(list, portSeries(t)...)
	}
	end := math.Max(lastMS(t.Sides.Client.Samples), lastMS(t.Sides.Server.Samples))
	if len(list) == 0 || end < 1 {
		return
	}
	widest := 0
	for i := range list {
		widest = max(widest, columns(list[i].text))
	}
	cols := min(chartColumns, s.width-indent-labels-gutter-widest)
	for i := range list {
		one := &list[i]
		line := sparkline(resample(one.from, end, cols, one.value), one.top)
		s.row(one.label, line+strings.Repeat(nbsp, gutter)+one.text)
	}
	s.row("", axis(end/1000, cols))
}

func lastMS(samples []record.Sample) float64 {
	if len(samples) == 0 {
		return 0
	}
	return samples[len(samples)-1].AtMS
}

func timeWaitSeries(t *record.Trial) []series {
	value := func(s *record.Sample) *int64 { return s.TimeWait }
	var list []series
	for _, side := range sides {
		samples := sideOf(t, side).Samples
		if top := most(samples, value); top > 0 {
			list = append(list, series{"TIME_WAIT", value, samples, top, count(top)})
		}
	}
	if len(list) == 2 {
		list[0].label, list[1].label = "TW client", "TW server"
	}
	return list
}

// portSeries is drawn against the whole range, so that the room above the bars is the room that is left. Ports that
// are hardly used are not worth a chart.
func portSeries(t *record.Trial) []series {
	total := int64(0)
	for i := range t.Ports {
		total += int64(t.Ports[i].Range.Size())
	}
	value := func(s *record.Sample) *int64 {
		if s.PortsInUse == nil {
			return nil
		}
		sum := int64(0)
		for _, n := range s.PortsInUse {
			sum += n
		}
		return &sum
	}
	top := most(t.Sides.Client.Samples, value)
	if total == 0 || top < total/100 || top <= 0 {
		return nil
	}
	text := count(top) + " of " + count(total)
	return []series{{"ports taken", value, t.Sides.Client.Samples, max(top, total), text}}
}

func most(samples []record.Sample, value func(*record.Sample) *int64) int64 {
	top := int64(0)
	for i := range samples {
		if v := value(&samples[i]); v != nil {
			top = max(top, *v)
		}
	}
	return top
}

// resample gives the most that was seen in each of cols equal parts of the time from 0 to endMS. A part between two
// samples takes the value of the one before it, unless they lie much further apart than samples usually do: what was
// not looked at stays nil.
func resample(samples []record.Sample, endMS float64, cols int, value func(*record.Sample) *int64) []*int64 {
	out := make([]*int64, cols)
	gap := math.Max(3*usualGap(samples, value), endMS/float64(cols))
	var before *int64
	beforeCol, beforeAt := -1, 0.0
	for i := range samples {
		v, at := value(&samples[i]), math.Max(0, samples[i].AtMS)
		if v == nil {
			continue
		}
		col := min(cols-1, int(at/endMS*float64(cols)))
		if before != nil && at-beforeAt <= gap {
			for c := beforeCol + 1; c < col; c++ {
				out[c] = before
			}
		}
		if out[col] == nil || *v > *out[col] {
			out[col] = v
		}
		before, beforeCol, beforeAt = v, col, at
	}
	return out
}

// usualGap is the median time between the samples that have a value, in milliseconds.
func usualGap(samples []record.Sample, value func(*record.Sample) *int64) float64 {
	var gaps []float64
	last := math.NaN()
	for i := range samples {
		if value(&samples[i]) == nil {
			continue
		}
		if at := samples[i].AtMS; !math.IsNaN(last) {
			gaps = append(gaps, at-last)
		}
		last = samples[i].AtMS
	}
	if len(gaps) == 0 {
		return 0
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

// sparkline draws values as bars of eight heights; a value that is not there is a gap.
func sparkline(values []*int64, top int64) string {
	var b strings.Builder
	for _, v := range values {
		if v == nil {
			b.WriteString(nbsp)
			continue
		}
		height := int(math.Ceil(float64(*v)/float64(top)*float64(len(bars)))) - 1
		b.WriteRune(bars[min(max(height, 0), len(bars)-1)])
	}
	return b.String()
}

// axis labels the time under cols columns that stand for so many seconds.
func axis(end float64, cols int) string {
	line := ""
	step := tick(end, cols)
	for i := range cols {
		at := float64(i) * step
		if !(at <= end) || i > 0 && !(step > 0) {
			break
		}
		label := tickLabel(at, step)
		col := int(at / end * float64(cols))
		if col+columns(label) > cols && line != "" {
			break
		}
		line += strings.Repeat(nbsp, max(0, col-columns(line))) + label
	}
	return line
}

// tickLabel writes a time in the unit of the step, so that one axis has one unit.
func tickLabel(at, step float64) string {
	switch {
	case at == 0:
		return "0" + nbsp + "s"
	case step < 1:
		return seconds(at)
	case math.Mod(step, 3600) == 0:
		return figure(at/3600, 0) + nbsp + "h"
	case math.Mod(step, 60) == 0 && step > 60:
		return figure(at/60, 0) + nbsp + "min"
	}
	return figure(at, 0) + nbsp + "s"
}

// tick is the least round number of seconds whose labels do not touch.
func tick(end float64, cols int) float64 {
	least := end * tickColumns / float64(cols)
	for _, step := range []float64{15, 30, 60, 120, 300, 600, 1800, 3600} {
		if step >= least && least > 10 {
			return step
		}
	}
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*power >= least {
			return m * power
		}
	}
	return least
}
