package record

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeErrors(t *testing.T) {
	whole, err := Encode(small())
	if err != nil {
		t.Fatal(err)
	}
	half := whole[:len(whole)/2]
	broken := strings.Replace(string(whole), `"tool": "twomsl 1.2.3"`, `"tool": oops`, 1)
	typed := strings.Replace(string(whole), `"attempted": 3`, `"attempted": "three"`, 1)
	for name, tc := range map[string]struct{ data, want string }{
		"empty":      {"", "record FILE is damaged: the file is empty"},
		"blank":      {" \n\t", "record FILE is damaged: the file is empty"},
		"text":       {"hello\n", "FILE is not JSON: line 1, column 1: invalid character 'h'"},
		"syntax":     {broken, "FILE is not JSON: line 4, column 11: invalid character 'o'"},
		"two values": {"{\n}\n{}", "FILE is not JSON: line 3, column 1: invalid character '{' after top-level value"},
		"half":       {string(half), fmt.Sprintf("record FILE is damaged: ends early at byte %d (line ", len(half))},
		"number":     {"42", "FILE is not a twomsl record: it holds a JSON number, not an object"},
		"list":       {"[]", "FILE is not a twomsl record: it holds a JSON array, not an object"},
		"null":       {"null", "FILE is not a twomsl record: it has no schema"},
		"no schema":  {`{"a":1}`, "FILE is not a twomsl record: it has no schema"},
		"odd schema": {`{"schema":7}`, "FILE is not a twomsl record: it has no schema"},
		"not ours":   {`{"schema":"k6/v1"}`, `FILE is not a twomsl record: its schema is "k6/v1"`},
		"newer": {
			`{"schema":"twomsl/trial/v2","tool":"twomsl 9.0","id":7}`,
			"FILE was made by a newer twomsl (twomsl/trial/v2, by twomsl 9.0): this one reads twomsl/trial/v1; " +
				"use the newer program",
		},
		"version 0": {`{"schema":"twomsl/trial/v0"}`, `FILE has the schema "twomsl/trial/v0", which this twomsl does not`},
		"comparison": {
			`{"schema":"twomsl/comparison/v1"}`,
			"FILE holds a comparison (twomsl/comparison/v1), not the record of a trial (twomsl/trial/v1)",
		},
		"matrix": {
			`{"schema":"twomsl/matrix/v1"}`,
			"FILE holds a matrix (twomsl/matrix/v1), not the record of a trial (twomsl/trial/v1)",
		},
		"unknown kind": {`{"schema":"twomsl/dance/v1"}`, `FILE has the schema "twomsl/dance/v1", which this twomsl`},
		"type":         {typed, "connections.attempted cannot be a JSON string"},
		"semantics": {
			`{"schema":"twomsl/trial/v1","id":"a","status":"done"}`,
			`record FILE contradicts itself: status is "done", not one of`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decode("FILE", []byte(tc.data))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is\n  %v\nwant\n  %s", err, tc.want)
			}
			if got != nil {
				t.Error("a trial comes with the error")
			}
		})
	}
}

// Wherever a record is cut off, it is called damaged: by position, never by a stray parser message.
func TestDecodeEveryPrefix(t *testing.T) {
	whole, err := Encode(small())
	if err != nil {
		t.Fatal(err)
	}
	end := len(strings.TrimSpace(string(whole)))
	for n := range end {
		_, err := Decode("FILE", whole[:n])
		if err == nil || !strings.HasPrefix(err.Error(), "record FILE is damaged: ") {
			t.Fatalf("cut at byte %d of %d: error is %v", n, end, err)
		}
	}
}

func TestCheck(t *testing.T) {
	if err := small().Check(); err != nil {
		t.Fatalf("a good trial is refused: %v", err)
	}
	for want, spoil := range map[string]func(*Trial){
		`id "a/b" is no plain`:                    nil,
		`status is "done"`:                        func(t *Trial) { t.Status = "done" },
		"failure is missing":                      func(t *Trial) { t.Status = Failed },
		"failure is there although":               func(t *Trial) { t.Failure = &Failure{} },
		"connections.ok is a count":               func(t *Trial) { t.Connections.OK = -1 },
		"connections.replaced is a count":         func(t *Trial) { t.Connections.Replaced = ptr(int64(-1)) },
		"outcomes[0].side is \"middle\"":          func(t *Trial) { t.Outcomes[0].Side = "middle" },
		"outcomes[0].count is a count":            func(t *Trial) { t.Outcomes[0].Count = -3 },
		"outcomes[0].cause is empty":              func(t *Trial) { t.Outcomes[0].Cause = "" },
		"ports[0].range cannot be 2000 to 1999":   func(t *Trial) { t.Ports[0].Range = PortRange{2000, 1999} },
		"ports[0].port cannot be 70000":           func(t *Trial) { t.Ports[0].Port = 70000 },
		"ports[0].forecast.plateau cannot be -1":  func(t *Trial) { t.Ports[0].Forecast.Plateau = ptr(-1.0) },
		"sides.client.states.end.TIME_WAIT is a":  func(t *Trial) { t.Sides.Client.States.End[TimeWait] = -1 },
		`states.end has "WAITING", which is no`:   func(t *Trial) { t.Sides.Client.States.End["WAITING"] = 1 },
		"samples[1].at_ms is -10, before":         func(t *Trial) { t.Sides.Client.Samples[1].AtMS = -10 },
		"samples[1].ports_in_use has 2 entries":   func(t *Trial) { t.Sides.Client.Samples[1].PortsInUse = []int64{1, 2} },
		"samples[1].time_wait is a count":         func(t *Trial) { *t.Sides.Client.Samples[1].TimeWait = -1 },
		"ledger.client.standing is a count":       func(t *Trial) { *t.Ledger.Client.Standing = -1 },
		"latency.connect.p50_us cannot be -2":     func(t *Trial) { t.Latency.Connect.P50US = -2 },
		"scenario.goal.side is \"both\"":          func(t *Trial) { t.Scenario.Goal.Side = "both" },
		"phases.load_seconds cannot be -1":        func(t *Trial) { t.Phases.LoadSeconds = -1 },
		"rate.reached_per_second cannot be -1":    func(t *Trial) { t.Rate.ReachedPerSecond = -1 },
		"sides.client.cpu.user_seconds cannot be": func(t *Trial) { t.Sides.Client.CPU.UserSeconds = -1 },
	} {
		tr := small()
		if spoil == nil {
			tr.ID = "a/b"
		} else {
			spoil(tr)
		}
		if err := tr.Check(); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(want, "id ")) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	refuses(t, map[string]func(*Trial){
		"connections.hidden_retries is a count":     func(t *Trial) { t.Connections.HiddenRetries = ptr(int64(-1)) },
		"bytes.written is a count":                  func(t *Trial) { t.Bytes.Written = -1 },
		"bytes.to_server.lost is a count":           func(t *Trial) { t.Bytes.ToServer.Lost = -1 },
		"bytes.to_client.read is a count":           func(t *Trial) { t.Bytes.ToClient = &Direction{Read: -1} },
		"bytes.by_connection.with_loss is a count":  func(t *Trial) { t.Bytes.ByConnection.WithLoss = -1 },
		`close.side is "nobody"`:                    func(t *Trial) { t.Close.Side = "nobody" },
		`close.declared.client.states.TIME_WAIT is`: func(t *Trial) { t.Close.Declared.Client.States[TimeWait] = "most" },
		`declared.server.passing has "WAITING"`: func(t *Trial) {
			t.Close.Declared.Server.Passing = map[State]Share{"WAITING": All}
		},
		`declared.client.counters.TCPAbortOnData is "7"`: func(t *Trial) {
			t.Close.Declared.Client.Counters = map[string]Share{"TCPAbortOnData": "7"}
		},
		`close.declared.server.eof is "yes"`:               func(t *Trial) { t.Close.Declared.Server.EOF = "yes" },
		"close.declared.client.lost_each is a count":       func(t *Trial) { t.Close.Declared.Client.LostEach = -1 },
		"close.seen.client.states.TIME_WAIT is a":          func(t *Trial) { t.Close.Seen.Client.States[TimeWait] = -1 },
		"close.seen.server.counters.TCPAbortOnData is":     func(t *Trial) { t.Close.Seen.Server.Counters["TCPAbortOnData"] = -1 },
		"close.seen.server.reset is a count":               func(t *Trial) { t.Close.Seen.Server.Reset = -1 },
		"close.agrees is null although there are 1":        func(t *Trial) { t.Close.Agrees, t.Close.Contradictions = nil, []string{"x"} },
		"close.agrees is true although there are 1":        func(t *Trial) { t.Close.Contradictions = []string{"x"} },
		"close.contradictions are missing":                 func(t *Trial) { t.Close.Agrees = ptr(false) },
		"close.not_judged is there although agrees":        func(t *Trial) { t.Close.NotJudged = "x" },
		"sides.client.time_wait.fin_wait_2_seconds cannot": func(t *Trial) { t.Sides.Client.TimeWait.FinWait2Seconds = ptr(-1.0) },
		`sides.server.sysctls.asked[0].outcome is "done"`: func(t *Trial) {
			t.Sides.Server.Sysctls.Asked = []SysctlAsked{{Key: "net.ipv4.tcp_tw_reuse", Outcome: "done"}}
		},
		"stand.asked.LISTEN is a count":        func(t *Trial) { t.Stand.Asked[Listen] = -1 },
		"stand.least.SYN_RECV is 9, more than": func(t *Trial) { t.Stand.Least[SynRecv] = 9 },
		"stand.worst_deviation is a count":     func(t *Trial) { t.Stand.WorstDeviation = -1 },
		"stand.held_seconds cannot be -1":      func(t *Trial) { t.Stand.HeldSeconds = -1 },
	}, small)
	// A remainder below zero is a finding, not a contradiction.
	tr := small()
	tr.Ledger.Client.Unexplained = ptr(int64(-4))
	if err := tr.Check(); err != nil {
		t.Error(err)
	}
}

// refuses holds Check to finding each fault in what is otherwise good.
func refuses[T checked](t *testing.T, faults map[string]func(T), good func() T) {
	t.Helper()
	for want, spoil := range faults {
		r := good()
		spoil(r)
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

// A record from before there were ways to close is read: it names none, and its lists are there and empty.
func TestDecodeWithoutClose(t *testing.T) {
	got, err := Decode("FILE", []byte(`{"schema":"twomsl/trial/v1","id":"a","status":"complete"}`))
	if err != nil {
		t.Fatal(err)
	}
	if k := got.Close; k.How != "" || k.Contradictions == nil || k.Declared.Client.States == nil || k.Seen.Client.States != nil {
		t.Errorf("%+v", k)
	}
}

// A record written by a program that knows more fields is read; the lists that it writes as null are empty.
func TestDecodeLenient(t *testing.T) {
	got, err := Decode("FILE", []byte(`{"schema":"twomsl/trial/v1","id":"a","status":"complete","brand_new":{"x":1},
		"outcomes":null,"ports":null,"warnings":[{"code":"c","spoils":null}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcomes == nil || got.Ports == nil || got.Warnings[0].Spoils == nil || got.Environment.Unmeasured == nil {
		t.Errorf("lists that are always known are nil: %+v", got)
	}
	if got.Sides.Client.Counters != nil || got.Sides.Client.States.End != nil {
		t.Error("what was not measured is not nil")
	}
}

func FuzzDecode(f *testing.F) {
	whole, err := Encode(small())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/3])
	f.Add([]byte(`{"schema":"twomsl/trial/v2"}`))
	f.Add([]byte(`{"schema":"twomsl/trial/v1","id":"a","status":"complete"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Decode("FILE", data)
		if err != nil {
			if got != nil || err.Error() == "" {
				t.Fatalf("a trial or nothing to read comes with the error %q", err)
			}
			return
		}
		again, err := Encode(got)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		twice, err := Decode("FILE", again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		got.Scenario.Spec, twice.Scenario.Spec = squashed(got.Scenario.Spec), squashed(twice.Scenario.Spec)
		if diff := cmp.Diff(got, twice); diff != "" {
			t.Fatalf("written and read again differs:\n%s", diff)
		}
	})
}

// squashed takes the white space out of a spec, which Encode indents, and a null with it.
func squashed(spec json.RawMessage) json.RawMessage {
	var v any
	if len(spec) == 0 || json.Unmarshal(spec, &v) != nil || v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}
