//go:build linux

package peer

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/probe"
	"twomsl/internal/scenario"
)

// somePlan has a service and its caller.
func somePlan(at netip.AddrPort, from netip.Addr) (service, caller probe.Plan) {
	often := scenario.Duration(20 * time.Millisecond)
	service = probe.Plan{Services: []probe.Service{{Kind: probe.SSH, Listen: at}}}
	caller = probe.Plan{
		Every: often, Timeout: 500 * often,
		Callers: []probe.Caller{{Name: "ssh", From: "outside", Kind: probe.SSH, Source: from, Target: at}},
	}
	return service, caller
}

// canaryRequests are for the fuzzer.
func canaryRequests() map[string]any {
	lo := netip.MustParseAddr("127.0.0.1")
	service, caller := somePlan(netip.AddrPortFrom(lo, 2222), lo)
	service.Callers, service.Every, service.Timeout = caller.Callers, caller.Every, caller.Timeout
	return map[string]any{
		"canaries": Canaries{Plan: service, Alias: &lab.Alias{
			Mark: probe.Mark, Source: lo, Destination: netip.AddrPortFrom(lo, 80), As: lo.Next(),
		}},
		"probe": service,
	}
}

// The canaries live in a process of their own, in the side's namespace; what comes before its time is refused, and the
// process is gone with its peer.
func TestNetNSCanariesProcess(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	ctx := t.Context()
	if _, err := p.client.HushCanaries(ctx); err == nil || !strings.Contains(err.Error(), errNoCanaries.Error()) {
		t.Errorf("the end before the beginning: %v", err)
	}
	service, caller := somePlan(netip.AddrPortFrom(p.destination.Addr(), 22), p.sources[0])
	for _, err := range []error{
		p.server.Canaries(ctx, Canaries{Plan: service}), p.client.Canaries(ctx, Canaries{Plan: caller}),
		p.client.CallCanaries(ctx, Start{Epoch: linux.Nano()}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.client.Canaries(ctx, Canaries{Plan: caller}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second time: %v", err)
	}
	if err := p.server.Canaries(ctx, Canaries{Plan: service}); err == nil {
		t.Error("a second time on the server: no error")
	}
	time.Sleep(time.Second) // fifty turns, of which one is surely taken
	r, err := p.client.HushCanaries(ctx)
	if err != nil || len(r.Canaries) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	c := r.Canaries[0]
	if c.Calls == 0 || c.Answered != c.Calls || int64(len(c.Points)) != c.Calls || c.Name != "ssh" || c.Latency == nil {
		t.Errorf("%+v", c)
	}
}

// A service that cannot stand is an error with the address in it, not a peer that dies.
func TestNetNSCanaryServiceThatCannotStand(t *testing.T) {
	p := newPair(t)
	service, _ := somePlan(netip.MustParseAddrPort("192.0.2.1:22"), p.sources[0])
	err := p.server.Canaries(t.Context(), Canaries{Plan: service})
	if err == nil || !strings.Contains(err.Error(), "192.0.2.1:22") || errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
	if _, err := p.server.Hello(context.Background()); err != nil {
		t.Errorf("the peer is gone: %v", err)
	}
}
