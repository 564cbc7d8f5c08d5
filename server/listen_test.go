//go:build linux

package server

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// readBack is how the kernel tells that a listener has an option.
var readBack = map[string]struct{ level, option int }{
	"SO_REUSEADDR": {unix.SOL_SOCKET, unix.SO_REUSEADDR},
	"SO_REUSEPORT": {unix.SOL_SOCKET, unix.SO_REUSEPORT},
	"IPV6_V6ONLY":  {unix.IPPROTO_IPV6, unix.IPV6_V6ONLY},
	"TCP_FASTOPEN": {unix.IPPROTO_TCP, unix.TCP_FASTOPEN},
	"SO_KEEPALIVE": {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
}

const backlog = 17

func listenPlan(at netip.Addr, s Socket) Plan {
	return Plan{
		Listen: []netip.AddrPort{netip.AddrPortFrom(at, 5000)}, Sources: []netip.Addr{at}, Socket: s, Backlog: backlog,
		Workers: 1, Timeout: 1, Length: 1, Request: 1, Response: 1, Steps: []teardown.Step{{Op: teardown.Close}},
	}
}

// A listener has the options that are asked for, and no others: TCP_FASTOPEN has room for the backlog.
func TestNetNSListenerOptions(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	for _, at := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		six := 0
		if at.Is6() {
			six = 1
		}
		for asked, want := range map[Socket]map[string]int{
			{}:                   {},
			{ReuseAddress: true}: {"SO_REUSEADDR": 1},
			{ReusePort: true}:    {"SO_REUSEPORT": 1},
			{FastOpen: true}:     {"TCP_FASTOPEN": backlog},
			{KeepAlive: scenario.KeepAlive{Idle: scenario.Duration(time.Second)}}: {"SO_KEEPALIVE": 1},
			{ReuseAddress: true, ReusePort: true, FastOpen: true}: {
				"SO_REUSEADDR": 1, "SO_REUSEPORT": 1, "TCP_FASTOPEN": backlog,
			},
		} {
			want["IPV6_V6ONLY"] = six
			listenerHas(t, listenPlan(at, asked), want)
		}
	}
}

func listenerHas(t *testing.T, p Plan, want map[string]int) {
	t.Helper()
	fd, err := listen(p.Listen[0], &p)
	if err != nil {
		t.Fatal(err)
	}
	defer linux.Close(fd)
	for _, o := range options {
		r, known := readBack[o.Name]
		if !known {
			t.Errorf("nobody reads %s back", o.Name)
			continue
		}
		got, err := unix.GetsockoptInt(fd, r.level, r.option)
		if r.level == unix.IPPROTO_IPV6 && !p.ipv6() {
			got, err = 0, nil // an IPv4 socket has no such option
		}
		if err != nil || got != want[o.Name] {
			t.Errorf("%+v at %s: %s is %d, %v; want %d", p.Socket, p.Listen[0], o.Name, got, err, want[o.Name])
		}
	}
}

// What a scenario asks for, and what it leaves out.
func TestSocketOf(t *testing.T) {
	plain := scenario.Scenario{}.Resolve()
	if got := SocketOf(plain); got != (Socket{ReuseAddress: true, ReusePort: true}) {
		t.Errorf("%+v", got)
	}
	plain.Server.KeepAlive = scenario.KeepAlive{Probes: 7}
	if got := SocketOf(plain); got.KeepAlive != plain.Server.KeepAlive {
		t.Errorf("%+v", got)
	}
	plain.Server.KeepAlive = scenario.KeepAlive{}
	plain.Server.ReuseAddress, plain.Server.ReusePort, plain.Client.FastOpen = scenario.Off, scenario.Off, scenario.On
	if got := SocketOf(plain); got != (Socket{FastOpen: true}) {
		t.Errorf("%+v", got)
	}
}

// What this kernel does not have is said before any load, with the option's name and the Linux that it came with, and
// nothing is left listening.
func TestNetNSOptionThatKernelLacks(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	before := options
	options = append(append([]linux.Option[Plan]{}, before...), linux.Option[Plan]{
		Name: "TCP_TELEPORT", Since: "9.9",
		Asked: func(*Plan) bool { return true },
		Set: func(fd int, _ *Plan) linux.Errno {
			var e linux.Errno
			errors.As(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, 9999, 1), &e)
			return e
		},
	})
	_, err := New(listenPlan(netip.MustParseAddr("127.0.0.1"), Socket{}))
	options = before
	var lacks *linux.UnsupportedError
	if !errors.As(err, &lacks) || lacks.Option != "TCP_TELEPORT" || lacks.Since != "9.9" {
		t.Fatalf("%v: %+v", err, lacks)
	}
	for _, part := range []string{"server", "TCP_TELEPORT", "ENOPROTOOPT", "Linux 9.9"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v: nothing of %q", err, part)
		}
	}
	listenerHas(t, listenPlan(netip.MustParseAddr("127.0.0.1"), Socket{}), map[string]int{})
}

// Without either option a second server gets EADDRINUSE while the first one's listener stands, told as the errno's name.
func TestNetNSRestart(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	for _, at := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		p := listenPlan(at, Socket{})
		fd, err := listen(p.Listen[0], &p)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&Server{plan: p}).Restart(); got != "EADDRINUSE" {
			t.Errorf("over a listener at %s: %q", at, got)
		}
		linux.Close(fd)
		if got := (&Server{plan: p}).Restart(); got != "" {
			t.Errorf("with nobody at %s: %q", at, got)
		}
		p.Listen[0] = netip.MustParseAddrPort("203.0.113.1:80")
		if p.Listen[0].Addr().Is4() != at.Is4() {
			p.Listen[0] = netip.MustParseAddrPort("[2001:db8::1]:80")
		}
		if got := (&Server{plan: p}).Restart(); got != "EADDRNOTAVAIL" {
			t.Errorf("at an address that is not here: %q", fmt.Sprint(got))
		}
	}
}
