//go:build linux

package server_test

import (
	"io"
	"net"
	"testing"
	"time"

	"twomsl/internal/pairtest"
	"twomsl/internal/payload"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

const tenth = scenario.Duration(100 * time.Millisecond)

// idling serves connections that both sides keep.
func idling(t *testing.T, h scenario.Heartbeat) (server.Engine, func() *net.TCPConn) {
	s, address := serve(t, server.Plan{Steps: []teardown.Step{{Op: teardown.Idle}}, Heartbeat: h})
	n := int64(0)
	return s, func() *net.TCPConn {
		c := dial(t, address)
		write(t, c, payload.Request(64))
		got := make([]byte, 64)
		if _, err := io.ReadFull(c, got); err != nil {
			t.Fatal(err)
		}
		n++
		pairtest.Until(t, "the server keeps the connection", func() bool { return s.Progress().OK == n })
		return c
	}
}

// hears reads one heartbeat.
func hears(t *testing.T, c net.Conn) []byte {
	t.Helper()
	b := make([]byte, 64)
	must(t, c.SetReadDeadline(time.Now().Add(pairtest.Limit)))
	n, err := c.Read(b)
	must(t, err)
	return b[:n]
}

// The application learns of what ends under it: the peer's FIN, its reset, and words that nobody asked for. The first is
// no failure.
func TestKeptConnectionsThatEnd(t *testing.T) {
	s, open := idling(t, scenario.Heartbeat{})
	stays, closes, resets, talks := open(), open(), open(), open()
	defer func() { _ = stays.Close() }()
	must(t, closes.Close())
	must(t, resets.SetLinger(0))
	must(t, resets.Close())
	write(t, talks, payload.Request(3))
	_, err := io.ReadAll(talks) // until it is closed
	must(t, ignoreClosed(err))
	res := stop(t, s)
	if k := res.Kept; k.Ended != 3 || k.First == 0 || k.Last < k.First || k.Beats != 0 {
		t.Errorf("%+v", k)
	}
	if got := ends(res.Outcomes); got["kept reset ECONNRESET"] != 1 || got["kept wrong-bytes"] != 1 || res.EOFs != 1 || res.Progress.OK != 4 {
		t.Errorf("%v, %+v", got, res)
	}
}

// Who answers the heartbeat is asked again and stays; who does not is given up after the limit, and not before.
func TestHeartbeat(t *testing.T) {
	h := scenario.Heartbeat{Every: tenth, Limit: 3 * tenth}
	s, open := idling(t, h)
	silent, answers := open(), open()
	begun := time.Now()
	gone := make(chan time.Duration)
	go func() {
		_, _ = io.ReadAll(silent)
		gone <- time.Since(begun)
	}()
	over := make(chan struct{})
	for asked, after := 0, time.Duration(0); after == 0 || asked < 3; asked++ {
		write(t, answers, hears(t, answers))
		select {
		case after = <-gone:
			if after < h.Limit.Std() {
				t.Errorf("given up after %v", after)
			}
			close(over)
		default:
		}
	}
	<-over
	_ = silent.Close()
	res := stop(t, s)
	if k := res.Kept; k.Ended != 1 || k.Beats < 4 || k.Answers < 2 || k.Answers >= k.Beats {
		t.Errorf("%+v", k)
	}
	if got := ends(res.Outcomes); got["kept timed-out"] != 1 || len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// An engine that does not look at connections again has no heartbeat.
func TestHeartbeatNeedsSplit(t *testing.T) {
	p := server.Plan{Engine: "net", Heartbeat: scenario.Heartbeat{Every: tenth, Limit: tenth}}
	if _, err := server.Open(p); err == nil {
		t.Error("engine net took a heartbeat")
	}
}

// Processes that share a plan serve all of its listeners, and what they come to adds up.
func TestServerShares(t *testing.T) {
	workers, meter := 0, 0
	for i := range 3 {
		p := server.Plan{Workers: 5, Meter: 10}.Share(i, 3)
		workers, meter = workers+p.Workers, meter+p.Meter
	}
	if workers != 5 || meter < 10 {
		t.Errorf("%d workers, %d metered", workers, meter)
	}
	if p := (server.Plan{}).Share(2, 3); p.Workers != 1 {
		t.Errorf("a process without a worker: %+v", p)
	}
	s, open := idling(t, scenario.Heartbeat{})
	must(t, open().Close())
	pairtest.Until(t, "it ends", func() bool { return s.Progress().OK == 1 })
	one := stop(t, s)
	two, err := server.Merge([]server.Result{one, one})
	must(t, err)
	if two.Progress.OK != 2*one.Progress.OK || two.Read != 2*one.Read || two.Written != 2*one.Written || two.EOFs != 2*one.EOFs ||
		two.Kept.Ended != 2*one.Kept.Ended || two.Kept.First != one.Kept.First || two.Outcomes[0].Count != 2 {
		t.Errorf("%+v\n%+v", one, two)
	}
	if _, err := server.Merge([]server.Result{{Meter: []byte{0x80}}}); err == nil {
		t.Error("half a meter was taken")
	}
}
