//go:build linux

package trial

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// Shard is the share of a run that this trial is: of the scenario that Run is given.
type Shard struct {
	scenario.Shard
	RunID   string
	StartAt time.Time // when the loads of all shards begin; zero: when this one is ready
	Host    string    // as this machine calls itself
	Command string    // what to type to run the whole
}

const (
	// readyBefore is how long before a common start a shard begins to get ready: its hosts need not stand about until then.
	readyBefore = 15 * time.Second
	// lateStart is how far behind the common start a load may begin before that is told.
	lateStart = 50 * time.Millisecond
	// lookAtClock is how often the wall clock is looked at again while it is waited for: somebody may set it.
	lookAtClock = time.Second
)

// takeShare makes the scenario of a run that is shared that of the shard, and keeps the whole.
func (r *run) takeShare() {
	r.whole = r.scenario
	if d := r.opt.Shard; d != nil {
		r.scenario = r.whole.Share(d.Shard)
	}
}

// shardSources are those of the client's addresses that the shard has.
func (r *run) shardSources(clients []netip.Prefix) []netip.Prefix {
	d := r.opt.Shard
	if d == nil || r.scenario.Topology != scenario.Veth {
		return clients
	}
	var mine []netip.Prefix
	for _, n := range r.whole.SourceNumbers(d.Shard) {
		mine = append(mine, clients[n])
	}
	return mine
}

// clientAddresses is how many addresses have to be counted up for the load's client.
func (r *run) clientAddresses() int {
	d := r.opt.Shard
	if d == nil || r.scenario.Topology != scenario.Veth {
		return r.scenario.Client.Addresses
	}
	numbers := r.whole.SourceNumbers(d.Shard)
	return numbers[len(numbers)-1] + 1
}

// runID names the run that several clients share; "" is a run of one.
func (r *run) runID() string {
	if d := r.opt.Shard; d != nil {
		return d.RunID
	}
	return ""
}

// numbered tells a plan which connections of the whole run its own are.
func (r *run) numbered(p *client.Plan) {
	if d := r.opt.Shard; d != nil {
		p.Rate, p.First, p.Stride = r.whole.Load.Rate, int64(d.Number-1), int64(d.Of)
	}
}

// GetReady waits until it is time to call Run, and to reach a server that Run is to be given: neither is to stand about until
// the common start. The error is context.Canceled where soft ends first.
func (d *Shard) GetReady(soft context.Context) error { return d.await(soft, readyBefore) }

// awaitStart waits until the sides have to be told of the common start.
func (r *run) awaitStart(soft context.Context) error {
	return r.opt.Shard.await(soft, headStart+r.ahead())
}

// await waits until so long before the common start, by this machine's wall clock.
func (d *Shard) await(soft context.Context, before time.Duration) error {
	if d == nil || d.StartAt.IsZero() {
		return nil
	}
	for {
		left := time.Until(d.StartAt) - before
		if left <= 0 {
			return nil
		}
		select {
		case <-soft.Done():
			return context.Canceled
		case <-time.After(min(left, lookAtClock)):
		}
	}
}

// firstStart is when the first connection is meant to start, on CLOCK_MONOTONIC: a moment from now, or at the common start.
func (r *run) firstStart() int64 {
	now, wall := linux.Nano(), time.Now()
	epoch := now + int64(r.ahead())
	d := r.opt.Shard
	if d == nil {
		return epoch
	}
	if !d.StartAt.IsZero() {
		epoch = max(epoch, now+int64(d.StartAt.Sub(wall)))
	}
	began := wall.Add(time.Duration(epoch - now)).UTC().Round(0)
	r.loadBegan = &began
	return epoch
}

// shardRecord is what the record says of the share; nil where this is a whole run.
func (r *run) shardRecord() (*record.Shard, error) {
	d := r.opt.Shard
	if d == nil {
		return nil, nil
	}
	whole, err := Describe(r.whole)
	if err != nil {
		return nil, err
	}
	out := &record.Shard{
		Number: d.Number, Of: d.Of, RunID: d.RunID, LoadBegan: r.loadBegan, Host: d.Host,
		Whole: record.Whole{Scenario: whole, Command: d.Command},
	}
	if !d.StartAt.IsZero() {
		at := d.StartAt.UTC().Round(0)
		out.StartAt = &at
	}
	if r.whole.Load.Rate != scenario.Max {
		rate := float64(r.whole.Load.Rate)
		out.Whole.AskedPerSecond = &rate
	}
	return out, nil
}

// startedLate says that the load did not begin with those of the other shards.
func (r *run) startedLate(t *record.Trial) *record.Warning {
	d := t.Shard
	if d == nil || d.StartAt == nil || d.LoadBegan == nil || d.LoadBegan.Sub(*d.StartAt) <= lateStart {
		return nil
	}
	return &record.Warning{
		Code: "shard-late",
		Text: fmt.Sprintf("this shard's load began %v after the common start", d.LoadBegan.Sub(*d.StartAt).Round(time.Millisecond)),
		Advice: "let --start-at lie further ahead: a shard gets ready " + readyBefore.String() + " before, and has to be started by " +
			"then",
		Spoils: []string{},
	}
}
