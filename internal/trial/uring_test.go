//go:build linux

package trial

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"twomsl/internal/lab"
	"twomsl/internal/labtest"
	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// resets are many short connections that leave nothing behind, more than have their bytes remembered one by one.
const resets = mostMeteredInRing + 2000

func manyResets(t *testing.T, overrides ...string) scenario.Scenario {
	t.Helper()
	return start(t, "port-exhaustion", append([]string{
		"close.linger=0", fmt.Sprintf("load.stop.connections=%d", resets), "load.stop.after=1m",
	}, overrides...)...)
}

// ring skips where this machine forbids io_uring.
func ring(t *testing.T) {
	t.Helper()
	if err := linux.TryRing(false); err != nil {
		t.Skip(err)
	}
}

// Where nobody says, both sides use io_uring if they may, and the record says what was timed.
func TestNetNSAutoChoosesIOUring(t *testing.T) {
	ring(t)
	t.Parallel()
	got := runTrial(t, manyResets(t), Options{})
	if got.Engine != "split/uring" || got.EngineWhy == "" || got.Latency.ConnectOneIn != 16 {
		t.Errorf("engine %s (%s), connect() timed on one in %d", got.Engine, got.EngineWhy, got.Latency.ConnectOneIn)
	}
	holdsUp(t, got)
	by, timed := got.Bytes.ByConnection, got.Latency.Connect.Count
	if by.Metered < mostMeteredInRing*9/10 || by.WithLoss != 0 || by.NotMetered == 0 {
		t.Errorf("bytes by connection: %+v", *by)
	}
	if timed != (resets+15)/16 && got.Workers.Client == 1 {
		t.Errorf("connect() was timed on %d of %d", timed, resets)
	}
}

// holdsUp wants every connection good, and every byte accounted for.
func holdsUp(t *testing.T, got *record.Trial) {
	t.Helper()
	c := got.Connections
	if c.OK != resets || c.Failed != 0 || c.Unfinished != 0 {
		t.Errorf("%+v", c)
	}
	if *got.Bytes.Lost != 0 || got.Bytes.ToServer.Written != 64*resets || got.Bytes.ToClient.Read != 64*resets {
		t.Errorf("to the server %+v, to the client %+v", *got.Bytes.ToServer, *got.Bytes.ToClient)
	}
}

// Who insists on epoll gets it, and nothing needs to be said.
func TestNetNSIOThatIsAskedFor(t *testing.T) {
	ring(t)
	t.Parallel()
	for io, want := range map[string]string{"epoll": "split/epoll", "uring": "split/uring"} {
		got := runTrial(t, manyResets(t, "io="+io), Options{})
		if got.Engine != want || got.EngineWhy != "" {
			t.Errorf("%s: engine %s (%s)", io, got.Engine, got.EngineWhy)
		}
		holdsUp(t, got)
	}
}

// A container forbids io_uring: auto runs without it and says who refused; who insists is told before any load.
func TestNetNSIOUringForbidden(t *testing.T) {
	if !nstest.WithoutIOUring(t) {
		return
	}
	got := runTrial(t, manyResets(t), Options{})
	if got.Engine != "split/epoll" || !strings.Contains(got.EngineWhy, "client") || !strings.Contains(got.EngineWhy, "io_uring_setup: EPERM") {
		t.Errorf("engine %s (%s)", got.Engine, got.EngineWhy)
	}
	if got.Latency.ConnectOneIn != 1 {
		t.Errorf("connect() timed on one in %d", got.Latency.ConnectOneIn)
	}
	holdsUp(t, got)
	_, err := Run(t.Context(), t.Context(), manyResets(t, "io=uring"), Options{Program: labtest.Program})
	var cannot *lab.UnavailableError
	if !errors.As(err, &cannot) || !strings.Contains(err.Error(), "EPERM") || !strings.Contains(err.Error(), "--io epoll") {
		t.Errorf("insisting gave %v", err)
	}
}

// What a chain cannot say is refused with its reason, before anything runs.
func TestUnchained(t *testing.T) {
	for _, c := range []struct {
		scenario  string
		overrides []string
		why       string
	}{
		{"port-exhaustion", nil, ""},
		{"port-exhaustion", []string{"client.requests=3"}, ""},
		{"port-exhaustion", []string{"close.side=server"}, ""},
		{"port-exhaustion", []string{"topology=loopback"}, ""},
		{"port-exhaustion", []string{"client.bind=address"}, ""},
		{"port-exhaustion", []string{"engine=net"}, "engine net"},
		{"port-exhaustion", []string{"close.how=graceful"}, "shutdown()"},
		{"port-exhaustion", []string{"close.how=linger=2"}, "close() waits"},
		{"port-exhaustion", []string{"close.how=linger2=2"}, "TCP_LINGER2"},
		{"port-exhaustion", []string{"close.how=unread"}, "unread"},
		{"port-exhaustion", []string{"close.how=leak"}, "stay open"},
		{"port-exhaustion", []string{"payload.response=64KiB"}, "payload"},
		{"port-exhaustion", []string{"client.fast_open=on", "sysctl.server.net.ipv4.tcp_fastopen=3"}, "TCP_FASTOPEN_CONNECT"},
		{"port-exhaustion", []string{"server.think=1ms"}, "takes its time"},
		{"port-exhaustion", []string{"topology=loopback", "payload.response=65B"}, "connected to itself"},
		{"state-mix", nil, "stand in states"},
		{"proxy-exhaustion", nil, "relay"},
		{"descriptors", nil, "descriptors"},
		{"syn-queue", nil, "half-open"},
		{"accept-backlog", nil, "accept()"},
		{"dead-peer", nil, "stay open"},
	} {
		s, err := scenario.Find(c.scenario)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = s.With(c.overrides); err != nil {
			t.Fatal(err)
		}
		why := Unchained(s)
		if (c.why == "") != (why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s %q: %q, expected %q", c.scenario, c.overrides, why, c.why)
		}
		s.IO = "uring"
		err = s.Resolve().Check(Known)
		if told := err != nil && strings.Contains(err.Error(), "io: uring is not possible here: "+why); told != (why != "") {
			t.Errorf("%s %q: insisting gives %v", c.scenario, c.overrides, err)
		}
	}
}

// Connections so few that each can be timed are.
func TestNetNSSlowRatesAreTimed(t *testing.T) {
	ring(t)
	t.Parallel()
	got := runTrial(t, start(t, "port-exhaustion", "close.linger=0", "load.rate=400/s", "load.stop.connections=100"), Options{})
	if got.Engine != "split/epoll" || !strings.Contains(got.EngineWhy, "timed") || got.Latency.Connect.Count != 100 {
		t.Errorf("engine %s (%s), %d timed", got.Engine, got.EngineWhy, got.Latency.Connect.Count)
	}
}
