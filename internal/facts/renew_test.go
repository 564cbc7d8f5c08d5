//go:build linux

package facts

import (
	"net/netip"
	"testing"
	"time"

	"twomsl/internal/linux"
)

// An ACK for a connection that stands in TIME_WAIT begins its minute anew, wherever its sequence number lies: the same
// socket stands on, and TcpExtTW does not count it again. Without one the time left runs down.
func TestNetNSAckBeginsTimeWaitAnew(t *testing.T) {
	t.Parallel()
	const n, aged = 40, 2500 * time.Millisecond
	for version, newPair := range families {
		p := newPair(t)
		needRepair(t, p.client.socket())
		l := p.serve(80)
		var ports []uint16
		for i := range uint16(2 * n) {
			c := l.open(bindTo(p.client.address, 40000+i)) // a port that comes back would replace its TIME_WAIT
			ports = append(ports, c.port)
			c.serverFirst()
		}
		p.server.stands(inTimeWait(2 * n))
		for p.server.longestLeft() > timeWaitLen-aged {
			time.Sleep(100 * time.Millisecond)
		}
		p.client.enter()
		to := linux.NewSockaddr(l.at)
		for _, port := range ports[:n] {
			from := linux.NewSockaddr(netip.AddrPortFrom(p.client.address, port))
			call, e := linux.Probe(&from, &to, p.client.address.Is6())
			ok(t, call, e)
		}
		if !until(func() bool { return p.server.anew(timeWaitLen-aged/2) == n }) {
			t.Errorf("%s: %d of %d began anew", version, p.server.anew(timeWaitLen-aged/2), n)
		}
		p.server.stands(inTimeWait(2 * n))
		equal(t, version+": TW", p.server.counter("TcpExt.TW"), 2*n)
		p.client.stands(nothing)
	}
}

// longestLeft is the longest time that a TIME_WAIT has left; anew counts those that have more left than that.
func (s *side) longestLeft() (longest time.Duration) {
	s.each(1<<linux.DiagTimeWait, func(r *linux.DiagRow) {
		longest = max(longest, time.Duration(r.ExpiresMS)*time.Millisecond)
	})
	return longest
}

func (s *side) anew(least time.Duration) (n int) {
	s.each(1<<linux.DiagTimeWait, func(r *linux.DiagRow) {
		if time.Duration(r.ExpiresMS)*time.Millisecond > least {
			n++
		}
	})
	return n
}
