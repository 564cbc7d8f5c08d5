package compare

import (
	"fmt"
	"math"
	"slices"

	"twomsl/internal/record"
)

// fewestSessions is how many gates a baseline must hold before what is timed is held against it: fewer do not show how far
// one and the same thing drifts from session to session.
const fewestSessions = 3

// GateBaseline is a baseline as it is held against what runs now.
type GateBaseline struct {
	*record.Baseline
	BootID string // of this machine
	// Timed tells that machine, kernel and configuration are the same, so that times can be compared; else Why says why not.
	Timed bool
	Why   string
}

// figures is a metric of the baseline.
func (b *GateBaseline) figures(scenario string, m metric) (*figures, string) {
	var sessions []*figures
	for i := range b.Sessions {
		if f := ofSession(&b.Sessions[i], scenario, m.name); f != nil {
			sessions = append(sessions, f)
		}
	}
	switch {
	case len(sessions) == 0:
		return nil, fmt.Sprintf("the baseline has no %s of %s", m.name, scenario)
	case m.exact:
		return sound(sessions[len(sessions)-1])
	case !b.Timed:
		return nil, "the baseline's times are not held against: " + b.Why
	}
	return b.timed(m, scenario)
}

// timed has one value for each session, or for each boot where there were several: what trials of one session share is no
// proof of anything.
func (b *GateBaseline) timed(m metric, scenario string) (*figures, string) {
	byBoot := map[string][]float64{}
	var boots []string
	all := &figures{variant: "baseline"}
	for i := range b.Sessions {
		f := ofSession(&b.Sessions[i], scenario, m.name)
		if f == nil || len(f.values) == 0 {
			continue
		}
		boot := b.Sessions[i].BootID
		if !slices.Contains(boots, boot) {
			boots = append(boots, boot)
		}
		byBoot[boot] = append(byBoot[boot], median(f.values))
		all.values = append(all.values, median(f.values))
	}
	if len(boots) > 1 || len(boots) == 1 && boots[0] != b.BootID {
		all.values = nil
		for _, id := range boots {
			all.values = append(all.values, median(byBoot[id]))
		}
		if len(boots) < fewestSessions {
			return nil, fmt.Sprintf("the baseline's times are of %d boots of this machine, and this is another: %d are needed to know what a boot changes; "+
				"run it side by side (against)", len(boots), fewestSessions)
		}
	}
	all.sessions, all.trials = len(all.values), len(all.values)
	for _, v := range all.values {
		all.readings = append(all.readings, reading{value: v})
	}
	if all.sessions < fewestSessions {
		return nil, fmt.Sprintf("the baseline has %d sessions, and times drift from one to the next: %d are needed (--save-baseline again), or run it "+
			"side by side (against)", all.sessions, fewestSessions)
	}
	return all, ""
}

// ofSession reads a metric back; nil where the session has none.
func ofSession(s *record.BaselineSession, scenario, name string) *figures {
	for i := range s.Scenarios {
		if s.Scenarios[i].Name != scenario {
			continue
		}
		for _, one := range s.Scenarios[i].Metrics {
			if one.Name == name {
				return ofMetric(&one)
			}
		}
	}
	return nil
}

func ofMetric(one *record.BaselineMetric) *figures {
	f := &figures{variant: "baseline", values: one.Value.Values, never: one.Value.Never, missing: one.Value.Unmeasured}
	for i, v := range one.Value.Values {
		r := reading{value: v, atLeast: one.Value.Bound == "at-least", computed: one.Value.Computed}
		if i < len(one.Each) {
			r.of = one.Each[i]
		}
		f.readings = append(f.readings, r)
	}
	for range one.Value.Never {
		f.readings = append(f.readings, reading{never: true})
	}
	f.trials = len(f.readings)
	return f
}

// Saved is all that a comparison's tested variant shows, for a baseline.
func Saved(c record.Comparison, trials []*record.Trial) (all []record.BaselineMetric) {
	x := newAnalysis(&c, trials)
	var causes []string
	for _, cause := range record.Causes[1:] {
		causes = append(causes, string(cause))
	}
	for _, m := range rowsFor(causes) {
		f := x.figures(m, GateTested)
		if f.unusable() != "" {
			continue
		}
		all = append(all, record.BaselineMetric{Name: m.name, Unit: m.unit, Exact: m.exact, Value: f.value(), Each: f.totals()})
	}
	return all
}

// sessionsLook holds the median of this session against those of earlier ones: as far off as one more session would be in no
// more than the budget's part of the level (Student's t, on logarithms).
func (g *Gate) sessionsLook(out *record.GateLook, m metric, b *record.GateBudget, ref, tested *figures) {
	if slices.Min(ref.values) <= 0 || !(*out.TestedMedian > 0) {
		out.Why = "a figure is not positive"
		return
	}
	var logs []float64
	for _, v := range ref.values {
		logs = append(logs, math.Log(v))
	}
	n, free := float64(len(logs)), float64(len(logs)-1)
	own := Spread(tested.values)
	if math.IsNaN(own) {
		own = 0
	}
	// what one session's own trials leave open, and the least that a timed metric may differ by without meaning anything
	least := max(m.share/2, own*math.Sqrt(math.Pi/2/float64(len(tested.values))))
	deviation := math.Sqrt(max(squares(logs)/free, least*least) * (1 + 1/n))
	by := math.Log(*out.TestedMedian) - mean(logs)
	broken, holds := 1.0, 0.0
	ways := directions(b.Operator)
	for _, up := range ways {
		limit := math.Log(allowed(b, []float64{1}, up)[0])
		beyond := (by - limit) / deviation
		if !up {
			beyond = -beyond
		}
		broken = min(broken, min(1, float64(len(ways))*(1-tCDF(beyond, free))))
		holds = max(holds, tCDF(beyond, free))
	}
	out.PBroken, out.PHolds = &broken, &holds
	reach := tQuantile(1-out.Alpha, free) * deviation
	out.Interval = &record.Interval{Low: math.Exp(by-reach) - 1, High: math.Exp(by+reach) - 1}
	within := tQuantile(1-levelOf(g.Level), free) * deviation
	g.settle(out, fmt.Sprintf("sessions differ so much that the change lies between %s and %s", percent(math.Exp(by-within)-1), percent(math.Exp(by+within)-1)))
}

// Serves tells why a timed metric cannot be held against the baseline; "" where it can.
func (b *GateBaseline) Serves(scenario, name string) string {
	m, ok := rowOf(name)
	if !ok {
		return "no such metric"
	}
	_, why := b.figures(scenario, m)
	return why
}

// Values are those of the last session's trials; nil where it has none.
func (b *GateBaseline) Values(scenario, name string) []float64 {
	if len(b.Sessions) == 0 {
		return nil
	}
	if f := ofSession(&b.Sessions[len(b.Sessions)-1], scenario, name); f != nil {
		return f.values
	}
	return nil
}
