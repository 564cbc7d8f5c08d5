package report

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// pages are the comparisons that pages are made of: goldens of the terminal with the curves that charts show.
func pages() []*record.Comparison {
	return []*record.Comparison{exhaustedPage(), noisyPage(), emptyPage(), nothingPage()}
}

// curve draws samples of seconds, ten times a second; every fifth of them also counts ports and states.
func curve(trial string, seconds float64, at func(s float64) (clientTW, serverTW, ok, failed int64), live record.SidePair[record.Counts]) *record.Curve {
	v := &record.Curve{Trial: trial, LoadSeconds: seconds}
	for i := 0; float64(i) <= seconds*10; i++ {
		s := float64(i)/10 + 0.08
		c, w, ok, failed := at(math.Min(s, seconds))
		p := record.CurvePoint{AtSeconds: s, ClientTimeWait: &c, ServerTimeWait: &w, OK: ok, Failed: failed}
		if i%5 == 0 {
			p.PortsInUse = ptr(c + live.Client[record.Established])
			of := record.CurveStates{AtSeconds: s}
			of.States.Client, of.States.Server = record.Counts{record.TimeWait: c}, record.Counts{record.TimeWait: w, record.Listen: 1}
			for state, n := range live.Client {
				of.States.Client[state] += n
			}
			for state, n := range live.Server {
				of.States.Server[state] += n
			}
			v.States = append(v.States, of)
		}
		v.Samples = append(v.Samples, p)
	}
	return v
}

// quantilesOf gives latencies that grow by the same factor with each nine.
func quantilesOf(p50, grow, most float64) []record.LatencyPoint {
	var out []record.LatencyPoint
	for _, q := range []float64{0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999} {
		out = append(out, record.LatencyPoint{Quantile: q, US: math.Min(most, p50*math.Pow(grow, math.Log10(0.5/(1-q))))})
	}
	return append(out, record.LatencyPoint{Quantile: 1, US: most})
}

// exhaustedPage is the recipe of four lines, with the curves of the two runs: 200/s for 10 s on 1,000 ports.
func exhaustedPage() *record.Comparison {
	c := fourLines()
	before := curve("port-exhaustion-small-20261121-101500-0000", 10, func(s float64) (int64, int64, int64, int64) {
		n := min(1000, int64(200*s))
		return n, 0, n, int64(200*s) - n
	}, record.SidePair[record.Counts]{})
	before.PortsUsable, before.PortsCliff, before.PortsForecast = ptr(int64(1000)), ptr(int64(500)), ptr(12409.6)
	before.FirstExhaustionSeconds = ptr(5.000365)
	before.Latency = quantilesOf(119, 1.4, 490)
	after := curve("port-exhaustion-small-20261121-101500-0001", 10, func(s float64) (int64, int64, int64, int64) {
		return int64(math.Round(math.Min(200*s, 499*(1-math.Exp(-s/1.4))))), 0, int64(200 * s), 0
	}, record.SidePair[record.Counts]{})
	after.PortsUsable, after.PortsCliff, after.PortsForecast = ptr(int64(1000)), ptr(int64(500)), ptr(200.0)
	after.Latency = quantilesOf(58, 1.7, 617)
	c.Variants[0].Curves, c.Variants[1].Curves = before, after
	effective := func(reused string) map[string]string {
		return map[string]string{
			"net.ipv4.ip_local_port_range": "40000\t40999", "net.ipv4.tcp_tw_reuse": reused, "net.ipv4.tcp_fin_timeout": "60",
			"net.ipv4.tcp_syncookies": "1", "net.ipv4.tcp_max_tw_buckets": "131072",
		}
	}
	c.Variants[0].Effective = record.SidePair[map[string]string]{Client: effective("2"), Server: effective("2")}
	c.Variants[1].Effective = record.SidePair[map[string]string]{Client: effective("1"), Server: effective("1")}
	c.Environment.CPUModel, c.Environment.MemoryBytes = "AMD EPYC 7763", 16<<30
	return c
}

// noisyPage is three variants that differ in their latencies; both sides hold sockets in many states.
func noisyPage() *record.Comparison {
	c := noisyThree()
	for i, rate := range []float64{400, 400, 390} {
		live := record.SidePair[record.Counts]{
			Client: record.Counts{record.Established: 40 + int64(i)*10, record.FinWait2: 900, record.SynSent: 300},
			Server: record.Counts{record.CloseWait: 900, record.Established: 40, record.LastAck: 120, record.SynRecv: 60},
		}
		v := curve(c.Variants[i].Name+"-trial", 60, func(s float64) (int64, int64, int64, int64) {
			return int64(rate * s), int64(rate * s / 20), int64(rate * s * 1.05), 0
		}, live)
		v.PortsUsable, v.PortsCliff, v.PortsForecast = ptr(int64(28232)), ptr(int64(14116)), ptr(400*62.048)
		if i == 1 {
			v.PortsUsable, v.PortsCliff = ptr(int64(63977)), nil
		}
		v.Latency = quantilesOf([]float64{41, 40.6, 43.5}[i], []float64{5, 3, 4.8}[i], []float64{41000, 4100, 38000}[i])
		c.Variants[i].Curves = v
	}
	return c
}

// emptyPage was stopped before any trial counted.
func emptyPage() *record.Comparison {
	c := stoppedShort()
	c.ID, c.Metrics, c.Warnings = "compare-empty-20261121-101500-ab12", nil, nil
	for i := range c.Variants {
		c.Variants[i].Counted, c.Variants[i].Curves = 0, nil
	}
	for i := range c.Trials {
		c.Trials[i].Counted, c.Trials[i].Failure = false, "the lab could not be made"
	}
	return c
}

// nothingPage has a value nowhere.
func nothingPage() *record.Comparison {
	return &record.Comparison{
		Variants: []record.Variant{{Curves: &record.Curve{Samples: make([]record.CurvePoint, 3), States: make([]record.CurveStates, 2)}}, {}},
		Trials:   make([]record.ComparedTrial, 1), Metrics: make([]record.Metric, 2), Settings: make([]record.ComparedSetting, 1),
		Lines: make([]record.Line, 1), Warnings: make([]record.Warning, 1), Enough: slices.Clone([]record.LineRef{}),
	}
}

// hostilePage has what no record of ours has: markup, control characters, turned writing and endless words wherever text
// can stand.
func hostilePage() *record.Comparison {
	long := nasty + strings.Repeat("W", 3000)
	c := noisyPage()
	c.ID, c.Tool, c.Command, c.Scenario.Title, c.Scenario.Name = "compare-hostile-20261121-101500-ab12", nasty, long, nasty, nasty
	for i := range c.Variants {
		v := &c.Variants[i]
		old := v.Name
		v.Name, v.Source, v.Set = nasty+strings.Repeat("V", i*500), long, []string{long}
		v.Curves.Trial = nasty
		v.Effective.Client = map[string]string{nasty: long}
		for k := range c.Metrics {
			if c.Metrics[k].Variant == old {
				c.Metrics[k].Variant = v.Name
			}
		}
		for k := range c.Trials {
			if c.Trials[k].Variant == old {
				c.Trials[k].Variant = v.Name
			}
		}
	}
	for k := range c.Metrics {
		c.Metrics[k].Price, c.Metrics[k].Why, c.Metrics[k].Unit = nasty, long, "<b>"
	}
	c.Settings = []record.ComparedSetting{{Variant: c.Variants[0].Name, Side: client, SysctlAsked: record.SysctlAsked{
		Key: nasty, Asked: long, Outcome: nasty, Value: ptr(nasty), Reason: nasty, ReplacedBy: nasty,
	}}}
	c.Lines = []record.Line{{LineRef: record.LineRef{Key: nasty, Value: long, Side: client}, File: nasty, Verdict: nasty, Why: long, Price: nasty}}
	c.Enough = []record.LineRef{{Key: nasty, Value: nasty, Side: nasty}}
	c.Trials[0].ID, c.Trials[0].Failure = long, nasty
	c.Warnings = []record.Warning{{Code: nasty, Text: long, Advice: nasty, Spoils: []string{nasty}}}
	c.Environment.Kernel, c.Environment.Mitigations = nasty, map[string]string{nasty: nasty}
	c.Environment.Unmeasured = map[string]string{nasty: nasty}
	c.Scenario.Spec = json.RawMessage(`{"a":"<script>alert(3)</script>\u202e"}`)
	return c
}
