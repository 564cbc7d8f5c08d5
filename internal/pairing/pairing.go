//go:build linux

// Package pairing brings a conductor on one host and a server on another together. The server's host has a Host, which
// listens for conductors; a conductor dials it and gets a Link, over which the server's peer answers as a local one does.
//
// It is the control protocol of internal/peer over TLS (RFC 8446) with a token that both sides know. One TLS connection is
// one session: when it ends, for whatever reason, so does all that the Host has started for it. A conductor must show the
// token before anything is read of it or done for it, and gets no more of the protocol than a run needs: nothing that
// would execute its text, and nothing that changes the host without the host's owner having said so.
package pairing

import (
	"net/netip"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// Version of what is said here; both ends must have the same, and the same peer.Version.
const Version = 1

// DefaultPort is where a Host listens for conductors unless it is told otherwise.
const DefaultPort = 7000

// Order is the first request of a session: what is to be run.
type Order struct {
	Version int    `json:"version"` // Version
	Peer    int    `json:"peer"`    // peer.Version
	Tool    string `json:"tool"`    // name and version of the conductor's program
	// Scenario is the whole resolved scenario: the server's host says by it what it takes part in, and keeps it with its own
	// record where the conductor vanishes.
	Scenario scenario.Scenario `json:"scenario"`
	// Run names the run that several clients share; "" is a run of one client.
	Run string `json:"run"`
	// Avoid are ports of the server's to which the client's host still has sockets of an earlier run.
	Avoid []uint16 `json:"avoid"`
}

// Welcome answers an Order.
type Welcome struct {
	Tool string `json:"tool"`
	Host string `json:"host"` // its name, as uname has it
	// Address and Port are where connections of the load are to go; the address is not valid where the Host does not know one
	// better than that which the conductor dialled.
	Address netip.Addr `json:"address"`
	Port    int        `json:"port"`
	Session int        `json:"session"` // its number on this Host
	// Stale tells that sockets of an earlier run stand at the port: no other was to be had.
	Stale       bool               `json:"stale"`
	Environment record.Environment `json:"environment"`
}

// Moment is a host's clocks at one moment.
type Moment struct {
	Monotonic int64     `json:"monotonic"` // CLOCK_MONOTONIC, ns
	Wall      time.Time `json:"wall"`
}

// Prove asks the Host to answer at the load's own address with a proof that it consents to be a target there.
type Prove struct {
	Listen []netip.AddrPort `json:"listen"`
}

// Bye ends a session well: what follows it is no vanished conductor.
type Bye struct{}

const (
	// handshakeLimit is how long a visitor may take to show its token.
	handshakeLimit = 5 * time.Second
	// silence is how long a session may go without a request, and a request without its end: whoever is at the other end is gone.
	silence = time.Minute
	// unacknowledged is TCP_USER_TIMEOUT (RFC 5482) of control connections.
	unacknowledged = 20 * time.Second
	// mostRequest bounds a request's body: a plan with its addresses and a scenario.
	mostRequest = 1 << 20
	// mostHeader bounds a request's headers.
	mostHeader = 8 << 10
	// mostAvoided bounds Order.Avoid.
	mostAvoided = 4096
	// requestsPerSecond and requestsAtOnce bound what one session may ask: near its goal a conductor asks each 2 ms.
	requestsPerSecond = 2000
	requestsAtOnce    = 200
)
