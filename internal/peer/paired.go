//go:build linux

package peer

import (
	"context"

	"twomsl/internal/linux"
	"twomsl/internal/paired"
	"twomsl/internal/record"
	"twomsl/server"
)

// With engine paired the client's process drives both ends. The server's has its namespace and counts what is there.

// Paired is the other side of a client that drives both.
type Paired struct {
	Server server.Plan `json:"server"`
	// NetNS is the server's network namespace, /proc/PID/ns/net; "" where both sides share one.
	NetNS string `json:"netns"`
}

// Served is what the server's end came to, told by the process that drove it.
type Served struct {
	Server      server.Result  `json:"server"`
	Restart     record.Restart `json:"restart"`
	Expired     int64          `json:"expired"`
	ExpiredMost int64          `json:"expired_most"`
}

// openPaired makes both engines, which have their threads in common.
func (a *agent) openPaired(p Prepare) error {
	pair, err := paired.Open(paired.Plan{Client: *p.Client, Server: p.Paired.Server, NetNS: p.Paired.NetNS})
	if err != nil {
		return err
	}
	a.client, a.server, a.paired = pair.Client(), pair.Server(), true
	return nil
}

// servedToo tells how far the server's end has come.
func (a *agent) servedToo() *server.Progress {
	if !a.paired {
		return nil
	}
	p := a.server.Progress()
	return &p
}

// finishPaired gathers the server's end, apart from the client's.
func (a *agent) finishPaired(ctx context.Context, res *Result) error {
	var of Result
	if err := a.finishServer(ctx, &of, linux.Nano()); err != nil {
		return err
	}
	res.Served = &Served{Server: *of.Server, Restart: *of.Restart, Expired: of.Expired, ExpiredMost: of.ExpiredMost}
	return nil
}

// paired: one process has both plans, and no part of them is another's.
func (b *bounds) paired(p *Prepare) {
	if p.Paired == nil {
		return
	}
	if p.Client == nil || p.Processes > 1 || p.Part || len(p.Groups) > 0 {
		b.bad("paired: a client's plan is needed, and neither groups nor several processes are possible")
		return
	}
	b.server(&p.Paired.Server)
}
