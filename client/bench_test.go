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
func churn(t testing.TB, n int64, how scenario.Close, workers int) (mallocs uint64, took time.Duration) {
	t.Helper()
	pair := pairtest.New(t, pairtest.Options{
		Close:  how,
		Client: client.Plan{Connections: n, Workers: workers, Concurrency: 64 * workers, Until: scenario.Duration(time.Hour)},
		Server: server.Plan{Workers: workers, Backlog: 4096},
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

// mostMallocs per connection: what the runtime and the test do beside the workers.
const mostMallocs = 0.01

// Nothing is allocated on a connection's path. By resets, so that no TIME_WAIT stays on this machine.
func TestNoAllocationPerConnection(t *testing.T) { noAllocation(t, reset) }

// The same by FINs.
func TestNetNSNoAllocationPerConnection(t *testing.T) {
	if nstest.Inside(t) {
		noAllocation(t, serverFirst)
	}
}

func noAllocation(t *testing.T, how scenario.Close) {
	pairtest.Descriptors(t)
	const n = 20_000
	mallocs, _ := churn(t, n, how, 1)
	if each := float64(mallocs) / n; each >= mostMallocs {
		t.Errorf("%d objects were allocated for %d connections: %.3f each", mallocs, n, each)
	}
}

// BenchmarkChurn is the rate of whole connections with client and server in one process: 64 bytes each way.
func BenchmarkChurn(b *testing.B) {
	for _, how := range []scenario.Close{reset, serverFirst, {Side: scenario.ClientSide}} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/linger=%s/workers=%d", how.Side, how.Linger, workers), func(b *testing.B) {
				mallocs, took := churn(b, int64(b.N), how, workers)
				b.ReportMetric(float64(b.N)/took.Seconds(), "connections/s")
				b.ReportMetric(float64(mallocs)/float64(b.N), "allocs/connection")
			})
		}
	}
}
