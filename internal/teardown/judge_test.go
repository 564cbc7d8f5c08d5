package teardown

import (
	"strings"
	"testing"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// perfect makes up what the kernel shows when it does what is declared of n connections.
func perfect(x Expect, n int64) (seen record.SidePair[record.CloseSeen]) {
	for _, p := range []struct {
		d *record.Declared
		s *record.CloseSeen
	}{{&x.Client, &seen.Client}, {&x.Server, &seen.Server}} {
		p.s.States, p.s.Peak, p.s.Counters = record.Counts{}, record.Counts{}, map[string]int64{}
		for state := range p.d.States {
			p.s.States[state], p.s.Peak[state] = n, n
		}
		for state := range p.d.Passing {
			p.s.Peak[state] = n
		}
		for counter := range p.d.Counters {
			p.s.Counters[counter] = n
		}
		if p.d.EOF == record.All {
			p.s.EOF = n
		}
		if p.d.Reset == record.All {
			p.s.Reset = n
		}
		p.s.Lost = p.d.LostEach * n
	}
	return seen
}

// Each thing that is declared is also looked at: whatever differs is told, on whichever side.
func TestJudgeTellsEveryDifference(t *testing.T) {
	const n = 100
	each(t, func(t *testing.T, _ scenario.Close, s Strategy) {
		if found := Judge(s.Expect, perfect(s.Expect, n), n); len(found) > 0 {
			t.Errorf("agreement is called %q", found)
		}
		for name, spoil := range map[string]func(*record.CloseSeen){
			"a socket left over":         func(s *record.CloseSeen) { s.States[record.SynSent]++ },
			"too many TIME_WAIT":         func(s *record.CloseSeen) { s.States[record.TimeWait] += 2*n + 1 },
			"a counter that moved":       func(s *record.CloseSeen) { s.Counters["TcpExt.TCPAbortOnMemory"]++ },
			"too many ends":              func(s *record.CloseSeen) { s.EOF += n + 1 },
			"counters that stood still":  func(s *record.CloseSeen) { clear(s.Counters); s.Lost = -1 },
			"a reset":                    func(s *record.CloseSeen) { s.Reset += n + 1 },
			"fewer lost than must be":    func(s *record.CloseSeen) { s.Lost = -1 },
			"what had to stand does not": func(s *record.CloseSeen) { clear(s.States); clear(s.Peak); s.EOF, s.Reset = -1, -1 },
		} {
			for _, side := range []string{"client", "server"} {
				seen := perfect(s.Expect, n)
				at := &seen.Client
				if side == "server" {
					at = &seen.Server
				}
				spoil(at)
				if found := Judge(s.Expect, seen, n); !strings.Contains(strings.Join(found, "\n"), side) {
					t.Errorf("%s on the %s: %q", name, side, found)
				}
			}
		}
	})
}

// Where both sides may end in TIME_WAIT, each connection must leave at least one.
func TestJudgeWantsOneTimeWaitForEach(t *testing.T) {
	s, err := For(scenario.Close{Side: scenario.BothSides, How: "fin"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		client, server int64
		agrees         bool
	}{{10, 0, true}, {0, 10, true}, {5, 5, true}, {10, 10, true}, {5, 4, false}, {0, 0, false}, {11, 0, false}} {
		seen := perfect(s.Expect, 10)
		seen.Client.States[record.TimeWait], seen.Server.States[record.TimeWait] = c.client, c.server
		if found := Judge(s.Expect, seen, 10); (len(found) == 0) != c.agrees {
			t.Errorf("%+v: %q", c, found)
		}
	}
}

// Bytes in flight may be lost where that is declared, and nowhere else.
func TestJudgeLoss(t *testing.T) {
	for how, may := range map[scenario.How]bool{"fin": false, "graceful": false, "linger=0": true, "linger=2": false, "unread": true} {
		s, err := For(scenario.Close{Side: scenario.ServerSide, How: how})
		if err != nil {
			t.Fatal(err)
		}
		seen := perfect(s.Expect, 10)
		seen.Server.Lost += 12345
		if found := Judge(s.Expect, seen, 10); (len(found) == 0) != may {
			t.Errorf("%s: %q", how, found)
		}
	}
}
