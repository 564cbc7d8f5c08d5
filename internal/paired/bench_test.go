//go:build linux

package paired_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"twomsl/client"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/paired"
	"twomsl/internal/pairtest"
	"twomsl/internal/scenario"
	"twomsl/server"
)

// churn opens n connections as fast as it goes, and gives how many objects were allocated meanwhile, the time taken and
// what came of it.
func churn(t testing.TB, n int64, how scenario.Close, workers int) (mallocs uint64, took time.Duration, c client.Result) {
	t.Helper()
	pair := pairtest.New(t, pairtest.Options{
		Engine: paired.Name, Close: how,
		Client: client.Plan{Connections: n, Workers: workers, Concurrency: paired.Batch * workers, Until: scenario.Duration(time.Hour)},
		Server: server.Plan{Backlog: 4096},
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	pair.Start()
	<-pair.Client.Done()
	took = time.Since(begun)
	runtime.ReadMemStats(&after)
	c, s := pair.Finish()
	if c.Progress.OK != n || s.Progress.OK != n {
		t.Errorf("client %+v, server %+v, expected %d", c.Progress, s.Progress, n)
	}
	return after.Mallocs - before.Mallocs, took, c
}

// mostMallocs per connection: what the runtime and the test do beside the workers.
const mostMallocs = 0.01

// Nothing is allocated on a connection's path. By resets, so that no TIME_WAIT stays on this machine.
func TestNoAllocationPerConnection(t *testing.T) {
	noAllocation(t, scenario.Close{Side: scenario.ClientSide, How: "linger=0"})
}

// The same by FINs.
func TestNetNSNoAllocationPerConnection(t *testing.T) {
	if nstest.Inside(t) {
		noAllocation(t, scenario.Close{Side: scenario.ServerSide})
	}
}

func noAllocation(t *testing.T, how scenario.Close) {
	pairtest.Descriptors(t)
	const n = 20_000
	mallocs, _, _ := churn(t, n, how, 1)
	if each := float64(mallocs) / n; each >= mostMallocs {
		t.Errorf("%d objects were allocated for %d connections: %.3f each", mallocs, n, each)
	}
}

// BenchmarkPaired is the rate of whole connections, 64 bytes each way, the share of processor time that is spent in this
// program instead of the kernel, and what is allocated.
func BenchmarkPaired(b *testing.B) {
	for _, how := range []scenario.Close{{Side: scenario.ClientSide, How: "linger=0"}, {Side: scenario.ServerSide}} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("close=%s/how=%s/workers=%d", how.Side, how.How, workers), func(b *testing.B) {
				mallocs, took, c := churn(b, int64(b.N), how, workers)
				b.ReportMetric(float64(b.N)/took.Seconds(), "connections/s")
				b.ReportMetric(float64(mallocs)/float64(b.N), "allocs/connection")
				b.ReportMetric(c.CPU.Total()*1e6/float64(b.N), "cpu-us/connection")
				b.ReportMetric(100*c.CPU.UserSeconds/c.CPU.Total(), "user-%")
			})
		}
	}
}
