//go:build linux

// Package probe is the canaries beside a load: the services that stand on the struck host, and the callers that ask them,
// again and again, as others would: from the other host and from the struck host itself.
//
// A canary leaves nothing behind. Its caller ends every connection with SO_LINGER {1, 0}, so that there is no TIME_WAIT,
// and all of its sockets carry Mark, by which counts leave them out.
package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// Mark is the SO_MARK of every canary's socket.
const Mark = 0x2b51

// Kind is how a service is spoken to.
type Kind string

// The kinds.
const (
	SSH     Kind = "ssh"     // TCP: the service says its banner first, "SSH-2.0-..." (RFC 4253 section 4.2)
	DNS     Kind = "dns"     // UDP: a query and its answer (RFC 1035)
	Connect Kind = "connect" // TCP: the handshake alone
)

var kinds = []Kind{SSH, DNS, Connect}

// Service is one that stands on this side.
type Service struct {
	Kind   Kind           `json:"kind"`
	Listen netip.AddrPort `json:"listen"`
}

// Caller calls one service from this side.
type Caller struct {
	Name   string         `json:"name"` // as record.Canary has it
	From   string         `json:"from"`
	Kind   Kind           `json:"kind"`
	Source netip.Addr     `json:"source"`
	Target netip.AddrPort `json:"target"`
	// Socket is what the caller's socket is given before connect().
	Socket Socket `json:"socket"`
	// Question is the name that a DNS caller asks for.
	Question string `json:"question"`
	// Offset is when the caller's turn comes within each period, so that the calls of many do not fall together.
	Offset scenario.Duration `json:"offset"`
}

// Socket is what decides on the local port of a call.
type Socket struct {
	// PortTaken leaves the choice of the port to bind(), which takes it from every destination; else it is connect()'s
	// (IP_BIND_ADDRESS_NO_PORT).
	PortTaken bool               `json:"port_taken"`
	Range     scenario.PortRange `json:"range"` // IP_LOCAL_PORT_RANGE
	// ReuseAddress and ReusePort are what bind() goes by, SO_REUSEADDR and SO_REUSEPORT.
	ReuseAddress bool `json:"reuse_address"`
	ReusePort    bool `json:"reuse_port"`
}

// Plan is what stands and calls on one side.
type Plan struct {
	Services []Service         `json:"services"`
	Callers  []Caller          `json:"callers"`
	Every    scenario.Duration `json:"every"`
	Timeout  scenario.Duration `json:"timeout"`
	// Guest is an address from which nobody but canaries of the other side comes; the zero value is none.
	Guest netip.Addr `json:"guest"`
}

// most is how many services and callers a side takes on.
const most = 32

// Check says what is wrong with a plan.
func (p *Plan) Check() error {
	if len(p.Services)+len(p.Callers) > most {
		return fmt.Errorf("canaries: %d services and %d callers are too many: %d at most", len(p.Services), len(p.Callers), most)
	}
	var errs []error
	for _, s := range p.Services {
		if !slices.Contains(kinds, s.Kind) || !s.Listen.IsValid() {
			errs = append(errs, fmt.Errorf("canaries: there is no service %q at %s", s.Kind, s.Listen))
		}
	}
	for _, c := range p.Callers {
		if !slices.Contains(kinds, c.Kind) || !c.Target.IsValid() || !c.Source.IsValid() || c.Source.Is4() != c.Target.Addr().Is4() {
			errs = append(errs, fmt.Errorf("canaries: %s cannot call %q at %s from %s", c.Name, c.Kind, c.Target, c.Source))
		}
	}
	if len(p.Callers) > 0 && (p.Every.Std() < time.Millisecond || p.Timeout <= 0) {
		errs = append(errs, fmt.Errorf("canaries: no calls can be made every %v with %v for each", p.Every, p.Timeout))
	}
	return errors.Join(errs...)
}

// Result is what a side's callers have seen.
type Result struct {
	Canaries []record.Canary `json:"canaries"` // in the order of Plan.Callers
	// Counted is how many of each caller's answered calls were made after the last Start: the counters that the sides read
	// before that and after Stop have moved by these.
	Counted []int64 `json:"counted"`
	// Whole is how many of those came to the end of a handshake that was to be taken back.
	Whole []int64 `json:"whole"`
}
