package record

import (
	"encoding/json"
	"strings"
	"testing"
)

// A host is read back as it was written; what cannot be is told, all of it at once.
func TestDecodeHost(t *testing.T) {
	rate := 198.0
	data, err := json.Marshal(Host{Schema: HostSchema, Name: "web01", States: Counts{TimeWait: 3}, Flows: []Flow{
		{Direction: Outbound, Port: 3306, RatePerSecond: &rate},
	}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := DecodeHost("x", data)
	if err != nil || h.Name != "web01" || h.States[TimeWait] != 3 || *h.Flows[0].RatePerSecond != 198 || h.Errors != nil {
		t.Errorf("%v: %+v", err, h)
	}
	for text, wants := range map[string][]string{
		`{"schema": "twomsl/host/v1", "states": {"TIME_WAIT": -1, "NAP": 2}, "watched_seconds": -3, "flows":
			[{"direction": "up", "port": 70000, "ports_in_use": -1}], "conntrack": {"entries": -5}, "descriptors": [{"in_use": -9}]}`: {
			"states.TIME_WAIT", `"NAP"`, "watched_seconds", "flows[0].direction", "flows[0].port", "flows[0].ports_in_use",
			"conntrack.entries", "descriptors[0].in_use",
		},
		`{"schema": "twomsl/trial/v1"}`: {"holds the record of a trial", "not a host"},
		`{"schema": "twomsl/host/v2"}`:  {"made by a newer twomsl"},
		`{"schema": "twomsl/host/v1"`:   {"ends early"},
	} {
		_, err := DecodeHost("x", []byte(text))
		if err == nil {
			t.Errorf("%s was read", text)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in %v", want, err)
			}
		}
	}
}

// Whatever a file holds, reading it as a host ends in a host without contradictions or in an error.
func FuzzDecodeHost(f *testing.F) {
	f.Add([]byte(`{"schema": "twomsl/host/v1", "flows": [{"direction": "out", "ports_in_use": 5, "range": {"low": 1, "high": 0}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := DecodeHost("x", data); (h == nil) == (err == nil) {
			t.Errorf("%v and %v", h, err)
		} else if err == nil && h.Check() != nil {
			t.Error(h.Check())
		}
	})
}
