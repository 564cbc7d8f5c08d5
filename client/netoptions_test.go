//go:build linux

package client

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"twomsl/internal/scenario"
)

// The options that a plan asks for are set; the others are the library's: TCP_NODELAY, and keep-alive after 15 s.
func TestOptionsOfEngineNet(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	asked := scenario.KeepAlive{Idle: scenario.Duration(77 * time.Second), Interval: scenario.Duration(5 * time.Second), Probes: 3}
	for _, c := range []struct {
		socket Socket
		want   string
	}{
		{Socket{}, "nodelay 1, reuse 0, keepalive 1, idle 15, interval 15, probes 9"},
		{Socket{KeepAlive: asked}, "nodelay 1, reuse 0, keepalive 1, idle 77, interval 5, probes 3"},
		{Socket{ReuseAddress: true}, "nodelay 1, reuse 1, keepalive 1, idle 15, interval 15, probes 9"},
	} {
		plan := Plan{
			Sources: addresses(1), Destinations: []netip.AddrPort{netip.MustParseAddrPort(l.Addr().String())}, Workers: 1,
			Concurrency: 1, Until: scenario.Duration(time.Second), Timeout: scenario.Duration(time.Second), Request: 1, Socket: c.socket,
		}
		if got := optionsOf(t, plan); got != c.want {
			t.Errorf("%+v: %s, expected %s", c.socket, got, c.want)
		}
	}
}

// optionsOf dials once and looks.
func optionsOf(t *testing.T, plan Plan) string {
	t.Helper()
	e, err := newNetEngine(plan)
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.dial(0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	f, err := c.File() // a second descriptor of the same socket
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	get := func(level, option int) int {
		v, err := syscall.GetsockoptInt(int(f.Fd()), level, option)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return fmt.Sprintf("nodelay %d, reuse %d, keepalive %d, idle %d, interval %d, probes %d",
		get(syscall.IPPROTO_TCP, syscall.TCP_NODELAY), get(syscall.SOL_SOCKET, syscall.SO_REUSEADDR),
		get(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE), get(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE),
		get(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL), get(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT))
}
