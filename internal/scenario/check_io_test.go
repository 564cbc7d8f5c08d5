package scenario

import (
	"strings"
	"testing"
)

// What threads that wait cannot do is refused, with what to set instead.
func TestCheckBlocking(t *testing.T) {
	blocking := func(change func(*Scenario)) Scenario {
		s := Scenario{Name: "x", IO: "blocking", Load: Load{Stop: Stop{Connections: 10}}}
		change(&s)
		return s.Resolve()
	}
	if err := blocking(func(*Scenario) {}).Check(known); err != nil {
		t.Fatalf("a good scenario is refused: %v", err)
	}
	for want, s := range map[string]Scenario{
		"io: blocking is a way of engine split":               blocking(func(s *Scenario) { s.Engine = "net" }),
		"close.how: never leaves connections":                 blocking(func(s *Scenario) { s.Close.How = "never" }),
		"stand: many connections wait":                        blocking(func(s *Scenario) { s.Stand.TimeWait, s.Load.Hold = 5, second }),
		"relay: waits for two connections":                    blocking(func(s *Scenario) { s.Relay = &Relay{} }),
		"client.workers: 65 is not possible with io=blocking": blocking(func(s *Scenario) { s.Client.Workers = 65 }),
		"server.workers: 65 is not possible with io=blocking": blocking(func(s *Scenario) { s.Server.Workers = 65 }),
		"server.ports: 9 addresses with 8 ports each are 72":  blocking(func(s *Scenario) { s.Server.Addresses, s.Server.Ports = 9, 8 }),
	} {
		if err := s.Check(known); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, expected %s", err, want)
		}
	}
}

func TestCheckCallCosts(t *testing.T) {
	costed := func(change func(*Scenario)) Scenario {
		s := Scenario{Name: "x", Measure: Measure{CallCosts: On}}
		change(&s)
		return s.Resolve()
	}
	if err := costed(func(*Scenario) {}).Check(known); err != nil {
		t.Fatalf("a good scenario is refused: %v", err)
	}
	for want, s := range map[string]Scenario{
		"measure.call_costs: engine net":              costed(func(s *Scenario) { s.Engine = "net" }),
		"measure.call_costs: stand opens":             costed(func(s *Scenario) { s.Stand.TimeWait, s.Load.Hold = 5, second }),
		"measure.call_costs: a relay's calls are not": costed(func(s *Scenario) { s.Relay = &Relay{} }),
	} {
		if err := s.Check(known); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, expected %s", err, want)
		}
	}
}
