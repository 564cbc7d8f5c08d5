//go:build linux

package client_test

import (
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/pairtest"
	"twomsl/server"
)

// A connection that fails is late all the same: here all of them were due before the client began, and connect()
// refuses a broadcast address at once.
func TestLateCountsFailures(t *testing.T) { pairtest.EachEngine(t, lateCountsFailures) }

func lateCountsFailures(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	c := newClient(t, client.Plan{
		Engine:       engine,
		Destinations: []netip.AddrPort{netip.MustParseAddrPort("127.255.255.255:9")}, Rate: 10, Connections: 10,
	})
	c.Start(linux.Nano() - int64(2*time.Second))
	pairtest.Done(t, "the client", c.Done())
	if res := pairtest.Result(t, c); res.Late != 10 || res.Progress.Failed != 10 {
		t.Errorf("%+v", res)
	}
}

// A worker's thread ends with it: back among Go's threads it would pin whatever runs there later.
func TestPinnedThreadsAreNotGivenBack(t *testing.T) {
	pairtest.Descriptors(t)
	allowed := affinities(t)
	first, err := strconv.Atoi(regexp.MustCompile(`^\d+`).FindString(allowed[0]))
	if err != nil {
		t.Fatal(err)
	}
	pair := pairtest.New(t, pairtest.Options{
		Client: client.Plan{Connections: 10, Workers: 2, CPUs: []int{first}},
		Server: server.Plan{Workers: 2, CPUs: []int{first}},
	})
	cl, srv := pair.Run()
	pairtest.OnlyOK(t, 10, cl.Outcomes, srv.Outcomes)
	pairtest.Until(t, "no thread is pinned any more", func() bool {
		for _, a := range affinities(t) {
			if a != allowed[0] {
				return false
			}
		}
		return true
	})
}

// affinities lists where each thread of this process may run.
func affinities(t *testing.T) (out []string) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`Cpus_allowed_list:\s*(\S+)`)
	for _, task := range tasks {
		text, err := os.ReadFile("/proc/self/task/" + task.Name() + "/status")
		if err != nil {
			continue // it has just ended
		}
		if m := list.FindSubmatch(text); m != nil {
			out = append(out, string(m[1]))
		}
	}
	return out
}
