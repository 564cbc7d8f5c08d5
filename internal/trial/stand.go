//go:build linux

package trial

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"twomsl/client"
	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// Sockets that stand in states side by side are groups of connections, one for each state: each group has client
// addresses of its own, by which the server knows what to do with it and the packet holds know whom they are for. All of
// them are at the server's one address and port, as in life.

// standAddresses is how many client addresses the groups take beside those for TIME_WAIT, which has two ways.
var standAddresses = len(teardown.Recipes) - 2

// group is the connections for one state.
type group struct {
	recipe  teardown.Recipe
	asked   int64
	sources []int // by their number in run.sources
	peer    *side // that opens the connections
	number  int   // there
	limit   int64 // connections allowed so far
	gate    int64 // that may pass their gate
	refills int
	seen    *int64
	seenAt  time.Duration // since when that many stand
}

// quietFor is how long a count must stand still before what is missing is opened anew: a delayed acknowledgement takes
// 40 ms.
const quietFor = 200 * time.Millisecond

// stand is the groups and what was seen of them.
type stand struct {
	finsSince *time.Duration // since when as many FINs are held as are meant to be; nil: they are not
	groups    []*group
	record    record.Stand
	// overflown are the closes for which tcp_max_tw_buckets left no TIME_WAIT.
	overflown int64
	// onlyBucketsShort tells that nothing but those is missing.
	onlyBucketsShort bool
	renewAt          time.Duration // when TIME_WAIT are next looked after
	aging            []peer.Ends   // that have not much time left, as the server sees them
	counting         time.Duration // what the last count of the server's sockets took
	countAt          time.Duration // when the next one is due
	// unrenewable is why TIME_WAIT cannot be kept beyond their minute; "" where they can.
	unrenewable string
}

// prepareStand lays out the groups and gets both sides ready for them.
func (r *run) prepareStand(clients, servers []netip.Addr) error {
	r.tuples = nil
	r.layOutGroups(len(clients))
	if err := r.setHolds(clients); err != nil {
		return err
	}
	here := peer.Prepare{Watch: peer.Watch{IPv6: r.scenario.Family == scenario.IPv6, OwnNamespace: true, Standing: allStates(), Leave: r.leave()}}
	there := here
	plan := r.serverPlan()
	plan.Listen = r.listeners()
	plan.Workers, plan.Steps, plan.LeavesTimeWait, plan.Meter = 1, []teardown.Step{{Op: teardown.Stay}}, false, 0
	plan.Timeout = r.length()
	plan.Backlog = max(plan.Backlog, r.synQueue())
	for _, g := range r.stand.groups {
		if !g.recipe.FromServer {
			g.peer, g.number = r.client, len(here.Groups)
			here.Groups = append(here.Groups, r.groupPlan(g, clients, r.destinations[:1]))
			plan.Parts = append(plan.Parts, server.Part{
				Sources: g.sources, Steps: g.recipe.Server, Silent: g.recipe.Silent,
				LeavesTimeWait: g.recipe.State == record.TimeWait,
			})
			continue
		}
		g.peer, g.number = r.server, len(there.Groups)
		target := netip.AddrPortFrom(clients[g.sources[0]], r.destinations[0].Port())
		targets := []netip.AddrPort{target}
		if g.recipe.Server != nil { // the other end takes part
			targets = r.remoteServices(g, clients)
			here.Server = r.remoteServer(g, targets, servers)
		}
		fromHere := *g
		fromHere.sources = []int{0}
		there.Groups = append(there.Groups, r.groupPlan(&fromHere, servers, targets))
	}
	if there.Server = &plan; r.foreign() {
		there.Server, there.Foreign = nil, r.foreignServer()
		there.Watch.BothFamilies = true
	}
	var err error
	if r.server.ready, err = r.server.remote.Prepare(r.hard, there); err != nil || len(here.Groups) == 0 && here.Server == nil {
		return err
	}
	if r.foreign() {
		if err := r.learnForGroups(here.Groups); err != nil {
			return err
		}
	}
	r.client.ready, err = r.client.remote.Prepare(r.hard, here)
	return err
}

// synQueue is the backlog that so many SYN_RECV take: past half of it the kernel drops those that have waited longest
// (reqsk_timer_handler).
func (r *run) synQueue() int { return min(4*r.scenario.Stand.SynRecv, mostBacklog) }

// mostBacklog is what net.core.somaxconn takes and listen() may ask for here.
const mostBacklog = 65535

// listeners are as many as are asked to stand, at ports that nobody goes to where there are more than the scenario's.
func (r *run) listeners() []netip.AddrPort {
	all, asked := slices.Clone(r.destinations), r.scenario.Stand.Listen
	first := all[0]
	for port := uint16(1); len(all) < asked; port++ { // comes round at the last port, and passes over 0
		next := netip.AddrPortFrom(first.Addr(), first.Port()+port)
		if next.Port() != 0 && !slices.Contains(all, next) {
			all = append(all, next)
		}
	}
	if asked > 0 {
		return all[:asked]
	}
	return all
}

// layOutGroups gives the states that are asked for their addresses: TIME_WAIT as many as the scenario says, since one has
// only so many ports, and one to each of the others.
func (r *run) layOutGroups(addresses int) {
	next := r.scenario.Client.Addresses
	r.stand.record.Asked, r.stand.record.How = record.Counts{}, map[record.State]string{record.Listen: "it listens"}
	for state, n := range r.scenario.Stand.Counts() {
		r.stand.record.Asked[record.State(state)] = int64(n)
	}
	for _, recipe := range teardown.Recipes {
		n := r.askedOf(recipe)
		if n == 0 {
			continue
		}
		g := &group{recipe: recipe, asked: int64(n), limit: int64(n)}
		if recipe.State == record.TimeWait {
			g.recipe.Silent = n > renewMany && !r.foreign() // a request and its answer take a fifth of the time
			for i := range r.scenario.Client.Addresses {
				g.sources = append(g.sources, i)
			}
		} else {
			g.sources = []int{min(next, addresses-1)}
			next++
		}
		r.stand.groups = append(r.stand.groups, g)
		r.stand.record.How[recipe.State] = r.how(recipe)
	}
}

func (r *run) groupPlan(g *group, addresses []netip.Addr, to []netip.AddrPort) client.Plan {
	s := &r.scenario
	plan := client.Plan{
		Engine: s.Engine, Destinations: to, Rate: scenario.Max, Workers: 1, Until: r.length(), Timeout: r.length(),
		Socket:  client.Socket{Bind: scenario.Bind{Mode: scenario.BindAddress}, BindNoPort: true},
		Request: s.Payload.Request, Response: s.Payload.Response, Rounds: 1,
		Silent: g.recipe.Silent, Steps: g.recipe.Client, Limit: g.asked,
		Concurrency: s.Load.Concurrency,
	}
	if g.recipe.State == record.TimeWait && !g.recipe.FromServer { // each from a port of its own: one that comes back replaces its TIME_WAIT
		plan.Socket.Bind = scenario.Bind{Mode: scenario.BindPorts, Ports: s.ClientPorts()}
	}
	if r.foreign() {
		plan.Concurrency = min(plan.Concurrency, foreignAtOnce)
	}
	if g.gated() { // all of them wait for their gate at the same time
		plan.Concurrency = max(plan.Concurrency, int(g.asked))
	}
	for _, i := range g.sources {
		plan.Sources = append(plan.Sources, addresses[i])
	}
	return plan
}

func (g *group) gated() bool {
	return slices.ContainsFunc(g.recipe.Client, func(s teardown.Step) bool { return s.Op == teardown.Gate })
}

// setHolds tells either side which segments must not leave it, for the addresses of the groups alone.
func (r *run) setHolds(clients []netip.Addr) error {
	var atClient, atServer []lab.Hold
	for _, g := range r.stand.groups {
		for _, i := range g.sources {
			switch g.recipe.Held {
			case teardown.HeldServerFIN:
				atServer = append(atServer, lab.Hold{Segment: lab.FIN, Remote: clients[i]})
			case teardown.HeldServerSYN:
				atServer = append(atServer, lab.Hold{Segment: lab.SYN, Remote: clients[i]})
			case teardown.HeldClientACK:
				atClient = append(atClient, lab.Hold{Segment: lab.ACK, Local: clients[i]})
			}
		}
	}
	if err := r.server.remote.Holds(r.hard, atServer); err != nil {
		return err
	}
	return r.client.remote.Holds(r.hard, atClient)
}

func allStates() (out []record.State) {
	for _, s := range record.States {
		if s != record.TimeWait && s != record.Listen && s != record.Closed {
			out = append(out, s)
		}
	}
	return out
}

// active are the sides that take part, the client first: one without groups was never prepared and has nothing to tell.
func (r *run) active() []*side {
	if r.relay != nil {
		return []*side{r.client, r.relay, r.server}
	}
	if r.client.absent == "" && r.client.ready.Effective == nil {
		return []*side{r.server}
	}
	return present(r.client, r.server)
}

// bringUp opens the groups' connections until as many stand in each state as were asked for.
func (r *run) bringUp(soft context.Context) {
	sides := r.active()
	slices.Reverse(sides) // the server listens before anybody comes
	r.begin(sides...)
	limit := r.scenario.Load.Stop.After.Std()
	for r.failure == nil && r.elapsed() < limit {
		if !r.pause(soft, r.stand.patience()) {
			break
		}
		if _, all := r.lookAtStand("load"); all {
			at := r.elapsed().Seconds()
			r.goalReached = &at
			break
		}
		if r.stand.onlyBucketsShort {
			break
		}
	}
	r.loadSeconds = r.elapsed().Seconds()
	r.split()
}

// lookAtStand asks how far the groups are. Where a count is due it counts the server's sockets, lets the groups go on where
// they are short, and tells whether all stand.
func (r *run) lookAtStand(phase string) (counted, all bool) {
	r.look(phase)
	r.renew()
	began := r.elapsed()
	if began < r.stand.countAt || phase == "load" && len(r.stand.aging) > 0 { // those have no time to lose
		return false, false
	}
	st, err := r.standing(r.server)
	if err != nil {
		return false, false
	}
	r.stand.counting = r.elapsed() - began
	r.stand.countAt = r.elapsed() + r.untilCount()
	r.stand.record.Standing, r.stand.overflown = st.Counts, st.Overflown
	all = true
	others := true
	for _, g := range r.stand.groups {
		if short := g.asked - st.Counts[g.recipe.State]; short != 0 {
			all = false
			r.carryOn(g, short)
			others = others && r.bucketsShort(g)
		}
	}
	r.stand.onlyBucketsShort = !all && others
	return true, all
}

// countShare keeps the counts' share of the time under one in so many: each walks through all sockets of the host.
const countShare = 10

// A count is never further off than this: on a busy machine one that waits for its turn seems dear. Of very many sockets
// it is.
const (
	countPause     = 100 * time.Millisecond
	countPauseMany = 5 * time.Second
)

// untilCount is how long the next count may wait.
func (r *run) untilCount() time.Duration {
	most := countPause
	if r.scenario.Stand.TimeWait+r.scenario.Stand.TimeWaitOut > renewMany {
		most = countPauseMany
	}
	return min(countShare*r.stand.counting, most)
}

// patience is the pause between two looks: longer where a count takes long, and most looks do without one.
func (s *stand) patience() time.Duration {
	if countShare*s.counting > lookEvery {
		return lookEvery
	}
	return settleEvery
}

// bucketsShort tells whether a group is short of what the kernel keeps no more of (tcp_max_tw_buckets): each one more would
// be closed without a TIME_WAIT, too.
func (r *run) bucketsShort(g *group) bool {
	if g.recipe.State != record.TimeWait || r.stand.overflown == 0 || g.number >= len(g.peer.progress.Groups) {
		return false
	}
	p := g.peer.progress.Groups[g.number]
	return p.Opened >= g.limit && p.InFlight() == 0 && r.stand.record.Standing[record.TimeWait]+r.stand.overflown >= g.limit
}

// carryOn opens a group's gate once the server has done its part on all of its connections, and allows as many more
// connections as are missing once all that were allowed have come to their end.
func (r *run) carryOn(g *group, short int64) {
	if g.number >= len(g.peer.progress.Groups) {
		return
	}
	p := g.peer.progress.Groups[g.number]
	if p.Opened < g.limit {
		return
	}
	if g.gated() && g.gate < g.limit && r.serverHasDoneItsPart() {
		g.gate = g.limit
		r.ask(g.peer, func(ctx context.Context) error { return g.peer.remote.Gate(ctx, g.number, g.gate) }) //nolint:errcheck // noted
		return
	}
	if p.InFlight() > 0 || short <= 0 || !r.quiet(g) {
		return
	}
	if g.recipe.State == record.TimeWait && r.stand.overflown > 0 {
		return // see bucketsShort
	}
	if g.refills++; g.refills > g.mostRefills(r.scenario.Load.Hold.Std()) || p.Failed > g.asked {
		return // more of the same would help no more: the warning says what is missing
	}
	g.limit += short
	r.ask(g.peer, func(ctx context.Context) error { //nolint:errcheck // ask has taken note
		return g.peer.remote.GroupLimit(ctx, g.number, g.limit)
	})
}

// mostRefills bounds how often a group may open what is missing: a few tries at the beginning, and one for each second of
// the hold, in which sockets expire at their own times.
func (g *group) mostRefills(hold time.Duration) int { return 5 + int(hold/time.Second) }

// serverHasDoneItsPart tells whether the server has accepted every connection that it can, and done its steps on it.
func (r *run) serverHasDoneItsPart() bool {
	if r.foreign() {
		return r.foreignHasClosed()
	}
	var opened int64
	for _, g := range r.stand.groups {
		if g.recipe.FromServer || g.recipe.State == record.SynRecv || g.number >= len(g.peer.progress.Groups) {
			continue
		}
		p := g.peer.progress.Groups[g.number]
		if p.Opened < g.limit {
			return false
		}
		opened += p.Opened - p.Failed
	}
	p := r.server.progress
	return p.Opened >= opened && p.InFlight() == 0
}

// quietFor is longer for a server of somebody else's, which closes when it comes to it: nobody can ask how far it is.
func (r *run) quietFor() time.Duration {
	if r.foreign() {
		return 10 * quietFor
	}
	return quietFor
}

// quiet tells whether the group's state was the same at the last look: what is on its way is waited for.
func (r *run) quiet(g *group) bool {
	now := r.stand.record.Standing[g.recipe.State]
	same := g.seen != nil && *g.seen == now && r.elapsed()-g.seenAt > r.quietFor()
	if g.seen == nil || *g.seen != now {
		g.seen, g.seenAt = &now, r.elapsed()
	}
	return same
}

// holdStand keeps the sockets standing; what expires is opened again.
func (r *run) holdStand(soft context.Context) {
	length := r.scenario.Load.Hold.Std()
	begun := r.elapsed()
	r.stand.countAt = 0 // however short it is, there is one count of it
	for r.failure == nil && !r.interrupted && r.elapsed()-begun < length {
		if !r.pause(soft, min(lookEvery, max(0, length-(r.elapsed()-begun)))) {
			break
		}
		if counted, _ := r.lookAtStand("hold"); counted && r.failure == nil {
			r.stand.note()
		}
	}
	r.holdSeconds = (r.elapsed() - begun).Seconds()
	r.stand.record.HeldSeconds = r.holdSeconds
}
