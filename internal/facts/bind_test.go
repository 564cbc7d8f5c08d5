//go:build linux

package facts

import (
	"net/netip"
	"slices"
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
	source = p.client.address
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

// Each source address brings the whole range once more, for each destination.
func TestNetNSFourSourceAddresses(t *testing.T) {
	t.Parallel()
	const size = 1000
	for version, pair := range families {
		p := pair(t)
		p.noReuse()
		p.clientRange(40000, 40999)
		one := p.serve(80)
		sources := []netip.Addr{p.client.address, p.client.second}
		for range 2 {
			last := sources[len(sources)-1].Next()
			p.client.addAddress(p.client.link(), netip.PrefixFrom(last, last.BitLen()))
			sources = append(sources, last)
		}
		for i, source := range sources {
			one.takes(version+", one source address", size, linux.EADDRNOTAVAIL, bindNoPort(source))
			p.client.stands(inTimeWait((i + 1) * size))
		}
		p.serve(81).takes(version+", another destination port", size, linux.EADDRNOTAVAIL, bindNoPort(sources[3]))
		p.client.stands(inTimeWait(5 * size))
	}
}

// SO_REUSEADDR and SO_REUSEPORT do not give bind() with port 0 a port that is taken, in TIME_WAIT or open, to whatever
// destination. With ip_autobind_reuse=1 SO_REUSEADDR does, once all are taken.
func TestNetNSBindAnyPortIsNotShared(t *testing.T) {
	t.Parallel()
	const size = 100
	inUse := linux.Errno(syscall.EADDRINUSE)
	for version, pair := range families {
		for name, reuse := range map[string][]option{
			"SO_REUSEADDR": {reuseAddr}, "SO_REUSEPORT": {reusePort}, "both": {reuseAddr, reusePort},
		} {
			for _, hold := range []bool{false, true} {
				p := pair(t)
				p.noReuse()
				p.clientRange(40000, 40099)
				one, other := p.serve(80), p.serve(81)
				how := append(slices.Clone(reuse), bindTo(p.client.address, 0))
				if hold {
					for range size {
						one.open(how...)
					}
				} else {
					one.takes(version+", "+name, size, inUse, how...)
				}
				for what, l := range map[string]*service{"same": one, "another": other} {
					if _, e := l.try(how...); e != inUse {
						t.Errorf("%s, %s, the %s destination, held open %v: %v, expected EADDRINUSE", version, name, what, hold, e)
					}
				}
			}
		}
		p := pair(t)
		p.noReuse()
		p.client.set("net.ipv4.ip_autobind_reuse", "1")
		p.clientRange(40000, 40099)
		one, other := p.serve(80), p.serve(81)
		for range size {
			one.open(reuseAddr, bindTo(p.client.address, 0))
		}
		other.open(reuseAddr, bindTo(p.client.address, 0))
		if _, e := other.try(bindTo(p.client.address, 0)); e != inUse {
			t.Errorf("%s: ip_autobind_reuse without SO_REUSEADDR: %v, expected EADDRINUSE", version, e)
		}
	}
}

// A port that bind() names is shared among destinations only where every socket there set SO_REUSEADDR, or every one
// SO_REUSEPORT.
func TestNetNSBindOnePortToTwoDestinations(t *testing.T) {
	t.Parallel()
	const n = 20
	inUse := linux.Errno(syscall.EADDRINUSE)
	none := func(int) linux.Errno { return 0 }
	for version, pair := range families {
		p := pair(t)
		p.noReuse()
		open, gone, other := p.serve(80), p.serve(81), p.serve(82)
		port := uint16(40000)
		for _, c := range []struct {
			name   string
			first  option
			second option
			want   linux.Errno
		}{
			{"neither", none, none, inUse},
			{"SO_REUSEADDR second only", none, reuseAddr, inUse},
			{"SO_REUSEADDR first only", reuseAddr, none, inUse},
			{"SO_REUSEADDR on both", reuseAddr, reuseAddr, 0},
			{"SO_REUSEPORT second only", none, reusePort, inUse},
			{"SO_REUSEPORT on both", reusePort, reusePort, 0},
			{"one each", reuseAddr, reusePort, inUse},
		} {
			for range n / 2 {
				open.open(c.first, bindTo(p.client.address, port))
				gone.open(c.first, bindTo(p.client.address, port+1)).clientFirst()
				for i, state := range []string{"ESTABLISHED", "TIME_WAIT"} {
					if _, e := other.try(c.second, bindTo(p.client.address, port+uint16(i))); e != c.want {
						t.Errorf("%s, %s, over %s: %v, expected %v", version, c.name, state, e, c.want)
					}
				}
				port += 2
			}
		}
	}
}

// A client that binds to one fixed port and connects to the same destination again while its TIME_WAIT stands: bind()
// fails without SO_REUSEADDR. With it connect() takes the TIME_WAIT over at once, whatever tcp_tw_reuse and
// tcp_tw_reuse_delay say, where the connection had timestamps; without them it fails.
func TestNetNSFixedPortTakesTimeWaitOver(t *testing.T) {
	t.Parallel()
	const n = 30
	inUse := linux.Errno(syscall.EADDRINUSE)
	none := func(int) linux.Errno { return 0 }
	for version, pair := range families {
		for _, c := range []struct {
			name       string
			timestamps string
			with       option
			want       linux.Errno
			recycled   int
		}{
			{"plain", "1", none, inUse, 0},
			{"SO_REUSEADDR", "1", reuseAddr, 0, n},
			{"SO_REUSEPORT", "1", reusePort, 0, n},
			{"SO_REUSEADDR, no timestamps", "0", reuseAddr, linux.EADDRNOTAVAIL, 0},
		} {
			for _, twReuse := range []string{"0", "1"} {
				p := pair(t)
				p.client.set("net.ipv4.tcp_timestamps", c.timestamps)
				p.client.set(reuse, twReuse)
				p.client.has(delay)
				p.client.set(delay, refuseReuse)
				l := p.serve(80)
				for i := range uint16(n) {
					l.open(c.with, bindTo(p.client.address, 40000+i)).clientFirst()
				}
				p.client.stands(inTimeWait(n))
				for i := range uint16(n) {
					if _, e := l.try(c.with, bindTo(p.client.address, 40000+i)); e != c.want {
						t.Fatalf("%s, %s, tcp_tw_reuse=%s: %v, expected %v", version, c.name, twReuse, e, c.want)
					}
				}
				what := version + ", " + c.name + ", tcp_tw_reuse=" + twReuse
				equal(t, what+": TWRecycled", p.client.counter("TcpExt.TWRecycled"), c.recycled)
			}
		}
	}
}
