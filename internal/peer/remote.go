//go:build linux

package peer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"twomsl/internal/foreign"
	"twomsl/internal/lab"
	"twomsl/internal/record"
)

// Remote is the conductor's end of a peer's control connection. One request is under way at a time; it is not safe for
// use by several goroutines.
//
// net/http's client is not used: its pool gives a connection up when the machine is too busy to hand it back in time, and
// this one cannot be opened again.
type Remote struct {
	side   string
	conn   net.Conn
	in     *bufio.Reader
	header http.Header // sent with every request
	lost   error       // why the connection is of no more use
}

// ErrLost is in the error of every request whose connection broke. It is the only one: the peer is gone, or is going.
var ErrLost = errors.New("the control connection is lost")

// CannotError says what this machine cannot do, and the remedy.
type CannotError struct{ Text string }

func (e *CannotError) Error() string { return e.Text }

// NewRemote speaks to the peer at the other end of conn. side names it in errors.
func NewRemote(side string, conn net.Conn) *Remote {
	return NewRemoteWith(side, conn, http.Header{})
}

// NewRemoteWith sends a header with every request, for a peer that wants to know who asks.
func NewRemoteWith(side string, conn net.Conn, header http.Header) *Remote {
	return &Remote{side: side, conn: conn, in: bufio.NewReader(conn), header: header}
}

// mostAnswer bounds an answer's size: a peer is not trusted with the conductor's memory.
const mostAnswer = 64 << 20

func (r *Remote) call(ctx context.Context, name string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", r.side, name, err)
	}
	status, answer, err := r.exchange(ctx, name, body)
	if err != nil {
		return fmt.Errorf("%s does not answer (%s): %w", r.side, name, err)
	}
	if !strings.HasPrefix(status, "200 ") {
		var e Error
		if json.Unmarshal(answer, &e) != nil || e.Error == "" {
			e.Error = status
		}
		if e.Cannot {
			return fmt.Errorf("%s: %w", r.side, &CannotError{e.Error})
		}
		return fmt.Errorf("%s: %s", r.side, e.Error)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: answer to %s: %w", r.side, name, err)
	}
	return nil
}

// exchange sends one request and reads its answer. An answer that was not read to its end leaves the connection useless.
func (r *Remote) exchange(ctx context.Context, name string, body []byte) (status string, answer []byte, err error) {
	if r.lost != nil {
		return "", nil, r.lost
	}
	if err := ctx.Err(); err != nil {
		return "", nil, err
	}
	defer func() {
		if err == nil {
			return
		}
		if r.lost = fmt.Errorf("%w: %w", ErrLost, err); ctx.Err() == nil {
			err = r.lost
		} else {
			err = ctx.Err() // it was given up
		}
	}()
	stop := context.AfterFunc(ctx, func() { r.conn.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // then it is closed
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://peer/v1/"+name, bytes.NewReader(body))
	if err != nil {
		return "", nil, err
	}
	req.Header = r.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	if err := req.Write(r.conn); err != nil {
		return "", nil, err
	}
	resp, err := http.ReadResponse(r.in, req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	if err == nil && len(answer) > mostAnswer {
		err = fmt.Errorf("an answer of more than %d bytes", mostAnswer)
	}
	return resp.Status, answer, err
}

// ask is call with an answer.
func ask[Out any](ctx context.Context, r *Remote, name string, in any) (Out, error) {
	var out Out
	err := r.call(ctx, name, in, &out)
	return out, err
}

// Ask makes a request that this package does not know: a host in between may have some of its own.
func Ask[Out any](ctx context.Context, r *Remote, name string, in any) (Out, error) {
	return ask[Out](ctx, r, name, in)
}

// none is the answer of a request that has nothing to tell.
type none struct{}

// Hello asks who is there and refuses another version.
func (r *Remote) Hello(ctx context.Context) (h Hello, err error) {
	if err = r.call(ctx, "hello", none{}, &h); err == nil && h.Version != Version {
		err = fmt.Errorf("%s speaks version %d of the control protocol, this program %d: use the same program on both sides",
			r.side, h.Version, Version)
	}
	return h, err
}

// Network sets the link up.
func (r *Remote) Network(ctx context.Context, n Network) error {
	return r.call(ctx, "network", n, &none{})
}

// Linked waits until the link carries packets; both sides must have been asked for Network.
func (r *Remote) Linked(ctx context.Context) error { return r.call(ctx, "linked", none{}, &none{}) }

// Sysctls writes settings and tells what came of each.
func (r *Remote) Sysctls(ctx context.Context, s Settings) (record.Sysctls, error) {
	return ask[record.Sysctls](ctx, r, "sysctls", s)
}

// Prepare gets the side ready.
func (r *Remote) Prepare(ctx context.Context, p Prepare) (Ready, error) {
	return ask[Ready](ctx, r, "prepare", p)
}

// Learn tells what a connection to a server of somebody else's says and hears.
func (r *Remote) Learn(ctx context.Context, l Learn) (foreign.Exchange, error) {
	return ask[foreign.Exchange](ctx, r, "learn", l)
}

// Start lets the load go.
func (r *Remote) Start(ctx context.Context, s Start) error { return r.call(ctx, "start", s, &none{}) }

// Progress tells how far the side has come.
func (r *Remote) Progress(ctx context.Context, after int) (Progress, error) {
	return r.ProgressSince(ctx, Since{After: after})
}

// ProgressSince does the same with a relay's onward samples.
func (r *Remote) ProgressSince(ctx context.Context, s Since) (Progress, error) {
	return ask[Progress](ctx, r, "progress", s)
}

// Limit raises how many connections may start.
func (r *Remote) Limit(ctx context.Context, n int64) error {
	return r.call(ctx, "limit", Limit{N: n}, &none{})
}

// GroupLimit raises how many connections of a group may start.
func (r *Remote) GroupLimit(ctx context.Context, group int, n int64) error {
	return r.call(ctx, "limit", Limit{N: n, Group: &group}, &none{})
}

// Gate raises how many connections of a group may pass their gate.
func (r *Remote) Gate(ctx context.Context, group int, n int64) error {
	return r.call(ctx, "gate", Gate{N: n, Group: group}, &none{})
}

// Holds sets the packet holds that stand from now on.
func (r *Remote) Holds(ctx context.Context, h []lab.Hold) error {
	return r.call(ctx, "holds", Holds{Holds: h}, &none{})
}

// Track has the side's namespace track connections.
func (r *Remote) Track(ctx context.Context) error { return r.call(ctx, "track", none{}, &none{}) }

// Stop ends the starting of connections.
func (r *Remote) Stop(ctx context.Context, reason string) error {
	return r.call(ctx, "stop", Stop{Reason: reason}, &none{})
}

// Vanish ends the client's host; the load must be over.
func (r *Remote) Vanish(ctx context.Context, v Vanish) error {
	return r.call(ctx, "vanish", v, &none{})
}

// Standing counts the side's TIME_WAIT exactly.
func (r *Remote) Standing(ctx context.Context, c Count) (Standing, error) {
	return ask[Standing](ctx, r, "standing", c)
}

// Split takes a full count by state now, into the samples.
func (r *Remote) Split(ctx context.Context) error { return r.call(ctx, "split", none{}, &none{}) }

// Finish ends the load and tells the result.
func (r *Remote) Finish(ctx context.Context, f Finish) (Result, error) {
	return ask[Result](ctx, r, "finish", f)
}
