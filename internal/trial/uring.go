//go:build linux

package trial

import (
	"fmt"
	"net/netip"

	"twomsl/client"
	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// way is how engine split waits in a run, and why; "" where it was asked for.
type way struct{ io, why string }

// Unchained tells why a scenario's connections cannot be chains in io_uring, "" where they can be. It tries nothing.
func Unchained(s scenario.Scenario) string {
	s = s.Resolve()
	switch {
	case s.Engine != "split":
		return "engine " + s.Engine + " has its own way to wait"
	case !s.Stand.Off():
		return "sockets are to stand in states"
	case s.Relay != nil:
		return "there is a relay"
	case s.Theirs():
		return "the server is somebody else's"
	case s.Client.Command != "":
		return "the client is somebody else's"
	case s.Client.Descriptors > 0 || s.Server.Descriptors > 0:
		return "descriptors are limited, and those of a ring do not count"
	case s.Load.HalfOpen > 0:
		return "half-open connections stand beside the load"
	}
	strategy, err := teardown.For(s.Close)
	if err != nil {
		return err.Error()
	}
	r := &run{scenario: s, strategy: strategy}
	if s.Topology != scenario.Veth { // both sides have one address
		here := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		r.layOut([]netip.Addr{here}, []netip.AddrPort{netip.AddrPortFrom(here, 1)})
	}
	mine, theirs := r.clientPlan(), r.serverPlan()
	if why := client.Unchained(&mine); why != "" {
		return why
	}
	return server.Unchained(&theirs)
}

// chooseWay settles once, for both sides, how they wait: by what the plan allows, then by what either side's kernel does
// when it is tried.
func (r *run) chooseWay() error {
	s := &r.scenario
	r.way = way{io: s.IO}
	if r.commanded() {
		return nil
	}
	if s.Engine != "split" || s.IO != "auto" && s.IO != "uring" {
		return nil
	}
	why := Unchained(*s)
	if why == "" && s.IO == "auto" && s.Load.Rate != scenario.Max && s.Load.Rate <= client.TimedAll {
		why = fmt.Sprintf("at %v every connect() is timed, step by step", s.Load.Rate)
	}
	if why == "" {
		refused, err := r.tryRings()
		if err != nil {
			return err
		}
		if refused == "" {
			r.way.io = "uring"
			if s.IO == "auto" {
				r.way.why = "the plan allows it, and so does either side's kernel"
			}
			return nil
		}
		why = refused
	}
	if s.IO == "uring" {
		return &lab.UnavailableError{
			What: "io_uring cannot be used", Err: fmt.Errorf("%s", why), Remedy: "run with --io epoll; twomsl preflight tells more",
		}
	}
	r.way = way{io: "epoll", why: why}
	return nil
}

// tryRings has both sides try io_uring, and tells what refused it where.
func (r *run) tryRings() (refused string, err error) {
	plan := r.clientPlan()
	for _, s := range []*side{r.client, r.server} {
		ctx, cancel := bounded(r.hard)
		answer, err := s.remote.Ring(ctx, peer.Ring{Bind: s == r.client && plan.Binds()})
		cancel()
		switch {
		case err != nil:
			return "", err
		case answer.Refused != "":
			return fmt.Sprintf("the %s may not use io_uring (%s)", s.name, answer.Refused), nil
		}
	}
	return "", nil
}

// meter is how many connections have their bytes remembered one by one. Those run step by step, since nobody is told the
// port of a chain: in a ring there are fewer.
func (r *run) meter() int {
	if r.way.io == "uring" {
		return mostMeteredInRing
	}
	return mostMetered
}

// mostMeteredInRing of mostMetered.
const mostMeteredInRing = 1 << 11

// engineName tells engines whose figures must not be compared apart: the standard library chooses its own way to wait.
func (r *run) engineName() string {
	s := &r.scenario
	if r.commanded() {
		return byCommand
	}
	if r.spoken != "" {
		return "speak/" + r.spoken
	}
	if s.Engine != "split" {
		return s.Engine
	}
	if r.way.io == "" || r.way.io == "auto" { // a stand, a relay
		return s.Engine + "/epoll"
	}
	return s.Engine + "/" + r.way.io
}
