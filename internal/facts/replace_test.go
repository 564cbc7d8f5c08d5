//go:build linux

package facts

import (
	"testing"

	"twomsl/internal/linux"
)

// A new SYN on the tuple of a server's TIME_WAIT replaces it: as many stand as before, and TW counts again. A newer
// timestamp does it, and without timestamps a higher sequence number.
func TestNetNSNewSynReplacesTimeWait(t *testing.T) {
	t.Parallel()
	const n = 50
	for _, timestamps := range []string{"1", "0"} {
		p := newPair(t)
		p.client.set("net.ipv4.tcp_timestamps", timestamps)
		l := p.serve(80)
		for round := range 3 {
			for i := range uint16(n) {
				l.open(bindTo(p.client.address, 40000+i)).serverFirst()
			}
			p.client.stands(nothing)
			p.server.stands(inTimeWait(n))
			equal(t, "TW with tcp_timestamps="+timestamps, p.server.counter("TcpExt.TW"), n*(round+1))
		}
	}
}

// So one client address leaves at most half of its port range in TIME_WAIT on a server: its ports are free again at
// once, and connect() takes those of the other parity only where it finds none of the first.
func TestNetNSServerHoldsHalfOfClientRange(t *testing.T) {
	t.Parallel()
	const size, n = 200, 1000
	p := newPair(t)
	p.clientRange(40000, 40000+size-1)
	p.serve(80).churn(n, func(c *conn) {
		c.serverFirst()
		p.client.stands(nothing) // else its port, still in LAST_ACK, is passed over
	})
	standing := p.server.states()[linux.DiagTimeWait]
	if standing > size/2 || standing < size/4 {
		t.Errorf("%d connections from %d ports left %d TIME_WAIT; expected at most half, and near it", n, size, standing)
	}
	equal(t, "TW of the server", p.server.counter("TcpExt.TW"), n)
	p.client.stands(nothing)
	t.Logf("%d connections from %d ports left %d TIME_WAIT on the server", n, size, standing)
}
