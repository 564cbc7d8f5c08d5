//go:build linux

package client_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"twomsl/client"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/pairtest"
	"twomsl/internal/scenario"
	"twomsl/server"
)

// churn opens n connections as fast as it goes, and gives how many objects were allocated meanwhile and the time taken.
func churn(t testing.TB, n int64, engine string, costs bool, how scenario.Close, workers int) (mallocs uint64, took time.Duration) {
	t.Helper()
	inFlight := 64 * workers
	if engine == "split/blocking" { // a thread for each
		inFlight = 8 * workers
	}
	pair := pairtest.New(t, pairtest.Options{
		Engine: engine, Close: how,
		Client: client.Plan{
			Connections: n, Workers: workers, Concurrency: inFlight, Until: scenario.Duration(time.Hour), CallCosts: costs,
		},
		Server: server.Plan{Workers: workers, Backlog: 4096, CallCosts: costs},
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	pair.Start()
	<-pair.Client.Done()
	took = time.Since(begun)
	runtime.ReadMemStats(&after)
	c, srv := pair.Finish()
	if c.Progress.OK != n || srv.Progress.OK != n {
		t.Errorf("client %+v, server %+v, expected %d", c.Progress, srv.Progress, n)
	}
	return after.Mallocs - before.Mallocs, took
}

var (
	reset       = scenario.Close{Side: scenario.ServerSide, Linger: scenario.Linger{On: true}}
	serverFirst = scenario.Close{Side: scenario.ServerSide}
)

// ways are those in which engine split waits.
var ways = []string{"split/epoll", "split/uring"}

// mostMallocs per connection: what the runtime and the test do beside the workers.
const mostMallocs = 0.01

// Nothing is allocated on a connection's path. By resets, so that no TIME_WAIT stays on this machine.
func TestNoAllocationPerConnection(t *testing.T) {
	for _, engine := range append([]string{"split/blocking"}, ways...) {
		for _, costs := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/costs=%v", engine, costs), func(t *testing.T) { noAllocation(t, engine, costs, reset) })
		}
	}
}

// The same by FINs.
func TestNetNSNoAllocationPerConnection(t *testing.T) {
	if nstest.Inside(t) {
		for _, engine := range ways {
			noAllocation(t, engine, false, serverFirst)
		}
	}
}

func noAllocation(t *testing.T, engine string, costs bool, how scenario.Close) {
	pairtest.Descriptors(t)
	const n = 20_000
	mallocs, _ := churn(t, n, engine, costs, how, 1)
	if each := float64(mallocs) / n; each >= mostMallocs {
		t.Errorf("%s: %d objects were allocated for %d connections: %.3f each", engine, mallocs, n, each)
	}
}

// BenchmarkChurn is the rate of whole connections with client and server in one process: 64 bytes each way.
func BenchmarkChurn(b *testing.B) {
	for _, how := range []scenario.Close{reset, serverFirst, {Side: scenario.ClientSide}} {
		for _, workers := range []int{1, 2} {
			for _, engine := range ways {
				b.Run(fmt.Sprintf("%s/linger=%s/workers=%d/%s", how.Side, how.Linger, workers, engine), func(b *testing.B) {
					measureChurn(b, engine, false, how, workers)
				})
			}
		}
	}
	b.Run("blocking", func(b *testing.B) { measureChurn(b, "split/blocking", false, reset, 1) })
	b.Run("costs", func(b *testing.B) { measureChurn(b, "split", true, reset, 1) })
}

func measureChurn(b *testing.B, engine string, costs bool, how scenario.Close, workers int) {
	mallocs, took := churn(b, int64(b.N), engine, costs, how, workers)
	b.ReportMetric(float64(b.N)/took.Seconds(), "connections/s")
	b.ReportMetric(float64(mallocs)/float64(b.N), "allocs/connection")
}
