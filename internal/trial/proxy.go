//go:build linux

package trial

import (
	"errors"
	"fmt"

	"twomsl/internal/foreign"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/tally"
)

// A proxy that nobody here wrote stands in the relay's place: its host is looked at as our own relay's is, and what only our
// own counts is not known.

func (r *run) proxied() bool { return r.scenario.Relay != nil && r.scenario.Relay.Command != "" }

func (r *run) prepareProxy() (err error) {
	r.relay.ready, err = r.relay.remote.Prepare(r.hard, peer.Prepare{
		Foreign: &peer.Foreign{
			Name: "relay.command", Command: r.scenario.Relay.Command, Listen: r.destinations[0], Server: r.onward.destinations[0], Sources: r.onward.sources,
			Program: peer.Program{Path: r.opt.Program.Path, Args: r.opt.Program.Root},
		},
		Watch: r.watchRelay(serverSide), Onward: r.watchRelay(clientSide),
	})
	return err
}

// installed wants the programs that are named by their configuration, before anything is started.
func installed(s *scenario.Scenario) error {
	errs := []error{foreign.Installed(s.Server.Command)}
	if s.Relay != nil {
		errs = append(errs, foreign.Installed(s.Relay.Command))
	}
	if err := errors.Join(errs...); err != nil {
		return &peer.CannotError{Text: err.Error()}
	}
	return nil
}

// proxyUnmeasured says what is not there for its sake.
func (r *run) proxyUnmeasured(why map[string]string) {
	if !r.proxied() {
		return
	}
	why["relay.relayed"] = "the proxy is not ours, and which requests it passed on whole is not known; relay.accepted is what its kernel " +
		"accepted (Tcp.PassiveOpens)"
	if res := r.relay.result; res != nil && res.Connects == nil {
		why["relay.outcomes"] = "the proxy's connect() calls could not be watched: " + res.Unwatched
		why["relay.ports.first_exhaustion_seconds"] = why["relay.outcomes"]
	}
}

// proxyTold fills in what is known of a proxy's connections: its kernel counts the handshakes, and its connect() calls were
// watched where the kernel lets them be. Which requests it passed on whole it alone knows.
func (r *run) proxyTold(out *record.Relay, res *peer.Result) {
	out.CPU, out.Accepted = *res.ForeignCPU, res.Counters["Tcp.PassiveOpens"]
	told := res.Connects
	if told == nil {
		out.Unwatched = res.Unwatched
		return
	}
	n := countCommand(true, told.Attempted, told.Failed, res.Counters, nil)
	out.Outcomes = withOK(told.Outcomes, n.attempted-n.failed)
	if n.later > 0 {
		out.Outcomes = append(out.Outcomes, record.Outcome{
			Side: "relay", Phase: tally.Connect.String(), Cause: string(record.Other), Count: n.later,
		})
	}
	r.connectsUnseen("proxy", told.Unseen, n)
}

// proxyPort tells what is known of the proxy's calls on its tuple i. What it opened its kernel has counted: it opens to the
// server alone.
func (r *run) proxyPort(p *record.Tuple, i int, res *peer.Result) {
	p.Successes = max(0, res.Counters["Tcp.ActiveOpens"]-res.Counters["Tcp.AttemptFails"])
	if res.Connects != nil {
		one := &res.Connects.Tuples[i]
		p.OKBeforeFirstExhaustion, p.FirstExhaustionSeconds = one.BeforeFirstExhaustion, one.FirstExhaustionSeconds
	}
}

// fullShare is from where on a tuple counts as full: a port that comes free is taken again before the next look.
const fullShare = 0.98

// portsGone says that a proxy of somebody else's was seen with all ports towards the server taken; "" where it never was.
func portsGone(t *record.Trial) string {
	if t.Scenario.RelayCommand == "" {
		return ""
	}
	for i := range t.Relay.Ports {
		p := &t.Relay.Ports[i]
		usable := int64(p.Range.Size()) - reservedIn(t.Relay.Sysctls.Effective["net.ipv4.ip_local_reserved_ports"], p.Range)
		if n := p.PeakInUse; n != nil && usable > 0 && float64(*n) >= fullShare*float64(usable) {
			return fmt.Sprintf("the proxy had %d of its %d ports towards the server taken", *n, usable)
		}
	}
	return ""
}
