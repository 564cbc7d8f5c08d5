package scenario

import (
	"math"
	"math/big"
	"testing"
	"time"
)

func rate(t testing.TB, text string) Rate {
	t.Helper()
	var r Rate
	if err := r.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestScheduleAt(t *testing.T) {
	const billion = 1_000_000_000
	tests := []struct {
		rate string
		n    int64
		want time.Duration
	}{
		{"200/s", 0, 0},
		{"200/s", 1, 5 * time.Millisecond},
		{"200/s", 12_000, time.Minute},
		{"200/s", billion, 5_000_000 * time.Second},
		{"3/s", 1, 333_333_333},
		{"3/s", 2, 666_666_666},
		{"3/s", 3 * billion, billion * time.Second},
		{"90/m", 3, 2 * time.Second},
		{"100/m", 100, time.Minute},
		{"100/m", billion, 600_000_000 * time.Second},
		{"7/m", 7 * billion / 10, billion / 10 * time.Minute},
		{"333.333/s", 333_333, 1000 * time.Second},
		{"333.333/s", 333_333_000, 1_000_000 * time.Second},
		{"0.1/s", 1, 10 * time.Second},
		{"0.001/s", billion, math.MaxInt64}, // 31,000 years
		{"1000000/s", billion, 1000 * time.Second},
		{"max", 0, 0},
		{"max", billion, 0},
		{"200/s", -1, 0},
	}
	for _, tt := range tests {
		if got := NewSchedule(rate(t, tt.rate)).At(tt.n); got != tt.want {
			t.Errorf("%s: At(%d) = %d, want %d", tt.rate, tt.n, got, tt.want)
		}
	}
}

func TestScheduleDue(t *testing.T) {
	tests := []struct {
		rate    string
		elapsed time.Duration
		want    int64
	}{
		{"200/s", -1, 0},
		{"200/s", 0, 1},
		{"200/s", 5*time.Millisecond - 1, 1},
		{"200/s", 5 * time.Millisecond, 2},
		{"200/s", 10 * time.Second, 2001},
		{"90/m", time.Minute, 91},
		{"3/s", time.Second, 4},
		{"max", -1, 0},
		{"max", 0, math.MaxInt64},
		{"1000000/s", math.MaxInt64, 9_223_372_036_854_776},
	}
	for _, tt := range tests {
		if got := NewSchedule(rate(t, tt.rate)).Due(tt.elapsed); got != tt.want {
			t.Errorf("%s: Due(%s) = %d, want %d", tt.rate, tt.elapsed, got, tt.want)
		}
	}
}

// A schedule must know the number that was typed, not the binary fraction nearest to it.
func TestFraction(t *testing.T) {
	for text, want := range map[string][2]uint64{
		"333.333/s": {333333, 1000}, "90/m": {3, 2}, "100/m": {5, 3}, "7/m": {7, 60}, "1/s": {1, 1},
		"0.1/s": {1, 10}, "1000000/s": {1_000_000, 1}, "227.7/s": {2277, 10}, "14116.25/s": {56465, 4},
	} {
		if n, d := fraction(float64(rate(t, text))); n != want[0] || d != want[1] {
			t.Errorf("%s is %d/%d, want %d/%d", text, n, d, want[0], want[1])
		}
	}
}

// Far outside of what a load can be, a schedule is still the right one.
func TestScheduleOfExtremeRates(t *testing.T) {
	tests := []struct {
		rate Rate
		n    int64
		want time.Duration
	}{
		{1 << 62, 1 << 62, time.Second},
		{1 << 63, 1 << 62, time.Second / 2},
		{1e300, 1 << 62, time.Second / 4}, // as fast as 64 bits can tell
		{1.0 / 7200, 5, 10 * time.Hour},
		{1.0 / 86400, 365, 365 * 24 * time.Hour},
		{1e-300, 1, math.MaxInt64},
	}
	for _, tt := range tests {
		got := NewSchedule(tt.rate).At(tt.n)
		if off := got - tt.want; off < -time.Microsecond || off > time.Microsecond {
			t.Errorf("%g/s: At(%d) = %s, want %s", float64(tt.rate), tt.n, got, tt.want)
		}
	}
}

func TestScheduleProperties(t *testing.T) {
	rates := []string{"1/s", "3/s", "7/s", "200/s", "333.333/s", "90/m", "100/m", "1/m", "999983/s", "1000000/s", "0.7/s"}
	for _, text := range rates {
		s := NewSchedule(rate(t, text))
		for _, from := range []int64{0, 1000, 1_000_000_000} {
			checkSchedule(t, text, s, from)
		}
	}
}

// checkSchedule holds a stretch of a schedule to the exact fraction, computed without bounds.
func checkSchedule(t *testing.T, text string, s Schedule, from int64) {
	t.Helper()
	for n := from; n < from+2000; n++ {
		at := s.At(n)
		exact := new(big.Int).Mul(big.NewInt(n), new(big.Int).SetUint64(s.step))
		exact.Quo(exact, new(big.Int).SetUint64(s.per))
		if !exact.IsInt64() {
			return // past the longest Duration; TestScheduleAt has that
		}
		switch {
		case exact.Cmp(big.NewInt(int64(at))) != 0:
			t.Fatalf("%s: At(%d) = %d, exactly %s", text, n, at, exact)
		case n > 0 && s.At(n-1) >= at:
			t.Fatalf("%s: At(%d) is not before At(%d)", text, n-1, n)
		case s.Due(at) != n+1:
			t.Fatalf("%s: Due(At(%d)) = %d", text, n, s.Due(at))
		case s.Due(at-1) != n:
			t.Fatalf("%s: Due just before At(%d) = %d", text, n, s.Due(at-1))
		}
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add(333.333, int64(1_000_000_000))
	f.Add(1e-300, int64(1))
	f.Add(5e-324, int64(math.MaxInt64))
	f.Add(1e300, int64(math.MaxInt64))
	f.Add(math.MaxFloat64, int64(2))
	f.Add(math.Inf(1), int64(2))
	f.Add(math.NaN(), int64(2))
	f.Add(0.1/3600, int64(10))
	f.Add(0.2221666666666664, int64(21)) // its fraction does not fit
	f.Add(-1.0, int64(7))
	f.Fuzz(func(t *testing.T, r float64, n int64) {
		s := NewSchedule(Rate(r))
		at := s.At(n)
		if at < 0 || n < math.MaxInt64 && s.At(n+1) < at {
			t.Fatalf("rate %g: At(%d) = %d, then %d", r, n, at, s.At(n+1))
		}
		if n < 0 || n == math.MaxInt64 || at == math.MaxInt64 {
			return
		}
		if due := s.Due(at); due < n+1 {
			t.Fatalf("rate %g: At(%d) = %d is due, yet Due is %d", r, n, at, due)
		}
		// The fraction is the number itself, as far as a denominator of nanoseconds in 64 bits can tell.
		if p, q := s.per, s.step; r < 1e9 {
			if got := float64(p) / (float64(q) / 1e9); math.Abs(got-r) > max(1/float64(most), r*1e-15) {
				t.Fatalf("rate %g became %g", r, got)
			}
		}
	})
}

// Any rate that people write is known exactly: below 1000/s with up to six decimals.
func FuzzFraction(f *testing.F) {
	for _, millionths := range []uint64{1, 333_333_000, 333_333_333, 999_999_999, 1_500_000, 227_700_000} {
		f.Add(millionths)
	}
	f.Fuzz(func(t *testing.T, millionths uint64) {
		millionths = 1 + millionths%999_999_999
		n, d := fraction(float64(millionths) / 1e6)
		if n*1_000_000 != millionths*d {
			t.Fatalf("%d/1000000 became %d/%d", millionths, n, d)
		}
	})
}

func TestScheduleAllocatesNothing(t *testing.T) {
	s, n := NewSchedule(333.333), int64(0)
	if a := testing.AllocsPerRun(100, func() { n += s.Due(s.At(n)) + int64(NewSchedule(Rate(n)).At(n)) }); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func BenchmarkScheduleAt(b *testing.B) {
	s, n := NewSchedule(333.333), int64(0)
	for b.Loop() {
		n++
		_ = s.At(n)
	}
}

func BenchmarkScheduleDue(b *testing.B) {
	s, d := NewSchedule(333.333), time.Duration(0)
	for b.Loop() {
		d += time.Microsecond
		_ = s.Due(d)
	}
}
