//go:build linux

package client_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"twomsl/client"
	"twomsl/internal/pairtest"
	"twomsl/internal/payload"
	"twomsl/internal/scenario"
	"twomsl/server"
)

var sides = []scenario.Side{scenario.ClientSide, scenario.ServerSide, scenario.BothSides}

// Every byte that one side writes the other reads, whoever closes first and however much it is.
func TestBytesAreCountedExactly(t *testing.T) { pairtest.EachPair(t, bytesAreCountedExactly) }

func bytesAreCountedExactly(t *testing.T, engine string) {
	for _, c := range []struct{ size, connections int64 }{{1, 50}, {64 << 10, 20}, {4 << 20, 4}} {
		for _, side := range sides {
			t.Run(fmt.Sprintf("%s/%v", side, scenario.Size(c.size)), func(t *testing.T) {
				pairtest.Descriptors(t)
				size := scenario.Size(c.size)
				cl, srv := pairtest.New(t, pairtest.Options{
					Engine: engine,
					Close:  scenario.Close{Side: side},
					Client: client.Plan{Connections: c.connections, Request: size, Response: size},
				}).Run()
				pairtest.OnlyOK(t, c.connections, cl.Outcomes, srv.Outcomes)
				bytesAre(t, cl, srv, c.size*c.connections, c.size*c.connections)
			})
		}
	}
}

func TestRequestAndResponseOfDifferentSizes(t *testing.T) {
	pairtest.EachPair(t, requestAndResponseOfDifferentSizes)
}

func requestAndResponseOfDifferentSizes(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	cl, srv := pairtest.New(t, pairtest.Options{
		Engine: engine,
		Client: client.Plan{Connections: 10, Request: 3, Response: 100_000},
	}).Run()
	pairtest.OnlyOK(t, 10, cl.Outcomes, srv.Outcomes)
	bytesAre(t, cl, srv, 30, 1_000_000)
}

func bytesAre(t *testing.T, cl client.Result, srv server.Result, requests, responses int64) {
	t.Helper()
	if cl.Written != requests || srv.Read != requests || srv.Written != responses || cl.Read != responses {
		t.Errorf("requests: %d written, %d read, expected %d; responses: %d written, %d read, expected %d",
			cl.Written, srv.Read, requests, srv.Written, cl.Read, responses)
	}
}

func TestSeveralWorkersAndSources(t *testing.T) { pairtest.EachPair(t, severalWorkersAndSources) }

func severalWorkersAndSources(t *testing.T, engine string) {
	for _, side := range sides {
		t.Run(string(side), func(t *testing.T) {
			pairtest.Descriptors(t)
			var sources []netip.Addr
			for i := range byte(4) {
				sources = append(sources, netip.AddrFrom4([4]byte{127, 0, 0, 1 + i}))
			}
			cl, srv := pairtest.New(t, pairtest.Options{
				Engine: engine,
				Close:  scenario.Close{Side: side},
				Client: client.Plan{Sources: sources, Workers: 2, Concurrency: 15, Connections: 202},
				Server: server.Plan{Workers: 2},
			}).Run()
			pairtest.OnlyOK(t, 202, cl.Outcomes, srv.Outcomes)
			// The server knows each by its address, and they take turns.
			if srv.Foreigners != 0 {
				t.Errorf("%d connections came from other addresses than the plan's", srv.Foreigners)
			}
			for i, want := range []int64{51, 51, 50, 50} {
				if got := cl.Tuples[i]; got != (client.TupleResult{Successes: want}) {
					t.Errorf("source %v: %+v, expected %d successes", sources[i], got, want)
				}
			}
		})
	}
}

func TestSourcesThatThePlanDoesNotNameAreForeigners(t *testing.T) {
	pairtest.EachPair(t, sourcesThatThePlanDoesNotNameAreForeigners)
}

func sourcesThatThePlanDoesNotNameAreForeigners(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	_, srv := pairtest.New(t, pairtest.Options{
		Engine: engine,
		Client: client.Plan{Connections: 10},
		Server: server.Plan{Sources: []netip.Addr{netip.MustParseAddr("127.0.0.9")}},
	}).Run()
	if srv.Foreigners != 10 || srv.Progress.OK != 10 {
		t.Errorf("%+v", srv)
	}
}

func TestIPv6(t *testing.T) { pairtest.EachPair(t, iPv6) }

func iPv6(t *testing.T, engine string) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("this machine has no ::1: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, side := range sides {
		t.Run(string(side), func(t *testing.T) {
			pairtest.Descriptors(t)
			cl, srv := pairtest.New(t, pairtest.Options{
				Engine: engine,
				Close:  scenario.Close{Side: side}, Listen: netip.IPv6Loopback(), Client: client.Plan{Connections: 50},
			}).Run()
			pairtest.OnlyOK(t, 50, cl.Outcomes, srv.Outcomes)
			if srv.Foreigners != 0 || cl.Tuples[0].Successes != 50 {
				t.Errorf("client %+v, server %+v", cl, srv)
			}
		})
	}
}

func TestConnectionsStopIsExact(t *testing.T) { pairtest.EachPair(t, connectionsStopIsExact) }

func connectionsStopIsExact(t *testing.T, engine string) {
	for _, c := range []struct {
		workers     int
		connections int64
	}{{1, 1}, {1, 99}, {3, 2}, {3, 100}, {4, 101}} {
		t.Run(fmt.Sprintf("%d workers, %d", c.workers, c.connections), func(t *testing.T) {
			pairtest.Descriptors(t)
			cl, srv := pairtest.New(t, pairtest.Options{
				Engine: engine,
				Client: client.Plan{Workers: c.workers, Concurrency: 17, Connections: c.connections},
			}).Run()
			pairtest.OnlyOK(t, c.connections, cl.Outcomes, srv.Outcomes)
			if cl.StoppedBy != "connections" || cl.NotStarted != 0 || cl.Progress.Opened != c.connections {
				t.Errorf("%+v", cl)
			}
			if cl.Latency.FromIntended != nil || cl.Latency.Connect.Count != pairtest.Timed(engine, c.connections, c.workers) {
				t.Errorf("latency at rate max: %+v", cl.Latency)
			}
		})
	}
}

// The conductor says stop when all is over, too: what ended the run, and when, stays as it was.
func TestStopAfterTheEndChangesNothing(t *testing.T) {
	pairtest.EachPair(t, stopAfterTheEndChangesNothing)
}

func stopAfterTheEndChangesNothing(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	pair := pairtest.New(t, pairtest.Options{Engine: engine, Client: client.Plan{Connections: 5, Rate: 10_000}})
	before, _ := pair.Run()
	time.Sleep(20 * time.Millisecond)
	pair.Client.Stop("too late")
	after := pairtest.Result(t, pair.Client)
	if after.StoppedBy != "connections" || after.LoadSeconds != before.LoadSeconds || after.NotStarted != 0 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// At an open rate every connection that was due has been started or is told as not started, on any machine.
func TestOpenLoopAccountsForEveryStart(t *testing.T) {
	pairtest.EachPair(t, openLoopAccountsForEveryStart)
}

func openLoopAccountsForEveryStart(t *testing.T, engine string) {
	for _, workers := range []int{1, 3} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			pairtest.Descriptors(t)
			cl, srv := pairtest.New(t, pairtest.Options{Engine: engine, Client: client.Plan{
				Workers: workers, Concurrency: 40, Rate: 500, Until: scenario.Duration(time.Second),
			}}).Run()
			if due := cl.Progress.Opened + cl.NotStarted; due != 500 {
				t.Errorf("%d started and %d not started are not 500", cl.Progress.Opened, cl.NotStarted)
			}
			pairtest.OnlyOK(t, cl.Progress.Opened, cl.Outcomes, srv.Outcomes)
			if cl.StoppedBy != "after" || cl.LoadSeconds < 1 {
				t.Errorf("stopped by %s after %v s", cl.StoppedBy, cl.LoadSeconds)
			}
			q := cl.Latency.FromIntended
			if q == nil || q.Count != cl.Progress.OK || q.MaxUS < cl.Latency.Connect.P50US {
				t.Errorf("from the intended start: %+v; from the actual one: %+v", q, cl.Latency.Connect)
			}
		})
	}
}

// A run that cannot keep up says how many were never started: here one connection at a time that outlasts the load.
func TestOpenLoopTellsWhatWasNotStarted(t *testing.T) {
	pairtest.EachEngine(t, openLoopTellsWhatWasNotStarted)
}

func openLoopTellsWhatWasNotStarted(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	p := newPeer(t, func(c net.Conn) { waitForEnd(c) })
	res := pairtest.RunClient(t, client.Plan{
		Engine:       engine,
		Destinations: p.address, Concurrency: 1, Rate: 1000, Until: scenario.Duration(100 * time.Millisecond),
		Timeout: scenario.Duration(200 * time.Millisecond),
	})
	if n := res.Progress.Opened; n > 1 || n+res.NotStarted != 100 {
		t.Errorf("%d started, %d not started", n, res.NotStarted)
	}
}

// The limit holds all workers together to so many; raised, it lets them go on.
func TestLimit(t *testing.T) { pairtest.EachPair(t, limit) }

func limit(t *testing.T, engine string) {
	for _, rate := range []scenario.Rate{scenario.Max, 5000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			pairtest.Descriptors(t)
			pair := pairtest.New(t, pairtest.Options{Engine: engine, Client: client.Plan{
				Workers: 3, Concurrency: 9, Limit: 10, Connections: 40, Rate: rate,
			}})
			pair.Start()
			for _, limit := range []int64{10, 11, 25} {
				pair.Client.SetLimit(limit)
				standsAt(t, pair.Client, limit)
			}
			pair.Client.SetLimit(1000)
			cl, srv := pair.Finish()
			pairtest.OnlyOK(t, 40, cl.Outcomes, srv.Outcomes)
			if cl.StoppedBy != "connections" || cl.NotStarted != 0 {
				t.Errorf("%+v", cl)
			}
		})
	}
}

// standsAt waits until so many have been opened and have ended, and looks for a while whether it stays like that.
func standsAt(t *testing.T, c client.Engine, n int64) {
	t.Helper()
	pairtest.Until(t, fmt.Sprintf("%d connections have ended", n), func() bool {
		p := c.Progress()
		return p.Opened >= n && p.InFlight() == 0
	})
	for range 10 {
		time.Sleep(time.Millisecond)
		if p := c.Progress(); p.Opened != n {
			t.Fatalf("%d are allowed, %+v", n, p)
		}
	}
}

// What the limit kept back was not due: it is neither late nor not started.
func TestHeldBackIsNotNotStarted(t *testing.T) { pairtest.EachPair(t, heldBackIsNotNotStarted) }

func heldBackIsNotNotStarted(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	pair := pairtest.New(t, pairtest.Options{Engine: engine, Client: client.Plan{
		Workers: 2, Limit: 3, Rate: 1000, Until: scenario.Duration(50 * time.Millisecond),
	}})
	cl, srv := pair.Run()
	pairtest.OnlyOK(t, 3, cl.Outcomes, srv.Outcomes)
	if cl.StoppedBy != "after" || cl.NotStarted != 0 {
		t.Errorf("%+v", cl)
	}
}

// Stop ends the starting; what is under way is finished, and the first reason stands.
func TestStopDrains(t *testing.T) { pairtest.EachEngine(t, stopDrains) }

func stopDrains(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	answer := make(chan struct{})
	p := newPeer(t, func(c net.Conn) {
		readRequest(t, c)
		<-answer
		_, _ = c.Write(payload.Response(64))
		waitForEnd(c)
	})
	c := startClient(t, client.Plan{Engine: engine, Destinations: p.address, Workers: 2, Concurrency: 6})
	pairtest.Until(t, "all that may be are in flight", func() bool { return c.Progress().Opened == 6 })
	c.Stop("enough")
	c.Stop("again")
	close(answer)
	pairtest.Done(t, "the client", c.Done())
	res := pairtest.Result(t, c)
	pairtest.OnlyOK(t, 6, res.Outcomes)
	if res.StoppedBy != "enough" || res.Unfinished != 0 {
		t.Errorf("%+v", res)
	}
}

// Abort gives up what is under way: neither good nor failed, but told.
func TestAbortGivesUp(t *testing.T) { pairtest.EachEngine(t, abortGivesUp) }

func abortGivesUp(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	p := newPeer(t, func(c net.Conn) { waitForEnd(c) })
	c := startClient(t, client.Plan{Engine: engine, Destinations: p.address, Workers: 2, Concurrency: 6})
	pairtest.Until(t, "all that may be are in flight", func() bool { return c.Progress().InFlight() == 6 })
	c.Abort("interrupt")
	pairtest.Done(t, "the client", c.Done())
	res := pairtest.Result(t, c)
	pairtest.OnlyOK(t, 0, res.Outcomes)
	if res.StoppedBy != "interrupt" || res.Unfinished != 6 || res.Progress.Opened != 6 {
		t.Errorf("%+v", res)
	}
}

func TestAbortBeforeTheFirstStart(t *testing.T) { pairtest.EachEngine(t, abortBeforeTheFirstStart) }

func abortBeforeTheFirstStart(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	c := newClient(t, client.Plan{Engine: engine, Destinations: []netip.AddrPort{pairtest.Reserve(t, loopback)}})
	c.Abort("early")
	c.Start(server.Now())
	pairtest.Done(t, "the client", c.Done())
	res := pairtest.Result(t, c)
	if res.Progress != (client.Progress{}) || res.StoppedBy != "early" || res.NotStarted != 0 {
		t.Errorf("%+v", res)
	}
}

// A worker that cannot work ends the run with its reason.
func TestWorkerThatCannotBePinned(t *testing.T) {
	pairtest.Descriptors(t)
	c := startClient(t, client.Plan{Destinations: []netip.AddrPort{pairtest.Reserve(t, loopback)}, CPUs: []int{1 << 20}})
	pairtest.Done(t, "the client", c.Done())
	if err := c.Err(); err == nil || !strings.Contains(err.Error(), "Cpus_allowed_list") {
		t.Error(err)
	}
}

func TestPlansThatCannotWork(t *testing.T) {
	pairtest.Descriptors(t)
	good := client.Plan{Destinations: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}}
	pairtest.ClientPlan(&good)
	for name, spoil := range map[string]func(*client.Plan){
		"no worker":                func(p *client.Plan) { p.Workers = 0 },
		"fewer slots than workers": func(p *client.Plan) { p.Workers, p.Concurrency = 3, 2 },
		"no destination":           func(p *client.Plan) { p.Destinations = nil },
		"no source":                func(p *client.Plan) { p.Sources = nil },
		"no time":                  func(p *client.Plan) { p.Until = 0 },
		"no request":               func(p *client.Plan) { p.Request = 0 },
	} {
		plan := good
		spoil(&plan)
		for _, plan.Engine = range client.Engines {
			if _, err := client.Open(plan); err == nil {
				t.Errorf("%s, engine %s: no error", name, plan.Engine)
			}
		}
	}
}
