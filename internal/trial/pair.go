//go:build linux

package trial

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"twomsl/client"
	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// pair brings both sides to the point where the load can start.
func (r *run) pair() error {
	r.client = &side{name: "client", remote: peer.NewRemote("client", r.lab.Client.Control), lab: &r.lab.Client}
	r.server = &side{name: "server", remote: peer.NewRemote("server", r.lab.Server.Control), lab: &r.lab.Server}
	strategy, err := teardown.For(r.scenario.Close)
	if err != nil {
		return err
	}
	clientAddrs, serverAddr, err := r.addresses()
	if err != nil {
		return err
	}
	var both errgroup.Group
	both.Go(func() error { return r.greet(r.client, clientAddrs, r.scenario.Sysctl.Client) })
	both.Go(func() error { return r.greet(r.server, []netip.Prefix{serverAddr}, r.scenario.Sysctl.Server) })
	if err := both.Wait(); err != nil {
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
	if err := r.prepareServer(clientAddrs, serverAddr, strategy); err != nil {
		return err
	}
	if err := r.prepareClient(clientAddrs, serverAddr, strategy); err != nil {
		return err
	}
	return r.foresee()
}

// addresses gives the client's and the server's, for the topology.
func (r *run) addresses() ([]netip.Prefix, netip.Prefix, error) {
	s := &r.scenario
	clients, srv := lab.Plan(s.Topology, s.Family, s.Client.Addresses)
	if s.Topology == scenario.Host && s.Server.Address != "" {
		a, err := netip.ParseAddr(s.Server.Address)
		if err != nil {
			return nil, srv, fmt.Errorf("server.address: %w", err)
		}
		// A connection to an address of this host comes from that same address, unless another is bound.
		srv = netip.PrefixFrom(a, a.BitLen())
		clients = []netip.Prefix{srv}
	}
	return clients, srv, nil
}

// greet gives a side its network and its settings.
func (r *run) greet(s *side, addrs []netip.Prefix, own map[string]string) (err error) {
	if s.hello, err = s.remote.Hello(r.hard); err != nil {
		return err
	}
	for _, a := range addrs {
		s.addresses = append(s.addresses, a.Addr().String())
	}
	if r.scenario.Topology == scenario.Veth {
		if err := s.remote.Network(r.hard, peer.Network{Addresses: addrs}); err != nil {
			return err
		}
	}
	settings, refused := r.settings(s, own)
	if r.scenario.Topology == scenario.Host {
		s.sysctls.Refused = differing(settings, s.hello.Defaults)
		return nil
	}
	if len(settings) > 0 {
		if s.sysctls, err = s.remote.Sysctls(r.hard, peer.Settings{Settings: settings}); err != nil {
			return err
		}
	}
	s.sysctls.Refused = append(s.sysctls.Refused, refused...)
	return r.insist(s, own)
}

// settings lists what is written on a side: what was copied, what is for both, then the side's own.
func (r *run) settings(s *side, own map[string]string) (out []sysctl.Setting, refused []record.SysctlRefusal) {
	if r.opt.Settings != nil {
		out, refused = r.opt.Settings(s.hello.Defaults)
	}
	for _, m := range []map[string]string{r.scenario.Sysctl.Both, own} {
		out = append(out, sysctl.Ordered(m)...)
	}
	return out, refused
}

// differing lists the settings that this host would need and does not have: a run never writes this host's own.
func differing(wanted []sysctl.Setting, has map[string]string) (out []record.SysctlRefusal) {
	for _, w := range wanted {
		if value, there := has[w.Key]; !there || strings.Join(strings.Fields(value), " ") != w.Value {
			out = append(out, record.SysctlRefusal{
				Key: w.Key, Asked: w.Value, Reason: fmt.Sprintf("this host has %q, and a run never writes this host's settings", value),
			})
		}
	}
	return out
}

// insist refuses to run without a setting that the scenario itself names: it would be another scenario.
func (r *run) insist(s *side, own map[string]string) error {
	for _, refused := range s.sysctls.Refused {
		for _, m := range []map[string]string{r.scenario.Sysctl.Both, own} {
			if _, named := m[refused.Key]; named {
				return fmt.Errorf("the scenario sets %s = %s on the %s, and this kernel refuses it: %s",
					refused.Key, refused.Asked, s.name, refused.Reason)
			}
		}
	}
	return nil
}

// spareDescriptors are what a peer needs beside its connections.
const spareDescriptors = 64

// descriptors says before the load when a side cannot hold as many connections as asked for, and asks for fewer.
func (r *run) descriptors() {
	soft, _, err := linux.NoFile()
	if err != nil {
		return // the peer raises its own and reports the error
	}
	most := max(1, int(soft)-spareDescriptors)
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

// workers is how many threads a side drives connections with: half the processors, unless the scenario says.
func workers(asked, most int) int {
	if asked == 0 {
		asked = max(1, runtime.NumCPU()/2)
	}
	return min(asked, most)
}

// length is how long a run may last at most.
func (r *run) length() scenario.Duration {
	return r.scenario.Load.Stop.After + r.scenario.Load.Hold + r.scenario.Client.Timeout
}

func (r *run) prepareServer(clients []netip.Prefix, srv netip.Prefix, st teardown.Strategy) (err error) {
	s := &r.scenario
	plan := &server.Plan{
		Listen:  []netip.AddrPort{netip.AddrPortFrom(srv.Addr(), uint16(s.Server.Port))},
		Backlog: s.Server.Backlog, Workers: workers(s.Server.Workers, s.Load.Concurrency), Sources: addrs(clients),
		Timeout: s.Client.Timeout, Length: r.length(), Request: s.Payload.Request, Response: s.Payload.Response,
		Steps: st.Server, CPUs: r.opt.CPUs.Server,
		LifeLeast: scenario.Duration(r.life.least), LifeMost: scenario.Duration(r.life.most),
	}
	w := r.watch()
	w.LocalPort = uint16(s.Server.Port)
	r.server.ready, err = r.server.remote.Prepare(r.hard, peer.Prepare{Server: plan, Watch: w})
	return err
}

func (r *run) prepareClient(clients []netip.Prefix, srv netip.Prefix, st teardown.Strategy) (err error) {
	s := &r.scenario
	dest := netip.AddrPortFrom(srv.Addr(), uint16(s.Server.Port))
	plan := &client.Plan{
		Sources: addrs(clients), Destinations: []netip.AddrPort{dest},
		Rate: s.Load.Rate, Concurrency: s.Load.Concurrency, Workers: workers(s.Client.Workers, s.Load.Concurrency),
		Until: s.Load.Stop.After, Timeout: s.Client.Timeout,
		Connections: s.Load.Stop.Connections, Failures: s.Load.Stop.Failures, PortRange: s.Client.LocalPortRange,
		Request: s.Payload.Request, Response: s.Payload.Response, Steps: st.Client, CPUs: r.opt.CPUs.Client,
	}
	if g := s.Load.Stop.TimeWait; g != nil {
		// Every connection makes one TIME_WAIT at most, so this many cannot overshoot; what is short is allowed after.
		r.limit, plan.Limit = g.Count, g.Count
		plan.Until += s.Load.Hold
	}
	for _, a := range plan.Sources {
		r.tuples = append(r.tuples, peer.Tuple{Source: a, Destination: dest})
	}
	w := r.watch()
	w.RemotePort, w.Tuples = uint16(s.Server.Port), r.tuples
	r.client.ready, err = r.client.remote.Prepare(r.hard, peer.Prepare{Client: plan, Watch: w})
	return err
}

func (r *run) watch() peer.Watch {
	return peer.Watch{IPv6: r.scenario.Family == scenario.IPv6, OwnNamespace: r.scenario.Topology == scenario.Veth}
}

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
