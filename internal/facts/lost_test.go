//go:build linux

package facts

import (
	"testing"

	"github.com/vishvananda/netlink"

	"twomsl/internal/linux"
)

// writeAll writes so many bytes at once.
func writeAll(t testing.TB, fd, size int) {
	t.Helper()
	if n, e := linux.Write(fd, make([]byte, size)); n != size || e != 0 {
		t.Fatalf("write: %d of %d bytes, %v", n, size, e)
	}
}

// drain reads up to the peer's FIN or an error.
func drain(t testing.TB, fd int) (total int, e linux.Errno) {
	t.Helper()
	for {
		n, e := read(t, fd)
		if n == 0 || e != 0 {
			return total, e
		}
		total += n
	}
}

// leaveUnread makes close() find data that was not read.
func leaveUnread(c *conn) {
	c.t.Helper()
	write(c.t, c.client)
	if !until(func() bool { return unread(c.t, c.server) > 0 }) {
		c.t.Fatal("the data never arrived")
	}
}

func lingerZero(c *conn) {
	c.t.Helper()
	ok(c.t, "SO_LINGER", linux.SetLinger(c.server, 0))
}

// What is in the receive queue when an RST arrives can still be read, all of it. ECONNRESET comes after it, once, and
// then the end of the stream. A write or SO_ERROR takes the ECONNRESET instead, and the data is still there.
func TestNetNSResetLeavesReceivedData(t *testing.T) {
	t.Parallel()
	const n, size = 20, 30_000
	told := func(what string, e linux.Errno) {
		if e != linux.ECONNRESET {
			t.Fatalf("%s: %v, expected ECONNRESET", what, e)
		}
	}
	for version, pair := range families {
		for name, c := range map[string]struct {
			end    func(*conn)
			before func(fd int)
			then   linux.Errno // after the data
		}{
			"linger 0":    {lingerZero, func(int) {}, linux.ECONNRESET},
			"unread data": {leaveUnread, func(int) {}, linux.ECONNRESET},
			"linger 0, a write before": {lingerZero, func(fd int) {
				_, e := linux.Write(fd, []byte("?"))
				told("the first write", e)
				if _, e = linux.Write(fd, []byte("?")); e != linux.EPIPE {
					t.Fatalf("the second write: %v, expected EPIPE", e)
				}
			}, 0},
			"linger 0, SO_ERROR before": {lingerZero, func(fd int) { told("SO_ERROR", linux.SocketError(fd)) }, 0},
		} {
			p := pair(t)
			l := p.serve(80)
			for range n {
				open := l.open()
				writeAll(t, open.server, size)
				if !until(func() bool { return unread(t, open.client) == size }) {
					t.Fatalf("%d of %d bytes arrived", unread(t, open.client), size)
				}
				c.end(open)
				open.closeServer()
				becomes(t, open.client, linux.DiagClose)
				c.before(open.client)
				if got, e := drain(t, open.client); got != size || e != c.then {
					t.Fatalf("%s, %s: %d of %d bytes read, then %v; expected all, then %v", version, name, got, size, e, c.then)
				}
				eof(t, open.client)
				if _, e := linux.Write(open.client, []byte("?")); e != linux.EPIPE {
					t.Fatalf("%s, %s: a write in the end: %v, expected EPIPE", version, name, e)
				}
				open.closeClient()
			}
			p.client.stands(nothing)
			p.server.stands(nothing)
			equal(t, version+", "+name+": EstabResets of the reader", p.client.counter("Tcp.EstabResets"), n)
		}
	}
}

// Over a slow link close() with SO_LINGER {1,0}, or with unread data, loses what was written and not yet sent. A FIN
// loses nothing, whether close() waits for it or not.
func TestNetNSResetLosesWhatIsNotSent(t *testing.T) {
	t.Parallel()
	const n, size, rate = 20, 65_536, 20_000_000
	fin := func(*conn) {}
	for version, pair := range families {
		for name, c := range map[string]struct {
			end   func(*conn)
			loses bool
			left  map[uint8]int
			last  linux.Errno
		}{
			"FIN":         {fin, false, inTimeWait(n), 0},
			"linger 2":    {func(c *conn) { ok(t, "SO_LINGER", linux.SetLinger(c.server, 2)) }, false, inTimeWait(n), 0},
			"linger 0":    {lingerZero, true, nothing, linux.ECONNRESET},
			"unread data": {leaveUnread, true, nothing, linux.ECONNRESET},
		} {
			p := pair(t)
			p.server.slow(rate)
			l := p.serve(80)
			wrote, got, lossy := 0, 0, 0
			for range n {
				open := l.open()
				c.end(open)
				w, e := linux.Write(open.server, make([]byte, size))
				ok(t, "write", e)
				closed := make(chan linux.Errno, 1)
				delete(p.server.open, open.server)
				go func() { closed <- linux.CloseLingering(open.server) }()
				g, e := drain(t, open.client)
				if e != c.last {
					t.Fatalf("%s, %s: %d bytes, then %v; expected %v", version, name, g, e, c.last)
				}
				open.closeClient()
				ok(t, "close", <-closed)
				if g < w {
					lossy++
				}
				wrote, got = wrote+w, got+g
			}
			p.server.stands(c.left)
			p.client.stands(nothing)
			equal(t, version+", "+name+": bytes written", wrote, n*size)
			if lost := wrote - got; lost < 0 || lost > 0 != c.loses {
				t.Errorf("%s, %s: %d bytes written, %d read; loss expected: %v", version, name, wrote, got, c.loses)
			}
			t.Logf("%s, %s: %d bytes written, %d read, %d lost; %d of %d connections lost some",
				version, name, wrote, got, wrote-got, lossy, n)
		}
	}
}

// slow lets the host send so many bits a second.
func (s *side) slow(bits uint64) {
	s.t.Helper()
	const burst = 4096
	must(s.t, netlink.QdiscReplace(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: s.link().Attrs().Index, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(1, 0),
		},
		Rate: bits / 8, Buffer: netlink.Xmittime(bits/8, burst), Limit: 1 << 20,
	}))
}
