package scenario

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each case breaks one rule of half-open connections, descriptors or tracking, and exactly that is to be told.
func TestCheckTellsOfLimits(t *testing.T) {
	for want, change := range map[string]func(*Scenario){
		"load.half_open: -1 is not possible; allowed: 0 to 15000":    func(s *Scenario) { s.Load.HalfOpen = -1 },
		"load.half_open: 15001 is not possible; allowed: 0 to 15000": func(s *Scenario) { s.Load.HalfOpen = 15_001 },
		"load.half_open: 1,200 need two hosts with a link on which their last ACK can be held back, and topology is loopback: " +
			"set topology=veth, or leave load.half_open out": func(s *Scenario) { s.Load.HalfOpen, s.Topology = 1200, Loopback },
		"load.half_open: 5 would stand beside a load, and stand has none: ask for stand.syn_recv instead": func(s *Scenario) {
			s.Load.HalfOpen, s.Stand.Established, s.Load.Hold = 5, 1, second
		},
		"load.half_open: 5 would never come to TIME_WAIT, and load.stop.time_wait waits until nothing else stands: leave one " +
			"of the two out": func(s *Scenario) { s.Load.HalfOpen, s.Load.Stop.TimeWait = 5, goalOf(ClientSide, 1) },
		"server.descriptors: 63 is not possible; allowed: 64 to 1000000 (a side's process holds some 20 itself), or 0 for as " +
			"many as the machine allows": func(s *Scenario) { s.Server.Descriptors = 63 },
		"client.descriptors: -1 is not possible; allowed: 64 to 1000000 (a side's process holds some 20 itself), or 0 for as " +
			"many as the machine allows": func(s *Scenario) { s.Client.Descriptors = -1 },
		`track.side: "serv" is not known here; did you mean server? allowed: none, client, server, both`: func(s *Scenario) {
			s.Track.Side = "serv"
		},
		"track.side: both would add a rule to this host's own packet filter: set topology=veth, or track.side=none": func(s *Scenario) {
			s.Track.Side, s.Topology = BothSides, Host
		},
		"track.fill: on has no table to fill where nobody tracks: set track.side=server, or track.fill=off": func(s *Scenario) {
			s.Track.Fill = On
		},
		"track.fill: on takes a load that fills the table, and stand has none: leave one of the two out": func(s *Scenario) {
			s.Track, s.Stand.Established, s.Load.Hold = Track{ServerSide, On}, 1, second
		},
	} {
		err := spoil(change).Check(known)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	for name, change := range map[string]func(*Scenario){
		"half-open":           func(s *Scenario) { s.Load.HalfOpen = 15_000 },
		"descriptors":         func(s *Scenario) { s.Client.Descriptors, s.Server.Descriptors = 64, 1_000_000 },
		"tracking":            func(s *Scenario) { s.Track = Track{BothSides, On} },
		"tracking, one host":  func(s *Scenario) { s.Track, s.Topology = Track{ServerSide, Off}, Loopback },
		"tracking in a stand": func(s *Scenario) { s.Track, s.Stand.Established, s.Load.Hold = Track{ServerSide, Off}, 1, second },
	} {
		if err := spoil(change).Check(known); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTrackBy(t *testing.T) {
	for _, tt := range []struct {
		track               Track
		off, client, server bool
	}{
		{Track{}, true, false, false},
		{Track{Side: NoSide}, true, false, false},
		{Track{Side: ClientSide}, false, true, false},
		{Track{Side: ServerSide}, false, false, true},
		{Track{Side: BothSides}, false, true, true},
	} {
		if tt.track.Off() != tt.off || tt.track.By(ClientSide) != tt.client || tt.track.By(ServerSide) != tt.server {
			t.Errorf("%+v: off %v, client %v, server %v", tt.track, tt.track.Off(), tt.track.By(ClientSide), tt.track.By(ServerSide))
		}
	}
}
