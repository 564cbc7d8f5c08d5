package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func lines(s ...string) string { return strings.Join(s, "\n") }

const everyField = `
name: full
title: every field there is
about: |
  two
  lines
topology: loopback
family: ipv6
engine: split
io: blocking
load:
  rate: 90/m
  concurrency: 3
  stop: {after: 1m30s, connections: 7, failures: 2, time_wait: {side: server, count: 500}}
  hold: 2s
  half_open: 11
client:
  addresses: 4
  local_port_range: 32768-60999
  bind: 40000-40999
  bind_address_no_port: off
  reuse_address: on
  reuse_port: on
  no_delay: on
  fast_open: on
  keep_alive: 60s/5s/3
  requests: 6
  workers: 2
  timeout: 250ms
  descriptors: 400
  command: ab -n 100 $TWOMSL_URL
  command_requests: 100
  vanish: 3s
server:
  address: "::1"
  addresses: 2
  port: 8081
  ports: 9
  backlog: 128
  reuse_address: off
  reuse_port: off
  accept_delay: 20ms
  think: 30ms
  workers: 3
  command: nginx -g 'daemon off;'
  root: images/nginx
  running: on
  descriptors: 200
  keep_alive: 3s/1s/3
  heartbeat: 1s/4s
payload:
  request: 4KiB
  response: 1MiB
  protocol: http
  preset: http/1.0
  path: /page
  host: www.example.org
  send: "HELO \\x00\r\n"
  until: match=ok \n
close:
  side: both
  how: linger=0
  linger: 0
link:
  rate: 20Mbit
  queue: 128KiB
sysctl:
  both:
    net.ipv4.tcp_tw_reuse: 1
  client:
    net.ipv4.ip_local_port_range: "40000 40999"
  server:
    net.ipv4.tcp_max_tw_buckets: 0x10
  relay:
    net.ipv4.tcp_fin_timeout: 30
relay:
  port: 8443
  addresses: 2
  local_port_range: 42000-42999
  bind_address_no_port: off
  close: server
  pool: 12
  command: haproxy -db
stand:
  syn_sent: 1
  syn_recv: 2
  established: 3
  fin_wait_1: 4
  fin_wait_2: 5
  closing: 6
  time_wait: 7
  time_wait_out: 11
  close_wait: 8
  last_ack: 9
  listen: 10
track:
  side: both
  fill: on
struck: client
canaries:
  every: 250ms
  timeout: 1s
cause: healthy
judge:
  primary: failed, tw_reused
measure:
  call_costs: on
sample:
  budget: 0.5%
  split: 5s
`

func full() Scenario {
	return Scenario{
		Name: "full", Title: "every field there is", About: "two\nlines",
		Topology: Loopback, Family: IPv6, Engine: "split", IO: "blocking",
		Load: Load{Rate: 1.5, Concurrency: 3, Hold: 2 * second, HalfOpen: 11, Stop: Stop{
			After: 90 * second, Connections: 7, Failures: 2, TimeWait: &TimeWaitGoal{ServerSide, 500},
		}},
		Client: Client{
			Addresses: 4, LocalPortRange: PortRange{32768, 60999}, Bind: Bind{BindPorts, PortRange{40000, 40999}},
			BindAddressNoPort: Off, ReuseAddress: On, ReusePort: On, NoDelay: On, FastOpen: On,
			KeepAlive: KeepAlive{60 * second, 5 * second, 3}, Requests: 6, Workers: 2, Timeout: Duration(250 * time.Millisecond),
			Descriptors: 400, Vanish: 3 * second,
			Command: "ab -n 100 $TWOMSL_URL", CommandRequests: 100,
		},
		Server: Server{
			Address: "::1", Addresses: 2, Port: 8081, Ports: 9, Backlog: 128, ReuseAddress: Off, ReusePort: Off,
			AcceptDelay: Duration(20 * time.Millisecond), Think: Duration(30 * time.Millisecond), Workers: 3, Descriptors: 200,
			Command:   "nginx -g 'daemon off;'",
			Root:      "images/nginx",
			Running:   On,
			KeepAlive: KeepAlive{3 * second, second, 3}, Heartbeat: Heartbeat{second, 4 * second},
		},
		Relay: &Relay{8443, 2, PortRange{42000, 42999}, Off, ServerSide, 12, "haproxy -db"},
		Payload: Payload{
			Request: 4096, Response: 1 << 20, Protocol: HTTP, Preset: HTTP10, Path: "/page", Host: "www.example.org",
			Send: "HELO \x00\r\n", Until: Until{Match: "ok \n"},
		},
		Close: Close{Side: BothSides, How: "linger=0", Linger: Linger{On: true}},
		Link:  Link{Rate: 20_000_000, Queue: 128 << 10},
		Stand: Stand{
			SynSent: 1, SynRecv: 2, Established: 3, FinWait1: 4, FinWait2: 5, Closing: 6, TimeWait: 7, TimeWaitOut: 11, CloseWait: 8,
			LastAck: 9, Listen: 10,
		},
		Track: Track{BothSides, On}, Measure: Measure{CallCosts: On},
		Judge:  Judge{Primary: "failed,tw_reused"},
		Sample: Sample{Budget: 0.5, Split: 5 * second},
		Struck: ClientSide, Canaries: Canaries{Every: Duration(250 * time.Millisecond), Timeout: second}, Cause: "healthy",
		Sysctl: Sysctl{
			map[string]string{"net.ipv4.tcp_tw_reuse": "1"},
			map[string]string{"net.ipv4.ip_local_port_range": "40000 40999"},
			map[string]string{"net.ipv4.tcp_max_tw_buckets": "0x10"}, // as it was written: the kernel is to judge it
			map[string]string{"net.ipv4.tcp_fin_timeout": "30"},
		},
	}
}

func TestParseEveryField(t *testing.T) {
	for name, text := range map[string]string{
		"as it is": everyField, "CRLF": strings.ReplaceAll(everyField, "\n", "\r\n"), "BOM": "\ufeff" + everyField,
		"one document": "---" + everyField + "...\n",
	} {
		got, err := Parse("full.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(full(), got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	leaves("", reflectOf(full()), func(path string, v reflectValue) {
		if v.IsZero() {
			t.Errorf("%s is not in the test's scenario: add it, so that it is known to be read", path)
		}
	})
}

func TestParseTellsEverythingAtOnce(t *testing.T) {
	_, err := Parse("my.yaml", []byte(lines(
		"name: x",
		"topologie: veth",
		"rate: 5/s",
		"load:",
		"  rate: 300",
		"  hold:",
		"  concurrency: many",
		"  stop: 5s",
		"client: {timeout: 0s, addresses: 0x10, addresses: 2, local_port_range: 10, bind: ports, no_delay: yes}",
		"payload:",
		"  request: 64",
		"close:",
		"  sid: client",
		"  linger: {on: 1}",
		"link: {rate: 20MB, queue: 4kB}",
		"sysctl:",
		"  client: 1",
		"  both:",
		"    net.ipv4.tcp_tw_reuse: 1",
		"    net.ipv4.tcp_tw_reuse: 2",
		"colour: blue",
	)))
	top := "name, title, about, topology, family, engine, io, load, client, server, relay, payload, close, link, sysctl, stand, track, judge, sample, measure, struck, canaries, cause"
	want := lines(
		"my.yaml:2: topologie: no such field; did you mean topology? Allowed here: "+top,
		"my.yaml:3: rate: no such field; did you mean load.rate? Allowed here: "+top,
		`my.yaml:5: load.rate: "300" is no rate: write connections per second like 300/s, per minute like 90/m, or max`,
		"my.yaml:6: load.hold: has no value: write one or leave it out",
		`my.yaml:7: load.concurrency: "many" is no whole number`,
		"my.yaml:8: load.stop: is a group of fields, each on a line of its own and indented: "+
			"after, connections, failures, time_wait",
		"my.yaml:9: client.timeout: 0s is not possible: leave it out for the default, 5s",
		`my.yaml:9: client.addresses: "0x10" is no whole number`,
		"my.yaml:9: client.addresses: is here twice, first on line 9: keep one",
		`my.yaml:9: client.local_port_range: "10" is no port range: write it like 32768-60999 (1 to 65535), or off`,
		`my.yaml:9: client.bind: "ports" is nothing to bind to: write auto, address, or ports like 40000-40999 or 40000`,
		`my.yaml:9: client.no_delay: "yes" is no switch: write on or off`,
		`my.yaml:11: payload.request: "64" is no size: write it like 64B, 4KiB or 1MiB`,
		"my.yaml:13: close.sid: no such field; did you mean close.side? Allowed in close: side, how, linger",
		"my.yaml:14: close.linger: is one value, not a group of fields",
		`my.yaml:15: link.rate: "20MB" is no bandwidth: write bits per second like 64kbit, 20Mbit or 1Gbit, or off`,
		`my.yaml:15: link.queue: "4kB" is no size: write it like 64B, 4KiB or 1MiB`,
		"my.yaml:17: sysctl.client: is a group of fields, each on a line of its own and indented: net.ipv4.tcp_tw_reuse",
		"my.yaml:20: sysctl.both.net.ipv4.tcp_tw_reuse: is here twice, first on line 19: keep one",
		"my.yaml:21: colour: no such field; allowed here: "+top,
	)
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}

func TestParseRefusesDocuments(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "f: is empty: a scenario needs at least a name; the field names are name, title,"},
		{"# only this\n", "f: is empty:"},
		{"---\n", "f: is empty:"},
		{"~\n", "f: is empty:"},
		{strings.Repeat("#", page.Largest), "f: is empty:"},
		{"load: {stop: {time_wait: on}}", "f:1: load.stop.time_wait: is a group of fields"},
		{"hello", "f:1: a scenario is a group of fields, each on a line of its own: name, title,"},
		{"name: x\n---\nname: y\n", "f:3: a second document begins here: a file holds a scenario alone"},
		{"name: x\n  load: y\n", "f:1: is not YAML: "},
		{"name: x\ntitle: 'y\n", "f:2: is not YAML: "},
		{"name: x\nload:\n\trate: max\n", "f:3: is not YAML: "},
		{"load:\n  - rate: max\n  - hold: 1s\n", "f:2: no field of a scenario is a list (put text that begins with -"},
		{"name: [x]", "f:1: no field of a scenario is a list (put text that begins with ["},
		{"name: &n x\n", "f:1: anchors are not read"},
		{"about: *n\n", "f:1: aliases are not read"},
		{"name: !!str x\n", "f:1: tags are not read"},
		{"? name\n: x\n", "f:1: keys are plain names"},
		{"<<: {name: x}\n", "f:1: merge keys are not read"},
		{"%YAML 1.2\n---\nname: x\n", "f:1: directives are not read"},
		{strings.Repeat("{a: ", 9), "f:1: brackets are nested more than 8 deep"},
		{strings.Repeat("#", page.Largest+1), "f: is 16385 bytes long: a scenario has at most 16384"},
		{"name: \xff", "f: is not UTF-8 text: save it as UTF-8"},
		{"name: null\n", "f:1: name: has no value"},
		{"name: ''\n", "f:1: name: has no value"},
		{"close: {how: ''}\n", "f:1: close.how: has no value: write one or leave it out for the default, fin"},
		{"stand: off\n", "f:1: stand: is a group of fields, each on a line of its own and indented: syn_sent, syn_recv,"},
		{"io:\n", "f:1: io: has no value: write one or leave it out for the default, auto"},
		{"server: {port: 99999999999999999999}", `f:1: server.port: "99999999999999999999" is no whole number`},
	}
	for _, tt := range tests {
		s, err := Parse("f", []byte(tt.text))
		var ps Problems
		if !errors.As(err, &ps) || len(ps) != 1 {
			t.Errorf("%.40q: %v, want one problem", tt.text, err)
		} else if !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%.40q:\n got %s\nwant %s", tt.text, err, tt.want)
		}
		if diff := cmp.Diff(Scenario{}, s); diff != "" {
			t.Errorf("%.40q: a scenario comes with its problems: %s", tt.text, diff)
		}
	}
}

func TestParseGoalOff(t *testing.T) {
	s, err := Parse("f", []byte("load: {stop: {time_wait: off}}"))
	if err != nil || s.Load.Stop.TimeWait != nil {
		t.Errorf("goal %v, error %v", s.Load.Stop.TimeWait, err)
	}
}

func TestProblemSaysWhereItStands(t *testing.T) {
	for want, p := range map[string]Problem{
		"f.yaml:3: a.b: text": {File: "f.yaml", Line: 3, Path: "a.b", Text: "text"},
		"f.yaml: text":        {File: "f.yaml", Text: "text"},
		"line 3: a: text":     {Line: 3, Path: "a", Text: "text"},
		"--set a: text":       {Path: "--set a", Text: "text"},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if Problems(nil).err() != nil {
		t.Error("no problem is an error")
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range Names() {
		f.Add(Source(name))
	}
	for _, text := range []string{
		everyField, "", "---\n---\n", "name: x\n---\nname: y", "load: {stop: {time_wait: off}}", "a: &b\n  *b : 1", "? a",
		"name: |\n", "name: >-", "%", "\ufeff", "name: 'x", "{{{{{{{{{{", "load: !!map {rate: 1/s}", "\"\\", "name: x # y\n#",
		"- - -", "{a}", "a: ]", ": :",
		"close: {how: simultaneous}\nstand: {time_wait: 15000}\nlink: {rate: 1bit}\nclient: {bind: 1, fast_open: on}",
		"close: {how: linger=, linger: 5}",
		"server: {ports: 1000, addresses: 1000, port: 65535, reuse_port: off, workers: 2}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("f", data)
		var ps Problems
		switch {
		case err == nil:
			_ = s.Resolve().Check(Known{})
			if _, err := s.JSON(); err != nil {
				t.Fatal(err)
			}
		case !errors.As(err, &ps) || len(ps) == 0:
			t.Fatalf("%T is no list of problems", err)
		case slices.ContainsFunc(ps, func(p Problem) bool { return p.File != "f" || p.Text == "" || p.Line < 0 }):
			t.Fatalf("a problem does not say where it stands: %#v", ps)
		}
	})
}
