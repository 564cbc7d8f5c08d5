package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"twomsl/internal/record"
)

// measuredBy gives a trial's latencies the histogram that a run leaves, from its own quantiles.
func measuredBy(t *testing.T, tr *record.Trial) *record.Trial {
	t.Helper()
	for _, q := range []*record.Quantiles{tr.Latency.Connect, tr.Latency.FromIntended} {
		if q == nil {
			continue
		}
		h := hdrhistogram.New(1, 3600e6, 3)
		for _, part := range []struct{ us, n float64 }{{q.P50US, 600}, {q.P90US, 300}, {q.P99US, 90}, {q.P999US, 9}, {q.MaxUS, 1}} {
			if err := h.RecordValues(int64(part.us), int64(part.n)); err != nil {
				t.Fatal(err)
			}
		}
		text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			t.Fatal(err)
		}
		q.Histogram = string(text)
	}
	return tr
}

// exhaustedTrial is a client that ran out of ports, with all that a page has a place for: counts by state, a recipe,
// a warning, other counters, a gap.
func exhaustedTrial(t *testing.T) *record.Trial {
	tr := measuredBy(t, exhaustionSmall())
	for _, side := range sides {
		s := sideOf(tr, side)
		for i := range s.Samples {
			if i%4 == 0 {
				s.Samples[i].States = record.Counts{record.Listen: 1, record.TimeWait: *s.Samples[i].TimeWait, record.Established: 3}
			}
		}
		s.Sysctls.Effective = map[string]string{
			"net.ipv4.tcp_tw_reuse": "2", "net.ipv4.tcp_max_tw_buckets": "1200",
			"net.ipv4.ip_local_port_range": map[string]string{client: "32768 33767", server: "32768 60999"}[side],
		}
	}
	tr.Sides.Client.Sysctls.Asked = []record.SysctlAsked{
		{
			Key: "net.ipv4.tcp_tw_reuse", Asked: "2", Outcome: record.SysctlAlreadySet, Exists: true, Namespaced: true,
			Default: ptr("2"), Before: ptr("2"), Value: ptr("2"), Does: "lets connect() take a port whose TIME_WAIT is older than a second",
		},
		{Key: "net.ipv4.tcp_tw_recycle", Asked: "1", Outcome: record.SysctlMissing, GoneSince: "4.12"},
	}
	tr.Sides.Client.Sysctls.Refused = []record.SysctlRefusal{{Key: "net.ipv4.tcp_tw_recycle", Asked: "1", Reason: "told in the table"}}
	tr.Sides.Client.Counters["Tcp.ActiveOpens"], tr.Sides.Server.Counters["Tcp.PassiveOpens"] = 1_000, 1_000
	tr.Warnings = []record.Warning{{
		Code: "schedule-late", Text: "4 connections were started late", Advice: "use more workers", Spoils: []string{"connect.p99_us"},
	}}
	tr.Environment.Unmeasured["load_average"] = "not readable here"
	tr.Environment.CPUModel, tr.Environment.MemoryBytes = "AMD EPYC 7763", 16<<30
	tr.Scenario.Spec = json.RawMessage(`{"name":"port-exhaustion-small","load":{"rate":200}}`)
	return tr
}

// nasty is text that no record of ours has.
const nasty = `</title></style><script>alert("1")</script>"'><img src=x onerror=alert(2)>` + "\x00\x1b[31m\u202egnirts\u2066 {{.}} "

// hostileTrial has it wherever text can stand.
func hostileTrial(t *testing.T) *record.Trial {
	long := nasty + strings.Repeat("W", 3000)
	tr := measuredBy(t, failed())
	tr.ID, tr.Tool, tr.Command, tr.Engine = "hostile-20261121-101500-ab12", nasty, long, nasty
	tr.Scenario.Name, tr.Scenario.Title, tr.Scenario.Topology, tr.Scenario.Family = nasty, long, nasty, nasty
	tr.Scenario.Spec = json.RawMessage(`{"a":"<script>alert(3)</script>\u202e"}`)
	tr.Scenario.Goal = &record.Goal{Side: nasty, TimeWait: 5}
	tr.Failure.Text, tr.Failure.LastWords, tr.Failure.Side = nasty, long+"\n"+nasty, nasty
	tr.Warnings = []record.Warning{{Code: nasty, Text: long, Advice: nasty, Spoils: []string{nasty}}}
	tr.Environment.Kernel, tr.Environment.CPUModel, tr.Environment.Mitigations = nasty, long, map[string]string{nasty: nasty}
	tr.Environment.Unmeasured[nasty] = long
	tr.Close = record.Close{Side: nasty, How: long, Agrees: ptr(false), Contradictions: []string{nasty, long}}
	tr.Restart = &record.Restart{Errno: nasty}
	tr.Rate.LimitedBy, tr.Rate.LimitedWhy, tr.Phases.StoppedBy = nasty, long, nasty
	tr.Outcomes = append(tr.Outcomes, record.Outcome{Side: client, Phase: nasty, Cause: nasty, Errno: nasty, Count: 3})
	tr.Ports[0].Source, tr.Ports[0].Destination, tr.Ports[0].Forecast.HowTaken = nasty, long, nasty
	tr.Ports = append(tr.Ports, tr.Ports[0])
	tr.Sides.Client.Addresses = []string{nasty, long}
	tr.Sides.Client.Counters[nasty] = 7
	tr.Scenario.Struck = nasty
	for _, name := range []string{nasty, "ssh", "dns", "same-tuple", "second-destination"} {
		tr.Canaries = append(tr.Canaries, record.Canary{
			Name: name, From: nasty, Source: long, Target: nasty, Calls: 2, Answered: 1, Latency: &record.Quantiles{P50US: 1e18},
			Failures: []record.CanaryFailure{{Phase: nasty, Errno: long, Count: 1}}, FirstFailureSeconds: ptr(1e300),
			Points: []record.CanaryPoint{{AtMS: -1e300, LatencyUS: ptr(1e300)}, {AtMS: 1e300, Phase: nasty, Errno: nasty}},
		})
	}
	s := &tr.Sides.Client.Sysctls
	s.Effective = map[string]string{nasty: long}
	s.Changed = []record.SysctlChange{{Key: nasty, Default: nasty, Asked: nasty, Value: long}}
	s.Refused = []record.SysctlRefusal{{Key: long, Asked: nasty, Reason: nasty}}
	s.Asked = []record.SysctlAsked{{
		Key: nasty + "2", Asked: long, Outcome: nasty, Value: ptr(nasty), Reason: nasty, ReplacedBy: nasty, Does: nasty, Price: long,
	}}
	return tr
}
