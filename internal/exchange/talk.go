//go:build linux

package exchange

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// Talk is one connection's way through its script by package net's blocking calls, in a goroutine of its own: what
// Worker does for many connections without waiting, and to the same account.
type Talk struct {
	Script *Script
	Conn   *net.TCPConn
	Number int64     // for the gate
	Until  time.Time // when the connection is given up
	Gate   *Barrier  // nil lets everything pass
	// First, where it is set, is called before this side sends the first FIN of the connection.
	First func(at int64)

	Written, Read int64 // bytes that Write took and Read gave
	EOFs, Resets  int64 // what the application saw at the end of the stream
	// ClosedAt is when this side sent the first FIN of the connection (CLOCK_MONOTONIC, ns); 0 where the peer was first.
	ClosedAt int64
	// Asides were seen in the close and are no failures of the connection.
	Asides []tally.End
	// Phase and Why say how it broke.
	Phase tally.Phase
	Why   tally.End

	buf  []byte
	gone bool // the peer ended it first, by FIN or by RST
}

// Interrupted is a Talk whose connection was closed, or whose context was canceled, by somebody else: it is unfinished.
const Interrupted = ClosedBadly + 1

// The bounds of a Talk's buffer: there are as many as connections.
const (
	leastBuffer = 512
	openBuffer  = 4 << 10 // for an answer of unknown length
	mostBuffer  = 64 << 10
)

// Run carries the connection through its script. When the context is canceled the connection is closed. After Broken
// and Interrupted it is the caller's to close, after Kept to keep.
func (t *Talk) Run(ctx context.Context) Result {
	stop := context.AfterFunc(ctx, func() { _ = t.Conn.Close() })
	defer stop()
	_ = t.Conn.SetDeadline(t.Until) // what it fails for, the next call fails for too
	t.buf = make([]byte, t.room())
	if r := t.rounds(ctx); r != done {
		return r
	}
	for _, step := range t.Script.Steps {
		if r := t.step(ctx, step); r != done {
			return r
		}
	}
	return t.keep() // a script without an end: the caller decides
}

// room is how many bytes are read at once.
func (t *Talk) room() int {
	if t.Script.Answer.open() {
		return openBuffer
	}
	return min(max(len(t.Script.hear())+1, leastBuffer), mostBuffer)
}

// rounds says and hears what the script has.
func (t *Talk) rounds(ctx context.Context) Result {
	s := t.Script
	if s.Silent {
		return done
	}
	halves := [2]func() Result{t.say, t.hear}
	if !s.Opens {
		halves = [2]func() Result{t.hear, func() Result { return t.answer(ctx) }}
	}
	for range s.Rounds {
		for _, half := range halves {
			if r := half(); r != done {
				return r
			}
		}
	}
	return done
}

// answer is say after some thought, which ends with the connection's time at the latest: the write then tells.
func (t *Talk) answer(ctx context.Context) Result {
	if t.Script.Think > 0 {
		timer := time.NewTimer(min(t.Script.Think, time.Until(t.Until)))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return Interrupted
		}
	}
	return t.say()
}

func (t *Talk) say() Result { return t.write(tally.Write, t.Script.say()) }

func (t *Talk) write(p tally.Phase, b []byte) Result {
	if len(b) == 0 { // package net would make the system call all the same
		return done
	}
	n, err := t.Conn.Write(b)
	t.Written += int64(n)
	if err != nil {
		return t.broke(p, err)
	}
	return done
}

// hear takes one round's bytes and checks them.
func (t *Talk) hear() Result {
	if t.Script.Answer.open() {
		return t.hearOn()
	}
	want := t.Script.hear()
	for got := 0; got < len(want); {
		n, err := t.Conn.Read(t.buf[:min(len(t.buf), len(want)-got+t.Script.more())])
		t.Read += int64(n)
		switch {
		case err != nil:
			return t.cut(err)
		case !t.Script.expects(got, t.buf[:n]):
			t.Phase, t.Why = tally.Read, tally.WrongBytes
			return Broken
		}
		got += n
	}
	return done
}

// hearEnd judges what ended an answer of unknown length. The server's FIN is seen once more by the steps.
func (t *Talk) hearEnd(p *place, err error) Result {
	if errors.Is(err, io.EOF) && t.Script.Answer.ends(p) {
		return done
	}
	return t.cut(err)
}

// cut takes note of an answer that was not heard out.
func (t *Talk) cut(err error) Result {
	if errors.Is(err, io.EOF) {
		t.EOFs++
	}
	return t.broke(tally.Read, err)
}

// broke takes note of a failure.
func (t *Talk) broke(p tally.Phase, err error) Result {
	why, interrupted := EndOf(err)
	if interrupted {
		return Interrupted
	}
	t.Phase, t.Why = p, why
	if IsReset(why) {
		t.Resets++
	}
	return Broken
}

// IsReset tells the errnos by which an application sees a reset.
func IsReset(e tally.End) bool {
	return e == tally.Errno(linux.ECONNRESET) || e == tally.Errno(linux.EPIPE)
}

// EndOf sorts an error of package net by the kernel's errno in it, and by the package's own few. interrupted tells of a
// connection, or a context, that somebody else has ended. What is none of these counts as the last errno, so as other.
func EndOf(err error) (end tally.End, interrupted bool) {
	var e linux.Errno
	var timeout net.Error
	switch {
	case errors.As(err, &e):
		return tally.Errno(e), false
	case errors.Is(err, net.ErrClosed), errors.Is(err, context.Canceled):
		return 0, true
	case errors.Is(err, io.EOF):
		return tally.ShortRead, false
	case errors.As(err, &timeout) && timeout.Timeout():
		return tally.GaveUp, false
	}
	return tally.Errno(linux.MaxErrno), false
}

// step carries out one operation of the teardown.
func (t *Talk) step(ctx context.Context, step teardown.Step) Result {
	switch step.Op {
	case teardown.Linger:
		return t.option(t.Conn.SetLinger(step.Seconds))
	case teardown.Linger2:
		return t.linger2(step.Seconds)
	case teardown.Shutdown:
		return t.shutdown()
	case teardown.Say:
		return t.write(tally.Close, trailing[:min(step.Bytes, MostTrailing)])
	case teardown.AwaitData:
		return t.awaitData()
	case teardown.ReadEOF:
		return t.readEOF(step)
	case teardown.Gate:
		return t.gate(ctx)
	case teardown.Stay, teardown.Idle:
		return t.keep()
	case teardown.Close:
		return t.close()
	}
	return done
}

func (t *Talk) option(err error) Result {
	if err != nil {
		return t.broke(tally.Option, err)
	}
	return done
}

// linger2 goes by the descriptor: package net has no call for it.
func (t *Talk) linger2(seconds int) Result {
	raw, err := t.Conn.SyscallConn()
	if err != nil {
		return t.option(err)
	}
	var e linux.Errno
	if err := raw.Control(func(fd uintptr) { e = linux.SetLinger2(int(fd), seconds) }); err != nil {
		return t.option(err)
	}
	if e != 0 {
		return t.option(e)
	}
	return done
}

// first notes when this side ends the connection before the peer did.
func (t *Talk) first() {
	if t.gone || t.ClosedAt != 0 {
		return
	}
	t.ClosedAt = linux.Nano()
	if t.First != nil {
		t.First(t.ClosedAt)
	}
}

// shutdown sends the FIN. ENOTCONN is a peer that has reset the connection by now, so that none goes out: what follows
// will see it.
func (t *Talk) shutdown() Result {
	t.first()
	err := t.Conn.CloseWrite()
	switch {
	case err == nil:
		return done
	case errors.Is(err, linux.ENOTCONN):
		t.ClosedAt, t.gone = 0, true
		return done
	}
	return t.broke(tally.Close, err)
}

// awaitData waits until there is something to read; the peer's end is something too.
func (t *Talk) awaitData() Result {
	raw, err := t.Conn.SyscallConn()
	if err != nil {
		return t.broke(tally.Close, err)
	}
	var n int
	var e linux.Errno
	err = raw.Read(func(fd uintptr) bool {
		n, e = linux.Peek(int(fd), t.buf[:1])
		return e != linux.EAGAIN
	})
	switch {
	case err != nil:
		return t.broke(tally.Close, err)
	case e != 0:
		t.reset(tally.Errno(e))
	case n == 0:
		t.gone = true
	}
	return done
}

// readEOF waits for the peer's FIN, by a deadline of its own where the step has one. A reset here comes after the
// exchange: the connection was good, the reset is counted as seen in the close.
func (t *Talk) readEOF(step teardown.Step) Result {
	limit := time.Now().Add(step.Within.Std())
	own := step.Within > 0 && limit.Before(t.Until)
	if own {
		_ = t.Conn.SetReadDeadline(limit)
		defer func() { _ = t.Conn.SetReadDeadline(t.Until) }()
	}
	n, err := t.Conn.Read(t.buf)
	t.Read += int64(n)
	switch {
	case err == nil:
		t.Phase, t.Why = tally.Close, tally.WrongBytes
		return Broken
	case errors.Is(err, io.EOF):
		t.gone = true
		t.EOFs++
		return done
	}
	end, interrupted := EndOf(err)
	switch {
	case interrupted:
		return Interrupted
	case end == tally.GaveUp && own:
		t.Asides = append(t.Asides, end)
	case end == tally.GaveUp:
		return t.broke(tally.Close, err)
	default:
		t.reset(end)
	}
	return done
}

// reset counts an error at the end of the stream, which is no failure of the connection.
func (t *Talk) reset(e tally.End) {
	t.Asides = append(t.Asides, e)
	if IsReset(e) {
		t.Resets++
	}
	t.gone = true
}

func (t *Talk) gate(ctx context.Context) Result {
	if t.Gate == nil {
		return done
	}
	ctx, cancel := context.WithDeadline(ctx, t.Until)
	defer cancel()
	if err := t.Gate.Wait(ctx, t.Number); err != nil {
		return t.broke(tally.Close, err)
	}
	return done
}

// keep leaves the connection open, without a deadline.
func (t *Talk) keep() Result {
	_ = t.Conn.SetDeadline(time.Time{})
	return Kept
}

// close ends a connection that did all it was meant to.
func (t *Talk) close() Result {
	t.first()
	err := t.Conn.Close()
	if err == nil {
		return Closed
	}
	why, interrupted := EndOf(err)
	if interrupted {
		return Interrupted
	}
	t.Phase, t.Why = tally.Close, why
	return ClosedBadly
}
