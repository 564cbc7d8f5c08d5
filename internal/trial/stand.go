//go:build linux

package trial

import (
	"context"
	"fmt"
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

// standAddresses is how many client addresses the groups take beside those for TIME_WAIT.
var standAddresses = len(teardown.Recipes) - 1

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
	groups []*group
	record record.Stand
}

// prepareStand lays out the groups and gets both sides ready for them.
func (r *run) prepareStand(clients, servers []netip.Addr) error {
	r.tuples = nil
	r.layOutGroups(len(clients))
	if err := r.setHolds(clients); err != nil {
		return err
	}
	here := peer.Prepare{Watch: peer.Watch{IPv6: r.scenario.Family == scenario.IPv6, OwnNamespace: true, Standing: allStates()}}
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
		fromHere := *g
		fromHere.sources = []int{0}
		there.Groups = append(there.Groups, r.groupPlan(&fromHere, servers, []netip.AddrPort{target}))
	}
	there.Server = &plan
	var err error
	if r.server.ready, err = r.server.remote.Prepare(r.hard, there); err != nil || len(here.Groups) == 0 {
		return err
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

// layOutGroups gives the states that are asked for their addresses: TIME_WAIT as many as the scenario says, since one
// leaves at most half of its ports on a server, and one to each of the others.
func (r *run) layOutGroups(addresses int) {
	asked := r.scenario.Stand.Counts()
	next := r.scenario.Client.Addresses
	r.stand.record.Asked = record.Counts{}
	for state, n := range asked {
		r.stand.record.Asked[record.State(state)] = int64(n)
	}
	for _, recipe := range teardown.Recipes {
		n := asked[string(recipe.State)]
		if n == 0 {
			continue
		}
		g := &group{recipe: recipe, asked: int64(n), limit: int64(n)}
		if recipe.State == record.TimeWait {
			for i := range r.scenario.Client.Addresses {
				g.sources = append(g.sources, i)
			}
		} else {
			g.sources = []int{min(next, addresses-1)}
			next++
		}
		r.stand.groups = append(r.stand.groups, g)
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
	if r.client.ready.Effective == nil {
		return []*side{r.server}
	}
	return []*side{r.client, r.server}
}

// bringUp opens the groups' connections until as many stand in each state as were asked for.
func (r *run) bringUp(soft context.Context) {
	sides := r.active()
	slices.Reverse(sides) // the server listens before anybody comes
	r.begin(sides...)
	limit := r.scenario.Load.Stop.After.Std()
	for r.failure == nil && r.elapsed() < limit {
		if !r.pause(soft, settleEvery) {
			break
		}
		if r.lookAtStand("load") {
			at := r.elapsed().Seconds()
			r.goalReached = &at
			break
		}
	}
	r.loadSeconds = r.elapsed().Seconds()
	r.split()
}

// lookAtStand counts the server's sockets, lets the groups go on where they are short, and tells whether all stand.
func (r *run) lookAtStand(phase string) bool {
	r.look(phase)
	st, err := r.standing(r.server)
	if err != nil {
		return false
	}
	r.stand.record.Standing = st.Counts
	all := true
	for _, g := range r.stand.groups {
		if short := g.asked - st.Counts[g.recipe.State]; short != 0 {
			all = false
			r.carryOn(g, short)
		}
	}
	return all
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

// quiet tells whether the group's state was the same at the last look: what is on its way is waited for.
func (r *run) quiet(g *group) bool {
	now := r.stand.record.Standing[g.recipe.State]
	same := g.seen != nil && *g.seen == now && r.elapsed()-g.seenAt > quietFor
	if g.seen == nil || *g.seen != now {
		g.seen, g.seenAt = &now, r.elapsed()
	}
	return same
}

// holdStand keeps the sockets standing; what expires is opened again.
func (r *run) holdStand(soft context.Context) {
	length := r.scenario.Load.Hold.Std()
	begun := r.elapsed()
	for r.failure == nil && !r.interrupted && r.elapsed()-begun < length {
		if !r.pause(soft, min(lookEvery, max(0, length-(r.elapsed()-begun)))) {
			break
		}
		r.lookAtStand("hold")
		if r.failure == nil {
			r.stand.note()
		}
	}
	r.holdSeconds = (r.elapsed() - begun).Seconds()
	r.stand.record.HeldSeconds = r.holdSeconds
}

// note remembers how far the count is from what was asked for.
func (s *stand) note() {
	k := &s.record
	if k.Looks++; k.Looks == 1 {
		k.Least, k.Most = record.Counts{}, record.Counts{}
	}
	for state, asked := range k.Asked {
		n := k.Standing[state]
		if k.Looks == 1 {
			k.Least[state] = n
		}
		k.Least[state], k.Most[state] = min(k.Least[state], n), max(k.Most[state], n)
		k.WorstDeviation = max(k.WorstDeviation, n-asked, asked-n)
	}
}

// standRecord is nil where a load was run.
func (r *run) standRecord() *record.Stand {
	if r.scenario.Stand.Off() {
		return nil
	}
	k := r.stand.record
	k.Standing = everyState(k.Standing)
	for _, c := range []*record.Counts{&k.Least, &k.Most} {
		if *c == nil {
			*c = record.Counts{}
		}
	}
	return &k
}

// standNotReached says which states are not as they were asked to be.
func (r *run) standNotReached(t *record.Trial) *record.Warning {
	if t.Stand == nil || t.Status != record.Complete || r.goalReached != nil && t.Stand.WorstDeviation == 0 {
		return nil
	}
	text := fmt.Sprintf("the states were up to %d sockets off what was asked for during the hold", t.Stand.WorstDeviation)
	advice := "what expires is opened again a moment later: a shorter load.hold shows none of it"
	if r.goalReached == nil {
		text = fmt.Sprintf("not all of the sockets asked for ever stood at once within %s", r.scenario.Load.Stop.After)
		advice = "give it more time with --set load.stop.after, or ask for fewer"
	}
	return &record.Warning{Code: "stand-not-reached", Text: text, Advice: advice, Spoils: []string{"stand"}}
}
