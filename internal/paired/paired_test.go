//go:build linux

package paired_test

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/paired"
	"twomsl/internal/pairtest"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

var byReset = scenario.Close{Side: scenario.ClientSide, How: "linger=0"}

// endless is a churn by resets that goes on until it is stopped. A reset that a crowded machine drops is sent once only: who
// waits for it gives up after a while.
func endless(t *testing.T, workers int) *pairtest.Pair {
	return pairtest.New(t, pairtest.Options{
		Engine: paired.Name, Close: byReset,
		Client: client.Plan{Workers: workers, Concurrency: 32 * workers, Timeout: scenario.Duration(5 * time.Second)},
	})
}

// A worker never keeps the world from stopping: each collection stops it twice, and one that waited in a system call of
// which the scheduler does not know would hold it up for good.
func TestTheWorldStopsDuringAChurn(t *testing.T) {
	pairtest.Descriptors(t)
	pair := endless(t, 2)
	pair.Start()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 50 {
			runtime.GC()
		}
	}()
	pairtest.Done(t, "fifty collections beside a churn", ended)
	pair.Client.Stop("enough")
	c, s := pair.Finish()
	if c.Progress.OK == 0 || s.Progress.Opened < c.Progress.OK {
		t.Errorf("client %+v, server %+v", c.Progress, s.Progress)
	}
}

// list is what a collection has to follow one by one.
type list struct {
	next *list
	_    [6]uintptr
}

// A collection never keeps the workers: they go on while it marks. What there is to mark takes far longer than a connection.
func TestWorkersGoOnDuringACollection(t *testing.T) {
	pairtest.Descriptors(t)
	var all *list
	for range 1_000_000 {
		all = &list{next: all}
	}
	pair := endless(t, 1)
	pair.Start()
	pairtest.Until(t, "the churn has begun", func() bool { return pair.Client.Progress().OK > 0 })
	var during int64
	for range 10 {
		before := pair.Client.Progress().OK
		runtime.GC()
		during += pair.Client.Progress().OK - before
	}
	runtime.KeepAlive(all)
	if during == 0 {
		t.Error("not one connection ended while ten collections ran")
	}
	pair.Client.Stop("enough")
	pair.Finish()
}

// A connection that lands at another worker's listener is served there: here each of them does.
func TestConnectionsThatLandElsewhere(t *testing.T) {
	cpus, err := linux.AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	if len(cpus) < 2 {
		t.Skip("one processor: there is no other worker's listener")
	}
	for _, how := range []scenario.Close{byReset, {Side: scenario.ServerSide, How: "linger=0"}} {
		t.Run(string(how.Side), func(t *testing.T) {
			pairtest.Descriptors(t)
			const n = 3000
			pair := pairtest.New(t, pairtest.Options{
				Engine: paired.Name, Open: paired.OpenCrossed, Close: how,
				Client: client.Plan{Workers: 2, Concurrency: 48, Connections: n, Meter: n},
			})
			c, s := pair.Run()
			if c.Progress.OK != n || s.Progress.OK != n || c.Written != s.Read || s.Foreigners != 0 {
				t.Errorf("client %+v, server %+v", c.Progress, s.Progress)
			}
		})
	}
}

// A tuple that comes back to another worker than closed it has its TIME_WAIT counted as replaced all the same.
func TestNetNSTupleComesBackToAnyWorker(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	nstest.Sysctl(t, "ipv4/ip_local_port_range", "40000 40199")
	nstest.Sysctl(t, "ipv4/tcp_rfc1337", "1")
	const n = 2000
	c, s := pairtest.New(t, pairtest.Options{
		Engine: paired.Name, Close: scenario.Close{Side: scenario.ServerSide},
		Client: client.Plan{Workers: 2, Concurrency: 32, Connections: n, Destinations: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:20000")}},
	}).Run()
	states, err := sample.NewStates()
	if err != nil {
		t.Fatal(err)
	}
	defer states.Close() //nolint:errcheck // only read from
	var seen sample.Split
	if err := states.Split(sample.Filter{LocalPort: 20000}, &seen); err != nil {
		t.Fatal(err)
	}
	standing := seen.Counts[record.TimeWait]
	if c.Progress.OK != n || s.FirstCloses != n || standing == 0 || s.Replaced != n-standing {
		t.Errorf("%d ok, %d closed first, %d replaced and %d standing", c.Progress.OK, s.FirstCloses, s.Replaced, standing)
	}
}

// Without an address that can be had nothing starts, and nothing stays open.
func TestOpenThatFails(t *testing.T) {
	pairtest.Descriptors(t)
	plan := client.Plan{Destinations: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:9")}}
	pairtest.ClientPlan(&plan)
	of := server.Plan{Steps: plan.Steps}
	pairtest.ServerPlan(&of, &plan)
	if _, err := paired.Open(paired.Plan{Client: plan, Server: of}); err == nil || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("%v", err)
	}
	if _, err := paired.Open(paired.Plan{Client: plan, Server: of, NetNS: "/proc/self/ns/pid"}); err == nil {
		t.Error("no namespace for the listeners, and no error")
	}
	of.Steps = []teardown.Step{{Op: teardown.Linger, Seconds: 2}, {Op: teardown.Close}}
	if _, err := paired.Open(paired.Plan{Client: plan, Server: of}); err == nil || !strings.Contains(err.Error(), "SO_LINGER") {
		t.Errorf("close() that waits for the same thread: %v", err)
	}
}

// Stopped before the load has begun the server ends, and its listeners are gone.
func TestServerThatNeverServed(t *testing.T) {
	pairtest.Descriptors(t)
	plan := client.Plan{Destinations: []netip.AddrPort{pairtest.Reserve(t, netip.MustParseAddr("127.0.0.1"))}}
	pairtest.ClientPlan(&plan)
	of := server.Plan{Steps: plan.Steps}
	pairtest.ServerPlan(&of, &plan)
	pair, err := paired.Open(paired.Plan{Client: plan, Server: of})
	if err != nil {
		t.Fatal(err)
	}
	pair.Server().Stop()
	pair.Server().Stop()
	pairtest.Done(t, "the server", pair.Server().Done())
}

// A worker that cannot be pinned ends the run on both sides, and says why.
func TestWorkerThatCannotBePinned(t *testing.T) {
	pairtest.Descriptors(t)
	pair := pairtest.New(t, pairtest.Options{Engine: paired.Name, Close: byReset, Client: client.Plan{CPUs: []int{1 << 20}}})
	pair.Start()
	pairtest.Done(t, "the client", pair.Client.Done())
	pairtest.Done(t, "the server", pair.Server.Done())
	for _, err := range []error{pair.Client.Err(), pair.Server.Err()} {
		if err == nil || !strings.Contains(err.Error(), "Cpus_allowed_list") {
			t.Error(err)
		}
	}
}

// Abort gives up what is under way, and both sides end.
func TestAbort(t *testing.T) {
	pairtest.Descriptors(t)
	pair := endless(t, 2)
	pair.Start()
	pairtest.Until(t, "the churn has begun", func() bool { return pair.Client.Progress().OK > 100 })
	pair.Client.Abort("interrupt")
	pairtest.Done(t, "the client", pair.Client.Done())
	if res := pairtest.Result(t, pair.Client); res.StoppedBy != "interrupt" || res.Progress.Failed != 0 {
		t.Errorf("%+v", res)
	}
}
