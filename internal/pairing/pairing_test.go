//go:build linux

package pairing

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"twomsl/internal/labtest"
	"twomsl/internal/linux"
	"twomsl/internal/peer"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m, os.Args)) }

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// running is a Host at a loopback address.
type running struct {
	*Host
	at    string
	token Token
	mu    sync.Mutex
	said  []string
	ended chan Ended
}

func serve(t *testing.T, change func(*Options)) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{at: l.Addr().String(), token: NewToken(), ended: make(chan Ended, 8)}
	opt := Options{
		Token: r.token, Tool: "twomsl test", Program: labtest.Program, Sessions: 1, Longest: time.Hour,
		Say: func(s string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.said = append(r.said, s)
		},
		Ended: func(e Ended) { r.ended <- e },
	}
	if change != nil {
		change(&opt)
	}
	r.Host = NewHost(opt)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- r.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *running) dial(t *testing.T) *Link {
	t.Helper()
	l, err := Dial(context.Background(), r.at, r.token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// begin pairs and prepares a server that takes connections.
func (r *running) begin(t *testing.T) *Link {
	t.Helper()
	l, ctx := r.dial(t), context.Background()
	if err := l.Pair(ctx, Order{Tool: "twomsl test", Scenario: steady(t)}); err != nil {
		t.Fatal(err)
	}
	if err := l.Consent(ctx, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Remote.Hello(ctx); err != nil {
		t.Fatal(err)
	}
	_, err := l.Remote.Prepare(ctx, peer.Prepare{Server: &server.Plan{
		Listen: []netip.AddrPort{l.Target}, Backlog: 16, Workers: 1, Sources: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		Timeout: scenario.Duration(time.Minute), Length: scenario.Duration(time.Minute), Request: 1, Response: 1, Rounds: 1,
		Steps: []teardown.Step{{Op: teardown.ReadEOF}, {Op: teardown.Close}}, Socket: server.Socket{ReuseAddress: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Remote.Start(ctx, peer.Start{Epoch: linux.Nano()}); err != nil {
		t.Fatal(err)
	}
	return l
}

// One after the other: a session, its end, the next; two at once are one too many.
func TestSessionsAreCounted(t *testing.T) {
	r := serve(t, nil)
	first := r.begin(t)
	second := r.dial(t)
	err := second.Pair(context.Background(), Order{Scenario: steady(t)})
	if err == nil || !strings.Contains(err.Error(), "--sessions") {
		t.Errorf("a second session: %v", err)
	}
	if err := first.Bye(context.Background()); err != nil {
		t.Fatal(err)
	}
	first.Close()
	third := awaitPlace(t, r)
	third.Close()
	if len(r.ended) != 0 {
		t.Error("a session that said good-bye left a record")
	}
}

// awaitPlace pairs as soon as a session before has gone.
func awaitPlace(t *testing.T, r *running) *Link {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		l := r.dial(t)
		err := l.Pair(context.Background(), Order{Scenario: steady(t)})
		if err == nil {
			return l
		}
		if l.Close(); time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// A conductor that goes without a word leaves its server's result behind, and the load's port is free.
func TestVanishedConductorLeavesTheResult(t *testing.T) {
	r := serve(t, nil)
	l := r.begin(t)
	c, err := net.Dial("tcp", l.Target.String())
	if err != nil {
		t.Fatal(err)
	}
	c.Write([]byte{0}) //nolint:errcheck // whether it came shows below
	c.Close()
	l.Close()
	e := <-r.ended
	if !e.Began || e.Result == nil || e.Result.Server == nil || e.Why != "" || e.Progress.Opened != 1 || e.Result.Counters == nil {
		t.Errorf("left behind: began %v, %+v, %q", e.Began, e.Progress, e.Why)
	}
	if d, err := net.Dial("tcp", l.Target.String()); err == nil {
		d.Close()
		t.Error("the load's port still takes connections")
	}
}

// The proof is the paired server's: somebody else at its port is not flooded.
func TestConsentIsProved(t *testing.T) {
	r := serve(t, nil)
	l, ctx := r.dial(t), context.Background()
	if err := l.Pair(ctx, Order{Scenario: steady(t)}); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() {
		for {
			c, err := other.Accept()
			if err != nil {
				return
			}
			c.Write(make([]byte, proofSize)) //nolint:errcheck // whoever is there
		}
	}()
	right := l.Target
	l.Target = netip.MustParseAddrPort(other.Addr().String())
	if err := l.Consent(ctx, netip.Addr{}); err == nil || !strings.Contains(err.Error(), "not the paired server") {
		t.Errorf("somebody else: %v", err)
	}
	l.Target = right
	if err := l.Consent(ctx, netip.Addr{}); err == nil {
		t.Error("a proof is asked for twice")
	}
}

// A session's port is one that is free, and not one that the client's host wants to avoid.
func TestPortsAreFresh(t *testing.T) {
	r := serve(t, func(o *Options) { o.Sessions = 3 })
	s := steady(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	s.Server.Port = busy.Addr().(*net.TCPAddr).Port
	avoid := uint16(s.Server.Port + 1)
	seen := map[uint16]bool{uint16(s.Server.Port): true, avoid: true}
	for range 3 {
		l := r.dial(t)
		if err := l.Pair(context.Background(), Order{Scenario: s, Avoid: []uint16{avoid}}); err != nil {
			t.Fatal(err)
		}
		if seen[l.Target.Port()] {
			t.Errorf("port %d once more", l.Target.Port())
		}
		seen[l.Target.Port()] = true
	}
}

func TestWrongTokenIsTold(t *testing.T) {
	r := serve(t, nil)
	if _, err := Dial(context.Background(), r.at, NewToken()); !errors.Is(err, ErrWrongToken) {
		t.Errorf("another token: %v", err)
	}
}

// Strangers are few at any time, and the oldest goes first.
func TestStrangersAreFew(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	d := &door{Listener: inner}
	var out []net.Conn
	defer func() {
		for _, c := range out {
			c.Close()
		}
	}()
	for range mostStrangers + 20 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
		v, err := d.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if len(out) == 5 {
			v.(*visitor).letIn()
		}
	}
	if n := d.strangers.Len(); n != mostStrangers {
		t.Errorf("%d strangers stand", n)
	}
	for i, gone := range map[int]bool{0: true, 4: false, 10: true, len(out) - 1: false} {
		_ = out[i].SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, err := out[i].Read(make([]byte, 1))
		if reset := err != nil && !errors.Is(err, os.ErrDeadlineExceeded); reset != gone {
			t.Errorf("connection %d: %v, want it gone: %v", i, err, gone)
		}
	}
}

// Hosts whose clocks are apart by hours are aligned to within the round trip.
func TestClocksAreAligned(t *testing.T) {
	const apart = 3*time.Hour + 7*time.Millisecond
	a, err := align(func() (Moment, error) {
		m := now()
		return Moment{Monotonic: m.Monotonic + int64(apart), Wall: m.Wall.Add(-2 * apart)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if off := (a.Offset - apart).Abs(); off > a.Uncertainty || a.Uncertainty <= 0 || a.RoundTrips != asks {
		t.Errorf("off by %v, said to be at most %v", off, a.Uncertainty)
	}
	if off := (a.WallApart + 2*apart).Abs(); off > time.Second {
		t.Errorf("the wall clocks are %v apart, found %v", -2*apart, a.WallApart)
	}
	c := a.Record(&Alignment{Offset: a.Offset + time.Microsecond, Uncertainty: a.Uncertainty + 5*time.Microsecond})
	if c.DriftUS == nil || *c.DriftUS != 1 || c.UncertaintyUS <= float64(a.Uncertainty)/1e3 {
		t.Errorf("%+v", c)
	}
}
