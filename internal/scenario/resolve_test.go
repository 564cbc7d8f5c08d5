package scenario

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResolveFillsInWhatWasNotSaid(t *testing.T) {
	want := Scenario{
		Topology: Veth, Family: IPv4, Engine: "split", IO: "epoll",
		Load:    Load{Rate: Max, Concurrency: 64, Stop: Stop{After: 10 * second}},
		Client:  Client{Addresses: 1, Timeout: 5 * second},
		Server:  Server{Port: 8080, Backlog: 4096},
		Payload: Payload{Request: 64, Response: 64},
		Close:   Close{Side: ClientSide},
	}
	if diff := cmp.Diff(want, Scenario{}.Resolve()); diff != "" {
		t.Error(diff)
	}
}

func TestResolveKeepsWhatWasSaid(t *testing.T) {
	if diff := cmp.Diff(full(), full().Resolve()); diff != "" {
		t.Error(diff)
	}
}

func TestResolveSharesNothing(t *testing.T) {
	s := full()
	r := s.Resolve()
	r.Load.Stop.TimeWait.Count = 9
	for _, m := range []map[string]string{r.Sysctl.Both, r.Sysctl.Client, r.Sysctl.Server} {
		m["net.x"] = "1"
	}
	if diff := cmp.Diff(full(), s); diff != "" {
		t.Error(diff)
	}
}

// "--set load.stop.time_wait.count=500" alone is enough: the TIME_WAIT can only be where the first close is.
func TestResolveGivesTheGoalTheClosingSide(t *testing.T) {
	for closes, want := range map[Side]Side{
		"": ClientSide, ClientSide: ClientSide, ServerSide: ServerSide, BothSides: "",
	} {
		s := Scenario{Close: Close{Side: closes}}
		s.Load.Stop.TimeWait = &TimeWaitGoal{Count: 500}
		if got := s.Resolve().Load.Stop.TimeWait.Side; got != want {
			t.Errorf("close.side %q: the goal is on %q, want %q", closes, got, want)
		}
		if s.Load.Stop.TimeWait.Side != "" {
			t.Error("the receiver changed")
		}
	}
}
