//go:build linux

package peer

import (
	"context"

	"twomsl/internal/linux"
)

// Ring asks a side to try io_uring as its workers would use it. Bind asks for IORING_OP_BIND, too.
type Ring struct {
	Bind bool `json:"bind"`
}

// RingTried tells what refused it: the call and its errno; "" where it works.
type RingTried struct {
	Refused string `json:"refused"`
}

// Ring tries io_uring on the side.
func (r *Remote) Ring(ctx context.Context, what Ring) (RingTried, error) {
	return ask[RingTried](ctx, r, "ring", what)
}

func (a *agent) ring(_ context.Context, r Ring) (RingTried, error) {
	if err := linux.TryRing(r.Bind); err != nil {
		return RingTried{Refused: err.Error()}, nil
	}
	return RingTried{}, nil
}
