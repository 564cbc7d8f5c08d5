// Package teardown is how a connection is taken down: each strategy is data, a short list of operations for either side
// that every engine carries out, and what the kernel must show afterwards. One file per strategy. Pure.
package teardown

import (
	"fmt"

	"twomsl/internal/scenario"
)

// Op is one operation of a side once the application's bytes are through.
type Op uint8

// The operations.
const (
	Linger  Op = iota + 1 // set SO_LINGER {1, Seconds}
	ReadEOF               // read until the peer's FIN
	Close                 // close(): FIN, or what SO_LINGER makes of it
)

// Step is one operation with its argument.
type Step struct {
	Op      Op  `json:"op"`
	Seconds int `json:"seconds"`
}

// Expect is what the kernel must show when every connection is taken down, as a share of the connections.
type Expect struct {
	// TimeWait says which side's kernel ends in TIME_WAIT: one per connection in all, or both where the FINs crossed.
	ClientTimeWait, ServerTimeWait Share
	// PeerReset tells that the other application sees ECONNRESET instead of the end of the stream.
	PeerReset bool
}

// Share is how many of the connections.
type Share string

// The shares. Some means that whose FIN was first decides for each connection.
const (
	None Share = "none"
	All  Share = "all"
	Some Share = "some"
)

// Strategy is a way to take connections down.
type Strategy struct {
	Name           string
	Client, Server []Step
	Expect         Expect
}

// maker builds the strategy for the side that closes first, where it applies.
type maker func(side scenario.Side, linger scenario.Linger) (Strategy, bool)

// strategies are asked in order; a new strategy is one file and one name here.
var strategies = []maker{fin, reset, wait}

// For gives the strategy that a scenario's close block asks for. The error says which block has none.
func For(c scenario.Close) (Strategy, error) {
	for _, m := range strategies {
		if s, ok := m(c.Side, c.Linger); ok {
			return s, nil
		}
	}
	return Strategy{}, fmt.Errorf("close.side %q with close.linger %s: no such way to close", c.Side, c.Linger)
}

// firstThenEOF lays out the usual shape: the first side closes by its own steps, the other reads to the end of the
// stream before it closes. Without that read, unread data would turn the FIN into an RST (RFC 9293, 3.6.1) and spoil
// what is measured.
func firstThenEOF(name string, side scenario.Side, first []Step, e func(first, other Share) Expect) (Strategy, bool) {
	second := []Step{{Op: ReadEOF}, {Op: Close}}
	switch side {
	case scenario.ClientSide:
		return Strategy{Name: name, Client: first, Server: second, Expect: e(All, None)}, true
	case scenario.ServerSide:
		x := e(All, None)
		x.ClientTimeWait, x.ServerTimeWait = x.ServerTimeWait, x.ClientTimeWait
		return Strategy{Name: name, Client: second, Server: first, Expect: x}, true
	case scenario.BothSides:
		x := e(Some, Some)
		return Strategy{Name: name, Client: first, Server: first, Expect: x}, true
	}
	return Strategy{}, false
}
