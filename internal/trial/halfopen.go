//go:build linux

package trial

import (
	"context"
	"net/netip"
	"time"

	"twomsl/client"
	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// halfOpen are connections that fill the listener's SYN queue beside the load. Their client has an address of its own,
// whose bare ACKs the lab keeps from leaving: the handshakes are real, and never end. Nothing is forged.
type halfOpen struct {
	address  netip.Addr
	allowed  int64
	released bool      // the load has been let go
	since    time.Time // when the first was allowed
}

// halfOpenLimit is how long the load waits for them: a host under such a queue may refuse some at first.
const halfOpenLimit = 2 * time.Second

// splitSources gives the load its client addresses, and the half-open connections the one that follows.
func (r *run) splitSources(clients []netip.Addr) []netip.Addr {
	if r.scenario.Load.HalfOpen == 0 {
		return clients
	}
	last := len(clients) - 1
	r.half.address = clients[last]
	return clients[:last]
}

// holdLastACKs keeps the half-open connections half open.
func (r *run) holdLastACKs() error {
	if r.scenario.Load.HalfOpen == 0 {
		return nil
	}
	return r.client.remote.Holds(r.hard, []lab.Hold{{Segment: lab.ACK, Local: r.half.address}})
}

// withHalfOpen adds them to what the client is to open. The load waits until they stand.
func (r *run) withHalfOpen(p *peer.Prepare) {
	n := r.scenario.Load.HalfOpen
	if n == 0 {
		return
	}
	r.half.allowed, r.half.since = int64(n), time.Now()
	p.Client.Limit = -1
	p.Groups = []client.Plan{{
		Engine: "split", Sources: []netip.Addr{r.half.address}, Destinations: r.destinations, Rate: scenario.Max,
		Socket:  client.Socket{Bind: scenario.Bind{Mode: scenario.BindAddress}, BindNoPort: true},
		Workers: 1, Concurrency: n, Until: r.length(), Timeout: r.length(), Request: r.scenario.Payload.Request,
		Response: r.scenario.Payload.Response, Rounds: 1, Silent: true, Steps: []teardown.Step{{Op: teardown.Stay}},
		Limit: r.half.allowed,
	}}
}

// mostHalfOpen bounds how many are ever opened: each keeps a descriptor of the client.
const mostHalfOpen = 15_000

// keepHalfOpen lets the load go once they stand, and opens as many as have been given up since (tcp_synack_retries).
func (r *run) keepHalfOpen() {
	want := int64(r.scenario.Load.HalfOpen)
	if want == 0 || r.failure != nil {
		return
	}
	st, err := r.standing(r.server)
	if err != nil {
		return
	}
	// A listener holds one more than its backlog; what is beyond that stands on the client alone.
	room := int64(r.scenario.Server.Backlog+1) * int64(r.listenersEach()) * int64(len(r.destinations))
	short := min(want, room) - st.Counts[record.SynRecv]
	if !r.half.released && (short <= 0 || time.Since(r.half.since) > halfOpenLimit) {
		r.half.released = true
		r.ask(r.client, func(ctx context.Context) error { return r.client.remote.Limit(ctx, unlimited) }) //nolint:errcheck // noted
	}
	if !r.half.released || short <= 0 || r.half.allowed+short > mostHalfOpen {
		return
	}
	r.half.allowed += short
	r.ask(r.client, func(ctx context.Context) error { //nolint:errcheck // ask has taken note
		return r.client.remote.GroupLimit(ctx, 0, r.half.allowed)
	})
}

// unlimited lets every connection of the load start.
const unlimited = int64(1) << 62

// standsHalfOpen are the states that the half-open connections stay in on a side.
func (r *run) standsHalfOpen(of scenario.Side) []record.State {
	switch {
	case r.scenario.Load.HalfOpen == 0:
		return nil
	case of == serverSide:
		return []record.State{record.SynRecv}
	}
	return []record.State{record.SynSent, record.Established}
}
