//go:build linux

package trial

import (
	"net/netip"

	"twomsl/client"
	"twomsl/internal/record"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// Connections that the struck host makes itself, as a client of services on the remote hosts: it closes them first, and
// each of its TIME_WAIT keeps one of its own ports.

// askedOf is how many sockets a recipe is to make.
func (r *run) askedOf(recipe teardown.Recipe) int {
	switch {
	case recipe.State != record.TimeWait:
		return r.scenario.Stand.Counts()[string(recipe.State)]
	case recipe.FromServer:
		return r.scenario.Stand.TimeWaitOut
	}
	return r.scenario.Stand.TimeWait
}

// groupsOpened are the connections of all groups that make any: a SYN that is withheld is none.
func (r *run) groupsOpened() (p client.Progress) {
	for _, g := range r.stand.groups {
		if g.recipe.State == record.SynSent || g.number >= len(g.peer.progress.Groups) {
			continue
		}
		one := g.peer.progress.Groups[g.number]
		p.Opened, p.OK, p.Failed = p.Opened+one.Opened, p.OK+one.OK, p.Failed+one.Failed
	}
	return p
}

// remoteServices is where the remote hosts listen.
func (r *run) remoteServices(g *group, clients []netip.Addr) (at []netip.AddrPort) {
	for _, i := range g.sources {
		at = append(at, netip.AddrPortFrom(clients[i], r.destinations[0].Port()))
	}
	return at
}

// remoteServer is what the remote hosts do on each connection.
func (r *run) remoteServer(g *group, at []netip.AddrPort, servers []netip.Addr) *server.Plan {
	plan := r.serverPlan()
	plan.Listen, plan.Sources, plan.Workers = at, servers, 1
	plan.Steps, plan.LeavesTimeWait, plan.Meter = g.recipe.Server, false, 0
	plan.Timeout = r.length()
	return &plan
}
