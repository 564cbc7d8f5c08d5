package scenario

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWith(t *testing.T) {
	tests := []struct {
		name string
		set  []string
		want func(*Scenario)
	}{
		{"nothing", nil, func(*Scenario) {}},
		{"word", []string{"close.side=client"}, func(s *Scenario) { s.Close.Side = ClientSide }},
		{"spaces", []string{" close.side = client "}, func(s *Scenario) { s.Close.Side = ClientSide }},
		{"last wins", []string{"load.hold=1s", "load.hold=0s"}, func(s *Scenario) { s.Load.Hold = 0 }},
		{"range off", []string{"client.local_port_range=off"}, func(s *Scenario) { s.Client.LocalPortRange = PortRange{} }},
		{"linger", []string{"close.linger=5"}, func(s *Scenario) { s.Close.Linger.Seconds = 5 }},
		{"how with =", []string{"close.how=graceful=5s"}, func(s *Scenario) { s.Close.How = "graceful=5s" }},
		{"switch", []string{"client.no_delay=off"}, func(s *Scenario) { s.Client.NoDelay = Off }},
		{"bind", []string{"client.bind=address"}, func(s *Scenario) { s.Client.Bind = Bind{Mode: BindAddress} }},
		{"keep-alive off", []string{"client.keep_alive=off"}, func(s *Scenario) { s.Client.KeepAlive = KeepAlive{} }},
		{"link off", []string{"link.rate=off"}, func(s *Scenario) { s.Link.Rate = 0 }},
		{"no queue", []string{"link.queue=0B"}, func(s *Scenario) { s.Link.Queue = 0 }}, // as printed without a rate
		{"delay", []string{"server.accept_delay=1s"}, func(s *Scenario) { s.Server.AcceptDelay = second }},
		{"none stand", []string{"stand.time_wait=0"}, func(s *Scenario) { s.Stand.TimeWait = 0 }},
		{"value with =", []string{"title=a=b"}, func(s *Scenario) { s.Title = "a=b" }},
		{"key with dots", []string{"sysctl.client.net.ipv4.tcp_tw_reuse=1"}, func(s *Scenario) {
			s.Sysctl.Client["net.ipv4.tcp_tw_reuse"] = "1"
		}},
		{"key again", []string{"sysctl.both.net.ipv4.tcp_tw_reuse=0"}, func(s *Scenario) {
			s.Sysctl.Both["net.ipv4.tcp_tw_reuse"] = "0"
		}},
		{"goal changed", []string{"load.stop.time_wait.count=1"}, func(s *Scenario) { s.Load.Stop.TimeWait.Count = 1 }},
		{"goal removed", []string{"load.stop.time_wait=off"}, func(s *Scenario) { s.Load.Stop.TimeWait = nil }},
		{"goal made anew", []string{"load.stop.time_wait=off", "load.stop.time_wait.count=1"}, func(s *Scenario) {
			s.Load.Stop.TimeWait = &TimeWaitGoal{Count: 1}
		}},
	}
	for _, tt := range tests {
		s, want := full(), full()
		tt.want(&want)
		got, err := s.With(tt.set)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if diff := cmp.Diff(full(), s); diff != "" {
			t.Errorf("%s changed its receiver: %s", tt.name, diff)
		}
	}
}

// A scenario without a goal or settings gets them.
func TestWithMakes(t *testing.T) {
	got, err := Scenario{}.With([]string{"load.stop.time_wait.count=500", "sysctl.server.net.core.somaxconn=9"})
	if err != nil {
		t.Fatal(err)
	}
	want := Scenario{Sysctl: Sysctl{Server: map[string]string{"net.core.somaxconn": "9"}}}
	want.Load.Stop.TimeWait = &TimeWaitGoal{Count: 500}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWithTellsEverythingAtOnce(t *testing.T) {
	s := full()
	got, err := s.With([]string{
		"close.sid=client", "load.rate=5", "close.side", "=5", "load=5", "load.stop.time_wait=5",
		"load.stop.time_wait.cuont=5", "sysctl.client=1", "sysctl.client.net.x=", "name.x=1", "server.port=0",
		"server.backlog=", "client.fast_open=1", "stand=off", "stand.fin_wait1=3", "client.requests=0",
		"close.side=server", "time_wait.count=5", "load.stop.time_wait.count=x", "title=\xff",
	})
	want := lines(
		"--set close.sid: no such field; did you mean close.side? Allowed in close: side, how, linger",
		`--set load.rate: "5" is no rate: write connections per second like 300/s, per minute like 90/m, or max`,
		"--set close.side: write it as FIELD=VALUE, like close.side=client",
		"--set =5: write it as FIELD=VALUE, like close.side=client",
		"--set load: load is a group: set one of its fields: rate, concurrency, stop, hold, half_open",
		"--set load.stop.time_wait: write off, or set one of its fields: load.stop.time_wait.{side,count}",
		"--set load.stop.time_wait.cuont: no such field; did you mean load.stop.time_wait.count? "+
			"Allowed in load.stop.time_wait: side, count",
		"--set sysctl.client: name the setting too: sysctl.client.net.ipv4.tcp_tw_reuse=1",
		"--set sysctl.client.net.x: has no value: write one or leave it out",
		"--set name.x: name is one value and has no fields",
		"--set server.port: 0 is not possible: leave it out for the default, 8080",
		"--set server.backlog: has no value: write one or leave it out for the default, 4096",
		`--set client.fast_open: "1" is no switch: write on or off`,
		"--set stand: stand is a group: set one of its fields: syn_sent, syn_recv, established, fin_wait_1, fin_wait_2, "+
			"closing, time_wait, time_wait_out, close_wait, last_ack, listen",
		"--set stand.fin_wait1: no such field; did you mean stand.fin_wait_1? Allowed in stand: syn_sent, syn_recv, "+
			"established, fin_wait_1, fin_wait_2, closing, time_wait, time_wait_out, close_wait, last_ack, listen",
		"--set client.requests: 0 is not possible: leave it out for the default, 1",
		"--set time_wait.count: no such field; did you mean load.stop.time_wait? Allowed here: name, title, about, "+
			"topology, family, engine, io, load, client, server, relay, payload, close, link, sysctl, stand, track, judge, sample, measure, struck, canaries, cause",
		`--set load.stop.time_wait.count: "x" is no whole number`,
		`--set title: "\xff" is not UTF-8 text`,
	)
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(full(), got); diff != "" {
		t.Errorf("problems came with a changed scenario: %s", diff)
	}
}

func FuzzSet(f *testing.F) {
	for _, s := range []string{
		"close.side=client", "sysctl.client.net.ipv4.tcp_tw_reuse=1", "load.stop.time_wait.count=5",
		"load.stop.time_wait=off", "close.how=linger=0\nclose.linger=0",
		"client.bind=40000-40999\nclient.keep_alive=60s/5s/3",
		"link.rate=64kbit\nlink.queue=2KiB", "stand.listen=1000\ntopology=host", "client.fast_open=on\nserver.ports=1000",
		"load=5", "=", "", ".", "..=.", "sysctl.both.=1", "load.stop.time_wait.=1", "close.sid=client\nload.rate=max",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, before := range []func() Scenario{full, func() Scenario { return Scenario{} }} {
			s := before()
			got, err := s.With(strings.Split(text, "\n"))
			var ps Problems
			if err != nil && (!errors.As(err, &ps) || len(ps) == 0) {
				t.Fatalf("%T is no list of problems", err)
			}
			if diff := cmp.Diff(before(), s); diff != "" {
				t.Fatalf("the receiver changed: %s", diff)
			}
			_ = got.Resolve().Check(Known{})
		}
	})
}
