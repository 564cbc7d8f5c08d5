//go:build linux

package relay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// patience bounds every wait; it decides nothing: whoever runs into it, fails.
const patience = 30 * time.Second

// rig is a relay over lo between a client and a server that the test plays.
type rig struct {
	*Relay
	t      *testing.T
	server net.Listener
	at     string // where the relay listens
}

// newRig starts a relay for exchanges of "ping" and "pong".
func newRig(t *testing.T, change func(*Plan)) *rig {
	t.Helper()
	ns := nstest.Require(t)
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	plan := Plan{
		Listen: netip.MustParseAddrPort("127.0.0.1:8080"), Backlog: 16, Sources: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		Destinations: []netip.AddrPort{netip.MustParseAddrPort(server.Addr().String())},
		Timeout:      scenario.Duration(patience), Request: 4, Response: 4,
		ClientSteps: []teardown.Step{{Op: teardown.Close}}, ServerSteps: []teardown.Step{{Op: teardown.Close}},
	}
	if change != nil {
		change(&plan)
	}
	r, err := New(plan)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // as Start does, on a thread of the test's namespace
		defer close(r.done)
		ns.Enter(t)
		r.worker.epoch = linux.Nano()
		r.worker.run()
	}()
	g := &rig{Relay: r, t: t, server: server, at: plan.Listen.String()}
	t.Cleanup(func() {
		r.Stop()
		<-r.Done()
		r.Release()
	})
	return g
}

// serve plays the server: it answers each of so many connections as work says.
func (g *rig) serve(connections int, work func(net.Conn)) {
	for range connections {
		c, err := g.server.Accept()
		if err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(patience)) //nolint:errcheck // the test then fails by itself
		go func() {
			defer c.Close()
			work(c)
		}()
	}
}

// answers gives the answer to each request until the relay has no more.
func answers(request int, answer string) func(net.Conn) {
	return func(c net.Conn) {
		buf := make([]byte, request)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

// ask plays a client: it says something and gives what comes back until the end.
func (g *rig) ask(text string) (string, error) {
	g.t.Helper()
	c, err := net.Dial("tcp4", g.at)
	if err != nil {
		g.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience)) //nolint:errcheck // the test then fails by itself
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

// ended stops the relay and gives what it came to.
func (g *rig) ended() Result {
	g.t.Helper()
	g.Stop()
	<-g.Done()
	if err := g.Err(); err != nil {
		g.t.Fatal(err)
	}
	return g.Result()
}

func (g *rig) outcomes(want ...record.Outcome) {
	g.t.Helper()
	for i := range want {
		want[i].Side = "relay"
	}
	res := g.ended()
	if d := cmp.Diff(want, res.Outcomes); d != "" {
		g.t.Error(d)
	}
	if p := res.Progress; p.Accepted != p.Relayed+p.Failed || res.Unfinished != 0 || p.Called != p.Established+p.Refused {
		g.t.Errorf("%+v, %d unfinished", p, res.Unfinished)
	}
}

func ok(n int64) record.Outcome { return record.Outcome{Cause: string(record.OK), Count: n} }

// Bytes go through both ways as they are, and each client has a connection to the server of its own.
func TestNetNSRelays(t *testing.T) {
	g := newRig(t, nil)
	go g.serve(20, answers(4, "pong"))
	for range 20 {
		if got, err := g.ask("ping"); got != "pong" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if p := g.Progress(); p.Called != 20 || p.Established != 20 {
		t.Errorf("%+v", p)
	}
	g.outcomes(ok(20))
}

// More than the sockets' buffers hold, both ways and of several clients at once, read slowly: the relay waits for whoever is
// slow, loses nothing and mixes nothing up.
func TestNetNSRelaysMoreThanBuffers(t *testing.T) {
	const size, clients = 8 << 20, 4
	g := newRig(t, func(p *Plan) { p.Request, p.Response = size, size })
	go g.serve(clients, func(c net.Conn) {
		time.Sleep(50 * time.Millisecond) // until it is certain that the relay cannot write
		b := make([]byte, size)
		if _, err := io.ReadFull(c, b); err == nil {
			c.Write(b) //nolint:errcheck // what comes back is compared
		}
	})
	var all errgroup.Group
	for i := range clients {
		c, err := net.Dial("tcp4", g.at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience)) //nolint:errcheck // the test then fails by itself
		want := bytes.Repeat([]byte{byte('a' + i)}, size)
		all.Go(func() error {
			if _, err := c.Write(want); err != nil {
				return err
			}
			got, err := io.ReadAll(c)
			if !bytes.Equal(got, want) {
				err = fmt.Errorf("client %d: %d bytes came back, of which %d are its own: %w", i, len(got),
					bytes.Count(got, want[:1]), err)
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	g.outcomes(ok(clients))
}

// A server that is not there, that leaves without an answer or in the middle of one: the client sees an end too early.
func TestNetNSRelaysFailures(t *testing.T) {
	for name, c := range map[string]struct {
		work func(net.Conn) // nil: nobody listens
		got  string
		want record.Outcome
	}{
		"refused": {nil, "", record.Outcome{Phase: "connect", Cause: string(record.Refused), Errno: "ECONNREFUSED", Count: 1}},
		"silent": {
			func(c net.Conn) { io.ReadFull(c, make([]byte, 4)) }, "", //nolint:errcheck // it only leaves then
			record.Outcome{Phase: "read", Cause: string(record.ShortRead), Count: 1},
		},
		"half": {
			func(c net.Conn) { io.ReadFull(c, make([]byte, 4)); io.WriteString(c, "po") }, "po", //nolint:errcheck // likewise
			record.Outcome{Phase: "read", Cause: string(record.ShortRead), Count: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			if c.work == nil {
				g.server.Close()
			} else {
				go g.serve(1, c.work)
			}
			if got, err := g.ask("ping"); got != c.got || err != nil {
				t.Errorf("the client read %q: %v", got, err)
			}
			g.outcomes(ok(0), c.want)
		})
	}
}

// A client that leaves, or says nothing: the relay opens nothing for it, and gives it up in time.
func TestNetNSRelaysSilentClient(t *testing.T) {
	g := newRig(t, func(p *Plan) { p.Timeout = scenario.Duration(100 * time.Millisecond) })
	quiet, err := net.Dial("tcp4", g.at)
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	if _, err := quiet.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a client that says nothing is not given up: %v", err)
	}
	gone, err := net.Dial("tcp4", g.at)
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for end := time.Now().Add(patience); g.Progress().Failed < 2 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if p := g.Progress(); p.Called != 0 {
		t.Errorf("a connection to the server was opened for nothing: %+v", p)
	}
	g.outcomes(ok(0), record.Outcome{Phase: "accept", Cause: string(record.TimedOut), Count: 1},
		record.Outcome{Phase: "read", Cause: string(record.ShortRead), Count: 1})
}

// A pool keeps one connection for all that come one after the other, and a server that ends it costs nobody anything.
func TestNetNSRelaysOverPool(t *testing.T) {
	g := newRig(t, func(p *Plan) { p.Pool = 2 })
	conns := make(chan net.Conn, 2)
	go g.serve(2, func(c net.Conn) {
		conns <- c
		answers(4, "pong")(c)
	})
	for range 10 {
		if got, err := g.ask("ping"); got != "pong" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if p := g.Progress(); p.Called != 1 {
		t.Errorf("%d connections for clients in turn", p.Called)
	}
	(<-conns).Close()
	for end := time.Now().Add(patience); established(t) > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // until the relay has seen it, and closed its end
	}
	if got, err := g.ask("ping"); got != "pong" || err != nil {
		t.Errorf("after the server had closed: %q, %v", got, err)
	}
	if p := g.Progress(); p.Called != 2 {
		t.Errorf("%d connections in all", p.Called)
	}
	g.outcomes(ok(11))
}

// established counts this namespace's connections that are not on their way to their end.
func established(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[3] == "01" || f[3] == "08" {
			n++
		}
	}
	return n
}

// A tuple that has no port is told by its first failure; the other one goes on.
func TestNetNSRelayExhaustionByTuple(t *testing.T) {
	second := netip.MustParseAddr("127.0.0.2")
	g := newRig(t, func(p *Plan) {
		p.Sources = append(p.Sources, second)
		p.Socket = Socket{BindNoPort: true}
	})
	nstest.Sysctl(t, "ipv4/ip_local_port_range", "40000 40009")
	nstest.Sysctl(t, "ipv4/tcp_tw_reuse", "0") // over lo it would be on
	// the first source's ports are taken by others, to the same server
	for range 10 {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}
		d.Control = func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) { linux.SetBindAddressNoPort(int(fd)) })
		}
		c, err := d.Dial("tcp4", g.server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		other, err := g.server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
	}
	nstest.Sysctl(t, "ipv4/ip_local_port_range", "40000 40009")
	go g.serve(2, answers(4, "pong"))
	for i, want := range []string{"", "pong", "", "pong"} {
		nstest.Sysctl(t, "ipv4/ip_local_port_range", "50000 50999") // for the client that asks; it is set back before the relay connects
		c, err := net.Dial("tcp4", g.at)
		if err != nil {
			t.Fatal(err)
		}
		nstest.Sysctl(t, "ipv4/ip_local_port_range", "40000 40009")
		io.WriteString(c, "ping") //nolint:errcheck // the answer tells
		got, err := io.ReadAll(c)
		c.Close()
		if string(got) != want || err != nil {
			t.Errorf("client %d: %q, %v; want %q", i, got, err, want)
		}
	}
	if !g.Progress().Exhausted {
		t.Error("it is not said that a port was missing")
	}
	res := g.ended()
	first, other := res.Tuples[0], res.Tuples[1]
	if first.Successes != 0 || first.OKBefore == nil || *first.OKBefore != 0 || *first.FirstExhaustionSeconds <= 0 ||
		other.Successes != 2 || other.OKBefore != nil {
		t.Errorf("%+v", res.Tuples)
	}
}

// Plans that cannot be carried out are refused, each with its reason.
func TestNetNSRelayRefuses(t *testing.T) {
	nstest.Require(t)
	if _, err := New(Plan{}); err == nil {
		t.Error("an empty plan was taken")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := netip.MustParseAddrPort(l.Addr().String())
	_, err = New(Plan{
		Listen: at, Backlog: 1, Sources: []netip.Addr{at.Addr()}, Destinations: []netip.AddrPort{at}, Request: 1,
	})
	if err == nil || !strings.Contains(err.Error(), "EADDRINUSE") || !strings.Contains(err.Error(), strconv.Itoa(int(at.Port()))) {
		t.Errorf("a port that is taken: %v", err)
	}
}
