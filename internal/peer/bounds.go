//go:build linux

package peer

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"twomsl/client"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// The most that a side takes on. Scenarios stay below; a peer may be asked by another program than its own, and a
// mistake there must be an error and not a side that is out of memory.
const (
	mostWorkers     = 1 << 8
	mostConcurrency = 1 << 14
	mostAddresses   = 1 << 12 // sources, destinations or addresses to listen on
	mostTuples      = 1 << 16
	mostPayload     = scenario.Size(16 << 20)
	longest         = scenario.Duration(24 * time.Hour)
	mostSteps       = 16
	mostCPU         = 1023 // CPU_SETSIZE - 1
	mostGroups      = 64
	mostRounds      = 1 << 20
	mostMetered     = 1 << 20
)

// check says what is wrong with what is asked for.
func (p *Prepare) check() error {
	if p.Client == nil && p.Server == nil && len(p.Groups) == 0 || p.Client != nil && p.Server != nil {
		return errors.New("prepare: either a client's plan or a server's is needed")
	}
	var b bounds
	b.in("watch.tuples", len(p.Watch.Tuples), 0, mostTuples)
	b.in("groups", len(p.Groups), 0, mostGroups)
	if p.Client != nil {
		b.client(p.Client)
	}
	for i := range p.Groups {
		b.client(&p.Groups[i])
	}
	if p.Server != nil {
		b.server(p.Server)
	}
	return b.err
}

func (b *bounds) client(c *client.Plan) {
	b.in("workers", c.Workers, 1, mostWorkers)
	b.in("concurrency", c.Concurrency, 1, mostConcurrency)
	b.addresses("sources", c.Sources)
	b.in("destinations", len(c.Destinations), 1, mostAddresses)
	b.addressPorts("destinations", c.Destinations)
	b.in("tuples", c.Tuples(), 1, mostTuples)
	b.in("rounds", c.Rounds, 0, mostRounds)
	b.in("meter", c.Meter, 0, mostMetered)
	b.length("until", c.Until)
	b.length("timeout", c.Timeout)
	b.exchange(c.Request, c.Response, c.Steps, c.CPUs)
}

func (b *bounds) server(s *server.Plan) {
	b.in("workers", s.Workers, 0, mostWorkers)
	b.addresses("sources", s.Sources)
	b.in("listen", len(s.Listen), 1, mostAddresses)
	b.addressPorts("listen", s.Listen)
	b.in("rounds", s.Rounds, 0, mostRounds)
	b.in("meter", s.Meter, 0, mostMetered)
	b.in("parts", len(s.Parts), 0, mostGroups)
	b.length("length", s.Length)
	b.length("timeout", s.Timeout)
	b.exchange(s.Request, s.Response, s.Steps, s.CPUs)
	for _, part := range s.Parts {
		b.steps(part.Steps)
	}
}

// bounds keeps the first thing that is out of bounds.
type bounds struct{ err error }

func (b *bounds) bad(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("prepare: "+format, args...)
	}
}

func (b *bounds) in(what string, n, least, most int) {
	if n < least || n > most {
		b.bad("%s: %d is not possible, allowed are %d to %d", what, n, least, most)
	}
}

func (b *bounds) length(what string, d scenario.Duration) {
	if d <= 0 || d > longest {
		b.bad("%s: %v is not possible, allowed is above 0 up to %v", what, d, longest)
	}
}

func (b *bounds) addresses(what string, as []netip.Addr) {
	b.in(what, len(as), 1, mostAddresses)
	if slices.ContainsFunc(as, func(a netip.Addr) bool { return !a.IsValid() }) {
		b.bad("%s: an address is missing", what)
	}
}

func (b *bounds) addressPorts(what string, aps []netip.AddrPort) {
	if slices.ContainsFunc(aps, func(a netip.AddrPort) bool { return !a.IsValid() || a.Port() == 0 }) {
		b.bad("%s: an address or a port is missing", what)
	}
}

// exchange holds what both plans have: the bytes of a connection, its end, the processors.
func (b *bounds) exchange(request, response scenario.Size, steps []teardown.Step, cpus []int) {
	for _, s := range []scenario.Size{request, response} {
		if s < 0 || s > mostPayload {
			b.bad("payload: %v is not possible, allowed is up to %v", s, mostPayload)
		}
	}
	b.steps(steps)
	for _, c := range cpus {
		b.in("cpus", c, 0, mostCPU)
	}
}

func (b *bounds) steps(steps []teardown.Step) {
	b.in("steps", len(steps), 1, mostSteps)
	for _, s := range steps {
		if s.Op < teardown.Linger || s.Op > teardown.Stay || s.Seconds < -1 || s.Bytes < 0 || s.Within < 0 {
			b.bad("steps: %+v is none", s)
		}
	}
}
