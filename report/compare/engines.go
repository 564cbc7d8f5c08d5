package compare

import (
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// Codes of the warnings about what drove connections.
const (
	DifferentEngines = "different-engines"
	sampledApart     = "latency-sampled-differently"
)

// engineMetrics are what an engine has its part in: how fast connections go, and what they cost. What the kernel counts
// is the kernel's own.
var engineMetrics = []string{
	"connects_per_second", "connect.p50_us", "connect.p99_us", "connect.p999_us", "client.cpu_us_per_connection",
	"server.cpu_us_per_connection",
}

// Engines lists what drove the trials, each once, in their order. A trial that does not say is left out.
func Engines(trials []*record.Trial) (all []string) {
	for _, t := range trials {
		if t != nil && t.Engine != "" && !slices.Contains(all, t.Engine) {
			all = append(all, t.Engine)
		}
	}
	return all
}

// byEngine tells the metrics whose figures say as much of the engine as of the kernel. At full speed the moment at which
// ports run out is one of them.
func (x *analysis) byEngine(name string) bool {
	return slices.Contains(engineMetrics, name) || name == firstExhaustion && x.atFullSpeed()
}

func (x *analysis) atFullSpeed() bool {
	for _, trials := range x.trials {
		if slices.ContainsFunc(trials, func(t *record.Trial) bool { return t.Rate.AskedPerSecond == nil }) {
			return true
		}
	}
	return false
}

// enginesApart says what drove the trials of two variants; "" where it was the same.
func (x *analysis) enginesApart(from, to string) string {
	b, a := Engines(x.trials[from]), Engines(x.trials[to])
	if len(b) == 0 || len(a) == 0 || len(b) == 1 && slices.Equal(b, a) {
		return ""
	}
	return fmt.Sprintf("different engines: %s in %s, %s in %s", strings.Join(b, " and "), from, strings.Join(a, " and "), to)
}

// engines warns where not all trials were driven by one engine: who chose each, and what cannot be compared.
func (x *analysis) engines() []record.Warning {
	var said, all []string
	for _, v := range x.c.Variants {
		of := Engines(x.trials[v.Name])
		if len(of) == 0 {
			continue
		}
		text := v.Name + " by " + strings.Join(of, " and ")
		if why := engineWhy(x.trials[v.Name]); why != "" {
			text += " (" + why + ")"
		}
		said = append(said, text)
		for _, e := range of {
			if !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	if len(all) < 2 {
		return nil
	}
	spoils := slices.Clone(engineMetrics)
	if x.atFullSpeed() {
		spoils = append(spoils, firstExhaustion)
	}
	return []record.Warning{{
		Code:   DifferentEngines,
		Text:   "the trials were driven by different engines, each with a speed and a cost of its own: " + listed(said),
		Advice: "set engine and io the same for all variants; what the kernel counts can be compared as it is", Spoils: spoils,
	}}
}

// mostSaid is how many variants a warning names.
const mostSaid = 4

func listed(said []string) string {
	if more := len(said) - mostSaid; more > 0 {
		return fmt.Sprintf("%s; and %d more", strings.Join(said[:mostSaid], "; "), more)
	}
	return strings.Join(said, "; ")
}

// engineWhy is why the program chose the first trial's engine.
func engineWhy(trials []*record.Trial) string {
	if len(trials) == 0 {
		return ""
	}
	return trials[0].EngineWhy
}

// sampled notes where connect() was timed on more connections of one variant than of another: with fewer of them, rare
// waits may not be among them. Records from before the share was noted say nothing.
func (x *analysis) sampled() []record.Warning {
	var said []string
	shares := map[int64]bool{}
	for _, v := range x.c.Variants {
		var of []string
		for _, t := range x.trials[v.Name] {
			if n := t.Latency.ConnectOneIn; n > 0 && t.Latency.Connect != nil {
				shares[n] = true
				if text := oneIn(n); !slices.Contains(of, text) {
					of = append(of, text)
				}
			}
		}
		if len(of) > 0 {
			said = append(said, v.Name+" on "+strings.Join(of, " and on "))
		}
	}
	if len(shares) < 2 {
		return nil
	}
	return []record.Warning{{
		Code: sampledApart,
		Text: "connect() was not timed on the same share of connections: " + listed(said) +
			"; the fewer they are, the more of its p99.9 is chance",
	}}
}

func oneIn(n int64) string {
	if n == 1 {
		return "every connection"
	}
	return "one connection in " + figure(float64(n))
}
