//go:build linux

package assay

import (
	"net/netip"
	"syscall"

	"twomsl/internal/linux"
)

// service is a listener of a host.
type service struct {
	*pair
	fd int
	at netip.AddrPort
}

// serve listens at the server's first address.
func (p *pair) serve(port uint16, backlog int) *service {
	return p.listen(netip.AddrPortFrom(p.server.address, port), backlog)
}

func (p *pair) listen(at netip.AddrPort, backlog int) *service {
	l := &service{pair: p, fd: p.server.socket(), at: at}
	p.b.ok("SO_REUSEADDR", linux.SetReuseAddress(l.fd))
	to := linux.NewSockaddr(at)
	p.b.ok("bind", linux.Bind(l.fd, &to))
	p.b.ok("listen", linux.Listen(l.fd, backlog))
	return l
}

func (h *host) socket() int {
	h.enter()
	fd, e := linux.Socket(false)
	if e != 0 {
		h.b.fail("socket: %s", linux.ErrnoName(e))
	}
	h.open[fd] = true
	return fd
}

func (h *host) close(fd int) {
	delete(h.open, fd)
	h.b.ok("close", linux.CloseLingering(fd))
}

// option is what is done to a client's socket before connect().
type option func(fd int) linux.Errno

func bindTo(a netip.Addr, port uint16) option {
	return func(fd int) linux.Errno {
		to := linux.NewSockaddr(netip.AddrPortFrom(a, port))
		return linux.Bind(fd, &to)
	}
}

// conn is one connection, held at both ends.
type conn struct {
	*pair
	client, server int
	port           uint16 // the client's
}

// dial opens a connection, which must be.
func (l *service) dial(how ...option) *conn {
	c, e := l.try(how...)
	l.b.ok("opening a connection", e)
	return c
}

// try opens a connection; the errno is that of an option or of connect().
func (l *service) try(how ...option) (*conn, linux.Errno) {
	c := &conn{pair: l.pair, client: l.client.socket()}
	if e := l.start(c.client, how...); e != 0 {
		l.client.close(c.client)
		return nil, e
	}
	l.b.wait("the handshake ends", func() bool { _, err := syscall.Getpeername(c.client); return err == nil })
	c.server = l.accept()
	var own linux.Sockaddr
	l.b.ok("getsockname", linux.LocalAddr(c.client, &own))
	c.port = own.AddrPort().Port()
	return c, 0
}

func (l *service) start(fd int, how ...option) linux.Errno {
	for _, f := range how {
		if e := f(fd); e != 0 {
			return e
		}
	}
	to := linux.NewSockaddr(l.at)
	if e := linux.Connect(fd, &to); e != linux.EINPROGRESS {
		return e
	}
	return 0
}

func (l *service) accept() (fd int) {
	var from linux.Sockaddr
	var e linux.Errno
	l.b.wait("accept", func() bool { fd, e = linux.Accept(l.fd, &from); return e != linux.EAGAIN })
	l.b.ok("accept", e)
	l.server.open[fd] = true
	return fd
}

func (c *conn) closeClient() { c.pair.client.close(c.client) }
func (c *conn) closeServer() { c.pair.server.close(c.server) }

// clientFirst closes the client and, once the server has read its FIN, the server.
func (c *conn) clientFirst() {
	c.closeClient()
	c.b.eof(c.server)
	c.closeServer()
}

// serverFirst is the other way round.
func (c *conn) serverFirst() {
	c.closeServer()
	c.b.eof(c.client)
	c.closeClient()
}

// eof reads up to the peer's FIN.
func (b *bench) eof(fd int) {
	p := make([]byte, 4096)
	b.wait("the peer's FIN", func() bool {
		n, e := linux.Read(fd, p)
		if e != 0 && e != linux.EAGAIN {
			b.fail("reading up to the FIN: %s", linux.ErrnoName(e))
		}
		return n == 0 && e == 0
	})
}

// write sends bytes, all of them.
func (b *bench) write(fd int, p []byte) {
	for len(p) > 0 {
		n, e := linux.Write(fd, p)
		if e != 0 && e != linux.EAGAIN {
			b.fail("write: %s", linux.ErrnoName(e))
		}
		if p = p[n:]; len(p) > 0 && n == 0 {
			b.wait("room to write", func() bool { n, _ := linux.Write(fd, p[:1]); p = p[n:]; return n > 0 })
		}
	}
}

// read waits for bytes.
func (b *bench) read(fd, n int) {
	p := make([]byte, n)
	for got := 0; got < n; {
		b.wait("bytes to read", func() bool {
			k, e := linux.Read(fd, p[got:])
			if e != 0 && e != linux.EAGAIN {
				b.fail("read: %s", linux.ErrnoName(e))
			}
			got += k
			return k > 0
		})
	}
}
