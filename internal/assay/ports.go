//go:build linux

package assay

import (
	"net/netip"

	"twomsl/internal/linux"
)

// tuple: the ports of one address pair are used up; what else still goes from that host: to another port, to another
// address, from another address, and over UDP.
func init() {
	register("tuple", map[string]string{"ports": "100", "reuse": "0", "fill": "all"}, tuple)
}

const lowest = 40000

func tuple(b *bench) {
	p := b.pair()
	n := b.number("ports")
	p.client.set("net.ipv4.tcp_tw_reuse", b.arguments["reuse"])
	p.client.set("net.ipv4.ip_local_port_range", ports(lowest, n))
	l := p.serve(80, 128)
	filled := 0
	last := linux.Errno(0)
	for want := n + 1; filled < want && last == 0; {
		if b.is("fill", "none") {
			break
		}
		var c *conn
		if c, last = l.try(); last == 0 {
			c.clientFirst()
			filled++
		}
	}
	b.count("ports", n, "ports")
	b.count("filled", filled, "connections before the first failure")
	b.text("then connect() gives %q", linux.ErrnoName(last))
	same := b.tries(l)
	b.count("same", same, "of 20 connects to the same port")
	b.count("other_port", b.tries(p.serve(81, 128)), "of 20 connects to another port")
	b.count("other_address", b.tries(p.listen(netip.AddrPortFrom(p.server.second, 80), 128)), "of 20 connects to another address")
	b.count("other_source", b.tries(l, noPort, bindTo(p.client.second, 0)), "of 20 connects from another address")
	b.count("udp", p.queries(20), "of 20 queries over UDP")
}

func noPort(fd int) linux.Errno { return linux.SetBindAddressNoPort(fd) }

// tries counts how many of 20 connections can be opened; they stay open.
func (b *bench) tries(l *service, how ...option) (n int) {
	for range 20 {
		if _, e := l.try(how...); e == 0 {
			n++
		} else if e != linux.EADDRNOTAVAIL && e != linux.EADDRINUSE {
			b.fail("connect: %s", linux.ErrnoName(e))
		}
	}
	return n
}

// queries asks the server n times over UDP, from a port of the kernel's choice each time, and counts the answers.
func (p *pair) queries(n int) (answered int) {
	p.server.enter()
	server, e := linux.SocketUDP()
	p.b.ok("socket", e)
	defer linux.Close(server)
	at := linux.NewSockaddr(netip.AddrPortFrom(p.server.address, 53))
	p.b.ok("bind", linux.Bind(server, &at))
	for range n {
		if p.query(server, &at) {
			answered++
		}
	}
	return answered
}

func (p *pair) query(server int, at *linux.Sockaddr) bool {
	p.client.enter()
	fd, e := linux.SocketUDP()
	p.b.ok("socket", e)
	defer linux.Close(fd)
	if e := linux.Connect(fd, at); e != 0 {
		return false
	}
	if _, e := linux.Write(fd, []byte("who is it?")); e != 0 {
		return false
	}
	buf := make([]byte, 64)
	var from linux.Sockaddr
	if !until(func() bool { n, e := linux.ReadFrom(server, buf, &from); return e == 0 && n > 0 }) {
		return false
	}
	if e := linux.Connect(server, &from); e != 0 {
		return false
	}
	if _, e := linux.Write(server, []byte("it is me")); e != 0 {
		return false
	}
	got := until(func() bool { n, e := linux.Read(fd, buf); return e == 0 && n > 0 })
	return linux.Disconnect(server) == 0 && got
}
