package report

import (
	"strings"
	"testing"

	"twomsl/internal/record"
)

// proxyTheirs is a proxy of somebody else's that has run out of ports towards its server: what it passed on nobody knows.
func proxyTheirs() *record.Trial {
	t := proxyExhaustion()
	t.ID, t.Scenario.Name = "proxy-theirs-20261121-101500-ab12", "proxy-theirs"
	t.Scenario.Title = "HAProxy runs out of its 2,000 ports towards nginx"
	t.Scenario.ServerCommand, t.Scenario.RelayCommand = "@nginx", "/usr/sbin/haproxy -db -f proxy.cfg"
	t.Relay.Relayed = nil
	t.Relay.Ports[0].Forecast = record.Forecast{HowTaken: "how many connections the proxy opens, and which it closes first, is its own affair"}
	t.Rate.LimitedWhy = "400 connect() calls of the proxy found no port towards the server"
	t.Environment.Unmeasured["relay.relayed"] = "the proxy is not ours, and which requests it passed on whole is not known"
	return t
}

// proxyUnwatched is the same where its connect() calls were not watched.
func proxyUnwatched() *record.Trial {
	t := proxyTheirs()
	t.Relay.Outcomes, t.Relay.Unwatched = []record.Outcome{}, "pidfd_getfd: operation not permitted"
	p := &t.Relay.Ports[0]
	p.OKBeforeFirstExhaustion, p.FirstExhaustionSeconds = nil, nil
	t.Rate.LimitedWhy = "the proxy had 2000 of its 2000 ports towards the server taken"
	return t
}

// target is a server that runs already: its side is absent.
func target() *record.Trial {
	t := basic("target", "200 connections a second to a server that runs already", client, 200, 2, 0, 400)
	t.Scenario.Topology, t.Scenario.Struck = "host", client
	const why = "the server at 192.0.2.10:80 runs there already and is not ours: its host is not looked at"
	t.Sides.Server = record.Side{Absent: why, Addresses: []string{"192.0.2.10"}, Samples: []record.Sample{}}
	t.Environment.Unmeasured["sides.server"] = why
	t.Environment.Unmeasured["ledger"] = "the client's counters are those of all programs of this host, and the server's host is not looked at"
	t.Environment.Unmeasured["bytes.lost"] = "the server is not ours, and what it wrote and read is not known"
	t.Ledger, t.Bytes.Lost, t.Bytes.ToServer, t.Bytes.ToClient = record.Ledger{}, nil, nil, nil
	t.Close = record.Close{Side: client, How: "fin", NotJudged: "the server is not ours, and its host is not looked at"}
	return t
}

// What a proxy of somebody else's did not tell is said to be so, and what its sockets and its calls show is told.
func TestProxyOfSomebodyElses(t *testing.T) {
	for name, c := range map[string]struct {
		trial *record.Trial
		says  []string
		never string
	}{
		"watched": {proxyTheirs(), []string{
			"The relay, haproxy, ran out of ports towards the server: 2,000 connections went through in 5.0 s, then connect() failed 400 times",
			"400 EADDRNOTAVAIL at connect() on the relay",
		}, "only its own log tells"},
		"not watched": {proxyUnwatched(), []string{
			"The relay, haproxy, had all its ports towards the server taken: 2,000 of 2,000", "only its own log tells",
		}, "EADDRNOTAVAIL"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Join(strings.Fields(render(t, "terminal", c.trial, Options{Width: 120})), " ")
			for _, want := range append(c.says, "relay: haproxy · server: nginx", "what it passed on is not known: it is not ours", "relay and server: as haproxy does") {
				if !strings.Contains(text, want) {
					t.Errorf("there is no %q in\n%s", want, text)
				}
			}
			for _, wrong := range []string{"without an answer +", c.never} {
				if strings.Contains(text, wrong) {
					t.Errorf("nobody knows: %q in\n%s", wrong, text)
				}
			}
		})
	}
}

// A target's side is not measured, and no zero stands for it.
func TestTargetIsNotMeasured(t *testing.T) {
	text := strings.Join(strings.Fields(render(t, "terminal", target(), Options{Width: 120})), " ")
	for _, want := range []string{"The server's TIME_WAIT were not measured", "runs there already and is not ours"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
}
