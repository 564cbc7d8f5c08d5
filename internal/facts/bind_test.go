//go:build linux

package facts

import (
	"syscall"
	"testing"

	"twomsl/internal/linux"
)

// bind() with port 0 and IP_BIND_ADDRESS_NO_PORT leaves the port to connect(), which chooses per tuple. Without that
// option bind() takes a port away from every destination of the source.
func TestNetNSExplicitBindTakesPortFromAll(t *testing.T) {
	t.Parallel()
	const size = 200
	p := newPair(t)
	p.noReuse()
	p.clientRange(40000, 40199)
	source := p.client.address
	one, other := p.serve(80), p.serve(81)
	one.takes("no port, one destination", size, linux.EADDRNOTAVAIL, bindNoPort(source))
	other.takes("no port, another destination", size, linux.EADDRNOTAVAIL, bindNoPort(source))

	p = newPair(t)
	p.noReuse()
	p.clientRange(40000, 40199)
	one, other = p.serve(80), p.serve(81)
	ports := one.takes("explicit, one destination", size, linux.Errno(syscall.EADDRINUSE), bindTo(source, 0))
	for _, port := range ports[:size/2] {
		if port%2 == 40000%2 {
			t.Fatalf("bind() took port %d before all ports of the parity that connect() leaves to the end", port)
		}
	}
	other.takes("explicit, another destination", 0, linux.Errno(syscall.EADDRINUSE), bindTo(source, 0))
	other.takes("explicit, another source", size, linux.Errno(syscall.EADDRINUSE), bindTo(p.client.second, 0))
}

// What an explicit bind() left in TIME_WAIT keeps its port from every plain connect(), tcp_tw_reuse or not: the port
// counts as bound (inet_bind_bucket.fastreuse), and connect() passes over it.
func TestNetNSExplicitBindIsNotReused(t *testing.T) {
	t.Parallel()
	const size, bound = 200, 50
	p := newPair(t)
	p.client.set("net.ipv4.tcp_tw_reuse", "1")
	p.reuseAtOnce()
	p.clientRange(40000, 40199)
	one, other := p.serve(80), p.serve(81)
	taken := map[uint16]bool{}
	ports, e := one.exhaust(bound, bindTo(p.client.address, 0))
	ok(t, "bind", e)
	for _, port := range ports {
		taken[port] = true
	}
	p.client.stands(inTimeWait(bound))
	p.client.set("net.ipv4.tcp_tw_reuse", "0") // so that what follows ends once each port has been had
	for _, port := range other.takes("another destination", size-bound, linux.EADDRNOTAVAIL) {
		if taken[port] {
			t.Errorf("port %d was bound and then had by connect()", port)
		}
	}
	p.client.set("net.ipv4.tcp_tw_reuse", "1")
	one.takesHeld("the same destination", size-bound)
	equal(t, "TWRecycled", p.client.counter("TcpExt.TWRecycled"), 0)
}
