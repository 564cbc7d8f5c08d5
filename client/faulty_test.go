//go:build linux

package client_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/pairtest"
	"twomsl/internal/payload"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// ends sorts what was counted into "phase cause errno".
func ends(outcomes []record.Outcome) map[string]int64 {
	m := map[string]int64{}
	for _, o := range outcomes {
		if o.Count != 0 {
			m[strings.TrimSpace(o.Phase+" "+o.Cause+" "+o.Errno)] += o.Count
		}
	}
	return m
}

func expectEnds(t *testing.T, outcomes []record.Outcome, want map[string]int64) {
	t.Helper()
	if diff := cmp.Diff(want, ends(outcomes)); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyListens(t *testing.T) { pairtest.EachEngine(t, nobodyListens) }

func nobodyListens(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	res := pairtest.RunClient(t, client.Plan{
		Engine:       engine,
		Destinations: []netip.AddrPort{pairtest.Reserve(t, loopback)}, Connections: 20,
	})
	expectEnds(t, res.Outcomes, map[string]int64{"connect refused ECONNREFUSED": 20})
	if res.Latency.Connect != nil || res.Tuples[0].Successes != 0 || res.FirstCloses != 0 {
		t.Errorf("nothing was connected: %+v", res)
	}
}

// With one worker and one connection at a time nothing is in flight when the last failure comes.
func TestFailuresStopIsExact(t *testing.T) { pairtest.EachEngine(t, failuresStopIsExact) }

func failuresStopIsExact(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	res := pairtest.RunClient(t, client.Plan{
		Engine:       engine,
		Destinations: []netip.AddrPort{pairtest.Reserve(t, loopback)}, Failures: 7, Concurrency: 1, Connections: 1000,
	})
	if res.Progress != (client.Progress{Opened: 7, Failed: 7}) || res.StoppedBy != "failures" {
		t.Errorf("%+v", res)
	}
}

// Peers that do something else than what was agreed, after having read the request.
func TestFaultyPeers(t *testing.T) { pairtest.EachEngine(t, faultyPeers) }

func faultyPeers(t *testing.T, engine string) {
	long := scenario.Duration(pairtest.Limit)
	for _, c := range []struct {
		name    string
		timeout scenario.Duration
		serve   func(net.Conn)
		want    string
	}{
		{"wrong bytes", long, func(c net.Conn) {
			b := bytes.Clone(payload.Response(64))
			b[63]++
			write(c, b)
			waitForEnd(c)
		}, "read wrong-bytes"},
		{"an echo", long, func(c net.Conn) {
			write(c, payload.Request(64))
			waitForEnd(c)
		}, "read wrong-bytes"},
		{"too much", long, func(c net.Conn) {
			write(c, append(bytes.Clone(payload.Response(64)), 0))
			waitForEnd(c)
		}, "read wrong-bytes"},
		{"half, then a FIN", long, func(c net.Conn) {
			write(c, payload.Response(64)[:32])
		}, "read short-read"},
		{"half, then an RST", long, func(c net.Conn) {
			write(c, payload.Response(64)[:32])
			resetting(c)
		}, "read reset ECONNRESET"},
		{"half, then nothing", scenario.Duration(30 * time.Millisecond), func(c net.Conn) {
			write(c, payload.Response(64)[:32])
			waitForEnd(c)
		}, "read timed-out"},
		{"nothing", scenario.Duration(500 * time.Millisecond), waitForEnd, "read timed-out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pairtest.Descriptors(t)
			p := newPeer(t, func(conn net.Conn) {
				readRequest(t, conn)
				c.serve(conn)
			})
			res := pairtest.RunClient(t, client.Plan{
				Engine:       engine,
				Destinations: p.address, Connections: 6, Concurrency: 3, Timeout: c.timeout,
			})
			expectEnds(t, res.Outcomes, map[string]int64{c.want: 6})
			if res.Tuples[0].Successes != 6 || res.Latency.Connect.Count != pairtest.Timed(engine, 6, 1) {
				t.Errorf("all were connected: %+v", res)
			}
		})
	}
}

func write(c net.Conn, b []byte) { _, _ = c.Write(b) }

// resetting makes the close that follows send an RST.
func resetting(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

// Which of these it comes to is a race between the request and the FIN or RST, but it is one of them.
func TestPeerClosesWithoutAnswering(t *testing.T) { pairtest.EachEngine(t, peerClosesWithoutAnswering) }

func peerClosesWithoutAnswering(t *testing.T, engine string) {
	for name, serve := range map[string]func(net.Conn){"FIN": func(net.Conn) {}, "RST": resetting} {
		t.Run(name, func(t *testing.T) {
			pairtest.Descriptors(t)
			p := newPeer(t, serve)
			res := pairtest.RunClient(t, client.Plan{Engine: engine, Destinations: p.address, Connections: 40})
			total, connected := int64(0), int64(40)
			for end, n := range ends(res.Outcomes) {
				switch end {
				case "read short-read", "read reset ECONNRESET", "read reset EPIPE", "write reset ECONNRESET", "write reset EPIPE":
					total += n
				case "connect reset ECONNRESET": // Dial looks once more after the handshake
					total, connected = total+n, connected-n
					if engine == "net" && name == "RST" {
						continue
					}
					fallthrough
				default:
					t.Errorf("%d: %s", n, end)
				}
			}
			if total != 40 || res.Tuples[0].Successes != connected {
				t.Errorf("%d ended so, %d were connected; expected 40 and %d", total, res.Tuples[0].Successes, connected)
			}
		})
	}
}

// A reset after the exchange spoils nothing, but is told; so is a FIN that never comes, and bytes instead of it.
func TestPeersThatAreToCloseFirst(t *testing.T) { pairtest.EachEngine(t, peersThatAreToCloseFirst) }

func peersThatAreToCloseFirst(t *testing.T, engine string) {
	for _, c := range []struct {
		name    string
		timeout scenario.Duration
		serve   func(net.Conn)
		want    map[string]int64
		ok      int64
	}{
		{"FIN", scenario.Duration(pairtest.Limit), func(net.Conn) {}, map[string]int64{"ok": 6}, 6},
		{"RST", scenario.Duration(pairtest.Limit), resetting, map[string]int64{"ok": 6, "close reset ECONNRESET": 6}, 6},
		{"nothing", scenario.Duration(500 * time.Millisecond), waitForEnd, map[string]int64{"close timed-out": 6}, 0},
		{"more bytes", scenario.Duration(pairtest.Limit), func(c net.Conn) {
			time.Sleep(5 * time.Millisecond) // in one piece with the response they would be wrong in the phase before
			write(c, []byte{0})
			waitForEnd(c)
		}, map[string]int64{"wrong-bytes": 6}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			pairtest.Descriptors(t)
			p := newPeer(t, func(conn net.Conn) {
				readRequest(t, conn)
				write(conn, payload.Response(64))
				c.serve(conn)
			})
			res := pairtest.RunClient(t, client.Plan{
				Engine:       engine,
				Destinations: p.address, Connections: 6, Concurrency: 3, Timeout: c.timeout,
				Steps: []teardown.Step{{Op: teardown.ReadEOF}, {Op: teardown.Close}},
			})
			got := ends(res.Outcomes)
			if n := got["read wrong-bytes"] + got["close wrong-bytes"]; n > 0 {
				got = map[string]int64{"wrong-bytes": n}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || res.Progress.OK != c.ok || res.FirstCloses != 0 {
				t.Errorf("%s\n%+v", diff, res)
			}
		})
	}
}

// A listener whose queue is full drops the SYN.
func TestNeverAccepted(t *testing.T) { pairtest.EachEngine(t, neverAccepted) }

func neverAccepted(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	address := fullListener(t)
	res := pairtest.RunClient(t, client.Plan{
		Engine:       engine,
		Destinations: []netip.AddrPort{address}, Connections: 5, Concurrency: 5,
		Timeout: scenario.Duration(30 * time.Millisecond),
	})
	expectEnds(t, res.Outcomes, map[string]int64{"connect timed-out": 5})
	if res.Latency.Connect != nil || res.Tuples[0].Successes != 0 || res.FirstCloses != 0 {
		t.Errorf("nothing was connected: %+v", res)
	}
}

// fullListener is one with backlog 1, which holds two, and two connections that nobody accepts.
func fullListener(t *testing.T) netip.AddrPort {
	t.Helper()
	open := func() int {
		fd, e := linux.Socket(false)
		if e != 0 {
			t.Fatal(e)
		}
		t.Cleanup(func() { linux.Close(fd) })
		return fd
	}
	l, sa := open(), linux.NewSockaddr(netip.AddrPortFrom(loopback, 0))
	if e := linux.Bind(l, &sa); e != 0 {
		t.Fatal(e)
	}
	if e := linux.Listen(l, 1); e != 0 {
		t.Fatal(e)
	}
	if e := linux.LocalAddr(l, &sa); e != 0 {
		t.Fatal(e)
	}
	for range 2 {
		if e := linux.Connect(open(), &sa); e != 0 && e != linux.EINPROGRESS {
			t.Fatal(e)
		}
	}
	pairtest.Until(t, "two connections wait at the listener", func() bool { return waiting(t, sa.AddrPort().Port()) == 2 })
	return sa.AddrPort()
}

// waiting reads the length of a listener's queue, which /proc/net/tcp has in the place of bytes that wait.
func waiting(t *testing.T, port uint16) (n int) {
	t.Helper()
	table, err := os.ReadFile("/proc/thread-self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) && f[3] == "0A" {
			if _, err := fmt.Sscanf(f[4], "00000000:%X", &n); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}
