// Package payload is what the pair says to each other: one request and one response of a given size. Both sides know
// every byte beforehand, so what was read can be checked without being kept. Pure.
package payload

import "bytes"

// Payload is one direction's bytes. It is read-only once made, so workers share it.
type Payload []byte

// Request and Response differ in every byte, so that an echo or a mix-up shows.
const (
	requestSeed  = 0x2a
	responseSeed = 0xd5
)

// Request makes the client's bytes.
func Request(size int64) Payload { return fill(size, requestSeed) }

// Response makes the server's bytes.
func Response(size int64) Payload { return fill(size, responseSeed) }

// fill makes a sequence whose period (a prime) fits no power of two, so that a block gone missing shows.
func fill(size int64, seed byte) Payload {
	p := make(Payload, size)
	for i := range p {
		p[i] = byte(i%251) ^ seed
	}
	return p
}

// Matches tells whether got is what stands in the payload from offset on.
func (p Payload) Matches(offset int, got []byte) bool {
	return offset+len(got) <= len(p) && bytes.Equal(p[offset:offset+len(got)], got)
}
