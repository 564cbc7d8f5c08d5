package diagnose

import (
	"fmt"
	"slices"

	"twomsl/internal/record"
)

// explicitBindExhausted: bind() before connect() has taken each port of a source address away from every destination.
func explicitBindExhausted(s *sight) (f finding) {
	refused, seen := s.errors([]string{"bind"}, "EADDRINUSE")
	of := s.busiestSource()
	switch {
	case refused > 0:
		f.confidence = record.Certain
		f.says = "bind() before connect() finds no port: each one that it takes is taken for every destination at once"
		f.evidence = some("bind() failed "+counted(refused, "time", "times")+" with EADDRINUSE", of.says())
		if of.usable > 0 && float64(of.used) < 0.9*float64(of.usable) {
			f.confidence = record.Likely
			f.evidence = append(f.evidence, "the range is not used up: the program names its ports itself, or they went between two looks")
		}
		return f
	case !seen && of.used > 0 && of.destinations > 1 && of.apart():
		f.confidence = record.Possible
		f.says = "The ports of " + of.address + " add up to its whole range over all destinations, as where bind() comes before connect()"
		f.evidence = some(of.says(), "the programs would get EADDRINUSE from bind(): look into their logs, or at strace -e bind,connect")
		return f
	case seen:
		f.out = "explicit bind: no bind() failed with EADDRINUSE"
	case s.h.Flows == nil:
		f.unseen = portsUnseen
	case of.usable > 0:
		f.out = fmt.Sprintf("explicit bind: all destinations of %s together have %s of its ports", of.address, percent(of.share()))
	case s.madeNone():
		f.out = "explicit bind: this host has made no connection that stands"
	default:
		f.unseen = "ports in use by source address: the flows do not tell them, or not their range"
	}
	return f
}

// source is the tuples of one source address together.
type source struct {
	address      string
	used, usable int64
	destinations int
	fullest      float64
	evenest      bool // neither parity is taken first
}

func (o *source) share() float64 {
	if o.usable <= 0 {
		return 0
	}
	return float64(o.used) / float64(o.usable)
}

// apart tells that every port is taken for one destination only, all of them together, and none is full: connect() by itself
// would have given the same ports to several.
func (o *source) apart() bool {
	return o.share() >= fullShare && o.used <= o.usable && o.fullest < fullShare && o.evenest
}

func (o *source) says() string {
	if o.usable == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s of %s ports in use, over %s", or(o.address, "any address"), count(o.used), count(o.usable),
		counted(int64(o.destinations), "destination", "destinations"))
}

// busiestSource is the source address with the most ports in use over all destinations.
func (s *sight) busiestSource() (most source) {
	byAddress := map[string]*source{}
	var order []string
	for i := range s.tuples {
		t := &s.tuples[i]
		o := byAddress[t.flow.Local]
		if o == nil {
			o = &source{address: t.flow.Local, usable: t.usable, evenest: true}
			byAddress[t.flow.Local], order = o, append(order, t.flow.Local)
		}
		o.used += t.used
		o.usable = max(o.usable, t.usable)
		o.fullest = max(o.fullest, t.share())
		o.evenest = o.evenest && t.mixed()
		if t.used > 0 {
			o.destinations++
		}
	}
	slices.Sort(order)
	for _, address := range order {
		if o := byAddress[address]; o.used > most.used || most.usable == 0 {
			most = *o
		}
	}
	return most
}

func bindRemedies(s *sight) []record.Remedy {
	return []record.Remedy{
		{
			When: "tonight", Kind: "configuration", Do: "leave the source address out where it is not needed (nginx: proxy_bind, HAProxy: source, " +
				"Squid: tcp_outgoing_address), so that connect() chooses the port",
			Risk: "the peer sees another source address if the host has several", Undo: "put it back",
		},
		{
			When: "tonight", Kind: "configuration", Do: "add source addresses: each has its own ports",
			Risk: "the peers must know the new addresses", Undo: "take them away",
		},
		{
			When: "lasting", Kind: "code",
			Do:   "set IP_BIND_ADDRESS_NO_PORT (Linux 4.2) before bind() with port 0: the port is then chosen by connect(), for each destination anew",
			Risk: "none known", Undo: "leave it out",
		},
		{
			When: "lasting", Kind: "code", Do: "keep connections open in a pool; tcp_tw_reuse does nothing here: a TIME_WAIT that bind() left is never handed out again",
			Risk: "a pool needs a limit and an idle timeout", Undo: "close after each request again",
		},
	}
}
