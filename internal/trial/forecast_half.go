//go:build linux

package trial

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// Search is what plain connect() costs on this machine once half of a range is taken, measured beforehand.
type Search struct {
	ConnectUS   float64 // processor time of a connect() that searches the taken half in vain, on average
	HalfSeconds float64 // processor time of one thread that opened and closed half of the range, both ends
	Calls       int     // that ConnectUS rests on
}

// Searcher measures that for a range, in a lab of its own, so that the run finds all its ports free.
type Searcher func(ctx context.Context, r record.PortRange) (Search, error)

// leastHalf is how many ports half of a range must have for its search to be worth measuring: below it costs less than the
// rest of a connection does.
const leastHalf = 1024

// searches tells whether the load gets past half of a tuple's ports with plain connect(), while none comes back: with
// TIME_WAIT for its whole life on the client.
func (r *run) searches(taken life, usable int64) bool {
	s := &r.scenario
	half := usable / 2
	if r.commanded() || r.opt.Search == nil || half < leastHalf || taken.least < r.life.least || r.neverCloses() ||
		!s.Client.LocalPortRange.Off() || s.Client.Bind.Mode == scenario.BindPorts || bindChooses(s.Client) {
		return false
	}
	if s.Load.Rate != scenario.Max && float64(s.Load.Rate)/float64(len(r.tuples))*taken.least.Seconds() <= float64(half) {
		return false
	}
	return withinCount(*s, half, len(r.tuples))
}

// pastHalf adds to a tuple's forecast what the search past half of the range does to it.
func (r *run) pastHalf(f *record.Forecast, pr record.PortRange, taken life, usable int64) {
	if !r.searches(taken, usable) {
		return
	}
	even := pr
	even.High -= pr.Size() % 2
	m, err := r.opt.Search(r.hard, even)
	if err != nil {
		r.warn(record.Warning{
			Code: "search-not-measured", Text: "what connect() costs past half of the port range could not be measured beforehand: " + err.Error(),
			Advice: "the forecast is that of a connect() that always costs the same",
		})
		return
	}
	addPastHalf(f, r.scenario, m, taken.least, usable, even.Size(), len(r.tuples), min(r.workers().Client, runtime.NumCPU()))
}

// addPastHalf holds what was measured, on a range of so many ports, against the load.
func addPastHalf(f *record.Forecast, s scenario.Scenario, m Search, least time.Duration, usable int64, measured, tuples, workers int) {
	half := (usable + 1) / 2
	each := m.HalfSeconds / float64(measured/2) // a connection, up to half
	search := m.ConnectUS / 1e6 * float64(usable) / float64(measured)
	// Each worker makes one connect() at a time, and the tuples share them; slow is how many times as long it takes.
	course := func(slow float64) (before, past, full float64) {
		share := float64(workers) / float64(tuples) / slow
		before, past = share/each, share/(each+search)
		if s.Load.Rate != scenario.Max {
			asked := float64(s.Load.Rate) / float64(tuples)
			before, past = min(before, asked), min(past, asked)
		}
		return before, past, float64(half)/before + float64(usable-half)/past
	}
	before, past, full := course(1)
	h := &record.PastHalf{
		After: half, AfterSeconds: float64(half) / before, ConnectUS: search * 1e6, PerSecond: past, FullSeconds: full,
		How: fmt.Sprintf("the processor time of %d plain connects, measured before the load with half of the same range taken", m.Calls),
	}
	_, _, soonest := course(1 / sure)
	_, _, latest := course(sure)
	f.PastHalf, f.ExhaustedAfter, f.ExhaustedSeconds = h, nil, nil
	h.Fills, h.Why = fills(s, float64(usable-half)/past, soonest, latest, least, withinCount(s, usable, tuples))
	if h.Fills != "no" {
		f.ExhaustedAfter, f.ExhaustedSeconds = &usable, new(full)
	}
}

// sure is how much faster or slower than measured the machine may be for a plain yes or no: its speed drifts.
const sure = 1.25

// fills judges whether the last port is taken before the first comes back, and before the load ends. second is how long the
// second half takes; soonest and latest are when the last port is taken. reached says that there are connections enough.
func fills(s scenario.Scenario, second, soonest, latest float64, least time.Duration, reached bool) (verdict, why string) {
	if !reached {
		return "no", "the load ends before all ports are taken"
	}
	limit, what := least.Seconds(), "the first TIME_WAIT expire"
	if after := s.Load.Stop.After.Std().Seconds(); after < limit {
		limit, what = after, "the load ends"
	}
	switch {
	case latest < limit:
		return "yes", fmt.Sprintf("the second half takes %s, and %s at %s", inSeconds(second), what, inSeconds(limit))
	case soonest >= limit:
		return "no", fmt.Sprintf("the second half would take %s, and %s at %s", inSeconds(second), what, inSeconds(limit))
	}
	return "maybe", fmt.Sprintf("the second half takes about %s, and %s at %s: how fast this machine happens to be decides",
		inSeconds(second), what, inSeconds(limit))
}

func inSeconds(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f s", v)
	}
	return fmt.Sprintf("%.0f s", math.Round(v))
}

// neverFills tells of a tuple of which the forecast says that its ports come back before the last is taken.
func neverFills(f *record.Forecast) bool { return f.PastHalf != nil && f.PastHalf.Fills == "no" }

// portsToFill is how many ports a tuple has.
func portsToFill(p *record.Tuple) int64 {
	if n := p.Forecast.ExhaustedAfter; n != nil {
		return *n
	}
	return int64(p.Range.Size())
}
