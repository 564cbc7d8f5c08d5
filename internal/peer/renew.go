//go:build linux

package peer

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"twomsl/internal/linux"
)

// Ends are the two ends of a connection.
type Ends struct {
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
}

// Aging asks for the side's TIME_WAIT that have less time left, Most of them.
type Aging struct {
	IPv6   bool  `json:"ipv6"`
	LeftMS int64 `json:"left_ms"`
	Most   int   `json:"most"`
}

// Renew asks a side to have the other's TIME_WAIT begin anew, by a word from the end of each that is gone here: see
// linux.Probe.
type Renew struct {
	Ends []Ends `json:"ends"`
}

// Renewed answers Renew: how many could not be asked for, and what failed first.
type Renewed struct {
	Failed int    `json:"failed"`
	Call   string `json:"call"`
	Errno  string `json:"errno"` // "" where none failed
}

// MostRenewed bounds one request.
const MostRenewed = 1 << 14

// Aging tells which TIME_WAIT of the side have not much time left.
func (r *Remote) Aging(ctx context.Context, a Aging) ([]Ends, error) {
	return ask[[]Ends](ctx, r, "aging", a)
}

// Renew has TIME_WAIT of the other side begin anew.
func (r *Remote) Renew(ctx context.Context, w Renew) (Renewed, error) {
	return ask[Renewed](ctx, r, "renew", w)
}

func (a *agent) aging(_ context.Context, q Aging) (out []Ends, err error) {
	if err := a.ready(true); err != nil {
		return nil, err
	}
	if q.Most < 1 || q.Most > MostRenewed {
		return nil, fmt.Errorf("aging: %d at once is not possible, allowed are 1 to %d", q.Most, MostRenewed)
	}
	diag, err := linux.OpenDiag()
	if err != nil {
		return nil, err
	}
	defer diag.Close() //nolint:errcheck // only read from
	out = []Ends{}
	err = diag.Dump(linux.DiagQuery{IPv6: q.IPv6, States: 1 << linux.DiagTimeWait}, func(row *linux.DiagRow) {
		if int64(row.ExpiresMS) < q.LeftMS && len(out) < q.Most {
			out = append(out, Ends{
				Local:  netip.AddrPortFrom(row.SourceAddr(), row.SourcePort),
				Remote: netip.AddrPortFrom(row.DestAddr(), row.DestPort),
			})
		}
	})
	return out, err
}

func (a *agent) renew(ctx context.Context, r Renew) (out Renewed, err error) {
	if err := a.ready(true); err != nil {
		return out, err
	}
	if len(r.Ends) > MostRenewed {
		return out, fmt.Errorf("renew: %d at once is not possible, allowed are up to %d", len(r.Ends), MostRenewed)
	}
	for i, end := range r.Ends {
		if !end.Local.IsValid() || !end.Remote.IsValid() {
			return out, fmt.Errorf("renew: end %d has no address", i)
		}
		if i%renewBatch == renewBatch-1 { // the other side's queue of packets has an end, too
			select {
			case <-ctx.Done():
				return out, ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
		local, remote := linux.NewSockaddr(end.Local), linux.NewSockaddr(end.Remote)
		call, e := linux.Probe(&local, &remote, end.Remote.Addr().Is6())
		if e == 0 {
			continue
		}
		if out.Failed++; out.Failed == 1 {
			out.Call, out.Errno = call, linux.ErrnoName(e)
		}
	}
	return out, nil
}

// renewBatch is how many go out in one breath.
const renewBatch = 64
