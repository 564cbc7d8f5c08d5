//go:build linux

package client_test

import (
	"testing"

	"twomsl/client"
	"twomsl/internal/callcost"
	"twomsl/internal/pairtest"
	"twomsl/server"
)

// Of each connection that is timed every system call is: as many of each as its life has, on either side.
func TestCallCosts(t *testing.T) {
	const n = 160
	for engine, own := range map[string]map[string]int64{
		"split": {"watch": 1}, "split/blocking": {"option": 2}, // SO_RCVTIMEO, SO_SNDTIMEO
	} {
		t.Run(engine, func(t *testing.T) {
			pairtest.Descriptors(t)
			cl, srv := pairtest.New(t, pairtest.Options{
				Engine: engine, Close: reset,
				Client: client.Plan{Connections: n, CallCosts: true}, Server: server.Plan{CallCosts: true},
			}).Run()
			calls := timed(t, "client", cl.Costs)
			each := cl.Costs.Connections
			if each < 1 || each > n/4 {
				t.Fatalf("%d of %d connections were timed, about one in %d was asked for", each, n, cl.Costs.OneIn)
			}
			want := map[string]int64{"socket": 1, "connect": 1, "write": 1, "close": 1}
			for call, times := range own {
				want[call] = times
			}
			for call, times := range want {
				if calls[call] < times*each {
					t.Errorf("the client's %s was timed %d times on %d connections: %v", call, calls[call], each, calls)
				}
			}
			calls, each = timed(t, "server", srv.Costs), srv.Costs.Connections
			for _, call := range []string{"accept", "read", "write", "option", "close"} {
				if each < 1 || calls[call] < each {
					t.Errorf("the server's %s was timed %d times on %d connections: %v", call, calls[call], each, calls)
				}
			}
		})
	}
}

// Nobody pays for what was not asked for.
func TestNoCallCosts(t *testing.T) {
	pairtest.Descriptors(t)
	cl, srv := pairtest.New(t, pairtest.Options{Close: reset, Client: client.Plan{Connections: 40}}).Run()
	if cl.Costs != nil || srv.Costs != nil {
		t.Errorf("client %+v, server %+v", cl.Costs, srv.Costs)
	}
}

// timed is how often each call was, from a record's point of view.
func timed(t *testing.T, side string, c *callcost.Costs) map[string]int64 {
	t.Helper()
	if c == nil {
		t.Fatalf("the %s timed nothing", side)
	}
	costs, err := callcost.Record(side, c)
	if err != nil {
		t.Fatal(err)
	}
	calls, whole := map[string]int64{}, 0.0
	for _, one := range costs {
		calls[one.Call] = one.Calls
		whole += one.Share
		if one.Side != side || one.PerConnectionUS <= 0 || one.P50US <= 0 || one.P99US < one.P50US {
			t.Errorf("%+v", one)
		}
	}
	if whole < 0.999 || whole > 1.001 {
		t.Errorf("the shares of the %s add up to %v", side, whole)
	}
	return calls
}
