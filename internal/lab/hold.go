//go:build linux

package lab

import "net/netip"

// Segment is a kind of TCP segment that a packet hold drops.
type Segment string

// The segments.
const (
	SYN      Segment = "syn"       // SYN without ACK
	FIN      Segment = "fin"       // any segment with FIN
	FirstFIN Segment = "first-fin" // a connection's first FIN only: it is sent again after the retransmission timeout
	ACK      Segment = "ack"       // ACK alone: without data, SYN, FIN or RST
)

// Hold keeps segments from leaving the namespace where it is set, which keeps connections in the state before them.
// Nothing is forged: the kernel sends, and a netfilter rule in the namespace drops.
type Hold struct {
	Segment Segment `json:"segment"`
	// Local and Remote narrow it to an address of this side and of the other; the zero value is any. So do the ports.
	Local      netip.Addr `json:"local"`
	Remote     netip.Addr `json:"remote"`
	LocalPort  uint16     `json:"local_port"`
	RemotePort uint16     `json:"remote_port"`
}

// SetHolds is a placeholder until the lab's branch is merged.
func SetHolds([]Hold) error { return nil }
