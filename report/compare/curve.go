package compare

import (
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"twomsl/internal/record"
)

// mostPoints is how many moments of a trial a chart is given: more do not show on a page.
const mostPoints = 240

// Curve is what charts show of trials that were run alike: the first one's samples over time, thinned out, and the
// connect() latencies of all of them by quantile. Nil where there is no trial.
func Curve(trials []*record.Trial) *record.Curve {
	if len(trials) == 0 {
		return nil
	}
	t := trials[0]
	c := &record.Curve{Trial: t.ID, LoadSeconds: t.Phases.LoadSeconds, Latency: latencies(trials)}
	c.PortsUsable, c.PortsForecast, c.PortsCliff = portLimits(portsOf(t))
	c.Relayed = t.Relay != nil
	if r := exhaustion(t); r.unmeasured == "" && !r.never {
		c.FirstExhaustionSeconds = &r.value
	}
	c.Samples = samples(t, c.FirstExhaustionSeconds)
	c.States = states(t)
	return c
}

// portLimits adds up the tuples: a plateau only where each was forecast, a cliff only where each has one.
func portLimits(ports []record.Tuple) (all *int64, plateau *float64, cliff *int64) {
	if len(ports) == 0 {
		return nil, nil, nil
	}
	total, rise, half := 0.0, 0.0, 0.0
	haveRise, haveCliff := true, true
	for i := range ports {
		f := ports[i].Forecast
		total += usable(&ports[i])
		if haveRise = haveRise && f.Plateau != nil; haveRise {
			rise += *f.Plateau
		}
		if haveCliff = haveCliff && f.CliffPerSecond != nil; haveCliff {
			half += math.Floor(usable(&ports[i]) / 2)
		}
	}
	if n, ok := whole(total); ok {
		all = &n
	}
	if haveRise && rise >= 0 && rise <= atMost {
		plateau = &rise
	}
	if n, ok := whole(half); ok && haveCliff {
		cliff = &n
	}
	return all, plateau, cliff
}

func whole(v float64) (int64, bool) {
	return int64(max(0, min(v, atMost))), v >= 0 && v <= atMost
}

// samples joins the two sides' samples in the order of time. Each point has what its own side counted; the client's
// running totals stand in all of them.
func samples(t *record.Trial, first *float64) []record.CurvePoint {
	points := make([]record.CurvePoint, 0, len(t.Sides.Client.Samples))
	for i := range t.Sides.Client.Samples {
		s := &t.Sides.Client.Samples[i]
		p := record.CurvePoint{AtSeconds: s.AtMS / 1e3, ClientTimeWait: s.TimeWait, OK: s.OK, Failed: s.Failed}
		if t.Relay == nil {
			p.PortsInUse = portsIn(s)
		}
		points = append(points, p)
	}
	points = slices.DeleteFunc(points, func(p record.CurvePoint) bool { return math.IsNaN(p.AtSeconds) || math.IsInf(p.AtSeconds, 0) })
	beside(points, t.Sides.Server.Samples, func(p *record.CurvePoint, s *record.Sample) { p.ServerTimeWait = s.TimeWait })
	if r := t.Relay; r != nil {
		beside(points, r.Client.Samples, func(p *record.CurvePoint, s *record.Sample) { p.Relay.Client = s.TimeWait })
		beside(points, r.Server.Samples, func(p *record.CurvePoint, s *record.Sample) {
			p.Relay.Server, p.PortsInUse = s.TimeWait, portsIn(s)
		})
	}
	return thin(points, pins(points, first))
}

// portsIn adds up the tuples' ports in use; nil where they were not counted.
func portsIn(s *record.Sample) *int64 {
	var n int64
	for _, one := range s.PortsInUse {
		n += one
	}
	if len(s.PortsInUse) == 0 || n < 0 {
		return nil
	}
	return &n
}

// beside puts another side's counts beside the client's: into the point of the same moment, or the next one.
func beside(points []record.CurvePoint, samples []record.Sample, put func(*record.CurvePoint, *record.Sample)) {
	at := 0
	for i := range samples {
		if samples[i].TimeWait == nil {
			continue
		}
		for at < len(points)-1 && points[at].AtSeconds*1e3 < samples[i].AtMS {
			at++
		}
		if at < len(points) {
			put(&points[at], &samples[i])
		}
	}
}

// pins are the points that no thinning may take away: the highest of each count, and the last before and the first after
// the ports ran out.
func pins(points []record.CurvePoint, first *float64) (keep []int) {
	for _, of := range []func(*record.CurvePoint) *int64{
		func(p *record.CurvePoint) *int64 { return p.ClientTimeWait },
		func(p *record.CurvePoint) *int64 { return p.ServerTimeWait },
		func(p *record.CurvePoint) *int64 { return p.PortsInUse },
	} {
		best := -1
		for i := range points {
			if n := of(&points[i]); n != nil && (best < 0 || *n > *of(&points[best])) {
				best = i
			}
		}
		if best >= 0 {
			keep = append(keep, best)
		}
	}
	if first == nil {
		return keep
	}
	if i := slices.IndexFunc(points, func(p record.CurvePoint) bool { return p.AtSeconds >= *first }); i >= 0 {
		keep = append(keep, max(0, i-1), i)
	}
	return keep
}

// thin keeps mostPoints of the points, evenly spread, with the first, the last and those in keep.
func thin[T any](points []T, keep []int) []T {
	if len(points) <= mostPoints {
		return points
	}
	wanted := map[int]bool{}
	for _, i := range keep {
		wanted[i] = true
	}
	room := mostPoints - len(wanted)
	for i := range room {
		wanted[i*(len(points)-1)/(room-1)] = true
	}
	out := make([]T, 0, mostPoints)
	for i := range points {
		if wanted[i] {
			out = append(out, points[i])
		}
	}
	return out
}

// states pairs the splits by state of all sides: each of the client's with the others' last one until then.
func states(t *record.Trial) []record.CurveStates {
	var out []record.CurveStates
	server := lastSplit(t.Sides.Server.Samples)
	var near, far func(float64) record.Counts
	if r := t.Relay; r != nil {
		near, far = lastSplit(r.Client.Samples), lastSplit(r.Server.Samples)
	}
	for i := range t.Sides.Client.Samples {
		s := &t.Sides.Client.Samples[i]
		if s.States == nil || math.IsNaN(s.AtMS) || math.IsInf(s.AtMS, 0) {
			continue
		}
		one := record.CurveStates{
			AtSeconds: s.AtMS / 1e3, States: record.SidePair[record.Counts]{Client: s.States, Server: server(s.AtMS)},
		}
		if near != nil {
			one.Relay = &record.SidePair[record.Counts]{Client: near(s.AtMS), Server: far(s.AtMS)}
		}
		out = append(out, one)
	}
	return thin(out, nil)
}

// lastSplit gives the last split by state until a moment; the moments must come in order.
func lastSplit(samples []record.Sample) func(atMS float64) record.Counts {
	at, last := 0, record.Counts(nil)
	return func(until float64) record.Counts {
		for ; at < len(samples) && samples[at].AtMS <= until; at++ {
			if samples[at].States != nil {
				last = samples[at].States
			}
		}
		return last
	}
}

// latencies merges the trials' histograms. Where one of them counts from another moment, or cannot be read, there is no
// common curve, and the first trial's stands alone.
func latencies(trials []*record.Trial) []record.LatencyPoint {
	var all *hdrhistogram.Histogram
	var intended bool
	for _, t := range trials {
		q, from := t.Latency.FromIntended, true
		if q == nil {
			q, from = t.Latency.Connect, false
		}
		if q == nil || q.Histogram == "" || all != nil && from != intended {
			continue
		}
		h, err := hdrhistogram.Decode([]byte(q.Histogram))
		switch {
		case err != nil || h.TotalCount() == 0:
		case all == nil:
			all, intended = h, from
		default:
			all.Merge(h)
		}
	}
	if all == nil {
		return nil
	}
	points := make([]record.LatencyPoint, 0, len(quantiles))
	for _, q := range quantiles {
		points = append(points, record.LatencyPoint{Quantile: q, US: float64(max(0, all.ValueAtQuantile(q*100)))})
	}
	return points
}

// quantiles grow denser towards 1, where latencies differ.
var quantiles = func() (all []float64) {
	for q := 1; q < 10; q++ {
		all = append(all, float64(q)/100)
	}
	for q := 10; q < 90; q += 5 {
		all = append(all, float64(q)/100)
	}
	for q := 90; q < 99; q++ {
		all = append(all, float64(q)/100)
	}
	return append(all, 0.99, 0.993, 0.996, 0.998, 0.999, 0.9995, 0.9999)
}()
