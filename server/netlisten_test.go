//go:build linux

package server

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
)

// The library asks for MPTCP where the kernel has it; what is accepted from a client of plain TCP is plain TCP.
func TestListenerOfEngineNet(t *testing.T) {
	enabled, err := os.ReadFile("/proc/sys/net/mptcp/enabled")
	want := protoTCP
	if err == nil && strings.TrimSpace(string(enabled)) == "1" {
		want = protoMPTCP
	}
	l, err := listenNet(netip.MustParseAddrPort("127.0.0.1:0"), &Plan{
		Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Backlog: 5, Socket: Socket{ReuseAddress: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if got := protocol(t, l); got != want {
		t.Errorf("the listener's protocol is %d, expected %d", got, want)
	}
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	a, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	if got := protocol(t, a); got != protoTCP {
		t.Errorf("the connection's protocol is %d", got)
	}
}

const (
	protoTCP   = 6
	protoMPTCP = 262
)

func protocol(t *testing.T, s syscall.Conn) (v int) {
	t.Helper()
	raw, err := s.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	control := raw.Control(func(fd uintptr) { v, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_PROTOCOL) })
	if control != nil || err != nil {
		t.Fatal(control, err)
	}
	return v
}

// What was noted before a close that came to nothing is taken back, unless the tuple has come back meanwhile.
func TestForget(t *testing.T) {
	plan := Plan{Listen: make([]netip.AddrPort, 1), Sources: make([]netip.Addr, 1), LifeLeast: 1 << 40, LifeMost: 1 << 41}
	for _, comesBack := range []bool{false, true} {
		r := newRecorder(&plan)
		r.remember(40000, 7_000_000)
		if comesBack {
			r.accepted(40000, 8_000_000)
			r.remember(40000, 9_000_000)
		}
		r.forget(40000, 7_000_000)
		r.accepted(40000, 10_000_000)
		want := map[bool]int64{false: 0, true: 2}[comesBack]
		if r.replaced != want {
			t.Errorf("it comes back meanwhile %v: %d replaced, expected %d", comesBack, r.replaced, want)
		}
		r.remember(-1, 1)
		r.forget(-1, 1) // a foreigner
	}
}
