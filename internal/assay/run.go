//go:build linux

package assay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// Run makes an assay in a lab of its own, for which p starts Serve as either peer: one makes the experiment, the other
// waits. The lab's processes and namespaces are gone when it returns. The error is what kept it from starting, or ctx's.
func Run(ctx context.Context, p lab.Program, t record.Try) (Result, error) {
	if err := Check(t); err != nil {
		return Result{}, err
	}
	l, err := lab.Start(scenario.Loopback, p)
	if err != nil {
		return Result{}, err
	}
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { _ = l.Client.Control.SetDeadline(time.Now()) })
	defer stop()
	if err := json.NewEncoder(l.Client.Control).Encode(t); err != nil {
		return Result{}, gone(ctx, l, err)
	}
	var out Result
	if err := json.NewDecoder(io.LimitReader(l.Client.Control, mostResult)).Decode(&out); err != nil {
		return Result{}, gone(ctx, l, err)
	}
	return out, nil
}

// mostResult bounds what an assay may tell: it is not trusted with the conductor's memory.
const mostResult = 1 << 20

func gone(ctx context.Context, l *lab.Lab, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w; its last words: %q", errPeerGone, err, l.Client.LastWords())
}

// Serve is what an assay's process does: the experiment that the other end of conn asks for. It returns when that end is
// gone; where nothing is asked for, as of a lab's second peer, it waits for that alone.
func Serve(conn net.Conn) error {
	defer conn.Close()
	in := json.NewDecoder(conn)
	var t record.Try
	switch err := in.Decode(&t); {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return nil
	case err != nil:
		return fmt.Errorf("the order cannot be read: %w", err)
	}
	if _, _, err := linux.NoFile(); err != nil {
		return err
	}
	if err := json.NewEncoder(conn).Encode(carryOut(t)); err != nil {
		return fmt.Errorf("nobody takes the result: %w", err)
	}
	_, _ = io.Copy(io.Discard, conn) // until the conductor is gone
	return nil
}
