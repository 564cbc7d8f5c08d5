package record

import (
	"strings"
	"testing"
)

// Each case spoils one thing of a canary that is sound, and that is told.
func TestCanariesAreCheckedAgainstThemselves(t *testing.T) {
	us := 40.0
	sound := func() Canary {
		return Canary{
			Name: "same-tuple", Calls: 3, Answered: 2, Failures: []CanaryFailure{{Phase: "connect", Errno: "EADDRNOTAVAIL", Count: 1}},
			Latency: &Quantiles{Count: 2}, Points: []CanaryPoint{{AtMS: -250, LatencyUS: &us}, {AtMS: 0, LatencyUS: &us}, {AtMS: 250, Phase: "connect"}},
		}
	}
	for want, spoil := range map[string]func(*Canary){
		"":                             func(*Canary) {},
		"canaries[0].name":             func(c *Canary) { c.Name = "" },
		"canaries[0].calls is 4":       func(c *Canary) { c.Calls = 4 },
		"canaries[0].answered":         func(c *Canary) { c.Answered = -1; c.Calls = 0; c.Points = nil },
		"canaries[0].failures[0]":      func(c *Canary) { c.Failures[0].Count = -1; c.Calls = 1; c.Points = nil },
		"canaries[0].points has 3":     func(c *Canary) { c.Failures, c.Calls = nil, 2 },
		"canaries[0].latency":          func(c *Canary) { c.Latency = nil },
		"canaries[0].points[1].at_ms":  func(c *Canary) { c.Points[1].AtMS = -300 },
		"canaries[0].points[2]":        func(c *Canary) { c.Points[2].Phase = "" },
		"canaries[0].points[0] is nei": func(c *Canary) { c.Points[0].Phase = "read" },
	} {
		one := sound()
		spoil(&one)
		var c checker
		c.canaries("canaries", []Canary{one})
		err := c.err()
		switch {
		case want == "" && err != nil:
			t.Errorf("a sound canary: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q is not told: %v", want, err)
		}
	}
}
