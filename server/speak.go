//go:build linux

package server

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"time"

	"twomsl/internal/exchange"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// The engines that speak to clients of somebody else's, by package net and a goroutine for each connection. What such a
// client says is its own affair: it is answered for as long as it likes, or once, where the plan closes first.
const (
	HTTP    = "http"    // whatever is asked for, with Plan.Response bytes (RFC 9112)
	Echo    = "echo"    // what came goes back (RFC 862)
	Discard = "discard" // what came is read and gone (RFC 863)
)

// Spoken are their names.
var Spoken = []string{HTTP, Echo, Discard}

// How a conversation ended where nothing broke.
type farewell int

const (
	theirs farewell = iota // the client's FIN has been read
	ours                   // it is for this side to close, as the plan has it
	asked                  // the client has asked this side to close, although the plan leaves that to it
	broken                 // Talk.Phase and Talk.Why say how
)

// conversation carries a connection up to where it is taken down.
type conversation func(t *exchange.Talk, pause func(time.Duration)) farewell

func newSpeaker(plan Plan) (*netEngine, error) {
	talks := map[string]func(*Plan) conversation{HTTP: webTalk, Echo: echoTalk, Discard: discardTalk}
	plan.Workers, plan.CPUs, plan.Meter = 1, nil, 0
	if plan.Timeout == 0 || plan.Engine == HTTP {
		plan.Timeout = plan.Length // a connection that is kept alive may be as old as the run
	}
	if len(plan.Steps) == 0 {
		if plan.Steps = afterTheirs; plan.LeavesTimeWait {
			plan.Steps = atOnce
		}
	}
	speaks := talks[plan.Engine](&plan)
	plan.Request, plan.Response = 0, 0 // nothing of ours is said or heard
	e, err := newNetEngine(plan)
	if err != nil {
		return nil, err
	}
	e.speaks = speaks
	for i := range e.scripts {
		e.scripts[i].Silent = true
	}
	return e, nil
}

// When the client was first its FIN is met again by the steps; where it asks this side to close, there is nothing to wait for.
var (
	afterTheirs = []teardown.Step{{Op: teardown.ReadEOF}, {Op: teardown.Close}}
	atOnce      = []teardown.Step{{Op: teardown.Close}}
)

// converse speaks, and gives the connection the steps that fit its end. False: it broke.
func (e *netEngine) converse(ctx context.Context, t *exchange.Talk) (exchange.Result, bool) {
	stop := context.AfterFunc(ctx, func() { _ = t.Conn.Close() })
	defer stop()
	_ = t.Conn.SetDeadline(t.Until) // what it fails for, the next call fails for too
	script := *t.Script
	t.Script = &script
	switch e.speaks(t, e.pause) {
	case broken:
		if ctx.Err() != nil {
			return exchange.Interrupted, false
		}
		return exchange.Broken, false
	case theirs:
		if e.plan.closesFirst() {
			script.Steps = afterTheirs
		}
	case asked:
		e.asked.Add(1)
		script.Steps = atOnce
	case ours:
	}
	return 0, true
}

// closesFirst tells whether the plan has this side end a connection before the client does.
func (p *Plan) closesFirst() bool {
	for _, s := range p.Steps {
		switch s.Op {
		case teardown.Linger, teardown.Linger2:
			continue
		case teardown.Close, teardown.Shutdown, teardown.Say, teardown.Stay, teardown.Idle:
			return true
		}
		return false
	}
	return false
}

// hold keeps what is written back until the connection is closed, so that it goes out with the FIN (TCP_CORK, tcp_send_fin): a
// client that has all bytes before that would close first itself, now and then.
func hold(c *net.TCPConn) {
	if raw, err := c.SyscallConn(); err == nil {
		_ = withDescriptor(raw, func(fd int) error { return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_CORK, 1) })
	}
}

// wire counts what goes through a connection, and bounds how much is read of it for one thing.
type wire struct {
	*exchange.Talk
	left int64 // bytes that may be read
}

func (w *wire) Read(b []byte) (int, error) {
	if w.left <= 0 {
		return 0, errTooLong
	}
	n, err := w.Conn.Read(b[:min(int64(len(b)), w.left)])
	w.Talk.Read += int64(n)
	w.left -= int64(n)
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.Written += int64(n)
	return n, err
}

var errTooLong = fmt.Errorf("more than is taken for one request")

// broke notes why a conversation cannot go on.
func broke(t *exchange.Talk, p tally.Phase, err error) farewell {
	why, _ := exchange.EndOf(err)
	if exchange.IsReset(why) {
		t.Resets++
	}
	t.Phase, t.Why = p, why
	return broken
}
