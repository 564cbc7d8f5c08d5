//go:build linux

package facts

import (
	"testing"

	"twomsl/internal/linux"
)

// Whoever closes first keeps the TIME_WAIT; the other side keeps nothing.
func TestNetNSCloserKeepsTimeWait(t *testing.T) {
	t.Parallel()
	const n = 50
	for _, clientFirst := range []bool{true, false} {
		p := newPair(t)
		l := p.serve(80)
		down, keeper, other := (*conn).clientFirst, p.client, p.server
		if !clientFirst {
			down, keeper, other = (*conn).serverFirst, p.server, p.client
		}
		l.churn(n, down)
		keeper.stands(inTimeWait(n))
		other.stands(nothing)
	}
}

// SO_LINGER {1,0}: an RST instead of the FIN, and nothing is left on either side.
func TestNetNSLingerZeroResets(t *testing.T) {
	t.Parallel()
	const n = 50
	p := newPair(t)
	l := p.serve(80)
	for range n {
		c := l.open()
		ok(t, "SO_LINGER", linux.SetLinger(c.client, 0))
		c.closeClient()
		if got, e := read(t, c.server); e != linux.ECONNRESET {
			t.Fatalf("the peer reads %d bytes, %v; expected ECONNRESET", got, e)
		}
		c.closeServer()
	}
	p.client.stands(nothing)
	p.server.stands(nothing)
	equal(t, "TCPAbortOnData of the closer", p.client.counter("TcpExt.TCPAbortOnData"), n)
	equal(t, "OutRsts of the closer", p.client.counter("Tcp.OutRsts"), n)
	equal(t, "EstabResets of the peer", p.server.counter("Tcp.EstabResets"), n)
	equal(t, "TW of both", p.client.counter("TcpExt.TW")+p.server.counter("TcpExt.TW"), 0)
}

// SO_LINGER {1,n}: close() may wait, but the end is the normal one.
func TestNetNSLingerSecondsKeepsTimeWait(t *testing.T) {
	t.Parallel()
	const n = 10
	p := newPair(t)
	l := p.serve(80)
	l.churn(n, (*conn).clientFirst, func(fd int) linux.Errno { return linux.SetLinger(fd, 5) })
	p.client.stands(inTimeWait(n))
	p.server.stands(nothing)
	equal(t, "TCPAbortOnData", p.client.counter("TcpExt.TCPAbortOnData"), 0)
	equal(t, "RST of both", p.client.counter("Tcp.OutRsts")+p.server.counter("Tcp.OutRsts"), 0)
}

// A server that has read everything closes with a FIN; with unread data close() sends an RST, whatever SO_LINGER says.
func TestNetNSUnreadDataResets(t *testing.T) {
	t.Parallel()
	const n = 20
	for name, linger := range map[string]option{
		"no linger":      func(int) linux.Errno { return 0 },
		"linger 5 s":     func(fd int) linux.Errno { return linux.SetLinger(fd, 5) },
		"linger 0 (RST)": func(fd int) linux.Errno { return linux.SetLinger(fd, 0) },
	} {
		p := newPair(t)
		l := p.serve(80)
		for range n {
			closeUnread(t, l.open(), linger)
		}
		p.server.stands(nothing)
		p.client.stands(nothing)
		equal(t, name+": TCPAbortOnClose", p.server.counter("TcpExt.TCPAbortOnClose"), n)
		equal(t, name+": TCPAbortOnData", p.server.counter("TcpExt.TCPAbortOnData"), 0)
	}
	p := newPair(t)
	p.serve(80).churn(n, func(c *conn) {
		write(t, c.client)
		if got, e := read(t, c.server); got == 0 || e != 0 {
			t.Fatalf("the server reads %d bytes, %v", got, e)
		}
		c.serverFirst()
	})
	p.server.stands(inTimeWait(n))
	equal(t, "all read: TCPAbortOnClose", p.server.counter("TcpExt.TCPAbortOnClose"), 0)
}

// closeUnread closes the server's end once data waits there.
func closeUnread(t *testing.T, c *conn, linger option) {
	t.Helper()
	write(t, c.client)
	if !until(func() bool { return unread(t, c.server) > 0 }) {
		t.Fatal("the data never arrived")
	}
	ok(t, "SO_LINGER", linger(c.server))
	c.closeServer()
	if got, e := read(t, c.client); e != linux.ECONNRESET {
		t.Fatalf("the client reads %d bytes, %v; expected ECONNRESET", got, e)
	}
	c.closeClient()
}

func write(t testing.TB, fd int) {
	t.Helper()
	if n, e := linux.Write(fd, []byte("?")); n != 1 || e != 0 {
		t.Fatalf("write: %d bytes, %v", n, e)
	}
}
