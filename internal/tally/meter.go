//go:build linux

package tally

import (
	"encoding/binary"
	"fmt"
	"slices"

	"twomsl/internal/record"
)

// Meter remembers what the application wrote and read on each connection, so that the two sides can be compared
// connection by connection afterwards. One per worker; its memory is fixed when it is made.
type Meter struct {
	entries []metered
	dropped int64 // connections that came when the memory was full
}

// metered is one connection. at orders those of one tuple.
type metered struct {
	key           uint64
	at            int64
	written, read int64
}

// NewMeter has room for so many connections; 0 meters nothing.
func NewMeter(room int) Meter { return Meter{entries: make([]metered, 0, room)} }

// On tells whether connections are metered at all.
func (m *Meter) On() bool { return cap(m.entries) > 0 }

// Room tells whether another connection is metered.
func (m *Meter) Room() bool { return len(m.entries) < cap(m.entries) }

// Key is a connection's place: the number of the client's address, that of the server's, and the client's port.
func Key(source, destination int, port uint16) uint64 {
	return uint64(source)<<40 | uint64(destination)<<16 | uint64(port)
}

// Add notes a connection that has ended, or that nothing more will happen on. at is when it began.
func (m *Meter) Add(key uint64, at, written, read int64) {
	if len(m.entries) == cap(m.entries) {
		m.dropped++
		return
	}
	m.entries = append(m.entries, metered{key, at, written, read})
}

// Skip notes a connection whose place is not known.
func (m *Meter) Skip() { m.dropped++ }

// Full tells that no further connection has room.
func (m *Meter) Full() bool { return len(m.entries) == cap(m.entries) }

// Merge adds another worker's connections.
func (m *Meter) Merge(o *Meter) {
	m.entries = append(m.entries, o.entries...)
	m.dropped += o.dropped
}

// Pack writes the meter for the way to the other side: sorted by key and time, the time itself left out.
func (m *Meter) Pack() []byte {
	slices.SortFunc(m.entries, func(a, b metered) int {
		if a.key != b.key {
			return compare(a.key, b.key)
		}
		return compare(a.at, b.at)
	})
	b := binary.AppendUvarint(nil, uint64(m.dropped))
	last := uint64(0)
	for _, e := range m.entries {
		b = binary.AppendUvarint(b, e.key-last)
		b = binary.AppendUvarint(b, uint64(e.written))
		b = binary.AppendUvarint(b, uint64(e.read))
		last = e.key
	}
	return b
}

func compare[T uint64 | int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Unpack reads what Pack wrote.
func Unpack(b []byte) (Meter, error) {
	var m Meter
	next := func() (v uint64, ok bool) {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, false
		}
		b = b[n:]
		return v, true
	}
	dropped, ok := next()
	m.dropped = int64(dropped)
	key := uint64(0)
	for ok && len(b) > 0 {
		step, ok1 := next()
		written, ok2 := next()
		read, ok3 := next()
		ok = ok1 && ok2 && ok3
		key += step
		m.entries = append(m.entries, metered{key: key, written: int64(written), read: int64(read)})
	}
	if !ok {
		return Meter{}, fmt.Errorf("meter: %d connections, then something that is none", len(m.entries))
	}
	return m, nil
}

// Match compares the two sides connection by connection: the n-th on a tuple here is the n-th there. Where one side knows
// of more on a tuple than the other, nobody can tell which they are, unless its memory was full at the other.
func Match(client, server *Meter) record.PerConnection {
	out := record.PerConnection{NotMetered: max(client.dropped, server.dropped)}
	full := out.NotMetered > 0
	c, s := client.entries, server.entries
	for len(c) > 0 || len(s) > 0 {
		key := lowest(c, s)
		mine, theirs := run(c, key), run(s, key)
		c, s = c[len(mine):], s[len(theirs):]
		n := min(len(mine), len(theirs))
		rest := int64(max(len(mine), len(theirs)) - n)
		switch {
		case rest > 0 && !full:
			out.Unmatched += int64(max(len(mine), len(theirs)))
			continue
		case rest > 0:
			out.Unmatched += rest
		}
		for i := range n {
			lost := mine[i].written - theirs[i].read + theirs[i].written - mine[i].read
			out.Metered++
			out.MostLost = max(out.MostLost, lost)
			if lost > 0 {
				out.WithLoss++
			}
		}
	}
	return out
}

func lowest(a, b []metered) uint64 {
	switch {
	case len(a) == 0:
		return b[0].key
	case len(b) == 0:
		return a[0].key
	}
	return min(a[0].key, b[0].key)
}

// run is how many at the beginning have the key.
func run(e []metered, key uint64) []metered {
	n := 0
	for n < len(e) && e[n].key == key {
		n++
	}
	return e[:n]
}
