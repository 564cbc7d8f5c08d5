package claims

import (
	"maps"
	"testing"

	"twomsl/internal/record"
)

// figures are an assay's, for tests.
type figures map[string]float64

// change spoils or fits a made-up trial.
type change func(*record.Trial)

// aTrial is a made-up trial of so many connections in which nothing happened.
func aTrial(opened int64, changes ...change) *record.Trial {
	counters := func() map[string]int64 {
		return map[string]int64{"TcpExt.TWRecycled": 0, "TcpExt.TCPTimeWaitOverflow": 0, "TcpExt.TCPAbortOnData": 0}
	}
	t := &record.Trial{Status: record.Complete}
	t.Connections.Attempted, t.Connections.OK = opened, opened
	for _, s := range []*record.Side{&t.Sides.Client, &t.Sides.Server} {
		s.States = record.SideStates{Peak: record.Counts{}, End: record.Counts{}}
		s.Counters, s.Sysctls.Effective = counters(), map[string]string{}
	}
	t.Close.Seen.Client.States, t.Close.Seen.Server.States = record.Counts{}, record.Counts{}
	t.Close.Side = client
	lost := int64(0)
	t.Bytes.Lost, t.Bytes.Written = &lost, 1000
	for _, c := range changes {
		c(t)
	}
	return t
}

func sideOf(t *record.Trial, side string) *record.Side {
	if side == server {
		return &t.Sides.Server
	}
	return &t.Sides.Client
}

// left is what a side has in a state when the load ends, and at the trial's end.
func left(side string, state record.State, n int64) change {
	return func(t *record.Trial) {
		seen := &t.Close.Seen.Client
		if side == server {
			seen = &t.Close.Seen.Server
		}
		seen.States[state], sideOf(t, side).States.End[state] = n, n
	}
}

func failing(n int64) change {
	return func(t *record.Trial) { t.Connections.Failed, t.Connections.OK = n, t.Connections.Attempted-n }
}

func moved(side, counter string, n int64) change {
	return func(t *record.Trial) { sideOf(t, side).Counters[counter] = n }
}

func has(side, key, value string) change {
	return func(t *record.Trial) { sideOf(t, side).Sysctls.Effective[key] = value }
}

func answers(key, outcome string) change {
	return func(t *record.Trial) {
		for _, s := range []*record.Side{&t.Sides.Client, &t.Sides.Server} {
			q := record.SysctlAsked{Key: key, Outcome: outcome, Does: "it does something"}
			if outcome != record.SysctlChanged && outcome != record.SysctlAlreadySet {
				q.Reason = "for some reason"
			}
			s.Sysctls.Asked = append(s.Sysctls.Asked, q)
		}
	}
}

func closedBy(side string) change { return func(t *record.Trial) { t.Close.Side = side } }

func losing(n int64) change { return func(t *record.Trial) { t.Bytes.Lost = &n } }

func stood(state record.State, asked, standing int64) change {
	return func(t *record.Trial) {
		t.Stand = &record.Stand{
			Asked: record.Counts{state: asked}, Standing: record.Counts{state: standing}, Least: record.Counts{state: standing},
		}
	}
}

func usedUp(n int64) change {
	return func(t *record.Trial) { t.Ports = []record.Tuple{{OKBeforeFirstExhaustion: &n}} }
}

func canary(name string, calls, answered int64) change {
	return func(t *record.Trial) {
		t.Canaries = append(t.Canaries, record.Canary{Name: name, From: "outside", Calls: calls, Answered: answered})
	}
}

func bytesEach(n int64) change {
	return func(t *record.Trial) { t.Sides.Server.TimeWait.BytesEach = &n }
}

func lives(seconds float64) change {
	return func(t *record.Trial) {
		for _, s := range []*record.Side{&t.Sides.Client, &t.Sides.Server} {
			s.TimeWait.LifetimeSeconds, s.TimeWait.FinWait2Seconds = &seconds, &seconds
		}
	}
}

func bindFails(n int64) change {
	return func(t *record.Trial) {
		t.Outcomes = append(t.Outcomes, record.Outcome{Side: client, Phase: "bind", Errno: "EADDRINUSE", Count: n})
		failing(n)(t)
	}
}

func trackingDrops(n int64) change {
	return func(t *record.Trial) { t.Sides.Server.Conntrack = &record.Conntrack{Dropped: &n} }
}

// tried puts a claim's or a line's parts together from what was made up for them: figures or a trial.
func tried(t *testing.T, parts []Part, made map[string]any) []record.Tried {
	t.Helper()
	made = maps.Clone(made)
	var out []record.Tried
	for i, p := range parts {
		one := record.Tried{Name: "t" + string(rune('a'+i)), Try: p.Try}
		switch v := made[p.Name].(type) {
		case figures:
			for name, n := range v {
				one.Figures = append(one.Figures, record.Figure{Name: name, Value: n})
			}
			one.Texts = []string{`then connect() gives "EADDRNOTAVAIL"`}
		case *record.Trial:
			one.Trial, one.TrialID = v, "made-up"
		default:
			t.Fatalf("nothing was made up for %q", p.Name)
		}
		if (p.Assay != "") != (one.Trial == nil) {
			t.Fatalf("%q is made up as the wrong kind", p.Name)
		}
		delete(made, p.Name)
		out = append(out, one)
	}
	for name := range made {
		t.Fatalf("there is no part %q", name)
	}
	return out
}
