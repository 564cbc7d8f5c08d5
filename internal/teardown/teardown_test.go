package teardown

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/scenario"
)

var (
	off   = scenario.Linger{}
	zero  = scenario.Linger{On: true}
	two   = scenario.Linger{On: true, Seconds: 2}
	sides = []scenario.Side{scenario.ClientSide, scenario.ServerSide, scenario.BothSides}
)

func TestStrategies(t *testing.T) {
	end := Step{Op: Close}
	passive := []Step{{Op: ReadEOF}, end}
	for _, c := range []struct {
		close scenario.Close
		want  Strategy
	}{
		{scenario.Close{Side: "client", Linger: off}, Strategy{
			"fin", []Step{end}, passive, Expect{ClientTimeWait: All, ServerTimeWait: None},
		}},
		{scenario.Close{Side: "server", Linger: off}, Strategy{
			"fin", passive, []Step{end}, Expect{ClientTimeWait: None, ServerTimeWait: All},
		}},
		{scenario.Close{Side: "both", Linger: off}, Strategy{
			"fin", []Step{end}, []Step{end}, Expect{ClientTimeWait: Some, ServerTimeWait: Some},
		}},
		{scenario.Close{Side: "client", Linger: zero}, Strategy{
			"reset", []Step{{Op: Linger}, end}, passive, Expect{ClientTimeWait: None, ServerTimeWait: None, PeerReset: true},
		}},
		{scenario.Close{Side: "server", Linger: zero}, Strategy{
			"reset", passive, []Step{{Op: Linger}, end}, Expect{ClientTimeWait: None, ServerTimeWait: None, PeerReset: true},
		}},
		{scenario.Close{Side: "both", Linger: zero}, Strategy{
			"reset", []Step{{Op: Linger}, end}, []Step{{Op: Linger}, end}, Expect{ClientTimeWait: None, ServerTimeWait: None},
		}},
		{scenario.Close{Side: "client", Linger: two}, Strategy{
			"wait", []Step{{Linger, 2}, end}, passive, Expect{ClientTimeWait: All, ServerTimeWait: None},
		}},
		{scenario.Close{Side: "server", Linger: two}, Strategy{
			"wait", passive, []Step{{Linger, 2}, end}, Expect{ClientTimeWait: None, ServerTimeWait: All},
		}},
		{scenario.Close{Side: "both", Linger: two}, Strategy{
			"wait", []Step{{Linger, 2}, end}, []Step{{Linger, 2}, end}, Expect{ClientTimeWait: Some, ServerTimeWait: Some},
		}},
	} {
		got, err := For(c.close)
		if err != nil {
			t.Errorf("%+v: %v", c.close, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v: %s", c.close, diff)
		}
	}
}

// For asks one maker after the other, so a block that two of them take would hide the second.
func TestOneStrategyForEachCloseBlock(t *testing.T) {
	for _, side := range sides {
		for _, l := range []scenario.Linger{off, zero, two, {On: true, Seconds: 3600}} {
			var names []string
			for _, m := range strategies {
				if s, ok := m(side, l); ok {
					names = append(names, s.Name)
				}
			}
			if len(names) != 1 {
				t.Errorf("side %s, linger %s: %v", side, l, names)
			}
		}
	}
}

// Whatever is added later: each side closes, once and at the end, and no shares contradict each other.
func TestStrategiesAreWellFormed(t *testing.T) {
	for _, side := range sides {
		for _, l := range []scenario.Linger{off, zero, two} {
			s, err := For(scenario.Close{Side: side, Linger: l})
			if err != nil {
				t.Fatal(err)
			}
			for _, steps := range [][]Step{s.Client, s.Server} {
				for i, step := range steps {
					if last := i == len(steps)-1; last != (step.Op == Close) {
						t.Errorf("%s by %s: step %d of %v", s.Name, side, i, steps)
					}
				}
			}
			x := s.Expect
			if x.ClientTimeWait == All && x.ServerTimeWait == All || (x.ClientTimeWait == Some) != (x.ServerTimeWait == Some) {
				t.Errorf("%s by %s: %+v", s.Name, side, x)
			}
		}
	}
}

func TestUnknownSideIsNamed(t *testing.T) {
	_, err := For(scenario.Close{Side: "nobody", Linger: two})
	if err == nil || !strings.Contains(err.Error(), `close.side "nobody" with close.linger 2`) {
		t.Error(err)
	}
}
