package record

import "testing"

// costed is small with the times of its calls.
func costed() *Trial {
	t := small()
	t.CallCosts = []CallCost{
		{Side: "client", Call: "connect", Calls: 10, Share: 0.6, PerConnectionUS: 15, P50US: 14, P99US: 40, OneIn: 16, Connections: 10},
		{Side: "client", Call: "close", Calls: 10, Share: 0.4, PerConnectionUS: 10, P50US: 9, P99US: 30, OneIn: 16, Connections: 10},
		{Side: "server", Call: "accept", Calls: 9, Share: 1, PerConnectionUS: 3, P50US: 3, P99US: 5, OneIn: 16, Connections: 9},
	}
	return t
}

func TestCheckCallCosts(t *testing.T) {
	if err := costed().Check(); err != nil {
		t.Fatalf("a good trial is refused: %v", err)
	}
	refuses(t, map[string]func(*Trial){
		`call_costs[0].side is "relay"`:                func(t *Trial) { t.CallCosts[0].Side = "relay" },
		`call_costs[0].call is "dial", not one of`:     func(t *Trial) { t.CallCosts[0].Call = "dial" },
		"call_costs[1] is client connect once more":    func(t *Trial) { t.CallCosts[1].Call = "connect" },
		"call_costs[2].calls is a count":               func(t *Trial) { t.CallCosts[2].Calls = -1 },
		"call_costs[2].connections is a count":         func(t *Trial) { t.CallCosts[2].Connections = -1 },
		"call_costs[0].one_in is 0":                    func(t *Trial) { t.CallCosts[0].OneIn = 0 },
		"call_costs[0].share is 1.5":                   func(t *Trial) { t.CallCosts[0].Share = 1.5 },
		"call_costs[0].per_connection_us cannot be -1": func(t *Trial) { t.CallCosts[0].PerConnectionUS = -1 },
		"call_costs[0].p50_us is 50, more than p99_us": func(t *Trial) { t.CallCosts[0].P50US = 50 },
		"call_costs[0].p99_us cannot be -2":            func(t *Trial) { t.CallCosts[0].P50US, t.CallCosts[0].P99US = -2, -2 },
		"the client's shares add up to 0.5, not to 1":  func(t *Trial) { t.CallCosts[0].Share = 0.1 },
	}, costed)
}
