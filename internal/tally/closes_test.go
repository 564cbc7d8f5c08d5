//go:build linux

package tally

import (
	"math/rand/v2"
	"testing"
	"time"
)

// draw makes closes at random times up to twice the length that there is room for, and some on the edges of steps.
func draw(r *rand.Rand, length time.Duration) (times []time.Duration) {
	for range r.IntN(50) {
		at := time.Duration(r.Int64N(int64(2*length + time.Second)))
		if r.IntN(4) == 0 {
			at = at.Truncate(closesStep)
		}
		times = append(times, at)
	}
	return times
}

func before(times []time.Duration, at time.Duration) (n int64) {
	for _, c := range times {
		if c <= at {
			n++
		}
	}
	return n
}

// What happened by any time lies between the bounds, for closes after the planned length, too.
func TestUntilBoundsTheTruth(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		length := time.Duration(r.Int64N(int64(3 * time.Second)))
		mine, other := NewCloses(length), NewCloses(length)
		a, b := draw(r, length), draw(r, length)
		for _, at := range a {
			mine.Add(int64(at))
		}
		for _, at := range b {
			other.Add(int64(at))
		}
		mine.Merge(&other)
		all := append(a, b...)
		if mine.Total() != int64(len(all)) {
			t.Fatalf("seed %d: %d in all, expected %d", seed, mine.Total(), len(all))
		}
		for _, at := range append(draw(r, length), all...) {
			surely, maybe := mine.Until(at)
			if truth := before(all, at); surely > truth || truth > maybe {
				t.Fatalf("seed %d, length %v: by %v %d to %d are told, %d happened", seed, length, at, surely, maybe, truth)
			}
		}
	}
}

// The bounds are no wider than the step that the time falls into, as long as there is room.
func TestUntilIsTightWithinTheLength(t *testing.T) {
	c := NewCloses(time.Second)
	for at := time.Duration(0); at <= time.Second; at += 10 * time.Millisecond {
		c.Add(int64(at))
	}
	for at := closesStep; at <= time.Second; at += closesStep {
		surely, maybe := c.Until(at)
		least := int64(at / (10 * time.Millisecond))
		if most := min(least+10, 101); surely != least || maybe != most {
			t.Errorf("by %v: %d to %d, expected %d to %d", at, surely, maybe, least, most)
		}
	}
	if surely, maybe := c.Until(time.Hour); maybe != 101 || surely != 101 {
		t.Errorf("in the end %d to %d of 101", surely, maybe)
	}
	if surely, maybe := c.Until(-1); surely != 0 || maybe != 0 {
		t.Errorf("before the start %d to %d", surely, maybe)
	}
}
