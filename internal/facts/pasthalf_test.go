//go:build linux

package facts

import (
	"fmt"
	"testing"

	"twomsl/internal/linux"
)

// Past half of the range both plain connect() and one with a range of the socket's own take what is left: ports of the
// other parity alone. So the set that is taken may be had without the long search, and plain connect() goes on from there.
func TestNetNSOwnRangeGoesOnPastHalf(t *testing.T) {
	t.Parallel()
	if err := linux.ProbeLocalPortRange(); err != nil {
		t.Skipf("this kernel has no IP_LOCAL_PORT_RANGE: %v", err)
	}
	const from, size = 40000, 400
	for _, how := range []struct {
		name  string
		plain bool
	}{{"plain", true}, {"with a range of its own", false}} {
		p := newPair(t)
		p.noReuse()
		p.clientRange(from, from+size-1)
		l := p.serve(80)
		halves(t, p.fill(l, size/2), from%2)
		var then []uint16
		for range size / 4 {
			options := []option{portRange(from, from+size-1)}
			if how.plain {
				options = nil
			}
			c := l.open(options...)
			then = append(then, c.port)
			c.clientFirst()
		}
		halves(t, then, 1-from%2)
		rest := l.takes(how.name+", then plain", size/4, linux.EADDRNOTAVAIL)
		halves(t, rest, 1-from%2)
	}
}

// halves wants ports of one parity.
func halves(t *testing.T, ports []uint16, parity uint16) {
	t.Helper()
	for _, p := range ports {
		if p%2 != parity {
			t.Fatalf("port %d was taken among those of parity %d", p, parity)
		}
	}
}

// bind() with port 0 takes the ports that plain connect() left, whatever that has taken, and so has no full parity to search
// where plain connect() has one; where bind() itself took them it does.
func TestNetNSBindTakesWhatConnectLeft(t *testing.T) {
	t.Parallel()
	const from, size = 40000, 200
	p := newPair(t)
	p.noReuse()
	p.clientRange(from, from+size-1)
	l := p.serve(80)
	halves(t, p.fill(l, size/2), from%2)
	ports, e := l.exhaust(size/2, bindTo(p.client.address, 0))
	ok(t, "bind past half", e)
	halves(t, ports, 1-from%2)
}

// A range of one port, set on the socket, names that port to connect(). Its TIME_WAIT is like any other of connect(), and not
// like that of a port which bind() named: plain connect() takes it over with tcp_tw_reuse.
func TestNetNSOwnRangeNamesAPort(t *testing.T) {
	t.Parallel()
	if err := linux.ProbeLocalPortRange(); err != nil {
		t.Skipf("this kernel has no IP_LOCAL_PORT_RANGE: %v", err)
	}
	const from, size = 40000, 100
	p := newPair(t)
	p.noReuse()
	p.clientRange(from, from+size-1)
	l := p.serve(80)
	for i := range size {
		port := from + (i*37)%size // each once, in no order of the kernel's
		c := l.open(portRange(port, port))
		equal(t, fmt.Sprintf("port of a range of %d alone", port), int(c.port), port)
		c.clientFirst()
	}
	p.client.stands(inTimeWait(size))
	_, e := l.try(portRange(from, from))
	equal(t, "a port that is taken", int(e), int(linux.EADDRNOTAVAIL))
	p.client.set("net.ipv4.tcp_tw_reuse", "1")
	p.reuseAtOnce()
	l.takesHeld("with tcp_tw_reuse", size)
	equal(t, "TWRecycled", p.client.counter("TcpExt.TWRecycled"), size)
}
