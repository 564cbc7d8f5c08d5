package scenario

import (
	"strings"
	"testing"
	"time"
)

// Canaries need a lab with two hosts, and ports there; without canaries nothing of that is asked for.
func TestCheckTellsWhatCanariesNeed(t *testing.T) {
	for want, spoil := range map[string]func(*Scenario){
		"":                                    func(*Scenario) {},
		"canaries.every: 1ms is not possible": func(s *Scenario) { s.Canaries.Every = Duration(time.Millisecond) },
		"canaries.timeout: 1h0m0s":            func(s *Scenario) { s.Canaries.Timeout = Duration(time.Hour) },
		"topology: loopback has no second":    func(s *Scenario) { s.Topology = Loopback },
		"server.port: 22 is a canary's own":   func(s *Scenario) { s.Server.Port = 22 },
		"server.port: 9 is a canary's own":    func(s *Scenario) { s.Server.Port, s.Server.Ports = 8, 4 },
		"struck: \"relay\" is not known":      func(s *Scenario) { s.Struck = RelaySide },
	} {
		s := withCanaries(spoil)
		err := s.Check(known)
		switch {
		case want == "" && err != nil:
			t.Errorf("a sound scenario with canaries: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q is not told: %v", want, err)
		}
		if s.Canaries.Every = 0; s.Check(known) != nil && s.Struck != RelaySide {
			t.Errorf("%q without canaries: %v", want, s.Check(known))
		}
	}
}

// withCanaries spoils a scenario that has canaries.
func withCanaries(change func(*Scenario)) Scenario {
	return spoil(func(s *Scenario) {
		s.Canaries.Every = Duration(250 * time.Millisecond)
		change(s)
	})
}
