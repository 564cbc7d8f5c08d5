//go:build linux

package facts

import (
	"net/netip"
	"slices"
	"testing"

	"twomsl/internal/linux"
)

// An SO_REUSEPORT group with a classic filter that returns a listener's place gives each connection to the listener of the
// processor on which its SYN was handled: over a veth and over lo that is where connect() was called. A place that nobody
// has leaves the choice to the hash.
func TestNetNSListenerByProcessor(t *testing.T) {
	t.Parallel()
	cpus, err := linux.AllowedCPUs()
	must(t, err)
	if len(cpus) < 2 {
		t.Skip("one processor")
	}
	cpus = cpus[:2]
	lo := func(t testing.TB) *pair { return newLoopback(t) }
	for version, pair := range map[string]func(testing.TB) *pair{"IPv4": newPair, "IPv6": newPair6, "lo": lo} {
		p := pair(t)
		for i, order := range [][]int{cpus, {cpus[1], cpus[0]}, {cpus[0], -1}} {
			group := p.byProcessor(uint16(1000+i), order)
			for _, cpu := range cpus {
				got := p.openOn(cpu, cpus, group)
				want := []int{0, 0}
				if place := slices.Index(order, cpu); place >= 0 {
					want[place] = eachProcessor
				} else {
					want = []int{got[0], eachProcessor - got[0]} // by the hash: all of them, wherever
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, listeners for %v: %v from processor %d, expected %v", version, order, got, cpu, want)
				}
			}
		}
	}
}

// eachProcessor is how many connections are opened on each.
const eachProcessor = 20

func (p *pair) byProcessor(port uint16, order []int) (group []*service) {
	p.t.Helper()
	for range order {
		l, e := p.tryListen(netip.AddrPortFrom(p.server.address, port), reusePort)
		ok(p.t, "listen", e)
		group = append(group, l)
	}
	ok(p.t, "SO_ATTACH_REUSEPORT_CBPF", linux.AttachByCPU(group[0].fd, order))
	return group
}

// openOn opens connections from one processor, and counts which listener gets them.
func (p *pair) openOn(cpu int, cpus []int, group []*service) []int {
	p.t.Helper()
	must(p.t, linux.PinThread([]int{cpu}))
	for range eachProcessor {
		ok(p.t, "connect", group[0].start(p.client.socket()))
	}
	must(p.t, linux.PinThread(cpus))
	got := make([]int, len(group))
	until(func() bool {
		all := 0
		for i, l := range group {
			got[i] += accepts(l)
			all += got[i]
		}
		return all == eachProcessor
	})
	return got
}

// accepts takes and counts what waits at a listener.
func accepts(l *service) (n int) {
	var from linux.Sockaddr
	for {
		fd, e := linux.Accept(l.fd, &from)
		if e != 0 {
			return n
		}
		linux.Close(fd)
		n++
	}
}

// What accept() gives is in the network namespace of its listener, whichever that of the thread is that calls it and uses it.
func TestNetNSAcceptedIsInTheListenersNamespace(t *testing.T) {
	t.Parallel()
	for _, pair := range families {
		p := pair(t)
		l := p.serve(80)
		ok(t, "connect", l.start(p.client.socket()))
		p.client.enter()
		var from linux.Sockaddr
		fd := -1
		until(func() (there bool) {
			var e linux.Errno
			fd, e = linux.Accept(l.fd, &from)
			return e == 0
		})
		_, e := linux.Write(fd, []byte("a"))
		ok(t, "write, in the client's namespace", e)
		p.client.stands(map[uint8]int{linux.DiagEstablished: 1})
		p.server.stands(map[uint8]int{linux.DiagEstablished: 1})
		p.client.enter()
		ok(t, "close, in the client's namespace", linux.Close(fd))
		p.server.stands(map[uint8]int{linux.DiagFinWait2: 1})
		p.client.stands(map[uint8]int{linux.DiagCloseWait: 1})
	}
}

// connect() passes over a port at which somebody listens, also where that is its own destination: no connection of one that
// is listened for meets itself.
func TestNetNSConnectPassesOverAListenersPort(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1", "::1"} {
		p := newLoopbackAt(t, netip.MustParseAddr(address))
		p.client.set("net.ipv4.ip_local_port_range", "40000 40003")
		l := p.serve(40001)
		ports, last := l.exhaust(10)
		slices.Sort(ports)
		if want := []uint16{40000, 40002, 40003}; !slices.Equal(ports, want) || last != linux.EADDRNOTAVAIL {
			t.Errorf("%s: connections from %v, then %v; expected %v", address, ports, last, want)
		}
	}
}
