//go:build linux

package trial

import (
	"runtime"

	"twomsl/client"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// What each side's process is asked to do: its plan, with how many workers, and what is looked at beside it.

// workersOf is how many threads a side drives connections with: one for each processor that they are spread over, else
// half of the processors, unless the scenario says.
func (r *run) workersOf(asked int) int {
	switch {
	case len(r.cpus) > 0:
		return len(r.cpus)
	case asked == 0:
		asked = max(1, runtime.NumCPU()/2)
	}
	return min(asked, r.scenario.Load.Concurrency)
}

// workers is how many threads either side has. In a stand each group has one of its own, and the server has one.
func (r *run) workers() record.SidePair[int] {
	if r.scenario.Stand.Off() {
		return record.SidePair[int]{
			Client: r.clientWorkers(), Server: r.serverWorkers(),
		}
	}
	n := record.SidePair[int]{Server: 1}
	for _, g := range r.stand.groups {
		if g.recipe.FromServer {
			n.Server++
			if g.recipe.Server != nil {
				n.Client++
			}
		} else {
			n.Client++
		}
	}
	return n
}

// length is how long a run may last at most.
func (r *run) length() scenario.Duration {
	return r.scenario.Load.Stop.After + r.scenario.Load.Hold + r.scenario.Client.Timeout
}

func (r *run) serverPlan() server.Plan {
	s := &r.scenario
	return server.Plan{
		Engine: s.Engine, IO: r.way.io, CallCosts: s.Measure.CallCosts.IsOn(), Listen: r.destinations, Socket: server.SocketOf(*s),
		Backlog: s.Server.Backlog, Workers: r.serverWorkers(), AcceptDelay: s.Server.AcceptDelay,
		Sources: r.sources, Ignore: r.canaries.client, Timeout: s.Client.Timeout, Length: r.length(),
		Request: s.Payload.Request, Response: s.Payload.Response, Rounds: s.Client.Requests,
		Think: s.Server.Think, Steps: r.strategy.Server, LeavesTimeWait: teardown.Leaves(r.strategy.Expect.Server), Meter: r.meter(),
		CPUs:      r.opt.CPUs.Server,
		Spread:    r.cpus,
		Heartbeat: s.Server.Heartbeat,
		LifeLeast: scenario.Duration(r.life.least), LifeMost: scenario.Duration(r.life.most),
	}
}

// serverWorkers is one where the listeners cannot stand side by side.
func (r *run) serverWorkers() int {
	switch {
	case blocks(&r.scenario):
		return r.serverThreads()
	case r.paired():
		return r.pairedWorkers()
	}
	if r.scenario.Server.ReusePort == scenario.Off {
		return 1
	}
	return max(r.workersOf(r.scenario.Server.Workers), r.kept.processes.Server)
}

// clientWorkers is one at least for each process that the client is.
func (r *run) clientWorkers() int {
	switch {
	case blocks(&r.scenario):
		return r.scenario.Load.Concurrency
	case r.paired():
		return r.pairedWorkers()
	}
	return max(r.workersOf(r.scenario.Client.Workers), r.kept.processes.Client)
}

func (r *run) clientPlan() client.Plan {
	s := &r.scenario
	p := client.Plan{
		Engine: s.Engine, IO: r.way.io, CallCosts: s.Measure.CallCosts.IsOn(), Sources: r.sources, Destinations: r.destinations, Socket: client.SocketOf(s.Client),
		Rate: s.Load.Rate, Concurrency: s.Load.Concurrency, Workers: r.clientWorkers(),
		Until: s.Load.Stop.After, Timeout: s.Client.Timeout,
		Connections: s.Load.Stop.Connections, Failures: s.Load.Stop.Failures,
		Request: s.Payload.Request, Response: s.Payload.Response, Rounds: s.Client.Requests,
		Steps: r.strategy.Client, LeavesTimeWait: teardown.Leaves(r.strategy.Expect.Client), Meter: r.meter(),
		CPUs: r.opt.CPUs.Client, Spread: r.cpus, Answers: !s.Server.Heartbeat.Off(),
	}
	r.numbered(&p)
	return p
}

// watch says what a side's sampler counts. In a namespace of its own every socket is the side's; in a shared one they are
// told apart by the server's port.
func (r *run) watch(of scenario.Side) peer.Watch {
	w := peer.Watch{
		IPv6: r.scenario.Family == scenario.IPv6, OwnNamespace: r.scenario.Topology == scenario.Veth, Leave: r.leave(),
		Budget: r.scenario.Sample.Budget.Share(), Every: r.scenario.Sample.Split,
		Orphans: r.scenario.Stand.Off() && r.leavesOrphans(of),
	}
	declared := r.strategy.Expect.Server
	w.BothFamilies = r.foreign() && of == serverSide || r.commanded() && of == clientSide
	w.Mixed = r.commanded() && of == clientSide
	if of == clientSide {
		declared, w.Tuples = r.strategy.Expect.Client, r.tuples
	}
	for _, state := range record.States {
		// TIME_WAIT is on its way nowhere in any run.
		if state != record.TimeWait && declared.States[state] != "" {
			w.Standing = append(w.Standing, state)
		}
	}
	w.Standing, w.Tracked = append(w.Standing, r.standsHalfOpen(of)...), r.scenario.Track.By(of)
	if of == serverSide && r.untilEOF() {
		w.Standing = append(w.Standing, record.Established)
	}
	port := uint16(r.scenario.Server.Port)
	if r.overHosts() {
		port = r.destinations[0].Port()
		if w.Every == scenario.DefaultSplit {
			w.Every = 0
		}
	}
	switch {
	case r.scenario.Server.Ports > 1 && w.OwnNamespace: // no single port names them, and nobody else is there
	case w.Mixed: // whatever a command opens is the client's
	case of == clientSide:
		if w.RemotePort = port; r.overHosts() || r.toTarget() {
			w.Remote = r.destinations[0].Addr()
		}
	default:
		w.LocalPort = port
	}
	return w
}
