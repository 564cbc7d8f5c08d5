package scenario

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResolveFillsInWhatWasNotSaid(t *testing.T) {
	want := Scenario{
		Topology: Veth, Family: IPv4, Engine: "split", IO: "auto",
		Load: Load{Rate: Max, Concurrency: 64, Stop: Stop{After: 10 * second}},
		Client: Client{
			Addresses: 1, Bind: Bind{Mode: BindAuto}, BindAddressNoPort: On, ReuseAddress: Off, ReusePort: Off, NoDelay: Off,
			FastOpen: Off, Requests: 1, Timeout: 5 * second,
		},
		Server:  Server{Addresses: 1, Port: 8080, Ports: 1, Backlog: 4096, ReuseAddress: On, ReusePort: On},
		Payload: Payload{Request: 64, Response: 64, Protocol: Plain},
		Close:   Close{Side: ClientSide, How: "fin"},
		Track:   Track{Side: NoSide, Fill: Off},
		Judge:   Judge{Primary: "failed,connects_per_second"}, Measure: Measure{CallCosts: Off},
		Sample: Sample{Budget: 1, Split: second},
		Struck: ServerSide, Canaries: Canaries{Timeout: 2 * second},
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

func TestResolveSettlesClose(t *testing.T) {
	on := func(seconds int) Linger { return Linger{On: true, Seconds: seconds} }
	for _, tt := range []struct{ said, want Close }{
		{Close{}, Close{ClientSide, "fin", Linger{}}},
		{Close{Linger: on(0)}, Close{ClientSide, "linger=0", on(0)}},
		{Close{Linger: on(5), Side: BothSides}, Close{BothSides, "linger=5", on(5)}},
		{Close{How: "linger=0"}, Close{ClientSide, "linger=0", on(0)}},
		{Close{How: "linger=5", Side: ServerSide}, Close{ServerSide, "linger=5", on(5)}},
		{Close{How: "linger=-1"}, Close{ClientSide, "linger=-1", Linger{}}}, // SO_LINGER off, said expressly
		{Close{How: "linger=x"}, Close{ClientSide, "linger=x", Linger{}}},   // the strategy is to refuse it
		{Close{How: "linger"}, Close{ClientSide, "linger", Linger{}}},
		{Close{How: "linger=off"}, Close{ClientSide, "linger=off", Linger{}}},
		{Close{How: "linger2=5"}, Close{ClientSide, "linger2=5", Linger{}}},
		{Close{How: "graceful=5s"}, Close{ClientSide, "graceful=5s", Linger{}}},
		{Close{How: "fin", Linger: on(5)}, Close{ClientSide, "fin", on(5)}}, // a contradiction stays one
		{Close{How: "linger=0", Linger: on(5)}, Close{ClientSide, "linger=0", on(5)}},
		{Close{How: "simultaneous"}, Close{BothSides, "simultaneous", Linger{}}},
		{Close{How: "simultaneous", Side: ClientSide}, Close{ClientSide, "simultaneous", Linger{}}},
	} {
		s := Scenario{Close: tt.said}.Resolve()
		if s.Close != tt.want {
			t.Errorf("%+v resolves to %+v, want %+v", tt.said, s.Close, tt.want)
		}
		if again := s.Resolve(); again.Close != s.Close { // a record's scenario is resolved already
			t.Errorf("%+v, resolved twice, is %+v", tt.said, again.Close)
		}
	}
}

// A queue is a slow link's: without a rate there is none.
func TestResolveGivesALinkWithARateItsQueue(t *testing.T) {
	for said, want := range map[Link]Link{
		{}:                           {},
		{Rate: 20e6}:                 {Rate: 20e6, Queue: 64 << 10},
		{Rate: 20e6, Queue: 4 << 10}: {Rate: 20e6, Queue: 4 << 10},
		{Queue: 4 << 10}:             {Queue: 4 << 10},
	} {
		if got := (Scenario{Link: said}).Resolve().Link; got != want {
			t.Errorf("%+v resolves to %+v, want %+v", said, got, want)
		}
	}
}

func TestStandCounts(t *testing.T) {
	want := map[string]int{
		"SYN_SENT": 1, "SYN_RECV": 2, "ESTABLISHED": 3, "FIN_WAIT_1": 4, "FIN_WAIT_2": 5, "CLOSING": 6, "TIME_WAIT": 18,
		"CLOSE_WAIT": 8, "LAST_ACK": 9, "LISTEN": 10,
	}
	if diff := cmp.Diff(want, full().Stand.Counts()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"CLOSING": 5}, Stand{Closing: 5}.Counts()); diff != "" {
		t.Error(diff)
	}
	if !(Stand{}).Off() || (Stand{Listen: 1}).Off() {
		t.Error("Off is wrong")
	}
}
