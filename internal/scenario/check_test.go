package scenario

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var known = Known{
	Engines: []string{"split", "net", Paired}, IOs: []string{"auto", "uring", "epoll", "blocking"},
	Close: func(c Close) error {
		names := []string{"fin", "graceful", "half", "leak", "linger", "linger2", "never", "simultaneous", "unread"}
		if name, _ := c.How.Split(); !slices.Contains(names, name) {
			return fmt.Errorf("%q is no way to close", c.How)
		}
		return nil
	},
	Causes: []string{
		"port-tuple-exhausted", "half-range-cliff", "explicit-bind-exhausted", "accept-backlog-full", "syn-queue-full",
		"conntrack-full", "descriptors-exhausted", "close-wait-leak", "fin-wait-2-pileup", "dead-peer", "idle-keepalive",
		"healthy",
	},
}

// sound is a resolved scenario without a problem, for tests to spoil.
func sound() Scenario { return Scenario{Name: "sound"}.Resolve() }

func spoil(change func(*Scenario)) Scenario {
	s := sound()
	change(&s)
	return s
}

func goalOf(side Side, count int64) *TimeWaitGoal { return &TimeWaitGoal{side, count} }

// Each case breaks one rule, and exactly that is to be told.
func TestCheckTells(t *testing.T) {
	tests := []struct {
		want  string
		spoil func(*Scenario)
	}{
		{
			`cause: "helthy" is not known here; did you mean healthy? allowed: ` + strings.Join(known.Causes, ", "),
			func(s *Scenario) { s.Cause = "helthy" },
		},
		{
			`name: "" is no name: write small letters, digits and hyphens, like port-exhaustion`,
			func(s *Scenario) { s.Name = "" },
		},
		{
			`name: "My test" is no name: write small letters, digits and hyphens, like port-exhaustion`,
			func(s *Scenario) { s.Name = "My test" },
		},
		{"sample.budget: 0.001% is not possible; allowed: 0.01% to 100%", func(s *Scenario) { s.Sample.Budget = 0.001 }},
		{"sample.split: 99ms is not possible; allowed: 100ms to 1h0m0s", func(s *Scenario) { s.Sample.Split = second/10 - 1000000 }},
		{"sample.budget: 101% is not possible; allowed: 0.01% to 100%", func(s *Scenario) { s.Sample.Budget = 101 }},
		{`title: "a\nb" is not one line of text: put what is longer into about`, func(s *Scenario) { s.Title = "a\nb" }},
		{
			`topology: "vteh" is not known here; did you mean veth? allowed: veth, loopback, host, hosts`,
			func(s *Scenario) { s.Topology = "vteh" },
		},
		{`family: "ip6" is not known here; did you mean ipv6? allowed: ipv4, ipv6`, func(s *Scenario) { s.Family = "ip6" }},
		{`engine: "warp" is not known here; allowed: split, net, paired`, func(s *Scenario) { s.Engine = "warp" }},
		{`io: "epol" is not known here; did you mean epoll? allowed: auto, uring, epoll, blocking`, func(s *Scenario) { s.IO = "epol" }},
		{
			"load.rate: no rate is not possible; allowed: above 0 up to 1000000/s, or max",
			func(s *Scenario) { s.Load.Rate = 0 },
		},
		{
			"load.rate: 1000001/s is not possible; allowed: above 0 up to 1000000/s, or max",
			func(s *Scenario) { s.Load.Rate = 1_000_001 },
		},
		{
			"load.rate: -2/s is not possible; allowed: above 0 up to 1000000/s, or max",
			func(s *Scenario) { s.Load.Rate = -2 },
		},
		{
			"load.rate: NaN/s is not possible; allowed: above 0 up to 1000000/s, or max",
			func(s *Scenario) { s.Load.Rate = Rate(math.NaN()) },
		},
		{
			"load.concurrency: 15001 is not possible; allowed: 1 to 15000",
			func(s *Scenario) { s.Load.Concurrency = 15_001 },
		},
		{"load.concurrency: 0 is not possible; allowed: 1 to 15000", func(s *Scenario) { s.Load.Concurrency = 0 }},
		{"load.hold: 1h0m0.000000001s is not possible; allowed: 0s to 1h0m0s", func(s *Scenario) {
			s.Load.Hold = Duration(time.Hour + 1)
		}},
		{"load.hold: -1s is not possible; allowed: 0s to 1h0m0s", func(s *Scenario) { s.Load.Hold = -second }},
		{
			"load.stop.after: 2h0m0s is not possible; allowed: above 0s up to 1h0m0s, as it always bounds the load",
			func(s *Scenario) { s.Load.Stop.After = Duration(2 * time.Hour) },
		},
		{
			"load.stop.after: 0s is not possible; allowed: above 0s up to 1h0m0s, as it always bounds the load",
			func(s *Scenario) { s.Load.Stop.After = 0 },
		},
		{
			"load.stop.connections: -1 is not possible; allowed: 1 and more, or 0 for no such stop",
			func(s *Scenario) { s.Load.Stop.Connections = -1 },
		},
		{
			"load.stop.failures: -1 is not possible; allowed: 1 and more, or 0 for no such stop",
			func(s *Scenario) { s.Load.Stop.Failures = -1 },
		},
		{"client.addresses: 1001 is not possible; allowed: 1 to 1000", func(s *Scenario) { s.Client.Addresses = 1001 }},
		{"client.addresses: 0 is not possible; allowed: 1 to 1000", func(s *Scenario) { s.Client.Addresses = 0 }},
		{
			"client.addresses: 201 is not possible; allowed: 1 to 200 (from 127.0.0.0/8)",
			func(s *Scenario) { s.Topology, s.Client.Addresses = Loopback, 201 },
		},
		{
			"client.addresses: 2 is not possible; allowed: 1 (the IPv6 loopback has only ::1)",
			func(s *Scenario) { s.Topology, s.Family, s.Client.Addresses = Loopback, IPv6, 2 },
		},
		{
			"client.addresses: 2 is not possible; allowed: 1 (topology host adds no addresses to this host)",
			func(s *Scenario) {
				s.Topology, s.Server.Address, s.Client.Addresses = Host, "10.0.0.1", 2
			},
		},
		{"client.workers: 257 is not possible; allowed: 0 to 256", func(s *Scenario) { s.Client.Workers = 257 }},
		{"client.timeout: 9ms is not possible; allowed: 10ms to 5m0s", func(s *Scenario) {
			s.Client.Timeout = Duration(9 * time.Millisecond)
		}},
		{"client.timeout: 5m1s is not possible; allowed: 10ms to 5m0s", func(s *Scenario) {
			s.Client.Timeout = 301 * second
		}},
		{
			"client.local_port_range: 1000-60999 begins below 1024 (net.ipv4.ip_unprivileged_port_start); " +
				"allowed: 1024-65535 or a part of it",
			func(s *Scenario) { s.Client.LocalPortRange = PortRange{1000, 60999} },
		},
		{
			"client.local_port_range: 5-2 is not possible; allowed: 1024-65535 or a part of it",
			func(s *Scenario) { s.Client.LocalPortRange = PortRange{5, 2} },
		},
		{
			"client.local_port_range: 1024-70000 is not possible; allowed: 1024-65535 or a part of it",
			func(s *Scenario) { s.Client.LocalPortRange = PortRange{1024, 70000} },
		},
		{
			"client.local_port_range: 40000-61000 is not within 32768-60999, and the kernel ignores a bound outside the " +
				`namespace's range: set sysctl.client.net.ipv4.ip_local_port_range to "32768 61000" too`,
			func(s *Scenario) { s.Client.LocalPortRange = PortRange{40000, 61000} },
		},
		{
			"client.addresses: 0 is not possible; allowed: 1 to 1000",
			func(s *Scenario) { s.Client.Addresses, s.Load.Stop.TimeWait = 0, goalOf(ClientSide, 5) },
		},
		{
			"client.local_port_range: 20000-61000 is not within 32768-60999, and the kernel ignores a bound outside the " +
				`namespace's range: set sysctl.client.net.ipv4.ip_local_port_range to "20000 61000" too`,
			func(s *Scenario) { s.Client.LocalPortRange = PortRange{20000, 61000} },
		},
		{"server.port: 65536 is not possible; allowed: 1 to 65535", func(s *Scenario) { s.Server.Port = 65536 }},
		{"server.port: 0 is not possible; allowed: 1 to 65535", func(s *Scenario) { s.Server.Port = 0 }},
		{"server.backlog: 65536 is not possible; allowed: 1 to 65535", func(s *Scenario) { s.Server.Backlog = 65536 }},
		{"server.workers: -1 is not possible; allowed: 0 to 256", func(s *Scenario) { s.Server.Workers = -1 }},
		{
			`server.address: "10.0.0.1" is only used with topology host: a lab has addresses of its own; leave it out`,
			func(s *Scenario) { s.Server.Address = "10.0.0.1" },
		},
		{
			`server.address: "localhost" is no ipv4 address: write it like 127.0.0.1`,
			func(s *Scenario) { s.Topology, s.Server.Address = Host, "localhost" },
		},
		{`server.address: "::1" is no ipv4 address: write it like 127.0.0.1`, func(s *Scenario) {
			s.Topology, s.Server.Address = Host, "::1"
		}},
		{`server.address: "127.0.0.1" is no ipv6 address: write it like ::1`, func(s *Scenario) {
			s.Topology, s.Family, s.Server.Address = Host, IPv6, "127.0.0.1"
		}},
		{`server.address: "::ffff:1.2.3.4" is no ipv6 address: write it like ::1`, func(s *Scenario) {
			s.Topology, s.Family, s.Server.Address = Host, IPv6, "::ffff:1.2.3.4"
		}},
		{"payload.request: 0B is not possible; allowed: 1B to 16MiB", func(s *Scenario) { s.Payload.Request = 0 }},
		{"payload.response: 17MiB is not possible; allowed: 1B to 16MiB", func(s *Scenario) {
			s.Payload.Response = 17 << 20
		}},
		{`close.side: "sever" is not known here; did you mean server? allowed: client, server, both`, func(s *Scenario) {
			s.Close.Side = "sever"
		}},
		{
			"close.linger: -1 is not possible; allowed: off, 0 (reset), or up to 3600 seconds",
			func(s *Scenario) { s.Close.Linger = Linger{true, -1} },
		},
		{
			"load.stop.time_wait.count: 0 is not possible; allowed: 1 to 1000000",
			func(s *Scenario) { s.Load.Stop.TimeWait = goalOf(ClientSide, 0) },
		},
		{
			"load.stop.time_wait.count: 1000001 is not possible; allowed: 1 to 1000000",
			func(s *Scenario) { s.Load.Stop.TimeWait = goalOf(ClientSide, 1_000_001) },
		},
		{
			`load.stop.time_wait.side: "both" is not known here; allowed: client, server`,
			func(s *Scenario) { s.Load.Stop.TimeWait = goalOf(BothSides, 5) },
		},
		{
			"load.stop.time_wait.side: the server never closes first (close.side is client), so no TIME_WAIT lands there; " +
				"set one of the two to the other",
			func(s *Scenario) { s.Load.Stop.TimeWait = goalOf(ServerSide, 5) },
		},
		{
			"load.stop.time_wait.side: the client never closes first (close.side is server), so no TIME_WAIT lands there; " +
				"set one of the two to the other",
			func(s *Scenario) { s.Load.Stop.TimeWait, s.Close.Side = goalOf(ClientSide, 5), ServerSide },
		},
		{
			"load.stop.time_wait.count: 28,233 is more than the client's ports can carry: 28,232 possible (28,232 ports in " +
				"32768-60999, client.addresses 1); ask for less, or raise client.addresses or the range",
			func(s *Scenario) { s.Load.Stop.TimeWait = goalOf(ClientSide, 28_233) },
		},
		{
			"load.stop.time_wait.count: 303 is more than the client's ports can carry: 302 possible (151 ports in " +
				"40000-40150, client.addresses 2); ask for less, or raise client.addresses or the range",
			func(s *Scenario) {
				s.Load.Stop.TimeWait, s.Client.Addresses = goalOf(ClientSide, 303), 2
				s.Client.LocalPortRange = PortRange{40000, 40150}
			},
		},
		{
			"load.stop.time_wait.count: 1,001 is more than the client's ports can carry: 1,000 possible (1,000 ports in " +
				"40000-40999, client.addresses 1); ask for less, or raise client.addresses or the range",
			func(s *Scenario) {
				s.Load.Stop.TimeWait = goalOf(ClientSide, 1001)
				s.Sysctl.Both = map[string]string{portRangeKey: "32768 60999"} // the side's own comes after it
				s.Sysctl.Client = map[string]string{portRangeKey: "40000\t40999"}
			},
		},
		{
			`sysctl.client.vm.swappiness: "vm.swappiness" is no setting of a network namespace, and no other can be written ` +
				"in a lab; write it like net.ipv4.tcp_tw_reuse",
			func(s *Scenario) { s.Sysctl.Client = map[string]string{"vm.swappiness": "1"} },
		},
		{
			`sysctl.both./proc/sys/net/ipv4/tcp_tw_reuse: "/proc/sys/net/ipv4/tcp_tw_reuse" is no setting of a network ` +
				"namespace, and no other can be written in a lab; write it like net.ipv4.tcp_tw_reuse; " +
				"did you mean net.ipv4.tcp_tw_reuse?",
			func(s *Scenario) { s.Sysctl.Both = map[string]string{"/proc/sys/net/ipv4/tcp_tw_reuse": "1"} },
		},
		{
			`sysctl.both.net...vm: "net...vm" is no setting of a network namespace, and no other can be written in a lab; ` +
				"write it like net.ipv4.tcp_tw_reuse",
			func(s *Scenario) { s.Sysctl.Both = map[string]string{"net...vm": "1"} },
		},
		{
			`sysctl.server.ipv4.tcp_rmem: "ipv4.tcp_rmem" is no setting of a network namespace, and no other can be written ` +
				"in a lab; write it like net.ipv4.tcp_tw_reuse; did you mean net.ipv4.tcp_rmem?",
			func(s *Scenario) { s.Sysctl.Server = map[string]string{"ipv4.tcp_rmem": "1"} },
		},
		{
			`sysctl.server.net.x: "1\n2" is no value: write it on one line, as sysctl.conf has it`,
			func(s *Scenario) { s.Sysctl.Server = map[string]string{"net.x": "1\n2"} },
		},
		{
			`sysctl.client.net.ipv4.ip_local_port_range: "40000" is no range that the kernel takes: write two ports, ` +
				`1024 to 65535, like "32768 60999"`,
			func(s *Scenario) { s.Sysctl.Client = map[string]string{portRangeKey: "40000"} },
		},
		{
			`sysctl.client.net.ipv4.ip_local_port_range: "1000 60999" is no range that the kernel takes: write two ports, ` +
				`1024 to 65535, like "32768 60999"`,
			func(s *Scenario) { s.Sysctl.Client = map[string]string{portRangeKey: "1000 60999"} },
		},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, fmt.Sprint(spoil(tt.spoil).Check(known))); diff != "" {
			t.Error(diff)
		}
	}
}

// tell is what a scenario with something said is told; "" for nothing.
type tell struct {
	want string
	say  func(*Scenario)
}

// said holds each case to what it is told, after Resolve, as whoever writes a scenario sees it.
func said(t *testing.T, tests []tell) {
	t.Helper()
	for _, tt := range tests {
		s, got := Scenario{Name: "sound"}, ""
		tt.say(&s)
		if err := s.Resolve().Check(known); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// What lies on the right side of each bound is nobody's problem.
func TestCheckAllows(t *testing.T) {
	for name, change := range map[string]func(*Scenario){
		"defaults": func(*Scenario) {},
		"most": func(s *Scenario) {
			s.Load = Load{Rate: 1_000_000, Concurrency: 15_000, Hold: longestRun, Stop: Stop{After: longestRun}}
			s.Client = Client{Addresses: 1000, Requests: 1_000_000, Workers: 256, Timeout: longestTimeout}
			s.Server = Server{
				Addresses: 1, Port: 65535, Ports: 1, Backlog: 65535, AcceptDelay: longestDelay, Workers: 256,
			}
			s.Payload = Payload{Request: 16 << 20, Response: 16 << 20, Protocol: Plain}
			s.Close.How, s.Close.Linger = "linger=3600", Linger{true, 3600}
			s.Load.Stop.TimeWait = goalOf(ClientSide, 1_000_000)
		},
		"least": func(s *Scenario) {
			s.Load = Load{Rate: 1e-9, Concurrency: 1, Stop: Stop{After: 1, Connections: 1, Failures: 1}}
			s.Load.Stop.TimeWait = goalOf(ClientSide, 1)
			s.Client.Timeout, s.Server.Port, s.Server.Backlog, s.Payload = shortestTimeout, 1, 1, Payload{Request: 1, Response: 1, Protocol: Plain}
		},
		"loopback addresses":  func(s *Scenario) { s.Topology, s.Client.Addresses = Loopback, 200 },
		"goal that just fits": func(s *Scenario) { s.Load.Stop.TimeWait = goalOf(ClientSide, 28_232) },
		"goal over addresses": func(s *Scenario) {
			s.Load.Stop.TimeWait, s.Client.Addresses, s.Close.Side = goalOf(ServerSide, 56_464), 2, ServerSide
		},
		"both close, goal on either": func(s *Scenario) {
			s.Load.Stop.TimeWait, s.Close.Side = goalOf(ServerSide, 1), BothSides
		},
		"range within the setting's": func(s *Scenario) {
			s.Client.LocalPortRange = PortRange{1024, 65535}
			s.Sysctl.Both = map[string]string{portRangeKey: "1024 65535"}
			s.Load.Stop.TimeWait = goalOf(ClientSide, 64_512)
		},
		"one port":       func(s *Scenario) { s.Client.LocalPortRange = PortRange{40000, 40000} },
		"host":           func(s *Scenario) { s.Topology, s.Server.Address = Host, "127.0.0.1" },
		"host, range":    func(s *Scenario) { s.Topology, s.Client.LocalPortRange = Host, PortRange{1024, 65535} },
		"host, goal":     func(s *Scenario) { s.Topology, s.Load.Stop.TimeWait = Host, goalOf(ClientSide, 64_512) },
		"host, IPv6":     func(s *Scenario) { s.Topology, s.Family, s.Server.Address = Host, IPv6, "fe80::1%eth0" },
		"setting":        func(s *Scenario) { s.Sysctl.Client = map[string]string{"net.ipv4.conf.all.rp_filter": "0"} },
		"setting, three": func(s *Scenario) { s.Sysctl.Client = map[string]string{"net.ipv4.tcp_rmem": "4096\t131072 9"} },
	} {
		if err := spoil(change).Check(known); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckTellsEverythingAtOnce(t *testing.T) {
	err := Scenario{Sysctl: Sysctl{Client: map[string]string{"vm.b": "1", "vm.a": "1"}}}.Check(known)
	ps, _ := err.(Problems)
	var got []string
	for _, p := range ps {
		got = append(got, p.Path)
	}
	want := []string{
		"name", "topology", "family", "engine", "io", "load.rate", "load.concurrency", "load.stop.after", "client.addresses",
		"client.requests", "client.timeout", "server.port", "server.backlog", "server.addresses", "server.ports",
		"payload.request", "payload.response", "close.side", "sysctl.client.vm.a", "sysctl.client.vm.b", "track.side",
		"struck", "payload.protocol",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCheckChangesNothing(t *testing.T) {
	s := full()
	_ = s.Check(known)
	if diff := cmp.Diff(full(), s); diff != "" {
		t.Error(diff)
	}
}

// Who cannot know the engines, such as a page that lists scenarios, leaves the lists nil.
func TestCheckWithoutKnown(t *testing.T) {
	s := sound()
	s.Engine, s.IO, s.Close.How = "anything", "anything", "anything"
	if err := s.Check(Known{}); err != nil {
		t.Error(err)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 28232: "28,232", 1_000_000: "1,000,000"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
