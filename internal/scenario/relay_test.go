package scenario

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A relay is there as soon as anything is said of it, and has its defaults then; off takes it away.
func TestRelayByPresence(t *testing.T) {
	plain := Scenario{Name: "x"}
	if plain.Resolve().Relay != nil {
		t.Error("a relay where none was asked for")
	}
	with, err := plain.With([]string{"relay.pool=8"})
	if err != nil {
		t.Fatal(err)
	}
	want := &Relay{Port: 8080, Addresses: 1, BindAddressNoPort: On, Close: RelaySide, Pool: 8}
	if diff := cmp.Diff(want, with.Resolve().Relay); diff != "" {
		t.Error(diff)
	}
	if plain.Relay != nil || with.Relay.Port != 0 {
		t.Error("With or Resolve has changed what it was given")
	}
	parsed, err := Parse("x.yaml", []byte("name: x\nrelay: {}\n"))
	if err != nil || parsed.Relay == nil {
		t.Errorf("an empty block is a relay with all defaults: %v, %v", parsed.Relay, err)
	}
	if gone, err := with.With([]string{"relay=off"}); err != nil || gone.Relay != nil {
		t.Errorf("relay=off: %v, %v", gone.Relay, err)
	}
	if _, err := plain.With([]string{"relay.addresses=0"}); err == nil {
		t.Error("no address was taken for the default")
	}
}

// What cannot be with a relay is said, each with what to do.
func TestCheckRelay(t *testing.T) {
	for set, want := range map[string]string{
		"":                                    "",
		"relay.close=client":                  "relay.close: ",
		"relay.command=haproxy; relay.pool=8": "relay.pool: how many connections stay open is our own relay's",
		"relay.command=haproxy; relay.addresses=2":                     "relay.addresses: from where it opens is our own relay's",
		"relay.command=haproxy; relay.local_port_range=33000-34000":    "relay.local_port_range: a range for its sockets is our own relay's",
		"relay.command=haproxy; relay.bind_address_no_port=off":        "relay.bind_address_no_port: how it binds is our own relay's",
		"relay.command=haproxy; server.ports=2":                        "relay.command: is told of one server",
		"relay.command=haproxy; relay.close=server":                    "relay.close: server, and a proxy of somebody else's hands on who closes first",
		"relay.command=haproxy; close.side=server; close.how=linger=0": "close.how: linger=0 cannot be asked of a proxy",

		"relay.command=a\nb":                  `relay.command: "a\nb" is not one line of text`,
		"relay.port=70000":                    "relay.port: 70000 is not possible",
		"relay.port=40000":                    "relay.port: 40000 lies within the range that the relay opens from, 32768-60999",
		"relay.addresses=1001":                "relay.addresses: 1001 is not possible; allowed: 1 to 1000",
		"relay.addresses=900; server.ports=9": "relay.addresses: 900 with server.addresses 1 and server.ports 9 make 8,100",
		"relay.pool=-1":                       "relay.pool: -1 is not possible",
		"relay.pool=8; relay.close=server":    "relay.close: server leaves nothing to keep, and relay.pool says 8",
		"relay.local_port_range=20000-21000":  `relay.local_port_range: 20000-21000 is not within 32768-60999`,
		"relay.local_port_range=100-200":      "relay.local_port_range: 100-200 begins below 1024",
		"topology=loopback":                   "topology: a relay is a host of its own",
		"engine=net":                          "engine: a relay works with engine split alone",
		"stand.established=5":                 "stand: sockets stand in states between two hosts",
		"load.stop.time_wait.count=5":         "load.stop.time_wait: a goal is for two hosts",
		"link.rate=1Mbit":                     "link.rate: a relay has two links",
		"client.fast_open=on; sysctl.server.net.ipv4.tcp_fastopen=3": "client.fast_open: the relay takes no data in a SYN",
		"canaries.every=1s":                               "canaries.every: canaries are called between two hosts",
		"close.how=leak":                                  "close.how: leak is not what a relay does",
		"close.side=both":                                 "close.side: both is for two hosts",
		"close.how=graceful":                              "",
		"close.linger=0":                                  "",
		"struck=relay":                                    "",
		"sysctl.relay.net.ipv4.tcp_tw_reuse=1":            "",
		"sysctl.relay.vm.swappiness=1":                    `sysctl.relay.vm.swappiness: "vm.swappiness" is no setting of a network namespace`,
		"sysctl.relay.net.ipv4.ip_local_port_range=40000": "is no range that the kernel takes",
		"sysctl.relay.net.ipv4.ip_local_port_range=20000 21000; relay.local_port_range=20000-20499": "",
		"sysctl.both.net.ipv4.ip_local_port_range=8000 9000":                                        "relay.port: 8080 lies within",
	} {
		var sets []string
		if set != "" {
			sets = strings.Split(set, "; ")
		}
		s, err := Scenario{Name: "x", Relay: &Relay{}}.With(sets)
		if err != nil {
			t.Fatalf("%s: %v", set, err)
		}
		err = s.Resolve().Check(known)
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v; want %q", set, err, want)
		}
	}
	for set, want := range map[string]string{
		"struck=relay":                         "struck: ",
		"sysctl.relay.net.ipv4.tcp_tw_reuse=1": "sysctl.relay: there is no relay to write them on",
	} {
		s, err := Scenario{Name: "x"}.With([]string{set})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Resolve().Check(known); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s without a relay: %v; want %q", set, err, want)
		}
	}
}

// The figures of proxy-exhaustion's text follow from what it asks for.
func TestProxyExhaustionFigures(t *testing.T) {
	s, err := Find("proxy-exhaustion")
	if err != nil {
		t.Fatal(err)
	}
	s = s.Resolve()
	text, _ := s.setting(RelaySide, portRangeKey)
	ports, ok := parsePorts(text)
	due := NewSchedule(s.Load.Rate).Due(5*time.Second) - 1
	if !ok || ports.Size() != 2000 || due != int64(ports.Size()) {
		t.Errorf("%d ports, %d connections in five seconds", ports.Size(), due)
	}
	if after := s.Load.Stop.After.Std().Seconds() * float64(s.Load.Rate); after < float64(ports.Size())+float64(s.Load.Stop.Failures) {
		t.Errorf("the load ends after %.0f connections, before it has failed %d times", after, s.Load.Stop.Failures)
	}
}
