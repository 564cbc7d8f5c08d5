//go:build linux

package trial

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/probe"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
)

// Canaries stand on the struck host and are called beside the load (internal/probe). No count of the run has them in it:
// their sockets carry a mark that the samplers leave out, what the server hears of them comes from an address of their
// own, and what they move of the kernel's counters is taken out again.

// canaries is what there is of them in a run; the zero value is none.
type canaries struct {
	client, server netip.Addr // their own addresses
	seen           []record.Canary
	moved          record.SidePair[map[string]int64] // counters, by their answered calls
}

// The ports of the canaries' services, as in life, and one for a second destination, where nobody answers (RFC 863).
const (
	sshPort    = 22
	dnsPort    = 53
	secondPort = 9
)

// The canaries' names in a record.
const (
	sshCanary    = "ssh"
	dnsCanary    = "dns"
	secondCanary = "second-destination"
	tupleCanary  = "same-tuple"
	fromOutside  = "outside"
	fromHost     = "host"
)

func (r *run) haveCanaries() bool { return r.scenario.Canaries.Every > 0 }

// canaryAddresses is how many addresses either side has on top.
func (r *run) canaryAddresses() int {
	if r.haveCanaries() {
		return 1
	}
	return 0
}

// setAside takes the canaries' addresses, which are the last, from the load's.
func (r *run) setAside(clients, servers []netip.Prefix) (_, _ []netip.Prefix, _ error) {
	if !r.haveCanaries() {
		return clients, servers, nil
	}
	c, s := len(clients)-1, len(servers)-1
	r.canaries.client, r.canaries.server = clients[c].Addr(), servers[s].Addr()
	return clients[:c], servers[:s], nil
}

// withCanary adds a side's canary address where it changes nothing for a socket that leaves the choice of its address to
// the kernel: that takes the first one of IPv4, and of IPv6 the last that was added.
func (r *run) withCanary(s *side, all []netip.Prefix) []netip.Prefix {
	if !r.haveCanaries() {
		return all
	}
	own := r.canaries.client
	if s == r.server {
		own = r.canaries.server
	}
	with := netip.PrefixFrom(own, all[0].Bits())
	if own.Is6() {
		return append([]netip.Prefix{with}, all...)
	}
	return append(append([]netip.Prefix{}, all...), with)
}

// leave says what the samplers leave out.
func (r *run) leave() sample.Leave {
	if !r.haveCanaries() {
		return sample.Leave{}
	}
	return sample.Leave{Mark: probe.Mark, Remote: r.canaries.client}
}

// openCanaries lays out who stands and who calls, and opens the services: on both sides before anybody calls.
func (r *run) openCanaries() error {
	if !r.haveCanaries() {
		return nil
	}
	client, server := r.layOutCanaries()
	if err := r.server.remote.Canaries(r.hard, server); err != nil {
		return err
	}
	return r.client.remote.Canaries(r.hard, client)
}

// layOutCanaries gives either side its part.
func (r *run) layOutCanaries() (client, server peer.Canaries) {
	s := &r.scenario
	client.Plan = probe.Plan{Every: s.Canaries.Every, Timeout: s.Canaries.Timeout}
	server.Plan = client.Plan
	server.Plan.Guest = r.canaries.client
	// The load's own tuple, and the other one: from the client's address, which is where ports are short.
	source, target := r.sources[0], r.destinations[0]
	second := netip.AddrPortFrom(target.Addr(), secondPort)
	client.Alias = &lab.Alias{Mark: probe.Mark, Source: source, Destination: target, As: r.canaries.client}
	struck, other, host, outside := &server, &client, target.Addr(), r.canaries.client
	from := fromOutside // of the client, seen from the struck host
	if s.Struck == scenario.ClientSide {
		struck, other, host, outside = &client, &server, source, r.canaries.server
		from = fromHost
	}
	server.Plan.Services = append(server.Plan.Services, probe.Service{Kind: probe.Connect, Listen: second})
	for _, p := range []struct {
		name string
		kind probe.Kind
		port uint16
	}{{sshCanary, probe.SSH, sshPort}, {dnsCanary, probe.DNS, dnsPort}} {
		at := netip.AddrPortFrom(host, p.port)
		struck.Plan.Services = append(struck.Plan.Services, probe.Service{Kind: p.kind, Listen: at})
		c := probe.Caller{Name: p.name, From: fromOutside, Kind: p.kind, Source: outside, Target: at, Question: probe.Name}
		other.Plan.Callers = append(other.Plan.Callers, c)
		c.From, c.Source = fromHost, host
		struck.Plan.Callers = append(struck.Plan.Callers, c)
	}
	socket := canarySocket(s.Client)
	client.Plan.Callers = append(client.Plan.Callers,
		probe.Caller{Name: secondCanary, From: from, Kind: probe.Connect, Source: source, Target: second, Socket: socket},
		probe.Caller{Name: tupleCanary, From: from, Kind: probe.Connect, Source: source, Target: target, Socket: socket})
	r.spread(&client.Plan, &server.Plan)
	return client, server
}

// canarySocket chooses its port as the load's sockets do. One that binds to a port of its own is told to take any of those.
func canarySocket(c scenario.Client) probe.Socket {
	s := probe.Socket{
		Range: c.LocalPortRange, PortTaken: c.Bind.Mode == scenario.BindAddress && c.BindAddressNoPort == scenario.Off,
		ReuseAddress: c.ReuseAddress.IsOn(), ReusePort: c.ReusePort.IsOn(),
	}
	if c.Bind.Mode == scenario.BindPorts {
		s.Range, s.PortTaken = c.Bind.Ports, true
	}
	return s
}

// spread gives each caller its turn within the period.
func (r *run) spread(plans ...*probe.Plan) {
	var all []*probe.Caller
	for _, p := range plans {
		for i := range p.Callers {
			all = append(all, &p.Callers[i])
		}
	}
	for i, c := range all {
		c.Offset = r.scenario.Canaries.Every * scenario.Duration(i) / scenario.Duration(len(all))
	}
}

// baseline has them call for a while before the load, and leaves the kernel's counters still: the sides read them next.
func (r *run) baseline() {
	if !r.haveCanaries() {
		return
	}
	r.callCanaries(0)
	time.Sleep(probe.Baseline)
	r.hushCanaries()
}

// callCanaries lets them call; epoch is the start of the load, 0 before it.
func (r *run) callCanaries(epoch int64) {
	if !r.haveCanaries() {
		return
	}
	for _, s := range []*side{r.server, r.client} {
		r.ask(s, func(ctx context.Context) error { //nolint:errcheck // ask has taken note
			return s.remote.CallCanaries(ctx, peer.Start{Epoch: epoch})
		})
	}
}

// hushCanaries ends the calling, and gives what either side has seen. Each is asked twice: only when both have stopped is
// nothing on its way any more.
func (r *run) hushCanaries() (seen [2]probe.Result) {
	for range 2 {
		for i, s := range []*side{r.client, r.server} {
			r.ask(s, func(ctx context.Context) (err error) { //nolint:errcheck // ask has taken note
				seen[i], err = s.remote.HushCanaries(ctx)
				return err
			})
		}
	}
	return seen
}

// gatherCanaries ends the calling before the last counts are taken.
func (r *run) gatherCanaries() {
	if !r.haveCanaries() {
		return
	}
	seen := r.hushCanaries()
	for i, s := range []*side{r.client, r.server} {
		for k, c := range seen[i].Canaries {
			r.canaries.seen = append(r.canaries.seen, c)
			r.countMoved(s, c, seen[i].Counted[k], seen[i].Whole[k])
		}
	}
	slices.SortStableFunc(r.canaries.seen, func(a, b record.Canary) int {
		return cmp.Or(cmp.Compare(slices.Index(canaryOrder, a.Name), slices.Index(canaryOrder, b.Name)), cmp.Compare(b.From, a.From))
	})
}

// canaryOrder is the order in a record: from what others call to the load's own tuple. Outside comes first.
var canaryOrder = []string{sshCanary, dnsCanary, secondCanary, tupleCanary}
