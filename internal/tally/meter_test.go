//go:build linux

package tally

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"testing"

	"twomsl/internal/record"
)

// one is a connection of a test's meter.
type one struct {
	source, destination int
	port                uint16
	at, written, read   int64
}

func meter(room int, all ...one) *Meter {
	m := NewMeter(room)
	for _, o := range all {
		m.Add(Key(o.source, o.destination, o.port), o.at, o.written, o.read)
	}
	return &m
}

// sent is the meter as the other side gets it.
func sent(t *testing.T, m *Meter) *Meter {
	t.Helper()
	out, err := Unpack(m.Pack())
	if err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestMeterThatIsOff(t *testing.T) {
	m := NewMeter(0)
	if m.On() {
		t.Error("it is on without room")
	}
	if room := NewMeter(1); !room.On() {
		t.Error("it is off with room")
	}
	if got := sent(t, &m); len(got.entries) != 0 || got.dropped != 0 {
		t.Errorf("%+v", got)
	}
}

// Different places have different keys, in the order of address, address and port.
func TestKeysAreInOrder(t *testing.T) {
	last := uint64(0)
	for _, source := range []int{0, 1, 1000} {
		for _, destination := range []int{0, 1, 1000} {
			for _, port := range []uint16{1, 2, math.MaxUint16} {
				k := Key(source, destination, port)
				if k <= last {
					t.Errorf("%d, %d, %d: %d does not come after %d", source, destination, port, k, last)
				}
				last = k
			}
		}
	}
}

func TestPackAndUnpack(t *testing.T) {
	m := meter(
		5, one{1, 2, 40000, 9, 64, 128}, one{0, 0, 1, 8, 0, 0}, one{1, 2, 40000, 3, math.MaxInt64, 1},
		one{1000, 1000, math.MaxUint16, 1, 2, 3}, one{1, 2, 39999, 7, 5, 6}, one{0, 0, 2, 1, 1, 1},
	)
	got := sent(t, m)
	want := []metered{
		{Key(0, 0, 1), 0, 0, 0},
		{Key(1, 2, 39999), 0, 5, 6},
		{Key(1, 2, 40000), 0, math.MaxInt64, 1}, // by time within a tuple
		{Key(1, 2, 40000), 0, 64, 128},
		{Key(1000, 1000, math.MaxUint16), 0, 2, 3},
	}
	if !slices.Equal(got.entries, want) || got.dropped != 1 {
		t.Errorf("%+v, expected %+v and one dropped", got, want)
	}
}

func TestUnpackRefusesWhatPackDidNotWrite(t *testing.T) {
	good := meter(2, one{0, 0, 300, 1, 300, 300}, one{0, 0, 301, 1, 300, 300}).Pack()
	ends := map[int]bool{len(good): true, 1: true, 1 + 6: true} // after the head, and after each connection
	for n := range len(good) + 1 {
		if _, err := Unpack(good[:n]); (err == nil) != ends[n] {
			t.Errorf("%d of %d bytes: %v", n, len(good), err)
		}
	}
	if _, err := Unpack(bytes.Repeat([]byte{0xff}, 11)); err == nil {
		t.Error("a number beyond 64 bits was read")
	}
}

// Merged, meters are what one would have noted, also beyond one's room.
func TestMeterMerge(t *testing.T) {
	total := NewMeter(1)
	total.Merge(meter(1, one{0, 0, 2, 5, 1, 1}, one{0, 0, 9, 9, 9, 9}))
	total.Merge(meter(2, one{0, 0, 2, 4, 2, 2}, one{0, 0, 1, 9, 3, 3}))
	got := sent(t, &total)
	want := []metered{{Key(0, 0, 1), 0, 3, 3}, {Key(0, 0, 2), 0, 2, 2}, {Key(0, 0, 2), 0, 1, 1}}
	if !slices.Equal(got.entries, want) || got.dropped != 1 {
		t.Errorf("%+v, expected %+v", got, want)
	}
}

func TestMatch(t *testing.T) {
	a, b := one{0, 0, 1, 1, 64, 100}, one{0, 0, 2, 1, 64, 100}
	asB := func(o one) one { o.written, o.read = o.read, o.written; return o } // the other side's view, nothing lost
	again := func(o one) one { o.at++; return o }
	lossy := asB(b)
	lossy.read -= 10 // the server did not read all of the request
	worse := asB(b)
	worse.read, worse.written = 0, worse.written+7
	for _, c := range []struct {
		name           string
		client, server *Meter
		want           record.PerConnection
	}{
		{"nothing", meter(0), meter(0), record.PerConnection{}},
		{"equal", meter(2, a, b), meter(2, asB(b), asB(a)), record.PerConnection{Metered: 2}},
		{"a loss", meter(2, a, b), meter(2, asB(a), lossy), record.PerConnection{Metered: 2, WithLoss: 1, MostLost: 10}},
		{"both ways", meter(2, a, b), meter(2, asB(a), worse), record.PerConnection{Metered: 2, WithLoss: 1, MostLost: 71}},
		{
			"in turn on a tuple", meter(3, again(b), b, a), meter(3, asB(a), asB(again(b)), lossy),
			record.PerConnection{Metered: 3, WithLoss: 1, MostLost: 10},
		},
		{"one side alone", meter(2, a, b), meter(2), record.PerConnection{Unmatched: 2}},
		{"the other alone", meter(2), meter(2, a, b), record.PerConnection{Unmatched: 2}},
		{
			"runs of two lengths", meter(3, a, b, again(b)), meter(3, asB(a), asB(b)),
			record.PerConnection{Metered: 1, Unmatched: 2},
		},
		{
			"the same with a full memory", meter(3, a, b, again(b)), meter(2, asB(a), asB(b), asB(again(b))),
			record.PerConnection{Metered: 2, Unmatched: 1, NotMetered: 1},
		},
		{
			"other tuples", meter(1, a), meter(1, asB(b)), record.PerConnection{Unmatched: 2},
		},
	} {
		if got := Match(sent(t, c.client), sent(t, c.server)); got != c.want {
			t.Errorf("%s: %+v, expected %+v", c.name, got, c.want)
		}
	}
}

// What Unpack takes it gives back as it was, and Match comes to an end with it; the rest it refuses without a word of its
// own.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte(nil), []byte{0})
	f.Add(meter(2, one{1, 2, 3, 4, 5, 6}, one{1, 2, 3, 5, 6, 7}).Pack(), meter(1, one{1, 2, 3, 4, 6, 5}).Pack())
	f.Add(meter(0).Pack(), bytes.Repeat([]byte{0xff}, 11))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, err := Unpack(a)
		if err != nil {
			return
		}
		back := sent(t, &x) // sorts x
		if !slices.Equal(back.entries, x.entries) || back.dropped != x.dropped {
			t.Errorf("%+v became %+v", x, back)
		}
		if y, err := Unpack(b); err == nil {
			account(t, &x, sent(t, &y))
		}
	})
}

// account holds Match to having placed every connection.
func account(t *testing.T, x, y *Meter) {
	t.Helper()
	got := Match(x, y)
	n, m := int64(len(x.entries)), int64(len(y.entries))
	if sum := got.Metered + got.Unmatched; sum < max(n, m) || sum > n+m {
		t.Errorf("%d and %d connections: %+v", n, m, got)
	}
	byKey := func(a, b metered) int { return cmp.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(x.entries, byKey) {
		t.Error("Match moved something")
	}
}
