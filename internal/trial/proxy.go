//go:build linux

package trial

import (
	"errors"
	"fmt"

	"twomsl/internal/foreign"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// A proxy that nobody here wrote stands in the relay's place: its host is looked at as our own relay's is, and what only our
// own counts is not known.

func (r *run) proxied() bool { return r.scenario.Relay != nil && r.scenario.Relay.Command != "" }

func (r *run) prepareProxy() (err error) {
	r.relay.ready, err = r.relay.remote.Prepare(r.hard, peer.Prepare{
		Foreign: &peer.Foreign{
			Name: "relay.command", Command: r.scenario.Relay.Command, Listen: r.destinations[0], Server: r.onward.destinations[0],
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
	why["relay.outcomes"] = "the proxy is not ours, and why its calls failed only its own log tells"
	why["relay.ports.first_exhaustion_seconds"] = "the proxy is not ours, and when a connect() of it first found no port is not known; " +
		"relay.ports.successes is what its kernel opened (Tcp.ActiveOpens - Tcp.AttemptFails)"
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
