//go:build linux

package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"twomsl/internal/record"
)

// Remote is the conductor's end of a peer's control connection. One request is under way at a time; it is not safe for
// use by several goroutines.
type Remote struct {
	side string
	http http.Client
}

// ErrLost is in the error of every request whose connection broke. It is the only one: the peer is gone, or is going.
var ErrLost = errors.New("the control connection is lost")

// NewRemote speaks to the peer at the other end of conn. side names it in errors.
func NewRemote(side string, conn net.Conn) *Remote {
	unused := make(chan net.Conn, 1)
	unused <- conn
	dial := func(context.Context, string, string) (net.Conn, error) {
		select {
		case c := <-unused:
			return c, nil
		default:
			return nil, ErrLost
		}
	}
	return &Remote{side: side, http: http.Client{Transport: &http.Transport{
		DialContext: dial, MaxIdleConnsPerHost: 1, MaxConnsPerHost: 1, DisableCompression: true,
	}}}
}

// mostAnswer bounds an answer's size: a peer is not trusted with the conductor's memory.
const mostAnswer = 64 << 20

func (r *Remote) call(ctx context.Context, name string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", r.side, name, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://peer/v1/"+name, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %s: %w", r.side, name, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s does not answer (%s): %w", r.side, name, lost(ctx, err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return fmt.Errorf("%s: answer to %s: %w", r.side, name, lost(ctx, err))
	}
	if resp.StatusCode != http.StatusOK {
		var e Error
		if json.Unmarshal(answer, &e) != nil || e.Error == "" {
			e.Error = resp.Status
		}
		return fmt.Errorf("%s: %s", r.side, e.Error)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: answer to %s: %w", r.side, name, err)
	}
	return nil
}

// lost tells a broken connection from a request that was given up.
func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, ErrLost) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// ask is call with an answer.
func ask[Out any](ctx context.Context, r *Remote, name string, in any) (Out, error) {
	var out Out
	err := r.call(ctx, name, in, &out)
	return out, err
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

// Start lets the load go.
func (r *Remote) Start(ctx context.Context, s Start) error { return r.call(ctx, "start", s, &none{}) }

// Progress tells how far the side has come.
func (r *Remote) Progress(ctx context.Context, after int) (Progress, error) {
	return ask[Progress](ctx, r, "progress", Since{After: after})
}

// Limit raises how many connections may start.
func (r *Remote) Limit(ctx context.Context, n int64) error {
	return r.call(ctx, "limit", Limit{N: n}, &none{})
}

// Stop ends the starting of connections.
func (r *Remote) Stop(ctx context.Context, reason string) error {
	return r.call(ctx, "stop", Stop{Reason: reason}, &none{})
}

// Standing counts the side's TIME_WAIT exactly.
func (r *Remote) Standing(ctx context.Context) (Standing, error) {
	return ask[Standing](ctx, r, "standing", none{})
}

// Split takes a full count by state now, into the samples.
func (r *Remote) Split(ctx context.Context) error { return r.call(ctx, "split", none{}, &none{}) }

// Finish ends the load and tells the result.
func (r *Remote) Finish(ctx context.Context, f Finish) (Result, error) {
	return ask[Result](ctx, r, "finish", f)
}
