package scenario

import (
	"math"
	"math/bits"
	"time"
)

// Schedule is when an open loop means to start each connection: a pure function of the connection's number, so that a
// late start moves no other. It holds the rate as a fraction of integers: no error adds up however long the load lasts.
//
// The zero value has no pace, like rate max: every connection is due at once.
type Schedule struct {
	// step/per is the time between two starts in nanoseconds, in lowest terms.
	step, per uint64
	// Its n-th connection is number first + n x (1+skip) of the load that the rate is of.
	first, skip int64
}

// most keeps a denominator, taken in nanoseconds, within 64 bits.
const most = math.MaxUint64 / uint64(time.Second)

// NewSchedule gives the schedule of a rate in connections per second. Max, or a rate that was not said, has no pace.
func NewSchedule(r Rate) Schedule {
	if !(r > 0) {
		return Schedule{}
	}
	n, d := fraction(float64(r))
	step := d * uint64(time.Second)
	g := gcd(step, n)
	return Schedule{step: step / g, per: n / g}
}

// Of gives the schedule of every stride-th connection from number first on: each starts when it does in the whole load.
func (s Schedule) Of(first, stride int64) Schedule {
	s.first, s.skip = max(0, first), max(1, stride)-1
	return s
}

// number is the n-th connection's in the whole load; it stops at what a number can hold.
func (s Schedule) number(n int64) uint64 {
	hi, lo := bits.Mul64(uint64(n), uint64(s.skip)+1)
	if sum := lo + uint64(s.first); hi == 0 && sum >= lo && sum <= math.MaxInt64 {
		return sum
	}
	return math.MaxInt64
}

// At is the intended start of the n-th connection, counted from 0, since the load began: n/rate rounded down to a
// nanosecond. It stops growing at the longest time that a Duration can hold.
func (s Schedule) At(n int64) time.Duration {
	if s.per == 0 || n < 0 {
		return 0
	}
	hi, lo := bits.Mul64(s.number(n), s.step)
	if hi >= s.per {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, s.per)
	return time.Duration(min(q, math.MaxInt64))
}

// Due is how many connections are to have started once elapsed has passed: those with At(n) <= elapsed.
func (s Schedule) Due(elapsed time.Duration) int64 {
	if elapsed < 0 {
		return 0
	}
	if s.per == 0 {
		return math.MaxInt64
	}
	// floor(n*step/per) <= elapsed means n < (elapsed+1)*per/step, and that quotient rounded up is how many such n there
	// are.
	hi, lo := bits.Mul64(uint64(elapsed)+1, s.per)
	if hi >= s.step {
		return math.MaxInt64
	}
	q, rest := bits.Div64(hi, lo, s.step)
	if rest > 0 && q < math.MaxInt64 {
		q++
	}
	whole := int64(min(q, math.MaxInt64))
	if whole <= s.first || whole == math.MaxInt64 || s.skip == 0 {
		return max(0, whole-s.first)
	}
	return (whole-s.first-1)/(s.skip+1) + 1
}

// fraction finds the n/d that was meant by the number r: 333.333 as 333333/1000 and 100 a minute as 5/3, though neither
// is a binary fraction. It is the first convergent of r's continued fraction that rounds to r, which finds every
// rate below 1000/s with up to six decimals; a number with more digits is met to the last of those that fit.
func fraction(r float64) (n, d uint64) {
	top, bottom := binary(r)
	n, d = 1, 0
	for n0, d0 := uint64(0), uint64(1); bottom > 0; {
		whole := top / bottom
		if whole > fits(n, n0, math.MaxUint64) || whole > fits(d, d0, most) {
			break
		}
		n0, d0, n, d = n, d, whole*n+n0, whole*d+d0
		if float64(n)/float64(d) == r {
			break
		}
		top, bottom = bottom, top%bottom
	}
	if n == 0 || d == 0 { // nothing that fits: slower than one in centuries
		return 1, most
	}
	return n, d
}

// fits is the largest k for which k*a+b does not pass the limit.
func fits(a, b, limit uint64) uint64 {
	if a == 0 {
		return math.MaxUint64
	}
	return (limit - b) / a
}

// binary writes r as the fraction of integers that it is.
func binary(r float64) (top, bottom uint64) {
	frac, exp := math.Frexp(r)
	top, exp = uint64(frac*(1<<53)), exp-53
	switch {
	case exp > 11: // faster than a number of 64 bits; everything is due at once
		return math.MaxUint64, 1
	case exp >= 0:
		return top << exp, 1
	case exp < -63:
		return top >> min(-63-exp, 63), 1 << 63
	}
	return top, 1 << -exp
}

func gcd(a, b uint64) uint64 {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}
