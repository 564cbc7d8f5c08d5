//go:build linux

package trial

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sync/errgroup"

	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/relay"
)

// A relay stands between two pairs: to the client it is the server, to the server it is the client. The run itself is the
// first pair; run.onward is the second, with a scenario that says what the relay does there.

func startLab(s scenario.Scenario, p lab.Program) (*lab.Lab, error) {
	if s.Relay != nil {
		return lab.StartRelayed(p)
	}
	return lab.Start(s.Topology, p)
}

// sides are all processes of the run.
func (r *run) sides() []*side {
	if r.relay != nil {
		return []*side{r.client, r.relay, r.server}
	}
	return present(r.client, r.server)
}

// listenersFirst has each side after the one that it opens connections to.
func (r *run) listenersFirst() []*side {
	out := slices.Clone(r.sides())
	slices.Reverse(out)
	return out
}

// serversPair is the pair that the server is one of.
func (r *run) serversPair() *run {
	if r.onward != nil {
		return r.onward
	}
	return r
}

// relayed brings three hosts to the point where the load can start.
func (r *run) relayed() (err error) {
	s := r.scenario.Relay
	r.relay = &side{name: "relay", remote: peer.NewRemote("relay", r.lab.Relay.Control), lab: r.lab.Relay}
	if r.strategy, err = teardown.For(r.scenario.Close); err != nil {
		return err
	}
	if r.onward, err = r.secondPair(); err != nil {
		return err
	}
	chain := lab.RelayedAddresses(r.scenario.Family, r.scenario.Client.Addresses, s.Addresses, r.scenario.Server.Addresses)
	if err := r.link(chain); err != nil {
		return err
	}
	if err := r.writeSettings(); err != nil {
		return err
	}
	for _, s := range r.sides() {
		if err := s.remote.Linked(r.hard); err != nil {
			return err
		}
	}
	if r.life, err = lifeOfTimeWait(); err != nil {
		return err
	}
	r.onward.life = r.life
	r.descriptors()
	r.layOut(addrs(chain.Client), []netip.AddrPort{netip.AddrPortFrom(chain.Relay[0].Addr(), uint16(s.Port))})
	r.onward.layOutTuples(addrs(chain.Onward), addrs(chain.Server))
	if err := r.onward.prepareServer(); err != nil {
		return err
	}
	if err := r.prepareRelay(); err != nil {
		return err
	}
	if err := r.prepareClient(); err != nil {
		return err
	}
	return r.foreseeBoth()
}

// secondPair is what the relay does as the server's client.
func (r *run) secondPair() (*run, error) {
	s, relay := r.scenario, r.scenario.Relay
	s.Client.Addresses, s.Client.LocalPortRange = relay.Addresses, relay.LocalPortRange
	s.Client.Bind, s.Client.BindAddressNoPort = scenario.Bind{Mode: scenario.BindAuto}, relay.BindAddressNoPort
	s.Client.ReuseAddress, s.Client.ReusePort = scenario.Off, scenario.Off
	s.Close = scenario.Close{Side: scenario.ServerSide, How: "fin"}
	if relay.Close == scenario.RelaySide {
		s.Close.Side = scenario.ClientSide
	}
	strategy, err := teardown.For(s.Close)
	return &run{scenario: s, opt: r.opt, hard: r.hard, lab: r.lab, client: r.relay, server: r.server, strategy: strategy}, err
}

// link gives each host its network.
func (r *run) link(chain lab.Chain) error {
	var all errgroup.Group
	all.Go(func() error { return r.greet(r.client, chain.Client, nil) })
	all.Go(func() error { return r.greet(r.relay, chain.Relay, chain.Onward) })
	all.Go(func() error { return r.greet(r.server, chain.Server, nil) })
	return all.Wait()
}

// untilEOF has the server answer as many requests on a connection as the relay sends, for as long as the run lasts.
func (r *run) untilEOF() bool { return r.scenario.Relay != nil && r.scenario.Relay.Pool > 0 }

func (r *run) prepareRelay() (err error) {
	if r.proxied() {
		return r.prepareProxy()
	}
	s := &r.scenario
	plan := relay.Plan{
		Listen: r.destinations[0], Backlog: s.Server.Backlog, Sources: r.onward.sources, Destinations: r.onward.destinations,
		Socket: relay.SocketOf(*s.Relay), Pool: s.Relay.Pool, Timeout: s.Client.Timeout,
		Request: s.Payload.Request, Response: s.Payload.Response, Rounds: s.Client.Requests,
		ClientSteps: r.strategy.Server, ServerSteps: r.onward.strategy.Client,
	}
	r.relay.ready, err = r.relay.remote.Prepare(r.hard, peer.Prepare{
		Relay: &plan, Watch: r.watchRelay(serverSide), Onward: r.watchRelay(clientSide),
	})
	return err
}

// tellApart is how often a relay's sockets are counted by state: sockstat has both of its sides in one, so that nothing is
// known in between.
const tellApart = scenario.Duration(lookEvery)

// watchRelay says what is counted of the relay's sockets in the part that it plays towards one side: the server's towards
// the client, the client's towards the server.
func (r *run) watchRelay(as scenario.Side) peer.Watch {
	port := uint16(r.scenario.Relay.Port)
	w := peer.Watch{IPv6: r.scenario.Family == scenario.IPv6, Every: tellApart, Budget: r.scenario.Sample.Budget.Share()}
	if as == serverSide {
		w.LocalPort, w.BothFamilies = port, r.proxied()
		return w
	}
	w.NotLocalPort, w.Tuples = port, r.onward.tuples
	if r.untilEOF() {
		w.Standing = []record.State{record.Established}
	}
	return w
}

// foreseeBoth computes the forecasts of both pairs.
func (r *run) foreseeBoth() error {
	first := *r
	first.server = r.relay // whom the client opens to
	if err := first.foresee(); err != nil {
		return err
	}
	r.ranges, r.forecast = first.ranges, first.forecast
	if err := r.onward.foresee(); err != nil {
		return err
	}
	instead := ""
	switch {
	case r.untilEOF():
		instead = "connections to the server are kept and used again"
	case r.proxied():
		instead = "how many connections the proxy opens, and which it closes first, is its own affair"
	}
	for i := range r.onward.forecast {
		if instead != "" {
			r.onward.forecast[i] = record.Forecast{HowTaken: instead}
		}
	}
	return nil
}

// relayMoment is nil where there is no relay.
func (r *run) relayMoment() *RelayMoment {
	if r.relay == nil {
		return nil
	}
	return &RelayMoment{
		PID: r.relay.hello.PID, TowardsClient: lastTimeWait(r.relay.samples), TowardsServer: lastTimeWait(r.relay.onward),
	}
}

// relayRecord is nil where there is no relay.
func (r *run) relayRecord() *record.Relay {
	if r.relay == nil {
		return nil
	}
	s := r.relay
	out := &record.Relay{PID: s.hello.PID, Addresses: s.addresses, Sysctls: s.sysctls, Ports: []record.Tuple{}, Outcomes: []record.Outcome{}}
	out.Close, out.Pool = string(r.scenario.Relay.Close), r.scenario.Relay.Pool
	out.Sysctls.Effective = s.ready.Effective
	if !r.proxied() {
		out.Accepted, out.Relayed = s.progress.Opened, &s.progress.OK
	}
	var near, far *peer.Seen
	if res := s.result; res != nil {
		near, far = &res.Seen, res.Onward
		out.Counters = res.Counters
		out.Sampler.UserSeconds = near.Sampler.UserSeconds + far.Sampler.UserSeconds
		out.Sampler.SystemSeconds = near.Sampler.SystemSeconds + far.Sampler.SystemSeconds
		r.relayTold(out, res)
	}
	out.Client, out.Server = r.face(s.samples, near), r.face(s.onward, far)
	r.relayPorts(out)
	return out
}

// relayTold fills in what the relay has counted of its connections.
func (r *run) relayTold(out *record.Relay, res *peer.Result) {
	if r.proxied() {
		r.proxyTold(out, res)
		return
	}
	out.CPU, out.Outcomes = res.Relay.CPU, res.Relay.Outcomes
	out.Accepted, out.Relayed = res.Relay.Progress.Accepted, &res.Relay.Progress.Relayed
}

// face is one of the relay's sides; seen is nil where it has died.
func (r *run) face(samples []record.Sample, seen *peer.Seen) record.RelayFace {
	f := record.RelayFace{Samples: samples}
	if f.Samples == nil {
		f.Samples = []record.Sample{}
	}
	if n, err := sample.TimeWaitBytes(r.scenario.Family == scenario.IPv6); err == nil {
		f.TimeWait.BytesEach = &n
	}
	f.TimeWait.Peak, f.TimeWait.Plateau = peakOf(samples), plateauOf(samples, r.loadSeconds*1e3)
	if seen == nil {
		return f
	}
	f.States, f.Sampling = record.SideStates{Peak: everyState(seen.Peak), End: everyState(seen.End)}, &seen.Sampling
	if seen.LongestLeftMS > 0 {
		l := float64(seen.LongestLeftMS) / 1e3
		f.TimeWait.LifetimeSeconds = &l
	}
	return f
}

// relayPorts are the tuples from the relay to the server.
func (r *run) relayPorts(out *record.Relay) {
	for i, tuple := range r.onward.tuples {
		p := record.Tuple{
			Source: tuple.Source.String(), Destination: tuple.Destination.Addr().String(), Port: int(tuple.Destination.Port()),
			Range: r.onward.ranges[i], Forecast: r.onward.forecast[i],
		}
		if res := r.relay.result; res != nil {
			seen := res.Onward.PeakPorts[i]
			p.PeakInUse, p.PeakEven, p.PeakOdd = &seen.InUse, &seen.Even, &seen.Odd
			if r.proxied() {
				r.proxyPort(&p, i, res)
			} else {
				c := res.Relay.Tuples[i]
				p.Successes, p.OKBeforeFirstExhaustion, p.FirstExhaustionSeconds = c.Successes, c.OKBefore, c.FirstExhaustionSeconds
			}
		}
		out.Ports = append(out.Ports, p)
	}
}

// judgeRelay adds the warnings that the relay's ports call for.
func (r *run) judgeRelay(t *record.Trial) {
	if t.Relay == nil {
		return
	}
	second := *t
	second.Ports = t.Relay.Ports
	for _, w := range []func(*record.Trial) *record.Warning{r.onward.rangeNotFilled, r.onward.oddRange} {
		if found := w(&second); found != nil {
			found.Text = "relay: " + found.Text
			r.warn(*found)
		}
	}
}

// withoutPort is how often the relay found no port towards the server, in words; "" where it always did.
func withoutPort(t *record.Trial) string {
	if t.Relay == nil {
		return ""
	}
	var n int64
	for _, o := range t.Relay.Outcomes {
		if o.Cause == string(record.AddrNotAvailable) || o.Phase == "bind" && o.Cause == string(record.AddrInUse) {
			n += o.Count
		}
	}
	switch {
	case n == 0:
		return portsGone(t)
	case t.Scenario.RelayCommand != "": // which may call more than once for a connection
		return fmt.Sprintf("%d connect() calls of the proxy found no port towards the server", n)
	}
	return fmt.Sprintf("for %d of the %d connections that the relay took it found no port towards the server", n, t.Relay.Accepted)
}
