//go:build linux

package trial

import (
	"testing"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// Steal is held against the time over which it was measured, which includes settling, and not against the load's alone.
func TestStolen(t *testing.T) {
	steal := 0.2
	tr := &record.Trial{Environment: record.Environment{CPUs: 2, StealSeconds: &steal}}
	tr.Phases.LoadSeconds = 0.1
	for over, want := range map[time.Duration]bool{1900 * time.Millisecond: true, 2100 * time.Millisecond: false, 0: false} {
		r := &run{stealOver: over}
		if got := r.stolen(tr) != nil; got != want {
			t.Errorf("0.2 s stolen of two processors over %v: warned %v", over, got)
		}
	}
	tr.Environment.StealSeconds = nil
	if (&run{stealOver: time.Second}).stolen(tr) != nil {
		t.Error("warned of steal that nobody measured")
	}
}

// A range that was to be exhausted and was not is warned of; one whose end bind() told of was.
func TestRangeNotFilled(t *testing.T) {
	n, at := int64(500), 3.0
	filled := func() *record.Trial {
		tr := &record.Trial{Ports: []record.Tuple{{Forecast: record.Forecast{ExhaustedAfter: &n}}}}
		tr.Phases.LoadSeconds = 70
		return tr
	}
	r := &run{scenario: scenario.Scenario{}.Resolve(), life: life{least: timeWaitLen}}
	for name, c := range map[string]struct {
		change func(*record.Trial)
		want   bool
	}{
		"never exhausted":     {func(*record.Trial) {}, true},
		"connect() told":      {func(tr *record.Trial) { tr.Ports[0].FirstExhaustionSeconds = &at }, false},
		"none was foreseen":   {func(tr *record.Trial) { tr.Ports[0].Forecast.ExhaustedAfter = nil }, false},
		"none has expired":    {func(tr *record.Trial) { tr.Phases.LoadSeconds = 59 }, false},
		"bind() told":         {func(tr *record.Trial) { tr.Outcomes = ended("client", record.AddrInUse) }, false},
		"the server was told": {func(tr *record.Trial) { tr.Outcomes = ended("server", record.AddrInUse) }, true},
	} {
		tr := filled()
		c.change(tr)
		if got := r.rangeNotFilled(tr) != nil; got != c.want {
			t.Errorf("%s: warned %v", name, got)
		}
	}
}

func ended(side string, cause record.Cause) []record.Outcome {
	return []record.Outcome{{Side: side, Phase: "bind", Cause: string(cause), Count: 1}}
}
