//go:build linux

package trial

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/foreign"
	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/report/diagnose"
)

// programs are those of the names that stand for a configuration, with Debian's packages.
var programs = map[string][2]string{
	"@apache": {"apache2", "apache2"}, "@haproxy": {"haproxy", "haproxy"}, "@haproxy-tcp": {"haproxy", "haproxy"},
	"@nginx": {"nginx", "nginx-light"}, "@squid": {"squid", "squid"},
}

// configured wants the program of a name.
func configured(t *testing.T, name string) string {
	t.Helper()
	nstest.Program(t, programs[name][0], programs[name][1])
	return name
}

// hundreds is a load of 200 connections, steady and bounded.
func hundreds(name string) scenario.Scenario {
	return scenario.Scenario{
		Name: name, Load: scenario.Load{Rate: 300, Stop: scenario.Stop{Connections: 200, After: scenario.Duration(20 * time.Second)}},
		Sysctl: scenario.Sysctl{Both: map[string]string{"net.ipv4.tcp_rfc1337": "1"}}, // a stray RST would end a TIME_WAIT
	}
}

// whole holds a trial to this many connections that went through, and none that failed.
func whole(t *testing.T, got *record.Trial, n int64) {
	t.Helper()
	if c := got.Connections; c.OK != n || c.Failed != 0 {
		t.Fatalf("%+v %+v", c, got.Outcomes)
	}
}

// Debian's servers, each asked in three ways of HTTP: who is asked to close first ends in TIME_WAIT, nobody else.
func TestNetNSServersByPreset(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	leftovers := remainders(t)
	t.Run("all", func(t *testing.T) {
		for _, name := range foreign.Servers() {
			for _, preset := range scenario.Presets {
				t.Run(fmt.Sprint(name, " ", preset), func(t *testing.T) {
					t.Parallel()
					s := hundreds("servers")
					s.Server.Command, s.Payload.Preset = configured(t, name), preset
					if preset == scenario.HTTPClose {
						s.Family = scenario.IPv6
					}
					got := carryOut(t, s)
					whole(t, got, 200)
					closer, other, first := &got.Sides.Server, &got.Sides.Client, "server"
					if preset == scenario.HTTPKeepAlive {
						closer, other, first = other, closer, "client"
					}
					// What a program of somebody else's does with a connection now and then is not ours to promise.
					if n, m := closer.States.End[record.TimeWait], other.States.End[record.TimeWait]; n < 190 || n > 200 || m != 0 {
						t.Errorf("the %s was to close first: %d TIME_WAIT there, %d on the other side", first, n, m)
					}
				})
			}
		}
	})
	leftovers()
}

// remainders holds what is writable to what was there before.
func remainders(t *testing.T) (check func()) {
	t.Helper()
	list := func() (out []string) {
		for _, dir := range []string{"/tmp", "/run", "/dev/shm"} {
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if name := e.Name(); name == "conf" || name == "pages" || strings.HasPrefix(name, "nginx") || strings.HasPrefix(name, "apache2") || strings.HasPrefix(name, "squid") {
					out = append(out, dir+"/"+name)
				}
			}
		}
		return out
	}
	before := list()
	return func() {
		if d := cmp.Diff(before, list()); d != "" {
			t.Error(d)
		}
	}
}

// Several requests on a connection that is kept, and the client's end after the last.
func TestNetNSKeepAliveCarriesSeveralRequests(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for _, engine := range []string{"split", "net"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := hundreds("several")
			s.Engine, s.Server.Command, s.Payload.Preset, s.Client.Requests = engine, configured(t, "@nginx"), scenario.HTTPKeepAlive, 7
			got := carryOut(t, s)
			whole(t, got, 200)
			if n := got.Sides.Client.States.End[record.TimeWait]; n != 200 {
				t.Errorf("%d TIME_WAIT on the client", n)
			}
			if each := got.Bytes.Written / (200 * 7); got.Bytes.Written != each*200*7 || each < 60 {
				t.Errorf("%d bytes written for 200 times 7 requests", got.Bytes.Written)
			}
		})
	}
}

// What is said is bytes, and the answer's end is told by a FIN, a number or a text, on every way to wait.
func TestNetNSRawExchanges(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, until := range []scenario.Until{{EOF: true}, {Match: "...\n"}} {
		for _, engine := range []string{"split/epoll", "split/blocking", "net/auto"} {
			t.Run(fmt.Sprint(until, " ", engine), func(t *testing.T) {
				t.Parallel()
				s := hundreds("raw")
				s.Engine, s.IO, _ = strings.Cut(engine, "/")
				s.Server.Command, s.Payload.Send, s.Payload.Until = configured(t, "@nginx"), get, until
				if until.EOF { // the server's TIME_WAIT are counted: no port is to come twice
					s.Payload.Send = "GET / HTTP/1.0\r\n\r\n"
					s.Client.Bind = scenario.Bind{Mode: scenario.BindPorts, Ports: scenario.PortRange{Low: 10000, High: 10999}}
				}
				got := carryOut(t, s)
				whole(t, got, 200)
				closer, other := &got.Sides.Client, &got.Sides.Server
				if until.EOF {
					closer, other = other, closer
				}
				if n, m := closer.States.End[record.TimeWait], other.States.End[record.TimeWait]; n != 200 || m != 0 {
					t.Errorf("%d TIME_WAIT where it was closed first, %d on the other side", n, m)
				}
			})
		}
	}
}

// A server of somebody else's cannot be chained, and who insists is told why.
func TestRawExchangesAreNotChained(t *testing.T) {
	s := hundreds("raw")
	s.IO, s.Server.Command, s.Payload.Until.EOF = "uring", "nginx", true
	err := s.Resolve().Check(Known)
	if err == nil || !strings.Contains(err.Error(), "uring is not possible here: the server is somebody else's") {
		t.Error(err)
	}
}

// proxiesRun is what a proxy does with a range of 500 ports and more connections than that.
func proxyRun(t *testing.T, proxy string, preset scenario.Preset) *record.Trial {
	t.Helper()
	s := hundreds("proxy")
	s.Load.Stop.Connections, s.Load.Stop.Failures = 800, 40
	s.Server.Command, s.Payload.Preset = configured(t, "@nginx"), preset
	s.Relay = &scenario.Relay{Command: configured(t, proxy)}
	s.Struck = scenario.RelaySide
	if preset == scenario.HTTPClose {
		s.Family = scenario.IPv6
	}
	s.Sysctl.Relay = map[string]string{"net.ipv4.ip_local_port_range": "42000 42499"}
	return carryOut(t, s)
}

// A proxy that closes first towards its server runs out of ports there: its backend side is full of TIME_WAIT, its connect()
// fails, the client sees errors, and the relay's host is diagnosed from its sockets and its calls.
func TestNetNSProxyRunsOutOfPorts(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for name, preset := range map[string]scenario.Preset{
		"@haproxy-tcp": scenario.HTTPKeepAlive, // the client's FIN is handed on
		"@nginx":       scenario.HTTPClose,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := proxyRun(t, name, preset)
			// Those that asked beforehand have left a TIME_WAIT towards the server, too.
			c, r := got.Connections, got.Relay
			if c.OK > 500 || c.OK < 490 || c.Failed < 40 {
				t.Errorf("%+v %+v", c, got.Outcomes)
			}
			for _, o := range got.Outcomes {
				if o.Side == "client" && o.Cause != string(record.OK) && o.Phase != "read" {
					t.Errorf("the client was to see it in the answer: %+v", o)
				}
			}
			if n := r.Server.States.End[record.TimeWait]; n != 500 || *r.Ports[0].PeakInUse != 500 {
				t.Errorf("%d TIME_WAIT towards the server, %d ports in use", n, *r.Ports[0].PeakInUse)
			}
			if n := got.Sides.Server.States.End[record.TimeWait]; n > 10 {
				t.Errorf("%d TIME_WAIT on the server", n)
			}
			if r.Relayed != nil || r.Accepted != c.Attempted || got.Environment.Unmeasured["relay.relayed"] == "" {
				t.Errorf("what only the proxy knows: %+v, taken %d", r.Relayed, r.Accepted)
			}
			p := r.Ports[0]
			want := []record.Outcome{
				{Side: "relay", Cause: string(record.OK), Count: p.Successes},
				{Side: "relay", Phase: "connect", Cause: string(record.AddrNotAvailable), Errno: "EADDRNOTAVAIL", Count: c.Failed},
			}
			if d := cmp.Diff(want, r.Outcomes); d != "" || p.FirstExhaustionSeconds == nil || p.OKBeforeFirstExhaustion == nil ||
				*p.OKBeforeFirstExhaustion != c.OK || p.Successes != c.OK || r.Unwatched != "" {
				t.Errorf("what its calls came to: %s%+v", d, p)
			}
			h := diagnose.FromTrial(got, "relay")
			d := diagnose.Diagnose(h)
			if one := d.Causes[0]; one.ID != "port-tuple-exhausted" || one.Confidence != record.Certain || !strings.Contains(one.Says, p.Destination) {
				t.Errorf("%+v", d.Causes)
			}
			if got.Rate.LimitedBy != byPorts {
				t.Errorf("limited by %s: %s", got.Rate.LimitedBy, got.Rate.LimitedWhy)
			}
		})
	}
}

// Where the kernel refuses to let a proxy's connect() be watched its sockets still show that its ports are gone, and what
// nobody could see is no zero.
func TestNetNSProxyUnwatched(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	unwatchable(t, func() {
		got := proxyRun(t, "@haproxy-tcp", scenario.HTTPKeepAlive)
		r := got.Relay
		if r.Unwatched == "" || len(r.Outcomes) > 0 || r.Ports[0].FirstExhaustionSeconds != nil || r.Ports[0].Successes < 490 ||
			got.Environment.Unmeasured["relay.outcomes"] == "" {
			t.Errorf("%q %+v %+v", r.Unwatched, r.Outcomes, r.Ports)
		}
		h := diagnose.FromTrial(got, "relay")
		if one := diagnose.Diagnose(h).Causes[0]; one.ID != "port-tuple-exhausted" || one.Confidence != record.Likely {
			t.Errorf("%+v", one)
		}
		if got.Rate.LimitedBy != byPorts {
			t.Errorf("limited by %s: %s", got.Rate.LimitedBy, got.Rate.LimitedWhy)
		}
	})
}

// With our own server behind a proxy that hands bytes on, both ends are known, and the proxy's tuple is as full.
func TestNetNSProxyBeforeOurServer(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	s := hundreds("ours")
	s.Load.Stop.Connections, s.Load.Stop.Failures, s.Struck = 800, 40, scenario.RelaySide
	s.Relay = &scenario.Relay{Command: configured(t, "@haproxy-tcp")}
	s.Sysctl.Relay = map[string]string{"net.ipv4.ip_local_port_range": "42000 42499"}
	got := carryOut(t, s)
	if c := got.Connections; c.OK != 500 || c.Failed < 40 {
		t.Errorf("%+v %+v", c, got.Outcomes)
	}
	if n := got.Relay.Server.States.End[record.TimeWait]; n != 500 || got.Relay.Ports[0].Successes != 500 {
		t.Errorf("%d TIME_WAIT towards the server, %d connections opened", n, got.Relay.Ports[0].Successes)
	}
}

// HAProxy in HTTP mode ends its connections to the server by a reset, and Squid by whoever is faster: neither runs out.
func TestNetNSProxiesThatDoNotRunOut(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for _, name := range []string{"@haproxy", "@squid"} {
		for _, preset := range []scenario.Preset{scenario.HTTPClose, scenario.HTTPKeepAlive} {
			t.Run(fmt.Sprint(name, " ", preset), func(t *testing.T) {
				t.Parallel()
				got := proxyRun(t, name, preset)
				if name == "@haproxy" {
					whole(t, got, 800)
					if n := got.Relay.Server.States.End[record.TimeWait]; n != 0 {
						t.Errorf("%d TIME_WAIT towards the server", n)
					}
					return
				}
				// How many of a connection's two ends are first towards the server is a race of theirs.
				if c := got.Connections; c.OK < 400 {
					t.Errorf("%+v %+v", c, got.Outcomes)
				}
			})
		}
	}
}

// What cannot be started is said before anything is.
func TestConfigurationsThatCannotBe(t *testing.T) {
	for set, want := range map[string]string{
		"server.command=@ngnix":                         `server.command: "@ngnix" is not known here; did you mean @nginx?`,
		"server.command=@squid":                         "server.command: @squid is a proxy: name it with --relay-with",
		"server.command=@nginx relay.command=@apache":   "relay.command: @apache is no proxy: name it with --serve-with",
		"relay.command=@squid":                          "relay.command: @squid speaks HTTP, and our own two speak plain",
		"relay.command=@haproxy-tcp relay.close=server": "set relay.close=relay, or the other close.side",
		"server.command=@nginx server.root=image":       "server.root: @nginx is this host's own program",
	} {
		s, err := scenario.Scenario{Name: "x"}.With(strings.Fields(set))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Resolve().Check(Known); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", set, err)
		}
	}
	if !slices.Equal(foreign.Servers(), []string{"@apache", "@haproxy", "@nginx"}) ||
		!slices.Equal(foreign.Proxies(), []string{"@haproxy", "@haproxy-tcp", "@nginx", "@squid"}) {
		t.Error(foreign.Servers(), foreign.Proxies())
	}
}

// theirServer answers "pong\n" to five bytes on a loopback address, as often as is asked, until the other side closes; what
// says "bye!\n" has it close first.
func theirServer(t *testing.T) *net.TCPAddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			go func() {
				defer c.Close() //nolint:errcheck // a test's
				for b := make([]byte, 5); ; {
					if _, err := io.ReadFull(c, b); err != nil {
						return
					}
					_, _ = c.Write([]byte("pong\n"))
					if string(b) == "bye!\n" {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr)
}

// A server that runs already is driven by the client alone, without a namespace: its side is not measured, and says so.
func TestNetNSTarget(t *testing.T) {
	for name, c := range map[string]struct {
		send  scenario.Text
		until scenario.Until
		first bool // the client closes first
	}{
		"until a text": {"ping\n", scenario.Until{Match: "pong\n"}, true},
		"so many":      {"ping\n", scenario.Until{Bytes: 5}, true},
		"until a FIN":  {"bye!\n", scenario.Until{EOF: true}, false},
	} {
		for _, engine := range []string{"split", "net"} {
			t.Run(name+" "+engine, func(t *testing.T) {
				t.Parallel()
				nstest.Require(t) // a host without TIME_WAIT of other tests, whose ports may be this one's
				at := theirServer(t)
				s := hundreds("target")
				s.Sysctl, s.Topology, s.Engine = scenario.Sysctl{}, scenario.Host, engine
				s.Server = scenario.Server{Running: scenario.On, Port: at.Port}
				s.Payload.Send, s.Payload.Until = c.send, c.until
				got := carryOut(t, s)
				whole(t, got, 200)
				want := int64(0)
				if c.first {
					want = 200
				}
				if n := got.Sides.Client.States.End[record.TimeWait]; n != want {
					t.Errorf("%d TIME_WAIT on the client, not %d", n, want)
				}
				sv := &got.Sides.Server
				if sv.Absent == "" || sv.States.End != nil || sv.TimeWait.Peak != nil || sv.Counters != nil || got.Bytes.Lost != nil {
					t.Errorf("of a side that is not looked at: %+v", sv)
				}
				if got.Environment.Unmeasured["sides.server"] == "" || got.Ledger.Client.Entered != nil {
					t.Errorf("%+v", got.Environment.Unmeasured)
				}
			})
		}
	}
}

// A target that is not there, or that answers otherwise, is said to be so before the load.
func TestTargetThatDoesNotAnswer(t *testing.T) {
	at := theirServer(t)
	for want, c := range map[string]struct {
		port  int
		until scenario.Until
	}{
		"refused":                       {pairPort(t), scenario.Until{EOF: true}},
		`4 bytes follow its 1 bytes`:    {at.Port, scenario.Until{Bytes: 1}},
		`2 bytes follow the text "pon"`: {at.Port, scenario.Until{Match: "pon"}},
	} {
		s := hundreds("target")
		s.Topology, s.Server = scenario.Host, scenario.Server{Running: scenario.On, Port: c.port}
		s.Payload.Send, s.Payload.Until = "ping\n", c.until
		_, err := Run(t.Context(), t.Context(), s.Resolve(), Options{Program: labtest.Program})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--target") {
			t.Errorf("%v, not %q", err, want)
		}
	}
}

// pairPort is a port of loopback at which nobody listens.
func pairPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}
