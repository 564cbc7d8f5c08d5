//go:build linux

package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"twomsl/client"
	"twomsl/internal/command"
	"twomsl/internal/foreign"
	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/sysctl"
	"twomsl/relay"
	"twomsl/server"
)

// agent is the side's process: what the control protocol's requests work on.
type agent struct {
	mu       sync.Mutex
	tried    bool // prepare was called: it may have left half of its work, so it is not called again
	prepared bool
	started  bool
	client   client.Engine
	groups   []client.Engine
	server   server.Engine
	relay    *relay.Relay
	foreign  *foreign.Server
	web      bool // server is net/http's, and its processor time that of the process
	paired   bool // client and server are the two ends of one engine
	// foreignCPU is what it had used at the start
	foreignCPU record.CPU
	sampler    *sampler
	onward     *sampler // of a relay's sockets that face the server; nil elsewhere
	counters   *sample.CounterFiles
	before     map[string]uint64 // counters at the start
	beforeAt   int64             // when that was, on CLOCK_MONOTONIC
	last       map[string]uint64 // counters when the host vanished; nil: it has not
	epoch      int64
	settings   string            // where they are read and written
	defaults   map[string]string // what they were when the conductor said hello
	canary     canary
	profile    profile
}

// procSys is where settings are read and written; its net part follows the process's namespace.
const procSys = "/proc/sys"

// procSelf is where counters are read: every thread of a peer is in its namespace.
const procSelf = "/proc/self"

// Inherited is the control connection that the conductor left under a descriptor.
func Inherited(fd uintptr) (net.Conn, error) {
	f := os.NewFile(fd, "control")
	defer f.Close() // FileConn makes its own descriptor
	return net.FileConn(f)
}

// Serve answers the conductor on conn until it goes away.
func Serve(conn net.Conn) error {
	a := &agent{settings: procSys}
	gone := make(chan struct{})
	s := &http.Server{
		Handler: a.routes(), ReadHeaderTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ConnState: func(_ net.Conn, st http.ConnState) {
			if st == http.StateClosed {
				close(gone)
			}
		},
	}
	go func() {
		<-gone
		s.Close() //nolint:errcheck // the one connection is closed already
	}()
	err := s.Serve(&once{conn: conn, gone: gone})
	a.end()
	a.canary.end()
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// mostRequest bounds a request's size.
const mostRequest = 8 << 20

func (a *agent) routes() http.Handler {
	mux := http.NewServeMux()
	route(mux, "hello", a.hello)
	route(mux, "network", a.network)
	route(mux, "linked", a.linked)
	route(mux, "sysctls", a.sysctls)
	route(mux, "ring", a.ring)
	route(mux, "prepare", a.prepare)
	route(mux, "learn", a.learn)
	route(mux, "start", a.start)
	route(mux, "progress", a.progress)
	route(mux, "limit", a.limit)
	route(mux, "gate", a.gate)
	route(mux, "aging", a.aging)
	route(mux, "renew", a.renew)
	route(mux, "holds", a.holds)
	route(mux, "track", a.track)
	route(mux, "stop", a.stop)
	route(mux, "vanish", a.vanish)
	route(mux, "standing", a.standing)
	route(mux, "split", a.split)
	route(mux, "finish", a.finish)
	a.canary.routes(mux)
	return mux
}

func (a *agent) hello(context.Context, none) (Hello, error) {
	// /proc is the host's: there, /proc/self is the number by which the host knows this process.
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return Hello{}, fmt.Errorf("/proc/self: %w", err)
	}
	pid, err := strconv.Atoi(self)
	if err != nil {
		return Hello{}, fmt.Errorf("/proc/self is %q: %w", self, err)
	}
	defaults, err := sysctl.Snapshot(a.settings)
	a.mu.Lock()
	a.defaults = defaults
	a.mu.Unlock()
	return Hello{Version: Version, PID: pid, Defaults: defaults, Host: hostID()}, err
}

func (a *agent) network(_ context.Context, n Network) (none, error) {
	if err := lab.SetUpLink(n.Addresses); err != nil {
		return none{}, err
	}
	if len(n.Onward) > 0 {
		return none{}, lab.SetUpOnward(n.Onward)
	}
	if n.Buffered && n.Link.Rate == 0 { // a link with a rate has its queue
		return none{}, lab.Buffer()
	}
	return none{}, lab.Shape(n.Link)
}

func (a *agent) holds(_ context.Context, h Holds) (none, error) { return none{}, lab.SetHolds(h.Holds) }

func (a *agent) linked(context.Context, none) (none, error) { return none{}, lab.AwaitLink() }

func (a *agent) sysctls(_ context.Context, s Settings) (record.Sysctls, error) {
	a.mu.Lock()
	defaults := a.defaults
	a.mu.Unlock()
	return sysctl.Carry(a.settings, s.Settings, s.Recipe, defaults), nil
}

func (a *agent) prepare(ctx context.Context, p Prepare) (Ready, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tried {
		return Ready{}, errors.New("prepared already: one process serves one run")
	}
	if err := p.check(); err != nil {
		return Ready{}, err
	}
	a.tried, a.profile.wanted = true, p.Profile
	if err := linux.LimitNoFile(p.Descriptors); err != nil {
		return Ready{}, err
	}
	workers, err := a.open(ctx, p)
	if err != nil {
		return Ready{}, err
	}
	// A worker sits in its system calls with its processor; the runtime needs two more for the sampler and the control.
	runtime.GOMAXPROCS(workers + 2)
	if p.Part {
		a.prepared = true
		return Ready{Resident: a.resident()}, nil
	}
	if a.sampler, err = newSampler(p.Watch, a.tallied); err != nil {
		return Ready{}, err
	}
	if err := a.watchOnward(p); err != nil {
		return Ready{}, err
	}
	a.prepared = true
	ready := Ready{Resident: a.resident()}
	if ready.Effective, err = sysctl.Snapshot(a.settings); err != nil {
		return Ready{}, err
	}
	if p.Watch.OwnNamespace {
		if ready.Offloads, err = linux.Offloads(lab.Link); err != nil {
			ready.Offloads = nil // reported as unmeasured
		}
	}
	return ready, a.runShort(p.OpenFiles)
}

// open makes the engines, and tells how many threads they drive.
func (a *agent) open(ctx context.Context, p Prepare) (workers int, err error) {
	switch {
	case p.Paired != nil:
		if err = a.openPaired(p); err != nil {
			return 0, err
		}
		workers += p.Client.Workers
	case p.Command != nil:
		workers++ // who answers for it
		a.client = command.New(*p.Command)
	case p.Client != nil:
		workers += p.Client.Threads()
		if a.client, err = openClient(p); err != nil {
			return 0, err
		}
	}
	if p.Server != nil {
		workers += p.Server.Threads()
		a.web = slices.Contains(server.Spoken, p.Server.Engine)
		if a.server, err = openServer(p); err != nil {
			return 0, err
		}
	}
	if err := a.startForeign(ctx, p.Foreign); err != nil {
		return 0, err
	}
	if p.Relay != nil {
		workers += 2 // and another sampler
		if a.relay, err = relay.New(*p.Relay); err != nil {
			return 0, err
		}
	}
	for _, plan := range p.Groups {
		workers += plan.Workers
		group, err := client.Open(plan)
		if err != nil {
			return 0, err
		}
		a.groups = append(a.groups, group)
	}
	return workers, nil
}

// clients are all that opens connections here.
func (a *agent) clients() []client.Engine {
	if a.client == nil {
		return a.groups
	}
	return append([]client.Engine{a.client}, a.groups...)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// ready gives the error of a request that comes before its time.
func (a *agent) ready(started bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !a.prepared:
		return errors.New("nothing is prepared")
	case a.started && !started:
		return errors.New("started already: one process serves one run")
	case !a.started && started:
		return errors.New("the load has not been started")
	}
	return nil
}

func (a *agent) start(_ context.Context, s Start) (none, error) {
	if err := a.ready(false); err != nil {
		return none{}, err
	}
	if s.Epoch <= 0 {
		return none{}, fmt.Errorf("start: epoch %d is no moment of CLOCK_MONOTONIC", s.Epoch)
	}
	var err error
	if a.counters != nil { // the side's first process; the others only open and hold
		a.beforeAt = linux.Nano()
		if a.before, err = a.counters.Read(); err != nil {
			return none{}, err
		}
	}
	if a.foreign != nil {
		if a.foreignCPU, err = foreign.CPU(); err != nil {
			return none{}, err
		}
		a.foreign.Forget()
	}
	if err := a.profile.start(); err != nil {
		return none{}, err
	}
	a.mu.Lock()
	a.started, a.epoch = true, s.Epoch
	a.mu.Unlock()
	for _, one := range a.samplers() {
		one.start(s.Epoch)
	}
	if a.relay != nil {
		a.relay.Start(s.Epoch)
	}
	if a.server != nil {
		a.server.Start(s.Epoch)
	}
	for _, c := range a.clients() {
		c.Start(s.Epoch)
	}
	return none{}, nil
}

func (a *agent) progress(_ context.Context, s Since) (Progress, error) {
	if err := a.ready(true); err != nil {
		return Progress{}, err
	}
	p := a.tallied()
	p.Served = a.servedToo()
	for _, g := range a.groups {
		p.Groups = append(p.Groups, g.Progress())
	}
	if err := a.loadErr(); err != nil || a.sampler == nil {
		return p, err
	}
	samples, err := a.sampler.since(s.After)
	if p.Samples = samples; err == nil && a.onward != nil {
		p.Onward, err = a.onward.since(s.AfterOnward)
	}
	return p, err
}

// loadErr tells why an engine that is done could not work.
func (a *agent) loadErr() error {
	if a.server != nil && closed(a.server.Done()) && a.server.Err() != nil {
		return a.server.Err()
	}
	if a.relay != nil && closed(a.relay.Done()) && a.relay.Err() != nil {
		return a.relay.Err()
	}
	for _, c := range a.clients() {
		if closed(c.Done()) && c.Err() != nil {
			return c.Err()
		}
	}
	if a.foreign != nil {
		return a.foreign.Err()
	}
	return nil
}

func (a *agent) stop(_ context.Context, s Stop) (none, error) {
	if err := a.ready(true); err != nil {
		return none{}, err
	}
	for _, c := range a.clients() {
		c.Stop(s.Reason)
	}
	return none{}, nil
}

// end stops whatever runs; the process is about to leave.
func (a *agent) end() {
	a.profile.stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.clients() {
		c.Abort("interrupt")
	}
	if a.server != nil {
		a.server.Stop()
	}
	if a.foreign != nil {
		a.foreign.Stop()
	}
	if a.relay != nil {
		a.relay.Stop()
	}
	if a.started {
		for _, one := range a.samplers() {
			one.stop() //nolint:errcheck // nobody is left to be told
		}
	}
	a.closeCounters()
}
