//go:build linux

// Package pairtest runs the real client and server against each other for a test, in one process.
//
// Neither's outcome depends on how fast the machine is: every wait here is for something that must come, and its limit
// only ends a test that has failed.
package pairtest

import (
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/paired"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// Limit is how long anything that must happen is waited for.
const Limit = 30 * time.Second

// spareProcs let Go's scheduler run the test beside workers that keep their processor in system calls.
const spareProcs = 2

// inFlight is how many connections a worker has where a test does not say.
const inFlight = 8

// Options say what is out of the ordinary; what is zero is filled in.
type Options struct {
	Engine string // of both sides: split
	// Open is how engine paired is made: paired.Open.
	Open   func(paired.Plan) (*paired.Pair, error)
	Close  scenario.Close // client, linger off
	Listen netip.Addr     // 127.0.0.1
	Client client.Plan
	Server server.Plan
}

// Pair is a server that serves and a client that is yet to start.
type Pair struct {
	t       testing.TB
	Client  client.Engine
	Server  server.Engine
	Address netip.AddrPort
	Epoch   int64
}

// New starts the server and makes the client. Whatever the test forgets is stopped at its end.
func New(t testing.TB, o Options) *Pair {
	t.Helper()
	if o.Close.Side == "" {
		o.Close.Side = scenario.ClientSide
	}
	o.Close = scenario.Scenario{Close: o.Close}.Resolve().Close
	if !o.Listen.IsValid() {
		o.Listen = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	strategy, err := teardown.For(o.Close)
	if err != nil {
		t.Fatal(err)
	}
	if o.Client.Destinations == nil {
		o.Client.Destinations = []netip.AddrPort{Reserve(t, o.Listen)}
	}
	p := &Pair{t: t, Address: o.Client.Destinations[0]}
	o.Client.Steps, o.Server.Steps = strategy.Client, strategy.Server
	o.Client.LeavesTimeWait = teardown.Leaves(strategy.Expect.Client)
	o.Server.LeavesTimeWait = teardown.Leaves(strategy.Expect.Server)
	ClientPlan(&o.Client)
	fill(&o.Client.Engine, o.Engine)
	fill(&o.Server.Engine, o.Engine)
	ServerPlan(&o.Server, &o.Client)
	Procs(t, threads(&o.Client)+o.Server.Workers)
	Chained(t, &o.Client)
	Served(t, &o.Server)
	p.open(&o)
	return p
}

// open starts the server and makes the client. A nil *T in an interface would not be nil: errors are looked at first.
func (p *Pair) open(o *Options) {
	p.t.Helper()
	if o.Engine == paired.Name {
		p.openPaired(o)
		return
	}
	srv, err := server.Open(o.Server)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Server = srv
	p.Server.Start(linux.Nano())
	p.t.Cleanup(p.stop)
	cl, err := client.Open(o.Client)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Client = cl
}

// Engines are all that can drive one side alone, by the names that records have for them, and split as auto has it.
var Engines = []string{"split", "split/uring", "split/blocking", "net"}

// openPaired makes both sides at once, on one set of threads.
func (p *Pair) openPaired(o *Options) {
	p.t.Helper()
	if o.Open == nil {
		o.Open = paired.Open
	}
	pair, err := o.Open(paired.Plan{Client: o.Client, Server: o.Server})
	if err != nil {
		p.t.Fatal(err)
	}
	p.Server, p.Client = pair.Server(), pair.Client()
	p.Server.Start(linux.Nano())
	p.t.Cleanup(p.stop)
}

// EachPair runs a test of two sides with every engine, that which drives both of them among them.
func EachPair(t *testing.T, run func(t *testing.T, engine string)) {
	EachEngine(t, run)
	t.Run(paired.Name, func(t *testing.T) { run(t, paired.Name) })
}

// EachEngine runs a test with every engine that can drive one side alone.
func EachEngine(t *testing.T, run func(t *testing.T, engine string)) {
	for _, engine := range Engines {
		t.Run(engine, func(t *testing.T) { run(t, engine) })
	}
}

// Chained skips a test whose plan asks for io_uring and cannot be chains there.
func Chained(t testing.TB, p *client.Plan) {
	t.Helper()
	if why := client.Unchained(p); rings(p.Engine) && why != "" {
		t.Skip("io_uring: " + why)
	}
}

// Timed is on how many of n connections an engine times connect(), where no rate is asked for: on one in sixteen of each
// worker's, the first included, where they are chains.
func Timed(engine string, n int64, workers int) (timed int64) {
	if !rings(engine) {
		return n
	}
	for i := range workers {
		timed += (client.ShareOf(n, i, workers) + 15) / 16
	}
	return timed
}

// Served skips a test whose plan asks for io_uring and cannot be served there.
func Served(t testing.TB, p *server.Plan) {
	t.Helper()
	if why := server.Unchained(p); rings(p.Engine) && why != "" {
		t.Skip("io_uring: " + why)
	}
}

func rings(engine string) bool { return strings.HasSuffix(engine, "/uring") }

// ClientPlan fills in what a plan leaves out: one worker, 64 bytes each way, as fast as it goes.
func ClientPlan(c *client.Plan) {
	fill(&c.Rate, scenario.Max)
	fill(&c.Workers, 1)
	fill(&c.Concurrency, inFlight*c.Workers)
	fill(&c.Until, scenario.Duration(Limit))
	fill(&c.Timeout, scenario.Duration(Limit))
	fill(&c.Request, 64)
	fill(&c.Response, 64)
	if c.Sources == nil {
		c.Sources = []netip.Addr{c.Destinations[0].Addr()}
	}
	if c.Steps == nil {
		c.Steps = []teardown.Step{{Op: teardown.Close}}
	}
}

// ServerPlan fills in what a plan leaves out: one worker, and what the client plan says.
func ServerPlan(s *server.Plan, c *client.Plan) {
	if s.Listen == nil {
		s.Listen = c.Destinations
	}
	if s.Sources == nil {
		s.Sources = c.Sources
	}
	fill(&s.Backlog, 1024)
	fill(&s.Workers, 1)
	if blocks(s.Engine) { // a thread for whatever a test has in flight
		s.Workers = max(inFlight*s.Workers, min(c.Concurrency, server.MostThreads))
	}
	fill(&s.Timeout, c.Timeout)
	fill(&s.Length, c.Until+c.Timeout)
	fill(&s.Request, c.Request)
	fill(&s.Response, c.Response)
	fill(&s.Rounds, c.Rounds)
	fill(&s.Meter, c.Meter)
	s.Socket = server.Socket{ReuseAddress: true, ReusePort: true, FastOpen: c.Socket.FastOpen}
	fill(&s.LifeLeast, scenario.Duration(60*time.Second))
	fill(&s.LifeMost, scenario.Duration(63*time.Second))
}

func fill[T comparable](field *T, v T) {
	var zero T
	if *field == zero {
		*field = v
	}
}

// threads is how many a client takes.
func threads(c *client.Plan) int {
	if blocks(c.Engine) {
		return c.Concurrency
	}
	return c.Workers
}

func blocks(engine string) bool { return strings.HasSuffix(engine, "/blocking") }

// Procs gives Go's scheduler as many processors as the workers hold, and some more, until the test ends.
func Procs(t testing.TB, workers int) {
	before := runtime.GOMAXPROCS(workers + spareProcs)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// Start starts the client.
func (p *Pair) Start() {
	p.Epoch = linux.Nano()
	p.Client.Start(p.Epoch)
}

// Finish waits until the client is done and the server has nothing open, stops the server and gives what they came to.
func (p *Pair) Finish() (client.Result, server.Result) {
	p.t.Helper()
	Done(p.t, "the client", p.Client.Done())
	Until(p.t, "the server has nothing open", func() bool { return p.Server.Progress().InFlight() == 0 })
	p.Server.Stop()
	Done(p.t, "the server", p.Server.Done())
	if err := p.Server.Err(); err != nil {
		p.t.Error(err)
	}
	p.Client.Release()
	return Result(p.t, p.Client), p.Server.Result(linux.Nano())
}

// Run starts the client and finishes.
func (p *Pair) Run() (client.Result, server.Result) {
	p.t.Helper()
	p.Start()
	return p.Finish()
}

func (p *Pair) stop() {
	if p.Client != nil {
		if p.Epoch == 0 {
			p.Start() // so that it frees what New has opened
		}
		p.Client.Abort("end of test")
		Done(p.t, "the client", p.Client.Done())
		p.Client.Release()
	}
	p.Server.Stop()
	Done(p.t, "the server", p.Server.Done())
}

// RunClient runs a client of its own, against a peer that the test has made.
func RunClient(t testing.TB, plan client.Plan) client.Result {
	t.Helper()
	ClientPlan(&plan)
	Procs(t, threads(&plan))
	Chained(t, &plan)
	c, err := client.Open(plan)
	if err != nil {
		t.Fatal(err)
	}
	c.Start(linux.Nano())
	Done(t, "the client", c.Done())
	return Result(t, c)
}

// Result holds a client that is done to its ledger: each connection that was opened has ended in one way.
func Result(t testing.TB, c client.Engine) client.Result {
	t.Helper()
	if err := c.Err(); err != nil {
		t.Error(err)
	}
	res, err := c.Result()
	if err != nil {
		t.Error(err)
	}
	p := res.Progress
	if p.Opened != p.OK+p.Failed+res.Unfinished {
		t.Errorf("%d opened are not %d ok, %d failed and %d unfinished", p.Opened, p.OK, p.Failed, res.Unfinished)
	}
	return res
}

// OnlyOK holds outcomes to one line: n connections that were good.
func OnlyOK(t testing.TB, n int64, outcomes ...[]record.Outcome) {
	t.Helper()
	for _, side := range outcomes {
		if len(side) != 1 || side[0].Cause != string(record.OK) || side[0].Count != n {
			t.Errorf("%+v, expected %d good ones and nothing else", side, n)
		}
	}
}

// Done waits for a channel to be closed.
func Done(t testing.TB, who string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(Limit):
		t.Fatalf("%s did not end", who)
	}
}

// Until waits for a condition that must come true.
func Until(t testing.TB, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(Limit); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// Reserve finds a free port and keeps it until the test ends, by a socket that is bound and does not listen: a server
// with SO_REUSEPORT may listen there, and where none does, a connect is refused.
func Reserve(t testing.TB, a netip.Addr) netip.AddrPort {
	t.Helper()
	fd, e := linux.Socket(a.Is6())
	if e != 0 {
		t.Fatal(e)
	}
	t.Cleanup(func() { linux.Close(fd) })
	sa := linux.NewSockaddr(netip.AddrPortFrom(a, 0))
	if e := linux.SetReuse(fd); e != 0 {
		t.Fatal(e)
	}
	if e := linux.Bind(fd, &sa); e != 0 {
		t.Fatal(e)
	}
	if e := linux.LocalAddr(fd, &sa); e != 0 {
		t.Fatal(e)
	}
	return sa.AddrPort()
}

// Descriptors holds a test to leaving as many descriptors open as there were. Call it first: it looks last.
func Descriptors(t testing.TB) {
	t.Helper()
	before := openFiles(t)
	t.Cleanup(func() {
		after := openFiles(t)
		for end := time.Now().Add(time.Second); after != before && time.Now().Before(end); after = openFiles(t) {
			time.Sleep(time.Millisecond) // those of goroutines that are about to end
		}
		if after != before {
			t.Errorf("%d descriptors are open, %d were before", after, before)
		}
	})
}

// openFiles counts the one that it opens, too, and those of Go's poller, which comes with the first.
func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
