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
	// renewLeft is how much time a TIME_WAIT has left when its turn comes.
	renewLeft = 40 * time.Second
	// renewEvery is how often those are looked for.
	renewEvery = time.Second
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

// renew has those begin anew that have not much time left.
func (r *run) renew() {
	asked := r.scenario.Stand.TimeWait + r.scenario.Stand.TimeWaitOut
	if asked == 0 || !r.renewing() || r.stand.unrenewable != "" || r.elapsed() < r.stand.renewAt {
		return
	}
	r.stand.renewAt = r.elapsed() + renewEvery
	if r.elapsed() < timeWaitLen-renewLeft {
		return // none is so old
	}
	var old []peer.Ends
	r.ask(r.server, func(ctx context.Context) (err error) { //nolint:errcheck // ask has taken note
		old, err = r.server.remote.Aging(ctx, peer.Aging{
			IPv6: r.scenario.Family == scenario.IPv6, LeftMS: renewLeft.Milliseconds(), Most: peer.MostRenewed,
		})
		return err
	})
	if len(old) == 0 {
		return
	}
	for i, e := range old { // the other end's view
		old[i] = peer.Ends{Local: e.Remote, Remote: e.Local}
	}
	r.ask(r.client, func(ctx context.Context) error { //nolint:errcheck // ask has taken note
		told, err := r.client.remote.Renew(ctx, peer.Renew{Ends: old})
		if err == nil && told.Failed == len(old) {
			r.stand.unrenewable = fmt.Sprintf("%s: %s", told.Call, told.Errno)
		}
		return err
	})
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
