package scenario

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLibrary(t *testing.T) {
	want := []string{
		"accept-backlog", "close-matrix", "close-wait-leak", "conntrack-full", "data-loss", "dead-peer", "dead-peer-heartbeat",
		"dead-peer-keepalive", "descriptors", "explicit-bind", "fin-wait-2-pileup", "half-range-cliff", "idle-50000",
		"incident-18000", "port-exhaustion", "port-exhaustion-8k", "port-exhaustion-small", "proxy-exhaustion", "state-mix",
		"steady-200", "syn-queue", "syn-queue-no-cookies",
	}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Fatal(diff)
	}
	for _, name := range Names() {
		s, err := Find(name)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if err := s.Resolve().Check(known); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.Name != name || s.Title == "" || s.About == "" {
			t.Errorf("%s: name %q, title %q, about %q", name, s.Name, s.Title, s.About)
		}
		for i, l := range bytes.Split(Source(name), []byte("\n")) {
			if len(l) > 120 {
				t.Errorf("%s:%d has %d characters", name, i+1, len(l))
			}
		}
	}
}

// What each scenario of the library asks for, beside the defaults.
func TestLibraryAsks(t *testing.T) {
	for name, change := range map[string]func(*Scenario){
		"accept-backlog": func(s *Scenario) {
			s.Load.Rate, s.Load.Concurrency, s.Load.Stop.After = 100, 400, 5*second
			s.Client.Timeout = 5 * second / 2
			s.Server.Backlog, s.Server.AcceptDelay, s.Server.Workers = 8, second/20, 1
		},
		"conntrack-full": func(s *Scenario) {
			s.Load.Stop = Stop{After: 90 * second, Failures: 100}
			s.Client.Addresses, s.Client.Bind = 10, Bind{BindPorts, PortRange{10000, 60999}}
			s.Client.Workers, s.Client.Timeout, s.Server.Workers = 1, second, 1
			s.Close.Side, s.Track = ServerSide, Track{ServerSide, On}
			s.Sysctl = Sysctl{
				Both:   map[string]string{"net.ipv4.tcp_rfc1337": "1"},
				Server: map[string]string{"net.ipv4.tcp_max_tw_buckets": "1000000"},
			}
		},
		"descriptors": func(s *Scenario) {
			s.Load.Rate, s.Load.Concurrency, s.Load.Stop.After = 200, 1000, 4*second
			s.Client.Timeout = 2 * second
			s.Server.Think, s.Server.Workers, s.Server.Descriptors = second, 1, 128
			s.Sysctl.Both = map[string]string{"net.ipv4.tcp_rfc1337": "1"}
		},
		"half-range-cliff": func(s *Scenario) {
			s.Load.Stop = Stop{After: 40 * second, Connections: 16_500}
			s.Sysctl.Both = map[string]string{"net.ipv4.tcp_rfc1337": "1"}
		},
		"syn-queue": func(s *Scenario) {
			s.Load.Rate, s.Load.HalfOpen, s.Load.Stop.After = 100, 160, 5*second
			s.Server.Backlog, s.Server.Workers = 128, 1
			s.Sysctl.Server = map[string]string{"net.ipv4.tcp_syncookies": "1"}
		},
		"syn-queue-no-cookies": func(s *Scenario) {
			s.Load.Rate, s.Load.Concurrency, s.Load.HalfOpen, s.Load.Stop.After = 100, 400, 160, 4*second
			s.Client.Timeout, s.Server.Backlog, s.Server.Workers = 5*second/2, 128, 1
			s.Sysctl.Server = map[string]string{"net.ipv4.tcp_syncookies": "0"}
		},
		"data-loss": func(s *Scenario) {
			s.Load.Concurrency, s.Load.Stop.Connections, s.Payload.Response = 4, 20, 64<<10
			s.Close = Close{ServerSide, "linger=0", Linger{On: true}}
			s.Link = Link{20_000_000, 64 << 10}
			s.Sysctl.Both = map[string]string{"net.ipv4.tcp_rfc1337": "1"}
		},
		"close-wait-leak": func(s *Scenario) {
			s.Load.Rate, s.Load.Stop.Connections, s.Load.Hold = 250, 1000, 8*second
			s.Close = Close{Side: ServerSide, How: "leak"}
			s.Sysctl.Client = map[string]string{"net.ipv4.tcp_fin_timeout": "5"}
		},
		"dead-peer":           deadPeer(15, KeepAlive{}, Heartbeat{}),
		"dead-peer-heartbeat": deadPeer(10, KeepAlive{}, Heartbeat{second, 3 * second}),
		"dead-peer-keepalive": deadPeer(12, KeepAlive{3 * second, second, 3}, Heartbeat{}),
		"explicit-bind": func(s *Scenario) {
			s.Load.Rate, s.Server.Ports = 400, 2
			s.Client.Bind, s.Client.BindAddressNoPort = Bind{Mode: BindAddress}, Off
			s.Sysctl.Client = map[string]string{"net.ipv4.ip_local_port_range": "40000 40999"}
		},
		"fin-wait-2-pileup": func(s *Scenario) {
			s.Load.Rate, s.Load.Stop.After = 200, 12*second
			s.Close = Close{Side: ClientSide, How: "leak"}
			s.Sysctl.Server = map[string]string{"net.ipv4.tcp_fin_timeout": "5"}
		},
		"idle-50000": func(s *Scenario) {
			s.Load.Concurrency, s.Load.Hold, s.Client.Addresses = 256, 5*second, 4
			s.Load.Stop = Stop{After: 60 * second, Connections: 50_000}
			s.Close = Close{Side: BothSides, How: "never"}
		},
		"incident-18000": func(s *Scenario) {
			s.Close.Side, s.Client.Addresses, s.Load.Hold = ServerSide, 4, 10*second
			s.Load.Stop = Stop{After: 25 * second, TimeWait: goalOf(ServerSide, 18122)}
			s.Sysctl.Both = map[string]string{"net.ipv4.tcp_rfc1337": "1"}
		},
		"port-exhaustion": func(s *Scenario) {
			s.Client.LocalPortRange = PortRange{32768, 60999}
			s.Load.Stop = Stop{After: 75 * second, Failures: 50}
			s.Sysctl.Both = map[string]string{"net.ipv4.tcp_rfc1337": "1"}
		},
		"port-exhaustion-small": func(s *Scenario) {
			s.Load.Rate = 200
			s.Sysctl.Client = map[string]string{"net.ipv4.ip_local_port_range": "40000 40999"}
		},
		"port-exhaustion-8k": func(s *Scenario) {
			s.Load.Rate, s.Load.Stop, s.Client.Workers = 1000, Stop{After: 20 * second, Failures: 1000}, 2
			s.Sysctl.Client = map[string]string{"net.ipv4.ip_local_port_range": "40000 47999"}
		},
		"proxy-exhaustion": func(s *Scenario) {
			s.Load.Rate, s.Load.Stop, s.Close.Side = 400, Stop{After: 12 * second, Failures: 400}, ServerSide
			s.Relay = &Relay{Port: 8080, Addresses: 1, BindAddressNoPort: On, Close: RelaySide}
			s.Sysctl.Relay = map[string]string{"net.ipv4.ip_local_port_range": "40000 41999"}
		},
		"state-mix": func(s *Scenario) {
			s.Load.Hold, s.Server.Workers = 20*second, 1
			s.Stand = Stand{
				SynSent: 10, SynRecv: 48, Established: 70, FinWait1: 29, FinWait2: 30, Closing: 33, TimeWait: 100, CloseWait: 20,
				LastAck: 14, Listen: 1,
			}
		},
		"steady-200": func(s *Scenario) { s.Load.Rate, s.Load.Stop.After = 200, 150*second },
	} {
		want := Scenario{}.Resolve()
		change(&want)
		s, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		want.Name, want.Title, want.About, want.Struck, want.Cause = s.Name, s.Title, s.About, s.Resolve().Struck, s.Cause
		if want.Judge.Primary = s.Judge.Primary; want.Judge.Primary == "" {
			want.Judge.Primary = primaryOf(want.Load.Rate)
		}
		if diff := cmp.Diff(want, s.Resolve()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// deadPeer are 2,000 idle connections whose client's host vanishes two seconds after the last.
func deadPeer(hold Duration, k KeepAlive, h Heartbeat) func(*Scenario) {
	return func(s *Scenario) {
		s.Load.Stop.Connections, s.Load.Hold, s.Client.Vanish = 2000, hold*second, 2*second
		s.Server.KeepAlive, s.Server.Heartbeat = k, h
		s.Close = Close{Side: BothSides, How: "never"}
	}
}

// Every scenario says what a diagnosis of its struck host must come to, so that one that is added is held to it; these show
// something else.
func TestLibraryNamesCauses(t *testing.T) {
	without := map[string]bool{"close-matrix": true, "data-loss": true}
	for _, name := range Names() {
		s, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if (s.Cause == "") != without[name] {
			t.Errorf("%s: cause is %q", name, s.Cause)
		}
	}
}

// The figures that the texts promise follow from what the scenarios ask for.
func TestLibraryFigures(t *testing.T) {
	small, err := Find("port-exhaustion-small")
	if err != nil {
		t.Fatal(err)
	}
	small = small.Resolve()
	if due := NewSchedule(small.Load.Rate).Due(5 * second.Std()); due <= int64(small.clientPorts().Size()) {
		t.Errorf("%s is not exhausted after 5 s: %d connections", small.Name, due)
	}
	bind, err := Find("explicit-bind")
	if err != nil {
		t.Fatal(err)
	}
	bind = bind.Resolve()
	ports, due := int64(bind.clientPorts().Size()), NewSchedule(bind.Load.Rate).Due(bind.Load.Stop.After.Std())
	if ports != 1000 || bind.destinations() != 2 || bind.portForEach(ClientSide) || due <= 2*ports {
		t.Errorf("%s: %d ports, %d destinations, %d connections", bind.Name, ports, bind.destinations(), due)
	}
	if bind.Client.BindAddressNoPort = On; !bind.portForEach(ClientSide) {
		t.Errorf("%s: its override changes nothing", bind.Name)
	}
	idle, err := Find("idle-50000")
	if err != nil {
		t.Fatal(err)
	}
	idle = idle.Resolve()
	if each := idle.Load.Stop.Connections / int64(idle.Client.Addresses); each != 12_500 || int(each) >= idle.clientPorts().Size()/2 {
		t.Errorf("%s: %d connections from each address", idle.Name, each)
	}
	steady, err := Find("steady-200")
	if err != nil {
		t.Fatal(err)
	}
	steady = steady.Resolve()
	half := steady.clientPorts().Size() / 2
	if half != 14_116 || half/62 != 227 || float64(steady.Load.Rate) >= float64(half)/62 {
		t.Errorf("%s: half the range is %d", steady.Name, half)
	}
	if steady.Load.Stop.After <= 2*62*second {
		t.Errorf("%s runs for %s only", steady.Name, steady.Load.Stop.After)
	}
}

// The abouts name overrides; they must be ones that work.
func TestLibraryAboutsNameOverridesThatWork(t *testing.T) {
	tried := 0
	for _, name := range Names() {
		s, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(s.About, "`--set ")[1:] {
			override, _, _ := strings.Cut(part, "`")
			changed, err := s.With([]string{override})
			if err == nil {
				err = changed.Resolve().Check(known)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			tried++
		}
	}
	if tried == 0 {
		t.Error("no override found")
	}
}

func TestFindUnknown(t *testing.T) {
	all := "there are: " + strings.Join(Names(), ", ")
	for name, want := range map[string]string{
		"incident": `no scenario is called "incident"; did you mean incident-18000? ` + all,
		"nothing":  `no scenario is called "nothing"; ` + all,
		"../check": `no scenario is called "../check"; ` + all,
	} {
		if _, err := Find(name); fmt.Sprint(err) != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	if Source("nothing") != nil {
		t.Error("a source without a scenario")
	}
}

// A comparison is taken up again from its record alone.
func TestJSONReadsBack(t *testing.T) {
	all := []Scenario{full()}
	for _, name := range Names() {
		s, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s, s.Resolve())
	}
	for _, s := range all {
		text, err := s.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got, err := FromJSON(text)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if diff := cmp.Diff(s.Resolve(), got.Resolve()); diff != "" {
			t.Errorf("%s: %s", s.Name, diff)
		}
	}
	if _, err := FromJSON([]byte(`{"nmae": "x"}`)); err == nil {
		t.Error("a field that does not exist was read")
	}
}
