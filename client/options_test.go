//go:build linux

package client

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"twomsl/internal/callcost"
	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// readBack is how each option is asked for, and how the kernel tells that it has it.
var readBack = map[string]struct {
	asked Socket
	want  string
	read  func(fd int) string
}{
	"SO_REUSEADDR": {Socket{ReuseAddress: true}, "1", ints(unix.SOL_SOCKET, unix.SO_REUSEADDR)},
	"SO_REUSEPORT": {Socket{ReusePort: true}, "1", ints(unix.SOL_SOCKET, unix.SO_REUSEPORT)},
	"IP_LOCAL_PORT_RANGE": {
		Socket{PortRange: scenario.PortRange{Low: 40000, High: 40999}}, fmt.Sprint(40999<<16 | 40000), ints(unix.SOL_IP, 51),
	},
	"IP_BIND_ADDRESS_NO_PORT": {
		Socket{Bind: scenario.Bind{Mode: scenario.BindAddress}, BindNoPort: true}, "1", ints(unix.SOL_IP, 24),
	},
	"TCP_NODELAY":          {Socket{NoDelay: true}, "1", ints(unix.IPPROTO_TCP, unix.TCP_NODELAY)},
	"TCP_FASTOPEN_CONNECT": {Socket{FastOpen: true}, "1", ints(unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT)},
	"SO_KEEPALIVE": {
		Socket{KeepAlive: scenario.KeepAlive{
			Idle: scenario.Duration(70 * time.Second), Interval: scenario.Duration(11 * time.Second), Probes: 4,
		}},
		"1 70 11 4", func(fd int) string {
			return strings.Join([]string{
				ints(unix.SOL_SOCKET, unix.SO_KEEPALIVE)(fd),
				ints(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT)(fd),
			}, " ")
		},
	},
}

// ints reads options whose value is one number each.
func ints(level int, options ...int) func(fd int) string {
	return func(fd int) string {
		words := make([]string, len(options))
		for i, o := range options {
			v, err := unix.GetsockoptInt(fd, level, o)
			words[i] = fmt.Sprint(uint32(v))
			if err != nil {
				words[i] = err.Error()
			}
		}
		return strings.Join(words, " ")
	}
}

func optionsPlan(at netip.Addr, s Socket) Plan {
	return Plan{
		Sources: []netip.Addr{at}, Destinations: []netip.AddrPort{netip.AddrPortFrom(at, 9)}, Socket: s, Rate: scenario.Max,
		Workers: 1, Concurrency: 1, Until: 1, Timeout: 1, Request: 1, Steps: []teardown.Step{{Op: teardown.Close}},
	}
}

// optionsOf makes a socket as a worker does, and reads every option of the table back.
func setOn(t *testing.T, at netip.Addr, s Socket) map[string]string {
	t.Helper()
	c, err := New(optionsPlan(at, s))
	if err != nil {
		t.Fatal(err)
	}
	defer c.closeWorkers()
	fd, e := linux.Socket(at.Is6())
	if e != 0 {
		t.Fatal(e)
	}
	defer linux.Close(fd)
	if phase, e := c.workers[0].prepare(fd, 0, 0, &callcost.Timer{}); e != 0 {
		t.Fatal(phase, e)
	}
	got := map[string]string{}
	for name, o := range readBack {
		got[name] = o.read(fd)
	}
	return got
}

// Each option that is asked for reaches the socket with its value, and no other one does.
func TestNetNSOptionsReachTheSocket(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	for _, at := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		plain := setOn(t, at, Socket{})
		for _, o := range options {
			r, known := readBack[o.Name]
			if !known {
				t.Errorf("nobody reads %s back", o.Name)
				continue
			}
			for name, got := range setOn(t, at, r.asked) {
				want := plain[name]
				if name == o.Name {
					want = r.want
				}
				if got != want {
					t.Errorf("%s asked for at %s: %s is %s, want %s", o.Name, at, name, got, want)
				}
			}
			if plain[o.Name] == r.want {
				t.Errorf("%s at %s is %s without being asked for: the test shows nothing", o.Name, at, r.want)
			}
		}
	}
}

// The port that bind() names, and the one that it is to leave to connect().
func TestNetNSBind(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	named := scenario.Bind{Mode: scenario.BindPorts, Ports: scenario.PortRange{Low: 40007, High: 40009}}
	for _, c := range []struct {
		name    string
		s       Socket
		address bool
		port    bool
	}{
		{"none", Socket{Bind: scenario.Bind{Mode: scenario.BindAuto}}, false, false},
		{"address", Socket{Bind: scenario.Bind{Mode: scenario.BindAddress}}, true, true},
		{"address alone", Socket{Bind: scenario.Bind{Mode: scenario.BindAddress}, BindNoPort: true}, true, false},
		{"ports", Socket{Bind: named, BindNoPort: true}, true, true},
	} {
		for _, at := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
			got := boundTo(t, optionsPlan(at, c.s))
			if (got.Addr() == at) != c.address || (got.Port() != 0) != c.port {
				t.Errorf("%s at %s: bound to %s", c.name, at, got)
			}
			if c.s.Bind.Mode == scenario.BindPorts && got.Port() != 40008 { // the second of the range
				t.Errorf("%s at %s: bound to %s", c.name, at, got)
			}
		}
	}
}

// boundTo is where connection 1 is bound before its connect().
func boundTo(t *testing.T, plan Plan) netip.AddrPort {
	t.Helper()
	c, err := New(plan)
	if err != nil {
		t.Fatal(err)
	}
	defer c.closeWorkers()
	fd, e := linux.Socket(c.ipv6())
	if e != 0 {
		t.Fatal(e)
	}
	defer linux.Close(fd)
	if phase, e := c.workers[0].prepare(fd, 1, 0, &callcost.Timer{}); e != 0 {
		t.Fatal(phase, e)
	}
	var local linux.Sockaddr
	if e := linux.LocalAddr(fd, &local); e != 0 {
		t.Fatal(e)
	}
	return local.AddrPort()
}

// What this kernel does not have is said before any load, with the option's name and the Linux that it came with.
func TestOptionThatKernelLacks(t *testing.T) {
	before := options
	defer func() { options = before }()
	options = append(append([]linux.Option[Plan]{}, before...), linux.Option[Plan]{
		Name: "TCP_TELEPORT", Since: "9.9",
		Asked: func(*Plan) bool { return true },
		Set: func(fd int, _ *Plan) linux.Errno {
			var e linux.Errno
			errors.As(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, 9999, 1), &e)
			return e
		},
	})
	_, err := New(optionsPlan(netip.MustParseAddr("127.0.0.1"), Socket{}))
	var lacks *linux.UnsupportedError
	if !errors.As(err, &lacks) || lacks.Option != "TCP_TELEPORT" || lacks.Since != "9.9" || lacks.Err != unix.ENOPROTOOPT {
		t.Fatalf("%v: %+v", err, lacks)
	}
	for _, part := range []string{"client", "TCP_TELEPORT", "ENOPROTOOPT", "Linux 9.9", "leave the option out"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v: nothing of %q", err, part)
		}
	}
}

// What a scenario asks for reaches the plan whole, and what it leaves out stays out.
func TestSocketOf(t *testing.T) {
	plain := scenario.Scenario{}.Resolve().Client
	if got := SocketOf(plain); got != (Socket{Bind: scenario.Bind{Mode: scenario.BindAuto}, BindNoPort: true}) {
		t.Errorf("%+v", got)
	}
	all := Socket{
		Bind:      scenario.Bind{Mode: scenario.BindPorts, Ports: scenario.PortRange{Low: 40000, High: 40001}},
		PortRange: scenario.PortRange{Low: 1, High: 2}, ReuseAddress: true, ReusePort: true, NoDelay: true, FastOpen: true,
		KeepAlive: scenario.KeepAlive{Idle: scenario.Duration(time.Second), Interval: 2, Probes: 3},
	}
	on := scenario.On
	if got := SocketOf(scenario.Client{
		Bind: all.Bind, BindAddressNoPort: scenario.Off, LocalPortRange: all.PortRange, ReuseAddress: on, ReusePort: on,
		NoDelay: on, FastOpen: on, KeepAlive: all.KeepAlive,
	}); got != all {
		t.Errorf("%+v, want %+v", got, all)
	}
}
