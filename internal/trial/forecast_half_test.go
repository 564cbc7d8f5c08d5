//go:build linux

package trial

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"testing"
	"time"

	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// What plain connect() costs past half of the range decides whether it ever gets full: figures of this kind of machine for
// 28,232 ports and for 64,512.
func TestPastHalf(t *testing.T) {
	narrow := Search{ConnectUS: 2280, HalfSeconds: 0.6, Calls: 16}
	wide := Search{ConnectUS: 7428, HalfSeconds: 1.3, Calls: 16}
	for _, c := range []struct {
		name            string
		m               Search
		usable          int64
		tuples, workers int
		set             []string
		fills           string
		at, past, full  float64 // seconds, a second, seconds
	}{
		{"28,232 ports", narrow, 28232, 1, 1, nil, "yes", 0.6, 430.6, 33.4},
		{"64,512 ports", wide, 64512, 1, 1, nil, "no", 1.3, 133.9, 242.2},
		{"64,512 ports, four workers", wide, 64512, 1, 4, nil, "maybe", 0.325, 535.6, 60.5},
		{"two destinations share the worker", narrow, 28232, 2, 1, nil, "maybe", 1.2, 215.3, 66.8},
		{"an asked rate below both", narrow, 28232, 1, 1, []string{"load.rate=400/s"}, "no", 35.3, 400, 70.6},
		{"an asked rate between", narrow, 28232, 1, 1, []string{"load.rate=1000/s"}, "yes", 14.1, 430.6, 46.9},
		{"the load ends before", narrow, 28232, 1, 1, []string{"load.stop.after=5s"}, "no", 0.6, 430.6, 33.4},
		{"the load ends about then", narrow, 28232, 1, 1, []string{"load.stop.after=33s"}, "maybe", 0.6, 430.6, 33.4},
		{"too few connections", narrow, 28232, 1, 1, []string{"load.stop.connections=28232"}, "no", 0.6, 430.6, 33.4},
		{"measured on a range of twice the size", Search{ConnectUS: 4560, HalfSeconds: 1.2}, 28232, 1, 1, nil, "yes", 0.6, 430.6, 33.4},
	} {
		s := start(t, "port-exhaustion", append([]string{"client.local_port_range=off"}, c.set...)...)
		measured := int(c.usable)
		if c.m.Calls == 0 {
			measured *= 2
		}
		f := Forecast(s, timeWaitLen, timeWaitLen, c.usable, c.tuples)
		addPastHalf(&f, s, c.m, timeWaitLen, c.usable, measured, c.tuples, c.workers)
		h := f.PastHalf
		near := func(what string, got, want float64) {
			if math.Abs(got-want) > 0.01*want {
				t.Errorf("%s: %s %v, want %v", c.name, what, got, want)
			}
		}
		near("half after", h.AfterSeconds, c.at)
		near("then a second", h.PerSecond, c.past)
		near("full after", h.FullSeconds, c.full)
		if h.Fills != c.fills || h.Why == "" || h.After != c.usable/2 {
			t.Errorf("%s: %+v, want %s", c.name, h, c.fills)
		}
		if due := c.fills != "no"; due != (f.ExhaustedAfter != nil) || due != (f.ExhaustedSeconds != nil) || due == neverFills(&f) {
			t.Errorf("%s: %s, but exhaustion after %v at %v", c.name, c.fills, f.ExhaustedAfter, f.ExhaustedSeconds)
		}
	}
}

// It is measured only where plain connect() gets past half of the range while no port comes back.
func TestSearches(t *testing.T) {
	whole := life{least: timeWaitLen, most: timeWaitLen}
	for name, c := range map[string]struct {
		set    []string
		taken  life
		usable int64
		want   bool
	}{
		"plain, rate max":            {nil, whole, 28232, true},
		"its own range":              {[]string{"client.local_port_range=32768-60999"}, whole, 28232, false},
		"a small range":              {nil, whole, 2*leastHalf - 1, false},
		"as small as it may be":      {nil, whole, 2 * leastHalf, true},
		"ports come back":            {nil, life{least: time.Second}, 28232, false},
		"bind() chooses":             {[]string{"client.bind=address", "client.bind_address_no_port=off"}, whole, 28232, false},
		"bind() names them":          {[]string{"client.bind=32768-60999"}, whole, 28232, false},
		"connect() chooses after":    {[]string{"client.bind=address", "client.bind_address_no_port=on"}, whole, 28232, true},
		"never half":                 {[]string{"load.rate=235/s"}, whole, 28232, false},
		"just past half":             {[]string{"load.rate=236/s"}, whole, 28232, true},
		"as many connections":        {[]string{"load.stop.connections=14116"}, whole, 28232, false},
		"one more":                   {[]string{"load.stop.connections=14117"}, whole, 28232, true},
		"the client keeps them open": {[]string{"close.how=never", "close.side=both", "load.stop.connections=20000"}, whole, 28232, false},
	} {
		s := start(t, "port-exhaustion", append([]string{"client.local_port_range=off"}, c.set...)...)
		r, _ := faked(t, s.Close, 1)
		r.scenario, r.life, r.tuples = s, life{least: timeWaitLen, most: timeWaitLen}, nil
		r.tuples = append(r.tuples, tupleOf(t))
		r.opt.Search = func(context.Context, record.PortRange) (Search, error) { return Search{}, nil }
		if got := r.searches(c.taken, c.usable); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		r.opt.Search = nil
		if r.searches(c.taken, c.usable) {
			t.Errorf("%s: nobody can measure it", name)
		}
	}
}

// The range that is measured is the run's, with an even number of ports; where that fails the run goes on, and says so.
func TestPastHalfIsAsked(t *testing.T) {
	s := start(t, "port-exhaustion", "client.local_port_range=off")
	r, _ := faked(t, s.Close, 1)
	r.scenario, r.life, r.hard = s, life{least: timeWaitLen, most: timeWaitLen}, t.Context()
	r.tuples = append(r.tuples, tupleOf(t))
	var asked record.PortRange
	r.opt.Search = func(_ context.Context, pr record.PortRange) (Search, error) {
		asked = pr
		return Search{ConnectUS: 2280, HalfSeconds: 0.6, Calls: 16}, nil
	}
	var f record.Forecast
	r.pastHalf(&f, record.PortRange{Low: 32768, High: 61000}, r.life, 28233)
	if want := (record.PortRange{Low: 32768, High: 60999}); asked != want || f.PastHalf == nil || f.PastHalf.After != 14117 || len(r.warnings) != 0 {
		t.Errorf("asked for %v, want %v: %+v, %v", asked, want, f.PastHalf, r.warnings)
	}
	r.opt.Search = func(context.Context, record.PortRange) (Search, error) { return Search{}, errors.New("no lab today") }
	f = record.Forecast{}
	r.pastHalf(&f, asked, r.life, 28232)
	if f.PastHalf != nil || len(r.warnings) != 1 || r.warnings[0].Code != "search-not-measured" {
		t.Errorf("%+v, warnings %+v", f.PastHalf, r.warnings)
	}
}

// A range of which it was said that it never fills is warned of as one that should have.
func TestNeverFillsIsWarnedOf(t *testing.T) {
	tr := &record.Trial{Ports: []record.Tuple{{
		Range: record.PortRange{Low: 1024, High: 65535}, Forecast: record.Forecast{PastHalf: &record.PastHalf{Fills: "no"}},
	}}}
	tr.Phases.LoadSeconds = 75
	r := &run{scenario: scenario.Scenario{}.Resolve(), life: life{least: timeWaitLen}}
	if w := r.rangeNotFilled(tr); w == nil || w.Text != "as was forecast, the first TIME_WAIT expired before the 64512 ports of  were taken: "+
		"no EADDRNOTAVAIL was to be had" {
		t.Errorf("%+v", w)
	}
}

func tupleOf(t *testing.T) peer.Tuple {
	t.Helper()
	return peer.Tuple{Source: netip.MustParseAddr("198.18.0.1"), Destination: netip.MustParseAddrPort("198.19.0.1:8080")}
}
