//go:build linux

package peer

import (
	"context"
	"errors"
)

func (a *agent) standing(_ context.Context, c Count) (Standing, error) {
	if err := a.ready(true); err != nil {
		return Standing{}, err
	}
	if a.sampler == nil {
		return Standing{}, errNoSampler
	}
	st, err := a.sampler.standing(c.Refill)
	if err == nil && a.onward != nil {
		err = a.alsoOnward(&st)
	}
	if err != nil {
		return st, err
	}
	now, err := a.counters.Read()
	const overflow = "TcpExt.TCPTimeWaitOverflow"
	st.Overflown = int64(now[overflow]) - int64(a.before[overflow])
	return st, err
}

func (a *agent) split(context.Context, none) (none, error) {
	if err := a.ready(true); err != nil {
		return none{}, err
	}
	if a.sampler == nil {
		return none{}, errNoSampler
	}
	return none{}, a.splitNow()
}

var errNoSampler = errors.New("a part of a side counts no sockets: the side does")

// tallied gives the running totals that a sample carries.
func (a *agent) tallied() Progress {
	switch {
	case a.client != nil:
		p := a.client.Progress()
		return Progress{Opened: p.Opened, OK: p.OK, Failed: p.Failed, Exhausted: p.Exhausted, Done: closed(a.client.Done())}
	case a.relay != nil:
		return a.relayed()
	case a.server != nil:
		p := a.server.Progress()
		return Progress{Opened: p.Opened, OK: p.OK, Failed: p.Failed, Done: closed(a.server.Done())}
	}
	all := Progress{Done: true}
	for _, g := range a.groups {
		p := g.Progress()
		all.Opened, all.OK, all.Failed = all.Opened+p.Opened, all.OK+p.OK, all.Failed+p.Failed
		all.Done = all.Done && closed(g.Done())
	}
	return all
}
