//go:build linux

package trial

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"twomsl/client"
	"twomsl/internal/paired"
	"twomsl/internal/peer"
	"twomsl/internal/scenario"
)

// With engine paired the client's process drives both ends of each connection. The server's has its namespace, writes its
// settings and counts its sockets; what its application would have told comes with the client's.

// engines are all that a scenario may name.
var engines = append(slices.Clone(client.Engines), paired.Name)

func (r *run) paired() bool { return r.scenario.Engine == paired.Name }

// mostMeteredPaired is how many connections have their bytes remembered one by one: it takes a getsockname() for each.
const mostMeteredPaired = 1 << 12

// pairedWorkers is one on each processor, unless the scenario says; one where listeners cannot stand side by side.
func (r *run) pairedWorkers() int {
	c, s := r.scenario.Client.Workers, r.scenario.Server.Workers
	n := max(c, s)
	switch {
	case r.scenario.Server.ReusePort == scenario.Off:
		return 1
	case n == 0 && len(r.opt.CPUs.Client) > 0:
		n = len(r.opt.CPUs.Client)
	case n == 0:
		n = runtime.NumCPU()
	}
	return min(n, r.scenario.Load.Concurrency)
}

// pairUp gives the client's process the other end, too.
func (r *run) pairUp(p *peer.Prepare) {
	if !r.paired() {
		return
	}
	plan := r.serverPlan()
	plan.Meter, p.Client.Meter = mostMeteredPaired, mostMeteredPaired
	p.Paired = &peer.Paired{Server: plan}
	if r.scenario.Topology == scenario.Veth {
		p.Paired.NetNS = fmt.Sprintf("/proc/%d/ns/net", r.server.hello.PID)
	}
}

// checkPaired says what scenario.Check cannot know: what this machine and the command line leave room for.
func (r *run) checkPaired() error {
	if !r.paired() {
		return nil
	}
	if len(r.opt.CPUs.Server) > 0 {
		return fmt.Errorf("engine paired drives both sides on the same threads: name their processors as the client's alone")
	}
	limit, err := r.descriptorLimit()
	if n := r.keeps(); err == nil && n > 0 && 2*(n+int64(r.scenario.Load.Concurrency)) > int64(limit-spareDescriptors) {
		return fmt.Errorf("%d connections are to stand, both ends in one process with engine paired, which may have %d "+
			"descriptors here: ask for fewer, or use engine split", n, limit)
	}
	return nil
}

// pairedProgress is how far the server's end has come, as the client's process tells it.
func (r *run) pairedProgress() {
	s := r.client.progress.Served
	if s == nil {
		return
	}
	p := &r.server.progress
	p.Opened, p.OK, p.Failed, p.Done = s.Opened, s.OK, s.Failed, r.client.progress.Done
}

// finishing lists the sides in the order in which they take their last counts. A paired client closes the server's sockets
// when it ends, so the server's are counted before, when nothing is on its way any more.
func (r *run) finishing() []*side {
	if !r.paired() {
		return r.active()
	}
	r.ask(r.client, func(ctx context.Context) error { return r.client.remote.Stop(ctx, "after") }) //nolint:errcheck // noted
	r.drain()
	return []*side{r.server, r.client}
}

// partEnds gives the server's result what the client's process told of its end.
func (r *run) partEnds() {
	c, s := r.client.result, r.server.result
	if c == nil || s == nil || c.Served == nil {
		return
	}
	s.Server, s.Restart = &c.Served.Server, &c.Served.Restart
	s.Expired, s.ExpiredMost = c.Served.Expired, c.Served.ExpiredMost
}

// pairedUnmeasured says what cannot be told apart.
func (r *run) pairedUnmeasured(unmeasured map[string]string) {
	if r.paired() {
		unmeasured["sides.server.cpu"] = "engine paired drives both sides on the same threads: the client's processor time is of both"
	}
}
