//go:build linux

package trial

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/teardown"
)

// pair brings both sides to the point where the load can start.
func (r *run) pair() error {
	var err error
	if r.strategy, err = teardown.For(r.scenario.Close); err != nil {
		return err
	}
	if r.overHosts() {
		if err := r.pairHosts(); err != nil {
			return err
		}
		return r.makeReady(r.sources, nil)
	}
	if r.toTarget() {
		if err := r.aim(); err != nil {
			return err
		}
		return r.makeReady(r.sources, nil)
	}
	r.client = &side{name: "client", remote: peer.NewRemote("client", r.lab.Client.Control), lab: &r.lab.Client}
	r.server = &side{name: "server", remote: peer.NewRemote("server", r.lab.Server.Control), lab: &r.lab.Server}
	if r.scenario.Relay != nil {
		return r.relayed()
	}
	clients, servers, err := r.addresses()
	if err != nil {
		return err
	}
	var both errgroup.Group
	both.Go(func() error { return r.greet(r.client, clients, nil) })
	both.Go(func() error { return r.greet(r.server, servers, nil) })
	if err := both.Wait(); err != nil {
		return err
	}
	return r.makeReady(addrs(clients), addrs(servers))
}

// makeReady has both sides, which know who they are, set up what the load takes.
func (r *run) makeReady(clients, servers []netip.Addr) (err error) {
	if err := r.writeSettings(); err != nil {
		return err
	}
	if r.scenario.Topology == scenario.Veth {
		for _, s := range []*side{r.client, r.server} {
			if err := s.remote.Linked(r.hard); err != nil {
				return err
			}
		}
	}
	if r.life, err = lifeOfTimeWait(); err != nil {
		return err
	}
	r.descriptors()
	r.threads()
	if err := r.checkPaired(); err != nil {
		return err
	}
	if err := r.shareOut(); err != nil {
		return err
	}
	r.layOutTuples(r.splitSources(clients), servers)
	r.chooseSpread()
	if err := r.chooseWay(); err != nil {
		return err
	}
	if err := r.track(); err != nil {
		return err
	}
	if err := r.openCanaries(); err != nil {
		return err
	}
	if !r.scenario.Stand.Off() {
		return r.prepareStand(clients, servers)
	}
	if err := errors.Join(r.holdFINs(), r.holdLastACKs()); err != nil {
		return err
	}
	if err := r.prepareServer(); err != nil {
		return err
	}
	if err := r.prepareClient(); err != nil {
		return err
	}
	return r.foresee()
}

// layOutTuples lists the addresses of either side and every (source, destination, port), in the order of client.Plan.
func (r *run) layOutTuples(clients, servers []netip.Addr) {
	s := &r.scenario.Server
	if r.overHosts() || r.toTarget() { // it is known where
		r.layOut(clients, r.destinations)
		return
	}
	var destinations []netip.AddrPort
	for _, a := range servers {
		for n := range s.Ports {
			destinations = append(destinations, netip.AddrPortFrom(a, uint16(s.Port+n)))
		}
	}
	r.layOut(clients, destinations)
}

func (r *run) layOut(sources []netip.Addr, destinations []netip.AddrPort) {
	r.sources, r.destinations = sources, destinations
	for _, source := range r.sources {
		for _, d := range r.destinations {
			r.tuples = append(r.tuples, peer.Tuple{Source: source, Destination: d})
		}
	}
}

// holdFINs keeps either side's FINs back where the strategy asks for it.
func (r *run) holdFINs() error {
	if !r.strategy.FINsHeld {
		return nil
	}
	for _, s := range []*side{r.client, r.server} {
		if err := s.remote.Holds(r.hard, []lab.Hold{{Segment: lab.FIN}}); err != nil {
			return err
		}
	}
	return nil
}

// addresses gives the client's and the server's, for the topology.
func (r *run) addresses() (clients, servers []netip.Prefix, err error) {
	s := &r.scenario
	n := r.clientAddresses()
	if !s.Stand.Off() {
		n += standAddresses
	}
	if s.Load.HalfOpen > 0 {
		n++
	}
	more := r.canaryAddresses()
	clients, servers = lab.Addresses(s.Topology, s.Family, n+more, s.Server.Addresses+more)
	clients = r.shardSources(clients)
	if s.Topology == scenario.Host && s.Server.Address != "" {
		a, err := netip.ParseAddr(s.Server.Address)
		if err != nil {
			return nil, nil, fmt.Errorf("server.address: %w", err)
		}
		// A connection to an address of this host comes from that same address, unless another is bound.
		servers = []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}
		clients = servers
	}
	return r.setAside(clients, servers)
}

// greet gives a side its network. Only a relay has a second link, onward.
func (r *run) greet(s *side, addrs, onward []netip.Prefix) (err error) {
	if s.hello, err = s.remote.Hello(r.hard); err != nil {
		return err
	}
	for _, a := range slices.Concat(addrs, onward) {
		s.addresses = append(s.addresses, a.Addr().String())
	}
	if r.scenario.Topology != scenario.Veth {
		return nil
	}
	return s.remote.Network(r.hard, peer.Network{
		Addresses: r.withCanary(s, addrs), Onward: onward, Link: r.scenario.Link,
		Buffered: !r.scenario.Stand.Off() || r.scenario.Load.HalfOpen > 0,
	})
}

// settings lists what is written on a side before a recipe: what was copied, what is for both, then the side's own.
func (r *run) settings(s *side, own ...map[string]string) (out []sysctl.Setting, refused []record.SysctlRefusal) {
	if r.opt.Settings != nil {
		out, refused = r.opt.Settings(s.hello.Defaults)
	}
	if s == r.server {
		out = append(out, r.standSettings(s.hello.Defaults)...)
	}
	for _, m := range append([]map[string]string{r.scenario.Sysctl.Both}, own...) {
		out = append(out, sysctl.Ordered(m)...)
	}
	return out, refused
}

// differing lists the settings that this host would need and does not have: a scenario's own are never written there.
func differing(wanted []sysctl.Setting, has map[string]string) (out []record.SysctlRefusal) {
	for _, w := range wanted {
		if value, there := has[w.Key]; !there || strings.Join(strings.Fields(value), " ") != w.Value {
			out = append(out, record.SysctlRefusal{
				Key: w.Key, Asked: w.Value, Reason: fmt.Sprintf("this host has %q, and a scenario's own settings are not written there", value),
			})
		}
	}
	return out
}

// insist refuses to run without a setting that the scenario itself names: it would be another scenario.
func (r *run) insist(s *side, own ...map[string]string) error {
	for _, refused := range s.sysctls.Refused {
		for _, m := range append([]map[string]string{r.scenario.Sysctl.Both}, own...) {
			if _, named := m[refused.Key]; named {
				return &peer.CannotError{Text: fmt.Sprintf("the scenario sets %s = %s on the %s, and this kernel refuses it: %s",
					refused.Key, refused.Asked, s.name, refused.Reason)}
			}
		}
	}
	return nil
}

// spareDescriptors are what a peer needs beside its connections.
const spareDescriptors = 64

// descriptors says before the load when a side cannot hold as many connections as asked for, and asks for fewer.
func (r *run) descriptors() {
	soft, err := r.descriptorLimit()
	if err != nil {
		return // the peer raises its own and reports the error
	}
	most := max(1, soft-spareDescriptors)
	if r.relay != nil { // two for each connection
		most = max(1, (most-r.scenario.Relay.Pool)/2)
	}
	if r.scenario.Load.Concurrency <= most {
		return
	}
	w := record.Warning{
		Code: "descriptors-short",
		Text: fmt.Sprintf("this machine allows %d descriptors to a process: %d connections in flight instead of the %d asked for",
			soft, most, r.scenario.Load.Concurrency),
		Advice: "raise the hard limit (ulimit -Hn, LimitNOFILE=) or ask for a lower load.concurrency",
		Spoils: []string{"connects_per_second"},
	}
	r.scenario.Load.Concurrency = most
	r.warn(w)
	if r.opt.Say != nil {
		r.opt.Say(w.Text + "; " + w.Advice)
	}
}

// mostMetered is how many connections have their bytes remembered one by one, on either side.
const mostMetered = 1 << 16

func (r *run) prepareServer() (err error) {
	if r.server.absent != "" {
		return nil
	}
	if r.paired() {
		r.server.ready, err = r.server.remote.Prepare(r.hard, peer.Prepare{Counts: true, Watch: r.watch(serverSide)})
		return err
	}
	if r.foreign() {
		r.server.ready, err = r.server.remote.Prepare(r.hard, peer.Prepare{Foreign: r.foreignServer(), Watch: r.watch(serverSide)})
		return err
	}
	plan := r.serverPlan()
	if r.commanded() {
		r.answersHTTP(&plan)
	}
	if plan.UntilEOF = r.untilEOF(); plan.UntilEOF {
		plan.Timeout = r.length()
	}
	r.server.ready, err = r.server.remote.Prepare(r.hard, r.shares(serverSide, peer.Prepare{
		Server: &plan, Watch: r.watch(serverSide), OpenFiles: r.scenario.Server.Descriptors,
	}))
	return err
}

func (r *run) prepareClient() (err error) {
	if r.commanded() {
		return r.prepareCommand()
	}
	plan := r.clientPlan()
	if g := r.scenario.Load.Stop.TimeWait; g != nil {
		// Every connection makes one TIME_WAIT at most, so this many cannot overshoot; what is short is allowed after.
		r.limit, plan.Limit = g.Count, g.Count
		plan.Until += r.scenario.Load.Hold
	}
	if r.foreign() {
		if err := r.learn(&plan); err != nil {
			return err
		}
	}
	whole := peer.Prepare{Client: &plan, Watch: r.watch(clientSide), OpenFiles: r.scenario.Client.Descriptors}
	r.withHalfOpen(&whole)
	r.pairUp(&whole)
	r.client.ready, err = r.client.remote.Prepare(r.hard, r.shares(clientSide, whole))
	return err
}

// The sides as they are told apart here.
const (
	clientSide = scenario.ClientSide
	serverSide = scenario.ServerSide
)

func addrs(ps []netip.Prefix) (out []netip.Addr) {
	for _, p := range ps {
		out = append(out, p.Addr())
	}
	return out
}

// bounded gives a request to a peer a time limit of its own.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, answerLimit)
}
