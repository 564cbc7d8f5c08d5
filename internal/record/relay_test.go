package record

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// relayed is small with one of everything that Check looks at in a relay.
func relayed() *Trial {
	t := small()
	face := func(samples ...Sample) RelayFace {
		return RelayFace{States: SideStates{End: Counts{TimeWait: 2}}, TimeWait: TimeWaits{Peak: ptr(int64(2))}, Samples: samples}
	}
	t.Relay = &Relay{
		Close: "relay", Accepted: 3, Relayed: new(int64(2)),
		Client: face(Sample{AtMS: 1, TimeWait: ptr(int64(2))}), Server: face(Sample{AtMS: 1, PortsInUse: []int64{2}}),
		Sysctls:  Sysctls{Asked: []SysctlAsked{{Key: "net.ipv4.tcp_tw_reuse", Outcome: SysctlChanged}}},
		Ports:    []Tuple{{Source: "10.0.0.3", Destination: "10.0.0.2", Port: 80, Range: PortRange{Low: 1024, High: 2047}}},
		Outcomes: []Outcome{{Side: "relay", Cause: string(OK), Count: 2}},
	}
	return t
}

func TestCheckRelay(t *testing.T) {
	if err := relayed().Check(); err != nil {
		t.Fatalf("a good trial is refused: %v", err)
	}
	refuses(t, map[string]func(*Trial){
		`relay.close is "client", not one of`:           func(t *Trial) { t.Relay.Close = "client" },
		"relay.pool is a count":                         func(t *Trial) { t.Relay.Pool = -1 },
		"relay.accepted is a count":                     func(t *Trial) { t.Relay.Accepted, t.Relay.Relayed = -1, new(int64(-1)) },
		"relay.relayed is 4, more than the 3":           func(t *Trial) { t.Relay.Relayed = new(int64(4)) },
		"relay.client.states.end.TIME_WAIT is a count":  func(t *Trial) { t.Relay.Client.States.End[TimeWait] = -1 },
		"relay.client.samples[0].ports_in_use has 1":    func(t *Trial) { t.Relay.Client.Samples[0].PortsInUse = []int64{1} },
		"relay.client.cpu.user_seconds cannot":          func(t *Trial) { t.Relay.CPU.UserSeconds = -1 },
		`relay.client.sysctls.asked[0].outcome is "no"`: func(t *Trial) { t.Relay.Sysctls.Asked[0].Outcome = "no" },
		"relay.server.samples[0].ports_in_use has 2":    func(t *Trial) { t.Relay.Server.Samples[0].PortsInUse = []int64{1, 2} },
		"relay.server.time_wait.peak is a count":        func(t *Trial) { *t.Relay.Server.TimeWait.Peak = -1 },
		"relay.ports[0].range cannot be":                func(t *Trial) { t.Relay.Ports[0].Range.Low = 9999 },
		`relay.outcomes[0].side is "client", not relay`: func(t *Trial) { t.Relay.Outcomes[0].Side = "client" },
		"relay.outcomes[0].count is a count":            func(t *Trial) { t.Relay.Outcomes[0].Count = -1 },
		"relay.outcomes[0].cause is empty":              func(t *Trial) { t.Relay.Outcomes[0].Cause = "" },
	}, relayed)
}

// A relay that was written is read back as it was, with its empty lists written as such.
func TestRelayRoundTrip(t *testing.T) {
	dir := t.TempDir()
	want := relayed()
	want.Relay.Addresses, want.Relay.Sysctls.Refused = nil, nil
	path, err := Write(dir, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Relay.Addresses == nil || got.Relay.Sysctls.Refused == nil || want.Relay.Addresses != nil {
		t.Errorf("lists that are known to be empty: %#v, %#v", got.Relay.Addresses, got.Relay.Sysctls.Refused)
	}
	if d := cmp.Diff(normalRelay(want.Relay), got.Relay); d != "" {
		t.Error(d)
	}
}
