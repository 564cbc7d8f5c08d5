//go:build linux

package peer

import (
	"context"
	"errors"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/server"
)

// finishLimit bounds how long workers may take to end.
const finishLimit = 30 * time.Second

// finish takes the last counts while everything still stands, then ends the load and gathers what it came to.
func (a *agent) finish(ctx context.Context, f Finish) (Result, error) {
	if err := a.ready(true); err != nil {
		return Result{}, err
	}
	for _, c := range a.clients() {
		c.Stop("after")
		if err := wait(ctx, c.Done()); err != nil {
			return Result{}, err
		}
	}
	res := Result{Resident: a.resident(), Profile: a.profile.stop()}
	at := linux.Nano()
	if a.sampler != nil {
		if err := a.lastLook(&res); err != nil {
			return Result{}, err
		}
	}
	if err := a.finishClients(&res, f, at); err != nil {
		return res, err
	}
	if a.foreign != nil {
		if err := a.finishForeign(&res); err != nil {
			return res, err
		}
	}
	if a.relay != nil {
		return res, a.finishRelay(ctx, &res)
	}
	if a.paired {
		return res, a.finishPaired(ctx, &res)
	}
	if a.server != nil {
		return res, a.finishServer(ctx, &res, at)
	}
	return res, nil
}

// lastLook counts everything once more. What moved after the host vanished is nobody's.
func (a *agent) lastLook(res *Result) (err error) {
	if err = a.splitNow(); err != nil {
		return err
	}
	after := a.last
	if after == nil {
		if after, err = a.counters.Read(); err != nil {
			return err
		}
	}
	res.Counters = sample.Diff(a.before, after)
	res.CountersAt = &record.CountersAt{
		Begin: record.CountersMoment{MonotonicNS: a.beforeAt, Values: a.before},
		End:   record.CountersMoment{MonotonicNS: linux.Nano(), Values: after},
	}
	return a.endSamples(res)
}

// finishClients gathers what the clients came to. What they left open stays so until the process ends: the other side has
// yet to count.
func (a *agent) finishClients(res *Result, f Finish, at int64) error {
	for _, c := range a.clients() {
		if err := c.Err(); err != nil {
			return err
		}
		r, err := c.Result()
		if err != nil {
			return err
		}
		if c != a.client {
			res.Groups = append(res.Groups, r)
			continue
		}
		since := time.Duration(at - a.epoch)
		res.Expired, _ = r.ClosesByTime.Until(since - f.LifeMost.Std())
		_, res.ExpiredMost = r.ClosesByTime.Until(since - f.LifeLeast.Std())
		res.Client = &r
	}
	return nil
}

func (a *agent) finishServer(ctx context.Context, res *Result, at int64) error {
	a.server.Stop()
	if err := wait(ctx, a.server.Done()); err != nil {
		return err
	}
	if err := a.server.Err(); err != nil {
		return err
	}
	r := a.server.Result(at)
	a.withoutSampler(&r, res.Sampler)
	res.Expired, res.ExpiredMost = r.Expired, r.Expired+r.Uncertain
	res.Server = &r
	res.Restart = &record.Restart{Errno: a.server.Restart()}
	return nil
}

// withoutSampler takes the sampling thread's time out of an engine's that is the whole process.
func (a *agent) withoutSampler(r *server.Result, sampler record.CPU) {
	if !a.web {
		return
	}
	r.CPU.UserSeconds = max(0, r.CPU.UserSeconds-sampler.UserSeconds)
	r.CPU.SystemSeconds = max(0, r.CPU.SystemSeconds-sampler.SystemSeconds)
}

// wait gives up when the conductor does.
func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(finishLimit):
		return errors.New("the workers did not end in time")
	}
}
