//go:build linux

package trial

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"twomsl/internal/lab"
	"twomsl/internal/pairing"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

// Two hosts: the client is here, in this program's own network namespace, and the server's peer answers over a pairing.Link
// what a local one would answer. Neither namespace is ours alone, so that sockets are told apart by the server's port, and
// counters are the sides' own only where nobody else opened a connection meanwhile.

// hosts is what a run notes of two hosts; the zero value is a run in a lab.
type hosts struct {
	link  *pairing.Link
	clock pairing.Alignment
	end   *pairing.Alignment
}

func (r *run) overHosts() bool { return r.scenario.Topology == scenario.Hosts }

// pairHosts greets both sides, and sees to it that the load's address is the paired server's.
func (r *run) pairHosts() error {
	l := r.hosts.link
	r.client = &side{name: "client", remote: peer.NewRemote("client", r.lab.Client.Control), lab: &r.lab.Client}
	r.server = &side{name: "server", remote: l.Remote, far: true}
	stale, err := remains(l.Target.Addr())
	if err != nil {
		return err
	}
	if err := l.Pair(r.hard, pairing.Order{Tool: r.opt.Tool, Run: r.runID(), Scenario: r.scenario, Avoid: stale}); err != nil {
		return err
	}
	from := r.opt.From
	if len(from) == 0 {
		from = []netip.Addr{l.Local}
	}
	if err := l.Consent(r.hard, r.bound(from)); err != nil {
		return err
	}
	if r.hosts.clock, err = l.Align(r.hard); err != nil {
		return err
	}
	for _, s := range r.sides() {
		if s.hello, err = s.remote.Hello(r.hard); err != nil {
			return err
		}
	}
	for _, a := range from {
		r.client.addresses = append(r.client.addresses, a.String())
	}
	r.server.addresses = []string{l.Target.Addr().String()}
	r.sources, r.destinations = from, []netip.AddrPort{l.Target}
	return nil
}

// remains are the ports of a server to which this host has sockets of any state.
func remains(server netip.Addr) (ports []uint16, err error) {
	split, err := sample.Once(sample.Filter{BothFamilies: true})
	if err != nil {
		return nil, err
	}
	for _, t := range split.Tuples {
		if t.Remote == server && !slices.Contains(ports, t.RemotePort) && len(ports) < mostRemains {
			ports = append(ports, t.RemotePort)
		}
	}
	return ports, nil
}

// mostRemains bounds what the server is told of them.
const mostRemains = 1024

// notFresh says that sockets of an earlier run stood at the load's port.
func (r *run) notFresh(t *record.Trial) *record.Warning {
	if t.Hosts == nil || !r.hosts.link.Welcome.Stale {
		return nil
	}
	return &record.Warning{
		Code: "not-fresh", Text: fmt.Sprintf("sockets of an earlier run stood at port %d of the server when the load began, and are counted with "+
			"this one's: no other port was free of them", r.destinations[0].Port()),
		Advice: "wait a minute, or let `twomsl server` have more --ports: each run then has one that is fresh",
		Spoils: append([]string{"first_exhaustion_seconds", "failed", "ports.peak_share"}, counts...),
	}
}

// bound is the address that the first of the load's connections comes from; not valid where the kernel chooses.
func (r *run) bound(from []netip.Addr) netip.Addr {
	if len(r.opt.From) == 0 {
		return netip.Addr{}
	}
	return from[0]
}

// writeHosts lends either host's own settings to the run, the scenario's and the recipe's, where its owner has accepted that.
func (r *run) writeHosts() error {
	for _, p := range []struct {
		*side
		own    map[string]string
		recipe []sysctl.Setting
		lend   func(settings, recipe []sysctl.Setting) (record.Sysctls, error)
	}{
		{r.server, r.scenario.Sysctl.Server, r.opt.Recipe.Server, r.lendThere},
		{r.client, r.scenario.Sysctl.Client, r.opt.Recipe.Client, r.lendHere},
	} {
		settings, _ := r.settings(p.side, p.own)
		settings = unlike(settings, p.hello.Defaults)
		if len(settings)+len(p.recipe) == 0 {
			continue
		}
		changed, err := p.lend(settings, p.recipe)
		var cannot *peer.CannotError
		if errors.As(err, &cannot) && len(p.recipe) == 0 { // the run goes on with what that host has, and says so
			p.sysctls.Refused = differing(settings, p.hello.Defaults)
			continue
		}
		if err != nil {
			return err
		}
		p.sysctls = changed
	}
	return nil
}

// unlike leaves out what is as wanted: nothing is to be lent then.
func unlike(settings []sysctl.Setting, has map[string]string) (out []sysctl.Setting) {
	for _, s := range settings {
		if len(differing([]sysctl.Setting{s}, has)) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func (r *run) lendHere(settings, recipe []sysctl.Setting) (record.Sysctls, error) {
	if r.opt.Host == nil {
		return record.Sysctls{}, &peer.CannotError{Text: "client: this host's own settings are not changed unless that is accepted with --accept-risk=host-sysctl"}
	}
	loan, asked, err := r.opt.Host.Lend(append(settings, recipe...))
	if err != nil {
		return record.Sysctls{}, err
	}
	r.loan = loan
	return sysctl.Lent(asked, recipe), nil
}

func (r *run) lendThere(settings, recipe []sysctl.Setting) (record.Sysctls, error) {
	return r.server.remote.Sysctls(r.hard, peer.Settings{Settings: settings, Recipe: recipe})
}

// startOf is a moment of this host's clock on a side's.
func (r *run) startOf(s *side) int64 {
	if s.far {
		return r.epoch + int64(r.hosts.clock.Offset)
	}
	return r.epoch
}

// ahead is how long before the first intended start the sides are told: a far one needs the way there.
func (r *run) ahead() time.Duration { return headStart + 2*r.hosts.clock.RoundTrip }

// partHosts asks for the clock once more and ends the session well; a server that is gone is known by then.
func (r *run) partHosts() {
	l := r.hosts.link
	if l == nil || r.server.err != nil {
		return
	}
	ctx, cancel := bounded(r.hard)
	defer cancel()
	if end, err := l.Align(ctx); err == nil {
		r.hosts.end = &end
	}
	if err := l.Bye(ctx); err != nil && r.failure == nil {
		r.fail(r.server.name, err.Error())
	}
}

// hostsRecord is what there was between the two.
func (r *run) hostsRecord() *record.Hosts {
	l := r.hosts.link
	if l == nil {
		return nil
	}
	h := &record.Hosts{
		Control: l.Control, Server: l.Welcome.Host, Session: l.Welcome.Session, Tool: l.Welcome.Tool,
		Environment: l.Welcome.Environment, Clock: r.hosts.clock.Record(r.hosts.end),
	}
	h.Others.Client, h.Others.Server = r.others(r.client), r.others(r.server)
	return h
}

// others counts the connections of a side's host that were not the run's; nil where it has told nothing. A SYN that went out
// is in ActiveOpens, and a connect() that found no port sent none (tcp_v4_connect); a handshake that came to its end is in
// PassiveOpens (tcp_create_openreq_child).
func (r *run) others(s *side) *int64 {
	res := s.result
	if res == nil || res.Counters == nil {
		return nil
	}
	opened, taken := res.Counters["Tcp.ActiveOpens"], res.Counters["Tcp.PassiveOpens"]
	switch {
	case res.Client != nil:
		opened -= res.Client.Progress.Opened - unsent(res.Client.Outcomes)
	case res.Server != nil:
		taken -= res.Server.Progress.Opened
	}
	n := max(0, opened) + max(0, taken)
	return &n
}

// unsent are connections whose connect() failed before a SYN went out.
func unsent(all []record.Outcome) (n int64) {
	for _, o := range all {
		switch o.Phase {
		case "socket", "option", "bind":
			n += o.Count
		case "connect":
			if o.Cause == string(record.AddrNotAvailable) || o.Cause == string(record.AddrInUse) || o.Cause == string(record.NotPermitted) {
				n += o.Count
			}
		}
	}
	return n
}

// ownCounters tells whether a side's counters are its own: in a lab's namespace, and on a host that did nothing else.
func (r *run) ownCounters(s *side) bool {
	if r.overHosts() {
		n := r.others(s)
		return n != nil && *n == 0
	}
	return r.scenario.Topology == scenario.Veth
}

// busyHost tells that a side's host had connections of others.
func (r *run) busyHost(s *side) bool {
	n := r.others(s)
	return n != nil && *n > 0
}

// notQuiet says that a host had other connections.
func (r *run) notQuiet(t *record.Trial) *record.Warning {
	if t.Hosts == nil {
		return nil
	}
	for _, s := range []struct {
		name string
		n    *int64
	}{{"client", t.Hosts.Others.Client}, {"server", t.Hosts.Others.Server}} {
		if s.n == nil || *s.n == 0 {
			continue
		}
		return &record.Warning{
			Code: "host-not-quiet",
			Text: fmt.Sprintf("%s of others came and went on the %s's host meanwhile, and its counters are the whole host's",
				connections(*s.n), s.name),
			Advice: "counts of sockets and outcomes are the run's own; for what rests on counters, and for the ledger, use quiet hosts or a lab",
			Spoils: []string{"tw_reused", "tw_overflow", "listen_drops", "syncookies_sent"},
		}
	}
	return nil
}

// clocksApart says that the hosts disagree on the time of day: logs of the two will not be found by it.
func (r *run) clocksApart(t *record.Trial) *record.Warning {
	const most = 5 * time.Second
	apart := r.hosts.clock.WallApart
	if t.Hosts == nil || apart.Abs() < most {
		return nil
	}
	return &record.Warning{
		Code: "clocks-apart",
		Text: fmt.Sprintf("the server's wall clock is %v off the client's; times in this record are the client's, aligned to %.0f us",
			apart.Round(time.Second), t.Hosts.Clock.UncertaintyUS),
		Advice: "nothing measured rests on wall clocks; set the time (NTP) to find the same moment in both hosts' logs",
		Spoils: []string{},
	}
}

// startSides starts what this program itself is to be: a lab, or the client alone where the server is not ours, or on another
// host, which is reached first.
func (r *run) startSides(soft context.Context) (*lab.Lab, error) {
	switch {
	case r.scenario.Server.Running.IsOn():
	case !r.overHosts():
		return startLab(r.scenario, r.opt.Program)
	case r.opt.Dial == nil:
		return nil, errors.New("topology hosts takes a server to pair with: name it with --server HOST:PORT")
	default:
		var err error
		if r.hosts.link, err = r.opt.Dial(soft, r.scenario); err != nil {
			return nil, err
		}
	}
	return lab.Alone("client", r.opt.Program)
}

// close ends the session, and the server's part of what is under way.
func (h *hosts) close() {
	if h.link != nil {
		h.link.Close()
	}
}

// onLoopback tells whether client and server meet over lo, where the kernel's defaults are other ones (tcp_twsk_unique).
func (r *run) onLoopback() bool {
	switch r.scenario.Topology {
	case scenario.Veth:
		return false
	case scenario.Hosts:
		return len(r.destinations) > 0 && r.destinations[0].Addr().IsLoopback()
	}
	if r.toTarget() {
		return r.destinations[0].Addr().IsLoopback()
	}
	return true
}

// goneFar says what is known of a server on another host that does not answer any more.
func (r *run) goneFar(err error) string {
	if !errors.Is(err, peer.ErrLost) {
		return err.Error()
	}
	return fmt.Sprintf("the server at %s is gone, or what is between it and this host: %v; its host keeps a record of its side, where "+
		"`twomsl server` still runs", r.hosts.link.Control, err)
}
