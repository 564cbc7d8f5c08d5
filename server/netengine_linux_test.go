package server_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"twomsl/client"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/pairtest"
	"twomsl/internal/payload"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// planFor is serve's plan on an address of its own, with a socket that the test chooses.
func planFor(engine string, to netip.AddrPort, socket server.Socket) server.Plan {
	plan := server.Plan{Engine: engine, Listen: []netip.AddrPort{to}, Steps: first, LeavesTimeWait: true}
	c := client.Plan{Destinations: plan.Listen}
	pairtest.ClientPlan(&c)
	pairtest.ServerPlan(&plan, &c)
	plan.Socket = socket
	return plan
}

func open(t *testing.T, plan server.Plan) server.Engine {
	t.Helper()
	s, err := server.Open(plan)
	must(t, err)
	t.Cleanup(func() {
		s.Stop()
		pairtest.Done(t, "the server", s.Done())
	})
	return s
}

// The listener's queue is as long as was asked for: of backlog 1 it holds two, and drops the third SYN.
func TestNetNSBacklog(t *testing.T) {
	if nstest.Inside(t) {
		pairtest.EachEngine(t, backlog)
	}
}

func backlog(t *testing.T, engine string) {
	to := netip.AddrPortFrom(loopback, uint16(7000+len(engine)))
	plan := planFor(engine, to, server.Socket{ReuseAddress: true})
	plan.Backlog = 1
	s := open(t, plan)
	defer s.Start(server.Now())
	dial(t, to)
	dial(t, to)
	if c, err := net.DialTimeout("tcp4", to.String(), 100*time.Millisecond); err == nil {
		_ = c.Close()
		t.Error("a third connection found room")
	}
}

// Package net sets SO_REUSEADDR unasked; where the plan has it off a server cannot come back over its TIME_WAIT.
func TestNetNSRestart(t *testing.T) {
	if nstest.Inside(t) {
		nstest.Sysctl(t, "ipv4/tcp_rfc1337", "1")
		pairtest.EachEngine(t, restarts)
	}
}

func restarts(t *testing.T, engine string) {
	for i, c := range []struct {
		reuse bool
		want  string
	}{{true, ""}, {false, "EADDRINUSE"}} {
		pairtest.Descriptors(t)
		to := netip.AddrPortFrom(loopback, uint16(7100+10*len(engine)+i))
		s := open(t, planFor(engine, to, server.Socket{ReuseAddress: c.reuse}))
		s.Start(server.Now())
		serverClosesFirst(t, 0, to)
		if res := stop(t, s); res.FirstCloses != 1 {
			t.Errorf("%+v", res)
		}
		if got := s.Restart(); got != c.want {
			t.Errorf("with SO_REUSEADDR %v it says %q, expected %q", c.reuse, got, c.want)
		}
	}
}

// A server that takes one connection and then none for a while lets the others wait.
func TestAcceptDelay(t *testing.T) { pairtest.EachEngine(t, acceptDelay) }

func acceptDelay(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	s, address := serve(t, server.Plan{Engine: engine, AcceptDelay: scenario.Duration(20 * time.Millisecond)})
	begun := time.Now()
	for range 4 {
		dial(t, address)
	}
	pairtest.Until(t, "four are open", func() bool { return s.Progress().Opened == 4 })
	if took := time.Since(begun); took < 55*time.Millisecond {
		t.Errorf("four were accepted within %v", took)
	}
}

// What the steps leave open is closed when the server stops.
func TestStopClosesWhatStays(t *testing.T) { pairtest.EachEngine(t, stopClosesWhatStays) }

func stopClosesWhatStays(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	s, address := serve(t, server.Plan{Engine: engine, Steps: []teardown.Step{{Op: teardown.Stay}}})
	c := dial(t, address)
	write(t, c, payload.Request(64))
	if _, err := io.ReadFull(c, make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	pairtest.OnlyOK(t, 1, stop(t, s).Outcomes)
	must(t, c.SetReadDeadline(time.Now().Add(pairtest.Limit)))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the client sees %v when the server has stopped", err)
	}
}
