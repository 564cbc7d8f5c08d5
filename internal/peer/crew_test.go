//go:build linux

package peer

import (
	"strings"
	"testing"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/teardown"
)

var idle = []teardown.Step{{Op: teardown.Idle}}

// shared is a plan for three processes whose connections stay.
func shared(p Prepare) Prepare {
	p.Processes, p.Program = 3, Program{Path: "/proc/self/exe", Args: []string{"peer"}}
	if p.Client != nil {
		p.Client.Steps = idle
	}
	if p.Server != nil {
		p.Server.Steps = idle
		p.Server.Socket.ReusePort = true
	}
	return p
}

// What cannot be shared out is refused before anything is started.
func TestPrepareBoundsOfCrews(t *testing.T) {
	p := loopbackPair()
	for want, change := range map[string]func(c *Prepare){
		"":                          func(*Prepare) {},
		"processes: 65":             func(c *Prepare) { c.Processes = 65 },
		"processes: -1":             func(c *Prepare) { c.Processes = -1 },
		"descriptors: -1":           func(c *Prepare) { c.Descriptors = -1 },
		"only connections that are": func(c *Prepare) { c.Client.Steps = []teardown.Step{{Op: teardown.Close}} },
		"a program without a path":  func(c *Prepare) { c.Program.Path = "" },
		"processes: a part":         func(c *Prepare) { c.Part = true },
		"processes: 3 for 2":        func(c *Prepare) { c.Client.Connections = 2 },
		"groups":                    func(c *Prepare) { c.Groups = []client.Plan{*c.Client} },
	} {
		plan := shared(p.clientPlan(t))
		change(&plan)
		err := plan.check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A program that is none is said with the process that was to be it.
func TestNetNSCrewThatCannotStart(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	plan := shared(p.clientPlan(t))
	plan.Program.Path = "/nonexistent"
	if _, err := p.client.Prepare(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "the client's process 1 of 3: ") {
		t.Error(err)
	}
	plan = shared(p.serverPlan(t))
	plan.Program.Args = []string{"no-such-part"} // it leaves at once
	if _, err := p.server.Prepare(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "the server's process 1 of 3 ") ||
		!strings.Contains(err.Error(), "exit status 2") {
		t.Error(err)
	}
}

// A limit is shared out, and raising it lets the rest go, whichever process has it; a stop ends all of them.
func TestNetNSCrewKeepsTheLimit(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	srv, cl := shared(p.serverPlan(t)), shared(p.clientPlan(t))
	cl.Client.Limit = 10
	if _, err := p.server.Prepare(t.Context(), srv); err != nil {
		t.Fatal(err)
	}
	ready, err := p.client.Prepare(t.Context(), cl)
	if err != nil || ready.Resident < 4<<20 {
		t.Fatalf("%d bytes, %v", ready.Resident, err)
	}
	for _, r := range []*Remote{p.server, p.client} {
		if err := r.Start(t.Context(), Start{Epoch: linux.Nano()}); err != nil {
			t.Fatal(err)
		}
	}
	p.opens(t, 10)
	for _, n := range []int64{11, 25} {
		if err := p.client.Limit(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		p.opens(t, n)
	}
	if err := p.client.Vanish(t.Context(), Vanish{}); err == nil || !strings.Contains(err.Error(), "the load is not over") {
		t.Errorf("vanished in the middle of the load: %v", err)
	}
	if err := p.client.Stop(t.Context(), "after"); err != nil {
		t.Fatal(err)
	}
	c, err := p.client.Finish(t.Context(), Finish{})
	if err != nil || c.Client.Progress.OK != 25 || c.End[record.Established] != 25 || c.Resident < 4<<20 {
		t.Fatalf("%+v, %v", c, err)
	}
	s, err := p.server.Finish(t.Context(), Finish{})
	if err != nil || s.Server.Progress.OK != 25 || s.Restart == nil || s.Restart.Errno != "" {
		t.Fatalf("%+v, %v", s, err)
	}
}

// opens waits until so many connections were opened and kept on both sides, and no more.
func (p *pair) opens(t *testing.T, n int64) {
	t.Helper()
	for {
		c, err := p.client.Progress(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		s, err := p.server.Progress(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if c.Opened > n || s.Opened > n || c.Failed+s.Failed > 0 {
			t.Fatalf("client %+v, server %+v, allowed were %d", c, s, n)
		}
		if c.OK == n && s.OK == n {
			return
		}
	}
}
