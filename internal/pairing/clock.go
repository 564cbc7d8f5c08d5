//go:build linux

package pairing

import (
	"context"
	"fmt"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// Alignment is how one host's CLOCK_MONOTONIC stands to another's, found by round trips as in NTP (RFC 5905, section 8): the
// answer was made somewhere between request and answer, so half the round trip is the most that the middle can be wrong by.
type Alignment struct {
	Offset      time.Duration // to be added to the conductor's clock to have the server's
	Uncertainty time.Duration
	RoundTrip   time.Duration // the shortest
	RoundTrips  int
	WallApart   time.Duration // by how much the server's wall clock is ahead
}

// asks is how often the clock is asked. The shortest round trip says the most.
const asks = 16

// now is this host's moment.
func now() Moment { return Moment{Monotonic: linux.Nano(), Wall: time.Now()} }

// align asks for the other host's clock.
func align(ask func() (Moment, error)) (Alignment, error) {
	var best Alignment
	for i := range asks {
		before, wall := linux.Nano(), time.Now()
		theirs, err := ask()
		if err != nil {
			return best, fmt.Errorf("the server's clock: %w", err)
		}
		took := time.Duration(linux.Nano() - before)
		if i == 0 || took < best.RoundTrip {
			best = Alignment{
				Offset: time.Duration(theirs.Monotonic-before) - took/2, Uncertainty: (took + 1) / 2, RoundTrip: took,
				WallApart: theirs.Wall.Sub(wall) - took/2,
			}
		}
	}
	best.RoundTrips = asks
	return best, nil
}

// Align asks the server's host for its clock.
func (l *Link) Align(ctx context.Context) (Alignment, error) {
	return align(func() (Moment, error) { return ask[Moment](ctx, l, "clock", struct{}{}) })
}

// Record is the alignment at the start of a run as a record has it, and by how much it had moved at the end.
func (a Alignment) Record(end *Alignment) record.Clock {
	c := record.Clock{
		UncertaintyUS: micro(a.Uncertainty), RoundTripUS: micro(a.RoundTrip), RoundTrips: a.RoundTrips,
		WallApartSeconds: a.WallApart.Seconds(),
	}
	if end != nil {
		drift := micro(end.Offset - a.Offset)
		c.DriftUS = &drift
		c.UncertaintyUS = max(c.UncertaintyUS, micro(end.Uncertainty))
	}
	return c
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
