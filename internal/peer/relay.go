//go:build linux

package peer

import "context"

// A relay's peer counts its sockets in two lots, since to the kernel they are sockets of one host: those that face the
// client, like a server's, and those that face the server, like a client's. Each has a sampler.

// watchOnward makes the sampler of a relay's sockets that face the server.
func (a *agent) watchOnward(p Prepare) (err error) {
	switch {
	case a.relay != nil:
		a.onward, err = newSampler(p.Onward, a.called)
	case p.Foreign.passesOn(): // what it counts, if anything, it tells nobody
		a.onward, err = newSampler(p.Onward, func() Progress { return Progress{Done: true} })
	}
	return err
}

// samplers are those of this side.
func (a *agent) samplers() []*sampler {
	if a.sampler == nil { // a part of a side, which counts no sockets
		return nil
	}
	if a.onward == nil {
		return []*sampler{a.sampler}
	}
	return []*sampler{a.sampler, a.onward}
}

// relayed are the running totals towards the client.
func (a *agent) relayed() Progress {
	p := a.relay.Progress()
	return Progress{Opened: p.Accepted, OK: p.Relayed, Failed: p.Failed, Exhausted: p.Exhausted, Done: closed(a.relay.Done())}
}

// called are the running totals towards the server.
func (a *agent) called() Progress {
	p := a.relay.Progress()
	return Progress{Opened: p.Called, OK: p.Established, Failed: p.Refused, Exhausted: p.Exhausted, Done: closed(a.relay.Done())}
}

// splitNow takes a full count now, into the samples.
func (a *agent) splitNow() error {
	for _, s := range a.samplers() {
		if err := s.splitNow(); err != nil {
			return err
		}
	}
	return nil
}

// alsoOnward adds what stands towards the server.
func (a *agent) alsoOnward(st *Standing) error {
	other, err := a.onward.standing(false)
	if err != nil {
		return err
	}
	st.TimeWait += other.TimeWait
	st.Moving += other.Moving
	for state, n := range other.Counts {
		st.Counts[state] += n
	}
	return nil
}

// endSamples stops the samplers and gathers what they saw.
func (a *agent) endSamples(res *Result) error {
	for _, s := range a.samplers() {
		if err := s.stop(); err != nil {
			return err
		}
	}
	a.sampler.tell(&res.Seen)
	if a.onward != nil {
		res.Onward = &Seen{}
		a.onward.tell(res.Onward)
	}
	return nil
}

// finishRelay gathers what the relay came to. What it left open stays so until the process ends: the server has yet to
// count.
func (a *agent) finishRelay(ctx context.Context, res *Result) error {
	a.relay.Stop()
	if err := wait(ctx, a.relay.Done()); err != nil {
		return err
	}
	if err := a.relay.Err(); err != nil {
		return err
	}
	r := a.relay.Result()
	res.Relay = &r
	return nil
}
