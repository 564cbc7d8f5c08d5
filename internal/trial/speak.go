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
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// Speaking is a server of ours for clients that are not.
type Speaking struct {
	Protocol    string // one of server.Spoken
	Listen      netip.AddrPort
	Connections int64 // stop when so many have ended; 0: do not
	// Listening, where it is set, is called when clients may come.
	Listening func()
}

// Speak serves on this host's own network until soft ends, the scenario's time is up or enough connections have ended, and
// makes a record of the server's side. Where it listens at a loopback address its clients are on this host, too, and their
// sockets are counted as well; else the record says why they are not.
func Speak(soft, hard context.Context, s scenario.Scenario, opt Options, sp Speaking) (*record.Trial, error) {
	r := &run{scenario: s, opt: opt, hard: hard, started: time.Now(), destinations: []netip.AddrPort{sp.Listen}, spoken: sp.Protocol}
	r.sources = []netip.Addr{sp.Listen.Addr()} // clients over lo; of others nothing is remembered
	var err error
	if r.strategy, err = teardown.For(s.Close); err != nil {
		return nil, err
	}
	if r.life, err = lifeOfTimeWait(); err != nil {
		return nil, err
	}
	if r.stood, err = standingAt(sp.Listen.Port()); err != nil {
		return nil, err
	}
	end, err := r.openSpeaking(sp)
	defer end()
	if err != nil {
		return nil, err
	}
	if sp.Listening != nil {
		sp.Listening()
	}
	r.begin(r.listenersFirst()...)
	r.serve(soft, sp.Connections)
	r.split()
	r.finish()
	return r.record()
}

// standingAt counts the sockets at a port, on either end; listeners are among them.
func standingAt(port uint16) (int64, error) {
	var all int64
	for _, f := range []sample.Filter{{LocalPort: port}, {RemotePort: port}} { // the clients' too, where they are on this host
		f.BothFamilies, f.CountsOnly = true, true
		split, err := sample.Once(f)
		if err != nil {
			return 0, err
		}
		all += split.Counts.Total()
	}
	return all, nil
}

// openSpeaking starts the processes and has the server listen.
func (r *run) openSpeaking(sp Speaking) (end func(), err error) {
	if r.lab, err = lab.Alone("server", r.opt.Program); err != nil {
		return func() {}, err
	}
	end = r.lab.Close
	r.server = &side{
		name: "server", remote: peer.NewRemote("server", r.lab.Server.Control), lab: &r.lab.Server,
		addresses: []string{sp.Listen.Addr().String()},
	}
	r.client = absent("client", "the clients are not ours, and not on this host: look at them there (twomsl states, twomsl diagnose --live)")
	if sp.Listen.Addr().IsLoopback() {
		other, err := lab.Alone("client", r.opt.Program)
		if err != nil {
			return end, err
		}
		end = func() { other.Close(); r.lab.Close() }
		r.client = &side{name: "client", remote: peer.NewRemote("client", other.Client.Control), lab: &other.Client}
	}
	for _, s := range r.sides() {
		if s.hello, err = s.remote.Hello(r.hard); err != nil {
			return end, err
		}
	}
	plan := r.serverPlan()
	plan.Engine, plan.IO, plan.Workers, plan.Meter = sp.Protocol, "", 1, 0
	plan.Length, plan.Timeout = r.length(), r.length()
	if r.server.ready, err = r.server.remote.Prepare(r.hard, peer.Prepare{Server: &plan, Watch: r.watch(serverSide)}); err != nil {
		return end, r.explain(err)
	}
	if r.client.absent == "" {
		r.client.ready, err = r.client.remote.Prepare(r.hard, peer.Prepare{Counts: true, Watch: r.watch(clientSide)})
	}
	return end, err
}

// serve waits until there is an end to it. Being told to stop is how such a run ends, and no interruption.
func (r *run) serve(soft context.Context, connections int64) {
	r.stoppedBy = "after"
	for r.failure == nil && r.elapsed() < r.scenario.Load.Stop.After.Std() {
		if !r.pause(soft, lookEvery) {
			r.interrupted, r.stoppedBy = false, "interrupt"
			break
		}
		r.look("load")
		if p := r.server.progress; connections > 0 && p.OK+p.Failed >= connections {
			r.stoppedBy = "connections"
			break
		}
	}
	r.look("load")
	r.loadSeconds, r.loadOpened = r.elapsed().Seconds(), r.server.progress.Opened
}

// foundStanding says that sockets stood at the port before, and are counted with those that came.
func (r *run) foundStanding(*record.Trial) *record.Warning {
	if r.spoken == "" || r.stood == 0 {
		return nil
	}
	return &record.Warning{
		Code:   "not-fresh",
		Text:   fmt.Sprintf("%s of an earlier run stood at this port when it began, and are counted with this one's", connections(r.stood)),
		Advice: "wait a minute, or serve at another port: --listen",
		Spoils: counts,
	}
}

// askedToClose says that clients wanted the server to close first, which HTTP gives them the right to (RFC 9112, section 9.6).
func (r *run) askedToClose(t *record.Trial) *record.Warning {
	res := r.server.result
	if res == nil || res.Server == nil || res.Server.AskedToClose == 0 {
		return nil
	}
	return &record.Warning{
		Code: "asked-to-close",
		Text: fmt.Sprintf("%s had the server close first, as their clients asked (HTTP/1.0, or Connection: close): their TIME_WAIT is on the server",
			connections(res.Server.AskedToClose)),
		Advice: "have the client keep its connections and close them itself: ab -k, wrk, curl without -H 'Connection: close'",
		Spoils: []string{},
	}
}

// CheckSpeaking tells whether a protocol is one that is spoken here, and the way to close one that a server can do alone.
func CheckSpeaking(protocol string, c scenario.Close) error {
	switch {
	case !slices.Contains(server.Spoken, protocol):
		return fmt.Errorf("--speak %q is not known here; allowed: http, echo, discard", protocol)
	case c.Side != scenario.ServerSide && c.Side != scenario.ClientSide:
		return fmt.Errorf("--close-side %q: who closes first is the server or the client", c.Side)
	case c.Side == scenario.ClientSide && c.Linger.On:
		return errors.New("--linger is for the side that closes first, and the client's socket is not ours: add --close-side=server")
	}
	return nil
}
