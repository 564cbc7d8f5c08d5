//go:build linux

package assay

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"twomsl/internal/linux"
)

// filling takes one port of the range after the other on one tuple.
type filling struct {
	*service
	low, high int
	way       opener // that is measured
	fills     string // the way by which ports are taken
	order     string
	named     bool // a port can be named to connect(), by IP_LOCAL_PORT_RANGE
	taken     []bool
	count     int
	shuffled  []int
	began     time.Time // when the first port was taken
	filled    int64     // nanoseconds of processor time that taking ports has cost
	to, from  linux.Sockaddr
}

// opener is what is done to a socket up to connect(); port is what it is to have, 0 for any.
type opener func(f *filling, fd int, port int) linux.Errno

var openers = map[string]opener{
	"plain": func(f *filling, fd, _ int) linux.Errno { return f.connect(fd) },
	"bind": func(f *filling, fd, port int) linux.Errno {
		from := f.from.WithPort(uint16(port))
		if e := linux.Bind(fd, &from); e != 0 {
			return e
		}
		return f.connect(fd)
	},
	"no-port": func(f *filling, fd, _ int) linux.Errno {
		if e := linux.SetBindAddressNoPort(fd); e != 0 {
			return e
		}
		if e := linux.Bind(fd, &f.from); e != 0 {
			return e
		}
		return f.connect(fd)
	},
	"own-range": func(f *filling, fd, port int) linux.Errno {
		low, high := f.low, f.high
		if port != 0 {
			low, high = port, port
		}
		if e := linux.SetLocalPortRange(fd, low, high); e != 0 {
			return e
		}
		return f.connect(fd)
	},
}

func newFilling(b *bench) *filling {
	f := &filling{low: b.number("low"), high: b.number("high"), order: b.arguments["order"], way: openers[b.arguments["way"]]}
	f.named = linux.ProbeLocalPortRange() == nil
	if f.fills = b.arguments["way"]; f.order == "plain" {
		f.fills = "plain"
	}
	switch {
	case f.way == nil || !slices.Contains(Orders, f.order):
		b.fail("there is no way %q or no order %q: ways are %q, orders %q", b.arguments["way"], f.order, Ways, Orders)
	case f.low < 1 || f.high > 65535 || f.size() < 4 || f.size()%2 != 0:
		b.fail("range %d-%d: an even number of ports is needed, 4 at least", f.low, f.high)
	case !f.named && (b.is("way", "own-range") || f.order == "random" && !b.is("way", "bind")):
		b.cannot("this kernel has no IP_LOCAL_PORT_RANGE (Linux 6.3)")
	}
	p := b.pair()
	p.client.set("net.ipv4.tcp_tw_reuse", "0")
	p.client.set("net.ipv4.tcp_max_tw_buckets", "262144")
	p.client.set("net.ipv4.ip_local_port_range", ports(f.low, f.size()))
	f.service = p.serve(80, 128)
	f.to = linux.NewSockaddr(f.at)
	f.from = linux.NewSockaddr(netip.AddrPortFrom(p.client.address, 0))
	f.taken = make([]bool, f.size())
	f.shuffled = rand.Perm(f.size())
	return f
}

func (f *filling) size() int { return f.high - f.low + 1 }

// stays tells whether a sample keeps its port: in the kernel's own order it is the next one in that order. Any other order
// stays what it is only where the sample's port, which the kernel chose for this way, is given back.
func (f *filling) stays() bool { return f.order == "kernel" }

func (f *filling) open(fd int, how opener) linux.Errno { return how(f, fd, 0) }

func (f *filling) connect(fd int) linux.Errno {
	if e := linux.Connect(fd, &f.to); e != linux.EINPROGRESS {
		return e
	}
	return 0
}

// fillTo takes ports until so many are taken; false where the first TIME_WAIT is as old as limit before that.
func (f *filling) fillTo(target int, limit time.Duration) bool {
	begin := linux.ThreadNano()
	defer func() { f.filled += linux.ThreadNano() - begin }()
	for f.count < target {
		if f.count > 0 && time.Since(f.began) > limit {
			return false
		}
		fd := f.client.socket()
		how, port := f.next()
		f.b.ok("taking a port", openers[how](f, fd, port))
		f.take(fd)
	}
	return true
}

// next says how the next port is to be taken. In random order it is named. In the kernel's own order the kernel chooses: up
// to half of the range in this very way, which is quick. Past half that way searches the full parity in vain each time, so
// the port of the other parity is had without that search: with a range of the socket's own the kernel takes the next free
// one from the same starting point (table_perturb, __inet_hash_connect); bind() takes the next free one from a random place
// (inet_csk_find_open_port), which is done here for it.
func (f *filling) next() (way string, port int) {
	bind := f.fills == "bind"
	switch {
	case f.order == "random" && bind:
		return "bind", f.nextShuffled()
	case f.order == "random":
		return "own-range", f.nextShuffled()
	case f.count < f.size()/2 || !bind && !f.named:
		return f.fills, 0
	case bind:
		return "bind", f.nextFree(rand.IntN(f.size()))
	}
	return "own-range", 0
}

func (f *filling) nextShuffled() int {
	port := f.shuffled[0]
	f.shuffled = f.shuffled[1:]
	return f.low + port
}

// nextFree is the first free port from a place on, around the end of the range.
func (f *filling) nextFree(from int) int {
	for f.taken[from] {
		from = (from + 1) % len(f.taken)
	}
	return f.low + from
}

// take ends a connection so that its port stays taken: the client closes first.
func (f *filling) take(fd int) {
	var own linux.Sockaddr
	f.b.ok("getsockname", linux.LocalAddr(fd, &own))
	i := int(own.Port()) - f.low
	if i < 0 || i >= len(f.taken) || f.taken[i] {
		f.b.fail("port %d was given twice, or does not belong to the range", own.Port())
	}
	server := f.accept()
	f.client.close(fd)
	f.b.eof(server)
	f.server.close(server)
	if f.taken[i] = true; f.count == 0 {
		f.began = time.Now()
	}
	f.count++
}

// undo ends a connection so that its port is free again: by a reset.
func (f *filling) undo(fd int) {
	server := f.accept()
	f.b.ok("SO_LINGER", linux.SetLinger(fd, 0))
	f.client.close(fd)
	f.server.close(server)
}
