//go:build linux

// Package relay is the host between client and server, a proxy: it accepts a connection, opens one to the server for it,
// or takes one that it has kept, passes the bytes on both ways, and counts what the kernel says to either.
//
// It is one locked OS thread with its own epoll instance and non-blocking sockets, like a worker of the other two sides.
// That is enough for some ten thousand connections a second, and leaves it certain which connect() came first.
package relay

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"twomsl/internal/linux"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// Plan is all that the relay needs to know of a run.
type Plan struct {
	Listen  netip.AddrPort `json:"listen"` // where the client comes
	Backlog int            `json:"backlog"`
	// Sources are the relay's addresses towards the server, in turn; with one, the kernel chooses it. All sources are used
	// before the next of the Destinations.
	Sources      []netip.Addr     `json:"sources"`
	Destinations []netip.AddrPort `json:"destinations"`
	Socket       Socket           `json:"socket"` // of the connections to the server
	// Pool is how many connections to the server are kept open for the next client, at most; 0: none.
	Pool     int               `json:"pool"`
	Timeout  scenario.Duration `json:"timeout"` // from accept() to the end of an exchange
	Request  scenario.Size     `json:"request"` // by these it knows when an exchange is over, like a proxy by its lengths
	Response scenario.Size     `json:"response"`
	Rounds   int               `json:"rounds"` // requests per connection; 0: one
	// ClientSteps and ServerSteps take the connections to the one and to the other down.
	ClientSteps []teardown.Step `json:"client_steps"`
	ServerSteps []teardown.Step `json:"server_steps"`
}

// Socket is what each socket towards the server is given before connect().
type Socket struct {
	PortRange  scenario.PortRange `json:"port_range"`
	BindNoPort bool               `json:"bind_no_port"` // IP_BIND_ADDRESS_NO_PORT where an address is bound
}

// SocketOf is what a scenario's relay block asks of each socket towards the server.
func SocketOf(r scenario.Relay) Socket {
	return Socket{PortRange: r.LocalPortRange, BindNoPort: r.BindAddressNoPort != scenario.Off}
}

// binds tells whether sockets towards the server are bound to an address.
func (p *Plan) binds() bool { return len(p.Sources) > 1 }

// tuple gives the n-th connection's source and destination: sources change fastest.
func (p *Plan) tuple(n int64) (source, destination int) {
	s, d := int64(len(p.Sources)), int64(len(p.Destinations))
	return int(n % s), int(n / s % d)
}

func (p *Plan) rounds() int64 { return int64(max(1, p.Rounds)) }

func (p *Plan) ipv6() bool { return p.Listen.Addr().Is6() }

// options are all that a socket towards the server can be given, in the order in which they are set.
var options = []linux.Option[Plan]{
	{
		Name: "IP_LOCAL_PORT_RANGE", Since: "6.3",
		Asked: func(p *Plan) bool { return !p.Socket.PortRange.Off() },
		Set: func(fd int, p *Plan) linux.Errno {
			return linux.SetLocalPortRange(fd, p.Socket.PortRange.Low, p.Socket.PortRange.High)
		},
	},
	{
		Name: "IP_BIND_ADDRESS_NO_PORT", Since: "4.2",
		Asked: func(p *Plan) bool { return p.binds() && p.Socket.BindNoPort },
		Set:   func(fd int, _ *Plan) linux.Errno { return linux.SetBindAddressNoPort(fd) },
	},
}

// Relay serves one run. Its methods are safe for use by several goroutines.
type Relay struct {
	plan    Plan
	options []linux.Option[Plan]
	sources []linux.Sockaddr
	dests   []linux.Sockaddr
	worker  *worker

	stopped atomic.Bool
	wg      sync.WaitGroup
	done    chan struct{}
	err     error // of a worker that could not work; read after done
}

// New opens the listener. Every error says which address and what to do.
func New(plan Plan) (*Relay, error) {
	if !plan.Listen.IsValid() || len(plan.Sources) == 0 || len(plan.Destinations) == 0 || plan.Request < 1 {
		return nil, errors.New("relay plan: an address to listen on, one to open from, one to go to and a request are needed")
	}
	r := &Relay{plan: plan, done: make(chan struct{})}
	var err error
	if r.options, err = linux.Wanted(options, &plan, plan.ipv6()); err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	for _, a := range plan.Sources {
		r.sources = append(r.sources, linux.NewSockaddr(netip.AddrPortFrom(a, 0)))
	}
	for _, d := range plan.Destinations {
		r.dests = append(r.dests, linux.NewSockaddr(d))
	}
	if r.worker, err = newWorker(r); err != nil {
		return nil, err
	}
	return r, nil
}

// Start lets the relay accept; epoch is the start of the load on CLOCK_MONOTONIC, in nanoseconds.
func (r *Relay) Start(epoch int64) {
	r.worker.epoch = epoch
	r.wg.Go(r.worker.run)
	go func() {
		r.wg.Wait()
		close(r.done)
	}()
}

// Stop ends the serving. What is open stays so until Release: the other sides have yet to count.
func (r *Relay) Stop() { r.stopped.Store(true) }

// Done is closed when the worker runs no more.
func (r *Relay) Done() <-chan struct{} { return r.done }

// Err tells, after Done, why the worker could not work; nil where it did.
func (r *Relay) Err() error { return r.err }

// Release closes the listener and all that is open. It may be called once Done is closed, or in place of Start.
func (r *Relay) Release() { r.worker.shut() }

// Progress is the running total. A connection that was taken from the client is Relayed, Failed or still under way.
type Progress struct {
	Accepted int64 `json:"accepted"`
	Relayed  int64 `json:"relayed"`
	Failed   int64 `json:"failed"`
	// Called is how often a connection to the server was asked for, Established how many of those came to stand, Refused how
	// many did not.
	Called      int64 `json:"called"`
	Established int64 `json:"established"`
	Refused     int64 `json:"refused"`
	// Exhausted tells that no port was left for one: EADDRNOTAVAIL from connect(), EADDRINUSE from bind().
	Exhausted bool `json:"exhausted"`
}

// Progress may be asked for at any time.
func (r *Relay) Progress() Progress {
	t := &r.worker.totals
	// ended before begun: an ended connection is never missing among those that began
	p := Progress{
		Relayed: t.relayed.Load(), Failed: t.failed.Load(), Established: t.established.Load(), Refused: t.refused.Load(),
		Exhausted: t.exhausted.Load(),
	}
	p.Accepted, p.Called = t.accepted.Load(), t.called.Load()
	return p
}
