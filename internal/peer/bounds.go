//go:build linux

package peer

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"twomsl/client"
	"twomsl/internal/command"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/relay"
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
	mostOpenFiles   = 1 << 30
	mostProcesses   = 64
	mostDescriptors = 1 << 30
)

// check says what is wrong with what is asked for.
func (p *Prepare) check() error {
	serves := p.Server != nil || p.Foreign != nil
	alone := 0
	for _, one := range []bool{p.Client != nil, p.Command != nil, serves, p.Relay != nil} {
		if one {
			alone++
		}
	}
	if alone == 0 && len(p.Groups) == 0 && !p.Counts || alone > 0 && p.Counts || alone > 1 || p.Server != nil && p.Foreign != nil {
		return errors.New("prepare: either a client's plan or a server's is needed, or a relay's alone")
	}
	var b bounds
	b.in("watch.tuples", len(p.Watch.Tuples), 0, mostTuples)
	b.in("groups", len(p.Groups), 0, mostGroups)
	b.in("open_files", p.OpenFiles, 0, mostOpenFiles)
	b.crew(p)
	b.paired(p)
	if p.Client != nil {
		b.client(p.Client)
	}
	if p.Command != nil {
		b.command(p.Command)
	}
	for i := range p.Groups {
		b.client(&p.Groups[i])
	}
	if p.Server != nil {
		b.server(p.Server)
	}
	if f := p.Foreign; f != nil && (f.Command == "" || !f.Listen.IsValid() || f.Listen.Port() == 0) {
		b.bad("foreign: a command and where it is to listen are needed")
	}
	if f := p.Foreign; f != nil && f.Root != "" && (!filepath.IsAbs(f.Root) || f.Program.Path == "") {
		b.bad("foreign: a root takes its whole path, and the program that enters it")
	}
	if p.Foreign != nil {
		b.in("foreign.sources", len(p.Foreign.Sources), 0, mostTuples)
	}
	b.in("onward.tuples", len(p.Onward.Tuples), 0, mostTuples)
	if p.Relay != nil {
		b.relay(p.Relay)
	}
	return b.err
}

// crew: what is shared out keeps its connections, since how a TIME_WAIT came to its end is not added up.
func (b *bounds) crew(p *Prepare) {
	b.in("processes", p.Processes, 0, mostProcesses)
	b.in("descriptors", p.Descriptors, 0, mostDescriptors)
	if p.Processes < 2 {
		return
	}
	switch {
	case p.Part || len(p.Groups) > 0 || p.Program.Path == "" || p.Relay != nil:
		b.bad("processes: a part, groups, a relay, or a program without a path cannot be shared out")
	case p.Client != nil && !teardown.Keeps(p.Client.Steps), p.Server != nil && !teardown.Keeps(p.Server.Steps):
		b.bad("processes: only connections that are kept can be shared out")
	case p.Client != nil && p.Client.Connections > 0 && p.Client.Connections < int64(p.Processes):
		b.bad("processes: %d for %d connections", p.Processes, p.Client.Connections)
	}
}

func (b *bounds) relay(r *relay.Plan) {
	b.addressPorts("listen", []netip.AddrPort{r.Listen})
	b.addresses("sources", r.Sources)
	b.in("destinations", len(r.Destinations), 1, mostAddresses)
	b.addressPorts("destinations", r.Destinations)
	b.in("tuples", len(r.Sources)*len(r.Destinations), 1, mostTuples)
	b.in("pool", r.Pool, 0, mostConcurrency)
	b.in("rounds", r.Rounds, 0, mostRounds)
	b.length("timeout", r.Timeout)
	b.exchange(r.Request, r.Response, r.ClientSteps, nil, nil)
	b.steps(r.ServerSteps)
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
	b.in("say", len(c.Say), 0, int(mostPayload))
	b.in("match", len(c.Match), 0, client.MostMatched)
	b.in("begins", len(c.Begins), 0, client.MostMatched)
	b.length("until", c.Until)
	b.length("timeout", c.Timeout)
	b.exchange(c.Request, c.Response, c.Steps, c.CPUs, c.Spread)
}

func (b *bounds) command(c *command.Plan) {
	if c.Line == "" {
		b.bad("command: a line for the shell is needed")
	}
	b.addresses("sources", c.Sources)
	b.in("destinations", len(c.Destinations), 1, mostAddresses)
	b.addressPorts("destinations", c.Destinations)
	b.in("tuples", len(c.Sources)*len(c.Destinations), 1, mostTuples)
	b.length("until", c.Until)
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
	if s.Think < 0 || s.Think > longest {
		b.bad("think: %v is not possible, allowed is up to %v", s.Think, longest)
	}
	b.length("timeout", s.Timeout)
	b.exchange(s.Request, s.Response, s.Steps, s.CPUs, s.Spread)
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
func (b *bounds) exchange(request, response scenario.Size, steps []teardown.Step, cpus, spread []int) {
	for _, s := range []scenario.Size{request, response} {
		if s < 0 || s > mostPayload {
			b.bad("payload: %v is not possible, allowed is up to %v", s, mostPayload)
		}
	}
	b.steps(steps)
	for _, c := range slices.Concat(cpus, spread) {
		b.in("cpus", c, 0, mostCPU)
	}
}

func (b *bounds) steps(steps []teardown.Step) {
	b.in("steps", len(steps), 1, mostSteps)
	for _, s := range steps {
		if s.Op < teardown.Linger || s.Op > teardown.Idle || s.Seconds < -1 || s.Bytes < 0 || s.Within < 0 {
			b.bad("steps: %+v is none", s)
		}
	}
}
