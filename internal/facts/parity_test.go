//go:build linux

package facts

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"twomsl/internal/linux"
)

const low, high, rangeSize = 32768, 60999, 28232 // the default range

// Plain connect() takes the ports of one parity first, that of the range's low end. Once those are taken it looks
// through all of them in vain each time, which a range of the socket's own avoids.
//
// The cost is told by time, since nothing else shows it. The factor is about 100 on an idle machine, 5 are asked for,
// and the two kinds take turns, so that whatever else runs slows both.
func TestNetNSHalfRangeCliff(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.noReuse()
	p.clientRange(low, high)
	p.client.set("net.ipv4.tcp_max_tw_buckets", "262144")
	l := p.serve(80)
	ports := p.fill(l, rangeSize/2)
	for _, port := range ports {
		if port%2 != low%2 {
			t.Fatalf("port %d was taken before all ports of the other parity", port)
		}
	}
	if linux.ProbeLocalPortRange() != nil {
		t.Skip("this kernel has no IP_LOCAL_PORT_RANGE to compare with")
	}
	var plain, own []time.Duration
	for range 30 {
		plain = append(plain, l.timeConnect())
		own = append(own, l.timeConnect(portRange(low, high)))
	}
	a, b := median(plain), median(own)
	t.Logf("connect() past half: %v plain, %v with the socket's own range", a, b)
	if a < 5*b {
		t.Errorf("plain connect() takes %v past half of the range, with the socket's own range %v", a, b)
	}
}

// fill leaves n TIME_WAIT, in the kernel's own order of ports.
func (p *pair) fill(l *service, n int) (ports []uint16) {
	p.t.Helper()
	ports, e := l.exhaust(n)
	ok(p.t, fmt.Sprintf("connection %d", len(ports)), e)
	p.client.stands(inTimeWait(n))
	return ports
}

// timeConnect opens a connection and measures connect() alone.
func (l *service) timeConnect(how ...option) (took time.Duration) {
	l.t.Helper()
	var begin time.Time
	how = append(how, func(int) linux.Errno { begin = time.Now(); return 0 })
	fd := l.pair.client.socket()
	e := l.start(fd, how...)
	took = time.Since(begin)
	ok(l.t, "connect", e)
	return took
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// A socket's own range is not taken by parity.
func TestNetNSOwnRangeTakesBothParities(t *testing.T) {
	t.Parallel()
	if err := linux.ProbeLocalPortRange(); err != nil {
		t.Skipf("this kernel has no IP_LOCAL_PORT_RANGE: %v", err)
	}
	p := newPair(t)
	p.noReuse()
	const n = 200 // that all are of one parity by chance: 1 in 2^199 if each port were drawn, and they nearly are
	ports, e := p.serve(80).exhaust(n, portRange(low, high))
	ok(t, "connect", e)
	even := 0
	for _, port := range ports {
		if port%2 == 0 {
			even++
		}
	}
	if even == 0 || even == n {
		t.Errorf("%d of %d ports are even", even, n)
	}
}
