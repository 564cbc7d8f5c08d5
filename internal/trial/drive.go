//go:build linux

package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

const (
	// answerLimit bounds every request to a peer; finishing may take longer, see peer.finishLimit.
	answerLimit = 60 * time.Second
	// headStart is how long before the first intended start the peers are told.
	headStart = 20 * time.Millisecond
	// lookEvery is how often the peers are asked how far they are; settleEvery is that near a goal.
	lookEvery   = 100 * time.Millisecond
	settleEvery = 2 * time.Millisecond
)

// load runs until the client is done, the goal stands, the time is up, soft ends or a peer fails.
func (r *run) load(soft context.Context) {
	r.begin(r.listenersFirst()...)
	for r.failure == nil && !r.client.progress.Done {
		if !r.pause(soft, r.patience()) {
			r.stopClient("interrupt")
			r.drain()
			break
		}
		if r.elapsed() > r.scenario.Load.Stop.After.Std() {
			r.stopClient("after")
			r.drain()
			break
		}
		r.look("load")
		r.keepHalfOpen()
		if r.goal() {
			break
		}
	}
	r.loadSeconds, r.loadOpened = r.elapsed().Seconds(), r.client.progress.Opened
	r.letFINsCross()
	r.split()
	r.await(soft, r.strategy.Settle)
	r.settle()
	r.split()
}

// letFINsCross lets go of the FINs that were held once both sides have closed all connections.
func (r *run) letFINsCross() {
	if !r.strategy.FINsHeld {
		return
	}
	for end := time.Now().Add(settleLimit); r.failure == nil && time.Now().Before(end); time.Sleep(settleEvery) {
		if r.look("settle"); r.server.progress.InFlight() == 0 && r.server.progress.Opened >= r.client.progress.OK {
			break
		}
	}
	r.split()
	for _, s := range []*side{r.client, r.server} {
		r.ask(s, func(ctx context.Context) error { return s.remote.Holds(ctx, nil) }) //nolint:errcheck // ask has taken note
	}
}

// await gives the kernel the time that the strategy's picture takes.
func (r *run) await(soft context.Context, d time.Duration) {
	for end := r.elapsed() + d; d > 0 && r.failure == nil && !r.interrupted && r.elapsed() < end; {
		if !r.pause(soft, min(lookEvery, end-r.elapsed())) {
			return
		}
		r.look("settle")
	}
}

// begin starts the sides, all at one moment from now.
func (r *run) begin(sides ...*side) {
	r.baseline()
	r.epoch = r.firstStart()
	for _, s := range sides {
		if err := r.ask(s, func(ctx context.Context) error {
			return s.remote.Start(ctx, peer.Start{Epoch: r.startOf(s)})
		}); err != nil {
			return
		}
	}
	r.callCanaries(r.epoch)
}

// patience is short where the limit has been used up and the count at the goal decides what comes next.
func (r *run) patience() time.Duration {
	p := &r.client.progress
	if r.scenario.Load.HalfOpen > 0 && !r.half.released {
		return settleEvery
	}
	if r.scenario.Load.Stop.TimeWait != nil && r.limit-p.Opened+p.InFlight() < r.limit/20 {
		return settleEvery
	}
	if r.paired() { // whoever looks takes the processor from those who drive both ends
		return min(5*lookEvery, max(lookEvery, r.scenario.Load.Stop.After.Std()-r.elapsed()))
	}
	return lookEvery
}

// pause waits; false when soft has ended. What the lab reports meanwhile is taken note of.
func (r *run) pause(soft context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-soft.Done():
		r.interrupted = true
		return false
	case e := <-r.lab.Exits():
		r.died(e)
	case <-t.C:
	}
	return true
}

// look asks both peers how far they are.
func (r *run) look(phase string) {
	for _, s := range r.active() {
		r.ask(s, func(ctx context.Context) error { //nolint:errcheck // ask has taken note
			p, err := s.told(ctx)
			if err == nil {
				s.progress = p
			}
			return err
		})
	}
	r.pairedProgress()
	if r.opt.Watch == nil {
		return
	}
	p := &r.client.progress
	m := Moment{Phase: phase, Elapsed: r.elapsed(), Opened: p.Opened, OK: p.OK, Failed: p.Failed}
	m.TimeWait.Client, m.TimeWait.Server = lastTimeWait(r.client.samples), lastTimeWait(r.server.samples)
	m.Standing = r.stand.record.Standing
	m.PID.Client, m.PID.Server = r.client.hello.PID, r.server.hello.PID
	m.Relay = r.relayMoment()
	r.opt.Watch(m)
}

// told asks a side how far it is, and keeps the samples that are new.
func (s *side) told(ctx context.Context) (peer.Progress, error) {
	p, err := s.remote.ProgressSince(ctx, peer.Since{After: len(s.samples), AfterOnward: len(s.onward)})
	s.samples, s.onward = append(s.samples, p.Samples...), append(s.onward, p.Onward...)
	return p, err
}

func lastTimeWait(samples []record.Sample) int64 {
	for i := len(samples) - 1; i >= 0; i-- {
		if n := samples[i].TimeWait; n != nil {
			return *n
		}
	}
	return 0
}

// goal tells whether the side holds the number of TIME_WAIT asked for. Once all connections that were allowed have ended,
// what is short of the goal is allowed on top: so it is never overshot.
func (r *run) goal() bool {
	g := r.scenario.Load.Stop.TimeWait
	p := &r.client.progress
	if g == nil || r.failure != nil || p.Opened < r.limit || p.InFlight() > 0 {
		return false
	}
	s := r.server
	if g.Side == scenario.ClientSide {
		s = r.client
	}
	standing, err := r.counted(s, peer.Count{Refill: r.goalReached != nil})
	if err != nil || standing.Moving > 0 {
		return false
	}
	if short := g.Count - standing.TimeWait; short > 0 {
		r.limit += short
		r.ask(r.client, func(ctx context.Context) error { return r.client.remote.Limit(ctx, r.limit) }) //nolint:errcheck // noted
		return false
	}
	if r.goalReached == nil {
		at := r.elapsed().Seconds()
		r.goalReached = &at
	}
	return true
}

func (r *run) standing(s *side) (st peer.Standing, err error) { return r.counted(s, peer.Count{}) }

func (r *run) counted(s *side, c peer.Count) (st peer.Standing, err error) {
	err = r.ask(s, func(ctx context.Context) error {
		st, err = s.remote.Standing(ctx, c)
		return err
	})
	return st, err
}

// settleLimit bounds how long the last connections may take to their last state.
const settleLimit = 5 * time.Second

// settle waits until no connection of either side is on its way to its last state.
func (r *run) settle() {
	limit := settleLimit
	if r.strategy.FINsHeld { // tried again at intervals that double: the next one may be as far off as the load was long
		limit += 2 * time.Duration(r.loadSeconds*float64(time.Second))
	}
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(settleEvery) {
		moving := int64(0)
		for _, s := range r.active() {
			st, err := r.standing(s)
			if err != nil {
				return
			}
			moving += st.Moving
		}
		if moving == 0 || r.hard.Err() != nil || r.interrupted {
			return
		}
	}
}

// split takes a full count on both sides.
func (r *run) split() {
	for _, s := range r.active() {
		r.ask(s, s.remote.Split) //nolint:errcheck // ask has taken note
	}
}

// hold keeps the result standing; where there is a goal, what expires is opened again.
func (r *run) hold(soft context.Context) {
	length := r.scenario.Load.Hold.Std()
	if r.failure != nil || r.interrupted || length == 0 {
		return
	}
	begun := r.elapsed()
	for r.failure == nil && r.elapsed()-begun < length {
		if !r.pause(soft, r.heldFor(r.elapsed()-begun, length)) {
			break
		}
		r.vanish(r.elapsed() - begun)
		r.look("hold")
		r.keepHalfOpen()
		if r.goalReached != nil {
			r.goal()
		}
	}
	r.holdSeconds = (r.elapsed() - begun).Seconds()
}

func (r *run) stopClient(reason string) {
	r.stoppedBy = reason
	r.ask(r.client, func(ctx context.Context) error { return r.client.remote.Stop(ctx, reason) }) //nolint:errcheck // noted
}

// drain waits until the client's connections have ended; their own time limit bounds it.
func (r *run) drain() {
	for r.failure == nil && r.hard.Err() == nil && !r.client.progress.Done {
		time.Sleep(lookEvery / 10)
		r.look("load")
	}
}

// finish takes the last counts of both sides; a side that has died keeps what it told before.
func (r *run) finish() {
	r.gatherCanaries()
	f := peer.Finish{LifeLeast: scenario.Duration(r.life.least), LifeMost: scenario.Duration(r.life.most)}
	for _, s := range r.finishing() {
		r.ask(s, func(ctx context.Context) error { //nolint:errcheck // ask has taken note
			res, err := s.remote.Finish(ctx, f)
			if err != nil {
				return err
			}
			s.result = &res
			_, err = s.told(ctx)
			return err
		})
	}
	r.partEnds()
	r.partHosts()
}

// ask makes one request to a peer that still answers and takes note of its failure.
func (r *run) ask(s *side, request func(context.Context) error) error {
	if s.err != nil {
		return s.err
	}
	ctx, cancel := bounded(r.hard)
	defer cancel()
	if err := request(ctx); err != nil {
		s.err = err
		if r.hard.Err() != nil {
			r.interrupted = true
			return err
		}
		r.broke(s, err)
		return err
	}
	return nil
}

// broke takes note of a request's failure, and of whose end it came from.
func (r *run) broke(s *side, err error) {
	if r.failure != nil {
		return // what follows from the first failure is no news
	}
	if s.far {
		r.fail(s.name, r.goneFar(err))
		return
	}
	if e, ended := r.whoEnded(err); ended {
		r.died(e)
		return
	}
	r.fail(s.name, err.Error())
}

// exitLimit is how long the lab's word is waited for where a connection was lost: the process behind it is ending.
const exitLimit = 10 * time.Second

// whoEnded asks the lab whose end broke a request: its word on how a process ended says more than the loss of a connection,
// and where the lab itself is gone, so is every connection.
func (r *run) whoEnded(err error) (lab.Exit, bool) {
	if !errors.Is(err, peer.ErrLost) {
		return lab.Exit{}, false
	}
	select {
	case e := <-r.lab.Exits():
		return e, true
	case <-time.After(exitLimit):
		return lab.Exit{}, false
	}
}

func (r *run) died(e lab.Exit) { r.fail(e.Side, said(e)) }

func said(e lab.Exit) string { return fmt.Sprintf("the %s's process has ended: %s", e.Side, e.Text) }

// fail takes note of the first thing that broke the run.
func (r *run) fail(side, text string) {
	if r.failure != nil {
		return
	}
	words := ""
	for _, p := range r.lab.Peers() {
		if p.Name == side {
			words = p.LastWords()
		}
	}
	r.failure = &record.Failure{Side: side, Text: text, LastWords: words}
}
