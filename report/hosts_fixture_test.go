package report

import "twomsl/internal/record"

// twoHosts had its server on another host, which was not quiet.
func twoHosts() *record.Trial {
	t := steady()
	t.ID, t.Scenario.Topology, t.Scenario.Name = "two-hosts", "hosts", "two-hosts"
	t.Sides.Client.Addresses, t.Sides.Server.Addresses = []string{"192.0.2.1"}, []string{"192.0.2.7"}
	for i := range t.Ports {
		t.Ports[i].Source, t.Ports[i].Destination = "192.0.2.1", "192.0.2.7"
	}
	t.Hosts = &record.Hosts{
		Control: "192.0.2.7:7000", Server: "web-3", Session: 1, Tool: "twomsl 0.8", Environment: t.Environment,
		Clock:  record.Clock{UncertaintyUS: 83.5, RoundTripUS: 167, RoundTrips: 16, DriftUS: ptr(-4.2), WallApartSeconds: 7200},
		Others: record.SidePair[*int64]{Client: ptr(int64(0)), Server: ptr(int64(12))},
	}
	t.Warnings = append(t.Warnings, record.Warning{
		Code:   "host-not-quiet",
		Text:   "12 connections of others came and went on the server's host meanwhile, and its counters are the whole host's",
		Advice: "counts of sockets and outcomes are the run's own; for what rests on counters, and for the ledger, use quiet hosts or a lab",
		Spoils: []string{"tw_reused", "tw_overflow", "listen_drops", "syncookies_sent"},
	})
	return t
}
