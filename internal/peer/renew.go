//go:build linux

package peer

import (
	"context"
	"fmt"
	"math/bits"
	"net/netip"
	"time"

	"twomsl/internal/linux"
)

// Ends are connections between two addresses. Ports has one number for each: the local port in its upper 16 bits, the
// other end's in its lower.
type Ends struct {
	Local  netip.Addr `json:"local"`
	Remote netip.Addr `json:"remote"`
	Ports  []uint32   `json:"ports"`
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

// MostAging and MostRenewed bound one request: a dump costs the same however many it finds, and a word to each of them
// takes a second for every 50,000 or so.
const (
	MostAging   = 1 << 18
	MostRenewed = 1 << 14
)

// Take moves up to n connections, seen from the other end, from the list's beginning to its answer.
func Take(from *[]Ends, n int) (out []Ends) {
	for n > 0 && len(*from) > 0 {
		e := &(*from)[0]
		k := min(n, len(e.Ports))
		seen := Ends{Local: e.Remote, Remote: e.Local, Ports: make([]uint32, k)}
		for i, ports := range e.Ports[:k] {
			seen.Ports[i] = bits.RotateLeft32(ports, 16)
		}
		out = append(out, seen)
		n -= k
		if e.Ports = e.Ports[k:]; len(e.Ports) == 0 {
			*from = (*from)[1:]
		}
	}
	return out
}

// Connections is how many a list has.
func Connections(ends []Ends) (n int) {
	for i := range ends {
		n += len(ends[i].Ports)
	}
	return n
}

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
	if q.Most < 1 || q.Most > MostAging {
		return nil, fmt.Errorf("aging: %d at once is not possible, allowed are 1 to %d", q.Most, MostAging)
	}
	diag, err := linux.OpenDiag()
	if err != nil {
		return nil, err
	}
	defer diag.Close() //nolint:errcheck // only read from
	out = []Ends{}
	at, n := map[[2]netip.Addr]int{}, 0
	err = diag.Dump(linux.DiagQuery{IPv6: q.IPv6, States: 1 << linux.DiagTimeWait}, func(row *linux.DiagRow) {
		if int64(row.ExpiresMS) >= q.LeftMS || n == q.Most {
			return
		}
		n++
		pair := [2]netip.Addr{row.SourceAddr(), row.DestAddr()}
		i, known := at[pair]
		if !known {
			i, at[pair] = len(out), len(out)
			out = append(out, Ends{Local: pair[0], Remote: pair[1]})
		}
		out[i].Ports = append(out[i].Ports, uint32(row.SourcePort)<<16|uint32(row.DestPort))
	})
	return out, err
}

func (a *agent) renew(ctx context.Context, r Renew) (out Renewed, err error) {
	if err := a.ready(true); err != nil {
		return out, err
	}
	if n := Connections(r.Ends); n > MostRenewed {
		return out, fmt.Errorf("renew: %d at once is not possible, allowed are up to %d", n, MostRenewed)
	}
	for i, ends := range r.Ends {
		if !ends.Local.IsValid() || !ends.Remote.IsValid() {
			return out, fmt.Errorf("renew: ends %d have no address", i)
		}
	}
	sent := 0
	for _, ends := range r.Ends {
		for _, ports := range ends.Ports {
			if sent++; sent%renewBatch == 0 { // the other side's queue of packets has an end, too
				select {
				case <-ctx.Done():
					return out, ctx.Err()
				case <-time.After(time.Millisecond):
				}
			}
			local := linux.NewSockaddr(netip.AddrPortFrom(ends.Local, uint16(ports>>16)))
			remote := linux.NewSockaddr(netip.AddrPortFrom(ends.Remote, uint16(ports)))
			call, e := linux.Probe(&local, &remote, ends.Remote.Is6())
			if e == 0 {
				continue
			}
			if out.Failed++; out.Failed == 1 {
				out.Call, out.Errno = call, linux.ErrnoName(e)
			}
		}
	}
	return out, nil
}

// renewBatch is how many go out in one breath.
const renewBatch = 256
