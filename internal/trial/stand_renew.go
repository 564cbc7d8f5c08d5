//go:build linux

package trial

import (
	"context"
	"fmt"
	"time"

	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// A TIME_WAIT lives for a minute that nothing lengthens but a segment of its connection: with each, the minute begins
// anew. So where sockets are to stand for longer, the other end's host sends one to each of them in time.

const (
	// renewLeft is how much time a TIME_WAIT has left when its turn comes. Of very many it is less: they would be looked
	// after while most of them are still to be made, and each then twice.
	renewLeft     = 40 * time.Second
	renewLeftMany = 20 * time.Second
	// renewMany is how many are very many.
	renewMany = 200_000
	// renewEvery is how often those are looked for, at the most.
	renewEvery = time.Second
	// renewShare keeps the looks' share of the time under one in so many: each is a dump of all TIME_WAIT.
	renewShare = 4
)

// renewing tells whether the first TIME_WAIT might end before the hold does.
func (r *run) renewing() bool { return r.longestStand()+standMargin > timeWaitLen }

// how says how the sockets of a recipe are held.
func (r *run) how(recipe teardown.Recipe) string {
	if recipe.State == record.TimeWait && r.renewing() {
		return recipe.How + "; an ACK of the other end begins each minute anew in time"
	}
	return recipe.How
}

// renew has those begin anew that have not much time left, some at a time: between them the sockets are looked at.
func (r *run) renew() {
	asked := r.scenario.Stand.TimeWait + r.scenario.Stand.TimeWaitOut
	if asked == 0 || !r.renewing() || r.stand.unrenewable != "" {
		return
	}
	left := renewLeft
	if asked > renewMany {
		left = renewLeftMany
	}
	if len(r.stand.aging) == 0 {
		r.findAging(left)
	}
	some := peer.Take(&r.stand.aging, peer.MostRenewed)
	if len(some) == 0 {
		return
	}
	r.ask(r.client, func(ctx context.Context) error { //nolint:errcheck // ask has taken note
		told, err := r.client.remote.Renew(ctx, peer.Renew{Ends: some})
		if n := peer.Connections(some); err == nil && told.Failed == n {
			r.stand.unrenewable = fmt.Sprintf("%s: %s", told.Call, told.Errno)
		} else {
			r.stand.record.Renewed += int64(n - told.Failed)
		}
		return err
	})
}

// findAging looks for those that have less time left, once it is time to: none is as old before.
func (r *run) findAging(left time.Duration) {
	began := r.elapsed()
	if began < timeWaitLen-left || began < r.stand.renewAt {
		return
	}
	r.ask(r.server, func(ctx context.Context) (err error) { //nolint:errcheck // ask has taken note
		r.stand.aging, err = r.server.remote.Aging(ctx, peer.Aging{
			IPv6: r.scenario.Family == scenario.IPv6, LeftMS: left.Milliseconds(), Most: peer.MostAging,
		})
		return err
	})
	if peer.Connections(r.stand.aging) < peer.MostAging { // else there are more of them
		r.stand.renewAt = r.elapsed() + max(renewEvery, renewShare*(r.elapsed()-began))
	}
}

// notRenewed says that TIME_WAIT ended before the hold did, and why.
func (r *run) notRenewed(*record.Trial) *record.Warning {
	if r.stand.unrenewable == "" {
		return nil
	}
	return &record.Warning{
		Code: "time-wait-not-renewed",
		Text: "TIME_WAIT that reached the end of their minute were opened anew, a moment after they had gone: this kernel does " +
			"not let them be kept (" + r.stand.unrenewable + ")",
		Advice: "a kernel with CONFIG_CHECKPOINT_RESTORE does; or let load.hold stay below 45 s",
		Spoils: []string{"stand"},
	}
}
