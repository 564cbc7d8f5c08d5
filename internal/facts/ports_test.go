//go:build linux

package facts

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux"
)

// noReuse keeps TIME_WAIT from being taken over by connect(), which it would be over loopback.
func (p *pair) noReuse() { p.client.set("net.ipv4.tcp_tw_reuse", "0") }

func (p *pair) clientRange(low, high int) {
	p.client.set("net.ipv4.ip_local_port_range", fmt.Sprintf("%d %d", low, high))
}

// bindNoPort takes a source address and leaves the port to connect().
func bindNoPort(a netip.Addr) option {
	return func(fd int) linux.Errno {
		if e := linux.SetBindAddressNoPort(fd); e != 0 {
			return e
		}
		return bindTo(a, 0)(fd)
	}
}

// The ports of a range are there once for each source address, destination address and destination port.
func TestNetNSTupleCapacity(t *testing.T) {
	t.Parallel()
	const size = 1000
	p := newPair(t)
	p.noReuse()
	p.clientRange(40000, 40999)
	first, secondPort := p.serve(80), p.serve(81)
	secondAddress := p.listen(netip.AddrPortFrom(p.server.second, 80))
	first.takes("one tuple", size, linux.EADDRNOTAVAIL)
	secondPort.takes("another destination port", size, linux.EADDRNOTAVAIL)
	secondAddress.takes("another destination address", size, linux.EADDRNOTAVAIL)
	first.takes("another source address", size, linux.EADDRNOTAVAIL, bindNoPort(p.client.second))
	first.takes("the first tuple again", 0, linux.EADDRNOTAVAIL)
	p.client.stands(inTimeWait(4 * size))
}

// In a range with an odd number of ports plain connect() may fail while one is still free: it looks at an even number
// of them, and where it begins decides which one it leaves out. A range of the socket's own is looked at as a whole.
func TestNetNSOddRangeMayLeaveOnePort(t *testing.T) {
	t.Parallel()
	const size = 9
	p := newPair(t)
	p.noReuse()
	p.clientRange(40001, 40000+size)
	left := 0
	for i := range 40 {
		ports, e := p.serve(uint16(1000 + i)).exhaust(size + 1)
		if n := len(ports); n < size-1 || n > size || e != linux.EADDRNOTAVAIL {
			t.Errorf("%d of %d ports were taken, then %v", n, size, e)
		}
		left += size - len(ports)
	}
	t.Logf("a port of %d was left in %d of 40 tuples", size, left)
	if linux.ProbeLocalPortRange() == nil {
		p.serve(80).takes("own range", size, linux.EADDRNOTAVAIL, portRange(40001, 40000+size))
	}
}

// IP_LOCAL_PORT_RANGE: each end of a socket's own range counts where it lies within the namespace's.
func TestNetNSLocalPortRangeNarrows(t *testing.T) {
	t.Parallel()
	if err := linux.ProbeLocalPortRange(); err != nil {
		t.Skipf("this kernel has no IP_LOCAL_PORT_RANGE: %v", err)
	}
	p := newPair(t)
	p.noReuse()
	p.clientRange(40000, 40099)
	for i, c := range []struct{ low, high, from, to int }{
		{40010, 40019, 40010, 40019}, // inside
		{40000, 40099, 40000, 40099}, // the same
		{39000, 40019, 40000, 40019}, // the low end is outside
		{40090, 50000, 40090, 40099}, // the high end is
		{1024, 2000, 40000, 40099},   // both are, below
		{50000, 60000, 40000, 40099}, // above
		{39000, 50000, 40000, 40099}, // on either hand
		{0, 40019, 40000, 40019},     // 0 is not given
		{40090, 0, 40090, 40099},
		{40010, 40018, 40010, 40018}, // an odd number of ports
	} {
		what := fmt.Sprintf("own range %d-%d", c.low, c.high)
		var want []uint16
		for port := c.from; port <= c.to; port++ {
			want = append(want, uint16(port))
		}
		ports, e := p.serve(uint16(1000+i)).exhaust(200, portRange(c.low, c.high))
		slices.Sort(ports)
		if diff := cmp.Diff(want, ports); diff != "" || e != linux.EADDRNOTAVAIL {
			t.Errorf("%s: ended with %v; ports (-want +got):\n%s", what, e, diff)
		}
	}
	if e := linux.SetLocalPortRange(p.client.socket(), 40019, 40010); e == 0 {
		t.Error("a range whose low end is above its high end was taken")
	}
}

// A reserved port in the range is one port less, for plain connect() and with IP_LOCAL_PORT_RANGE alike.
func TestNetNSReservedPortsReduceCapacity(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.noReuse()
	p.clientRange(40000, 40099)
	p.client.set("net.ipv4.ip_local_reserved_ports", "8080,39990-40002,40050,40098-40110")
	const reserved = 3 + 1 + 2
	p.serve(80).takes("plain", 100-reserved, linux.EADDRNOTAVAIL)
	if linux.ProbeLocalPortRange() == nil {
		p.serve(81).takes("own range", 100-reserved, linux.EADDRNOTAVAIL, portRange(40000, 40099))
	}
}

// The range may not begin below ip_unprivileged_port_start, and the kernel says EINVAL; tcp_tw_recycle is gone.
func TestNetNSRefusedSettings(t *testing.T) {
	t.Parallel()
	p := newLoopback(t)
	const portRange, recycle = "/proc/sys/net/ipv4/ip_local_port_range", "/proc/sys/net/ipv4/tcp_tw_recycle"
	p.client.enter()
	if e := writeFile(portRange, "1023 60999"); e != linux.Errno(22) { // EINVAL
		t.Errorf("a range from 1023 on: %v, expected EINVAL", e)
	}
	ok(t, "a range from 1024 on", writeFile(portRange, "1024 60999"))
	p.client.set("net.ipv4.ip_unprivileged_port_start", "80")
	ok(t, "a range from 80 on where ip_unprivileged_port_start is 80", writeFile(portRange, "80 60999"))
	if e := writeFile(recycle, "1"); e != linux.Errno(2) { // ENOENT
		t.Errorf("tcp_tw_recycle: %v, expected that there is no such file", e)
	}
}
