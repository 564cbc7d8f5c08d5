//go:build linux

package facts

import (
	"testing"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/sysctl"
)

// A new namespace begins with the kernel's own TCP settings, not with those of the namespace that it is made from.
func TestNetNSFreshDefaults(t *testing.T) {
	t.Parallel()
	parent := newLoopback(t).client
	changed := map[string]string{
		"net.ipv4.tcp_fin_timeout": "17", reuse: "1", "net.ipv4.ip_local_port_range": "40000 40099",
		"net.ipv4.tcp_rfc1337": "1", "net.ipv4.tcp_syncookies": "0", "net.core.somaxconn": "77",
	}
	defaults := map[string]string{
		"net.ipv4.tcp_fin_timeout": "60", reuse: "2", "net.ipv4.ip_local_port_range": "32768 60999",
		"net.ipv4.tcp_rfc1337": "0", "net.ipv4.tcp_syncookies": "1", "net.core.somaxconn": "4096",
	}
	for key, value := range changed {
		parent.set(key, value)
	}
	parent.enter()
	nstest.Require(t) // the child
	for key, want := range defaults {
		got, err := sysctl.Read(sysctl.DefaultRoot, key)
		must(t, err)
		if got != want {
			t.Errorf("%s is %q in a new namespace, expected %q; its parent has %q", key, got, want, changed[key])
		}
	}
}

// A new namespace has no TIME_WAIT and all its ports, whatever stood in one of the same addresses just before.
func TestNetNSFreshPortsAreFree(t *testing.T) {
	t.Parallel()
	const n = 200
	for range 3 {
		p := newPair(t)
		p.client.stands(nothing)
		equal(t, "TW", p.client.counter("TcpExt.TW"), 0)
		p.full(n)
	}
}

// Where connect() begins to look for a port is remembered by the machine, by hash of addresses and port, and not by the
// namespace: two pairs with the same addresses go through one sequence of ports together.
func TestNetNSNamespacesShareWhereConnectBegins(t *testing.T) {
	t.Parallel()
	const (
		rounds = 40
		step   = 2 * 8 // at most, with what is added by chance (__inet_hash_connect)
		ports  = 60999 - 32768 + 1
	)
	one, two := newPairAt(t, clientPrefix, serverPrefix), newPairAt(t, clientPrefix, serverPrefix)
	of := []*service{one.serve(4711), two.serve(4711)}
	var got []int
	for i := range rounds {
		got = append(got, int(of[i%2].open().port))
	}
	for i := 1; i < rounds; i++ {
		if by := (got[i] - got[i-1] + ports) % ports; by == 0 || by > 2*step {
			t.Fatalf("connection %d is %d ports after the one before it, in the other namespace: %v", i, by, got)
		}
	}
}
