//go:build linux

package peer

import (
	"context"
	"net/netip"

	"twomsl/internal/connects"
	"twomsl/internal/foreign"
)

// learn asks the other side's server; nothing of it is counted, since the load has not begun.
func (a *agent) learn(ctx context.Context, l Learn) (foreign.Exchange, error) {
	return foreign.Learn(ctx, l.From, l.To, l.Ask)
}

// passesOn tells that it is a proxy, which has two sides.
func (f *Foreign) passesOn() bool { return f != nil && f.Server.IsValid() }

// startForeign starts a server of somebody else's, where there is one, and waits until it listens.
func (a *agent) startForeign(ctx context.Context, f *Foreign) (err error) {
	if f == nil {
		return nil
	}
	o := foreign.Options{
		Name: f.Name, Line: f.Command, Listen: f.Listen, Server: f.Server, Root: f.Root, Program: append([]string{f.Program.Path}, f.Program.Args...),
	}
	if f.passesOn() {
		o.Watch = &connects.Plan{Sources: f.Sources, Destinations: []netip.AddrPort{f.Server}}
	}
	if a.foreign, err = foreign.Start(o); err != nil {
		return err
	}
	return a.foreign.AwaitListening(ctx)
}

// finishForeign tells what it used since the start.
func (a *agent) finishForeign(res *Result) error {
	if err := a.foreign.Err(); err != nil {
		return err
	}
	used, err := foreign.CPU()
	if err != nil {
		return err
	}
	used.UserSeconds = max(0, used.UserSeconds-a.foreignCPU.UserSeconds)
	used.SystemSeconds = max(0, used.SystemSeconds-a.foreignCPU.SystemSeconds)
	if res.Connects, res.Unwatched = a.foreign.Connects("relay", a.epoch); res.Connects != nil {
		used.SystemSeconds += res.Connects.SystemSeconds
	}
	res.ForeignCPU = &used
	return nil
}
